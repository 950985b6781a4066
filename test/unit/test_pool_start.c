/* SPDX-License-Identifier: MIT */
/* group.h: tg_group_start() and tg_group_wait(), for groups over a pool; and when that is closed. */
#include "tg_test.h"
#include "pools.h"

static tg_pool *pool_of(int threads)
{
    return tg_pool_create(TG_POOL(.threads = threads));
}

/* ---- Start and wait ------------------------------------------------------------------------ */

static void start_and_wait(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = pool_of(1);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));
    double start;

    expect(blame, tg_group_wait(g, 0) == TG_INVALID); /* never started */
    expect(blame, tg_group_start(g) == TG_OK);        /* empty */
    expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    tg_group_add(g, stand, &gate);
    expect(blame, tg_group_start(g) == TG_OK);
    gate_await(&gate, 1);
    expect(blame, tg_group_start(g) == TG_BUSY);
    expect(blame, tg_group_run(g) == TG_BUSY);
    expect(blame, tg_group_reset(g) == TG_BUSY);
    expect(blame, tg_group_wait(g, 0) == TG_RUNNING);
    start = tg_time_now();
    expect(blame, tg_group_wait(g, 0.003) == TG_RUNNING);
    expect(blame, tg_time_now() >= start + 0.003);
    expect(blame, tg_group_add(g, task_fail_7, NULL) == TG_OK); /* it goes on */
    expect(blame, tg_group_wait(g, -1.5) == TG_INVALID);
    expect(blame, tg_group_wait(g, NAN) == TG_INVALID);
    gate_open(&gate);
    expect(blame, tg_group_wait(g, 600) == TG_FAILED);
    expect(blame, tg_group_wait(g, 0) == TG_FAILED); /* and again */
    expect(blame, tg_group_error(g)->code == 7);
    expect(blame, tg_group_reset(g) == TG_OK);
    for (int i = 0; i < 100; i++) {
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_start(g) == TG_OK);
        expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    }
    expect(blame, report_of(g).ok == 100);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(a_group_is_started_and_waited_for_shortly_for_long_or_not_at_all)
{
    at_place(_i, start_and_wait);
}
END_TEST

static void *wait_for_group(void *arg)
{
    return (void *)(uintptr_t)tg_group_wait(arg, TG_FOREVER);
}

START_TEST(several_threads_wait_for_one_group)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    tg_pool *p = pool_of(2);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));
    pthread_t threads[4];

    tg_group_add(g, stand, &gate);
    assert_status(tg_group_start(g), TG_OK);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, wait_for_group, g);
    nap();
    tg_context_cancel(tg_group_context(g), 5, "enough");
    tg_group_add(g, task_count, NULL);
    gate_open(&gate);
    for (int i = 0; i < 4; i++) {
        void *status = NULL;
        pthread_join(threads[i], &status);
        ck_assert_uint_eq((uintptr_t)status, (uintptr_t)tg_group_wait(g, 0));
    }
    tg_group_destroy(g);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

/* A hold takes no thread: the only one serves everybody else. */
static void hold_over_pool(struct blame *blame)
{
    enum { GROUPS = 5 };
    tg_pool *p = pool_of(1);
    tg_group *groups[GROUPS];
    tg_task *holds[GROUPS];
    atomic_int ran = 0;
    tg_task *task = NULL;

    for (int i = 0; i < GROUPS; i++) {
        groups[i] = tg_group_create(TG_GROUP(.pool = p));
        holds[i] = tg_group_hold(groups[i], NULL);
        tg_group_add_many(groups[i], task_count, 10, &ran, 0, NULL);
        expect(blame, tg_group_start(groups[i]) == TG_OK);
    }
    wait_until(atomic_load(&ran) == 10 * GROUPS);
    for (int i = GROUPS - 1; i >= 0; i--) {
        submit_with(blame, p, task_count, &ran, NULL, &task);
        expect(blame, end_of(task) == TG_OK);
        expect(blame, tg_group_wait(groups[i], 0) == TG_RUNNING);
        expect(blame, tg_task_complete(holds[i], i % 2 ? 6 : 0, NULL) == TG_OK);
        expect(blame, tg_group_wait(groups[i], TG_FOREVER) == (i % 2 ? TG_FAILED : TG_OK));
        expect_exact_accounting(blame, groups[i]);
        tg_group_destroy(groups[i]);
    }
    finish(blame, p);
}

START_TEST(groups_with_holds_share_a_pool_of_one_thread)
{
    at_place(_i, hold_over_pool);
}
END_TEST

static void destroy_started(struct blame *blame)
{
    tg_pool *p = pool_of(2);

    for (int round = 0; round < 20; round++) {
        struct crowd crowd = {0};
        atomic_int told = 0;
        tg_group *g = tg_group_create(TG_GROUP(.pool = p));
        tg_group_add_many(g, task_until_told, 1 + (size_t)round % 3, &told, 0, NULL);
        tg_group_add_many(g, join_crowd, 50, &crowd, 0, NULL);
        expect(blame, tg_group_start(g) == TG_OK);
        if (round % 2)
            wait_until(atomic_load(&told) > 0);
        tg_group_destroy(g);
        expect(blame, atomic_load(&crowd.now) == 0); /* else it would write to our stack */
    }
    finish(blame, p);
}

START_TEST(a_group_that_is_destroyed_while_it_runs_is_cancelled_and_waited_for)
{
    at_place(_i, destroy_started);
}
END_TEST

/* ---- And the pool -------------------------------------------------------------------------- */

static void *close_pool(void *arg)
{
    return (void *)(uintptr_t)tg_pool_close(arg, TG_FOREVER, NULL);
}

START_TEST(a_close_lets_groups_end_and_takes_no_more)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    atomic_int ran = 0;
    tg_pool *p = pool_of(1);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p)), *late;
    pthread_t thread;
    void *status = NULL;

    tg_group_add(g, stand, &gate);
    tg_group_add_many(g, task_count, 100, &ran, 0, NULL);
    assert_status(tg_group_start(g), TG_OK);
    gate_await(&gate, 1);
    pthread_create(&thread, NULL, close_pool, p);
    while (tg_pool_submit(p, task_count, NULL, NULL, NULL) == TG_OK)
        nap_for(0.0002);
    late = tg_group_create(TG_GROUP(.pool = p));
    tg_group_add(late, task_count, &ran);
    assert_status(tg_group_start(late), TG_CLOSED);
    assert_status(tg_group_run(late), TG_CLOSED);
    gate_open(&gate);
    pthread_join(thread, &status);
    ck_assert_uint_eq((uintptr_t)status, TG_OK);
    ck_assert_int_eq(atomic_load(&ran), 100);
    assert_status(tg_group_wait(g, 0), TG_OK);
    assert_status(tg_pool_reopen(p), TG_OK);
    assert_status(tg_group_run(late), TG_OK); /* what was refused can be run later */
    ck_assert_int_eq(atomic_load(&ran), 101);
    tg_group_destroy(g);
    tg_group_destroy(late);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

START_TEST(a_close_in_haste_stops_groups_and_a_pause_does_not)
{
    struct blame blame = {0};
    atomic_int told = 0, ran = 0;
    tg_pool *p = pool_of(2);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));

    assert_status(tg_pool_pause(p, 1), TG_OK);
    tg_group_add_many(g, task_count, 10, &ran, 0, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_add_many(g, task_until_told, 10, &told, 0, NULL);
    assert_status(tg_group_start(g), TG_OK);
    wait_until(atomic_load(&told) == 2);
    assert_status(tg_pool_close(p, 0.002, NULL), TG_TIMED_OUT);
    assert_status(tg_group_wait(g, 0), TG_CANCELLED);
    ck_assert_uint_eq(report_of(g).skipped, 8);
    tg_group_destroy(g);
    tg_pool_destroy(p);
    assert_blameless(&blame, "main");
}
END_TEST

START_TEST(only_a_group_that_was_started_is_waited_for)
{
    tg_group *g = tg_group_create(NULL);

    assert_refused(tg_group_start(NULL), TG_INVALID, "NULL");
    assert_refused(tg_group_wait(NULL, 0), TG_INVALID, "NULL");
    assert_refused(tg_group_wait(g, TG_FOREVER), TG_INVALID, "never started");
    assert_status(tg_group_run(g), TG_OK);
    assert_refused(tg_group_wait(g, TG_FOREVER), TG_INVALID, "never started");
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_start");
    TCase *start = add_case(suite, "start and wait");
    TCase *pool = add_case(suite, "and the pool");

    tcase_add_loop_test(
        start, a_group_is_started_and_waited_for_shortly_for_long_or_not_at_all, 0, PLACES);
    tcase_add_test(start, several_threads_wait_for_one_group);
    tcase_add_loop_test(start, groups_with_holds_share_a_pool_of_one_thread, 0, PLACES);
    tcase_add_loop_test(
        start, a_group_that_is_destroyed_while_it_runs_is_cancelled_and_waited_for, 0, PLACES);
    tcase_add_test(pool, a_close_lets_groups_end_and_takes_no_more);
    tcase_add_test(pool, a_close_in_haste_stops_groups_and_a_pause_does_not);
    tcase_add_test(pool, only_a_group_that_was_started_is_waited_for);
    return run_suite(suite);
}
