/* SPDX-License-Identifier: MIT */
/**
 * @file nested_parallel.c
 * Tasks whose code is parallel itself (`#pragma omp parallel`, a threaded BLAS): how many threads
 * does each get?
 *
 *     ./nested_parallel
 *         One. OpenMP does not nest unless told so, and a full team runs the tasks already.
 *     OMP_NUM_THREADS=2,2 OMP_MAX_ACTIVE_LEVELS=2 ./nested_parallel
 *         Two threads run tasks, and each of the tasks gets two: 2 × 2.
 *
 * The second form is for a few big tasks; with many tasks the first one is the faster.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>

enum { TASKS = 2, ITEMS = 1000 };

/** What a task computes, and with how many threads. */
struct sum {
    long value;
    int threads;
};

static int sum_up(tg_task *self, void *arg, void *result)
{
    struct sum *sum = result;
    const long factor = 1 + (long)tg_task_index(self);
    long value = 0;
    int threads = 0;
    (void)arg;
#pragma omp parallel reduction(+ : value) reduction(max : threads)
    {
        threads = omp_get_num_threads();
#pragma omp for
        for (long i = 1; i <= ITEMS; i++)
            value += factor * i;
    }
    *sum = (struct sum){value, threads};
    return 0;
}

static int print_info(void)
{
    tg_info info;
    if (tg_info_read(&info) != TG_OK)
        return EXIT_FAILURE;
    printf("taskgroup %s on %s (built for %s)\n", tg_version_string(), info.runtime,
        info.compiled_for);
    printf("a group gets %d threads on %d processors, %s\n", info.threads, info.processors,
        info.bound ? "bound to places" : "not bound");
    printf("omp cancel is %s\n", info.cancellation ? "on" : "off");
    printf("active levels: %d\n", info.max_active_levels);
    return EXIT_SUCCESS;
}

int main(void)
{
    struct sum sums[TASKS];
    if (print_info() != EXIT_SUCCESS ||
        tg_map_run(TASKS, sum_up, NULL, 0, sums, sizeof *sums, NULL) != TG_OK) {
        fprintf(stderr, "nested_parallel: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
    for (long i = 0; i < TASKS; i++) {
        printf("task %ld: threads %d, sum %ld\n", i, sums[i].threads, sums[i].value);
        if (sums[i].value != (1 + i) * ITEMS * (ITEMS + 1) / 2)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
