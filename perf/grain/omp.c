/* SPDX-License-Identifier: MIT */
#include "grain.h"

#include <stdlib.h>
#include <string.h>

/* clang 19 warns of the code that it makes itself for a taskloop. */
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* omp-for makes no tasks at all: it shows how near to the ideal this machine lets anybody come. */
const char *const bench_impls[] = {"omp", "omp-taskloop", "omp-for", NULL};

static void by_tasks(uint64_t *results, size_t n, uint64_t loops)
{
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i, loops) shared(results)
        results[i] = bench_work(i + 1, loops);
    }
}

/* The runtime decides how many bodies a task has. */
static void by_taskloop(uint64_t *results, size_t n, uint64_t loops)
{
#pragma omp parallel
#pragma omp single
#pragma omp taskloop
    for (size_t i = 0; i < n; i++)
        results[i] = bench_work(i + 1, loops);
}

static void by_loop(uint64_t *results, size_t n, uint64_t loops)
{
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        results[i] = bench_work(i + 1, loops);
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    const uint64_t loops = bench_loops(args);
    const double start = bench_now();
    uint64_t *results = bench_alloc(n, sizeof *results);
    if (strcmp(args->impl, "omp") == 0)
        by_tasks(results, n, loops);
    else if (strcmp(args->impl, "omp-taskloop") == 0)
        by_taskloop(results, n, loops);
    else
        by_loop(results, n, loops);
    bench_work_check(results, n, loops);
    free(results);
    grain_report(args, start);
}
