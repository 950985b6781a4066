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

static uint64_t sum_of(const nested_node *node)
{
    nested_node below[NESTED_MOST];
    uint64_t sums[NESTED_MOST];
    size_t count;
    uint64_t sum = nested_visit(node, below, &count);
    if (count == 0)
        return sum;
    for (size_t i = 0; i < count; i++) {
#pragma omp task firstprivate(i) shared(below, sums)
        sums[i] = sum_of(&below[i]);
    }
#pragma omp taskwait
    for (size_t i = 0; i < count; i++)
        sum += sums[i];
    return sum;
}

static uint64_t nested_sum(const nested_node *root)
{
    uint64_t answer;
#pragma omp parallel
#pragma omp single
    answer = sum_of(root);
    return answer;
}

void bench_run(const bench_args *args)
{
    nested_run(args);
}
