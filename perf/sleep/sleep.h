/* SPDX-License-Identifier: MIT */
#ifndef SLEEP_H
#define SLEEP_H
/*
 * sleep: n tasks that write a byte and wait 10 ms, at most `limit` of them in flight. Nobody can be
 * faster than n / limit × 10 ms.
 */
#include "bench.h"

static const double sleep_seconds = 0.01;

static inline unsigned char sleep_body(size_t index)
{
    return (unsigned char)(index % 251 + 1);
}

static inline void sleep_report(double start, const unsigned char *results, size_t n)
{
    const double seconds = bench_now() - start;
    for (size_t i = 0; i < n; i++)
        if (results[i] != sleep_body(i))
            bench_wrong("result %zu is %d", i, results[i]);
    bench_report("seconds", seconds);
}

#endif
