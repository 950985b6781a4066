/* SPDX-License-Identifier: MIT */
#ifndef TG_TEST_H
#define TG_TEST_H
/*
 * What all tests share: the places that a group can run in, how a task says that something is wrong
 * without asserting on a thread that is not Check's, and the runner.
 *
 * Included first, before any system header. No test calls the library or OpenMP before Check has
 * forked; OMP_NUM_THREADS and OMP_CANCELLATION come from outside and every test holds with any.
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
#include <omp.h>
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

/* ---- Places -------------------------------------------------------------------------------- */

enum place {
    PLACE_SERIAL,      /* serial code */
    PLACE_SINGLE,      /* parallel + single; the others wait at its barrier */
    PLACE_MASKED,      /* parallel + masked; the others wait at the region's end */
    PLACE_OMP_TASK,    /* parallel + single + one omp task */
    PLACE_IN_TASK,     /* a task of another group */
    PLACE_PTHREADS,    /* four pthreads at once, each its own group */
    PLACE_OMP_TASKS,   /* several omp tasks at once, each its own group */
    PLACE_EACH_THREAD, /* every thread of a parallel region at once, each its own group */
    PLACES
};

/* In the places below this one a group has a whole team of omp_get_max_threads() for itself. */
#define PLACES_WITH_A_TEAM PLACE_OMP_TASKS

/* What is run in a place. It may run on any thread and several times at once. */
typedef void place_body(struct blame *blame);

struct place_call {
    place_body *body;
    struct blame *blame;
};

static inline const char *place_name(int place)
{
    static const char *const names[PLACES] = {"serial code", "a single", "a masked", "an omp task",
        "a task of another group", "four pthreads", "several omp tasks", "each thread"};
    return names[place];
}

static inline int place_task(tg_task *self, void *arg, void *result)
{
    const struct place_call *call = arg;
    (void)self, (void)result;
    call->body(call->blame);
    return 0;
}

static inline void *place_thread(void *arg)
{
    const struct place_call *call = arg;
    call->body(call->blame);
    return NULL;
}

static inline void run_in_place(int place, struct place_call *call)
{
    pthread_t threads[4];
    tg_group *outer;

    switch (place) {
    case PLACE_SERIAL:
        call->body(call->blame);
        break;
    case PLACE_SINGLE:
#pragma omp parallel
#pragma omp single
        call->body(call->blame);
        break;
    case PLACE_MASKED:
#pragma omp parallel
#pragma omp masked
        call->body(call->blame);
        break;
    case PLACE_OMP_TASK:
#pragma omp parallel
#pragma omp single
#pragma omp task
        call->body(call->blame);
        break;
    case PLACE_IN_TASK:
        outer = tg_group_create(NULL);
        expect(call->blame, tg_group_add(outer, place_task, call) == TG_OK);
        expect(call->blame, tg_group_run(outer) == TG_OK);
        tg_group_destroy(outer);
        break;
    case PLACE_PTHREADS:
        for (int i = 0; i < 4; i++)
            expect(call->blame, pthread_create(&threads[i], NULL, place_thread, call) == 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        break;
    case PLACE_OMP_TASKS:
#pragma omp parallel
#pragma omp single
        for (int i = 0; i < 5; i++) {
#pragma omp task
            call->body(call->blame);
        }
        break;
    case PLACE_EACH_THREAD:
#pragma omp parallel
        call->body(call->blame);
        break;
    default:
        blame_set(call->blame, "a place", __LINE__);
    }
}

/* Runs the body there and asserts that nobody has blamed anything. */
static inline void at_place(int place, place_body *body)
{
    struct blame blame = {0};
    struct place_call call = {body, &blame};

    run_in_place(place, &call);
    assert_blameless(&blame, place_name(place));
}

/* The threads that can serve a group at once here: the team that is there, or the one to come. */
static inline size_t team_size(void)
{
    return (size_t)(omp_get_level() > 0 ? omp_get_num_threads() : omp_get_max_threads());
}

/* ---- Task functions that many tests need --------------------------------------------------- */

/* Counts that it ran; arg: an atomic_int, or NULL. */
static inline int task_count(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    if (arg != NULL)
        atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* Counts that it ran, and fails with code 7 and no message. */
static inline int task_fail_7(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return 7;
}

/* Counts that it started, goes on until it is told to stop, and says so by 9. */
static inline int task_until_told(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    wait_until(tg_task_check(self) != TG_OK);
    return 9;
}

/* Stops its own group from inside, and ends well. */
static inline int task_cancel(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    tg_context_cancel(tg_task_context(self), 42, "enough");
    return 0;
}

/* ---- Looking at a group -------------------------------------------------------------------- */

static inline tg_report report_of(tg_group *group)
{
    tg_report report = {.size = sizeof report};
    if (tg_group_report(group, &report) != TG_OK)
        report.added = SIZE_MAX;
    return report;
}

static inline tg_outcome outcome_of(tg_group *group, size_t index)
{
    tg_outcome outcome = {.size = sizeof outcome};
    tg_status status = tg_group_outcome(group, index, &outcome);
    if (status != TG_OK)
        outcome.status = status;
    return outcome;
}

static inline tg_status status_of(tg_group *group, size_t index)
{
    return outcome_of(group, index).status;
}

/* Exact accounting: the report's numbers add up, and are what the outcomes say one by one. */
static inline void expect_exact_accounting(struct blame *blame, tg_group *group)
{
    tg_report report = report_of(group);
    size_t count = tg_group_count(group), seen[TG_NOT_RUN + 1] = {0}, sum = 0;

    for (size_t i = 0; i < count; i++) {
        tg_status status = status_of(group, i);
        expect(blame, status <= TG_SKIPPED || status == TG_NOT_RUN);
        if (status <= TG_NOT_RUN)
            seen[status]++;
    }
    expect(blame, report.added == count);
    expect(blame, report.ok == seen[TG_OK]);
    expect(blame, report.failed == seen[TG_FAILED]);
    expect(blame, report.crashed == seen[TG_CRASHED]);
    expect(blame, report.timed_out == seen[TG_TIMED_OUT]);
    expect(blame, report.cancelled == seen[TG_CANCELLED]);
    expect(blame, report.skipped + report.dropped == seen[TG_SKIPPED]);
    expect(blame, report.not_run == seen[TG_NOT_RUN]);
    sum = report.ok + report.failed + report.crashed + report.timed_out + report.cancelled +
          report.skipped + report.dropped + report.not_run;
    expect(blame, sum == count);
}

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
