/* SPDX-License-Identifier: MIT */
#ifndef TG_CHECK_H
#define TG_CHECK_H
/*
 * What tests with OpenMP and tests without share: how a thread says that something is wrong without
 * asserting, since it is not Check's, and the runner. Included first, before any system header.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <taskgroup.h>

/* Seconds until a test that hangs is killed; CK_TIMEOUT_MULTIPLIER stretches it. */
#define TEST_TIMEOUT 6

/* Sanitizers have a say of their own in wild accesses, keep what was freed, and are slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

/* So is an emulator, which the build tells by TEST_EMULATED. */
#ifndef TEST_EMULATED
#define TEST_EMULATED 0
#endif
#define TEST_SLOW (TEST_SANITIZED || TEST_EMULATED)

/* ---- Saying that something is wrong -------------------------------------------------------- */

/* The first expectation that did not hold, on whichever thread: tasks write, the test asserts. */
struct blame {
    atomic_int line;
    _Atomic(const char *) what;
};

static inline void blame_set(struct blame *blame, const char *what, int line)
{
    int none = 0;
    if (atomic_compare_exchange_strong(&blame->line, &none, line))
        atomic_store(&blame->what, what);
}

#define expect(blame, condition) ((condition) ? (void)0 : blame_set((blame), #condition, __LINE__))

#define assert_blameless(blame, where)                                                 \
    ck_assert_msg(atomic_load(&(blame)->line) == 0, "in %s, line %d: not %s", (where), \
        atomic_load(&(blame)->line), atomic_load(&(blame)->what))

#define assert_status(expression, expected)                                                       \
    do {                                                                                          \
        tg_status got_ = (expression);                                                            \
        ck_assert_msg(got_ == (expected), "%s answered %s, not %s (last error: %s)", #expression, \
            tg_status_name(got_), tg_status_name(expected), tg_error_last()->message);            \
    } while (0)

/* The call was refused with this status, and the message names the value that was wrong. */
#define assert_refused(expression, expected, value)                                            \
    do {                                                                                       \
        assert_status(expression, expected);                                                   \
        ck_assert_int_eq(tg_error_last()->status, (expected));                                 \
        ck_assert_msg(strstr(tg_error_last()->message, (value)) != NULL,                       \
            "%s: \"%s\" does not say \"%s\"", #expression, tg_error_last()->message, (value)); \
    } while (0)

/* Handshakes: only where the library promises that somebody else goes on meanwhile. */
#define wait_until(condition) \
    while (!(condition))      \
    sched_yield()

/* ---- Running ------------------------------------------------------------------------------- */

static inline TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, TEST_TIMEOUT);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/* Every test in a process of its own; the summary's verbosity by CK_VERBOSITY. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
