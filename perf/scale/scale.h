/* SPDX-License-Identifier: MIT */
#ifndef SCALE_H
#define SCALE_H
/*
 * scale: what spawn measures, for groups from a hundred to ten million tasks; small ones again and again.
 * The figure is the mean of all tasks: does it stay flat?
 */
#include "bench.h"

/** One whole group. Defined by each program. */
static void scale_group(const bench_args *args);

static inline void scale_check(const uint64_t *results, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (results[i] != i + 1)
            bench_wrong("result %zu of %zu is %ju", i, n, (uintmax_t)results[i]);
}

void bench_run(const bench_args *args)
{
    const double start = bench_now();
    for (size_t i = 0; i < args->groups; i++)
        scale_group(args);
    const double seconds = bench_now() - start;
    bench_report("ns_per_task", 1e9 * seconds / (double)args->groups / (double)args->n);
}

#endif
