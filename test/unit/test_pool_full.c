/* SPDX-License-Identifier: MIT */
/* pool.h, `.queue`, `.waiters`: what becomes of a task for which there is no room. */
#include "tg_test.h"
#include "pools.h"
#include "crashes.h"

static const long queues[] = {TG_QUEUE_NONE, 1, 2, 7};
enum { QUEUES = sizeof queues / sizeof *queues, THREADS = 2 };

/* Tasks that fit into such a queue. */
static int room_of(long queue)
{
    return queue == TG_QUEUE_NONE ? 0 : (int)queue;
}

/* A pool whose threads stand at a gate, with a full queue, and somebody who submits to it. */
struct full {
    struct blame *blame;
    tg_pool *pool;
    struct gate gate;
    int room;
    atomic_int ran;     /* tasks in the queue, and those that come */
    atomic_bool open;   /* about to be opened */
    pthread_t thread;   /* who submits */
    tg_status expected; /* what it is answered */
    double patience;
};

static tg_status submit_so(struct full *full, int when_full, tg_task **task)
{
    return tg_pool_submit(
        full->pool, task_count, &full->ran, TG_TASK(.when_full = when_full), task);
}

static void make_full(struct full *full, struct blame *blame, tg_pool *pool, long queue)
{
    *full = (struct full){.blame = blame, .pool = pool, .gate = GATE, .room = room_of(queue)};
    for (int i = 0; i < THREADS; i++)
        submit(blame, pool, stand, &full->gate);
    gate_await(&full->gate, THREADS);
    for (int i = 0; i < full->room; i++)
        expect(blame, submit_so(full, TG_FULL_REFUSE, NULL) == TG_OK);
    expect(blame, numbers_of(pool).queued == (size_t)full->room);
}

static void open_full(struct full *full)
{
    atomic_store(&full->open, true);
    gate_open(&full->gate);
}

/* Opens the gate as soon as somebody waits for room. */
static void *open_later(void *arg)
{
    struct full *full = arg;

    wait_until(numbers_of(full->pool).waiters > 0);
    nap();
    open_full(full);
    return NULL;
}

/* ---- Without waiting ----------------------------------------------------------------------- */

static void be_refused(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct full full;
        tg_pool_numbers n;
        tg_task *task = NULL;
        make_full(&full, blame, tg_pool_create(TG_POOL(.threads = THREADS, .queue = queues[i])),
            queues[i]);
        task = (tg_task *)full.pool;
        expect(blame, submit_so(&full, TG_FULL_REFUSE, &task) == TG_FULL);
        expect(blame, task == NULL);
        expect(blame, tg_error_last()->status == TG_FULL);
        expect(blame, tg_pool_submit(full.pool, task_count, &full.ran, TG_TASK(.patience = 0.003),
                          &task) == TG_FULL);
        expect(blame, task == NULL);
        expect(blame, numbers_of(full.pool).submitted == (size_t)(THREADS + full.room));
        expect(blame, submit_so(&full, TG_FULL_DROP, NULL) == TG_OK);
        expect(blame, submit_so(&full, TG_FULL_DROP, &task) == TG_OK);
        expect(blame, tg_task_wait(task, 0) == TG_SKIPPED);
        expect(blame, outcome_of_task(task).status == TG_SKIPPED);
        expect(blame, tg_task_cancel(task) == TG_DONE);
        tg_task_release(task);
        expect(blame, numbers_of(full.pool).dropped == 2);
        expect(blame, atomic_load(&full.ran) == 0);
        open_full(&full);
        n = finish(blame, full.pool);
        expect(blame, n.ok == (size_t)(THREADS + full.room) && n.dropped == 2);
        expect(blame, atomic_load(&full.ran) == full.room);
    }
}

START_TEST(a_full_pool_refuses_drops_or_exhausts_the_patience)
{
    at_place(_i, be_refused);
}
END_TEST

/* However soon one comes after the other, also before there are threads. */
static void take_exactly(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 3, .queue = TG_QUEUE_NONE, .idle = 0.001));

    for (int round = 0; round < 30; round++) {
        struct gate gate = GATE;
        /* Those of the round before have ended, and go now. */
        for (int i = 0; i < 3; i++)
            wait_until(tg_pool_submit(
                           p, stand, &gate, TG_TASK(.when_full = TG_FULL_REFUSE), NULL) == TG_OK);
        for (int i = 0; i < 2; i++)
            expect(blame, tg_pool_submit(p, stand, &gate, TG_TASK(.when_full = TG_FULL_REFUSE),
                              NULL) == TG_FULL);
        gate_await(&gate, 3);
        gate_open(&gate);
        wait_until(numbers_of(p).free == 3);
        if (round % 3 == 0)
            nap(); /* the threads may be gone */
        expect(blame, gate_standing(&gate) == 3);
    }
    expect(blame, finish(blame, p).ok == 90);
}

START_TEST(without_queue_as_many_are_taken_as_threads_are_free)
{
    at_place(_i, take_exactly);
}
END_TEST

static void take_many(struct blame *blame)
{
    struct full full;

    make_full(&full, blame, tg_pool_create(TG_POOL(.threads = THREADS)), 0);
    for (int i = 0; i < 10000; i++)
        expect(blame, submit_so(&full, i % 4, NULL) == TG_OK);
    expect(blame, atomic_load(&full.ran) == 0);
    expect(blame, numbers_of(full.pool).queued == 10000);
    open_full(&full);
    expect(blame, finish(blame, full.pool).ok == 10000 + THREADS);
}

START_TEST(a_queue_without_bound_is_never_full)
{
    at_place(_i, take_many);
}
END_TEST

static int submit_beyond(tg_task *self, void *arg, void *result)
{
    struct full *full = arg;

    (void)self, (void)result;
    for (int when_full = 0; when_full < 4; when_full++) {
        tg_task *task = NULL;
        expect(full->blame, submit_so(full, when_full, &task) == TG_OK);
        expect(full->blame, tg_task_wait(task, 0) == TG_RUNNING); /* neither dropped nor run */
        tg_task_release(task);
    }
    return 0;
}

static void exceed(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct full full;
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1, .queue = queues[i]));
        full = (struct full){.blame = blame, .pool = p, .gate = GATE};
        submit(blame, p, submit_beyond, &full);
        wait_until(atomic_load(&full.ran) == 4);
        expect(blame, finish(blame, p).ok == 5);
    }
}

START_TEST(a_task_of_the_pool_is_never_refused_dropped_or_made_to_run_another)
{
    at_place(_i, exceed);
}
END_TEST

/* ---- Waiting ------------------------------------------------------------------------------- */

static void wait_for_room(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct full full;
        pthread_t thread;
        make_full(&full, blame,
            tg_pool_create(TG_POOL(.threads = THREADS, .queue = queues[i], .waiters = i % 3)),
            queues[i]);
        pthread_create(&thread, NULL, open_later, &full);
        /* There is no room while the gate is closed: only then may the submit come back. */
        expect(blame, tg_pool_submit(full.pool, task_count, &full.ran,
                          TG_TASK(.patience = i % 2 ? 600 : 0), NULL) == TG_OK);
        expect(blame, atomic_load(&full.open));
        pthread_join(thread, NULL);
        expect(blame, finish(blame, full.pool).ok == (size_t)(THREADS + full.room + 1));
        expect(blame, atomic_load(&full.ran) == full.room + 1);
    }
}

START_TEST(who_finds_no_room_waits_for_it)
{
    at_place(_i, wait_for_room);
}
END_TEST

static void *submit_and_wait(void *arg)
{
    struct full *full = arg;

    expect(full->blame, tg_pool_submit(full->pool, task_count, &full->ran,
                            TG_TASK(.patience = full->patience), NULL) == full->expected);
    return NULL;
}

START_TEST(no_more_callers_wait_than_may)
{
    struct blame blame = {0};
    struct full full;
    pthread_t threads[2];

    make_full(
        &full, &blame, tg_pool_create(TG_POOL(.threads = THREADS, .queue = 1, .waiters = 2)), 1);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, submit_and_wait, &full);
    wait_until(numbers_of(full.pool).waiters == 2);
    for (int i = 0; i < 10; i++)
        assert_status(submit_so(&full, TG_FULL_WAIT, NULL), TG_FULL);
    assert_status(
        tg_pool_submit(full.pool, task_count, NULL, TG_TASK(.patience = 600), NULL), TG_FULL);
    ck_assert_int_eq(numbers_of(full.pool).waiters, 2);
    open_full(&full);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(finish(&blame, full.pool).ok, THREADS + 3);
    assert_blameless(&blame, "main");
}
END_TEST

START_TEST(who_lost_patience_waits_no_more)
{
    struct blame blame = {0};
    struct full full;
    pthread_t threads[5];

    make_full(&full, &blame, tg_pool_create(TG_POOL(.threads = THREADS, .queue = 1)), 1);
    full.expected = TG_FULL;
    full.patience = 0.01;
    for (int i = 0; i < 5; i++)
        pthread_create(&threads[i], NULL, submit_and_wait, &full);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(numbers_of(full.pool).waiters, 0);
    open_full(&full);
    ck_assert_uint_eq(finish(&blame, full.pool).ok, THREADS + 1);
    assert_blameless(&blame, "main");
}
END_TEST

/* The gate stays closed: the place is that of what was taken back. */
START_TEST(what_is_taken_back_makes_room)
{
    struct blame blame = {0};
    struct full full;
    pthread_t threads[2];
    tg_task *queued[2];
    tg_pool_numbers n;

    make_full(&full, &blame, tg_pool_create(TG_POOL(.threads = THREADS, .queue = 2)), 0);
    for (int i = 0; i < 2; i++)
        assert_status(submit_so(&full, TG_FULL_REFUSE, &queued[i]), TG_OK);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, submit_and_wait, &full);
    wait_until(numbers_of(full.pool).waiters == 2);
    for (int i = 0; i < 2; i++) {
        assert_status(tg_task_cancel(queued[i]), TG_OK);
        assert_status(end_of(queued[i]), TG_CANCELLED);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&full.ran), 0);
    assert_status(submit_so(&full, TG_FULL_REFUSE, NULL), TG_FULL);
    open_full(&full);
    n = finish(&blame, full.pool);
    ck_assert_uint_eq(n.ok, THREADS + 2);
    ck_assert_uint_eq(n.cancelled, 2);
    assert_blameless(&blame, "main");
}
END_TEST

/* Several producers, hardly any room. */
struct producers {
    struct blame *blame;
    tg_pool *pool;
    struct crowd crowd;
};

static void *produce(void *arg)
{
    struct producers *producers = arg;

    for (int i = 0; i < 50; i++)
        submit_with(producers->blame, producers->pool, join_crowd, &producers->crowd,
            TG_TASK(.patience = i % 2 ? 600 : 0), NULL);
    return NULL;
}

static void produce_at_once(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct producers producers = {.blame = blame};
        pthread_t threads[4];
        producers.pool = tg_pool_create(TG_POOL(.threads = THREADS, .queue = queues[i]));
        for (int j = 0; j < 4; j++)
            pthread_create(&threads[j], NULL, produce, &producers);
        for (int j = 0; j < 4; j++)
            pthread_join(threads[j], NULL);
        expect(blame, finish(blame, producers.pool).ok == 200);
        expect(blame, atomic_load(&producers.crowd.ran) == 200);
        expect(blame, atomic_load(&producers.crowd.most) <= THREADS);
    }
}

START_TEST(many_producers_get_through_a_small_queue)
{
    at_place(PLACE_SERIAL, produce_at_once);
}
END_TEST

/* ---- In the calling thread ----------------------------------------------------------------- */

static int run_in_caller(tg_task *self, void *arg, void *result)
{
    struct full *full = arg;

    expect(full->blame, tg_task_current() == self);
    expect(full->blame, tg_task_check(self) == TG_OK);
    expect(full->blame, pthread_equal(pthread_self(), full->thread));
    expect(full->blame, tg_task_worker(self) >= 0);
    if (result != NULL)
        *(int *)result = 17;
    return atomic_fetch_add(&full->ran, 1) % 2 ? 7 : 0;
}

static void run_oneself(struct blame *blame)
{
    struct full full;
    tg_task *outer = tg_task_current();

    make_full(&full, blame,
        tg_pool_create(TG_POOL(.threads = THREADS, .queue = 1, .flags = TG_GROUP_GUARD)), 1);
    full.thread = pthread_self();
    for (int i = 0; i < 20; i++) {
        int result = 0;
        tg_task *task = NULL;
        submit_with(blame, full.pool, run_in_caller, &full,
            TG_TASK(.when_full = TG_FULL_RUN, .result = &result), &task);
        expect(blame, atomic_load(&full.ran) == i + 1);
        expect(blame, result == 17);
        expect(blame, tg_task_wait(task, 0) == (i % 2 ? TG_FAILED : TG_OK));
        expect(blame, outcome_of_task(task).code == (i % 2 ? 7 : 0));
        tg_task_release(task);
        expect(blame, tg_task_current() == outer);
    }
    open_full(&full);
    expect(blame, finish(blame, full.pool).failed == 10);
    expect(blame, atomic_load(&full.ran) == 21);
}

START_TEST(the_caller_may_run_itself_what_finds_no_room)
{
    at_place(_i, run_oneself);
}
END_TEST

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return crash_by_abort();
}

START_TEST(the_guard_is_there_for_what_the_caller_runs)
{
    struct blame blame = {0};
    struct full full;
    tg_task *task = NULL;

    crashes_prepare();
    make_full(&full, &blame,
        tg_pool_create(TG_POOL(.threads = THREADS, .queue = 1, .flags = TG_GROUP_GUARD)), 1);
    submit_with(&blame, full.pool, crash, NULL, TG_TASK(.when_full = TG_FULL_RUN), &task);
    assert_status(end_of(task), TG_CRASHED);
    open_full(&full);
    ck_assert_uint_eq(finish(&blame, full.pool).failed, 1);
    assert_blameless(&blame, "main");
}
END_TEST

static int expect_another_thread(tg_task *self, void *arg, void *result)
{
    struct full *full = arg;

    expect(full->blame, !pthread_equal(pthread_self(), full->thread));
    return task_count(self, &full->ran, result);
}

/* What is in flight is bounded: it waits instead. */
static void wait_with_limit(struct blame *blame)
{
    struct full full;
    pthread_t thread;

    make_full(
        &full, blame, tg_pool_create(TG_POOL(.threads = THREADS, .limit = THREADS, .queue = 1)), 1);
    full.thread = pthread_self();
    pthread_create(&thread, NULL, open_later, &full);
    submit_with(
        blame, full.pool, expect_another_thread, &full, TG_TASK(.when_full = TG_FULL_RUN), NULL);
    expect(blame, atomic_load(&full.open));
    pthread_join(thread, NULL);
    expect(blame, finish(blame, full.pool).ok == THREADS + 2);
}

START_TEST(with_a_limit_the_caller_waits_instead)
{
    at_place(_i, wait_with_limit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_full");
    TCase *at_once = add_case(suite, "without waiting");
    TCase *wait = add_case(suite, "waiting");
    TCase *caller = add_case(suite, "in the calling thread");

    tcase_add_loop_test(at_once, a_full_pool_refuses_drops_or_exhausts_the_patience, 0, PLACES);
    tcase_add_loop_test(at_once, without_queue_as_many_are_taken_as_threads_are_free, 0, 2);
    tcase_add_test(at_once, a_queue_without_bound_is_never_full);
    tcase_add_loop_test(
        at_once, a_task_of_the_pool_is_never_refused_dropped_or_made_to_run_another, 0, 2);
    tcase_add_loop_test(wait, who_finds_no_room_waits_for_it, 0, PLACES);
    tcase_add_test(wait, no_more_callers_wait_than_may);
    tcase_add_test(wait, who_lost_patience_waits_no_more);
    tcase_add_test(wait, what_is_taken_back_makes_room);
    tcase_add_test(wait, many_producers_get_through_a_small_queue);
    tcase_add_loop_test(caller, the_caller_may_run_itself_what_finds_no_room, 0, PLACES);
    tcase_add_test(caller, the_guard_is_there_for_what_the_caller_runs);
    tcase_add_loop_test(caller, with_a_limit_the_caller_waits_instead, 0, PLACES);
    return run_suite(suite);
}
