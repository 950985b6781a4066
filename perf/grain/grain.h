/* SPDX-License-Identifier: MIT */
#ifndef GRAIN_H
#define GRAIN_H
/*
 * grain: n tasks of `body` microseconds each, all of it timed as in spawn. Task i works on the seed
 * i + 1. The figure is the time over the ideal, which is n × body / threads.
 */
#include "bench.h"

static inline void grain_report(const bench_args *args, double start)
{
    const double ideal = 1e-6 * (double)args->n * args->body_us / args->threads;
    bench_report("x_ideal", (bench_now() - start) / ideal);
}

#endif
