/* SPDX-License-Identifier: MIT */
/* group.h, `.limit`: tasks in flight: never above it, as many as it allows, in order with 1. */
#include "tg_test.h"

struct gauge {
    atomic_int now, most;
    atomic_int arrived, needed; /* a meeting, for who waits */
};

static void gauge_enter(struct gauge *gauge)
{
    int now = atomic_fetch_add(&gauge->now, 1) + 1, most = atomic_load(&gauge->most);
    while (now > most && !atomic_compare_exchange_weak(&gauge->most, &most, now))
        ;
}

static void gauge_leave(struct gauge *gauge)
{
    atomic_fetch_sub(&gauge->now, 1);
}

static int fly(tg_task *self, void *arg, void *result)
{
    (void)result;
    gauge_enter(arg);
    if (tg_task_index(self) % 8 == 0)
        sched_yield();
    gauge_leave(arg);
    return 0;
}

/* The first ones stay long enough for one too many to come in, if it could. */
static int linger(tg_task *self, void *arg, void *result)
{
    struct gauge *gauge = arg;
    int before;

    gauge_enter(gauge);
    before = atomic_load(&gauge->now);
    if (tg_task_index(self) < 4)
        for (int i = 0; i < 500 && atomic_load(&gauge->now) <= before; i++)
            sched_yield();
    gauge_leave(gauge);
    return fly(self, arg, result);
}

static void stay_below(struct blame *blame)
{
    static const long limits[] = {1, 2, 3, 8};
    static const long grains[] = {1, 5, TG_GRAIN_AUTO};

    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++) {
            struct gauge gauge = {0};
            tg_group *g = tg_group_create(TG_GROUP(.limit = limits[i], .grainsize = grains[j]));
            for (int k = 0; k < 200; k++)
                tg_group_add(g, linger, &gauge);
            tg_group_add_many(g, fly, 800, &gauge, 0, NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, report_of(g).ok == 1000);
            expect(blame, atomic_load(&gauge.most) >= 1);
            expect(blame, atomic_load(&gauge.most) <= limits[i]);
            tg_group_destroy(g);
        }
}

START_TEST(never_are_more_tasks_in_flight_than_the_limit_allows)
{
    at_place(_i, stay_below);
}
END_TEST

static int fly_and_meet(tg_task *self, void *arg, void *result)
{
    struct gauge *gauge = arg;

    (void)self, (void)result;
    gauge_enter(gauge);
    atomic_fetch_add(&gauge->arrived, 1);
    wait_until(atomic_load(&gauge->arrived) >= atomic_load(&gauge->needed));
    gauge_leave(gauge);
    return 0;
}

static void reach(struct blame *blame)
{
    for (int round = 0; round < 30; round++) {
        long limit = 1 + round % 8;
        size_t fits = (size_t)limit < team_size() ? (size_t)limit : team_size();
        struct gauge gauge = {.needed = (int)fits};
        tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
        tg_group_add_many(g, task_count, (size_t)round, NULL, 0, NULL);
        tg_group_add_many(g, fly_and_meet, fits, &gauge, 0, NULL);
        tg_group_add_many(g, fly, 20, &gauge, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&gauge.most) >= (int)fits);
        expect(blame, atomic_load(&gauge.most) <= limit);
        tg_group_destroy(g);
    }
}

START_TEST(as_many_tasks_are_in_flight_as_limit_and_threads_allow)
{
    at_place(_i, reach);
}
END_TEST

struct sequence {
    atomic_size_t next;
    atomic_int astray; /* tasks that started elsewhere than they should */
    long slack;        /* how much earlier than its index one may start */
    int add;           /* tasks that some add */
};

static int take_number(tg_task *self, void *arg, void *result)
{
    struct sequence *sequence = arg;
    size_t number = atomic_fetch_add(&sequence->next, 1), index = tg_task_index(self);

    (void)result;
    if (sequence->slack == 0 ? number != index : (long)index - (long)number > sequence->slack)
        atomic_fetch_add(&sequence->astray, 1);
    if (index % 100 == 50)
        for (int i = 0; i < sequence->add; i++)
            tg_group_add(tg_task_group(self), take_number, sequence);
    return 0;
}

static void run_in_order(struct blame *blame)
{
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};

    for (int round = 0; round < 6; round++) {
        struct sequence sequence = {.add = round < 3 ? 0 : 13};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .grainsize = grains[round % 3]));
        tg_group_add_many(g, take_number, 333, &sequence, 0, NULL);
        for (int i = 0; i < 333; i++)
            tg_group_add(g, take_number, &sequence);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&sequence.next) == tg_group_count(g));
        expect(blame, atomic_load(&sequence.astray) == 0);
        tg_group_destroy(g);
    }
}

START_TEST(with_a_limit_of_1_tasks_start_exactly_in_order_of_adding)
{
    at_place(_i, run_in_order);
}
END_TEST

/* Where each starts, the ones before it have started: by the last one's index. */
struct procession {
    struct blame *blame;
    atomic_size_t last; /* its index + 1 */
    atomic_int ran;
};

/* Opens a hold, which takes an index behind all others, adds a task now and then, and leaves its
   thread: the rest of its bundle is put back. */
static int walk_on(tg_task *self, void *arg, void *result)
{
    struct procession *procession = arg;
    tg_group *group = tg_task_group(self);
    size_t index = tg_task_index(self);
    tg_task *hold = tg_group_hold(group, NULL);

    (void)result;
    expect(procession->blame, atomic_exchange(&procession->last, index + 1) <= index);
    expect(procession->blame, hold != NULL && tg_task_complete(hold, 0, NULL) == TG_OK);
    if (index % 5 == 0 && index < 1000)
        expect(procession->blame, tg_group_add(group, walk_on, arg) == TG_OK);
    atomic_fetch_add(&procession->ran, 1);
    return index % 3 == 0 ? tg_task_sleep(self, 0) : 0;
}

static void walk_in_order(struct blame *blame)
{
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};

    for (int round = 0; round < 6; round++) {
        struct procession procession = {.blame = blame};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .grainsize = grains[round % 3],
            .flags = round < 3 ? 0 : TG_GROUP_RECYCLE));
        for (int i = 0; i < 200; i++)
            tg_group_add(g, walk_on, &procession);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == 2 * (size_t)atomic_load(&procession.ran));
        expect(blame, report_of(g).ok == tg_group_count(g));
        tg_group_destroy(g);
    }
}

START_TEST(so_they_do_when_tasks_leave_their_thread_and_others_come)
{
    at_place(_i, walk_in_order);
}
END_TEST

static void run_in_order_alone(struct blame *blame)
{
    struct sequence sequence = {.add = 13};
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1));

    tg_group_add_many(g, take_number, 700, &sequence, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&sequence.next) == tg_group_count(g));
    expect(blame, atomic_load(&sequence.astray) == 0);
    tg_group_destroy(g);
}

START_TEST(on_one_thread_tasks_start_exactly_in_order_of_adding)
{
    at_place(PLACE_SERIAL, run_in_order_alone);
    at_place(PLACE_PTHREADS, run_in_order_alone);
}
END_TEST

/* What started early has overtaken at most threads × 32 places, and a task that each other thread
 * has claimed and not yet entered. */
static void run_nearly_in_order(struct blame *blame)
{
    struct sequence sequence = {.slack = (long)team_size() * 33};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, take_number, 20000, &sequence, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&sequence.astray) == 0);
    tg_group_destroy(g);
}

START_TEST(tasks_start_nearly_in_order_of_adding)
{
    at_place(_i, run_nearly_in_order);
}
END_TEST

struct outer {
    struct gauge outer, inner;
    struct blame *blame;
    long inner_limit;
};

/* In flight, but for the time that it waits for a group of its own. */
static int fly_over_inner(tg_task *self, void *arg, void *result)
{
    struct outer *outer = arg;
    struct gauge inner = {0};
    tg_group *g = tg_group_create(TG_GROUP(.limit = outer->inner_limit));

    (void)self, (void)result;
    gauge_enter(&outer->outer);
    tg_group_add_many(g, fly, 20, &inner, 0, NULL);
    gauge_leave(&outer->outer);
    expect(outer->blame, tg_group_run(g) == TG_OK);
    gauge_enter(&outer->outer);
    expect(outer->blame, atomic_load(&inner.most) <= outer->inner_limit);
    expect(outer->blame, report_of(g).ok == 20);
    gauge_leave(&outer->outer);
    tg_group_destroy(g);
    return 0;
}

static void nest_limits(struct blame *blame)
{
    for (long limit = 1; limit <= 3; limit++)
        for (long inner = 1; inner <= 3; inner++) {
            struct outer outer = {.blame = blame, .inner_limit = inner};
            tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
            tg_group_add_many(g, fly_over_inner, 30, &outer, 0, NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, report_of(g).ok == 30);
            expect(blame, atomic_load(&outer.outer.most) <= limit);
            tg_group_destroy(g);
        }
}

START_TEST(limits_of_nested_groups_hold_each_for_itself_and_never_deadlock)
{
    at_place(_i, nest_limits);
}
END_TEST

/* A group below a limit of 1 has the team for itself: its own limit is another one. */
static int meet_below(tg_task *self, void *arg, void *result)
{
    struct gauge *gauge = arg;
    tg_group *g = tg_group_create(NULL);
    tg_status status;

    (void)self, (void)result;
    tg_group_add_many(g, fly_and_meet, (size_t)atomic_load(&gauge->needed), gauge, 0, NULL);
    status = tg_group_run(g);
    tg_group_destroy(g);
    return status == TG_OK ? 0 : 1;
}

static void meet_below_limit(struct blame *blame)
{
    struct gauge gauge = {.needed = (int)team_size()};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    tg_group_add(g, meet_below, &gauge);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_groups_limit_does_not_count_the_groups_below)
{
    at_place(_i, meet_below_limit);
}
END_TEST

struct grow {
    struct gauge gauge;
    atomic_int left;
};

static int fly_and_grow(tg_task *self, void *arg, void *result)
{
    struct grow *grow = arg;

    (void)result;
    gauge_enter(&grow->gauge);
    for (int i = 0; i < 3; i++)
        if (atomic_fetch_sub(&grow->left, 1) > 0)
            tg_group_add(tg_task_group(self), fly_and_grow, grow);
    gauge_leave(&grow->gauge);
    return 0;
}

static void grow_under_limit(struct blame *blame)
{
    for (long limit = 1; limit <= 3; limit++) {
        struct grow grow = {.left = 3000};
        tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
        tg_group_add(g, fly_and_grow, &grow);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == 3001);
        expect(blame, atomic_load(&grow.gauge.most) <= limit);
        tg_group_destroy(g);
    }
}

START_TEST(tasks_added_by_tasks_are_within_the_limit_and_all_run)
{
    at_place(_i, grow_under_limit);
}
END_TEST

static int meet_and_fail(tg_task *self, void *arg, void *result)
{
    fly_and_meet(self, arg, result);
    return 3;
}

static void reuse_after_failure(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 2));

    for (int round = 0; round < 50; round++) { /* a slot that a failure kept would be missed */
        struct gauge gauge = {.needed = team_size() < 2 ? 1 : 2};
        tg_group_add_many(g, meet_and_fail, (size_t)gauge.needed, &gauge, 0, NULL);
        tg_group_add_many(g, fly, 50, &gauge, 0, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_reset(g) == TG_OK);
    }
    tg_group_destroy(g);
}

START_TEST(slots_are_given_back_also_after_a_failure)
{
    at_place(_i, reuse_after_failure);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limit");
    TCase *bound = add_case(suite, "bound");
    TCase *order = add_case(suite, "order");
    TCase *nested = add_case(suite, "nested");

    tcase_add_loop_test(bound, never_are_more_tasks_in_flight_than_the_limit_allows, 0, PLACES);
    tcase_add_loop_test(
        bound, as_many_tasks_are_in_flight_as_limit_and_threads_allow, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(bound, tasks_added_by_tasks_are_within_the_limit_and_all_run, 0, PLACES);
    tcase_add_loop_test(bound, slots_are_given_back_also_after_a_failure, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(order, with_a_limit_of_1_tasks_start_exactly_in_order_of_adding, 0, PLACES);
    tcase_add_loop_test(order, so_they_do_when_tasks_leave_their_thread_and_others_come, 0, PLACES);
    tcase_add_test(order, on_one_thread_tasks_start_exactly_in_order_of_adding);
    tcase_add_loop_test(order, tasks_start_nearly_in_order_of_adding, 0, PLACES);
    tcase_add_loop_test(
        nested, limits_of_nested_groups_hold_each_for_itself_and_never_deadlock, 0, PLACES);
    tcase_add_loop_test(
        nested, a_groups_limit_does_not_count_the_groups_below, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
