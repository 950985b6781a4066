/* SPDX-License-Identifier: MIT */
/* group.h, pool.h: scopes over a pool, groups that are started without one, and the end of a group
 * that nobody waits for. */
#include "tg_test.h"
#include "pools.h"

enum { MANY = 100 };

struct flow {
    struct blame *blame;
    tg_group *group;
    atomic_int ran, done, ended;
    int code, adds;
    size_t next;
    pthread_t body;
    tg_status check;
};

static int run_one(tg_task *self, void *arg, void *result)
{
    struct flow *flow = arg;
    (void)self;
    if (result != NULL)
        *(int *)result = 1;
    atomic_fetch_add(&flow->ran, 1);
    return 0;
}

static int note_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct flow *flow = user;
    (void)group;
    expect(flow->blame, outcome->index == flow->next);
    flow->next++;
    atomic_fetch_add(&flow->done, 1);
    return 0;
}

/* ---- Scopes -------------------------------------------------------------------------------- */

static int add_all(tg_group *group, void *user)
{
    struct flow *flow = user;
    expect(flow->blame, pthread_equal(pthread_self(), flow->body));
    expect(flow->blame, tg_task_current() != NULL && tg_task_group(tg_task_current()) == group);
    for (int i = 0; i < flow->adds; i++)
        expect(flow->blame, tg_group_add(group, run_one, flow) == TG_OK);
    flow->check = tg_task_check(tg_task_current());
    return flow->code;
}

static void scope_over_pool(struct blame *blame)
{
    for (int i = 0; i < 8; i++) {
        struct flow flow = {.blame = blame, .adds = i == 7 ? 0 : MANY, .body = pthread_self()};
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1 + i % 3));
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .queue = i % 4, .limit = i / 4,
            .flags = i & 1 ? TG_GROUP_IN_ORDER : 0, .ahead = i & 1 ? 3 : 0,
            .on_done = i & 1 ? note_done : NULL, .user = &flow));
        expect(blame, tg_group_scope(g, add_all, &flow) == TG_OK);
        expect(blame, atomic_load(&flow.ran) == flow.adds && flow.check == TG_OK);
        expect(blame, !(i & 1) || atomic_load(&flow.done) == flow.adds);
        expect_exact_accounting(blame, g);
        /* Again, and run, too. */
        expect(blame, tg_group_scope(g, add_all, &flow) == TG_OK);
        tg_group_add(g, run_one, &flow);
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&flow.ran) == 2 * flow.adds + 1);
        tg_group_destroy(g);
        finish(blame, p);
    }
}

START_TEST(a_scope_over_a_pool_calls_its_body_here_and_its_tasks_there)
{
    at_place(_i, scope_over_pool);
}
END_TEST

/* With a full queue the body waits, and no task runs on its thread. */
static int be_elsewhere(tg_task *self, void *arg, void *result)
{
    struct flow *flow = arg;
    expect(flow->blame, !pthread_equal(pthread_self(), flow->body));
    return run_one(self, arg, result);
}

static int add_to_full(tg_group *group, void *user)
{
    struct flow *flow = user;
    for (int i = 0; i < flow->adds; i++)
        expect(flow->blame,
            tg_group_add_with(group, be_elsewhere, flow,
                TG_TASK(.when_full = i % 2 ? TG_FULL_WAIT : TG_FULL_RUN), NULL) == TG_OK);
    return 0;
}

static void wait_for_space(struct blame *blame)
{
    struct flow flow = {.blame = blame, .adds = MANY, .body = pthread_self()};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_group *g = tg_group_create(TG_GROUP(.pool = p, .queue = 1, .limit = 1));
    expect(blame, tg_group_scope(g, add_to_full, &flow) == TG_OK);
    expect(blame, atomic_load(&flow.ran) == MANY);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(the_body_of_a_scope_over_a_pool_runs_no_task)
{
    at_place(_i, wait_for_space);
}
END_TEST

static int fail_after_adding(tg_group *group, void *user)
{
    tg_group_add(group, run_one, user);
    return tg_task_fail(tg_task_current(), 77, "the body gave up");
}

static int add_until_refused(tg_group *group, void *user)
{
    struct flow *flow = user;
    tg_group_cancel(group, 4, "from its body");
    expect(flow->blame, tg_task_check(tg_task_current()) == TG_CANCELLED);
    expect(flow->blame, tg_group_add(group, run_one, flow) == TG_CLOSED);
    return 0;
}

static void fail_in_body(struct blame *blame)
{
    struct flow flow = {.blame = blame};
    tg_pool *p = tg_pool_create(NULL);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));
    expect(blame, tg_group_scope(g, fail_after_adding, &flow) == TG_FAILED);
    expect(blame, tg_group_error(g)->code == 77 && tg_group_error(g)->index == TG_NO_INDEX);
    expect(blame, strcmp(tg_group_error(g)->message, "the body gave up") == 0);
    expect(blame, tg_group_scope(g, fail_after_adding, &flow) == TG_FAILED); /* as before */
    expect(blame, tg_group_count(g) == 1);
    tg_group_reset(g);
    expect(blame, tg_group_scope(g, add_until_refused, &flow) == TG_CANCELLED);
    expect(blame, tg_group_error(g)->code == 4);
    expect(blame, tg_group_scope(g, NULL, NULL) == TG_INVALID);
    tg_group_destroy(g);
    finish(blame, p);
    g = tg_group_create(TG_GROUP(.pool = p = tg_pool_create(NULL)));
    tg_pool_close(p, 0, NULL);
    expect(blame, tg_group_scope(g, add_all, &flow) == TG_CLOSED);
    expect(blame, tg_group_reset(g) == TG_OK); /* it is not left open */
    tg_group_destroy(g);
    tg_pool_destroy(p);
}

START_TEST(a_body_over_a_pool_fails_as_any_other)
{
    at_place(_i, fail_in_body);
}
END_TEST

/* In a task of the pool the scope runs there, as any nested one. */
static int scope_inside(tg_task *self, void *arg, void *result)
{
    struct flow *flow = arg;
    (void)self, (void)result;
    flow->body = pthread_self();
    expect(flow->blame, tg_group_scope(flow->group, add_all, flow) == TG_OK);
    return 0;
}

static void scope_in_its_pool(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    struct flow flow = {
        .blame = blame, .adds = MANY, .group = tg_group_create(TG_GROUP(.pool = p, .queue = 2))};
    tg_task *task;
    expect(blame, tg_pool_submit(p, scope_inside, &flow, NULL, &task) == TG_OK);
    expect(blame, tg_task_wait(task, TG_FOREVER) == TG_OK);
    expect(blame, atomic_load(&flow.ran) == MANY);
    tg_task_release(task);
    tg_group_destroy(flow.group);
    finish(blame, p);
}

START_TEST(a_scope_in_a_task_of_its_pool_needs_no_other_thread)
{
    at_place(_i, scope_in_its_pool);
}
END_TEST

/* ---- The end that nobody waits for --------------------------------------------------------- */

static int add_one_more(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct flow *flow = user;
    if (outcome->index < 5)
        tg_group_add(group, run_one, flow);
    atomic_fetch_add(&flow->done, 1);
    return 0;
}

static void end_alone(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct flow flow = {.blame = blame};
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1 + i % 2, .idle = i % 3 ? 0 : 1e-3));
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .on_done = add_one_more, .user = &flow));
        tg_context *context = tg_group_context(g);
        for (int k = 0; k < 10; k++)
            tg_group_add(g, k == 9 && i >= 4 ? task_fail_7 : run_one,
                k == 9 && i >= 4 ? NULL : (void *)&flow);
        tg_group_add_with(
            g, run_one, &flow, TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = 3600), NULL);
        expect(blame, tg_group_start(g) == TG_OK);
        wait_until(atomic_load(&flow.done) == 16 || i >= 4);
        wait_until(tg_group_reset(g) != TG_BUSY); /* it has ended */
        expect(blame, atomic_load(&flow.done) >= 11);
        expect(blame, tg_group_wait(g, 0) == TG_OK); /* as new, and nothing to wait for */
        expect(blame, tg_context_check(context) == TG_OK);
        tg_group_destroy(g);
        finish(blame, p);
    }
}

START_TEST(a_started_group_ends_with_its_last_task_and_on_done_is_called_for_all)
{
    at_place(_i, end_alone);
}
END_TEST

/* The last thing that keeps it open goes from elsewhere, or is a cancel; all workers sleep. */
static void end_from_elsewhere(struct blame *blame)
{
    for (int i = 0; i < 9; i++) {
        struct flow flow = {.blame = blame};
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
        tg_group *g = tg_group_create(TG_GROUP(.pool = p));
        tg_task *hold = i % 3 == 1 ? tg_group_hold(g, NULL) : NULL;
        if (i % 3 == 0)
            tg_group_open(g);
        tg_group_add(g, run_one, &flow);
        if (i % 3 == 2)
            tg_group_add_with(g, run_one, &flow, TG_TASK(.delay = 3600), NULL);
        expect(blame, tg_group_start(g) == TG_OK);
        wait_until(atomic_load(&flow.ran) == 1);
        if (i >= 6)
            nap();
        expect(blame, tg_group_reset(g) == TG_BUSY);
        if (i % 3 == 0)
            tg_group_close(g);
        else if (i % 3 == 1)
            tg_task_complete(hold, 0, NULL);
        else
            tg_group_cancel(g, 1, NULL);
        wait_until(tg_group_reset(g) != TG_BUSY);
        tg_group_destroy(g);
        finish(blame, p);
    }
}

START_TEST(a_started_group_ends_when_the_last_that_keeps_it_open_goes)
{
    at_place(_i, end_from_elsewhere);
}
END_TEST

/* Its only worker is in a long task: a thread that waits ends it. */
static void wait_beside_busy(struct blame *blame)
{
    struct gate gate = GATE;
    struct flow flow = {.blame = blame};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));
    tg_task *hold = tg_group_hold(g, NULL);
    tg_group_add(g, run_one, &flow);
    expect(blame, tg_group_start(g) == TG_OK);
    wait_until(atomic_load(&flow.ran) == 1);
    expect(blame, tg_pool_submit(p, stand, &gate, NULL, NULL) == TG_OK);
    gate_await(&gate, 1);
    tg_task_complete(hold, 0, NULL);
    expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    gate_open(&gate);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(a_thread_that_waits_ends_a_group_whose_workers_are_busy)
{
    at_place(_i, wait_beside_busy);
}
END_TEST

/* ---- Without a pool ------------------------------------------------------------------------ */

static void start_without(struct blame *blame)
{
    struct flow flow = {.blame = blame};
    tg_group *groups[4];
    for (int i = 0; i < 4; i++) {
        groups[i] = tg_group_create(TG_GROUP(.result_size = sizeof(int), .limit = i));
        for (int k = 0; k < MANY; k++)
            tg_group_add(groups[i], run_one, &flow);
        expect(blame, tg_group_start(groups[i]) == TG_OK);
        if (i == 3)
            expect(blame, tg_group_start(groups[i]) != TG_INVALID);
    }
    for (int i = 0; i < 4; i++) {
        expect(blame, tg_group_wait(groups[i], TG_FOREVER) == TG_OK);
        expect(blame, ((int *)tg_group_results(groups[i]))[MANY - 1] == 1);
        expect_exact_accounting(blame, groups[i]);
        expect(blame, tg_group_run(groups[i]) == TG_OK);
        tg_group_destroy(groups[i]);
    }
    expect(blame, atomic_load(&flow.ran) == 4 * MANY);
    groups[0] = tg_group_create(NULL);
    expect(blame, tg_group_start(groups[0]) == TG_OK); /* empty */
    expect(blame, tg_group_wait(groups[0], TG_FOREVER) == TG_OK);
    tg_group_destroy(groups[0]);
}

START_TEST(a_group_without_a_pool_is_started_too)
{
    at_place(_i, start_without);
}
END_TEST

static void *take_default(void *arg)
{
    *(tg_pool **)arg = tg_pool_default();
    return NULL;
}

START_TEST(the_process_has_one_pool_which_nobody_closes)
{
    tg_pool *pools[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_default, &pools[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        ck_assert(pools[i] != NULL && pools[i] == tg_pool_default());
    assert_refused(tg_pool_close(pools[0], 0, NULL), TG_BUSY, "process");
    assert_refused(tg_pool_shut(pools[0]), TG_BUSY, "process");
    tg_pool_destroy(pools[0]);
    assert_status(tg_pool_submit(pools[0], task_count, NULL, NULL, NULL), TG_OK);
    assert_status(tg_pool_resize(pools[0], 3), TG_OK);
    ck_assert_int_eq(numbers_of(pools[0]).threads, 3);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pool_scope");
    TCase *everywhere = add_case(s, "everywhere"), *serial = add_case(s, "serial code");
    tcase_add_loop_test(
        everywhere, a_scope_over_a_pool_calls_its_body_here_and_its_tasks_there, 0, PLACES);
    tcase_add_loop_test(everywhere, the_body_of_a_scope_over_a_pool_runs_no_task, 0, PLACES);
    tcase_add_loop_test(everywhere, a_body_over_a_pool_fails_as_any_other, 0, PLACES);
    tcase_add_loop_test(everywhere, a_scope_in_a_task_of_its_pool_needs_no_other_thread, 0, PLACES);
    tcase_add_loop_test(everywhere,
        a_started_group_ends_with_its_last_task_and_on_done_is_called_for_all, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_started_group_ends_when_the_last_that_keeps_it_open_goes, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_thread_that_waits_ends_a_group_whose_workers_are_busy, 0, PLACES);
    tcase_add_loop_test(everywhere, a_group_without_a_pool_is_started_too, 0, PLACES);
    tcase_add_test(serial, the_process_has_one_pool_which_nobody_closes);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
