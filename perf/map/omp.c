/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <string.h>

/* clang 19 warns of the code that it makes itself for a taskloop. */
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* omp-call cannot see the body either: it calls it by pointer, and looks at what it answers. */
const char *const bench_impls[] = {"omp-for", "omp-taskloop", "omp-call", NULL};

static int body(const uint64_t *x, uint64_t *y)
{
    *y = 3 * *x + 1;
    return 0;
}

static int (*volatile function)(const uint64_t *x, uint64_t *y) = body;

static void call_items(const uint64_t *x, uint64_t *y, size_t n)
{
    int (*const called)(const uint64_t *, uint64_t *) = function;
    size_t failed = 0;
#pragma omp parallel for schedule(static) reduction(+ : failed)
    for (size_t i = 0; i < n; i++)
        failed += called(&x[i], &y[i]) != 0;
    if (failed != 0)
        bench_wrong("%zu have failed", failed);
}

/* The compiler sees the loop's body and makes vector code of it: that is what raw OpenMP gets. */
static void map_items(const bench_args *args, const uint64_t *x, uint64_t *y)
{
    const size_t n = args->n;
    if (strcmp(args->impl, "omp-call") == 0) {
        call_items(x, y, n);
    } else if (strcmp(args->impl, "omp-for") == 0) {
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < n; i++)
            y[i] = 3 * x[i] + 1;
    } else {
#pragma omp parallel
#pragma omp single
#pragma omp taskloop
        for (size_t i = 0; i < n; i++)
            y[i] = 3 * x[i] + 1;
    }
}

void bench_run(const bench_args *args)
{
    map_run(args, map_items);
}
