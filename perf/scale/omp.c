/* SPDX-License-Identifier: MIT */
#include "scale.h"

#include <stdlib.h>

const char *const bench_impls[] = {"omp", NULL};

static void scale_group(const bench_args *args)
{
    uint64_t *results = bench_alloc(args->n, sizeof *results);
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < args->n; i++) {
#pragma omp task firstprivate(i) shared(results)
        results[i] = i + 1;
    }
    scale_check(results, args->n);
    free(results);
}
