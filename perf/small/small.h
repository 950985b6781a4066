/* SPDX-License-Identifier: MIT */
#ifndef SMALL_H
#define SMALL_H
/*
 * small: a whole group of n empty tasks, made, run, checked and given back, many times over, each
 * with its own time; the figure is their median. From serial code, or by the one thread of a
 * `single` inside a region of the program.
 */
#include "../spawn/spawn.h" /* the same tasks */

#include <stdlib.h>

enum { SMALL_MAX = 64 };

/** One whole group, from where the caller stands. Defined by each program. */
static void small_group(const bench_args *args);

static void small_groups(const bench_args *args, double *times)
{
    for (size_t i = 0; i < args->groups; i++) {
        const double start = bench_now();
        small_group(args);
        times[i] = 1e6 * (bench_now() - start);
    }
}

void bench_run(const bench_args *args)
{
    if (args->n > SMALL_MAX)
        bench_wrong("a small group has at most %d tasks", SMALL_MAX);
    double *times = bench_alloc(args->groups, sizeof *times);
    if (args->region) {
#pragma omp parallel
#pragma omp single
        small_groups(args, times);
    } else {
        small_groups(args, times);
    }
    bench_report("us_per_group", bench_median(times, args->groups));
    free(times);
}

#endif
