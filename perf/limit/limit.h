/* SPDX-License-Identifier: MIT */
#ifndef LIMIT_H
#define LIMIT_H
/*
 * limit: n tasks, at most `limit` of them in flight. With a body the figure is the time over the
 * ideal, n × body / min(limit, threads), and the bodies count how many of them there are at once.
 * Without one it is the cost of a limit that is never reached.
 */
#include "bench.h"

#include <stdatomic.h>

static uint64_t limit_loops;
static atomic_long limit_now;
static atomic_long limit_most;

static inline double limit_start(const bench_args *args)
{
    limit_loops = bench_loops(args);
    atomic_store(&limit_now, 0);
    atomic_store(&limit_most, 0);
    return bench_now();
}

static inline uint64_t limit_body(size_t index)
{
    if (limit_loops == 0)
        return index + 1;
    const long now = atomic_fetch_add(&limit_now, 1) + 1;
    long most = atomic_load_explicit(&limit_most, memory_order_relaxed);
    while (now > most && !atomic_compare_exchange_weak(&limit_most, &most, now))
        ;
    const uint64_t answer = bench_work(index + 1, limit_loops);
    atomic_fetch_sub(&limit_now, 1);
    return answer;
}

static inline void limit_report(const bench_args *args, double start, const uint64_t *results)
{
    const double seconds = bench_now() - start;
    const double lanes =
        args->limit && args->limit < args->threads ? (double)args->limit : args->threads;
    bench_work_check(results, args->n, limit_loops);
    if (args->limit && atomic_load(&limit_most) > args->limit)
        bench_wrong("%ld tasks in flight, the limit is %ld", atomic_load(&limit_most), args->limit);
    if (limit_loops)
        bench_report("x_ideal", seconds / (1e-6 * (double)args->n * args->body_us / lanes));
    else
        bench_report("ns_per_task", 1e9 * seconds / (double)args->n);
}

#endif
