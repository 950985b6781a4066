/* SPDX-License-Identifier: MIT */
#ifndef SPAWN_H
#define SPAWN_H
/*
 * spawn: n tasks that do nothing but say which they are; task i's result is i + 1.
 * The time is all of it: make, run, read and check every result, give back.
 */
#include "bench.h"

static inline void spawn_check(const uint64_t *results, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (results[i] != i + 1)
            bench_wrong("result %zu of %zu is %ju", i, n, (uintmax_t)results[i]);
}

static inline void spawn_report(double start, size_t n)
{
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
}

#endif
