/* SPDX-License-Identifier: MIT */
/*
 * The monotonic clock is odd: it stands still for a while (a machine that was suspended), or jumps far ahead (a
 * virtual one that was moved). It cannot fail on Linux. And waits that end early, all the time: conditions for no
 * reason, semaphores and sleeps by a signal. Nothing hangs, everything is accounted for.
 */
#include "../unit/tg_test.h"

#include "../unit/pools.h"
#include "failing_system.h"

enum { TASKS = 20 };

static int doze(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-3);
}

static int fail_once(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) == 1;
}

static void add_all(struct blame *blame, tg_group *g, double unit)
{
    for (int i = 0; i < TASKS; i++) {
        expect(blame, tg_group_add_with(g, doze, NULL, TG_TASK(.timeout = 1e6), NULL) == TG_OK);
        expect(blame,
            tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = unit * i), NULL) == TG_OK);
        expect(blame, tg_group_add_with(g, fail_once, NULL, TG_TASK(.attempts = 2, .backoff = unit),
                          NULL) == TG_OK);
    }
}

struct turning {
    void (*turn)(void); /* of the clock */
    atomic_bool over;
};

/* On another thread: as soon as the group runs, and until it has ended. */
static void *keep_turning(void *arg)
{
    struct turning *turning = arg;

    while (!atomic_load(&turning->over)) {
        turning->turn();
        nap_for(0.005);
    }
    return NULL;
}

static void jump(void)
{
    failing_system_clock_jump(3600);
}

static void stand_and_go(void)
{
    failing_system_clock_stand(true);
    nap_for(0.003);
    failing_system_clock_stand(false);
}

static void stand_and_jump(void)
{
    stand_and_go();
    failing_system_clock_jump(1e5);
}

static void (*const turns[])(void) = {jump, stand_and_go, stand_and_jump};
enum { TURNS = sizeof turns / sizeof *turns };

/* Runs the body while the clock is turned. */
static void while_turning(int way, void (*body)(struct blame *))
{
    struct turning turning = {.turn = turns[way]};
    struct blame blame = {0};
    pthread_t thread;

    ck_assert(failing_system_works());
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_turning, &turning), 0);
    body(&blame);
    atomic_store(&turning.over, true);
    pthread_join(thread, NULL);
    failing_system_clock_mend();
    assert_blameless(&blame, "odd time");
}

static void run_timed(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    add_all(blame, g, 1e-3);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 3 * TASKS);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(tasks_that_wait_for_a_time_are_all_run_whatever_the_clock_does)
{
    while_turning(_i, run_timed);
}
END_TEST

static void run_pool(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .idle = 1e-3));
    tg_task *handle = NULL;
    atomic_int runs = 0;

    for (int i = 0; i < TASKS; i++) {
        submit_with(blame, pool, task_count, &runs, TG_TASK(.delay = 1e-4 * i), NULL);
        nap_for(1e-4);
    }
    submit_with(blame, pool, task_count, &runs, NULL, &handle);
    expect(blame, end_of(handle) == TG_OK);
    finish(blame, pool);
    expect(blame, atomic_load(&runs) == TASKS + 1);
}

START_TEST(a_pool_goes_on_whatever_the_clock_does)
{
    while_turning(_i, run_pool);
}
END_TEST

/* ---- A jump -------------------------------------------------------------------------------- */

static const double period = 1e-3, leap = 1000;

/* No more starts than there were periods in the time that has passed, but for the leap. */
struct beats {
    double first;
    bool too_many;
};

static int beat(tg_task *self, void *arg, void *result)
{
    struct beats *beats = arg;
    int attempt = tg_task_attempt(self);
    double passed = tg_time_now() - beats->first;

    (void)result;
    if (attempt == 1) {
        beats->first = tg_time_now();
        failing_system_clock_jump(leap);
        return 0;
    }
    beats->too_many = beats->too_many || attempt > (passed - leap) / period + 3;
    if (attempt == 5)
        tg_task_stop(self);
    return 0;
}

START_TEST(after_a_jump_a_periodic_task_does_not_catch_up_on_what_was_missed)
{
    struct beats beats = {0};
    tg_status status;
    tg_group *g;

    ck_assert(failing_system_works());
    g = tg_group_create(NULL);
    ck_assert_int_eq(
        tg_group_add_with(g, beat, &beats, TG_TASK(.start = 1, .period = period), NULL), TG_OK);
    status = tg_group_run(g);
    failing_system_clock_mend();
    assert_status(status, TG_OK);
    ck_assert(!beats.too_many);
    tg_group_destroy(g);
}
END_TEST

static int jump_then_wait(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    failing_system_clock_jump(1000);
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static void note_call(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

START_TEST(a_jump_past_a_deadline_times_out_and_calls_the_hook)
{
    atomic_int called = 0;
    tg_context *context;
    tg_hook *hook;
    tg_group *g;
    tg_status status;

    ck_assert(failing_system_works());
    failing_system_clock_jump(
        1e-3); /* from now on waits are short: as the kernel's clock jumps with ours */
    context = tg_context_create(TG_CONTEXT(.timeout = 500));
    hook = tg_context_hook(context, note_call, &called);
    g = tg_group_create(TG_GROUP(.context = context));
    tg_group_add(g, jump_then_wait, NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = 900), NULL);
    status = tg_group_run(g);
    wait_until(atomic_load(&called) == 1);
    failing_system_clock_mend();
    assert_status(status, TG_TIMED_OUT);
    ck_assert_int_eq(status_of(g, 0), TG_OK);
    ck_assert_int_eq(status_of(g, 1), TG_SKIPPED);
    tg_hook_remove(hook);
    tg_group_destroy(g);
    tg_context_destroy(context);
}
END_TEST

/* ---- Early ends of waits ------------------------------------------------------------------- */

static void run_both(struct blame *blame)
{
    run_timed(blame);
    run_pool(blame);
}

START_TEST(waits_that_end_early_change_nothing)
{
    struct blame blame = {0};

    ck_assert(failing_system_works());
    failing_system_interrupt((unsigned)_i);
    run_both(&blame);
    failing_system_interrupt(0);
    assert_blameless(&blame, "interrupted waits");
    ck_assert_int_gt(failing_system_interrupted(), 0);
}
END_TEST

/* ---- The process's own mask of processors is not known -------------------------------------- */

START_TEST(without_a_mask_of_processors_threads_are_made_all_the_same)
{
    struct blame blame = {0};

    run_both(&blame);
    assert_blameless(&blame, "any environment");
}
END_TEST

int main(void)
{
    if (!failing_system_works()) {
        puts("test_clock: skipped, a sanitizer's own definitions are in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("odd clocks");
    TCase *clocks = add_case(suite, "clocks");
    TCase *waits = add_case(suite, "waits");
    tcase_add_loop_test(
        clocks, tasks_that_wait_for_a_time_are_all_run_whatever_the_clock_does, 0, TURNS);
    tcase_add_loop_test(clocks, a_pool_goes_on_whatever_the_clock_does, 0, TURNS);
    tcase_add_test(clocks, after_a_jump_a_periodic_task_does_not_catch_up_on_what_was_missed);
    tcase_add_test(clocks, a_jump_past_a_deadline_times_out_and_calls_the_hook);
    tcase_add_loop_test(waits, waits_that_end_early_change_nothing, 1, 4);
    tcase_add_test(waits, without_a_mask_of_processors_threads_are_made_all_the_same);
    return run_suite(suite);
}
