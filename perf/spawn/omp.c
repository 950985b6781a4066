/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <stdlib.h>

const char *const bench_impls[] = {"omp", NULL};

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    const double start = bench_now();
    uint64_t *results = bench_alloc(n, sizeof *results);
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i) shared(results)
        results[i] = i + 1;
    }
    spawn_check(results, n);
    free(results);
    spawn_report(start, n);
}
