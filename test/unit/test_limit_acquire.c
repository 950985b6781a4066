/* SPDX-License-Identifier: MIT */
/* limit.h, tg_limit_acquire() and tg_limit_release(): plain code takes of the budget that groups share. */
#include "tg_test.h"

#include "pools.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- One thread ---- */

START_TEST(what_is_acquired_is_in_use_until_it_is_released)
{
    tg_limit *limit = tg_limit_create(3);

    assert_status(tg_limit_acquire(limit, 2, 0), TG_OK);
    assert_status(tg_limit_acquire(limit, 1, TG_FOREVER), TG_OK);
    ck_assert_uint_eq(tg_limit_used(limit), 3);
    assert_status(tg_limit_acquire(limit, 1, 0), TG_FULL);
    double start = tg_time_now();
    assert_status(tg_limit_acquire(limit, 1, 0.01), TG_FULL);
    ck_assert(tg_time_now() >= start + 0.01);
    assert_status(tg_limit_release(limit, 1), TG_OK);
    assert_status(tg_limit_acquire(limit, 1, 0), TG_OK);
    assert_status(tg_limit_release(limit, 3), TG_OK);
    ck_assert_uint_eq(tg_limit_used(limit), 0);
    tg_limit_destroy(limit);
}
END_TEST

START_TEST(calls_without_sense_are_refused_and_change_nothing)
{
    tg_limit *limit = tg_limit_create(3);

    assert_status(tg_limit_acquire(NULL, 1, 0), TG_INVALID);
    assert_status(tg_limit_acquire(limit, 0, 0), TG_INVALID);
    assert_status(tg_limit_acquire(limit, 1, -1), TG_INVALID);
    assert_status(tg_limit_acquire(limit, 1, (double)NAN), TG_INVALID);
    assert_status(tg_limit_acquire(limit, 4, TG_FOREVER), TG_TOO_LARGE);
    assert_status(tg_limit_acquire(limit, 2, 0), TG_OK);
    assert_status(tg_limit_release(NULL, 1), TG_INVALID);
    assert_status(tg_limit_release(limit, 0), TG_INVALID);
    assert_status(tg_limit_release(limit, 3), TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "weight is 3, and 2 are acquired"));
    ck_assert_uint_eq(tg_limit_used(limit), 2);
    assert_status(tg_limit_release(limit, 2), TG_OK);
    tg_limit_destroy(limit);
}
END_TEST

/* ---- Beside groups ---- */

enum { BUDGET = 3, PLAIN = 3, ROUNDS = 40 };

struct shared {
    struct blame *blame;
    tg_limit *limit;
    atomic_size_t used;
    atomic_int open;
};

static void use(struct shared *shared, size_t weight)
{
    expect(shared->blame, atomic_fetch_add(&shared->used, weight) + weight <= BUDGET);
    sched_yield();
    atomic_fetch_sub(&shared->used, weight);
}

static int task_uses(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    use(arg, 2);
    return 0;
}

static void *plain_uses(void *arg)
{
    struct shared *shared = arg;
    wait_until(atomic_load(&shared->open));
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t weight = 1 + i % BUDGET;
        expect(shared->blame, tg_limit_acquire(shared->limit, weight, TG_FOREVER) == TG_OK);
        use(shared, weight);
        expect(shared->blame, tg_limit_release(shared->limit, weight) == TG_OK);
    }
    return NULL;
}

static void share(struct blame *blame)
{
    struct shared shared = {.blame = blame, .limit = tg_limit_create(BUDGET)};
    pthread_t threads[PLAIN];
    tg_group *g = tg_group_create(TG_GROUP(.shared = shared.limit));

    for (int i = 0; i < PLAIN; i++)
        expect(blame, pthread_create(&threads[i], NULL, plain_uses, &shared) == 0);
    for (int i = 0; i < ROUNDS; i++)
        tg_group_add_with(g, task_uses, &shared, TG_TASK(.weight = 2), NULL);
    atomic_store(&shared.open, 1);
    expect(blame, tg_group_run(g) == TG_OK);
    for (int i = 0; i < PLAIN; i++)
        pthread_join(threads[i], NULL);
    expect(blame, report_of(g).ok == ROUNDS && tg_limit_used(shared.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(shared.limit);
}

START_TEST(groups_and_plain_threads_never_use_more_than_the_budget_and_all_come_to_their_turn)
{
    at_place(_i, share);
}
END_TEST

/* ---- First come, first served ---- */

struct taker {
    struct blame *blame;
    tg_limit *limit;
    size_t weight;
    double timeout;
    atomic_int *order;
    int place;
    tg_status status;
    pthread_t thread;
};

static void *take_once(void *arg)
{
    struct taker *taker = arg;
    taker->status = tg_limit_acquire(taker->limit, taker->weight, taker->timeout);
    if (taker->status == TG_OK) {
        taker->place = atomic_fetch_add(taker->order, 1);
        expect(taker->blame, tg_limit_release(taker->limit, taker->weight) == TG_OK);
    }
    return NULL;
}

/* A light one that comes later does not pass a heavy one; it goes on if that gives up. */
static void wait_in_line(struct blame *blame)
{
    for (int gives_up = 0; gives_up < 2; gives_up++) {
        atomic_int order = 0;
        tg_limit *limit = tg_limit_create(3);
        struct taker heavy = {.blame = blame, .limit = limit, .weight = 3, .order = &order};
        struct taker light = {.blame = blame, .limit = limit, .weight = 1, .order = &order};
        heavy.timeout = gives_up ? 0.05 : TG_FOREVER;
        light.timeout = TG_FOREVER;
        expect(blame, tg_limit_acquire(limit, 1, 0) == TG_OK);
        expect(blame, pthread_create(&heavy.thread, NULL, take_once, &heavy) == 0);
        nap_for(0.01); /* most likely it waits by now; if not, the order is another one */
        expect(blame, pthread_create(&light.thread, NULL, take_once, &light) == 0);
        nap_for(0.01);
        if (gives_up)
            pthread_join(heavy.thread, NULL);
        else
            expect(blame, tg_limit_release(limit, 1) == TG_OK);
        pthread_join(light.thread, NULL);
        if (!gives_up)
            pthread_join(heavy.thread, NULL);
        expect(blame, light.status == TG_OK);
        expect(blame, heavy.status == (gives_up ? TG_FULL : TG_OK));
        if (gives_up)
            expect(blame, tg_limit_release(limit, 1) == TG_OK);
        expect(blame, tg_limit_used(limit) == 0);
        tg_limit_destroy(limit);
    }
}

START_TEST(a_thread_that_gives_up_lets_the_next_one_go_on)
{
    at_place(_i, wait_in_line);
}
END_TEST

static void destroy_meanwhile(struct blame *blame)
{
    atomic_int order = 0;
    tg_limit *limit = tg_limit_create(1);
    struct taker taker = {
        .blame = blame, .limit = limit, .weight = 1, .order = &order, .timeout = 0.02};

    expect(blame, tg_limit_acquire(limit, 1, 0) == TG_OK);
    expect(blame, pthread_create(&taker.thread, NULL, take_once, &taker) == 0);
    nap_for(0.005);
    tg_limit_destroy(limit);
    pthread_join(taker.thread, NULL);
    expect(blame, taker.status == TG_FULL);
    expect(blame, tg_limit_release(limit, 1) == TG_OK); /* what is acquired has kept it */
}

/* The last release, and a destroy by the thread that it lets go on. */
static void *release_late(void *arg)
{
    struct taker *taker = arg;
    expect(taker->blame, tg_limit_release(taker->limit, 1) == TG_OK);
    return NULL;
}

static void destroy_after_all(struct blame *blame)
{
    for (int round = 0; round < 200; round++) {
        struct taker taker = {.blame = blame, .limit = tg_limit_create(1)};
        expect(blame, tg_limit_acquire(taker.limit, 1, 0) == TG_OK);
        expect(blame, pthread_create(&taker.thread, NULL, release_late, &taker) == 0);
        expect(blame, tg_limit_acquire(taker.limit, 1, TG_FOREVER) == TG_OK);
        expect(blame, tg_limit_release(taker.limit, 1) == TG_OK);
        tg_limit_destroy(taker.limit);
        pthread_join(taker.thread, NULL);
    }
}

START_TEST(a_thread_that_has_waited_for_the_last_release_may_destroy_the_limit)
{
    at_place(_i, destroy_after_all);
}
END_TEST

/* ---- Beside a group that has stopped ---- */

struct stopped {
    struct blame *blame;
    tg_limit *limit;
    tg_group *group;
    atomic_int deferred;
};

static int task_defers(tg_task *self, void *arg, void *result)
{
    (void)result;
    int code = tg_task_defer(self);
    atomic_store(&((struct stopped *)arg)->deferred, 1);
    return code;
}

/* Takes what is left, though the stopped group waited for more; then completes what that waits for. */
static void *stop_and_take(void *arg)
{
    struct stopped *stopped = arg;
    wait_until(atomic_load(&stopped->deferred));
    nap_for(0.005); /* most likely the next task waits for the limit by now */
    tg_context_cancel(tg_group_context(stopped->group), 1, NULL);
    expect(stopped->blame, tg_limit_acquire(stopped->limit, 1, TG_FOREVER) == TG_OK);
    expect(stopped->blame, tg_limit_release(stopped->limit, 1) == TG_OK);
    expect(stopped->blame, tg_group_complete(stopped->group, 0, 0, NULL) == TG_OK);
    return NULL;
}

static void take_beside(struct blame *blame)
{
    struct stopped stopped = {.blame = blame, .limit = tg_limit_create(4)};
    pthread_t thread;
    tg_group *g = stopped.group = tg_group_create(TG_GROUP(.shared = stopped.limit));

    tg_group_add_with(g, task_defers, &stopped, TG_TASK(.weight = 2), NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.weight = 3), NULL);
    expect(blame, pthread_create(&thread, NULL, stop_and_take, &stopped) == 0);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    pthread_join(thread, NULL);
    expect(blame, tg_limit_used(stopped.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(stopped.limit);
}

START_TEST(a_group_that_has_stopped_keeps_nobody_from_what_is_left)
{
    at_place(_i, take_beside);
}
END_TEST

START_TEST(a_limit_may_be_destroyed_while_something_is_acquired)
{
    tg_limit *limit = tg_limit_create(2);
    assert_status(tg_limit_acquire(limit, 2, 0), TG_OK);
    tg_limit_destroy(limit);
    assert_status(tg_limit_release(limit, 1), TG_OK);
    assert_status(tg_limit_release(limit, 1), TG_OK);
}
END_TEST

START_TEST(a_limit_may_be_destroyed_while_a_thread_waits_for_it)
{
    at_place(_i, destroy_meanwhile);
}
END_TEST

/* ---- In tasks ---- */

struct inside {
    struct blame *blame;
    tg_limit *own, *other;
};

static int task_acquires(tg_task *self, void *arg, void *result)
{
    const struct inside *inside = arg;
    (void)self, (void)result;
    expect(inside->blame, tg_limit_acquire(inside->own, 1, TG_FOREVER) == TG_BUSY);
    expect(inside->blame, tg_limit_acquire(inside->own, 1, 0) == TG_BUSY);
    expect(inside->blame, tg_limit_acquire(inside->other, 1, TG_FOREVER) == TG_OK);
    expect(inside->blame, tg_limit_release(inside->other, 1) == TG_OK);
    return 0;
}

static int task_runs_group(tg_task *self, void *arg, void *result)
{
    const struct inside *inside = arg;
    tg_group *g = tg_group_create(NULL);
    (void)self, (void)result;
    tg_group_add(g, task_acquires, arg);
    expect(inside->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return 0;
}

static int done_acquires(tg_group *unused, const tg_outcome *outcome, void *user)
{
    const struct inside *inside = user;
    (void)unused, (void)outcome;
    tg_status status = tg_limit_acquire(inside->own, 1, TG_FOREVER); /* of a task just ended */
    expect(inside->blame, status == TG_BUSY || status == TG_OK);
    if (status == TG_OK)
        expect(inside->blame, tg_limit_release(inside->own, 1) == TG_OK);
    return 0;
}

static void acquire_inside(struct blame *blame)
{
    struct inside inside = {.blame = blame, .own = tg_limit_create(1), .other = tg_limit_create(1)};
    tg_group *g =
        tg_group_create(TG_GROUP(.shared = inside.own, .on_done = done_acquires, .user = &inside));

    tg_group_add(g, task_acquires, &inside);
    tg_group_add(g, task_runs_group, &inside);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_limit_used(inside.own) == 0 && tg_limit_used(inside.other) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(inside.own);
    tg_limit_destroy(inside.other);
}

START_TEST(a_task_that_has_taken_of_the_limit_is_refused_and_waits_for_others)
{
    at_place(_i, acquire_inside);
}
END_TEST

/* ---- In a child ---- */

START_TEST(in_a_child_of_fork_nothing_is_acquired)
{
    tg_limit *limit = tg_limit_create(2);
    int status = -1;

    assert_status(tg_limit_acquire(limit, 2, 0), TG_OK);
    pid_t child = fork();
    if (child == 0) {
        bool right = tg_limit_release(limit, 1) == TG_INVALID && tg_limit_used(limit) == 0 &&
                     tg_limit_acquire(limit, 2, 0) == TG_OK && tg_limit_release(limit, 2) == TG_OK;
        tg_limit_destroy(limit);
        _exit(right ? 0 : 1);
    }
    ck_assert(child > 0 && waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
    assert_status(tg_limit_release(limit, 2), TG_OK);
    tg_limit_destroy(limit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limit_acquire");
    TCase *tcase = add_case(suite, "plain code");
    tcase_add_test(tcase, what_is_acquired_is_in_use_until_it_is_released);
    tcase_add_test(tcase, calls_without_sense_are_refused_and_change_nothing);
    tcase_add_test(tcase, in_a_child_of_fork_nothing_is_acquired);
    tcase_add_test(tcase, a_limit_may_be_destroyed_while_something_is_acquired);
    tcase = add_case(suite, "beside others");
    tcase_add_loop_test(tcase,
        groups_and_plain_threads_never_use_more_than_the_budget_and_all_come_to_their_turn, 0,
        PLACES);
    tcase_add_loop_test(tcase, a_thread_that_gives_up_lets_the_next_one_go_on, 0, PLACES);
    tcase_add_loop_test(tcase, a_limit_may_be_destroyed_while_a_thread_waits_for_it, 0, PLACES);
    tcase_add_loop_test(
        tcase, a_thread_that_has_waited_for_the_last_release_may_destroy_the_limit, 0, PLACES);
    tcase_add_loop_test(tcase, a_group_that_has_stopped_keeps_nobody_from_what_is_left, 0, PLACES);
    tcase_add_loop_test(
        tcase, a_task_that_has_taken_of_the_limit_is_refused_and_waits_for_others, 0, PLACES);
    return run_suite(suite);
}
