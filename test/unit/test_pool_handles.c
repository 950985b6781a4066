/* SPDX-License-Identifier: MIT */
/* pool.h: handles of tasks: waiting, looking, taking back, giving back. */
#include "tg_test.h"
#include "pools.h"

/* A pool of one thread that stands at a gate. */
struct busy {
    struct blame *blame;
    tg_pool *pool;
    struct gate gate;
    tg_task *standing;
    atomic_int ran;
};

static void make_busy(struct busy *busy, struct blame *blame)
{
    *busy = (struct busy){.blame = blame, .gate = GATE};
    busy->pool = tg_pool_create(TG_POOL(.threads = 1));
    submit_with(blame, busy->pool, stand, &busy->gate, NULL, &busy->standing);
    gate_await(&busy->gate, 1);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static void wait_alone(struct blame *blame)
{
    struct busy busy;
    tg_task *queued = NULL;
    double start;

    make_busy(&busy, blame);
    submit_with(blame, busy.pool, task_fail_7, &busy.ran, NULL, &queued);
    expect(blame, tg_task_wait(busy.standing, 0) == TG_RUNNING);
    expect(blame, tg_task_wait(queued, 0) == TG_RUNNING);
    start = tg_time_now();
    expect(blame, tg_task_wait(busy.standing, 0.003) == TG_RUNNING);
    expect(blame, tg_task_wait(queued, 0.003) == TG_RUNNING);
    expect(blame, tg_time_now() >= start + 0.006);
    gate_open(&busy.gate);
    expect(blame, tg_task_wait(queued, 600) == TG_FAILED);
    expect(blame, tg_task_wait(queued, 0) == TG_FAILED);
    expect(blame, tg_task_wait(queued, TG_FOREVER) == TG_FAILED); /* as often as one likes */
    expect(blame, end_of(busy.standing) == TG_OK);
    tg_task_release(queued);
    finish(blame, busy.pool);
}

START_TEST(a_handle_is_waited_for_shortly_for_long_or_not_at_all)
{
    at_place(_i, wait_alone);
}
END_TEST

struct waiter {
    tg_task *task;
    double timeout;
    tg_status status;
    pthread_t thread;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = arg;

    waiter->status = tg_task_wait(waiter->task, waiter->timeout);
    return NULL;
}

enum { WAITERS = 6 };

static void begin_to_wait(struct waiter *waiters, tg_task *task)
{
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){task, i % 3 == 0 ? 0.003 : TG_FOREVER, TG_INVALID, 0};
        pthread_create(&waiters[i].thread, NULL, wait_for_it, &waiters[i]);
    }
    nap();
}

/* Those with a short time have lost their patience, or have just not. */
static void expect_waited(struct blame *blame, struct waiter *waiters, tg_status status)
{
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        expect(
            blame, waiters[i].status == status || (i % 3 == 0 && waiters[i].status == TG_RUNNING));
    }
}

static void wait_together(struct blame *blame)
{
    struct busy busy;
    struct waiter standing[WAITERS], failing[WAITERS], taken[WAITERS];
    tg_task *fails = NULL, *goes = NULL;

    make_busy(&busy, blame);
    submit_with(blame, busy.pool, task_fail_7, NULL, NULL, &fails);
    submit_with(blame, busy.pool, task_count, &busy.ran, NULL, &goes);
    begin_to_wait(standing, busy.standing);
    begin_to_wait(failing, fails);
    begin_to_wait(taken, goes);
    expect(blame, tg_task_cancel(goes) == TG_OK);
    expect_waited(blame, taken, TG_CANCELLED); /* while the gate is closed */
    gate_open(&busy.gate);
    expect_waited(blame, standing, TG_OK);
    expect_waited(blame, failing, TG_FAILED);
    tg_task_release(busy.standing);
    tg_task_release(fails);
    tg_task_release(goes);
    finish(blame, busy.pool);
    expect(blame, atomic_load(&busy.ran) == 0);
}

START_TEST(several_threads_wait_for_one_task_and_are_told_the_same)
{
    at_place(_i, wait_together);
}
END_TEST

static void wait_for_each(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    atomic_int ran = 0;

    for (int i = 0; i < 500; i++) {
        tg_task *task = NULL;
        submit_with(blame, p, task_count, &ran, NULL, &task);
        expect(blame, end_of(task) == TG_OK);
        expect(blame, atomic_load(&ran) == i + 1);
    }
    finish(blame, p);
}

START_TEST(no_task_is_waited_for_in_vain)
{
    at_place(_i, wait_for_each);
}
END_TEST

/* ---- In a task ----------------------------------------------------------------------------- */

struct two {
    struct blame *blame;
    tg_pool *own, *other;
    tg_task *ended, *itself;
    atomic_int ran;
};

static int wait_in_task(tg_task *self, void *arg, void *result)
{
    struct two *two = arg;
    tg_task *mine = NULL, *others = NULL;

    (void)self, (void)result;
    submit_with(two->blame, two->own, task_count, &two->ran, NULL, &mine);
    submit_with(two->blame, two->other, task_count, &two->ran, NULL, &others);
    expect(two->blame, tg_task_wait(mine, TG_FOREVER) == TG_BUSY);
    expect(two->blame, tg_task_wait(mine, 0.001) == TG_BUSY);
    expect(two->blame, tg_task_wait(two->ended, TG_FOREVER) == TG_FAILED);
    expect(two->blame, end_of(others) == TG_OK);
    tg_task_release(mine);
    return 0;
}

/* In a group that the task runs it is the same. */
static int wait_in_group(tg_task *self, void *arg, void *result)
{
    struct two *two = arg;
    tg_group *g = tg_group_create(NULL);

    (void)self, (void)result;
    tg_group_add(g, wait_in_task, two);
    expect(two->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return 0;
}

static void wait_inside(struct blame *blame)
{
    struct two two = {.blame = blame};

    two.own = tg_pool_create(TG_POOL(.threads = 1));
    two.other = tg_pool_create(TG_POOL(.threads = 1));
    submit_with(blame, two.own, task_fail_7, NULL, NULL, &two.ended);
    expect(blame, tg_task_wait(two.ended, TG_FOREVER) == TG_FAILED);
    for (int i = 0; i < 10; i++)
        submit(blame, two.own, i % 2 ? wait_in_group : wait_in_task, &two);
    wait_until(atomic_load(&two.ran) == 20); /* what they submit is not for a closed pool */
    finish(blame, two.own);
    tg_task_release(two.ended);
    finish(blame, two.other);
}

START_TEST(in_the_pools_own_task_only_other_pools_are_waited_for)
{
    at_place(_i, wait_inside);
}
END_TEST

/* ---- Looking ------------------------------------------------------------------------------- */

static int fail_aloud(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(double *)result = 2.5;
    return tg_task_fail(self, 33, "%s", "no such file");
}

static void look(struct blame *blame)
{
    struct busy busy;
    tg_task *task = NULL;
    tg_outcome o;
    double value = 0;
    char name[] = "reader";

    make_busy(&busy, blame);
    submit_with(
        blame, busy.pool, fail_aloud, &busy, TG_TASK(.name = name, .result = &value), &task);
    memset(name, 'x', sizeof name - 1); /* it was copied */
    expect(blame, outcome_of_task(task).status == TG_NOT_RUN);
    expect(blame, outcome_of_task(busy.standing).status == TG_NOT_RUN);
    gate_open(&busy.gate);
    expect(blame, tg_task_wait(task, TG_FOREVER) == TG_FAILED);
    finish(blame, busy.pool); /* they outlive it */
    for (int i = 0; i < 2; i++) {
        o = outcome_of_task(task);
        expect(blame, o.status == TG_FAILED);
        expect(blame, o.code == 33);
        expect(blame, strcmp(o.name, "reader") == 0);
        expect(blame, strcmp(o.message, "no such file") == 0);
        expect(blame, o.arg == &busy);
        expect(blame, o.result == &value && value == 2.5);
        expect(blame, o.attempts == 1);
        expect(blame, o.signal == 0);
    }
    o = outcome_of_task(busy.standing);
    expect(blame, o.status == TG_OK && o.code == 0 && o.attempts == 1);
    expect(blame, o.name[0] == '\0' && o.message[0] == '\0' && o.result == NULL);
    expect(blame, tg_task_cancel(task) == TG_DONE);
    expect(blame, tg_task_wait(task, 0) == TG_FAILED);
    tg_task_release(task);
    tg_task_release(busy.standing);
}

START_TEST(an_outcome_tells_all_and_outlives_the_pool)
{
    at_place(_i, look);
}
END_TEST

/* ---- Taking back --------------------------------------------------------------------------- */

static void take_back_queued(struct blame *blame)
{
    enum { COUNT = 50 };
    struct busy busy;
    tg_task *tasks[COUNT];
    tg_pool_numbers n;

    make_busy(&busy, blame);
    for (int i = 0; i < COUNT; i++)
        submit_with(blame, busy.pool, task_count, &busy.ran, TG_TASK(.priority = i % 3), &tasks[i]);
    expect(blame, tg_task_cancel(busy.standing) == TG_BUSY);
    for (int i = 0; i < COUNT; i += 2) {
        expect(blame, tg_task_cancel(tasks[i]) == TG_OK);
        expect(blame, tg_task_cancel(tasks[i]) == TG_DONE);
        expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == TG_CANCELLED);
        expect(blame, outcome_of_task(tasks[i]).attempts == 0);
    }
    expect(blame, numbers_of(busy.pool).queued == COUNT / 2);
    gate_open(&busy.gate);
    for (int i = 0; i < COUNT; i++) {
        expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == (i % 2 ? TG_OK : TG_CANCELLED));
        expect(blame, tg_task_cancel(tasks[i]) == TG_DONE);
        tg_task_release(tasks[i]);
    }
    expect(blame, end_of(busy.standing) == TG_OK);
    n = finish(blame, busy.pool);
    expect(blame, atomic_load(&busy.ran) == COUNT / 2);
    expect(blame, n.cancelled == COUNT / 2);
    expect(blame, n.ok == COUNT / 2 + 1);
}

START_TEST(what_is_queued_can_be_taken_back_what_runs_or_has_ended_cannot)
{
    at_place(_i, take_back_queued);
}
END_TEST

static int sleep_long(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_sleep(self, 3600);
}

static void take_back_waiting(struct blame *blame)
{
    atomic_int later = 0, asleep = 0, again = 0, often = 0;
    tg_task *tasks[4];
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    static const tg_status expected[] = {TG_CANCELLED, TG_CANCELLED, TG_CANCELLED, TG_OK};
    tg_pool_numbers n;

    submit_with(blame, p, task_count, &later, TG_TASK(.delay = 3600), &tasks[0]);
    submit_with(blame, p, sleep_long, &asleep, NULL, &tasks[1]);
    submit_with(blame, p, task_fail_7, &again, TG_TASK(.attempts = 2, .backoff = 3600), &tasks[2]);
    submit_with(blame, p, task_count, &often, TG_TASK(.period = 3600), &tasks[3]);
    wait_until(numbers_of(p).pending == 4 && atomic_load(&often) == 1 &&
               atomic_load(&asleep) == 1 && atomic_load(&again) == 1);
    for (int i = 0; i < 4; i++) {
        expect(blame, tg_task_wait(tasks[i], 0) == TG_RUNNING);
        expect(blame, tg_task_cancel(tasks[i]) == TG_OK);
        expect(blame, tg_task_wait(tasks[i], TG_FOREVER) == expected[i]);
        expect(blame, tg_task_cancel(tasks[i]) == TG_DONE);
        tg_task_release(tasks[i]);
    }
    n = finish(blame, p); /* which would take an hour */
    expect(blame, n.submitted == 4 && n.ok == 1 && n.cancelled == 3);
    expect(blame, atomic_load(&later) == 0);
    expect(blame, atomic_load(&asleep) + atomic_load(&again) + atomic_load(&often) == 3);
}

START_TEST(what_waits_for_its_time_can_be_taken_back)
{
    at_place(_i, take_back_waiting);
}
END_TEST

static int cancel_itself(tg_task *self, void *arg, void *result)
{
    struct two *two = arg;

    (void)self, (void)result;
    expect(two->blame, tg_task_wait(two->itself, TG_FOREVER) == TG_BUSY);
    expect(two->blame, tg_task_cancel(two->itself) == (two->other == NULL ? TG_BUSY : TG_OK));
    task_count(self, &two->ran, result);
    return 0;
}

/* Its handle is there before the gate is opened. */
START_TEST(a_task_that_runs_cannot_be_taken_back_but_with_a_period_is_not_started_again)
{
    struct blame blame = {0};

    for (int period = 0; period < 2; period++) {
        struct busy busy;
        struct two two = {.blame = &blame};
        make_busy(&busy, &blame);
        two.other = period ? busy.pool : NULL;
        submit_with(&blame, busy.pool, cancel_itself, &two, TG_TASK(.period = period ? 0.001 : 0),
            &two.itself);
        gate_open(&busy.gate);
        assert_status(end_of(two.itself), TG_OK);
        assert_status(end_of(busy.standing), TG_OK);
        finish(&blame, busy.pool);
        ck_assert_int_eq(atomic_load(&two.ran), 1);
    }
    assert_blameless(&blame, "main");
}
END_TEST

/* ---- Giving back --------------------------------------------------------------------------- */

static void give_back(struct blame *blame)
{
    enum { COUNT = 3000 };
    struct busy busy;
    tg_task *tasks[20];

    make_busy(&busy, blame);
    tg_task_release(busy.standing); /* while it runs */
    for (int i = 0; i < COUNT; i++) {
        tg_task *task = NULL;
        submit_with(blame, busy.pool, i % 2 ? task_count : task_fail_7, &busy.ran,
            TG_TASK(.name = "nobody knows"), &task);
        tg_task_release(task); /* while it is queued */
    }
    for (int i = 0; i < 20; i++)
        submit_with(blame, busy.pool, task_count, &busy.ran, NULL, &tasks[i]);
    expect(blame, tg_task_cancel(tasks[0]) == TG_OK);
    gate_open(&busy.gate);
    expect(blame, tg_task_wait(tasks[19], TG_FOREVER) == TG_OK);
    for (int i = 0; i < 20; i++)
        tg_task_release(tasks[i]); /* when it has ended */
    tg_task_release(NULL);
    finish(blame, busy.pool);
    expect(blame, atomic_load(&busy.ran) == COUNT + 19);
}

START_TEST(a_handle_may_be_given_back_at_any_time_and_the_task_goes_on)
{
    at_place(_i, give_back);
}
END_TEST

START_TEST(calls_without_sense_are_refused)
{
    struct blame blame = {0};
    struct busy busy;
    tg_outcome none = {0}, outcome = {.size = sizeof outcome, .code = 5};

    make_busy(&busy, &blame);
    assert_refused(tg_task_wait(NULL, 0), TG_INVALID, "NULL");
    assert_refused(tg_task_cancel(NULL), TG_INVALID, "NULL");
    assert_refused(tg_task_outcome(NULL, &outcome), TG_INVALID, "NULL");
    assert_refused(tg_task_outcome(busy.standing, NULL), TG_INVALID, "NULL");
    assert_refused((tg_task_outcome)(busy.standing, &none), TG_INVALID, "size");
    assert_refused(tg_task_wait(busy.standing, NAN), TG_INVALID, "nan");
    assert_refused(tg_task_wait(busy.standing, -0.5), TG_INVALID, "-0.5");
    gate_open(&busy.gate);
    assert_status(end_of(busy.standing), TG_OK);
    finish(&blame, busy.pool);
    assert_blameless(&blame, "main");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_handles");
    TCase *waiting = add_case(suite, "waiting");
    TCase *back = add_case(suite, "taking back");
    TCase *handles = add_case(suite, "handles");

    tcase_add_loop_test(waiting, a_handle_is_waited_for_shortly_for_long_or_not_at_all, 0, PLACES);
    tcase_add_loop_test(waiting, several_threads_wait_for_one_task_and_are_told_the_same, 0, 3);
    tcase_add_loop_test(waiting, no_task_is_waited_for_in_vain, 0, PLACES);
    tcase_add_loop_test(waiting, in_the_pools_own_task_only_other_pools_are_waited_for, 0, PLACES);
    tcase_add_loop_test(
        back, what_is_queued_can_be_taken_back_what_runs_or_has_ended_cannot, 0, PLACES);
    tcase_add_loop_test(back, what_waits_for_its_time_can_be_taken_back, 0, PLACES);
    tcase_add_test(
        back, a_task_that_runs_cannot_be_taken_back_but_with_a_period_is_not_started_again);
    tcase_add_loop_test(handles, an_outcome_tells_all_and_outlives_the_pool, 0, PLACES);
    tcase_add_loop_test(
        handles, a_handle_may_be_given_back_at_any_time_and_the_task_goes_on, 0, PLACES);
    tcase_add_test(handles, calls_without_sense_are_refused);
    return run_suite(suite);
}
