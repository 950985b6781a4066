/* SPDX-License-Identifier: MIT */
#ifndef MAP_H
#define MAP_H
/*
 * map: y = 3 x + 1 over n items. Only the map itself is timed; x and y are there already.
 */
#include "bench.h"

#include <stdlib.h>

/** Maps args->n items. */
typedef void map_items_fn(const bench_args *args, const uint64_t *x, uint64_t *y);

static inline void map_run(const bench_args *args, map_items_fn *items)
{
    const size_t n = args->n;
    uint64_t *x = (uint64_t *)bench_alloc(n, sizeof *x);
    uint64_t *y = (uint64_t *)bench_alloc(n, sizeof *y);
    for (size_t i = 0; i < n; i++) {
        x[i] = i;
        y[i] = 7;
    }
    const double start = bench_now();
    items(args, x, y);
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    for (size_t i = 0; i < n; i++)
        if (y[i] != 3 * i + 1)
            bench_wrong("result %zu of %zu is %ju", i, n, (uintmax_t)y[i]);
    free(y);
    free(x);
}

#endif
