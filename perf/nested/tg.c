/* SPDX-License-Identifier: MIT */
#include "nested.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", NULL};

static size_t cutoff_now;

static uint64_t fib(size_t n);

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = fib((uintptr_t)arg);
    return 0;
}

static uint64_t fib(size_t n)
{
    if (n <= cutoff_now)
        return nested_serial(n);
    tg_group *group = tg_group_create(TG_GROUP(.result_size = sizeof(uint64_t)));
    tg_group_add(group, body, (const void *)(uintptr_t)(n - 1));
    tg_group_add(group, body, (const void *)(uintptr_t)(n - 2));
    bench_must_be_ok(tg_group_run(group));
    const uint64_t *results = tg_group_results(group);
    const uint64_t sum = results[0] + results[1];
    tg_group_destroy(group);
    return sum;
}

static uint64_t nested_fib(size_t n, size_t cutoff)
{
    cutoff_now = cutoff;
    return fib(n);
}

static uint64_t sum_of(const nested_node *node);

static int visit(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = sum_of(arg);
    return 0;
}

static uint64_t sum_of(const nested_node *node)
{
    nested_node below[NESTED_MOST];
    size_t count;
    uint64_t sum = nested_visit(node, below, &count);
    if (count == 0)
        return sum;
    tg_group *group = tg_group_create(TG_GROUP(.result_size = sizeof(uint64_t)));
    for (size_t i = 0; i < count; i++)
        tg_group_add(group, visit, &below[i]);
    bench_must_be_ok(tg_group_run(group));
    const uint64_t *results = tg_group_results(group);
    for (size_t i = 0; i < count; i++)
        sum += results[i];
    tg_group_destroy(group);
    return sum;
}

static uint64_t nested_sum(const nested_node *root)
{
    return sum_of(root);
}

void bench_run(const bench_args *args)
{
    nested_run(args);
}
