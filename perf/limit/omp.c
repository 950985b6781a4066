/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "limit.h"

#include <semaphore.h>
#include <stdlib.h>

const char *const bench_impls[] = {"omp", NULL};

static void task(uint64_t *results, size_t index, sem_t *slots)
{
    if (slots)
        while (sem_wait(slots) != 0)
            ; /* a signal came in between */
    results[index] = limit_body(index);
    if (slots)
        sem_post(slots);
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    sem_t semaphore;
    sem_t *slots = args->limit ? &semaphore : NULL;
    sem_init(&semaphore, 0, (unsigned)args->limit);
    const double start = limit_start(args);
    uint64_t *results = bench_alloc(n, sizeof *results);
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i, slots) shared(results)
        task(results, i, slots);
    }
    limit_report(args, start, results);
    free(results);
    sem_destroy(&semaphore);
}
