/* SPDX-License-Identifier: MIT */
/* group.h, tg_group_hold(): holds that are open when their group is stopped, reset, or destroyed. */
#include "tg_test.h"
#include <time.h>

/* A group with a hold, and another thread that cancels the one and completes the other. */
struct held {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int started, hooked, over;
    int code;
};

/* For what must not happen to happen. Nothing depends on how long it is. */
static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void *cancel_and_complete(void *arg)
{
    struct held *held = arg;

    wait_until(atomic_load(&held->started));
    tg_context_cancel(tg_group_context(held->group), 42, "enough");
    nap();
    atomic_store(&held->over, 1);
    expect(held->blame, tg_task_complete(held->hold, held->code, "given up") == TG_OK);
    return NULL;
}

static void expect_cancel(struct blame *blame, tg_group *g, tg_status status, int code)
{
    const tg_error *error = tg_group_error(g);

    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == status);
    expect(blame, error->code == code);
    expect(blame, error->index == TG_NO_INDEX);
}

static void cancel_held(struct blame *blame)
{
    for (int code = 0; code < 2; code++) {
        struct held held = {.blame = blame, .code = code};
        tg_group *g = held.group = tg_group_create(NULL);
        pthread_t thread;
        held.hold = tg_group_hold(g, NULL);
        tg_group_add_many(g, task_until_told, 50, &held.started, 0, NULL);
        pthread_create(&thread, NULL, cancel_and_complete, &held);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect(blame, atomic_load(&held.over)); /* not before the hold was completed */
        pthread_join(thread, NULL);
        expect_cancel(blame, g, TG_CANCELLED, 42); /* a late error does not replace it */
        expect(blame, status_of(g, 0) == (code == 0 ? TG_OK : TG_CANCELLED));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_cancelled_run_returns_only_when_its_holds_are_completed)
{
    at_place(_i, cancel_held);
}
END_TEST

static int fail_once_held(tg_task *self, void *arg, void *result)
{
    struct held *held = arg;

    (void)self, (void)result;
    atomic_store(&held->started, 1);
    return 7;
}

static void *complete_once_stopped(void *arg)
{
    struct held *held = arg;

    wait_until(tg_context_check(tg_group_context(held->group)) != TG_OK);
    expect(held->blame, tg_context_check(tg_group_context(held->group)) == TG_FAILED);
    nap();
    atomic_store(&held->over, 1);
    expect(held->blame, tg_task_complete(held->hold, held->code, NULL) == TG_OK);
    return NULL;
}

static void fail_held(struct blame *blame)
{
    for (int code = 0; code < 2; code++) {
        struct held held = {.blame = blame, .code = code};
        tg_group *g = held.group = tg_group_create(NULL);
        pthread_t thread;
        held.hold = tg_group_hold(g, NULL);
        tg_group_add(g, fail_once_held, &held);
        pthread_create(&thread, NULL, complete_once_stopped, &held);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, atomic_load(&held.over));
        pthread_join(thread, NULL);
        expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->index == 1);
        expect(blame, status_of(g, 0) == (code == 0 ? TG_OK : TG_CANCELLED));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_failed_run_returns_only_when_its_holds_are_completed)
{
    at_place(_i, fail_held);
}
END_TEST

/* What the header recommends: a hook tells who works on it to give up. */
static void give_up(void *user)
{
    struct held *held = user;

    atomic_fetch_add(&held->hooked, 1);
    expect(held->blame, tg_task_complete(held->hold, 1, "given up") == TG_OK);
}

static void give_up_by_hook(struct blame *blame)
{
    for (int round = 0; round < 2; round++) {
        struct held held = {.blame = blame};
        tg_group *g = held.group = tg_group_create(TG_GROUP(.timeout = round ? 0.005 : 0));
        tg_status expected = round ? TG_TIMED_OUT : TG_CANCELLED;
        tg_hook *hook;
        held.hold = tg_group_hold(g, NULL);
        hook = tg_context_hook(tg_group_context(g), give_up, &held);
        expect(blame, hook != NULL);
        if (round == 0)
            tg_group_add(g, task_cancel, &held.started);
        expect(blame, tg_group_run(g) == expected);
        tg_hook_remove(hook);
        expect(blame, atomic_load(&held.hooked) == 1);
        expect(blame, status_of(g, 0) == TG_CANCELLED);
        expect_cancel(blame, g, expected, round ? 0 : 42);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_hook_completes_the_hold_of_a_group_that_is_cancelled_or_timed_out)
{
    at_place(_i, give_up_by_hook);
}
END_TEST

/* ---- Reset and destroy --------------------------------------------------------------------- */

static void reset_held(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *hold = tg_group_hold(g, TG_TASK(.id = 4));

    expect(blame, tg_group_reset(g) == TG_BUSY);
    expect(blame, tg_error_last()->status == TG_BUSY);
    expect(blame, tg_group_count(g) == 1);
    expect(blame, tg_task_complete(hold, 5, "no") == TG_OK);
    expect(blame, tg_group_reset(g) == TG_OK);
    expect(blame, tg_group_count(g) == 0);
    expect(blame, tg_group_error(g) == NULL);
    hold = tg_group_hold(g, TG_TASK(.id = 4)); /* as new: nothing of the failure, the id is free */
    expect(blame, hold != NULL);
    expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 1);
    tg_group_destroy(g);
}

START_TEST(a_group_with_an_open_hold_is_not_reset)
{
    at_place(_i, reset_held);
}
END_TEST

static void run_again(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    for (size_t round = 1; round <= 20; round++) {
        tg_task *hold = tg_group_hold(g, NULL);
        expect(blame, hold != NULL);
        expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == 2 * round);
        expect(blame, tg_task_complete(hold, 0, NULL) == TG_DONE);
    }
    tg_group_destroy(g);
}

START_TEST(each_run_may_have_holds_of_its_own)
{
    at_place(_i, run_again);
}
END_TEST

static void *destroy_and_complete(void *arg)
{
    struct held *held = arg;

    wait_until(atomic_load(&held->started));
    tg_group_destroy(held->group); /* it runs: that is a cancel */
    nap();
    atomic_store(&held->over, 1);
    expect(held->blame, tg_task_complete(held->hold, 0, NULL) == TG_OK);
    return NULL;
}

static void destroy_held(struct blame *blame)
{
    struct held held = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t thread;

    held.hold = tg_group_hold(held.group, NULL);
    tg_group_add(held.group, task_count, &held.started);
    pthread_create(&thread, NULL, destroy_and_complete, &held);
    expect(blame, tg_group_run(held.group) == TG_CANCELLED);
    expect(blame, atomic_load(&held.over));
    pthread_join(thread, NULL);
}

START_TEST(a_group_that_is_destroyed_while_it_runs_lives_until_its_holds_are_completed)
{
    at_place(_i, destroy_held);
}
END_TEST

/* ---- Races --------------------------------------------------------------------------------- */

enum { HOLDS = 12, THREADS = 4 };

struct race {
    struct blame *blame;
    tg_group *group;
    tg_task *holds[HOLDS];
    atomic_int started, done[HOLDS]; /* how many completions were answered TG_OK */
    atomic_int thread;
    int round;
};

/* Each completes all of them, from another one on, a few with an error; one of them cancels. */
static void *race_for_holds(void *arg)
{
    struct race *race = arg;
    int thread = atomic_fetch_add(&race->thread, 1);

    wait_until(atomic_load(&race->started));
    for (int i = 0; i < HOLDS; i++) {
        int which = (i + thread * HOLDS / THREADS) % HOLDS;
        int code = race->round % 3 == 1 && which % 5 == thread ? 3 : 0;
        tg_status status;
        if (race->round % 3 == 2 && thread == 0 && i == HOLDS / 3)
            tg_context_cancel(tg_group_context(race->group), 42, "enough");
        status = tg_task_complete(race->holds[which], code, "lost");
        expect(race->blame, status == TG_OK || status == TG_DONE);
        atomic_fetch_add(&race->done[which], status == TG_OK);
    }
    return NULL;
}

static void race_completions(struct blame *blame)
{
    for (int round = 0; round < 30; round++) {
        struct race race = {.blame = blame, .round = round, .group = tg_group_create(NULL)};
        pthread_t threads[THREADS];
        tg_status status;
        size_t failed = 0;
        tg_group_add(race.group, task_count, &race.started);
        for (int i = 0; i < HOLDS; i++)
            race.holds[i] = tg_group_hold(race.group, NULL);
        tg_group_add_many(race.group, task_count, 20, &race.started, 0, NULL);
        for (int i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, race_for_holds, &race);
        status = tg_group_run(race.group);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < HOLDS; i++)
            expect(blame, atomic_load(&race.done[i]) == 1);
        failed = report_of(race.group).failed;
        if (round % 3 == 0)
            expect(blame, status == TG_OK);
        else if (round % 3 == 1)
            expect(blame, status == (failed > 0 ? TG_FAILED : TG_OK));
        else
            expect(blame, status == TG_OK || status == TG_CANCELLED);
        expect_exact_accounting(blame, race.group);
        tg_group_destroy(race.group);
    }
}

START_TEST(of_many_threads_that_complete_a_hold_one_does_also_beside_a_cancel)
{
    at_place(_i, race_completions);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hold_stop");
    TCase *stop = add_case(suite, "stop");
    TCase *again = add_case(suite, "reset and destroy");
    TCase *races = add_case(suite, "races");

    tcase_add_loop_test(stop, a_cancelled_run_returns_only_when_its_holds_are_completed, 0, PLACES);
    tcase_add_loop_test(stop, a_failed_run_returns_only_when_its_holds_are_completed, 0, PLACES);
    tcase_add_loop_test(
        stop, a_hook_completes_the_hold_of_a_group_that_is_cancelled_or_timed_out, 0, PLACES);
    tcase_add_loop_test(again, a_group_with_an_open_hold_is_not_reset, 0, PLACES);
    tcase_add_loop_test(again, each_run_may_have_holds_of_its_own, 0, PLACES);
    tcase_add_loop_test(again,
        a_group_that_is_destroyed_while_it_runs_lives_until_its_holds_are_completed, 0, PLACES);
    tcase_add_loop_test(
        races, of_many_threads_that_complete_a_hold_one_does_also_beside_a_cancel, 0, PLACES);
    return run_suite(suite);
}
