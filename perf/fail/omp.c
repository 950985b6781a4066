/* SPDX-License-Identifier: MIT */
#include "fail.h"

#include <string.h>

/* omp looks at the flag first thing in each task; in omp-break the producer looks at it, too. */
const char *const bench_impls[] = {"omp", "omp-break", NULL};

static void task(size_t index, atomic_int *stop)
{
    if (atomic_load_explicit(stop, memory_order_relaxed))
        return;
    if (fail_body(index) != 0)
        atomic_store(stop, 1);
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    const int breaks = strcmp(args->impl, "omp-break") == 0;
    atomic_int stop = 0;
    fail_prepare();
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
        if (breaks && atomic_load_explicit(&stop, memory_order_relaxed))
            break;
#pragma omp task firstprivate(i) shared(stop)
        task(i, &stop);
    }
    fail_report(bench_now());
}
