/* SPDX-License-Identifier: MIT */
/* group.h, TG_GROUP_RAW_TASKS: tasks that have raw OpenMP tasks of their own. */
#include "tg_test.h"
#include "pools.h"

struct raw {
    atomic_int ran, threads_seen;
    atomic_bool seen[64];
    int wanted; /* threads that must meet */
};

static void piece(struct raw *raw)
{
    if (!atomic_exchange(&raw->seen[omp_get_thread_num() % 64], true))
        atomic_fetch_add(&raw->threads_seen, 1);
    wait_until(atomic_load(&raw->threads_seen) >= raw->wanted);
    atomic_fetch_add(&raw->ran, 1);
}

static int spawn_and_leave(tg_task *self, void *arg, void *result)
{
    struct raw *raw = arg;
    (void)self, (void)result;
    for (int i = 0; i < 4; i++) {
#pragma omp task firstprivate(raw)
        piece(raw);
    }
    return 0;
}

static int spawn_and_wait(tg_task *self, void *arg, void *result)
{
    struct raw *raw = arg;
    (void)self, (void)result;
    for (int i = 0; i < 16; i++) {
#pragma omp task firstprivate(raw)
        piece(raw);
    }
#pragma omp taskwait
    return 0;
}

/* ---- In regions of ours ---- */

START_TEST(raw_tasks_are_shared_by_the_team_where_that_is_asked_for)
{
    tg_pool *p = NULL;
    if (_i == 1)
        p = tg_pool_create(TG_POOL(.flags = TG_GROUP_RAW_TASKS));
    for (int round = 0; round < 5; round++) {
        struct raw raw = {.wanted = omp_get_max_threads() >= 2 ? 2 : 1};
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .flags = TG_GROUP_RAW_TASKS));
        ck_assert_int_eq(tg_group_add(g, spawn_and_wait, &raw), TG_OK);
        ck_assert_int_eq(tg_group_run(g), TG_OK);
        ck_assert_int_eq(atomic_load(&raw.ran), 16);
        tg_group_destroy(g);
    }
    tg_pool_destroy(p);
}
END_TEST

/* What a task has spawned and left ends before the task, however the group is run. */
static int count_after(tg_group *g, const tg_outcome *outcome, void *user)
{
    struct raw *raw = user;
    (void)g, (void)outcome;
    return atomic_load(&raw->ran) == 4 ? 0 : 99;
}

static void leave_raw_tasks(struct blame *blame)
{
    struct raw raw = {.wanted = 0};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_RAW_TASKS, .on_done = count_after, .user = &raw));
    tg_group_add(g, spawn_and_leave, &raw);
    expect(blame, tg_group_run(g) == TG_OK && atomic_load(&raw.ran) == 4);
    tg_group_destroy(g);
    raw = (struct raw){.wanted = 0};
    g = tg_group_create(NULL);
    tg_group_add(g, spawn_and_leave, &raw);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    if (omp_get_level() == 0)
        expect(blame, atomic_load(&raw.ran) == 4); /* before the run returns */
}

/* libomp 14 to 19 crashes where threads of the program's own use deferred tasks, end, and are followed by others: four
   pthreads, each with `parallel` and some `task` in a `taskgroup`, 50 times, without this library: 100 of 100 runs. */
static bool survives(int place)
{
    tg_info info = {.size = sizeof info};
    tg_info_read(&info);
    return place != PLACE_PTHREADS || strcmp(info.runtime, "libomp") != 0;
}

START_TEST(raw_tasks_that_a_task_leaves_behind_end_before_it)
{
    if (survives(_i))
        at_place(_i, leave_raw_tasks);
}
END_TEST

/* One pool for each process: libomp does not survive threads that used deferred tasks, end, and are followed by others. */
START_TEST(raw_tasks_of_a_pools_task_end_before_it)
{
    tg_pool *p = tg_pool_create(
        TG_POOL(.threads = 2, .idle = TG_FOREVER, .flags = _i == 1 ? TG_GROUP_RAW_TASKS : 0));
    for (int round = 0; round < 10; round++) {
        struct raw raw = {.wanted = 0};
        tg_task *task;
        ck_assert_int_eq(tg_pool_submit(p, spawn_and_leave, &raw, NULL, &task), TG_OK);
        ck_assert_int_eq(end_of(task), TG_OK);
        ck_assert_int_eq(atomic_load(&raw.ran), 4);
    }
    tg_pool_destroy(p);
}
END_TEST

/* Everything else is as ever. */
static void run_plain(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RAW_TASKS));
    tg_group_add_many(g, task_count, 500, &ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 500);
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add(g, task_fail_7, &ran);
    tg_group_add_many(g, task_count, 500, &ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_group_for_raw_tasks_runs_plain_ones)
{
    if (survives(_i)) /* help comes by deferred tasks */
        at_place(_i, run_plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("raw");
    TCase *tcase = add_case(suite, "raw tasks");
    tcase_add_loop_test(tcase, raw_tasks_are_shared_by_the_team_where_that_is_asked_for, 0, 2);
    tcase_add_loop_test(tcase, raw_tasks_that_a_task_leaves_behind_end_before_it, 0, PLACES);
    tcase_add_loop_test(tcase, raw_tasks_of_a_pools_task_end_before_it, 0, 2);
    tcase_add_loop_test(tcase, a_group_for_raw_tasks_runs_plain_ones, 0, PLACES);
    return run_suite(suite);
}
