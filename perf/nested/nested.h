/* SPDX-License-Identifier: MIT */
#ifndef NESTED_H
#define NESTED_H
/*
 * nested: Fibonacci by the book. Every call above the cut-off makes two tasks and waits for both;
 * below it the recursion is serial.
 */
#include "bench.h"

/** Computes the Fibonacci number from serial code. Defined by each program. */
static uint64_t nested_fib(size_t n, size_t cutoff);

__attribute__((noinline)) static uint64_t nested_serial(size_t n)
{
    return n < 2 ? n : nested_serial(n - 1) + nested_serial(n - 2);
}

void bench_run(const bench_args *args)
{
    const double start = bench_now();
    const uint64_t answer = nested_fib(args->n, args->cutoff);
    bench_report("seconds", bench_now() - start);
    uint64_t a = 0;
    uint64_t b = 1;
    for (size_t i = 0; i < args->n; i++) {
        const uint64_t sum = a + b;
        a = b;
        b = sum;
    }
    if (answer != a)
        bench_wrong("fib(%zu) is %ju, not %ju", args->n, (uintmax_t)a, (uintmax_t)answer);
}

#endif
