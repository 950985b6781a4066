/* SPDX-License-Identifier: MIT */
/*
 * OpenMP has no task that waits without a thread (`detach` blocks or livelocks with so many). This is what a
 * program could write by hand for just this case: all wait equally long, so each thread keeps its sleepers
 * in a ring, first in, first out. No statuses, no limit that is shared, no stop.
 */
#define _POSIX_C_SOURCE 200809L
#include "sleep.h"

#include <stdlib.h>
#include <time.h>

const char *const bench_impls[] = {"omp", NULL};

static void sleep_until(double time)
{
    const double left = time - bench_now();
    if (left <= 0)
        return;
    const struct timespec rest = {.tv_nsec = (long)(left * 1e9)};
    nanosleep(&rest, NULL);
}

static void serve(unsigned char *results, size_t first, size_t end, size_t limit)
{
    double *wake = bench_alloc(limit, sizeof *wake);
    size_t ended = first;
    for (size_t started = first; ended < end;) {
        for (; started < end && started - ended < limit; started++) {
            results[started] = sleep_body(started);
            wake[started % limit] = bench_now() + sleep_seconds;
        }
        sleep_until(wake[ended % limit]);
        for (const double now = bench_now(); ended < started && wake[ended % limit] <= now;)
            ended++;
    }
    free(wake);
}

void bench_run(const bench_args *args)
{
    const double start = bench_now();
    const size_t n = args->n, parts = (size_t)args->threads;
    const size_t limit = (size_t)args->limit / parts > 0 ? (size_t)args->limit / parts : 1;
    unsigned char *results = bench_alloc(n, 1);
#pragma omp parallel for schedule(static, 1)
    for (size_t part = 0; part < parts; part++)
        serve(results, n * part / parts, n * (part + 1) / parts, limit);
    sleep_report(start, results, n);
    free(results);
}
