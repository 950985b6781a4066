/* SPDX-License-Identifier: MIT */
/* context.h, `.signals`: groups that a signal stops, and what the rest of the program notices of it. */
#include "tg_test.h"
#include "bell.h"
#include "handlers.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

/* ---- Groups -------------------------------------------------------------------------------- */

/* In the places below this one there is one body at a time: a signal is for all in the process. */
enum { PLACES_ALONE = PLACE_PTHREADS, COUNT = 300, HIT = 120 };

static int raise_in_the_middle(tg_task *self, void *arg, void *result)
{
    *(size_t *)result = 1000 + tg_task_index(self);
    if (tg_task_index(self) == HIT)
        raise(*(const int *)arg);
    return 0;
}

static void stop_by_signal(struct blame *blame)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_TERM));
    tg_group *g =
        tg_group_create(TG_GROUP(.context = context, .limit = 1, .result_size = sizeof(size_t)));
    const int number = SIGTERM;
    const size_t *results;

    tg_group_add_many(g, raise_in_the_middle, COUNT, &number, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, tg_group_error(g)->status == TG_CANCELLED);
    expect(blame, tg_group_error(g)->code == SIGTERM);
    expect(blame, tg_group_error(g)->index == TG_NO_INDEX);
    expect(blame, report_of(g).ok == HIT + 1 && report_of(g).skipped == COUNT - HIT - 1);
    expect_exact_accounting(blame, g);
    results = tg_group_results(g);
    for (size_t i = 0; i < COUNT; i++)
        expect(blame, results[i] == (i <= HIT ? 1000 + i : 0));
    tg_group_destroy(g);
    tg_context_destroy(context);
}

START_TEST(a_signal_ends_a_group_in_order_and_what_was_done_can_be_read)
{
    install(SIGTERM, old_handler);
    at_place(_i, stop_by_signal);
    ck_assert_int_eq(calls, 0);
    ck_assert(is_installed(SIGTERM, old_handler));
}
END_TEST

static void *kill_once_started(void *arg)
{
    wait_until(atomic_load((atomic_int *)arg) > 0);
    kill(getpid(), SIGINT); /* on whichever thread */
    return NULL;
}

static void stop_from_outside(struct blame *blame)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_INT));
    tg_group *g = tg_group_create(TG_GROUP(.context = context));
    struct bell bell = BELL;
    tg_hook *hook = tg_context_hook(context, ring, &bell);
    atomic_int started = 0;
    pthread_t thread;

    tg_group_add_many(g, task_until_told, COUNT, &started, 0, NULL);
    expect(blame, pthread_create(&thread, NULL, kill_once_started, &started) == 0);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    pthread_join(thread, NULL);
    await(&bell, 1); /* a signal fires hooks as any cancel does */
    tg_hook_remove(hook);
    expect(blame, tg_group_error(g)->code == SIGINT);
    expect(blame, report_of(g).cancelled == (size_t)atomic_load(&started));
    expect(blame, report_of(g).skipped == COUNT - (size_t)atomic_load(&started));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    tg_context_destroy(context);
}

START_TEST(a_signal_from_outside_tells_tasks_that_ask)
{
    install(SIGINT, old_handler);
    at_place(_i, stop_from_outside);
    ck_assert_int_eq(calls, 0);
    ck_assert(is_installed(SIGINT, old_handler));
}
END_TEST

/* ---- What else programs notice ------------------------------------------------------------- */

struct blocked {
    int ends[2];
    atomic_int reading;
    ssize_t got;
    int error;
};

static void *read_blocked(void *arg)
{
    struct blocked *blocked = arg;
    char byte;

    atomic_store(&blocked->reading, 1);
    blocked->got = read(blocked->ends[0], &byte, 1);
    blocked->error = errno;
    return NULL;
}

START_TEST(a_call_that_the_signal_interrupts_is_restarted)
{
    const struct timespec a_moment = {0, 50000000};
    struct blocked blocked = {.reading = 0};
    tg_context *context;
    pthread_t thread;

    install(SIGUSR1, old_handler);
    context = bind_to(TG_SIGNAL_USR1);
    ck_assert_int_eq(pipe(blocked.ends), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_blocked, &blocked), 0);
    wait_until(atomic_load(&blocked.reading));
    nanosleep(&a_moment, NULL); /* so that it is in read() */
    pthread_kill(thread, SIGUSR1);
    wait_until(tg_context_check(context) == TG_CANCELLED);
    nanosleep(&a_moment, NULL);
    ck_assert_int_eq(write(blocked.ends[1], "!", 1), 1);
    pthread_join(thread, NULL);
    ck_assert_msg(blocked.got == 1, "read: %s", strerror(blocked.error));
    tg_context_destroy(context);
    close(blocked.ends[0]);
    close(blocked.ends[1]);
}
END_TEST

static void *send_signals(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        raise(SIGUSR2);
        sched_yield();
    }
    return NULL;
}

START_TEST(signals_on_another_thread_while_contexts_come_and_go_hurt_nobody)
{
    double start = tg_time_now();
    atomic_int over = 0;
    pthread_t thread;

    install(SIGUSR2, old_handler);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_signals, &over), 0);
    for (int rounds = 0; rounds < 100 || tg_time_now() < start + 0.1; rounds++) {
        tg_context *context = bind_to(TG_SIGNAL_USR2);
        if (rounds % 2 == 0)
            wait_until(tg_context_check(context) != TG_OK);
        if (tg_context_check(context) != TG_OK)
            assert_signalled(context, SIGUSR2);
        tg_context_destroy(context);
    }
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
    ck_assert(is_installed(SIGUSR2, old_handler));
}
END_TEST

START_TEST(a_context_is_bound_until_it_is_destroyed_though_a_group_hangs_on_it)
{
    tg_context *context;
    tg_group *g;

    install(SIGUSR1, old_handler);
    context = bind_to(TG_SIGNAL_USR1);
    g = tg_group_create(TG_GROUP(.context = context));
    tg_group_add(g, task_count, NULL);
    tg_context_destroy(context);
    ck_assert(is_installed(SIGUSR1, old_handler));
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 1);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signal_stop");
    TCase *groups = add_case(suite, "groups");
    TCase *around = add_case(suite, "what else programs notice");

    tcase_add_loop_test(
        groups, a_signal_ends_a_group_in_order_and_what_was_done_can_be_read, 0, PLACES_ALONE);
    tcase_add_loop_test(groups, a_signal_from_outside_tells_tasks_that_ask, 0, PLACES_ALONE);
    tcase_add_test(groups, a_context_is_bound_until_it_is_destroyed_though_a_group_hangs_on_it);
    tcase_add_test(around, a_call_that_the_signal_interrupts_is_restarted);
    tcase_add_test(around, signals_on_another_thread_while_contexts_come_and_go_hurt_nobody);
    return run_suite(suite);
}
