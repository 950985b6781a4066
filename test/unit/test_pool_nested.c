/* SPDX-License-Identifier: MIT */
/*
 * group.h, `.pool`: a group that is run over a pool inside a task is a group in a task like any other. What the task
 * passes to a nested group reaches it, and whoever waits for it works meanwhile.
 */
#include "tg_test.h"
#include "pools.h"
#include <fenv.h>
#include <signal.h>

static tg_pool *pool_of(int threads)
{
    return tg_pool_create(TG_POOL(.threads = threads));
}

/* What a task runs over a pool, or as a plain nested group (`pool` NULL): both are to be the same. */
struct nest {
    struct blame *blame;
    tg_pool *pool;
    tg_task_fn *inner;
    void *arg; /* of inner */
    size_t many;
    tg_limit *shared;
    tg_status answer;
};

static int run_nested(tg_task *self, void *arg, void *result)
{
    struct nest *nest = arg;
    tg_group *g = tg_group_create(TG_GROUP(.pool = nest->pool, .shared = nest->shared));
    (void)self, (void)result;
    for (size_t i = 0; i < nest->many; i++)
        expect(nest->blame, tg_group_add(g, nest->inner, nest->arg) == TG_OK);
    nest->answer = tg_group_run(g);
    expect_exact_accounting(nest->blame, g);
    tg_group_destroy(g);
    return 0;
}

/* ---- What stops the task stops the group ---- */

static int cancel_when_started(tg_task *self, void *arg, void *result)
{
    tg_context_cancel(arg, 42, "from outside");
    return task_until_told(self, NULL, result);
}

static void stop_nested(struct blame *blame, tg_pool *p)
{
    tg_context *c = tg_context_create(NULL);
    struct nest nest = {
        .blame = blame, .pool = p, .inner = cancel_when_started, .arg = c, .many = 4};
    tg_group *g = tg_group_create(TG_GROUP(.context = c));
    tg_group_add(g, run_nested, &nest);
    expect(blame, tg_group_run(g) == TG_OK); /* its task has ended well */
    expect(blame, nest.answer == TG_CANCELLED);
    tg_group_destroy(g);
    tg_context_destroy(c);

    nest.inner = task_until_told;
    nest.arg = NULL;
    nest.answer = TG_NOT_RUN;
    g = tg_group_create(TG_GROUP(.timeout = 0.02));
    tg_group_add(g, run_nested, &nest);
    tg_group_run(g);
    /* Or a slow machine has not started the task in time. */
    expect(blame, nest.answer == TG_TIMED_OUT || nest.answer == TG_NOT_RUN);
    tg_group_destroy(g);

    g = tg_group_create(NULL);
    tg_group_add_with(g, run_nested, &nest, TG_TASK(.timeout = 0.003), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT && tg_group_error(g)->index == 0);
    expect(blame, nest.answer == TG_TIMED_OUT);
    tg_group_destroy(g);
}

static void stop_over_pools(struct blame *blame)
{
    for (int threads = 1; threads <= 3; threads++) {
        tg_pool *p = pool_of(threads);
        stop_nested(blame, NULL);
        stop_nested(blame, p);
        finish(blame, p);
    }
}

START_TEST(what_stops_a_task_stops_its_group_over_a_pool)
{
    at_place(_i, stop_over_pools);
}
END_TEST

/* In a task of a pool's own: which has a timeout of its own there. */
static void stop_in_task_of_pool(struct blame *blame)
{
    for (int own = 0; own < 2; own++) {
        tg_pool *p = pool_of(2), *other = pool_of(1);
        struct nest nest = {
            .blame = blame, .pool = own ? p : other, .inner = task_until_told, .many = 3};
        tg_task *task;
        submit_with(blame, p, run_nested, &nest, TG_TASK(.timeout = 0.003), &task);
        expect(blame, end_of(task) == TG_TIMED_OUT);
        expect(blame, nest.answer == TG_TIMED_OUT);
        finish(blame, p);
        finish(blame, other);
    }
}

START_TEST(so_it_does_in_a_task_of_a_pool)
{
    at_place(_i, stop_in_task_of_pool);
}
END_TEST

/* Nothing is told inside a shield, over a pool neither. */
static int stop_then_check(tg_task *self, void *arg, void *result)
{
    (void)result;
    tg_context_cancel(arg, 1, NULL);
    return tg_task_check(self) == TG_OK ? 0 : 1;
}

static void shield_over_pool(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_SHIELD));
    struct nest nest = {
        .blame = blame, .pool = p, .inner = stop_then_check, .arg = tg_group_context(g), .many = 1};
    tg_group_add(g, run_nested, &nest);
    tg_group_run(g);
    expect(blame, nest.answer == TG_OK);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(a_shield_holds_over_a_pool)
{
    at_place(_i, shield_over_pool);
}
END_TEST

/* ---- Guard, mode, limit ---- */

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static void guard_over_pool(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    for (int over = 0; over < 2; over++) {
        struct nest nest = {.blame = blame, .pool = over ? p : NULL, .inner = crash, .many = 1};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));
        tg_group_add(g, run_nested, &nest);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, nest.answer == TG_CRASHED);
        tg_group_destroy(g);
    }
    finish(blame, p);
}

START_TEST(a_guard_reaches_a_group_over_a_pool)
{
    at_place(PLACE_SERIAL, guard_over_pool);
}
END_TEST

static int see_rounding(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    if (fegetround() == FE_UPWARD)
        atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int round_upward(tg_task *self, void *arg, void *result)
{
    int before = fegetround();
    fesetround(FE_UPWARD);
    int code = run_nested(self, arg, result);
    fesetround(before);
    return code;
}

static void rounding_over_pool(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    atomic_int upward = 0;
    struct nest nest = {
        .blame = blame, .pool = p, .inner = see_rounding, .arg = &upward, .many = 20};
    tg_group *g = tg_group_create(NULL);
    tg_group_add(g, round_upward, &nest);
    expect(blame, tg_group_run(g) == TG_OK && atomic_load(&upward) == 20);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(so_does_the_rounding_mode_of_the_task)
{
    at_place(_i, rounding_over_pool);
}
END_TEST

static void lend_over_pool(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    tg_limit *one = tg_limit_create(1);
    for (int over = 0; over < 2; over++) {
        atomic_int ran = 0;
        struct nest nest = {.blame = blame,
            .pool = over ? p : NULL,
            .inner = task_count,
            .arg = &ran,
            .many = 5,
            .shared = one};
        tg_group *g = tg_group_create(TG_GROUP(.shared = one));
        for (int i = 0; i < 3; i++)
            tg_group_add(g, run_nested, &nest);
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 15);
        tg_group_destroy(g);
    }
    tg_limit_destroy(one);
    finish(blame, p);
}

START_TEST(what_the_task_holds_of_a_limit_is_lent_over_a_pool)
{
    at_place(_i, lend_over_pool);
}
END_TEST

/* ---- Below ---- */

static int add_above(tg_task *self, void *arg, void *result)
{
    tg_group *above = arg;
    (void)self, (void)result;
    for (int i = 0; i < 3; i++)
        if (tg_group_add(above, task_count, NULL) != TG_OK)
            return 1;
    return 0;
}

/* The only thread of the group above is in the task that runs the other one: whoever waited for space would wait for it. */
static void add_from_below(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    for (int over = 0; over < 2; over++) {
        tg_group *g = tg_group_create(TG_GROUP(.queue = 1, .threads = 1));
        struct nest nest = {
            .blame = blame, .pool = over ? p : NULL, .inner = add_above, .arg = g, .many = 2};
        tg_group_add(g, run_nested, &nest);
        expect(blame, tg_group_run(g) == TG_OK && nest.answer == TG_OK);
        expect(blame, report_of(g).ok == 7);
        tg_group_destroy(g);
    }
    finish(blame, p);
}

START_TEST(a_task_below_a_group_over_a_pool_never_waits_for_space_above)
{
    at_place(_i, add_from_below);
}
END_TEST

/* ---- Whoever waits works ---- */

struct cross {
    struct blame *blame;
    tg_pool *pools[2];
    int depth;
    bool starts; /* tg_group_start() and tg_group_wait() instead of tg_group_run() */
    double timeout;
    atomic_int reached;
};

struct hop {
    struct cross *cross;
    int depth;
};

static int hop_on(tg_task *self, void *arg, void *result)
{
    const struct hop *hop = arg;
    struct cross *cross = hop->cross;
    (void)self, (void)result;
    if (hop->depth == cross->depth) {
        atomic_fetch_add(&cross->reached, 1);
        return 0;
    }
    struct hop next = {cross, hop->depth + 1};
    tg_group *g = tg_group_create(TG_GROUP(.pool = cross->pools[hop->depth % 2]));
    tg_group_add(g, hop_on, &next);
    if (cross->starts) {
        expect(cross->blame, tg_group_start(g) == TG_OK);
        expect(cross->blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    } else {
        expect(cross->blame, tg_group_run(g) == TG_OK);
    }
    tg_group_destroy(g);
    return 0;
}

static void cross_pools(struct blame *blame)
{
    for (int round = 0; round < 8; round++) {
        bool same = (round & 2) != 0;
        tg_pool *a = pool_of(1), *b = same ? a : pool_of(round & 4 ? 2 : 1);
        struct cross cross = {
            .blame = blame, .pools = {a, b}, .depth = 7, .starts = (round & 1) != 0};
        struct hop first = {&cross, 0};
        tg_group *g = tg_group_create(NULL);
        for (int i = 0; i < 3; i++)
            tg_group_add(g, hop_on, &first);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&cross.reached) == 3);
        tg_group_destroy(g);
        finish(blame, a);
        if (!same)
            finish(blame, b);
    }
}

START_TEST(pools_whose_tasks_run_groups_over_each_other_do_not_wait_for_ever)
{
    at_place(_i, cross_pools);
}
END_TEST

static int start_and_wait(tg_task *self, void *arg, void *result)
{
    tg_pool *p = arg;
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));
    atomic_int ran = 0;
    (void)self, (void)result;
    for (int i = 0; i < 10; i++)
        tg_group_add(g, task_count, &ran);
    tg_status started = tg_group_start(g), looked = tg_group_wait(g, 0);
    tg_status ended = tg_group_wait(g, TG_FOREVER);
    tg_group_destroy(g);
    bool looks = looked == TG_RUNNING || looked == TG_OK;
    return started == TG_OK && looks && ended == TG_OK && atomic_load(&ran) == 10 ? 0 : 1;
}

static void wait_in_own_pool(struct blame *blame)
{
    for (int threads = 1; threads <= 2; threads++) {
        tg_pool *p = pool_of(threads);
        tg_task *tasks[3];
        for (int i = 0; i < 3; i++)
            submit_with(blame, p, start_and_wait, p, NULL, &tasks[i]);
        for (int i = 0; i < 3; i++)
            expect(blame, end_of(tasks[i]) == TG_OK);
        finish(blame, p);
    }
}

START_TEST(a_wait_in_a_task_of_the_groups_own_pool_serves_the_group)
{
    at_place(_i, wait_in_own_pool);
}
END_TEST

/* Its group waits for the task that waits for it, by way of another pool. */
struct circle {
    tg_group *group;
    tg_status answer;
};

static int wait_for_above(tg_task *self, void *arg, void *result)
{
    struct circle *circle = arg;
    (void)self, (void)result;
    circle->answer = tg_group_wait(circle->group, TG_FOREVER);
    return 0;
}

static void wait_in_a_circle(struct blame *blame)
{
    tg_pool *a = pool_of(1), *b = pool_of(1);
    tg_group *g = tg_group_create(TG_GROUP(.pool = a));
    struct circle circle = {g, TG_OK};
    struct nest nest = {
        .blame = blame, .pool = b, .inner = wait_for_above, .arg = &circle, .many = 1};
    tg_group_add(g, run_nested, &nest);
    expect(blame, tg_group_start(g) == TG_OK);
    expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    expect(blame, circle.answer == TG_BUSY && nest.answer == TG_OK);
    tg_group_destroy(g);
    finish(blame, a);
    finish(blame, b);
}

START_TEST(who_would_wait_for_itself_is_refused)
{
    at_place(_i, wait_in_a_circle);
}
END_TEST

/* A task of the pool runs the group, whose task waits for it; before and after it was started. */
static int run_circles(tg_task *self, void *arg, void *result)
{
    struct circle circle = {tg_group_create(TG_GROUP(.pool = arg)), TG_OK};
    bool good = true;
    (void)self, (void)result;
    for (int i = 0; i < 2; i++) {
        tg_group_add(circle.group, wait_for_above, &circle);
        good = good && tg_group_run(circle.group) == TG_OK && circle.answer == TG_BUSY;
        good = good && tg_group_start(circle.group) == TG_OK;
        good = good && tg_group_wait(circle.group, TG_FOREVER) == TG_OK;
    }
    tg_group_destroy(circle.group);
    return good ? 0 : 1;
}

static void wait_in_own_task(struct blame *blame)
{
    tg_pool *p = pool_of(1);
    tg_task *task;
    submit_with(blame, p, run_circles, p, NULL, &task);
    expect(blame, end_of(task) == TG_OK);
    finish(blame, p);
}

START_TEST(so_is_a_group_that_a_task_of_its_pool_runs)
{
    at_place(_i, wait_in_own_task);
}
END_TEST

/* It may outlive the task. */
static int start_only(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    return (int)tg_group_start(arg);
}

static void start_in_a_task(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = pool_of(1);
    tg_group *inner = tg_group_create(TG_GROUP(.pool = p)), *g = tg_group_create(NULL);
    tg_group_add(inner, stand, &gate);
    tg_group_add(g, start_only, inner);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_context_cancel(tg_group_context(g), 1, NULL);
    tg_group_destroy(g);
    gate_await(&gate, 1);
    gate_open(&gate);
    expect(blame, tg_group_wait(inner, TG_FOREVER) == TG_OK);
    tg_group_destroy(inner);
    finish(blame, p);
}

START_TEST(a_group_that_a_task_has_started_outlives_it)
{
    at_place(_i, start_in_a_task);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_nested");
    TCase *tcase = add_case(suite, "what reaches it");
    tcase_add_loop_test(tcase, what_stops_a_task_stops_its_group_over_a_pool, 0, PLACES);
    tcase_add_loop_test(tcase, so_it_does_in_a_task_of_a_pool, 0, PLACES);
    tcase_add_loop_test(tcase, a_shield_holds_over_a_pool, 0, PLACES);
    tcase_add_test(tcase, a_guard_reaches_a_group_over_a_pool);
    tcase_add_loop_test(tcase, so_does_the_rounding_mode_of_the_task, 0, PLACES);
    tcase_add_loop_test(tcase, what_the_task_holds_of_a_limit_is_lent_over_a_pool, 0, PLACES);
    tcase_add_loop_test(
        tcase, a_task_below_a_group_over_a_pool_never_waits_for_space_above, 0, PLACES);
    tcase = add_case(suite, "waiting");
    tcase_add_loop_test(
        tcase, pools_whose_tasks_run_groups_over_each_other_do_not_wait_for_ever, 0, PLACES);
    tcase_add_loop_test(tcase, a_wait_in_a_task_of_the_groups_own_pool_serves_the_group, 0, PLACES);
    tcase_add_loop_test(tcase, who_would_wait_for_itself_is_refused, 0, PLACES);
    tcase_add_loop_test(tcase, so_is_a_group_that_a_task_of_its_pool_runs, 0, PLACES);
    tcase_add_loop_test(tcase, a_group_that_a_task_has_started_outlives_it, 0, PLACES);
    return run_suite(suite);
}
