/* SPDX-License-Identifier: MIT */
/* group.h: groups anywhere: inside what, to which depth, on whose stack, added by whom. */
#include "tg_test.h"

/* ---- The team ------------------------------------------------------------------------------ */

struct meeting {
    atomic_int arrived;
    int needed;
};

/* Waits for all others: only ends if as many tasks are in flight at once. */
static int meet(tg_task *self, void *arg, void *result)
{
    struct meeting *meeting = arg;

    (void)self, (void)result;
    atomic_fetch_add(&meeting->arrived, 1);
    wait_until(atomic_load(&meeting->arrived) >= meeting->needed);
    return 0;
}

static void meet_all(struct blame *blame)
{
    for (int round = 0; round < 20; round++) {
        struct meeting meeting = {.needed = (int)team_size()};
        tg_group *g = tg_group_create(NULL);
        /* In front of them, so that they are somewhere in the middle of what a thread claims. */
        for (int i = 0; i < round * 7; i++)
            tg_group_add(g, task_count, NULL);
        tg_group_add_many(g, meet, team_size(), &meeting, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_group_destroy(g);
    }
}

START_TEST(as_many_tasks_as_threads_can_wait_for_each_other)
{
    at_place(_i, meet_all);
}
END_TEST

struct more {
    struct meeting meeting;
    int add;
};

static int add_then_meet(tg_task *self, void *arg, void *result)
{
    struct more *more = arg;

    for (int i = 0; i < more->add; i++)
        tg_group_add(tg_task_group(self), meet, &more->meeting);
    return meet(self, &more->meeting, result);
}

/* One task adds the others and waits for them: threads that found nothing must be woken. */
static void meet_added(struct blame *blame)
{
    for (int round = 0; round < 20; round++) {
        int size = (int)team_size();
        struct more more = {.meeting.needed = size, .add = size - 1};
        tg_group *g = tg_group_create(NULL);
        tg_group_add(g, add_then_meet, &more);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_group_destroy(g);
    }
}

START_TEST(tasks_that_a_task_adds_start_while_it_waits_for_them)
{
    at_place(_i, meet_added);
}
END_TEST

static const int sizes[] = {1, 2, 3, 5, 64};
enum { SIZES = sizeof sizes / sizeof *sizes };

START_TEST(threads_overrides_omp_num_threads_in_serial_code)
{
    struct meeting meeting = {.needed = sizes[_i]};
    tg_group *g = tg_group_create(TG_GROUP(.threads = sizes[_i]));
    tg_report report;

    tg_group_add_many(g, meet, (size_t)sizes[_i], &meeting, 0, NULL);
    assert_status(tg_group_run(g), TG_OK);
    report = report_of(g);
    ck_assert_int_eq(report.threads_asked, sizes[_i]);
    ck_assert_int_eq(report.threads, sizes[_i]);
    tg_group_destroy(g);
}
END_TEST

struct peak {
    atomic_int now, most;
};

static int count_in_flight(tg_task *self, void *arg, void *result)
{
    struct peak *peak = arg;
    int now = atomic_fetch_add(&peak->now, 1) + 1, most = atomic_load(&peak->most);

    (void)self, (void)result;
    while (now > most && !atomic_compare_exchange_weak(&peak->most, &most, now))
        ;
    sched_yield();
    atomic_fetch_sub(&peak->now, 1);
    return 0;
}

static void serve_by_two(struct blame *blame)
{
    struct peak peak = {0};
    tg_group *g = tg_group_create(TG_GROUP(.threads = 2));

    tg_group_add_many(g, count_in_flight, 500, &peak, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&peak.most) <= 2);
    tg_group_destroy(g);
}

START_TEST(never_more_threads_serve_a_group_than_it_asked_for)
{
    at_place(_i, serve_by_two);
}
END_TEST

struct surroundings {
    struct blame *blame;
    int level, size; /* inside of which the tasks must be; -1: any */
};

static int look_around(tg_task *self, void *arg, void *result)
{
    struct surroundings *around = arg;

    (void)self, (void)result;
    expect(around->blame, omp_get_level() == around->level);
    expect(around->blame, omp_get_num_threads() == around->size);
    return 0;
}

static void stay_in_team(struct blame *blame)
{
    int level = omp_get_level();
    struct surroundings around = {blame, level > 0 ? level : 1, (int)team_size()};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, look_around, 100, &around, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, omp_get_level() == level);
    tg_group_destroy(g);
}

START_TEST(serial_code_gets_one_region_and_a_region_is_used_as_it_is)
{
    at_place(_i, stay_in_team);
}
END_TEST

START_TEST(groups_of_all_sizes_of_team_follow_each_other)
{
    for (int round = 0; round < 30; round++) {
        atomic_int runs = 0;
        tg_group *g = tg_group_create(TG_GROUP(.threads = round % 5));
        tg_group_add_many(g, task_count, 50, &runs, 0, NULL);
        assert_status(tg_group_run(g), TG_OK);
        ck_assert_int_eq(runs, 50);
        tg_group_destroy(g);
    }
}
END_TEST

/* A region inside a task is a team of its own; so is what runs in there. */
static int run_in_own_region(tg_task *self, void *arg, void *result)
{
    struct blame *blame = arg;

    (void)self, (void)result;
#pragma omp parallel num_threads(2)
    {
        atomic_int runs = 0;
        tg_group *g = tg_group_create(NULL);
        tg_group_add_many(g, task_count, 20, &runs, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&runs) == 20);
        tg_group_destroy(g);
    }
    return 0;
}

static void own_regions(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, run_in_own_region, 6, blame, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_task_may_open_a_region_and_run_groups_in_it)
{
    if (_i == 1)
        omp_set_max_active_levels(3);
    at_place(PLACE_SERIAL, own_regions);
    at_place(PLACE_SINGLE, own_regions);
}
END_TEST

/* ---- Depth --------------------------------------------------------------------------------- */

struct level {
    struct blame *blame;
    int depth;
    atomic_int *leaves;
};

/* Each level runs a group of two tasks, of which the first goes on to the depth, the second ends. */
static int go_down(tg_task *self, void *arg, void *result)
{
    struct level *level = arg;
    struct level next = {level->blame, level->depth - 1, level->leaves};
    tg_group *g;

    (void)self, (void)result;
    if (level->depth == 0)
        return task_count(self, level->leaves, NULL);
    g = tg_group_create(TG_GROUP(.limit = level->depth % 3));
    tg_group_add(g, go_down, &next);
    tg_group_add(g, task_count, level->leaves);
    expect(level->blame, tg_group_run(g) == TG_OK);
    expect(level->blame, report_of(g).ok == 2);
    tg_group_destroy(g);
    return 0;
}

static void nest(struct blame *blame)
{
    enum { DEPTH = 20, TASKS = 5 };
    atomic_int leaves = 0;
    struct level top = {blame, DEPTH, &leaves};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, go_down, TASKS, &top, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&leaves) == TASKS * (DEPTH + 1));
    tg_group_destroy(g);
}

START_TEST(groups_nest_to_depth_20)
{
    at_place(_i, nest);
}
END_TEST

/* ---- Whose stack --------------------------------------------------------------------------- */

/* A group, and the group in whose task it runs. */
struct scope {
    const struct scope *above;
    struct blame *blame;
    atomic_int tasks;
};

/* The group that this thread's innermost waiting run waits for. */
static _Thread_local const struct scope *awaited;

/* A task may start on a stack that waits for its own group or one above it, and no other. */
static void look_down(const struct scope *own)
{
    const struct scope *scope = own;

    if (awaited == NULL)
        return;
    while (scope != NULL && scope != awaited)
        scope = scope->above;
    expect(own->blame, scope == awaited);
}

static int wait_for_inner(tg_task *self, void *arg, void *result)
{
    struct scope *own = arg;
    const struct scope *before = awaited;
    int depth = 0;

    (void)self, (void)result;
    look_down(own);
    atomic_fetch_add(&own->tasks, 1);
    for (const struct scope *scope = own; scope->above != NULL; scope = scope->above)
        depth++;
    if (depth < 3) {
        struct scope inner = {.above = own, .blame = own->blame};
        tg_group *g = tg_group_create(NULL);
        tg_group_add_many(g, wait_for_inner, 5, &inner, 0, NULL);
        awaited = &inner;
        expect(own->blame, tg_group_run(g) == TG_OK);
        awaited = before;
        expect(own->blame, atomic_load(&inner.tasks) == 5);
        tg_group_destroy(g);
    }
    sched_yield();
    return 0;
}

static void wait_on_stacks(struct blame *blame)
{
    struct scope outer = {.blame = blame};
    const struct scope *before = awaited;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, wait_for_inner, 24, &outer, 0, NULL);
    awaited = &outer;
    expect(blame, tg_group_run(g) == TG_OK);
    awaited = before;
    tg_group_destroy(g);
}

START_TEST(a_waiting_thread_runs_nothing_but_tasks_of_what_it_waits_for)
{
    at_place(_i, wait_on_stacks);
}
END_TEST

/* ---- What a thread leaves behind --------------------------------------------------------- */

struct behind {
    atomic_int nested, met;
};

static int wait_nested(tg_task *self, void *arg, void *result)
{
    struct behind *behind = arg;
    (void)self, (void)result;
    atomic_fetch_add(&behind->nested, 1);
    wait_until(atomic_load(&behind->met) == 1);
    return 0;
}

static int run_two_nested(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_group_create(NULL);
    (void)self, (void)result;
    tg_group_add(g, wait_nested, arg);
    tg_group_add(g, wait_nested, arg);
    tg_status status = tg_group_run(g);
    tg_group_destroy(g);
    return status == TG_OK ? 0 : 1;
}

static int say_met(tg_task *self, void *arg, void *result)
{
    struct behind *behind = arg;
    (void)self, (void)result;
    wait_until(atomic_load(&behind->nested) == 2);
    atomic_store(&behind->met, 1);
    return 0;
}

/* The thread that comes first, for the group around, takes what the nested one has: then a third one must come for the
   rest of the group around. */
static void leave_behind(struct blame *blame, struct behind *behind)
{
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = 1));
    tg_group_add(g, run_two_nested, behind);
    tg_group_add(g, say_met, behind);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(who_helps_a_nested_group_has_somebody_else_called_for_what_is_left_around)
{
    struct blame blame = {0};
    if (omp_get_max_threads() < 3)
        return;
    for (int round = 0; round < 300; round++) {
        struct behind behind = {0};
#pragma omp parallel
        {
#pragma omp single nowait
            leave_behind(&blame, &behind);
            wait_until(
                atomic_load(&behind.nested) > 0); /* nobody helps before the nested group runs */
        }
    }
    assert_blameless(&blame, "in a region");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_where");
    TCase *team = add_case(suite, "the team");
    TCase *depth = add_case(suite, "depth and stacks");

    tcase_add_loop_test(
        team, as_many_tasks_as_threads_can_wait_for_each_other, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        team, tasks_that_a_task_adds_start_while_it_waits_for_them, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(team, threads_overrides_omp_num_threads_in_serial_code, 0, SIZES);
    tcase_add_loop_test(team, never_more_threads_serve_a_group_than_it_asked_for, 0, PLACES);
    tcase_add_loop_test(team, serial_code_gets_one_region_and_a_region_is_used_as_it_is, 0, PLACES);
    tcase_add_test(team, groups_of_all_sizes_of_team_follow_each_other);
    tcase_add_loop_test(team, a_task_may_open_a_region_and_run_groups_in_it, 0, 2);
    tcase_add_test(team, who_helps_a_nested_group_has_somebody_else_called_for_what_is_left_around);
    tcase_add_loop_test(depth, groups_nest_to_depth_20, 0, PLACES);
    tcase_add_loop_test(
        depth, a_waiting_thread_runs_nothing_but_tasks_of_what_it_waits_for, 0, PLACES);
    return run_suite(suite);
}
