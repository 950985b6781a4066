/* SPDX-License-Identifier: MIT */
/* pool.h: how a pool ends by itself: destroyed, also from inside; stopped by its context; while it is closed. */
#include "tg_test.h"
#include "pools.h"

enum { THREADS = 2, QUEUED = 20 };

/* Goes on until it is told to stop. */
static int until_told(tg_task *self, void *arg, void *result)
{
    (void)result;
    task_count(self, arg, NULL);
    while (tg_task_check(self) == TG_OK)
        nap_for(0.0002);
    return 9;
}

/* All threads are busy until they are told to stop, and more is queued. */
struct stuck {
    struct blame *blame;
    tg_pool *pool;
    atomic_int running, ran;
    tg_task *tasks[THREADS + QUEUED];
};

static void make_stuck(struct stuck *stuck, struct blame *blame, tg_context *context)
{
    *stuck = (struct stuck){.blame = blame};
    stuck->pool = tg_pool_create(TG_POOL(.threads = THREADS, .context = context));
    for (int i = 0; i < THREADS; i++)
        submit_with(blame, stuck->pool, until_told, &stuck->running, NULL, &stuck->tasks[i]);
    wait_until(atomic_load(&stuck->running) == THREADS);
    for (int i = THREADS; i < THREADS + QUEUED; i++)
        submit_with(blame, stuck->pool, task_count, &stuck->ran, TG_TASK(.delay = i % 4 ? 0 : 3600),
            &stuck->tasks[i]);
}

/* Waits for them first, as the pool may still be on its way. */
static void expect_abandoned(struct stuck *stuck, tg_status told)
{
    for (int i = 0; i < THREADS + QUEUED; i++)
        expect(stuck->blame, end_of(stuck->tasks[i]) == (i < THREADS ? told : TG_SKIPPED));
    expect(stuck->blame, atomic_load(&stuck->running) == THREADS);
    expect(stuck->blame, atomic_load(&stuck->ran) == 0);
}

/* ---- Destroyed ----------------------------------------------------------------------------- */

static void destroy_busy(struct blame *blame)
{
    for (int round = 0; round < 3; round++) {
        struct stuck stuck;
        make_stuck(&stuck, blame, NULL);
        tg_pool_destroy(stuck.pool);
        for (int i = 0; i < THREADS + QUEUED; i++)
            expect(
                blame, tg_task_wait(stuck.tasks[i], 0) != TG_RUNNING); /* nothing runs any more */
        expect_abandoned(&stuck, TG_CANCELLED);
    }
}

START_TEST(a_destroy_abandons_what_is_queued_and_waits_for_what_runs)
{
    at_place(_i, destroy_busy);
}
END_TEST

static void *wait_for_task(void *arg)
{
    return (void *)(uintptr_t)tg_task_wait(arg, TG_FOREVER);
}

START_TEST(who_waits_for_a_task_is_told_when_its_pool_is_destroyed)
{
    struct blame blame = {0};
    struct stuck stuck;
    pthread_t threads[THREADS + QUEUED];

    make_stuck(&stuck, &blame, NULL);
    for (int i = 0; i < THREADS + QUEUED; i++)
        pthread_create(&threads[i], NULL, wait_for_task, stuck.tasks[i]);
    nap();
    tg_pool_destroy(stuck.pool);
    for (int i = 0; i < THREADS + QUEUED; i++) {
        void *status;
        pthread_join(threads[i], &status);
        ck_assert_uint_eq((uintptr_t)status, i < THREADS ? TG_CANCELLED : TG_SKIPPED);
    }
    expect_abandoned(&stuck, TG_CANCELLED);
    assert_blameless(&blame, "main");
}
END_TEST

/* A pool that one of its tasks destroys. */
struct own {
    struct blame *blame;
    tg_pool *pool;
    struct gate gate;
    atomic_int ran, told;
    bool in_group;
};

static int destroy_own(tg_task *self, void *arg, void *result)
{
    struct own *own = arg;

    (void)result;
    expect(own->blame, tg_task_check(self) == TG_OK);
    tg_pool_destroy(own->pool);
    wait_until(tg_task_check(self) == TG_CANCELLED);
    atomic_fetch_add(&own->told, 1);
    return 0;
}

static int destroy_in_group(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_group_create(NULL);

    (void)self, (void)result;
    tg_group_add(g, destroy_own, arg);
    (void)tg_group_run(g);
    tg_group_destroy(g);
    return 0;
}

static int note_told(tg_task *self, void *arg, void *result)
{
    struct own *own = arg;

    task_until_told(self, &own->ran, result);
    atomic_fetch_add(&own->told, 1);
    return 9;
}

static int stand_first(tg_task *self, void *arg, void *result)
{
    struct own *own = arg;

    stand(self, &own->gate, result);
    return own->in_group ? destroy_in_group(self, own, result) : destroy_own(self, own, result);
}

static void destroy_inside(struct blame *blame)
{
    for (int round = 0; round < 6; round++) {
        struct own own = {.blame = blame, .gate = GATE, .in_group = round % 2};
        tg_task *tasks[22];
        own.pool = tg_pool_create(TG_POOL(.threads = 2));
        submit_with(blame, own.pool, stand_first, &own, NULL, &tasks[0]);
        submit_with(blame, own.pool, note_told, &own, NULL, &tasks[1]);
        wait_until(atomic_load(&own.ran) == 1);
        gate_await(&own.gate, 1);
        for (int i = 2; i < 22; i++)
            submit_with(blame, own.pool, task_count, &own.ran, NULL, &tasks[i]);
        gate_open(&own.gate);
        expect(blame, end_of(tasks[0]) == TG_OK);
        expect(blame, end_of(tasks[1]) == TG_CANCELLED);
        for (int i = 2; i < 22; i++)
            expect(blame, end_of(tasks[i]) == TG_SKIPPED);
        expect(blame, atomic_load(&own.ran) == 1);
        expect(blame, atomic_load(&own.told) == 2);
    }
}

START_TEST(a_pool_that_its_own_task_destroys_is_freed_when_that_has_ended)
{
    at_place(_i, destroy_inside);
}
END_TEST

static int destroy_another(tg_task *self, void *arg, void *result)
{
    struct stuck *stuck = arg;

    (void)self, (void)result;
    tg_pool_destroy(stuck->pool);
    expect_abandoned(stuck, TG_CANCELLED);
    return 0;
}

START_TEST(a_task_of_another_pool_may_close_and_destroy_it)
{
    struct blame blame = {0};
    struct stuck stuck;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));

    make_stuck(&stuck, &blame, NULL);
    submit(&blame, p, destroy_another, &stuck);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Its context --------------------------------------------------------------------------- */

/* Cancelled from outside, by a deadline, or from one of its tasks. */
static void stop_by_context(struct blame *blame, bool deadline)
{
    tg_context *root = tg_context_create(NULL);
    tg_context *context = tg_context_create(
        TG_CONTEXT(.parent = root, .timeout = deadline ? (TEST_SLOW ? 1.5 : 0.3) : 0));
    struct stuck stuck;
    size_t abandoned = 99;
    tg_pool_numbers n;

    make_stuck(&stuck, blame, context);
    nap();
    if (!deadline)
        tg_context_cancel(root, 5, "enough");
    tg_context_destroy(root);
    tg_context_destroy(context); /* the pool keeps what it needs */
    for (int i = 0; i < THREADS + QUEUED; i++)
        expect(blame, tg_task_wait(stuck.tasks[i], TG_FOREVER) != TG_OK);
    expect_abandoned(&stuck, TG_CANCELLED);
    expect(blame, tg_pool_close(stuck.pool, TG_FOREVER, &abandoned) == TG_TIMED_OUT);
    expect(blame, abandoned == QUEUED);
    n = numbers_of(stuck.pool);
    expect(blame, is_over(&n));
    expect(blame, n.abandoned == QUEUED && n.cancelled == THREADS);
    expect(blame, tg_pool_submit(stuck.pool, task_count, NULL, NULL, NULL) == TG_CLOSED);
    tg_pool_destroy(stuck.pool);
}

static void cancel_context(struct blame *blame)
{
    stop_by_context(blame, false);
}

START_TEST(a_cancel_of_its_context_abandons_a_pool)
{
    at_place(_i, cancel_context);
}
END_TEST

/* Not in every place at once: all is to be submitted before the deadline. */
START_TEST(a_deadline_of_its_context_abandons_a_pool)
{
    struct blame blame = {0};

    stop_by_context(&blame, true);
    assert_blameless(&blame, "main");
}
END_TEST

static int expect_context(tg_task *self, void *arg, void *result)
{
    tg_context *const *parent = arg;

    (void)result;
    tg_context_cancel(*parent, 12, "from inside");
    return tg_context_check(tg_task_context(self)) == TG_CANCELLED ? 0 : 7;
}

START_TEST(a_task_sees_the_context_of_its_pool)
{
    struct blame blame = {0};
    tg_context *context = tg_context_create(NULL);
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .context = context));
    tg_task *task = NULL;

    submit_with(&blame, p, expect_context, &context, NULL, &task);
    assert_status(end_of(task), TG_OK);
    tg_pool_destroy(p);
    tg_context_destroy(context);
    assert_blameless(&blame, "main");
}
END_TEST

static int finish_undisturbed(tg_task *self, void *arg, void *result)
{
    stand(self, arg, result);
    return tg_task_check(self) == TG_OK ? 0 : 7;
}

START_TEST(with_a_shield_tasks_are_not_told)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    tg_task *task = NULL, *queued = NULL;
    tg_context *context = tg_context_create(NULL);
    tg_pool *p =
        tg_pool_create(TG_POOL(.threads = 1, .context = context, .flags = TG_GROUP_SHIELD));

    submit_with(&blame, p, finish_undisturbed, &gate, NULL, &task);
    submit_with(&blame, p, task_count, NULL, NULL, &queued);
    gate_await(&gate, 1);
    tg_context_cancel(context, 5, "enough");
    gate_open(&gate);
    assert_status(end_of(task), TG_OK);
    assert_status(end_of(queued), TG_SKIPPED);
    tg_pool_destroy(p);
    tg_context_destroy(context);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- While it is closed -------------------------------------------------------------------- */

static void *open_when_closed(void *arg)
{
    struct own *own = arg;

    while (tg_pool_submit(own->pool, task_count, NULL, NULL, NULL) == TG_OK)
        nap_for(0.0002);
    gate_open(&own->gate);
    return NULL;
}

/* What is done elsewhere is waited for, whatever the haste. */
struct elsewhere {
    tg_pool *pool;
    tg_group *group;
    tg_context *context;
    size_t index;
    bool in_haste;
    atomic_int gone, completed;
};

static int go_elsewhere(tg_task *self, void *arg, void *result)
{
    struct elsewhere *elsewhere = arg;

    (void)result;
    elsewhere->group = tg_task_group(self);
    elsewhere->index = tg_task_index(self);
    elsewhere->context = tg_task_context(self);
    atomic_store(&elsewhere->gone, 1);
    return tg_task_defer(self);
}

static void *complete_when_closed(void *arg)
{
    struct elsewhere *elsewhere = arg;

    while (tg_pool_submit(elsewhere->pool, task_count, NULL, NULL, NULL) == TG_OK)
        nap_for(0.0002);
    wait_until(!elsewhere->in_haste || tg_context_check(elsewhere->context) == TG_CANCELLED);
    nap();
    atomic_store(&elsewhere->completed, 1);
    (void)tg_group_complete(elsewhere->group, elsewhere->index, 0, NULL);
    return NULL;
}

static void close_around_deferred(struct blame *blame)
{
    for (int round = 0; round < 4; round++) {
        struct elsewhere elsewhere = {
            .pool = tg_pool_create(TG_POOL(.threads = 1)), .in_haste = round % 2};
        tg_task *task = NULL;
        pthread_t thread;
        size_t abandoned = 99;
        tg_status status;
        submit_with(blame, elsewhere.pool, go_elsewhere, &elsewhere, NULL, &task);
        wait_until(atomic_load(&elsewhere.gone));
        pthread_create(&thread, NULL, complete_when_closed, &elsewhere);
        status = tg_pool_close(elsewhere.pool, round % 2 ? 0 : TG_FOREVER, &abandoned);
        expect(blame, atomic_load(&elsewhere.completed));
        pthread_join(thread, NULL);
        expect(blame, status == (round % 2 ? TG_TIMED_OUT : TG_OK));
        expect(blame, abandoned == 0 || round % 2); /* the other thread's own */
        expect(blame, end_of(task) == TG_OK);
        tg_pool_destroy(elsewhere.pool);
    }
}

START_TEST(a_close_waits_for_what_is_done_elsewhere)
{
    at_place(_i, close_around_deferred);
}
END_TEST

static int submit_late(tg_task *self, void *arg, void *result)
{
    struct own *own = arg;

    stand(self, &own->gate, result);
    expect(own->blame, tg_pool_submit(own->pool, task_count, NULL, NULL, NULL) == TG_OK);
    return 0;
}

START_TEST(while_a_pool_closes_its_own_tasks_may_still_submit)
{
    struct blame blame = {0};
    struct own own = {.blame = &blame, .gate = GATE};
    pthread_t thread;

    own.pool = tg_pool_create(TG_POOL(.threads = 1));
    for (int i = 0; i < 3; i++)
        submit(&blame, own.pool, submit_late, &own);
    pthread_create(&thread, NULL, open_when_closed, &own);
    nap();
    assert_status(tg_pool_close(own.pool, TG_FOREVER, NULL), TG_OK);
    pthread_join(thread, NULL);
    expect(&blame, finish(&blame, own.pool).ok >= 6);
    assert_blameless(&blame, "main");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_end");
    TCase *destroyed = add_case(suite, "destroyed");
    TCase *context = add_case(suite, "its context");
    TCase *closed = add_case(suite, "while it is closed");

    tcase_add_loop_test(
        destroyed, a_destroy_abandons_what_is_queued_and_waits_for_what_runs, 0, PLACES);
    tcase_add_test(destroyed, who_waits_for_a_task_is_told_when_its_pool_is_destroyed);
    tcase_add_loop_test(
        destroyed, a_pool_that_its_own_task_destroys_is_freed_when_that_has_ended, 0, PLACES);
    tcase_add_test(destroyed, a_task_of_another_pool_may_close_and_destroy_it);
    tcase_add_loop_test(context, a_cancel_of_its_context_abandons_a_pool, 0, PLACES);
    tcase_add_test(context, a_deadline_of_its_context_abandons_a_pool);
    tcase_add_test(context, a_task_sees_the_context_of_its_pool);
    tcase_add_test(context, with_a_shield_tasks_are_not_told);
    tcase_add_loop_test(closed, a_close_waits_for_what_is_done_elsewhere, 0, PLACES);
    tcase_add_test(closed, while_a_pool_closes_its_own_tasks_may_still_submit);
    return run_suite(suite);
}
