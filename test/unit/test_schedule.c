/* SPDX-License-Identifier: MIT */
/* task.h: `.start`, `.delay`, `.period`, TG_TASK_BACKGROUND, tg_task_stop(): when tasks are started. */
#include "tg_test.h"
#include <time.h>

#define AGES 3600.0

/* ---- Once ---------------------------------------------------------------------------------- */

struct timer {
    struct blame *blame;
    double due;
    atomic_int *order;
    int rank;
    int starts;
};

static int start_in_time(tg_task *self, void *arg, void *result)
{
    struct timer *timer = arg;

    (void)self, (void)result;
    expect(timer->blame, tg_time_now() >= timer->due);
    timer->rank = 1 + atomic_fetch_add(timer->order, 1);
    timer->starts++;
    return 0;
}

static void start_by_deadline(struct blame *blame)
{
    enum { MANY = 60 };
    atomic_int order = 0;
    struct timer timers[MANY];
    double now = tg_time_now();
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    for (int i = 0; i < MANY; i++) {
        timers[i] = (struct timer){blame, now + i * 7 % MANY * 1e-4, &order, 0, 0};
        expect(blame, tg_group_add_with(g, start_in_time, &timers[i],
                          TG_TASK(.start = timers[i].due), NULL) == TG_OK);
    }
    expect(blame, status_of(g, 0) == TG_NOT_RUN);
    expect(blame, tg_group_run(g) == TG_OK);
    for (int i = 0; i < MANY; i++)
        expect(blame, timers[i].rank == 1 + i * 7 % MANY && timers[i].starts == 1);
    expect(blame, report_of(g).ok == MANY);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(tasks_start_by_their_times_and_not_before)
{
    at_place(_i, start_by_deadline);
}
END_TEST

static void start_past(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, task_count, &ran, TG_TASK(.start = 1e-9), NULL);
    tg_group_add_with(g, task_count, &ran, TG_TASK(.start = tg_time_now() - 1e-3), NULL);
    tg_group_add_with(g, task_count, &ran, TG_TASK(.delay = 1e-9, .priority = 3), NULL);
    tg_group_add_many(g, task_count, 20, &ran, 0, TG_TASK(.delay = 1e-3, .name = "many"));
    tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&ran) == 24);
    expect(blame, strcmp(outcome_of(g, 5).name, "many") == 0);
    tg_group_add_with(g, task_count, &ran, TG_TASK(.delay = 1e-3), NULL); /* and again */
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&ran) == 25);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(what_is_past_starts_at_once_and_many_start_together)
{
    at_place(_i, start_past);
}
END_TEST

/* Everybody sleeps until the far one; then an earlier one comes, which takes that back. */
struct early {
    struct blame *blame;
    tg_group *group;
    size_t far;
    atomic_int ran;
};

static int take_far_back(tg_task *self, void *arg, void *result)
{
    struct early *early = arg;

    (void)self, (void)result;
    expect(early->blame, tg_group_cancel_task(early->group, early->far) == TG_OK);
    return 0;
}

static void *add_earlier(void *arg)
{
    struct early *early = arg;

    wait_until(atomic_load(&early->ran));
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (int i = 0; i < 5; i++)
        expect(early->blame, tg_group_add_with(early->group, task_count, &early->ran,
                                 TG_TASK(.delay = 1e-4 * i + 1e-9), NULL) == TG_OK);
    expect(early->blame, tg_group_add_with(early->group, take_far_back, early,
                             TG_TASK(.delay = 2e-3), NULL) == TG_OK);
    return NULL;
}

static void wake_earlier(struct blame *blame)
{
    for (int i = 0; i < 5; i++) {
        struct early early = {.blame = blame, .group = tg_group_create(NULL)};
        pthread_t thread;
        tg_group *g = early.group;
        tg_group_add_with(g, task_count, &early.ran, TG_TASK(.delay = AGES), &early.far);
        tg_group_add(g, task_count, &early.ran);
        expect(blame, pthread_create(&thread, NULL, add_earlier, &early) == 0);
        expect(blame, tg_group_run(g) == TG_OK);
        pthread_join(thread, NULL);
        expect(blame, atomic_load(&early.ran) == 6);
        expect(blame, status_of(g, early.far) == TG_CANCELLED);
        expect(blame, report_of(g).ok == 7 && report_of(g).cancelled == 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(one_that_is_due_earlier_is_not_kept_waiting)
{
    at_place(_i, wake_earlier);
}
END_TEST

/* ---- Again and again ----------------------------------------------------------------------- */

struct beat {
    struct blame *blame;
    double first, period, last;
    int starts, stop_after;
    bool oversleeps;
};

static int beat(tg_task *self, void *arg, void *result)
{
    struct beat *b = arg;
    double now = tg_time_now();

    (void)result;
    b->starts++;
    expect(b->blame, tg_task_attempt(self) == b->starts);
    expect(b->blame, now >= b->first + (b->starts - 1) * b->period);
    if (b->starts > 1) /* never two in one beat */
        expect(b->blame, floor((now - b->first) / b->period + 1e-6) >
                             floor((b->last - b->first) / b->period - 1e-6));
    if (b->oversleeps)
        nanosleep(&(struct timespec){.tv_nsec = (long)(2.5e9 * b->period)}, NULL);
    b->last = tg_time_now();
    if (b->starts == b->stop_after)
        tg_task_stop(self);
    return 0;
}

static void beat_in_step(struct blame *blame)
{
    for (int i = 0; i < 2; i++) {
        double start = tg_time_now() + 1e-3;
        struct beat b = {
            .blame = blame, .first = start, .period = 1e-3, .stop_after = 4, .oversleeps = i};
        tg_group *g = tg_group_create(NULL);
        tg_group_add_with(g, beat, &b, TG_TASK(.start = start, .period = 1e-3), NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, b.starts == 4);
        expect(blame, tg_time_now() >= start + (i ? 10.5e-3 : 3e-3)); /* 4 × 2.5, in steps of 3 */
        expect(blame, status_of(g, 0) == TG_OK && outcome_of(g, 0).attempts == 4);
        expect(blame, report_of(g).ok == 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_period_is_kept_in_step_and_what_is_missed_is_left_out)
{
    at_place(_i, beat_in_step);
}
END_TEST

static int fail_third(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 3 ? 0 : 12;
}

static void fail_in_period(struct blame *blame)
{
    for (int optional = 0; optional < 2; optional++) {
        tg_group *g = tg_group_create(NULL);
        tg_group_add_with(g, fail_third, NULL,
            TG_TASK(.period = 1e-4, .flags = optional ? TG_TASK_OPTIONAL : 0), NULL);
        expect(blame, tg_group_run(g) == (optional ? TG_OK : TG_FAILED));
        expect(blame, outcome_of(g, 0).attempts == 3 && outcome_of(g, 0).code == 12);
        expect(blame, report_of(g).failed == 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_failure_ends_the_period)
{
    at_place(_i, fail_in_period);
}
END_TEST

static int sleep_thrice(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    if (tg_task_attempt(self) == 3)
        tg_task_stop(self);
    if (tg_task_attempt(self) == 2) {
        tg_group_complete(tg_task_group(self), tg_task_index(self), 0, NULL);
        return tg_task_defer(self);
    }
    return tg_task_sleep(self, 2e-4);
}

static void sleep_in_period(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .flags = TG_GROUP_TIMES));

    for (int i = 0; i < 5; i++)
        tg_group_add_with(g, sleep_thrice, &ran, TG_TASK(.period = 1e-4), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&ran) == 15);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_with_a_period_may_sleep_and_defer)
{
    at_place(_i, sleep_in_period);
}
END_TEST

/* ---- In the background --------------------------------------------------------------------- */

struct watch {
    atomic_int seen[2];
    int links;
};

static int monitor(tg_task *self, void *arg, void *result)
{
    return task_count(self, arg, result);
}

/* One of a chain that is as long as the monitors are not both seen often. */
static int chain_link(tg_task *self, void *arg, void *result)
{
    struct watch *watch = arg;

    (void)result;
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    watch->links++;
    if (atomic_load(&watch->seen[0]) >= 5 && atomic_load(&watch->seen[1]) >= 5)
        return 0;
    return tg_group_add(tg_task_group(self), chain_link, arg) != TG_OK;
}

static void watch_work(struct blame *blame)
{
    for (int threads = 0; threads < 2; threads++) {
        struct watch watch = {0};
        tg_group *g = tg_group_create(TG_GROUP(.threads = threads));
        for (int i = 0; i < 2; i++)
            tg_group_add_with(g, monitor, &watch.seen[i],
                TG_TASK(.delay = 1e-4 * (i + 1), .period = 1e-3, .flags = TG_TASK_BACKGROUND),
                NULL);
        tg_group_add_with(
            g, monitor, NULL, TG_TASK(.delay = AGES, .flags = TG_TASK_BACKGROUND), NULL);
        tg_group_add(g, chain_link, &watch);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&watch.seen[0]) >= 5 && atomic_load(&watch.seen[1]) >= 5);
        expect(blame, status_of(g, 0) == TG_OK && status_of(g, 1) == TG_OK);
        expect(blame, outcome_of(g, 0).attempts == atomic_load(&watch.seen[0]));
        expect(blame, status_of(g, 2) == TG_SKIPPED);
        expect(blame, report_of(g).skipped == 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(monitors_run_beside_the_work_and_end_with_it)
{
    at_place(_i, watch_work);
}
END_TEST

static int leave_a_monitor(tg_group *group, void *user)
{
    struct watch *watch = user;

    for (int i = 0; i < 3; i++) /* waits for room */
        if (tg_group_add(group, monitor, &watch->seen[0]) != TG_OK)
            return 1;
    return tg_group_add_with(group, monitor, &watch->seen[1],
               TG_TASK(.period = AGES, .flags = TG_TASK_BACKGROUND), NULL) != TG_OK;
}

/* More runs than there are places in the queue, and threads. */
static void watch_many_runs(struct blame *blame)
{
    enum { RUNS = 30 };

    for (int recycles = 0; recycles < 2; recycles++) {
        struct watch watch = {0};
        tg_group *g = tg_group_create(
            TG_GROUP(.queue = 2, .threads = 2, .flags = recycles ? TG_GROUP_RECYCLE : 0));
        for (int i = 0; i < RUNS; i++)
            expect(blame, tg_group_scope(g, leave_a_monitor, &watch) == TG_OK);
        expect(blame, atomic_load(&watch.seen[0]) == 3 * RUNS);
        expect(blame, report_of(g).ok + report_of(g).skipped == 4 * RUNS);
        expect(blame, report_of(g).ok == 3 * RUNS + (size_t)atomic_load(&watch.seen[1]));
        tg_group_destroy(g);
    }
}

START_TEST(a_monitor_gives_its_place_in_the_queue_back_when_the_run_ends)
{
    at_place(_i, watch_many_runs);
}
END_TEST

/* ---- What is refused ----------------------------------------------------------------------- */

START_TEST(options_of_time_without_sense_are_refused)
{
    const tg_task_options *const wrong[] = {TG_TASK(.start = -1), TG_TASK(.start = NAN),
        TG_TASK(.delay = -1e-9), TG_TASK(.delay = NAN), TG_TASK(.period = -2),
        TG_TASK(.period = NAN), TG_TASK(.start = 1, .delay = 1),
        TG_TASK(.period = 1, .attempts = 2)};
    const tg_task_options *const all[] = {TG_TASK(.period = 1)};
    atomic_int ran = 0;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tg_group *g = tg_group_create(NULL);
        size_t index = 7;
        assert_status(tg_group_add_with(g, task_count, &ran, wrong[i], &index), TG_INVALID);
        ck_assert_uint_eq(index, TG_NO_INDEX);
        ck_assert_uint_eq(tg_group_count(g), 0);
        assert_status(tg_group_run(g), TG_INVALID); /* a lost add is remembered */
        assert_status(tg_group_reset(g), TG_OK);
        assert_status(tg_group_add_many(g, task_count, 3, &ran, 0, wrong[i]), TG_INVALID);
        tg_group_destroy(g);
    }
    tg_group *g = tg_group_create(NULL);
    assert_status(tg_group_add_many(g, task_count, 3, &ran, 0, all[0]), TG_INVALID);
    ck_assert_uint_eq(tg_group_count(g), 0);
    tg_group_destroy(g);
    ck_assert_int_eq(atomic_load(&ran), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *once = add_case(suite, "once");
    TCase *again = add_case(suite, "again");

    tcase_add_loop_test(once, tasks_start_by_their_times_and_not_before, 0, PLACES);
    tcase_add_loop_test(once, what_is_past_starts_at_once_and_many_start_together, 0, PLACES);
    tcase_add_loop_test(once, one_that_is_due_earlier_is_not_kept_waiting, 0, PLACES);
    tcase_add_test(once, options_of_time_without_sense_are_refused);
    tcase_add_loop_test(again, a_period_is_kept_in_step_and_what_is_missed_is_left_out, 0, PLACES);
    tcase_add_loop_test(again, a_failure_ends_the_period, 0, PLACES);
    tcase_add_loop_test(again, a_task_with_a_period_may_sleep_and_defer, 0, PLACES);
    tcase_add_loop_test(again, monitors_run_beside_the_work_and_end_with_it, 0, PLACES);
    tcase_add_loop_test(
        again, a_monitor_gives_its_place_in_the_queue_back_when_the_run_ends, 0, PLACES);
    return run_suite(suite);
}
