/* SPDX-License-Identifier: MIT */
/* pool.h, `.shards`: several teams behind one handle. */
#include "tg_test.h"
#include "pools.h"

static tg_pool *pool_of(int shards, int balance)
{
    return tg_pool_create(TG_POOL(.threads = 1, .shards = shards, .balance = balance));
}

/* ---- Choosing ------------------------------------------------------------------------------ */

/* One after another, so that each choice is made when all is at rest but for the gate. */
static void take_turns(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = pool_of(3, TG_BALANCE_TURN);
    tg_task *tasks[12];

    submit(blame, p, stand, &gate);
    gate_await(&gate, 1);
    for (int i = 1; i < 12; i++) {
        submit_with(blame, p, task_count, NULL, NULL, &tasks[i]);
        if (i % 3 != 0)
            expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == TG_OK);
    }
    nap();
    for (int i = 3; i < 12; i += 3) /* behind the gate, although others are idle */
        expect(blame, tg_task_wait(tasks[i], 0) == TG_RUNNING);
    gate_open(&gate);
    for (int i = 1; i < 12; i++)
        expect(blame, end_of(tasks[i]) == TG_OK);
    expect(blame, finish(blame, p).ok == 12);
}

START_TEST(shards_take_turns)
{
    at_place(_i, take_turns);
}
END_TEST

static void choose_the_least(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = pool_of(3, TG_BALANCE_LEAST);

    submit(blame, p, stand, &gate);
    gate_await(&gate, 1);
    submit(blame, p, stand, &gate); /* never behind one that stands */
    gate_await(&gate, 2);
    for (int i = 0; i < 20; i++) {
        tg_task *task = NULL;
        submit_with(blame, p, task_count, NULL, NULL, &task);
        expect(blame, end_of(task) == TG_OK);
        wait_until(numbers_of(p).running == 2 && numbers_of(p).queued == 0);
    }
    submit(blame, p, stand, &gate);
    gate_await(&gate, 3);
    for (int i = 0; i < 6; i++) /* two behind each */
        submit(blame, p, stand, &gate);
    nap();
    expect(blame, gate_standing(&gate) == 3);
    gate_open(&gate);
    expect(blame, finish(blame, p).ok == 29);
}

START_TEST(a_task_goes_where_the_fewest_are)
{
    at_place(_i, choose_the_least);
}
END_TEST

/* All shards at once: as many stand as there are threads. */
static void use_all(struct blame *blame)
{
    for (int balance = 0; balance < 2; balance++)
        for (int shards = 1; shards <= 3; shards++) {
            struct gate gate = GATE;
            tg_pool *p =
                tg_pool_create(TG_POOL(.threads = 2, .shards = shards, .balance = balance));
            tg_pool_numbers n;
            for (int i = 0; i < 2 * shards; i++)
                submit(blame, p, stand, &gate);
            gate_await(&gate, 2 * shards);
            for (int i = 0; i < 10; i++)
                submit(blame, p, task_count, NULL);
            n = numbers_of(p);
            expect(blame, n.threads == 2 * shards && n.running == 2 * shards && n.free == 0);
            expect(blame, n.queued == 10 && n.submitted == 10 + 2 * (size_t)shards);
            expect(blame, adds_up(&n));
            gate_open(&gate);
            expect(blame, finish(blame, p).ok == 10 + 2 * (size_t)shards);
        }
}

START_TEST(all_shards_work_and_are_counted_together)
{
    at_place(_i, use_all);
}
END_TEST

/* ---- Bounds -------------------------------------------------------------------------------- */

/* One stands and two wait in each; with turns the next one is refused wherever it comes. */
static void fill(struct blame *blame)
{
    struct gate gate = GATE;
    atomic_int ran = 0;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .shards = 2, .queue = 2));
    tg_pool_numbers n;

    for (int i = 0; i < 2; i++)
        submit(blame, p, stand, &gate);
    gate_await(&gate, 2);
    for (int i = 0; i < 4; i++)
        submit(blame, p, task_count, &ran);
    for (int i = 0; i < 4; i++) {
        expect(blame, tg_pool_submit(p, task_count, &ran, TG_TASK(.when_full = TG_FULL_REFUSE),
                          NULL) == TG_FULL);
        submit_with(blame, p, task_count, &ran, TG_TASK(.when_full = TG_FULL_DROP), NULL);
    }
    for (int i = 1; i <= 4; i++) {
        submit_with(blame, p, task_count, &ran, TG_TASK(.when_full = TG_FULL_RUN), NULL);
        expect(blame, atomic_load(&ran) == i);
    }
    gate_open(&gate);
    n = finish(blame, p);
    expect(blame, n.ok == 10 && n.dropped == 4);
}

START_TEST(each_shard_has_a_queue_of_its_own)
{
    at_place(_i, fill);
}
END_TEST

struct caller {
    tg_pool *pool;
    tg_status status;
    pthread_t thread;
};

static void *call(void *arg)
{
    struct caller *caller = arg;

    caller->status = tg_pool_submit(caller->pool, task_count, NULL, NULL, NULL);
    return NULL;
}

static void *close_forever(void *arg)
{
    struct caller *caller = arg;

    caller->status = tg_pool_close(caller->pool, TG_FOREVER, NULL);
    return NULL;
}

START_TEST(a_close_frees_who_waits_at_any_shard)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    struct caller callers[6], closer;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .shards = 3, .queue = TG_QUEUE_NONE));

    for (int i = 0; i < 3; i++)
        submit(&blame, p, stand, &gate);
    gate_await(&gate, 3);
    for (int i = 0; i < 6; i++) {
        callers[i] = (struct caller){p, TG_INVALID, 0};
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
    wait_until(numbers_of(p).waiters == 6);
    closer = (struct caller){p, TG_INVALID, 0};
    pthread_create(&closer.thread, NULL, close_forever, &closer);
    for (int i = 0; i < 6; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_status(callers[i].status, TG_CLOSED);
    }
    gate_open(&gate);
    pthread_join(closer.thread, NULL);
    assert_status(closer.status, TG_OK);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- All of them --------------------------------------------------------------------------- */

static void close_and_open(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .shards = 3, .balance = TG_BALANCE_LEAST));

    for (int round = 0; round < 12; round++) {
        atomic_int ran = 0;
        size_t abandoned = 99;
        tg_pool_numbers n;
        expect(blame, tg_pool_reopen(p) == (round == 0 ? TG_BUSY : TG_OK));
        if (round % 4 == 1)
            expect(blame, tg_pool_pause(p, 1) == TG_OK);
        if (round % 4 == 2)
            expect(blame, tg_pool_resize(p, 1 + round % 3) == TG_OK);
        for (int i = 0; i < 100; i++)
            submit(blame, p, task_count, &ran);
        expect(blame, round % 4 != 1 || atomic_load(&ran) == 0);
        (void)tg_pool_close(p, round % 2 ? TG_FOREVER : 0.0003 * round, &abandoned);
        n = numbers_of(p);
        expect(blame, is_over(&n));
        expect(blame, n.submitted == 100 && n.ok + n.abandoned == 100);
        expect(blame, n.abandoned == abandoned && n.ok == (size_t)atomic_load(&ran));
        expect(blame, round % 2 == 0 || abandoned == 0);
    }
    tg_pool_destroy(p);
}

START_TEST(all_shards_are_closed_opened_paused_and_resized_together)
{
    at_place(_i, close_and_open);
}
END_TEST

/* A task of one shard is inside of the pool for all of them. */
struct inside {
    struct blame *blame;
    tg_pool *pool;
    tg_task *others;
    atomic_int ran;
};

static int be_inside(tg_task *self, void *arg, void *result)
{
    struct inside *inside = arg;

    (void)self, (void)result;
    expect(inside->blame, tg_pool_close(inside->pool, 0, NULL) == TG_BUSY);
    expect(inside->blame, tg_task_wait(inside->others, TG_FOREVER) == TG_BUSY);
    for (int i = 0; i < 10; i++) /* wherever it goes it does not wait for room */
        submit(inside->blame, inside->pool, task_count, &inside->ran);
    return 0;
}

START_TEST(a_task_of_one_shard_is_inside_of_the_whole_pool)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    struct inside inside = {.blame = &blame};
    tg_task *task = NULL;

    inside.pool = tg_pool_create(TG_POOL(.threads = 1, .shards = 2, .queue = 1));
    submit_with(&blame, inside.pool, stand, &gate, NULL, &inside.others);
    gate_await(&gate, 1);
    submit_with(&blame, inside.pool, be_inside, &inside, NULL, &task);
    assert_status(end_of(task), TG_OK); /* while the other shard stands at the gate */
    gate_open(&gate);
    assert_status(end_of(inside.others), TG_OK);
    wait_until(atomic_load(&inside.ran) == 10);
    ck_assert_uint_eq(finish(&blame, inside.pool).ok, 12);
    assert_blameless(&blame, "main");
}
END_TEST

static int destroy_own(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    tg_pool_destroy(arg);
    return 0;
}

static void destroy_inside(struct blame *blame)
{
    for (int round = 0; round < 5; round++) {
        struct gate gate = GATE;
        atomic_int ran = 0;
        tg_pool *p = pool_of(3, round % 2);
        tg_task *first = NULL, *second = NULL, *third = NULL, *queued[9];
        submit_with(blame, p, stand, &gate, NULL, &first);
        gate_await(&gate, 1);
        submit_with(blame, p, task_until_told, &ran, NULL, &second);
        wait_until(atomic_load(&ran) == 1);
        for (int i = 0; i < 9; i++)
            submit_with(blame, p, task_count, &ran, TG_TASK(.delay = 3600), &queued[i]);
        submit_with(blame, p, destroy_own, p, TG_TASK(.priority = 1), &third);
        gate_open(&gate);
        expect(blame, end_of(first) == TG_OK);
        expect(blame, end_of(second) == TG_CANCELLED);
        expect(blame, end_of(third) == TG_OK);
        for (int i = 0; i < 9; i++)
            expect(blame, end_of(queued[i]) == TG_SKIPPED);
        expect(blame, atomic_load(&ran) == 1);
    }
}

START_TEST(a_task_of_one_shard_may_destroy_the_whole_pool)
{
    at_place(PLACE_SERIAL, destroy_inside);
}
END_TEST

static void spread_groups(struct blame *blame)
{
    for (int balance = 0; balance < 2; balance++) {
        enum { GROUPS = 6 };
        struct gate gate = GATE;
        tg_pool *p = pool_of(3, balance);
        tg_group *groups[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            groups[i] = tg_group_create(TG_GROUP(.pool = p));
            tg_group_add_many(groups[i], stand, 2, &gate, 0, NULL);
            expect(blame, tg_group_start(groups[i]) == TG_OK);
        }
        gate_await(&gate, 3); /* in all shards */
        gate_open(&gate);
        for (int i = 0; i < GROUPS; i++) {
            expect(blame, tg_group_wait(groups[i], TG_FOREVER) == TG_OK);
            expect_exact_accounting(blame, groups[i]);
            tg_group_destroy(groups[i]);
        }
        finish(blame, p);
    }
}

START_TEST(groups_spread_over_the_shards)
{
    at_place(_i, spread_groups);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_shards");
    TCase *choosing = add_case(suite, "choosing");
    TCase *bounds = add_case(suite, "bounds");
    TCase *all = add_case(suite, "all of them");

    tcase_add_loop_test(choosing, shards_take_turns, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(choosing, a_task_goes_where_the_fewest_are, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(choosing, all_shards_work_and_are_counted_together, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(bounds, each_shard_has_a_queue_of_its_own, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(bounds, a_close_frees_who_waits_at_any_shard);
    tcase_add_loop_test(all, all_shards_are_closed_opened_paused_and_resized_together, 0, 3);
    tcase_add_test(all, a_task_of_one_shard_is_inside_of_the_whole_pool);
    tcase_add_test(all, a_task_of_one_shard_may_destroy_the_whole_pool);
    tcase_add_loop_test(all, groups_spread_over_the_shards, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
