/* SPDX-License-Identifier: MIT */
/* pool.h: closing in all ways, opening again, and the pool's end. */
#include "tg_test.h"
#include "pools.h"

enum { THREADS = 2, QUEUED = 20 };

/* Goes on until it is told to stop, and says by its result that it was. */
static int until_told(tg_task *self, void *arg, void *result)
{
    (void)result;
    task_count(self, arg, NULL);
    while (tg_task_check(self) == TG_OK)
        nap_for(0.0002);
    return tg_task_check(self) == TG_CANCELLED ? 9 : 0;
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
        submit_with(blame, stuck->pool, task_count, &stuck->ran,
            TG_TASK(.priority = i % 2, .delay = i % 4 ? 0 : 3600), &stuck->tasks[i]);
}

/* Abandoned: the handles say so, also when the pool is no more. */
static void expect_abandoned(struct stuck *stuck)
{
    for (int i = 0; i < THREADS + QUEUED; i++) {
        expect(stuck->blame,
            tg_task_wait(stuck->tasks[i], 0) == (i < THREADS ? TG_CANCELLED : TG_SKIPPED));
        tg_task_release(stuck->tasks[i]);
    }
    expect(stuck->blame, atomic_load(&stuck->running) == THREADS);
    expect(stuck->blame, atomic_load(&stuck->ran) == 0);
}

static void expect_numbers_of_abandoned(struct stuck *stuck)
{
    tg_pool_numbers n = numbers_of(stuck->pool);

    expect(stuck->blame, is_over(&n));
    expect(stuck->blame, n.submitted == THREADS + QUEUED);
    expect(stuck->blame, n.abandoned == QUEUED && n.cancelled == THREADS);
}

/* ---- Three ways ---------------------------------------------------------------------------- */

static void drain(struct blame *blame)
{
    for (int threads = 1; threads <= 3; threads++) {
        tg_pool *p = tg_pool_create(TG_POOL(.threads = threads));
        atomic_int ran = 0;
        tg_task *task = (tg_task *)p;
        size_t abandoned = 99;
        for (int i = 0; i < 300; i++)
            submit_with(blame, p, task_count, &ran, TG_TASK(.delay = i % 50 ? 0 : 0.002), NULL);
        expect(blame, tg_pool_close(p, threads == 2 ? 600 : TG_FOREVER, &abandoned) == TG_OK);
        expect(blame, atomic_load(&ran) == 300);
        expect(blame, abandoned == 0);
        expect(blame, tg_pool_submit(p, task_count, &ran, NULL, &task) == TG_CLOSED);
        expect(blame, task == NULL);
        expect(blame, tg_error_last()->status == TG_CLOSED);
        for (int when_full = 0; when_full < 4; when_full++)
            expect(blame, tg_pool_submit(p, task_count, &ran, TG_TASK(.when_full = when_full),
                              NULL) == TG_CLOSED);
        expect(blame, finish(blame, p).ok == 300); /* again is harmless */
        expect(blame, atomic_load(&ran) == 300);
    }
}

START_TEST(a_close_without_haste_lets_all_run_and_takes_no_more)
{
    at_place(_i, drain);
}
END_TEST

static void abandon(struct blame *blame)
{
    static const double timeouts[] = {0, 0.004};

    for (int i = 0; i < 4; i++) {
        struct stuck stuck;
        size_t abandoned = 99;
        make_stuck(&stuck, blame, NULL);
        if (i >= 2)
            expect(blame, tg_pool_pause(stuck.pool, 1) == TG_OK); /* it ends */
        expect(blame, tg_pool_close(stuck.pool, timeouts[i % 2], &abandoned) == TG_TIMED_OUT);
        expect(blame, abandoned == QUEUED);
        expect_numbers_of_abandoned(&stuck);
        expect(blame, tg_pool_close(stuck.pool, 0, NULL) == TG_OK);
        expect_abandoned(&stuck);
        tg_pool_destroy(stuck.pool);
    }
}

START_TEST(a_close_in_haste_abandons_what_is_queued_and_tells_what_runs)
{
    at_place(_i, abandon);
}
END_TEST

START_TEST(a_pool_that_was_never_used_or_has_nothing_to_do_is_closed_at_once)
{
    struct blame blame = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    size_t abandoned = 99;
    tg_task *task = NULL;

    assert_status(tg_pool_close(p, 0, &abandoned), TG_OK);
    ck_assert_uint_eq(abandoned, 0);
    assert_status(tg_pool_reopen(p), TG_OK);
    submit_with(&blame, p, task_count, NULL, NULL, &task);
    assert_status(end_of(task), TG_OK);
    wait_until(numbers_of(p).free == 2);
    assert_status(tg_pool_close(p, 0, &abandoned), TG_OK);
    ck_assert_uint_eq(abandoned, 0);
    tg_pool_destroy(p);
    tg_pool_destroy(tg_pool_create(NULL));
    tg_pool_destroy(NULL);
    assert_refused(tg_pool_close(NULL, 0, NULL), TG_INVALID, "NULL");
    assert_refused(tg_pool_reopen(NULL), TG_INVALID, "NULL");
    p = tg_pool_create(NULL);
    assert_status(tg_pool_close(p, NAN, NULL), TG_INVALID);
    assert_status(tg_pool_close(p, -0.5, NULL), TG_INVALID);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

static int sleep_until_cancelled(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_sleep(self, 3600);
}

START_TEST(a_close_in_haste_wakes_what_sleeps)
{
    struct blame blame = {0};
    atomic_int ran = 0;
    tg_task *tasks[3];
    size_t abandoned = 99;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));

    submit_with(&blame, p, sleep_until_cancelled, &ran, NULL, &tasks[0]);
    submit_with(&blame, p, task_fail_7, &ran, TG_TASK(.attempts = 9, .backoff = 3600), &tasks[1]);
    submit_with(&blame, p, task_count, &ran, TG_TASK(.period = 3600), &tasks[2]);
    wait_until(atomic_load(&ran) == 3 && numbers_of(p).pending == 3);
    assert_status(tg_pool_close(p, 0.002, &abandoned), TG_TIMED_OUT);
    ck_assert_uint_eq(abandoned, 0); /* they have started */
    assert_status(end_of(tasks[0]), TG_CANCELLED);
    assert_status(end_of(tasks[1]), TG_CANCELLED);
    assert_status(end_of(tasks[2]), TG_OK);
    tg_pool_destroy(p);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Several ------------------------------------------------------------------------------- */

struct closer {
    tg_pool *pool;
    double timeout;
    tg_status status;
    size_t abandoned;
    pthread_t thread;
};

static void *close_it(void *arg)
{
    struct closer *closer = arg;

    closer->status = tg_pool_close(closer->pool, closer->timeout, &closer->abandoned);
    return NULL;
}

static void begin_to_close(struct closer *closer, tg_pool *pool, double timeout)
{
    *closer = (struct closer){pool, timeout, TG_INVALID, 99, 0};
    pthread_create(&closer->thread, NULL, close_it, closer);
}

static void wait_for_close(tg_pool *pool)
{
    while (tg_pool_submit(pool, task_count, NULL, TG_TASK(.delay = 3600), NULL) == TG_OK)
        nap_for(0.0002);
}

START_TEST(several_threads_may_close_and_the_shortest_timeout_counts)
{
    struct blame blame = {0};

    for (int round = 0; round < 5; round++) {
        struct stuck stuck;
        struct closer closers[4];
        make_stuck(&stuck, &blame, NULL);
        for (int i = 0; i < 4; i++)
            begin_to_close(&closers[i], stuck.pool, i == 2 ? 0.003 : i == 3 ? 600 : TG_FOREVER);
        for (int i = 0; i < 4; i++)
            pthread_join(closers[i].thread, NULL);
        expect_numbers_of_abandoned(&stuck);
        expect_abandoned(&stuck);
        /* Who came when it was over was told that it was closed before. */
        for (int i = 0; i < 4; i++)
            ck_assert_msg((closers[i].status == TG_TIMED_OUT && closers[i].abandoned == QUEUED) ||
                              (closers[i].status == TG_OK && i != 2),
                "%d: %s, %zu", i, tg_status_name(closers[i].status), closers[i].abandoned);
        tg_pool_destroy(stuck.pool);
    }
    assert_blameless(&blame, "main");
}
END_TEST

/* Callers that wait for room are told; what the pool has is run. */
struct blocked {
    struct blame *blame;
    tg_pool *pool;
    tg_status status;
    tg_task *task;
    pthread_t thread;
};

static void *block(void *arg)
{
    struct blocked *blocked = arg;

    blocked->task = (tg_task *)blocked->pool;
    blocked->status = tg_pool_submit(blocked->pool, task_count, NULL, NULL, &blocked->task);
    return NULL;
}

START_TEST(a_close_frees_who_waits_for_room)
{
    struct blame blame = {0};

    for (int round = 0; round < 4; round++) {
        struct gate gate = GATE;
        struct blocked blocked[3];
        struct closer closer;
        atomic_int running = 0, ran = 0;
        bool in_haste = round % 2;
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .queue = 1));
        if (in_haste)
            submit(&blame, p, until_told, &running);
        else
            submit(&blame, p, stand, &gate);
        wait_until(atomic_load(&running) == 1 || gate_standing(&gate) == 1);
        submit(&blame, p, task_count, &ran);
        for (int i = 0; i < 3; i++) {
            blocked[i] = (struct blocked){&blame, p, TG_INVALID, NULL, 0};
            pthread_create(&blocked[i].thread, NULL, block, &blocked[i]);
        }
        wait_until(numbers_of(p).waiters == 3);
        begin_to_close(&closer, p, in_haste ? 0 : TG_FOREVER);
        for (int i = 0; i < 3; i++) { /* while the gate is closed */
            pthread_join(blocked[i].thread, NULL);
            assert_status(blocked[i].status, TG_CLOSED);
            ck_assert_ptr_null(blocked[i].task);
        }
        gate_open(&gate);
        pthread_join(closer.thread, NULL);
        assert_status(closer.status, in_haste ? TG_TIMED_OUT : TG_OK);
        ck_assert_uint_eq(closer.abandoned, in_haste);
        ck_assert_int_eq(atomic_load(&ran), !in_haste);
        ck_assert_uint_eq(numbers_of(p).submitted, 2);
        tg_pool_destroy(p);
    }
    assert_blameless(&blame, "main");
}
END_TEST

static int close_own(tg_task *self, void *arg, void *result)
{
    struct stuck *stuck = arg;
    size_t abandoned = 99;

    (void)self, (void)result;
    expect(stuck->blame, tg_pool_close(stuck->pool, 0, &abandoned) == TG_BUSY);
    expect(stuck->blame, abandoned == 0);
    expect(stuck->blame, tg_pool_close(stuck->pool, TG_FOREVER, NULL) == TG_BUSY);
    expect(stuck->blame, tg_pool_reopen(stuck->pool) == TG_BUSY);
    submit(stuck->blame, stuck->pool, task_count, &stuck->ran); /* it is open */
    return 0;
}

START_TEST(a_task_cannot_close_its_own_pool)
{
    struct blame blame = {0};
    struct stuck stuck = {.blame = &blame, .pool = tg_pool_create(TG_POOL(.threads = 2))};

    for (int i = 0; i < 5; i++)
        submit(&blame, stuck.pool, close_own, &stuck);
    wait_until(atomic_load(&stuck.ran) == 5);
    finish(&blame, stuck.pool);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Again --------------------------------------------------------------------------------- */

static void open_again(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));

    for (int round = 0; round < 40; round++) {
        atomic_int ran = 0;
        size_t abandoned = 99, count = (size_t)round % 7 * 10;
        tg_status status;
        tg_pool_numbers n;
        expect(blame, tg_pool_reopen(p) == (round == 0 ? TG_BUSY : TG_OK));
        expect(blame, tg_pool_reopen(p) == TG_BUSY);
        expect(blame, numbers_of(p).submitted == 0); /* as new */
        for (size_t i = 0; i < count; i++)
            submit(blame, p, task_count, &ran);
        status = tg_pool_close(p, round % 3 == 2 ? TG_FOREVER : 0.0001 * (round % 3), &abandoned);
        expect(blame, (status == TG_OK && abandoned == 0) || status == TG_TIMED_OUT);
        expect(blame, round % 3 != 2 || status == TG_OK);
        n = numbers_of(p);
        expect(blame, is_over(&n));
        expect(blame, n.submitted == count);
        expect(blame, n.abandoned == abandoned);
        expect(blame, n.ok == (size_t)atomic_load(&ran) && n.ok + n.abandoned == count);
    }
    tg_pool_destroy(p);
}

START_TEST(a_pool_is_closed_and_opened_again_as_often_as_one_likes)
{
    at_place(_i, open_again);
}
END_TEST

START_TEST(while_somebody_closes_a_pool_it_is_not_opened)
{
    struct blame blame = {0};
    struct gate gate = GATE;
    struct closer closer;
    tg_task *task = NULL;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));

    submit(&blame, p, stand, &gate);
    gate_await(&gate, 1);
    begin_to_close(&closer, p, 0);
    wait_for_close(p);
    assert_status(tg_pool_reopen(p), TG_BUSY);
    gate_open(&gate);
    pthread_join(closer.thread, NULL);
    assert_status(tg_pool_reopen(p), TG_OK);
    submit_with(&blame, p, task_count, NULL, NULL, &task);
    assert_status(end_of(task), TG_OK); /* it is not stopped any more */
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_close");
    TCase *ways = add_case(suite, "three ways");
    TCase *several = add_case(suite, "several");
    TCase *again = add_case(suite, "again");

    tcase_add_loop_test(ways, a_close_without_haste_lets_all_run_and_takes_no_more, 0, PLACES);
    tcase_add_loop_test(
        ways, a_close_in_haste_abandons_what_is_queued_and_tells_what_runs, 0, PLACES);
    tcase_add_test(ways, a_pool_that_was_never_used_or_has_nothing_to_do_is_closed_at_once);
    tcase_add_test(ways, a_close_in_haste_wakes_what_sleeps);
    tcase_add_test(several, several_threads_may_close_and_the_shortest_timeout_counts);
    tcase_add_test(several, a_close_frees_who_waits_for_room);
    tcase_add_test(several, a_task_cannot_close_its_own_pool);
    tcase_add_loop_test(again, a_pool_is_closed_and_opened_again_as_often_as_one_likes, 0, PLACES);
    tcase_add_test(again, while_somebody_closes_a_pool_it_is_not_opened);
    return run_suite(suite);
}
