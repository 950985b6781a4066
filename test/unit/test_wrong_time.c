/* SPDX-License-Identifier: MIT */
/* Calls that come at the wrong time: they are refused, or wait for their turn. */
#include "tg_test.h"
#include <limits.h>

/* ---- At the wrong time --------------------------------------------------------------------- */

struct meddler {
    struct blame *blame;
    tg_group *group;
    atomic_int running, done;
};

static void meddle(struct meddler *meddler)
{
    tg_group *g = meddler->group;

    expect(meddler->blame, tg_group_run(g) == TG_BUSY);
    expect(meddler->blame, tg_error_last()->status == TG_BUSY);
    expect(meddler->blame, tg_group_reset(g) == TG_BUSY);
    expect(meddler->blame, tg_error_last()->status == TG_BUSY);
    expect(meddler->blame, tg_group_results(g) == NULL);
    expect(meddler->blame, tg_error_last()->status == TG_BUSY);
    expect(meddler->blame, tg_group_count(g) == 2);
}

static int meddle_inside(tg_task *self, void *arg, void *result)
{
    struct meddler *meddler = arg;

    (void)self, (void)result;
    meddle(meddler);
    atomic_store(&meddler->running, 1);
    wait_until(atomic_load(&meddler->done));
    return 0;
}

static void *meddle_outside(void *arg)
{
    struct meddler *meddler = arg;

    wait_until(atomic_load(&meddler->running));
    meddle(meddler);
    atomic_store(&meddler->done, 1);
    return NULL;
}

static void run_while_running(struct blame *blame)
{
    struct meddler meddler = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t thread;

    tg_group_add(meddler.group, meddle_inside, &meddler);
    tg_group_add(meddler.group, task_count, NULL);
    pthread_create(&thread, NULL, meddle_outside, &meddler);
    expect(blame, tg_group_run(meddler.group) == TG_OK);
    pthread_join(thread, NULL);
    expect(blame, report_of(meddler.group).ok == 2);
    tg_group_destroy(meddler.group);
}

START_TEST(run_reset_and_results_are_busy_while_the_group_runs)
{
    at_place(_i, run_while_running);
}
END_TEST

static int destroy_inside(tg_task *self, void *arg, void *result)
{
    struct meddler *meddler = arg;
    tg_group *g = tg_task_group(self);

    (void)result;
    tg_group_destroy(g);
    expect(meddler->blame, tg_task_check(self) == TG_CANCELLED);
    expect(meddler->blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    expect(meddler->blame, tg_group_add_many(g, task_count, 2, NULL, 0, NULL) == TG_CLOSED);
    return (int)(tg_task_index(self) - 1);
}

static void destroy_while_running(struct blame *blame)
{
    struct meddler meddler = {.blame = blame};

    for (int i = 0; i < 40; i++) {
        atomic_int runs = 0;
        tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));
        if (i % 2 == 0) /* 0 is returned by the second: a destroyed group is cancelled even so */
            tg_group_add(g, task_count, NULL);
        tg_group_add(g, destroy_inside, &meddler);
        if (i % 3 != 0)
            tg_group_add_many(g, task_until_told, 50, &runs, 0, NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED); /* and it is freed now */
        expect(blame, tg_error_last()->status == TG_CANCELLED);
        expect(blame, tg_error_last()->message[0] != '\0');
        expect(blame, (size_t)atomic_load(&runs) <= team_size());
    }
}

START_TEST(a_task_may_destroy_its_own_group)
{
    at_place(_i, destroy_while_running);
}
END_TEST

static void *destroy_outside(void *arg)
{
    struct meddler *meddler = arg;

    wait_until(atomic_load(&meddler->running));
    tg_group_destroy(meddler->group);
    return NULL;
}

static void destroy_from_outside(struct blame *blame)
{
    for (int i = 0; i < 20; i++) {
        struct meddler meddler = {.blame = blame, .group = tg_group_create(NULL)};
        pthread_t thread;
        tg_group_add_many(meddler.group, task_until_told, 50, &meddler.running, 0, NULL);
        pthread_create(&thread, NULL, destroy_outside, &meddler);
        expect(blame, tg_group_run(meddler.group) == TG_CANCELLED);
        pthread_join(thread, NULL);
        expect(blame, (size_t)atomic_load(&meddler.running) <= team_size());
    }
}

START_TEST(another_thread_may_destroy_a_group_that_runs)
{
    at_place(_i, destroy_from_outside);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrong_time");
    TCase *tcase = add_case(suite, "wrong time");
    tcase_add_loop_test(tcase, run_reset_and_results_are_busy_while_the_group_runs, 0, PLACES);
    tcase_add_loop_test(tcase, a_task_may_destroy_its_own_group, 0, PLACES);
    tcase_add_loop_test(tcase, another_thread_may_destroy_a_group_that_runs, 0, PLACES);
    return run_suite(suite);
}
