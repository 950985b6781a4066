/* SPDX-License-Identifier: MIT */
#include "small.h"

#include <omp.h>
#include <string.h>

/* omp-empty does nothing: what opening a region costs, and the wait for its threads. */
const char *const bench_impls[] = {"omp", "omp-empty", NULL};

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
    if (strcmp(args->impl, "omp-empty") == 0) {
#pragma omp parallel
        results[omp_get_thread_num() % SMALL_MAX] = 1; /* else the compiler might leave it out */
        return;
    }
    if (args->region) {
        small_tasks(args->n, results);
    } else {
#pragma omp parallel
#pragma omp single
        small_tasks(args->n, results);
    }
    spawn_check(results, args->n);
}
