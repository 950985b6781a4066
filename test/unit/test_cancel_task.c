/* SPDX-License-Identifier: MIT */
/* group.h: tg_group_cancel() stops a group, tg_group_cancel_task() one task of it. */
#include "tg_test.h"
#include "pools.h"

#include <errno.h>
#include <signal.h>

/* ---- The group ----------------------------------------------------------------------------- */

static int cancel_its_group(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_group_cancel(tg_task_group(self), 42, "had enough") == TG_OK);
    return 0;
}

static void cancel_group(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    tg_group_add(g, cancel_its_group, blame);
    tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, tg_group_error(g)->code == 42);
    expect(blame, strcmp(tg_group_error(g)->message, "had enough") == 0);
    expect(blame, atomic_load(&ran) == 0 && status_of(g, 1) == TG_SKIPPED);
    tg_group_reset(g);
    tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_cancel(g, 3, NULL) == TG_OK); /* before the run */
    expect(blame, tg_group_cancel(g, 4, "later") == TG_OK);
    expect(blame, tg_group_run(g) == TG_CANCELLED && tg_group_error(g)->code == 3);
    expect(blame, tg_group_cancel(NULL, 1, NULL) == TG_INVALID);
    tg_group_destroy(g);
}

START_TEST(a_group_is_cancelled_by_its_name)
{
    at_place(_i, cancel_group);
}
END_TEST

static tg_group *interrupted;

static void interrupt(int signal)
{
    tg_group_cancel(interrupted, signal, "interrupted");
}

static int raise_it(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGUSR1);
}

START_TEST(a_signal_handler_may_cancel_a_group)
{
    interrupted = tg_group_create(TG_GROUP(.limit = 1));
    signal(SIGUSR1, interrupt);
    tg_group_add(interrupted, raise_it, NULL);
    tg_group_add(interrupted, task_count, NULL);
    assert_status(tg_group_run(interrupted), TG_CANCELLED);
    ck_assert_int_eq(tg_group_error(interrupted)->code, SIGUSR1);
    tg_group_destroy(interrupted);
}
END_TEST

static int cancel_pools_own(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_group_cancel(tg_task_group(self), 1, NULL) == TG_BUSY);
    return 0;
}

static void cancel_a_pools_group(struct blame *blame)
{
    tg_pool *p = tg_pool_create(NULL);
    tg_task *task;
    expect(blame, tg_pool_submit(p, cancel_pools_own, blame, NULL, &task) == TG_OK);
    expect(blame, tg_task_wait(task, TG_FOREVER) == TG_OK);
    expect(blame, tg_pool_submit(p, task_count, NULL, NULL, NULL) == TG_OK);
    tg_task_release(task);
    finish(blame, p);
}

START_TEST(a_pools_own_group_is_not_cancelled_by_one_of_its_tasks)
{
    at_place(_i, cancel_a_pools_group);
}
END_TEST

/* ---- Queued tasks -------------------------------------------------------------------------- */

enum { MANY = 200 };

struct end {
    struct blame *blame;
    int times[MANY];
};

static int note_end(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct end *end = user;
    (void)group;
    end->times[outcome->index]++;
    if (outcome->status == TG_CANCELLED)
        expect(end->blame, outcome->attempts == 0 && outcome->start == 0 &&
                               strcmp(outcome->message, "was cancelled before it started") == 0);
    return 0;
}

static int mark(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(int *)result = 1;
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* Before a run: in a loop or one by one, with grains, with what makes all tasks take more time. */
static void cancel_before_the_run(struct blame *blame)
{
    for (int i = 0; i < 16; i++) {
        atomic_int ran = 0;
        struct end end = {.blame = blame};
        tg_limit *limit = tg_limit_create(2);
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int),
            .grainsize = i & 1 ? TG_GRAIN_AUTO : 0, .flags = i & 2 ? TG_GROUP_TIMES : 0,
            .on_done = i & 4 ? note_end : NULL, .user = &end, .shared = i % 3 == 0 ? limit : NULL));
        if (i & 8)
            tg_group_add_many(g, mark, MANY, &ran, 0, NULL);
        for (int k = 0; !(i & 8) && k < MANY; k++)
            tg_group_add(g, mark, &ran);
        for (size_t k = 0; k < MANY; k += 3)
            expect(blame, tg_group_cancel_task(g, k) == TG_OK);
        expect(blame, tg_group_cancel_task(g, 3) == TG_DONE);
        expect(blame, tg_group_cancel_task(g, MANY) == TG_INVALID);
        expect(blame, tg_group_run(g) == TG_OK); /* as its user wanted it */
        const int *results = tg_group_results(g);
        for (size_t k = 0; k < MANY; k++) {
            expect(blame, results[k] == (k % 3 != 0));
            expect(blame, status_of(g, k) == (k % 3 != 0 ? TG_OK : TG_CANCELLED));
            expect(blame, outcome_of(g, k).attempts == (k % 3 != 0));
            expect(blame, !(i & 4) || end.times[k] == 1);
        }
        expect(blame, report_of(g).cancelled == (MANY + 2) / 3 && report_of(g).skipped == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(a_task_that_is_taken_back_before_the_run_never_starts)
{
    at_place(_i, cancel_before_the_run);
}
END_TEST

/* Threads cancel tasks of a group while it runs: each task either runs, or was taken back. */
struct chase {
    struct blame *blame;
    tg_group *group;
    atomic_int starts[MANY], taken[MANY];
    atomic_int begun, cancelled;
};

static int start_once(tg_task *self, void *arg, void *result)
{
    struct chase *chase = arg;
    (void)result;
    atomic_fetch_add(&chase->starts[tg_task_index(self)], 1);
    atomic_store(&chase->begun, 1);
    return 0;
}

static void *cancel_some(void *arg)
{
    struct chase *chase = arg;
    for (size_t i = 0; i < MANY; i++) {
        size_t k = (i * 37 + 11) % MANY;
        tg_status status = tg_group_cancel_task(chase->group, k);
        expect(chase->blame, status == TG_OK || status == TG_DONE || status == TG_BUSY);
        if (status == TG_OK) {
            atomic_fetch_add(&chase->taken[k], 1);
            atomic_fetch_add(&chase->cancelled, 1);
        }
        if (i % 16 == 0)
            sched_yield();
    }
    return NULL;
}

static void chase_queued(struct blame *blame)
{
    for (int i = 0; i < (TEST_SLOW ? 24 : 60); i++) {
        struct chase chase = {.blame = blame};
        struct end end = {.blame = blame};
        pthread_t threads[2];
        tg_group *g = chase.group = tg_group_create(
            TG_GROUP(.limit = i % 5 == 0 ? 2 : 0, .grainsize = i % 3 == 0 ? TG_GRAIN_AUTO : i % 3,
                .on_done = i & 1 ? note_end : NULL, .user = &end));
        if (i & 2)
            tg_group_add_many(g, start_once, MANY, &chase, 0, NULL);
        for (int k = 0; !(i & 2) && k < MANY; k++)
            tg_group_add(g, start_once, &chase);
        for (int t = 0; t < 2; t++)
            expect(blame, pthread_create(&threads[t], NULL, cancel_some, &chase) == 0);
        expect(blame, tg_group_run(g) == TG_OK);
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
        for (size_t k = 0; k < MANY; k++) {
            int taken = atomic_load(&chase.taken[k]);
            expect(blame, taken <= 1 && atomic_load(&chase.starts[k]) == !taken);
            expect(blame, status_of(g, k) == (taken ? TG_CANCELLED : TG_OK));
            expect(blame, !(i & 1) || end.times[k] == 1);
        }
        expect(blame, report_of(g).cancelled == (size_t)atomic_load(&chase.cancelled));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_queued_task_either_runs_or_was_taken_back)
{
    at_place(_i, chase_queued);
}
END_TEST

/* From inside: with one thread all that follow are still in the queue. */
static int cancel_the_rest(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_task_group(self);
    (void)result;
    for (size_t k = tg_task_index(self) + 1; k < tg_group_count(g); k++) {
        tg_status status = tg_group_cancel_task(g, k);
        expect((struct blame *)arg, status == TG_OK || status == TG_DONE || status == TG_BUSY);
    }
    return 0;
}

static void cancel_from_inside(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1, .limit = 1));
    tg_group_add(g, cancel_the_rest, blame);
    for (int k = 0; k < MANY; k++)
        tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).cancelled == MANY && atomic_load(&ran) == 0);
    tg_group_destroy(g);
}

START_TEST(a_task_can_take_back_all_that_follow_it)
{
    at_place(_i, cancel_from_inside);
}
END_TEST

/* ---- Running tasks ------------------------------------------------------------------------- */

struct told {
    struct blame *blame;
    tg_group *group;
    atomic_int starts, hooked;
    int returns; /* code */
};

static void on_told(void *user)
{
    atomic_fetch_add(&((struct told *)user)->hooked, 1);
}

/* Cancels itself, as another thread would. */
static int cancel_itself(tg_task *self, void *arg, void *result)
{
    struct told *told = arg;
    (void)result;
    atomic_fetch_add(&told->starts, 1);
    expect(told->blame, tg_task_check(self) == TG_OK);
    tg_hook *hook = tg_context_hook(tg_task_context(self), on_told, told);
    expect(told->blame, tg_group_cancel_task(tg_task_group(self), tg_task_index(self)) == TG_OK);
    expect(told->blame, tg_task_check(self) == TG_CANCELLED);
    expect(told->blame, tg_context_check(tg_task_context(self)) == TG_CANCELLED);
    wait_until(atomic_load(&told->hooked) > 0);
    tg_hook_remove(hook);
    return told->returns;
}

static void cancel_running(struct blame *blame)
{
    const tg_task_options *const options[] = {TG_TASK(.flags = TG_TASK_CANCELLABLE),
        TG_TASK(.timeout = 3600), TG_TASK(.deadline = tg_time_now() + 3600),
        TG_TASK(.flags = TG_TASK_CANCELLABLE, .attempts = 3)};
    for (int i = 0; i < 32; i++) {
        struct told told = {.blame = blame, .returns = i & 4 ? 9 : 0};
        atomic_int ran = 0;
        tg_group *g = tg_group_create(
            TG_GROUP(.flags = (i & 8 ? TG_GROUP_SHIELD : 0) | (i & 16 ? TG_GROUP_TIMES : 0)));
        tg_group_add_with(g, cancel_itself, &told, options[i & 3], NULL);
        tg_group_add(g, task_count, &ran);
        expect(blame, tg_group_run(g) == TG_OK); /* the other one goes on */
        expect(blame, atomic_load(&told.starts) == 1 && atomic_load(&ran) == 1);
        expect(blame, status_of(g, 0) == (told.returns != 0 ? TG_CANCELLED : TG_OK));
        expect(blame, outcome_of(g, 0).code == told.returns && outcome_of(g, 0).attempts == 1);
        expect(blame, tg_group_cancel_task(g, 0) == TG_DONE);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_running_task_with_a_context_of_its_own_is_told)
{
    at_place(_i, cancel_running);
}
END_TEST

static int be_busy(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg,
        tg_group_cancel_task(tg_task_group(self), tg_task_index(self)) == TG_BUSY);
    expect((struct blame *)arg, tg_task_check(self) == TG_OK);
    return 0;
}

static void cancel_those_without(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_group_add(g, be_busy, blame);
    tg_group_add_many(g, be_busy, 3, blame, 0, TG_TASK(.timeout = 3600)); /* one context for none */
    tg_task *hold = tg_group_hold(g, NULL);
    expect(blame, tg_group_cancel_task(g, 4) == TG_BUSY);
    tg_task_complete(hold, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_hold(g, TG_TASK(.flags = TG_TASK_CANCELLABLE)) == NULL);
    tg_group_destroy(g);
}

START_TEST(a_running_task_without_one_is_busy)
{
    at_place(_i, cancel_those_without);
}
END_TEST

static void cancel_each_of_many(struct blame *blame)
{
    struct told told = {.blame = blame, .returns = 5};
    tg_group *g = tg_group_create(NULL);
    tg_group_add_many(g, cancel_itself, 8, &told, 0, TG_TASK(.flags = TG_TASK_CANCELLABLE));
    expect(blame, tg_group_cancel_task(g, 3) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&told.starts) == 7 && report_of(g).cancelled == 8);
    tg_group_destroy(g);
}

START_TEST(each_of_many_tasks_can_be_told_alone)
{
    at_place(_i, cancel_each_of_many);
}
END_TEST

/* Deferred: its hook learns of it, and completes it. */
struct wait {
    struct told told;
    size_t index;
    tg_hook *hook;
};

static void give_up(void *user)
{
    struct wait *wait = user;
    atomic_fetch_add(&wait->told.hooked, 1);
    expect(wait->told.blame,
        tg_group_complete(wait->told.group, wait->index, ECANCELED, "given up") == TG_OK);
}

static int wait_for_long(tg_task *self, void *arg, void *result)
{
    struct wait *wait = arg;
    (void)result;
    wait->index = tg_task_index(self);
    atomic_fetch_add(&wait->told.starts, 1);
    wait->hook = tg_context_hook(tg_task_context(self), give_up, wait);
    if (wait->hook == NULL)
        return 1;
    return tg_task_defer(self);
}

static void *cancel_when_pending(void *arg)
{
    struct wait *wait = arg;
    wait_until(status_of(wait->told.group, 0) == TG_PENDING);
    expect(wait->told.blame, tg_group_cancel_task(wait->told.group, 0) == TG_OK);
    return NULL;
}

START_TEST(a_deferred_task_is_told_by_its_hook)
{
    struct blame blame = {0};
    pthread_t thread;
    for (int i = 0; i < 10; i++) {
        struct wait wait = {.told = {.blame = &blame, .group = tg_group_create(NULL)}};
        tg_group_add_with(wait.told.group, wait_for_long, &wait,
            TG_TASK(.flags = TG_TASK_CANCELLABLE, .attempts = 2), NULL);
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_pending, &wait), 0);
        expect(&blame, tg_group_run(wait.told.group) == TG_OK);
        pthread_join(thread, NULL);
        tg_hook_remove(wait.hook);
        expect(&blame, status_of(wait.told.group, 0) == TG_CANCELLED);
        expect(&blame, atomic_load(&wait.told.starts) == 1 && atomic_load(&wait.told.hooked) == 1);
        tg_group_destroy(wait.told.group);
    }
    assert_blameless(&blame, "serial code");
}
END_TEST

/* By its handle, from elsewhere. */
static void cancel_by_handle(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    atomic_int started = 0;
    tg_task *running, *queued;
    tg_outcome outcome;
    expect(blame, tg_pool_submit(p, task_until_told, &started,
                      TG_TASK(.flags = TG_TASK_CANCELLABLE), &running) == TG_OK);
    expect(blame, tg_pool_submit(p, task_count, NULL, NULL, &queued) == TG_OK);
    wait_until(atomic_load(&started) == 1);
    expect(blame, tg_task_cancel(queued) == TG_OK);
    expect(blame, tg_task_wait(queued, TG_FOREVER) == TG_CANCELLED);
    expect(blame, tg_task_outcome(queued, &outcome) == TG_OK && outcome.attempts == 0);
    expect(blame, strcmp(outcome.message, "was cancelled before it started") == 0);
    expect(blame, tg_task_cancel(running) == TG_OK);
    expect(blame, tg_task_wait(running, TG_FOREVER) == TG_CANCELLED);
    expect(blame, tg_task_cancel(running) == TG_DONE);
    tg_task_release(running);
    tg_task_release(queued);
    tg_pool_close(p, TG_FOREVER, NULL);
    expect(blame, numbers_of(p).cancelled == 2 && numbers_of(p).abandoned == 0);
    tg_pool_destroy(p);
}

START_TEST(a_pools_task_is_told_by_its_handle)
{
    at_place(_i, cancel_by_handle);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cancel_task");
    TCase *everywhere = add_case(s, "everywhere"), *serial = add_case(s, "serial code");
    tcase_add_loop_test(everywhere, a_group_is_cancelled_by_its_name, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_pools_own_group_is_not_cancelled_by_one_of_its_tasks, 0, PLACES);
    tcase_add_loop_test(
        everywhere, a_task_that_is_taken_back_before_the_run_never_starts, 0, PLACES);
    tcase_add_loop_test(everywhere, a_queued_task_either_runs_or_was_taken_back, 0, PLACES);
    tcase_add_loop_test(everywhere, a_task_can_take_back_all_that_follow_it, 0, PLACES);
    tcase_add_loop_test(everywhere, a_running_task_with_a_context_of_its_own_is_told, 0, PLACES);
    tcase_add_loop_test(everywhere, a_running_task_without_one_is_busy, 0, PLACES);
    tcase_add_loop_test(everywhere, each_of_many_tasks_can_be_told_alone, 0, PLACES);
    tcase_add_loop_test(everywhere, a_pools_task_is_told_by_its_handle, 0, PLACES);
    tcase_add_test(serial, a_signal_handler_may_cancel_a_group);
    tcase_add_test(serial, a_deferred_task_is_told_by_its_hook);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
