/* SPDX-License-Identifier: MIT */
#include "nested.h"

const char *const bench_impls[] = {"omp", NULL};

static uint64_t fib(size_t n, size_t cutoff)
{
    if (n <= cutoff)
        return nested_serial(n);
    uint64_t a;
    uint64_t b;
#pragma omp task shared(a)
    a = fib(n - 1, cutoff);
#pragma omp task shared(b)
    b = fib(n - 2, cutoff);
#pragma omp taskwait
    return a + b;
}

static uint64_t nested_fib(size_t n, size_t cutoff)
{
    uint64_t answer;
#pragma omp parallel
#pragma omp single
    answer = fib(n, cutoff);
    return answer;
}
