/* SPDX-License-Identifier: MIT */
#ifndef FAIL_H
#define FAIL_H
/*
 * fail: task 0 of n fails, the others do nothing. Figures: from the failure until everything is
 * back with the caller, and how many other tasks started after the failure.
 */
#include "bench.h"

#include <stdatomic.h>

static double fail_time;
static atomic_int fail_seen;
static atomic_size_t fail_late;

static inline void fail_prepare(void)
{
    fail_time = 0;
    atomic_store(&fail_seen, 0);
    atomic_store(&fail_late, 0);
}

/** The body: 0 for success. */
static inline int fail_body(size_t index)
{
    if (index == 0) {
        fail_time = bench_now();
        atomic_store(&fail_seen, 1);
        return 1;
    }
    if (atomic_load_explicit(&fail_seen, memory_order_relaxed))
        atomic_fetch_add(&fail_late, 1);
    return 0;
}

static inline void fail_report(double end)
{
    if (!atomic_load(&fail_seen))
        bench_wrong("task 0 never ran");
    bench_report("us_after_failure", 1e6 * (end - fail_time));
    bench_report("tasks_after_failure", (double)atomic_load(&fail_late));
}

#endif
