/* SPDX-License-Identifier: MIT */
/*
 * Both runtimes keep some hundred tasks at most: beyond that the producer runs them itself, and nothing
 * is kept of those that have ended.
 */
#include "memory.h"

#include <stdatomic.h>

const char *const bench_impls[] = {"omp", NULL};

static void memory_tasks(const bench_args *args, size_t n)
{
    uint64_t *results = args->bytes > 0 ? bench_alloc(n, args->bytes) : NULL;
    atomic_size_t ran = 0;
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i) shared(results, ran)
        {
            if (results != NULL)
                results[i] = i + 1;
            atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed);
        }
    }
    if (atomic_load(&ran) != n)
        bench_wrong("%zu of %zu ran", atomic_load(&ran), n);
    memory_check(results, n);
    free(results);
}
