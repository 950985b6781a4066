/* SPDX-License-Identifier: MIT */
#include "small.h"

const char *const bench_impls[] = {"omp", NULL};

static void small_tasks(size_t n, uint64_t *results)
{
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i, results)
        results[i] = i + 1;
    }
}

static void small_group(const bench_args *args)
{
    uint64_t results[SMALL_MAX] = {0};
    if (args->region) {
        small_tasks(args->n, results);
    } else {
#pragma omp parallel
#pragma omp single
        small_tasks(args->n, results);
    }
    small_check(results, args->n);
}
