/* SPDX-License-Identifier: MIT */
/* group.h, `.pool`: groups over a pool. */
#include "tg_test.h"
#include "pools.h"

static tg_pool *pool_of(int threads)
{
    return tg_pool_create(TG_POOL(.threads = threads));
}

/* ---- Running ------------------------------------------------------------------------------- */

static int square(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(size_t *)result = tg_task_index(self) * tg_task_index(self);
    return 0;
}

static void expect_squares(struct blame *blame, tg_group *g, size_t count)
{
    const size_t *results = tg_group_results(g);

    expect(blame, results != NULL && tg_group_count(g) == count);
    for (size_t i = 0; results != NULL && i < count; i++)
        expect(blame, results[i] == i * i);
    expect(blame, report_of(g).ok == count);
    expect_exact_accounting(blame, g);
}

static void run_over_pool(struct blame *blame)
{
    for (int threads = 1; threads <= 3; threads++) {
        tg_pool *p = pool_of(threads);
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .result_size = sizeof(size_t)));
        for (int round = 1; round <= 5; round++) {
            tg_group_add_many(g, square, 100, NULL, 0, NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect_squares(blame, g, 100 * (size_t)round);
        }
        expect(blame, report_of(g).threads >= 1 && report_of(g).threads <= threads);
        expect(blame, numbers_of(p).submitted == 0); /* they are the group's, not the pool's */
        tg_group_destroy(g);
        finish(blame, p);
    }
}

START_TEST(a_group_runs_over_a_pool_from_anywhere)
{
    at_place(_i, run_over_pool);
}
END_TEST

/* None of the pool's threads is one of the caller's, and there are as many as the pool has. */
static void use_pools_threads(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = pool_of(3);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p));

    tg_group_add_many(g, stand, 3, &gate, 0, NULL);
    expect(blame, tg_group_start(g) == TG_OK);
    gate_await(&gate, 3);
    gate_open(&gate);
    expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(a_group_has_all_threads_of_its_pool)
{
    at_place(_i, use_pools_threads);
}
END_TEST

static int fail_third(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_index(self) == 2 ? tg_task_fail(self, 33, "the third") : 0;
}

static void fail_over_pool(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    tg_group *g = tg_group_create(TG_GROUP(.pool = p, .limit = 1));
    atomic_int ran = 0;

    tg_group_add_many(g, fail_third, 100, &ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_error_last()->code == 33);
    expect(blame, tg_group_error(g)->index == 2);
    expect(blame, strcmp(tg_group_error(g)->message, "the third") == 0);
    expect(blame, atomic_load(&ran) == 3);
    expect(blame, report_of(g).skipped == 97);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add_many(g, task_count, 100, &ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.pool = p, .timeout = 0.003));
    tg_group_add_many(g, task_until_told, 5, &ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(a_group_over_a_pool_fails_and_is_timed_out_as_any_other)
{
    at_place(_i, fail_over_pool);
}
END_TEST

static void use_fewer(struct blame *blame)
{
    tg_pool *p = pool_of(3);

    for (int threads = 1; threads <= 4; threads++) {
        struct crowd crowd = {0};
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .threads = threads));
        tg_group_add_many(g, join_crowd, 100, &crowd, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&crowd.ran) == 100);
        expect(blame, atomic_load(&crowd.most) <= (threads < 3 ? threads : 3));
        tg_group_destroy(g);
    }
    finish(blame, p);
}

START_TEST(a_group_may_want_fewer_threads_than_its_pool_has)
{
    at_place(_i, use_fewer);
}
END_TEST

/* on_done, in order, adds to what it was told. */
static int note_order(tg_group *group, const tg_outcome *outcome, void *user)
{
    size_t *next = user;

    if (outcome->index != (*next)++)
        return 7;
    return outcome->index < 50 && tg_group_add(group, task_count, NULL) != TG_OK ? 8 : 0;
}

/* What groups can do besides: order, policies, a queue, a budget shared with a group elsewhere. */
static void use_options(struct blame *blame)
{
    tg_pool *p = pool_of(2);
    tg_limit *limit = tg_limit_create(1);
    size_t next = 0;
    struct crowd crowd = {0};
    tg_group *ordered = tg_group_create(TG_GROUP(.pool = p, .flags = TG_GROUP_IN_ORDER, .ahead = 4,
        .on_done = note_order, .user = &next));
    tg_group *taking = tg_group_create(TG_GROUP(.pool = p, .need = 3, .limit = 1));
    tg_group *here = tg_group_create(TG_GROUP(.shared = limit));
    tg_group *there = tg_group_create(TG_GROUP(.shared = limit, .pool = p));

    tg_group_add_many(ordered, task_count, 100, NULL, 0, NULL);
    tg_group_add_many(taking, task_count, 100, NULL, 0, NULL);
    tg_group_add_many(here, join_crowd, 100, &crowd, 0, NULL);
    tg_group_add_many(there, join_crowd, 100, &crowd, 0, NULL);
    expect(blame, tg_group_start(there) == TG_OK);
    expect(blame, tg_group_start(ordered) == TG_OK);
    expect(blame, tg_group_run(here) == TG_OK);
    expect(blame, tg_group_run(taking) == TG_OK);
    expect(blame, tg_group_wait(ordered, TG_FOREVER) == TG_OK);
    expect(blame, tg_group_wait(there, TG_FOREVER) == TG_OK);
    expect(blame, next == 150);
    expect(blame, report_of(taking).ok == 3 && tg_group_success(taking, 3) == 2);
    expect(blame, atomic_load(&crowd.ran) == 200 && atomic_load(&crowd.most) == 1);
    tg_group_destroy(ordered);
    tg_group_destroy(taking);
    tg_group_destroy(here);
    tg_group_destroy(there);
    tg_limit_destroy(limit);
    finish(blame, p);
}

START_TEST(a_group_over_a_pool_has_all_its_options)
{
    at_place(_i, use_options);
}
END_TEST

static void add_while_it_runs(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct crowd crowd = {0};
        tg_pool *p = pool_of(2);
        tg_group *g = tg_group_create(TG_GROUP(.pool = p, .queue = i % 3, .limit = i / 3));
        tg_task *hold = tg_group_hold(g, NULL);
        expect(blame, tg_group_start(g) == TG_OK);
        for (int j = 0; j < 100; j++)
            expect(blame, tg_group_add(g, join_crowd, &crowd) == TG_OK);
        wait_until(atomic_load(&crowd.ran) == 100); /* while it is open */
        expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
        expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
        expect(blame, i < 3 || atomic_load(&crowd.most) == 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        finish(blame, p);
    }
}

START_TEST(a_group_over_a_pool_is_added_to_while_it_runs)
{
    at_place(_i, add_while_it_runs);
}
END_TEST

/* ---- Several ------------------------------------------------------------------------------- */

struct each {
    struct blame *blame;
    tg_pool *pool;
    int number;
};

static void *run_one(void *arg)
{
    const struct each *each = arg;

    for (int round = 0; round < 20; round++) {
        struct crowd crowd = {0};
        atomic_int ran = 0;
        bool fails = (each->number + round) % 3 == 0;
        tg_group *g = tg_group_create(TG_GROUP(.pool = each->pool, .limit = each->number + 1));
        tg_group_add_many(g, join_crowd, 40, &crowd, 0, NULL);
        if (fails)
            tg_group_add(g, fail_third, &ran); /* number 40 */
        else
            tg_group_add(g, task_count, &ran);
        expect(each->blame, tg_group_run(g) == TG_OK);
        expect(each->blame, atomic_load(&crowd.most) <= each->number + 1);
        expect(each->blame, atomic_load(&crowd.ran) == 40 && atomic_load(&ran) == 1);
        tg_group_add(g, fails ? task_fail_7 : task_count, &ran);
        expect(each->blame, tg_group_run(g) == (fails ? TG_FAILED : TG_OK));
        expect(each->blame, (tg_group_error(g) != NULL) == fails);
        expect(each->blame, atomic_load(&ran) == 2);
        expect_exact_accounting(each->blame, g);
        tg_group_destroy(g);
    }
    return NULL;
}

START_TEST(several_groups_share_a_pool_each_with_its_limit_and_errors)
{
    struct blame blame = {0};
    tg_pool *p = pool_of(3);
    struct each each[4];
    pthread_t threads[4];
    struct crowd crowd = {0};

    for (int i = 0; i < 4; i++) {
        each[i] = (struct each){&blame, p, i};
        pthread_create(&threads[i], NULL, run_one, &each[i]);
    }
    for (int i = 0; i < 1000; i++) /* and the pool's own tasks */
        submit(&blame, p, join_crowd, &crowd);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(finish(&blame, p).ok, 1000);
    ck_assert_int_le(atomic_load(&crowd.most), 3);
    assert_blameless(&blame, "main");
}
END_TEST

static int run_inside(tg_task *self, void *arg, void *result)
{
    const struct each *each = arg;
    tg_group *g =
        tg_group_create(TG_GROUP(.pool = each->number ? each->pool : NULL, .result_size = 8));

    (void)self, (void)result;
    tg_group_add_many(g, square, 30, NULL, 0, NULL);
    expect(each->blame, tg_group_run(g) == TG_OK);
    expect_squares(each->blame, g, 30);
    tg_group_destroy(g);
    return 0;
}

/* With one thread: who runs the group is the only one who can serve it. */
static void nest(struct blame *blame)
{
    for (int threads = 1; threads <= 2; threads++) {
        tg_pool *p = pool_of(threads), *other = pool_of(1);
        struct each plain = {blame, p, 0}, over = {blame, p, 1}, across = {blame, other, 1};
        tg_group *g = tg_group_create(TG_GROUP(.pool = p));
        for (int i = 0; i < 10; i++) {
            submit(blame, p, run_inside, &plain);
            submit(blame, p, run_inside, &over);
            submit(blame, p, run_inside, &across);
        }
        tg_group_add_many(g, run_inside, 5, &plain, 0, NULL);
        tg_group_add_many(g, run_inside, 5, &over, 0, NULL);
        tg_group_add_many(g, run_inside, 5, &across, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_group_destroy(g);
        expect(blame, finish(blame, p).ok == 30);
        finish(blame, other);
    }
}

START_TEST(tasks_of_a_pool_and_of_groups_over_it_run_groups_of_their_own)
{
    at_place(_i, nest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_groups");
    TCase *run = add_case(suite, "running");
    TCase *several = add_case(suite, "several");

    tcase_add_loop_test(run, a_group_runs_over_a_pool_from_anywhere, 0, PLACES);
    tcase_add_loop_test(run, a_group_has_all_threads_of_its_pool, 0, PLACES);
    tcase_add_loop_test(run, a_group_over_a_pool_fails_and_is_timed_out_as_any_other, 0, PLACES);
    tcase_add_loop_test(run, a_group_may_want_fewer_threads_than_its_pool_has, 0, PLACES);
    tcase_add_loop_test(run, a_group_over_a_pool_has_all_its_options, 0, PLACES);
    tcase_add_loop_test(run, a_group_over_a_pool_is_added_to_while_it_runs, 0, PLACES);
    tcase_add_test(several, several_groups_share_a_pool_each_with_its_limit_and_errors);
    tcase_add_loop_test(
        several, tasks_of_a_pool_and_of_groups_over_it_run_groups_of_their_own, 0, PLACES);
    return run_suite(suite);
}
