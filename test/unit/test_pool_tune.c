/* SPDX-License-Identifier: MIT */
/* pool.h: pausing, resizing, numbers, what workers keep, and what happens when there is nothing to do. */
#include "tg_test.h"
#include "pools.h"

/* ---- Pausing ------------------------------------------------------------------------------- */

static void pause_and_go_on(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));

    for (int round = 0; round < 6; round++) {
        struct gate gate = GATE;
        atomic_int ran = 0;
        tg_task *task = NULL;
        if (round % 2) { /* what runs goes on */
            submit_with(blame, p, stand, &gate, NULL, &task);
            gate_await(&gate, 1);
        }
        expect(blame, tg_pool_pause(p, 1) == TG_OK);
        expect(blame, tg_pool_pause(p, 77) == TG_OK);
        for (int i = 0; i < 20; i++)
            submit_with(blame, p, task_count, &ran, TG_TASK(.priority = i % 2), NULL);
        submit_with(blame, p, task_count, &ran, TG_TASK(.delay = 0.001), NULL);
        gate_open(&gate);
        expect(blame, task == NULL || end_of(task) == TG_OK);
        nap();
        expect(blame, atomic_load(&ran) == 0);
        /* A thread that only looks may count as running, for a moment. */
        wait_until(numbers_of(p).queued + numbers_of(p).pending == 21);
        expect(blame, tg_pool_pause(p, 0) == TG_OK);
        expect(blame, tg_pool_pause(p, 0) == TG_OK);
        wait_until(atomic_load(&ran) == 21);
        if (round % 3 == 0) { /* a close lets it go on, too; and a reopen is not paused */
            expect(blame, tg_pool_pause(p, 1) == TG_OK);
            submit(blame, p, task_count, &ran);
            expect(blame, tg_pool_close(p, TG_FOREVER, NULL) == TG_OK);
            expect(blame, atomic_load(&ran) == 22);
            expect(blame, tg_pool_reopen(p) == TG_OK);
        }
    }
    finish(blame, p);
}

START_TEST(while_a_pool_is_paused_nothing_starts)
{
    at_place(_i, pause_and_go_on);
}
END_TEST

/* A full queue stays full meanwhile. */
START_TEST(a_paused_pool_makes_no_room)
{
    struct blame blame = {0};
    struct crowd crowd = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .queue = 3));
    int taken = 0;

    assert_status(tg_pool_pause(p, 1), TG_OK);
    while (
        tg_pool_submit(p, join_crowd, &crowd, TG_TASK(.when_full = TG_FULL_REFUSE), NULL) == TG_OK)
        taken++;
    ck_assert_int_ge(taken, 3);
    ck_assert_int_le(taken, 5);
    assert_status(tg_pool_submit(p, join_crowd, &crowd, TG_TASK(.patience = 0.003), NULL), TG_FULL);
    ck_assert_int_eq(atomic_load(&crowd.ran), 0);
    assert_status(tg_pool_pause(p, 0), TG_OK);
    assert_status(tg_pool_submit(p, join_crowd, &crowd, NULL, NULL), TG_OK);
    finish(&blame, p);
    ck_assert_int_eq(atomic_load(&crowd.ran), taken + 1);
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Resizing ------------------------------------------------------------------------------ */

/* As many as there are threads stand at once, and no more. */
static void expect_capacity(struct blame *blame, tg_pool *pool, int threads)
{
    struct gate gate = GATE;
    tg_pool_numbers n;

    for (int i = 0; i < threads + 3; i++)
        submit(blame, pool, stand, &gate);
    gate_await(&gate, threads);
    nap();
    n = numbers_of(pool);
    expect(blame, gate_standing(&gate) == threads);
    expect(blame, n.threads == threads && n.running == threads && n.free == 0);
    expect(blame, n.queued == 3);
    gate_open(&gate);
    wait_until(numbers_of(pool).running == 0 && numbers_of(pool).queued == 0);
    n = numbers_of(pool);
    expect(blame, n.free == threads);
}

static void resize_at_rest(struct blame *blame)
{
    static const int sizes[] = {1, 4, 2, 5, 5, 3, 1, 2};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 3));

    for (int i = 0; i < 8; i++) {
        expect(blame, tg_pool_resize(p, sizes[i]) == TG_OK);
        expect(blame, numbers_of(p).threads == sizes[i]);
        expect_capacity(blame, p, sizes[i]);
    }
    expect(blame, tg_pool_close(p, TG_FOREVER, NULL) == TG_OK);
    expect(blame, tg_pool_reopen(p) == TG_OK);
    expect_capacity(blame, p, 2); /* it keeps its number */
    finish(blame, p);
}

START_TEST(a_pool_has_as_many_threads_as_it_was_told_last)
{
    at_place(_i, resize_at_rest);
}
END_TEST

/* All stand at the gate when the size changes; those beyond end first. */
static void resize_while_busy(struct blame *blame)
{
    for (int from = 1; from <= 4; from++)
        for (int to = 1; to <= 4; to++) {
            struct gate gate = GATE;
            struct crowd crowd = {0};
            tg_pool *p = tg_pool_create(TG_POOL(.threads = from));
            for (int i = 0; i < from; i++)
                submit(blame, p, stand, &gate);
            gate_await(&gate, from);
            expect(blame, tg_pool_resize(p, to) == TG_OK);
            expect(blame, numbers_of(p).threads == to);
            for (int i = 0; i < 30; i++)
                submit(blame, p, join_crowd, &crowd);
            gate_open(&gate);
            wait_until(atomic_load(&crowd.ran) == 30);
            expect(blame, atomic_load(&crowd.most) <= to);
            expect_capacity(blame, p, to);
            finish(blame, p);
        }
}

START_TEST(a_pool_is_resized_while_its_threads_are_busy)
{
    at_place(_i, resize_while_busy);
}
END_TEST

struct flood {
    struct blame *blame;
    tg_pool *pool;
    struct crowd crowd;
};

static void *submit_flood(void *arg)
{
    struct flood *flood = arg;

    for (int i = 0; i < 1000; i++)
        submit(flood->blame, flood->pool, join_crowd, &flood->crowd);
    return NULL;
}

START_TEST(a_pool_is_resized_while_tasks_pour_in)
{
    struct blame blame = {0};
    struct flood flood = {.blame = &blame};
    pthread_t threads[2];
    int size = 0;

    flood.pool = tg_pool_create(TG_POOL(.threads = 2, .queue = 50));
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, submit_flood, &flood);
    for (int i = 0; atomic_load(&flood.crowd.ran) < 1900; i++) {
        size = 1 + i * 7 % 5;
        assert_status(tg_pool_resize(flood.pool, size), TG_OK);
        ck_assert_int_eq(numbers_of(flood.pool).threads, size);
        nap_for(0.0005);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_le(atomic_load(&flood.crowd.most), 5);
    wait_until(atomic_load(&flood.crowd.ran) == 2000 && numbers_of(flood.pool).running == 0);
    expect_capacity(&blame, flood.pool, size);
    ck_assert_int_eq((int)finish(&blame, flood.pool).ok, 2000 + size + 3);
    assert_blameless(&blame, "main");
}
END_TEST

START_TEST(a_size_a_pause_and_a_report_without_sense_are_refused)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_pool_numbers none = {0}, n = {.size = sizeof n};

    assert_refused(tg_pool_resize(NULL, 1), TG_INVALID, "NULL");
    assert_refused(tg_pool_resize(p, 0), TG_INVALID, "0");
    assert_refused(tg_pool_resize(p, -3), TG_INVALID, "-3");
    assert_refused(tg_pool_pause(NULL, 1), TG_INVALID, "NULL");
    assert_refused(tg_pool_report(NULL, &n), TG_INVALID, "NULL");
    assert_refused(tg_pool_report(p, NULL), TG_INVALID, "NULL");
    assert_refused((tg_pool_report)(p, &none), TG_INVALID, "size");
    ck_assert_int_eq(numbers_of(p).threads, 2);
    ck_assert_int_eq(numbers_of(p).free, 2);
    tg_pool_destroy(p);
}
END_TEST

/* ---- What workers keep --------------------------------------------------------------------- */

enum { MOST_WORKERS = 8 };

/* What worker_init has made; nobody else has it while it is in use. */
struct state {
    atomic_int users, uses;
};

struct workers {
    struct blame *blame;
    struct crowd crowd;
    atomic_int made, freed, worker[MOST_WORKERS];
    int fail; /* to make it */
};

static int make_state(int worker, void **state, void *user)
{
    struct workers *workers = user;

    expect(workers->blame, worker >= 0 && worker < MOST_WORKERS);
    if (workers->fail)
        return 5;
    *state = calloc(1, sizeof(struct state));
    atomic_fetch_add(&workers->made, 1);
    return 0;
}

static void free_state(int worker, void *state, void *user)
{
    struct workers *workers = user;

    expect(workers->blame, worker >= 0 && worker < MOST_WORKERS);
    expect(workers->blame, atomic_load(&((struct state *)state)->users) == 0);
    free(state);
    atomic_fetch_add(&workers->freed, 1);
}

static int use_state(tg_task *self, void *arg, void *result)
{
    struct workers *workers = arg;
    struct state *state = tg_task_local(self);
    int worker = tg_task_worker(self);

    expect(workers->blame, worker >= 0 && worker < MOST_WORKERS);
    expect(workers->blame, (state == NULL) == (workers->fail != 0));
    expect(workers->blame, atomic_fetch_add(&workers->worker[worker], 1) == 0);
    if (state != NULL)
        expect(workers->blame, atomic_fetch_add(&state->users, 1) == 0);
    join_crowd(self, &workers->crowd, result);
    if (state != NULL) {
        atomic_fetch_add(&state->uses, 1);
        atomic_fetch_sub(&state->users, 1);
    }
    expect(workers->blame, tg_task_worker(self) == worker);
    expect(workers->blame, tg_task_local(self) == state);
    atomic_fetch_sub(&workers->worker[worker], 1);
    return 0;
}

static void keep_states(struct blame *blame)
{
    for (int fail = 0; fail < 2; fail++) {
        struct workers workers = {.blame = blame, .fail = fail};
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 3, .idle = TG_FOREVER,
            .worker_init = make_state, .worker_fini = free_state, .user = &workers));
        for (int round = 1; round <= 5; round++) {
            expect(blame, round == 1 || tg_pool_reopen(p) == TG_OK);
            for (int i = 0; i < 100; i++)
                submit(blame, p, use_state, &workers);
            expect(blame, tg_pool_close(p, TG_FOREVER, NULL) == TG_OK);
            expect(blame, atomic_load(&workers.made) == atomic_load(&workers.freed));
            expect(blame, atomic_load(&workers.made) >= (fail ? 0 : round));
            expect(blame, atomic_load(&workers.made) <= 3 * round);
            expect(blame, atomic_load(&workers.crowd.ran) == 100 * round);
        }
        tg_pool_destroy(p);
    }
}

START_TEST(each_worker_has_a_state_of_its_own_that_is_freed_when_the_pool_is_closed)
{
    at_place(_i, keep_states);
}
END_TEST

START_TEST(workers_stay_apart_while_the_pool_is_resized)
{
    struct blame blame = {0};
    struct workers workers = {.blame = &blame};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 3, .worker_init = make_state,
        .worker_fini = free_state, .user = &workers));

    for (int i = 0; i < 2000; i++) {
        submit(&blame, p, use_state, &workers);
        if (i % 50 == 0)
            assert_status(tg_pool_resize(p, 1 + i / 50 * 3 % 5), TG_OK);
    }
    finish(&blame, p);
    assert_blameless(&blame, "main");
    ck_assert_int_eq(atomic_load(&workers.crowd.ran), 2000);
    ck_assert_int_eq(atomic_load(&workers.made), atomic_load(&workers.freed));
}
END_TEST

/* A state that is in use in the calling thread, while the region is to be closed. */
struct user {
    struct workers workers;
    tg_pool *pool;
    struct gate gate;
    int threads; /* to resize the pool to; 0: only wait */
};

static int keep_while_closed(tg_task *self, void *arg, void *result)
{
    struct user *user = arg;
    struct state *state = tg_task_local(self);

    (void)result;
    expect(user->workers.blame, state != NULL);
    if (state == NULL)
        return 7;
    atomic_fetch_add(&state->users, 1);
    gate_open(&user->gate);
    if (user->threads > 0)
        expect(user->workers.blame, tg_pool_resize(user->pool, user->threads) == TG_OK);
    nap_for(0.004);
    atomic_fetch_sub(&state->users, 1);
    return 0;
}

START_TEST(what_a_caller_uses_that_runs_a_task_itself_is_not_freed_meanwhile)
{
    struct blame blame = {0};

    for (int round = 0; round < 10; round++) {
        struct user user = {.workers.blame = &blame, .gate = GATE, .threads = round % 2 ? 4 : 0};
        user.pool = tg_pool_create(TG_POOL(.threads = 1, .queue = TG_QUEUE_NONE, .idle = 0.001,
            .worker_init = make_state, .worker_fini = free_state, .user = &user.workers));
        submit(&blame, user.pool, stand, &user.gate);
        if (round % 4 < 2)
            gate_await(&user.gate, 1);
        submit_with(
            &blame, user.pool, keep_while_closed, &user, TG_TASK(.when_full = TG_FULL_RUN), NULL);
        finish(&blame, user.pool);
        ck_assert_int_eq(atomic_load(&user.workers.made), atomic_load(&user.workers.freed));
    }
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Nothing to do ------------------------------------------------------------------------- */

/* That the region was closed shows by what is freed then. */
START_TEST(after_a_while_without_work_the_threads_are_given_back)
{
    struct blame blame = {0};
    struct workers workers = {.blame = &blame};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .idle = 0.005, .worker_init = make_state,
        .worker_fini = free_state, .user = &workers));

    for (int round = 1; round <= 10; round++) {
        int made = atomic_load(&workers.made);
        tg_task *task = NULL;
        submit_with(&blame, p, use_state, &workers, NULL, &task);
        assert_status(end_of(task), TG_OK);
        ck_assert_int_eq(atomic_load(&workers.made), made + 1); /* anew */
        wait_until(atomic_load(&workers.freed) == made + 1);
    }
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

/* The next task comes before, while and after the threads are given back. */
static void come_and_go(struct blame *blame)
{
    static const double idles[] = {0.0005, 0.001, 1e-9};

    for (int i = 0; i < 3; i++) {
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1 + i % 2, .idle = idles[i]));
        atomic_int ran = 0;
        for (int round = 1; round <= 200; round++) {
            tg_task *task = NULL;
            submit_with(blame, p, task_count, &ran, NULL, &task);
            if (round % 3)
                submit(blame, p, task_count, NULL);
            expect(blame, end_of(task) == TG_OK);
            expect(blame, atomic_load(&ran) == round);
            nap_for(idles[0] * (round % 5) / 2);
        }
        finish(blame, p);
    }
}

START_TEST(a_task_comes_whenever_the_threads_are_just_given_back)
{
    at_place(_i, come_and_go);
}
END_TEST

/* What waits for its time is no reason to keep threads, and is not forgotten without them. */
START_TEST(what_has_its_time_to_come_runs_after_the_threads_are_gone)
{
    struct blame blame = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .idle = 0.001));
    atomic_int ran = 0;
    tg_task *tasks[20];

    for (int i = 0; i < 20; i++)
        submit_with(&blame, p, task_count, &ran, TG_TASK(.delay = 0.004 * (i % 7)), &tasks[i]);
    for (int i = 0; i < 20; i++)
        assert_status(end_of(tasks[i]), TG_OK);
    ck_assert_int_eq(atomic_load(&ran), 20);
    finish(&blame, p);
    assert_blameless(&blame, "main");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_tune");
    TCase *pause = add_case(suite, "pausing");
    TCase *size = add_case(suite, "resizing");
    TCase *workers = add_case(suite, "workers");
    TCase *idle = add_case(suite, "nothing to do");

    tcase_add_loop_test(pause, while_a_pool_is_paused_nothing_starts, 0, PLACES);
    tcase_add_test(pause, a_paused_pool_makes_no_room);
    tcase_add_loop_test(size, a_pool_has_as_many_threads_as_it_was_told_last, 0, PLACE_IN_TASK + 1);
    tcase_add_test(size, a_pool_is_resized_while_its_threads_are_busy);
    tcase_add_test(size, a_pool_is_resized_while_tasks_pour_in);
    tcase_add_test(size, a_size_a_pause_and_a_report_without_sense_are_refused);
    tcase_add_loop_test(
        workers, each_worker_has_a_state_of_its_own_that_is_freed_when_the_pool_is_closed, 0, 3);
    tcase_add_test(workers, workers_stay_apart_while_the_pool_is_resized);
    tcase_add_test(workers, what_a_caller_uses_that_runs_a_task_itself_is_not_freed_meanwhile);
    tcase_add_test(idle, after_a_while_without_work_the_threads_are_given_back);
    tcase_add_loop_test(idle, a_task_comes_whenever_the_threads_are_just_given_back, 0, 2);
    tcase_add_test(idle, what_has_its_time_to_come_runs_after_the_threads_are_gone);
    return run_suite(suite);
}
