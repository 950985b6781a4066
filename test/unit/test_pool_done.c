/* SPDX-License-Identifier: MIT */
/* pool.h: on_done of a pool's tasks, tg_pool_shut(), and a deferred task that its handle completes. */
#include "tg_test.h"
#include "pools.h"

#include <errno.h>

/* ---- on_done ------------------------------------------------------------------------------- */

enum { MANY = 300 };

/* Each task's argument is freed in on_done, once, whatever became of the task. */
struct ledger {
    struct blame *blame;
    atomic_int done, inside, of[TG_NOT_RUN + 1];
    int teams; /* on_done comes one at a time on each */
    tg_pool *pool;
    atomic_int extra; /* tasks that on_done submits */
};

struct job {
    int number;
    atomic_bool started;
};

static int settle_up(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct ledger *ledger = user;
    struct job *job = outcome->arg;
    (void)group;
    expect(ledger->blame, atomic_fetch_add(&ledger->inside, 1) < ledger->teams);
    expect(ledger->blame, tg_task_current() == NULL);
    expect(ledger->blame, job != NULL && job->number >= 0);
    if (job != NULL)
        job->number = -1;
    free(job);
    if (outcome->status <= TG_NOT_RUN)
        atomic_fetch_add(&ledger->of[outcome->status], 1);
    atomic_fetch_add(&ledger->done, 1);
    atomic_fetch_sub(&ledger->inside, 1);
    return 1; /* does not matter */
}

static struct job *new_job(int number)
{
    struct job *job = calloc(1, sizeof *job);
    if (job != NULL)
        job->number = number;
    return job;
}

static int end_somehow(tg_task *self, void *arg, void *result)
{
    int number = ((struct job *)arg)->number;
    (void)result;
    switch (number % 4) {
    case 0:
        return 0;
    case 1:
        return tg_task_fail(self, 1, "number %d", number);
    case 2:
        return tg_task_sleep(self, 1e-4);
    default:
        return tg_task_attempt(self) < 2;
    }
}

static void free_all(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct ledger ledger = {.blame = blame, .teams = 1 + (i == 3)};
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1 + i, .on_done = settle_up, .user = &ledger,
            .shards = ledger.teams, .idle = i & 1 ? 1e-4 : 0));
        for (int k = 0; k < MANY; k++) {
            tg_task *task = NULL;
            expect(blame,
                tg_pool_submit(p, end_somehow, new_job(k),
                    k % 4 == 3 ? TG_TASK(.attempts = 2) : NULL, k % 3 ? &task : NULL) == TG_OK);
            if (k % 7 == 0)
                tg_task_cancel(task);
            tg_task_release(task);
        }
        tg_pool_close(p, TG_FOREVER, NULL);
        tg_pool_destroy(p);
        expect(
            blame, atomic_load(&ledger.done) == MANY && atomic_load(&ledger.of[TG_SKIPPED]) == 0);
    }
}

START_TEST(on_done_comes_once_for_each_task_of_a_pool)
{
    at_place(_i, free_all);
}
END_TEST

static int stand_by(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_store(&((struct job *)arg)->started, true);
    wait_until(tg_task_check(self) != TG_OK);
    return 1;
}

static void abandon_some(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct ledger ledger = {.blame = blame, .teams = 1};
        tg_context *context = tg_context_create(NULL);
        tg_pool *p = tg_pool_create(
            TG_POOL(.threads = 1, .on_done = settle_up, .user = &ledger, .context = context));
        tg_task *tasks[6];
        size_t abandoned = 0;
        struct job *first = new_job(0);
        tg_pool_submit(p, stand_by, first, NULL, NULL);
        wait_until(atomic_load(&first->started));
        for (int k = 0; k < 6; k++)
            expect(blame, tg_pool_submit(p, end_somehow, new_job(k),
                              k == 5 ? TG_TASK(.delay = 3600) : NULL, &tasks[k]) == TG_OK);
        expect(blame, tg_task_cancel(tasks[2]) == TG_OK); /* no worker will claim it */
        if (i % 3 == 0)
            expect(blame, tg_pool_close(p, 0, &abandoned) == TG_TIMED_OUT && abandoned == 5);
        else if (i % 3 == 1)
            tg_context_cancel(context, 1, NULL);
        tg_pool_destroy(p);
        expect(blame, atomic_load(&ledger.done) == 7);
        expect(blame, atomic_load(&ledger.of[TG_SKIPPED]) == 5);
        expect(blame, atomic_load(&ledger.of[TG_CANCELLED]) == 2);
        for (int k = 0; k < 6; k++) {
            tg_outcome o;
            expect(blame, tg_task_outcome(tasks[k], &o) == TG_OK);
            expect(blame, o.status == (k == 2 ? TG_CANCELLED : TG_SKIPPED));
            expect(blame, o.cause == TG_CANCELLED && o.worker == -1);
            tg_task_release(tasks[k]);
        }
        tg_context_destroy(context);
    }
}

START_TEST(on_done_comes_for_abandoned_tasks_too)
{
    at_place(_i, abandon_some);
}
END_TEST

static int put_off(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

/* Its region is closed long before: on_done does not wait for the next one. */
START_TEST(on_done_comes_when_a_task_is_completed_while_no_region_is_open)
{
    struct blame blame = {0};
    struct ledger ledger = {.blame = &blame, .teams = 1};
    tg_pool *p =
        tg_pool_create(TG_POOL(.threads = 1, .on_done = settle_up, .user = &ledger, .idle = 1e-4));
    tg_task *task;
    assert_status(tg_pool_submit(p, put_off, new_job(0), NULL, &task), TG_OK);
    wait_until(numbers_of(p).pending == 1 && numbers_of(p).running == 0);
    nap_for(0.01);
    assert_status(tg_task_complete(task, 0, NULL), TG_OK);
    ck_assert_int_eq(atomic_load(&ledger.done), 1);
    tg_task_release(task);
    tg_pool_destroy(p);
    assert_blameless(&blame, "serial code");
}
END_TEST

static int submit_again(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct ledger *ledger = user;
    (void)group, (void)outcome;
    atomic_fetch_add(&ledger->done, 1);
    if (atomic_fetch_add(&ledger->extra, 1) < 20)
        expect(ledger->blame, tg_pool_submit(ledger->pool, task_count, NULL, NULL, NULL) == TG_OK);
    return 0;
}

static void submit_in_done(struct blame *blame)
{
    struct ledger ledger = {.blame = blame};
    tg_pool *p = ledger.pool =
        tg_pool_create(TG_POOL(.queue = TG_QUEUE_NONE, .on_done = submit_again, .user = &ledger));
    tg_pool_submit(p, task_count, NULL, NULL, NULL);
    tg_pool_close(p, TG_FOREVER, NULL);
    expect(blame, atomic_load(&ledger.done) == 21 && numbers_of(p).ok == 21);
    tg_pool_destroy(p);
}

START_TEST(on_done_may_submit_until_the_pool_is_closed)
{
    at_place(_i, submit_in_done);
}
END_TEST

/* ---- Shutting ------------------------------------------------------------------------------ */

struct shut {
    struct blame *blame;
    tg_pool *pool;
    atomic_int ran;
    struct gate gate;
};

/* A tree of tasks, which goes on to grow while the pool closes. */
static int grow(tg_task *self, void *arg, void *result)
{
    struct shut *shut = arg;
    int number = atomic_fetch_add(&shut->ran, 1);
    (void)self, (void)result;
    for (int i = 0; i < 2 && number < 50; i++)
        expect(shut->blame, tg_pool_submit(shut->pool, grow, shut, NULL, NULL) == TG_OK);
    return 0;
}

static int stand_then_grow(tg_task *self, void *arg, void *result)
{
    struct shut *shut = arg;
    stand(self, &shut->gate, result);
    return grow(self, arg, result);
}

static void shut_then_close(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct shut shut = {.blame = blame, .gate = GATE};
        tg_pool *p = shut.pool =
            tg_pool_create(TG_POOL(.threads = 1 + i % 2, .shards = 1 + i / 2, .queue = i));
        expect(blame, tg_pool_submit(p, stand_then_grow, &shut, NULL, NULL) == TG_OK);
        gate_await(&shut.gate, 1);
        expect(blame, tg_pool_shut(p) == TG_OK && tg_pool_shut(p) == TG_OK);
        expect(blame, tg_pool_submit(p, grow, &shut, NULL, NULL) == TG_CLOSED);
        expect(blame, tg_pool_reopen(p) == TG_BUSY); /* it closes, and is not closed */
        gate_open(&shut.gate);
        expect(blame, tg_pool_close(p, TG_FOREVER, NULL) == TG_OK);
        expect(blame, tg_pool_shut(p) == TG_OK);
        expect(blame, atomic_load(&shut.ran) == 101);
        expect(blame, numbers_of(p).ok == 101 && numbers_of(p).abandoned == 0);
        expect(blame, tg_pool_submit(p, grow, &shut, NULL, NULL) == TG_CLOSED);
        expect(blame, tg_pool_reopen(p) == TG_OK);
        expect(blame, tg_pool_submit(p, task_count, NULL, NULL, NULL) == TG_OK);
        finish(blame, p);
    }
}

START_TEST(a_pool_that_is_shut_ends_what_it_has_and_what_that_submits)
{
    at_place(_i, shut_then_close);
}
END_TEST

static int shut_it(tg_task *self, void *arg, void *result)
{
    struct shut *shut = arg;
    (void)self, (void)result;
    expect(shut->blame, tg_pool_shut(shut->pool) == TG_OK);
    return grow(self, arg, result);
}

static void shut_from_inside(struct blame *blame)
{
    struct shut shut = {.blame = blame, .pool = tg_pool_create(NULL)};
    expect(blame, tg_pool_submit(shut.pool, shut_it, &shut, NULL, NULL) == TG_OK);
    expect(blame, tg_pool_close(shut.pool, TG_FOREVER, NULL) == TG_OK);
    expect(blame, atomic_load(&shut.ran) == 101);
    expect(blame, tg_pool_shut(NULL) == TG_INVALID);
    tg_pool_destroy(shut.pool);
}

START_TEST(a_pool_is_shut_by_one_of_its_tasks)
{
    at_place(_i, shut_from_inside);
}
END_TEST

/* ---- Completing by a handle ---------------------------------------------------------------- */

static void complete_by_handle(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_task *tasks[3], *plain;
    tg_outcome o;
    for (int i = 0; i < 3; i++)
        expect(blame, tg_pool_submit(p, put_off, NULL, NULL, &tasks[i]) == TG_OK);
    expect(blame, tg_pool_submit(p, task_count, NULL, TG_TASK(.delay = 3600), &plain) == TG_OK);
    expect(blame, tg_task_complete(plain, 0, NULL) == TG_INVALID); /* has not started */
    expect(blame, tg_task_cancel(plain) == TG_OK);
    expect(blame, tg_task_complete(plain, 0, NULL) == TG_DONE);
    wait_until(numbers_of(p).pending == 3);
    expect(blame, tg_task_complete(tasks[1], EIO, "the disk is gone") == TG_OK);
    expect(blame, tg_task_wait(tasks[1], 0) == TG_FAILED);
    expect(blame, tg_task_outcome(tasks[1], &o) == TG_OK && o.code == EIO);
    expect(blame, strcmp(o.message, "the disk is gone") == 0);
    expect(blame, tg_task_complete(tasks[1], 0, NULL) == TG_DONE);
    expect(blame, tg_task_complete(tasks[0], 0, NULL) == TG_OK);
    expect(blame, tg_task_wait(tasks[0], TG_FOREVER) == TG_OK);
    expect(blame, tg_task_wait(tasks[2], 0) == TG_RUNNING);
    expect(blame, tg_task_complete(tasks[2], 0, NULL) == TG_OK);
    for (int i = 0; i < 3; i++)
        tg_task_release(tasks[i]);
    tg_task_release(plain);
    expect(blame, finish(blame, p).ok == 2);
}

START_TEST(a_deferred_task_of_a_pool_is_completed_by_its_handle)
{
    at_place(_i, complete_by_handle);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pool_done");
    TCase *everywhere = add_case(s, "everywhere"), *serial = add_case(s, "serial code");
    tcase_add_loop_test(everywhere, on_done_comes_once_for_each_task_of_a_pool, 0, PLACES);
    tcase_add_loop_test(everywhere, on_done_comes_for_abandoned_tasks_too, 0, PLACES);
    tcase_add_loop_test(everywhere, on_done_may_submit_until_the_pool_is_closed, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_pool_that_is_shut_ends_what_it_has_and_what_that_submits, 0, PLACES);
    tcase_add_loop_test(everywhere, a_pool_is_shut_by_one_of_its_tasks, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_deferred_task_of_a_pool_is_completed_by_its_handle, 0, PLACES);
    tcase_add_test(serial, on_done_comes_when_a_task_is_completed_while_no_region_is_open);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
