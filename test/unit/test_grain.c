/* SPDX-License-Identifier: MIT */
/* group.h, `.grainsize`: how many tasks one `omp task` carries. */
#include "tg_test.h"
#include <time.h>
#include <limits.h>

static const long grains[] = {1, 2, 3, 7, 16, 32, 33, 64, 1000, LONG_MAX, TG_GRAIN_AUTO};
enum { GRAINS = sizeof grains / sizeof *grains };
static const size_t counts[] = {0, 1, 2, 6, 7, 8, 31, 64, 65, 1000, 5001};
enum { COUNTS = sizeof counts / sizeof *counts };

static int mark(tg_task *self, void *arg, void *result)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    *(size_t *)result = tg_task_index(self) * 3 + 1;
    return 0;
}

static void run_all_grains(struct blame *blame)
{
    for (int i = 0; i < GRAINS; i++)
        for (int j = 0; j < COUNTS; j++) {
            atomic_int *runs = calloc(counts[j] + 1, sizeof *runs);
            tg_group *g =
                tg_group_create(TG_GROUP(.grainsize = grains[i], .result_size = sizeof(size_t)));
            const size_t *results;
            if (j % 2 == 0)
                tg_group_add_many(g, mark, counts[j], runs, sizeof *runs, NULL);
            else
                for (size_t k = 0; k < counts[j]; k++)
                    tg_group_add(g, mark, &runs[k]);
            expect(blame, tg_group_run(g) == TG_OK);
            results = tg_group_results(g);
            for (size_t k = 0; k < counts[j]; k++) {
                expect(blame, atomic_load(&runs[k]) == 1);
                expect(blame, results != NULL && results[k] == k * 3 + 1);
            }
            expect(blame, report_of(g).ok == counts[j]);
            tg_group_destroy(g);
            free(runs);
        }
}

START_TEST(with_any_grainsize_every_task_runs_once_with_its_result)
{
    at_place(_i, run_all_grains);
}
END_TEST

/*
 * What a task sets with omp_set_num_threads() lives in the data environment of its `omp task` and
 * ends with it: so who finds a predecessor's value is carried by the same one.
 */
struct carried {
    int threads;      /* what serial code has */
    atomic_int first; /* tasks that found it unchanged: `omp task`s */
    atomic_int odd;   /* tasks that found something else than their predecessor's value */
    int by[2000];
};

static int set_threads(tg_task *self, void *arg, void *result)
{
    struct carried *carried = arg;
    int index = (int)tg_task_index(self), found = omp_get_max_threads();

    (void)result;
    if (found == carried->threads)
        atomic_fetch_add(&carried->first, 1);
    else if (found != 1000 + index - 1)
        atomic_fetch_add(&carried->odd, 1);
    carried->by[index] = omp_get_thread_num();
    omp_set_num_threads(1000 + index);
    return 0;
}

static int count_omp_tasks(struct blame *blame, long grainsize, int count)
{
    struct carried *carried = calloc(1, sizeof *carried);
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = grainsize));
    int first, changes = 0;

    carried->threads = omp_get_max_threads();
    tg_group_add_many(g, set_threads, (size_t)count, carried, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, omp_get_max_threads() == carried->threads);
    expect(blame, atomic_load(&carried->odd) == 0);
    first = atomic_load(&carried->first);
    for (int i = 1; i < count; i++)
        changes += carried->by[i] != carried->by[i - 1];
    expect(blame, changes < first); /* the tasks of one grain share one thread */
    tg_group_destroy(g);
    free(carried);
    return first;
}

static void be_one_omp_task_each(struct blame *blame)
{
    expect(blame, count_omp_tasks(blame, 0, 2000) == 2000);
    expect(blame, count_omp_tasks(blame, 1, 2000) == 2000);
}

START_TEST(every_task_is_an_omp_task_of_its_own_unless_a_grainsize_says_otherwise)
{
    at_place(_i, be_one_omp_task_each);
}
END_TEST

static void carry(struct blame *blame)
{
    expect(blame, count_omp_tasks(blame, 10, 2000) == 200);
    expect(blame, count_omp_tasks(blame, 32, 1984) == 62);
    expect(blame, count_omp_tasks(blame, 7, 1999) >= 286);
    expect(blame, count_omp_tasks(blame, 7, 1999) <= 286 + (int)team_size());
    expect(blame, count_omp_tasks(blame, 100, 2000) == 20);
}

START_TEST(one_omp_task_carries_as_many_tasks_as_the_grainsize_says)
{
    at_place(_i, carry);
}
END_TEST

static int spin_shortly(tg_task *self, void *arg, void *result)
{
    volatile int turns = 0;

    (void)self, (void)result;
    while (turns < 20)
        turns++;
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static void bundle_by_measure(struct blame *blame)
{
    for (int round = 0; round < 3; round++) {
        atomic_int runs = 0;
        tg_group *g = tg_group_create(TG_GROUP(.grainsize = TG_GRAIN_AUTO));
        tg_group_add_many(g, spin_shortly, 60000, &runs, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&runs) == 60000);
        tg_group_add(g, spin_shortly, &runs);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&runs) == 60001);
        tg_group_destroy(g);
    }
}

START_TEST(a_measured_grainsize_runs_all_of_many_short_tasks)
{
    at_place(_i, bundle_by_measure);
}
END_TEST

START_TEST(a_measured_grainsize_bundles_short_tasks)
{
    struct blame blame = {0};

    ck_assert_int_lt(count_omp_tasks(&blame, TG_GRAIN_AUTO, 2000), 2000);
    assert_blameless(&blame, "serial code");
}
END_TEST

static int fail_at_7(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    return tg_task_index(self) == 7 ? 3 : 0;
}

static void stop_within_a_grain(struct blame *blame)
{
    atomic_int runs = 0;
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = 16, .limit = 1));

    tg_group_add_many(g, fail_at_7, 16, &runs, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, atomic_load(&runs) == 8);
    for (size_t i = 0; i < 16; i++)
        expect(blame, status_of(g, i) == (i < 7 ? TG_OK : i > 7 ? TG_SKIPPED : TG_FAILED));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_failure_stops_in_the_middle_of_its_own_grain)
{
    at_place(_i, stop_within_a_grain);
}
END_TEST

static int cancel_at_7(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    if (tg_task_index(self) == 7)
        tg_context_cancel(tg_task_context(self), 1, NULL);
    return 0;
}

static void cancel_within_a_grain(struct blame *blame)
{
    atomic_int runs = 0;
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = 1000, .limit = 1));

    tg_group_add_many(g, cancel_at_7, 1000, &runs, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, atomic_load(&runs) == 8);
    expect(blame, report_of(g).ok == 8 && report_of(g).skipped == 992);
    tg_group_destroy(g);
}

START_TEST(a_cancel_stops_in_the_middle_of_a_grain)
{
    at_place(_i, cancel_within_a_grain);
}
END_TEST

/* ---- A bundle that others may take ---- */

enum { SHORT_ONES = 200000, LONG_ONES = 1500 };

struct shares {
    atomic_int by[64];
};

static int short_then_long(tg_task *self, void *arg, void *result)
{
    struct shares *shares = arg;
    (void)result;
    if (tg_task_index(self) >= SHORT_ONES) {
        nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
        atomic_fetch_add(&shares->by[tg_task_worker(self) % 64], 1);
    }
    return 0;
}

/* The bundle is as large as short tasks allow when the long ones come. Where it cannot be taken from, its thread runs
   most of them. */
static void run_short_then_long(struct blame *blame)
{
    struct shares shares = {0};
    int most = 0;
    tg_status status =
        tg_map_run(SHORT_ONES + LONG_ONES, short_then_long, &shares, 0, NULL, 0, NULL);
    expect(blame, status == TG_OK);
    for (int i = 0; i < 64; i++)
        most = atomic_load(&shares.by[i]) > most ? atomic_load(&shares.by[i]) : most;
    expect(blame, team_size() < 3 || most < LONG_ONES * (team_size() < 8 ? 6 : 3) / 10);
}

START_TEST(a_bundle_of_tasks_that_have_become_long_is_shared)
{
    at_place(_i, run_short_then_long);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grain");
    TCase *number = add_case(suite, "a number");
    TCase *measured = add_case(suite, "measured");
    TCase *stop = add_case(suite, "stop");

    tcase_add_loop_test(number, with_any_grainsize_every_task_runs_once_with_its_result, 0, PLACES);
    tcase_add_loop_test(
        number, every_task_is_an_omp_task_of_its_own_unless_a_grainsize_says_otherwise, 0, PLACES);
    tcase_add_loop_test(
        number, one_omp_task_carries_as_many_tasks_as_the_grainsize_says, 0, PLACES);
    tcase_add_loop_test(measured, a_measured_grainsize_runs_all_of_many_short_tasks, 0, PLACES);
    tcase_add_test(measured, a_measured_grainsize_bundles_short_tasks);
    tcase_add_loop_test(stop, a_failure_stops_in_the_middle_of_its_own_grain, 0, PLACES);
    tcase_add_loop_test(stop, a_cancel_stops_in_the_middle_of_a_grain, 0, PLACES);
    tcase_add_loop_test(
        number, a_bundle_of_tasks_that_have_become_long_is_shared, PLACE_SERIAL, PLACE_MASKED);
    return run_suite(suite);
}
