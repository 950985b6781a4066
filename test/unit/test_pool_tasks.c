/* SPDX-License-Identifier: MIT */
/* pool.h: what tasks of a pool can do, and what becomes of them. */
#include "tg_test.h"
#include "pools.h"
#include "crashes.h"

/* ---- Arguments and results ----------------------------------------------------------------- */

static int square(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(int *)result = *(const int *)arg * *(const int *)arg;
    return 0;
}

static int expect_no_result(tg_task *self, void *arg, void *result)
{
    struct blame *blame = arg;

    expect(blame, result == NULL);
    expect(blame, tg_task_current() == self);
    expect(blame, tg_task_check(self) == TG_OK);
    expect(blame, tg_task_attempt(self) == 1);
    return 0;
}

static void give_results(struct blame *blame)
{
    enum { COUNT = 200 };
    int results[COUNT] = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));

    for (int i = 0; i < COUNT; i++) /* the copy is what counts */
        submit_with(blame, p, square, &i, TG_TASK(.copy = sizeof i, .result = &results[i]), NULL);
    submit(blame, p, expect_no_result, blame);
    finish(blame, p);
    for (int i = 0; i < COUNT; i++)
        expect(blame, results[i] == i * i);
}

START_TEST(results_go_where_the_task_says_and_arguments_may_be_copied)
{
    at_place(_i, give_results);
}
END_TEST

/* ---- Failures ------------------------------------------------------------------------------ */

static int fail_so(tg_task *self, void *arg, void *result)
{
    (void)result;
    switch (*(const int *)arg % 4) {
    case 0:
        return 0;
    case 1:
        return 7;
    case 2:
        return tg_task_fail(self, 8, "number %d", *(const int *)arg);
    default:
        tg_task_abort(9, "gave up");
    }
}

static void expect_failure(struct blame *blame, tg_task *task, int number)
{
    static const int codes[] = {0, 7, 8, 9};
    static const char *const messages[] = {"", NULL, "number", "gave up"};
    tg_status status = number % 4 == 0 ? TG_OK : TG_FAILED;
    tg_outcome outcome;

    expect(blame, tg_task_wait(task, TG_FOREVER) == status);
    outcome = outcome_of_task(task);
    expect(blame, outcome.status == status);
    expect(blame, outcome.code == codes[number % 4]);
    if (messages[number % 4] != NULL)
        expect(blame, strstr(outcome.message, messages[number % 4]) != NULL);
    else
        expect(blame, outcome.message[0] != '\0');
    tg_task_release(task);
}

static void fail_often(struct blame *blame)
{
    enum { COUNT = 80 };
    tg_task *tasks[COUNT];
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_pool_numbers n;

    for (int i = 0; i < COUNT; i++)
        submit_with(blame, p, fail_so, &i, TG_TASK(.copy = sizeof i), &tasks[i]);
    for (int i = 0; i < COUNT; i++)
        expect_failure(blame, tasks[i], i);
    n = finish(blame, p);
    expect(blame, n.ok == COUNT / 4 && n.failed == COUNT * 3 / 4);
    expect(blame, n.cancelled == 0);
}

START_TEST(a_failure_stops_nothing_and_its_handle_tells_of_it)
{
    at_place(_i, fail_often);
}
END_TEST

static int crash(tg_task *self, void *arg, void *result)
{
    const struct crash *how = arg;

    (void)self, (void)result;
    return how->function();
}

static void crash_often(struct blame *blame)
{
    size_t count = crashes_prepare();
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .flags = TG_GROUP_GUARD));
    atomic_int runs = 0;
    tg_pool_numbers n;

    for (size_t i = 0; i < count; i++) {
        tg_task *task = NULL;
        tg_outcome outcome;
        submit_with(blame, p, crash, &crashes[i], TG_TASK(.name = crashes[i].name), &task);
        for (int j = 0; j < 10; j++)
            submit(blame, p, task_count, &runs);
        expect(blame, tg_task_wait(task, TG_FOREVER) == TG_CRASHED);
        outcome = outcome_of_task(task);
        expect(blame, outcome.status == TG_CRASHED);
        expect(blame, outcome.signal == crashes[i].signal);
        expect(blame, strcmp(outcome.name, crashes[i].name) == 0);
        tg_task_release(task);
    }
    n = finish(blame, p);
    expect(blame, atomic_load(&runs) == 10 * (int)count);
    expect(blame, n.failed == count && n.ok == 10 * count);
}

START_TEST(with_a_guard_a_crash_ends_its_task_and_the_pool_goes_on)
{
    at_place(PLACE_SERIAL, crash_often);
}
END_TEST

/* The caller runs it, perhaps before there are any threads. */
START_TEST(with_a_guard_a_crash_in_the_caller_is_caught_before_there_are_threads)
{
    struct blame blame = {0};

    (void)crashes_prepare();
    for (int round = 0; round < 20; round++) {
        struct gate gate = GATE;
        tg_task *task = NULL;
        tg_pool *p =
            tg_pool_create(TG_POOL(.threads = 1, .queue = TG_QUEUE_NONE, .flags = TG_GROUP_GUARD));
        submit(&blame, p, stand, &gate);
        submit_with(&blame, p, crash, &crashes[0], TG_TASK(.when_full = TG_FULL_RUN), &task);
        assert_status(end_of(task), TG_CRASHED);
        gate_open(&gate);
        ck_assert_uint_eq(finish(&blame, p).failed, 1);
    }
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Deferred ------------------------------------------------------------------------------ */

enum { AWAY = 100 };

/* Tasks that are done elsewhere. */
struct away {
    struct blame *blame;
    tg_group *group[AWAY];
    size_t index[AWAY];
    atomic_int gone;
};

static int go_away(tg_task *self, void *arg, void *result)
{
    struct away *away = arg;
    int number = atomic_load(&away->gone);

    (void)result;
    away->group[number] = tg_task_group(self);
    away->index[number] = tg_task_index(self);
    atomic_store(&away->gone, number + 1); /* one at a time */
    return tg_task_defer(self);
}

static void defer_many(struct blame *blame)
{
    struct away away = {.blame = blame};
    tg_task *tasks[AWAY];
    atomic_int runs = 0;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));

    for (int i = 0; i < AWAY; i++)
        submit_with(blame, p, go_away, &away, NULL, &tasks[i]);
    submit(blame, p, task_count, &runs);
    wait_until(atomic_load(&runs) == 1); /* they hold no thread */
    expect(blame, atomic_load(&away.gone) == AWAY);
    expect(blame, numbers_of(p).pending == AWAY);
    for (int i = 0; i < AWAY; i++) {
        expect(blame, tg_task_wait(tasks[i], 0) == TG_RUNNING);
        expect(blame, tg_task_cancel(tasks[i]) == TG_BUSY);
        expect(blame,
            tg_group_complete(away.group[i], away.index[i], i % 2 ? 5 : 0, "elsewhere") == TG_OK);
        expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == (i % 2 ? TG_FAILED : TG_OK));
        expect(blame, outcome_of_task(tasks[i]).code == (i % 2 ? 5 : 0));
        tg_task_release(tasks[i]);
    }
    expect(blame, finish(blame, p).failed == AWAY / 2);
}

START_TEST(deferred_tasks_hold_no_thread_and_are_completed_from_elsewhere)
{
    at_place(_i, defer_many);
}
END_TEST

/* With a limit of 3 the fourth one does not start. */
static void limit_deferred(struct blame *blame)
{
    struct away away = {.blame = blame};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .limit = 3));

    for (int i = 0; i < 10; i++)
        submit(blame, p, go_away, &away);
    for (int i = 0; i < 10; i++) {
        int most = i + 3 < 10 ? i + 3 : 10;
        wait_until(atomic_load(&away.gone) == most);
        if (i == 0)
            nap();
        expect(blame, atomic_load(&away.gone) == most);
        /* It may not have returned yet: a completion is not lost. */
        expect(blame, tg_group_complete(away.group[i], away.index[i], 0, NULL) == TG_OK);
    }
    expect(blame, finish(blame, p).ok == 10);
}

START_TEST(a_limit_bounds_the_tasks_in_flight_deferred_ones_too)
{
    at_place(_i, limit_deferred);
}
END_TEST

static int sleep_a_little(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 0.002);
}

static void sleep_many(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    double start = tg_time_now();
    tg_task *last = NULL;

    for (int i = 0; i < 500; i++)
        submit_with(blame, p, sleep_a_little, NULL, NULL, i == 499 ? &last : NULL);
    expect(blame, end_of(last) == TG_OK);
    expect(blame, tg_time_now() >= start + 0.002);
    expect(blame, finish(blame, p).ok == 500);
}

START_TEST(sleeping_tasks_end_well_by_themselves)
{
    at_place(_i, sleep_many);
}
END_TEST

/* ---- Again, too late, later ---------------------------------------------------------------- */

static int succeed_at_third(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_attempt(self) == 3 ? 0 : 100 + tg_task_attempt(self);
}

static void try_again(struct blame *blame)
{
    tg_task *good[20], *bad[20];
    atomic_int runs = 0;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));

    for (int i = 0; i < 20; i++) {
        double backoff = i % 2 ? 0.001 : 0;
        submit_with(blame, p, succeed_at_third, &runs,
            TG_TASK(.attempts = i % 4 < 2 ? 3 : TG_ENDLESS, .backoff = backoff), &good[i]);
        submit_with(
            blame, p, succeed_at_third, &runs, TG_TASK(.attempts = 2, .backoff = backoff), &bad[i]);
    }
    for (int i = 0; i < 20; i++) {
        expect(blame, tg_task_wait(good[i], TG_FOREVER) == TG_OK);
        expect(blame, outcome_of_task(good[i]).attempts == 3);
        expect(blame, tg_task_wait(bad[i], TG_FOREVER) == TG_FAILED);
        expect(blame, outcome_of_task(bad[i]).attempts == 2);
        expect(blame, outcome_of_task(bad[i]).code == 102);
        tg_task_release(good[i]);
        tg_task_release(bad[i]);
    }
    expect(blame, atomic_load(&runs) == 20 * 5);
    expect(blame, finish(blame, p).failed == 20);
}

START_TEST(a_task_is_tried_again)
{
    at_place(_i, try_again);
}
END_TEST

static void time_out(struct blame *blame)
{
    tg_task *tasks[10];
    atomic_int runs = 0;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_pool_numbers n;

    for (int i = 0; i < 10; i++) {
        submit_with(blame, p, task_until_told, &runs, TG_TASK(.timeout = 0.003), &tasks[i]);
        submit_with(blame, p, task_count, &runs, TG_TASK(.timeout = 60), NULL);
    }
    for (int i = 0; i < 10; i++) {
        expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == TG_TIMED_OUT);
        expect(blame, outcome_of_task(tasks[i]).status == TG_TIMED_OUT);
        expect(blame, outcome_of_task(tasks[i]).code == 9);
        tg_task_release(tasks[i]);
    }
    n = finish(blame, p);
    expect(blame, atomic_load(&runs) == 20);
    expect(blame, n.ok == 10 && n.failed == 10);
}

START_TEST(a_task_is_timed_out_alone)
{
    at_place(_i, time_out);
}
END_TEST

/* When and as which one it has started. */
struct moment {
    atomic_int *turn;
    int was;
    double at;
};

static int note_moment(tg_task *self, void *arg, void *result)
{
    struct moment *moment = arg;

    (void)self, (void)result;
    moment->at = tg_time_now();
    moment->was = atomic_fetch_add(moment->turn, 1);
    return 0;
}

static void start_later(struct blame *blame)
{
    atomic_int turn = 0;
    struct moment moments[4] = {{&turn, -1, 0}, {&turn, -1, 0}, {&turn, -1, 0}, {&turn, -1, 0}};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    double now = tg_time_now();

    submit_with(blame, p, note_moment, &moments[0], TG_TASK(.start = now + 0.03), NULL);
    submit_with(blame, p, note_moment, &moments[1], TG_TASK(.delay = 0.01), NULL);
    submit_with(blame, p, note_moment, &moments[2], TG_TASK(.start = now + 0.02), NULL);
    bool in_time = tg_time_now() < now + 0.02; /* else the first one may start before */
    submit_with(blame, p, note_moment, &moments[3], TG_TASK(.start = now - 5), NULL); /* at once */
    expect(blame, finish(blame, p).ok == 4); /* what has its time to come is waited for */
    expect(blame, moments[0].at >= now + 0.03);
    expect(blame, moments[1].at >= now + 0.01);
    expect(blame, moments[2].at >= now + 0.02);
    expect(blame, !in_time || moments[0].was > moments[2].was);
    for (int i = 0; i < 4; i++)
        expect(blame, moments[i].was >= 0);
}

START_TEST(a_task_starts_at_its_time_or_after_its_delay)
{
    at_place(_i, start_later);
}
END_TEST

static int stop_after_five(tg_task *self, void *arg, void *result)
{
    (void)result;
    if (atomic_fetch_add((atomic_int *)arg, 1) == 4)
        tg_task_stop(self);
    return 0;
}

static void repeat(struct blame *blame)
{
    atomic_int five = 0, ever = 0, background = 0;
    tg_task *stopping = NULL, *cancelled = NULL, *monitor = NULL;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_pool_numbers n;
    int runs;

    submit_with(blame, p, stop_after_five, &five, TG_TASK(.period = 0.001), &stopping);
    submit_with(blame, p, task_count, &ever, TG_TASK(.period = 0.001), &cancelled);
    submit_with(blame, p, task_count, &background,
        TG_TASK(.period = 0.001, .flags = TG_TASK_BACKGROUND), &monitor);
    expect(blame, end_of(stopping) == TG_OK);
    expect(blame, atomic_load(&five) == 5);
    wait_until(atomic_load(&ever) >= 3 && atomic_load(&background) >= 3);
    expect(blame, tg_task_wait(cancelled, 0) == TG_RUNNING);
    expect(blame, tg_task_cancel(cancelled) == TG_OK);
    expect(blame, end_of(cancelled) == TG_OK); /* it has run */
    runs = atomic_load(&ever);
    nap();
    expect(blame, atomic_load(&ever) == runs);
    n = finish(blame, p); /* monitors do not keep it open */
    expect(blame, end_of(monitor) == TG_OK);
    expect(blame, n.submitted == 3);
}

START_TEST(a_task_with_a_period_runs_until_it_is_stopped_or_taken_back_or_nothing_else_is_left)
{
    at_place(_i, repeat);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_tasks");
    TCase *results = add_case(suite, "results");
    TCase *failures = add_case(suite, "failures");
    TCase *away = add_case(suite, "away");
    TCase *later = add_case(suite, "later");

    tcase_add_loop_test(
        results, results_go_where_the_task_says_and_arguments_may_be_copied, 0, PLACES);
    tcase_add_loop_test(failures, a_failure_stops_nothing_and_its_handle_tells_of_it, 0, PLACES);
    tcase_add_test(failures, with_a_guard_a_crash_ends_its_task_and_the_pool_goes_on);
    tcase_add_test(failures, with_a_guard_a_crash_in_the_caller_is_caught_before_there_are_threads);
    tcase_add_loop_test(
        away, deferred_tasks_hold_no_thread_and_are_completed_from_elsewhere, 0, PLACES);
    tcase_add_loop_test(away, a_limit_bounds_the_tasks_in_flight_deferred_ones_too, 0, PLACES);
    tcase_add_loop_test(away, sleeping_tasks_end_well_by_themselves, 0, PLACES);
    tcase_add_loop_test(later, a_task_is_tried_again, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(later, a_task_is_timed_out_alone, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(later, a_task_starts_at_its_time_or_after_its_delay, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(later,
        a_task_with_a_period_runs_until_it_is_stopped_or_taken_back_or_nothing_else_is_left, 0,
        PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
