/* SPDX-License-Identifier: MIT */
/* Raw OpenMP tasks of the user's in tasks of a group that stops. */
#include "tg_test.h"

/* ---- Raw omp tasks of the user ------------------------------------------------------------- */

struct raw {
    atomic_int ran;
    int waits;
    int code;
};
enum { RAW = 100 };

static int make_raw_tasks(tg_task *self, void *arg, void *result)
{
    struct raw *raw = arg;

    (void)result;
    if (tg_task_index(self) % 10 == 5)
        return raw->code;
    for (int i = 0; i < RAW; i++) {
#pragma omp task firstprivate(raw)
        atomic_fetch_add(&raw->ran, 1);
    }
    if (raw->waits) {
#pragma omp taskwait
    }
    return tg_task_index(self) == 33 ? raw->code : 0;
}

/* Whatever stops the group, what a task function has made of raw tasks runs, before run returns. */
static void stop_among_raw_tasks(struct blame *blame)
{
    for (int round = 0; round < 60; round++) {
        struct raw raw = {.waits = round % 2, .code = 3};
        tg_group *g = tg_group_create(TG_GROUP(.grainsize = round % 3));
        size_t makers = 0;
        unsigned flags = round % 5 == 0 ? TG_TASK_OPTIONAL : 0;
        tg_group_add_many(g, make_raw_tasks, 50, &raw, 0, TG_TASK(.flags = flags));
        expect(blame, tg_group_run(g) == (flags == 0 ? TG_FAILED : TG_OK));
        for (size_t i = 0; i < 50; i++)
            makers += i % 10 != 5 && status_of(g, i) != TG_SKIPPED; /* cancelled ones have, too */
        expect(blame, (size_t)atomic_load(&raw.ran) == makers * RAW);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

static int make_and_fail(tg_task *self, void *arg, void *result)
{
    struct raw *raw = arg;

    (void)self, (void)result;
    for (int i = 0; i < RAW; i++) {
#pragma omp task firstprivate(raw)
        atomic_fetch_add(&raw->ran, 1);
    }
    if (raw->waits) {
#pragma omp taskwait
    }
    return 1;
}

static int make_and_cancel(tg_task *self, void *arg, void *result)
{
    tg_context_cancel(tg_task_context(self), 1, NULL);
    return make_and_fail(self, arg, result);
}

static void fail_with_raw_children(struct blame *blame)
{
    for (int round = 0; round < 40; round++) {
        struct raw raw = {.waits = round % 2};
        tg_group *g = tg_group_create(NULL);
        tg_group_add(g, round % 4 < 2 ? make_and_fail : make_and_cancel, &raw);
        expect(blame, tg_group_run(g) != TG_OK);
        expect(blame, atomic_load(&raw.ran) == RAW);
        tg_group_destroy(g);
    }
}

/* libomp's heap does not survive deferred tasks, our own here, on pthreads that end: not there. */
START_TEST(raw_omp_tasks_inside_tasks_all_run_though_the_group_is_stopped)
{
    if (_i != PLACE_PTHREADS)
        at_place(_i, stop_among_raw_tasks);
}
END_TEST

START_TEST(raw_omp_children_of_the_very_task_that_fails_all_run)
{
    if (_i != PLACE_PTHREADS)
        at_place(_i, fail_with_raw_children);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_raw");
    TCase *tcase = add_case(suite, "group raw");
    tcase_add_loop_test(
        tcase, raw_omp_tasks_inside_tasks_all_run_though_the_group_is_stopped, 0, PLACES);
    tcase_add_loop_test(tcase, raw_omp_children_of_the_very_task_that_fails_all_run, 0, PLACES);
    return run_suite(suite);
}
