/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <stdlib.h>
#include <string.h>

/* omp-if0: nobody waits for anybody, each thread makes and runs undeferred tasks of its own, as a group's
   do in the end. What the runtime takes for that alone. */
const char *const bench_impls[] = {"omp", "omp-if0", NULL};

static void deferred(uint64_t *results, size_t n)
{
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i) shared(results)
        results[i] = i + 1;
    }
}

static void undeferred(uint64_t *results, size_t n)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
#pragma omp task if (0) firstprivate(i) shared(results)
        results[i] = i + 1;
    }
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    const double start = bench_now();
    uint64_t *results = bench_alloc(n, sizeof *results);
    if (strcmp(args->impl, "omp-if0") == 0)
        undeferred(results, n);
    else
        deferred(results, n);
    spawn_check(results, n);
    free(results);
    spawn_report(start, n);
}
