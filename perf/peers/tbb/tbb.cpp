/* SPDX-License-Identifier: MIT */
/*
 * oneTBB: task_group, parallel_for and an arena with enqueue(), in an arena of OMP_NUM_THREADS
 * threads, the caller among them; the pool has that many beside its callers.
 */
#include "../peer.h"
#include "../../nested/nested.h"

#include <memory>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

using tbb::blocked_range;
using tbb::global_control;
using tbb::task_arena;
using tbb::task_group;

const char *const bench_impls[] = {"spawn/tbb", "small/tbb", "grain/tbb", "grain/tbb-for",
    "map/tbb-for", "nested/tbb", "pool/tbb", "pool/tbb-trip", "pool/tbb-idle", nullptr};

static std::unique_ptr<task_arena> arena;

static void tasks(uint64_t *results, size_t n)
{
    arena->execute([=] {
        task_group group;
        for (size_t i = 0; i < n; i++)
            group.run([=] { results[i] = i + 1; });
        group.wait();
    });
}

static void bodies(uint64_t *results, size_t n, uint64_t loops)
{
    arena->execute([=] {
        task_group group;
        for (size_t i = 0; i < n; i++)
            group.run([=] { results[i] = bench_work(i + 1, loops); });
        group.wait();
    });
}

static void bodies_by_loop(uint64_t *results, size_t n, uint64_t loops)
{
    arena->execute([=] {
        tbb::parallel_for(size_t{0}, n, [=](size_t i) { results[i] = bench_work(i + 1, loops); });
    });
}

static void items(const bench_args *args, const uint64_t *x, uint64_t *y)
{
    arena->execute([=] {
        tbb::parallel_for(
            blocked_range<size_t>(0, args->n), [=](const blocked_range<size_t> &range) {
                for (size_t i = range.begin(); i < range.end(); i++)
                    y[i] = 3 * x[i] + 1;
            });
    });
}

static uint64_t fib(size_t n, size_t cutoff)
{
    if (n <= cutoff)
        return nested_serial(n);
    uint64_t a = 0;
    uint64_t b = 0;
    task_group group;
    group.run([&a, n, cutoff] { a = fib(n - 1, cutoff); });
    group.run([&b, n, cutoff] { b = fib(n - 2, cutoff); });
    group.wait();
    return a + b;
}

static uint64_t nested_fib(size_t n, size_t cutoff)
{
    return arena->execute([=] { return fib(n, cutoff); });
}

static uint64_t sum_of(const nested_node *node)
{
    nested_node below[NESTED_MOST];
    uint64_t sums[NESTED_MOST];
    size_t count;
    uint64_t sum = nested_visit(node, below, &count);
    if (count == 0)
        return sum;
    task_group group;
    for (size_t i = 0; i < count; i++)
        group.run([&below, &sums, i] { sums[i] = sum_of(&below[i]); });
    group.wait();
    for (size_t i = 0; i < count; i++)
        sum += sums[i];
    return sum;
}

static uint64_t nested_sum(const nested_node *root)
{
    return arena->execute([=] { return sum_of(root); });
}

static void submit(size_t n)
{
    for (size_t i = 0; i < n; i++)
        arena->enqueue([] { peer_count(); });
}

static void finish()
{
    arena->terminate();
}

void bench_run(const bench_args *args)
{
    /* One that a caller takes is always counted, so that a pool's arena needs one more. */
    const int callers = peer_is(args, "pool") ? 0 : 1;
    static const global_control control(
        global_control::max_allowed_parallelism, static_cast<size_t>(args->threads + 1 - callers));
    if (!arena)
        arena = std::make_unique<task_arena>(args->threads, static_cast<unsigned>(callers));
    arena->initialize(); /* again, if a pool has closed it */
    const peer_pool pool = {submit, finish};
    if (peer_is(args, "spawn"))
        peer_spawn(args, tasks);
    else if (peer_is(args, "small"))
        peer_small(args, tasks);
    else if (peer_is(args, "grain"))
        peer_grain(args, strcmp(args->impl, "tbb") == 0 ? bodies : bodies_by_loop);
    else if (peer_is(args, "map"))
        map_run(args, items);
    else if (peer_is(args, "nested"))
        nested_run(args);
    else
        peer_pool_run(args, &pool);
}
