/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <string.h>

/* clang 19 warns of the code that it makes itself for a taskloop. */
#pragma GCC diagnostic ignored "-Wsign-conversion"

const char *const bench_impls[] = {"omp-for", "omp-taskloop", NULL};

/* The compiler sees the loop's body and makes vector code of it: that is what raw OpenMP gets. */
static void map_items(const bench_args *args, const uint64_t *x, uint64_t *y)
{
    const size_t n = args->n;
    if (strcmp(args->impl, "omp-for") == 0) {
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
