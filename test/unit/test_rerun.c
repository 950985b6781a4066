/* SPDX-License-Identifier: MIT */
/* control.h: tg_group_rerun() runs the same tasks again, tg_group_set_limit() changes the limit. */
#include "tg_test.h"
#include "pools.h"

enum { MANY = 200, TIMES = 4 };

struct step {
    atomic_int ran, in_flight, most;
    int fails_at; /* index */
    tg_group *group;
    struct blame *blame;
};

static int add_up(tg_task *self, void *arg, void *result)
{
    struct step *step = arg;
    atomic_fetch_add(&step->ran, 1);
    if (result != NULL)
        *(int *)result += 1;
    return (int)tg_task_index(self) == step->fails_at ? 5 : 0;
}

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome;
    atomic_fetch_add((atomic_int *)user, 1);
    return 0;
}

/* One by one and as a loop; with what makes tasks apart, slow, noted. */
static void run_again(struct blame *blame)
{
    for (int i = 0; i < 32; i++) {
        struct step step = {.fails_at = -1};
        atomic_int done = 0;
        tg_pool *p = i % 5 == 0 ? tg_pool_create(TG_POOL(.threads = 2)) : NULL;
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int), .pool = p,
            .limit = i % 3, .flags = i & 4 ? TG_GROUP_TIMES : 0,
            .on_done = i & 8 ? count_done : NULL, .user = &done, .queue = i & 16 ? 5 : 0));
        if (i & 1)
            tg_group_add_many(g, add_up, MANY, &step, 0, NULL);
        for (int k = 0; !(i & 1) && k < MANY; k++)
            tg_group_add_with(g, add_up, &step,
                i & 2 && k % 3 == 0
                    ? TG_TASK(.id = (uint64_t)k + 1, .priority = k % 5 - 2, .attempts = 2)
                    : NULL,
                NULL);
        for (int t = 1; t <= TIMES; t++) {
            expect(blame, tg_group_rerun(g) == TG_OK); /* the first time, too */
            expect(blame, atomic_load(&step.ran) == t * MANY);
            expect(blame, !(i & 8) || atomic_load(&done) == t * MANY);
            const int *results = tg_group_results(g);
            for (int k = 0; k < MANY; k++)
                expect(blame, results[k] == t);
            expect(blame, outcome_of(g, 7).attempts == 1);
            expect_exact_accounting(blame, g);
        }
        expect(blame, tg_group_add(g, add_up, &step) == TG_OK); /* it grows */
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&step.ran) == TIMES * MANY + 1);
        expect(blame, tg_group_rerun(g) == TG_OK && report_of(g).ok == MANY + 1);
        tg_group_destroy(g);
        tg_pool_destroy(p);
    }
}

START_TEST(the_same_tasks_run_again)
{
    at_place(_i, run_again);
}
END_TEST

static void run_again_after_failure(struct blame *blame)
{
    for (int i = 0; i < 2; i++) {
        struct step step = {.fails_at = 3};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
        if (i)
            tg_group_add_many(g, add_up, 10, &step, 0, NULL);
        for (int k = 0; !i && k < 10; k++)
            tg_group_add(g, add_up, &step);
        expect(blame, tg_group_run(g) == TG_FAILED && status_of(g, 9) == TG_SKIPPED);
        step.fails_at = 8;
        expect(blame, tg_group_rerun(g) == TG_FAILED && tg_group_error(g)->index == 8);
        expect(blame, status_of(g, 3) == TG_OK && outcome_of(g, 3).code == 0);
        expect(blame, status_of(g, 9) == TG_SKIPPED && report_of(g).ok == 8);
        step.fails_at = -1;
        tg_group_cancel_task(g, 9);
        expect(blame, tg_group_rerun(g) == TG_OK && report_of(g).ok == 10);
        expect(blame, tg_group_error(g) == NULL && tg_group_error_next(g, NULL) == NULL);
        tg_group_cancel(g, 1, NULL);
        expect(blame, tg_group_rerun(g) == TG_OK); /* the cancel was of the run before */
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(after_a_failure_or_a_cancel_they_run_again_as_new)
{
    at_place(_i, run_again_after_failure);
}
END_TEST

static int rerun_itself(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_group_rerun(tg_task_group(self)) == TG_BUSY);
    return 0;
}

static void refuse_to_rerun(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_group_add(g, rerun_itself, blame);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_open(g);
    expect(blame, tg_group_rerun(g) == TG_BUSY);
    tg_group_close(g);
    tg_task_complete(tg_group_hold(g, NULL), 0, NULL);
    expect(blame, tg_group_rerun(g) == TG_INVALID);
    expect(blame, strstr(tg_error_last()->message, "hold") != NULL);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE));
    expect(blame, tg_group_rerun(g) == TG_INVALID);
    tg_group_destroy(g);
    g = tg_group_create(NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = 1e-6), NULL);
    expect(blame, tg_group_run(g) == TG_OK && tg_group_rerun(g) == TG_INVALID);
    expect(blame, tg_group_reset(g) == TG_OK && tg_group_rerun(g) == TG_OK);
    expect(blame, tg_group_rerun(NULL) == TG_INVALID);
    tg_group_add(g, NULL, NULL); /* lost: the batch is incomplete each time */
    expect(blame, tg_group_run(g) == TG_INVALID && tg_group_rerun(g) == TG_INVALID);
    tg_group_destroy(g);
}

START_TEST(what_cannot_run_again_is_refused_and_stays_as_it_is)
{
    at_place(_i, refuse_to_rerun);
}
END_TEST

/* ---- The limit ----------------------------------------------------------------------------- */

static int be_in_flight(tg_task *self, void *arg, void *result)
{
    struct step *step = arg;
    (void)result;
    int now = atomic_fetch_add(&step->in_flight, 1) + 1, most = atomic_load(&step->most);
    while (now > most && !atomic_compare_exchange_weak(&step->most, &most, now))
        ;
    atomic_fetch_add(&step->ran, 1);
    (void)self;
    atomic_fetch_sub(&step->in_flight, 1);
    return 0;
}

static int pend(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

/* So many deferred tasks are in flight as the limit allows, whatever it becomes. */
/* One whose function has not returned yet is RUNNING, and comes later. */
static void complete_some(tg_group *g, int many)
{
    for (size_t k = 0; many > 0; k = (k + 1) % 20)
        if (status_of(g, k) == TG_PENDING)
            many -= tg_group_complete(g, k, 0, NULL) == TG_OK;
}

static void *change_it(void *arg)
{
    struct step *step = arg;
    tg_group *g = step->group;
    wait_until(report_of(g).pending == 3);
    expect(step->blame, tg_group_set_limit(g, 7) == TG_OK);
    wait_until(report_of(g).pending == 7);
    nap();
    expect(step->blame, report_of(g).pending == 7);
    expect(step->blame, tg_group_set_limit(g, 1) == TG_OK);
    complete_some(g, 6);
    nap();
    expect(step->blame, report_of(g).pending == 1 && report_of(g).ok == 6);
    expect(step->blame, tg_group_set_limit(g, 0) == TG_BUSY);
    expect(step->blame, tg_group_set_limit(g, 100) == TG_OK);
    wait_until(report_of(g).pending == 14);
    complete_some(g, 14);
    return NULL;
}

static void change_limit(struct blame *blame)
{
    pthread_t thread;
    struct step step = {.blame = blame, .group = tg_group_create(TG_GROUP(.limit = 3))};
    for (int i = 0; i < 20; i++)
        tg_group_add(step.group, pend, &step);
    expect(blame, pthread_create(&thread, NULL, change_it, &step) == 0);
    expect(blame, tg_group_run(step.group) == TG_OK);
    pthread_join(thread, NULL);
    expect_exact_accounting(blame, step.group);
    tg_group_destroy(step.group);
}

START_TEST(the_limit_of_a_running_group_can_be_changed)
{
    at_place(_i, change_limit);
}
END_TEST

static void change_between_runs(struct blame *blame)
{
    static const long limits[] = {1, 0, 5, 2, 1, 3, 0};
    struct step step = {0};
    tg_group *g = tg_group_create(NULL);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        expect(blame, tg_group_set_limit(g, limits[i]) == TG_OK);
        atomic_store(&step.most, 0);
        for (int k = 0; k < MANY; k++)
            tg_group_add(g, be_in_flight, &step);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, limits[i] == 0 || atomic_load(&step.most) <= limits[i]);
    }
    expect(blame, atomic_load(&step.ran) == 7 * MANY);
    expect(blame, tg_group_set_limit(g, -3) == TG_INVALID);
    expect(blame, tg_group_set_limit(NULL, 3) == TG_INVALID);
    tg_group_destroy(g);
}

START_TEST(between_runs_it_can_be_anything)
{
    at_place(_i, change_between_runs);
}
END_TEST

static int limit_itself(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_group_set_limit(tg_task_group(self), 3) == TG_BUSY);
    return 0;
}

static void refuse_to_change(struct blame *blame)
{
    for (long limit = 0; limit < 2; limit++) {
        tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
        tg_group_add(g, limit_itself, blame);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_group_destroy(g);
    }
}

START_TEST(a_run_without_a_limit_or_with_one_of_1_keeps_it)
{
    at_place(_i, refuse_to_change);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rerun");
    TCase *again = add_case(s, "again"), *limit = add_case(s, "limit");
    tcase_add_loop_test(again, the_same_tasks_run_again, 0, PLACES);
    tcase_add_loop_test(again, after_a_failure_or_a_cancel_they_run_again_as_new, 0, PLACES);
    tcase_add_loop_test(again, what_cannot_run_again_is_refused_and_stays_as_it_is, 0, PLACES);
    tcase_add_loop_test(limit, the_limit_of_a_running_group_can_be_changed, 0, PLACES);
    tcase_add_loop_test(limit, between_runs_it_can_be_anything, 0, PLACES);
    tcase_add_loop_test(limit, a_run_without_a_limit_or_with_one_of_1_keeps_it, 0, PLACES);
    return run_suite(s);
}
