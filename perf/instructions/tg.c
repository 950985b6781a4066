/* SPDX-License-Identifier: MIT */
/*
 * instructions: n empty tasks in the ways that must stay short, for perf/instructions/count, which counts
 * the process's instructions. On one thread: how long threads spin does not repeat. For the same reason
 * TG_GRAIN_AUTO has a clock of ours: what it measures would depend on the machine, and on who counts.
 */
#define _GNU_SOURCE /* syscall() */
#include "bench_tg.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char *const bench_impls[] = {
    "tg", "tg-auto", "tg-map", "tg-again", "tg-sleep", "tg-pool", NULL};

enum { AGAIN = 1000 }; /* tasks of a group that is used again and again */

static int own_clock; /* 1: each look at it takes 25 ns. Not where a thread waits by the real one */

/* The library finds this one before the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static atomic_long looks;
    if (!own_clock || clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    const long time = 25 * atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
    now->tv_sec = 1000 + time / 1000000000;
    now->tv_nsec = time % 1000000000;
    return 0;
}

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = (uintptr_t)arg;
    return 0;
}

static int mapped_body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = *(const uint64_t *)arg;
    return 0;
}

/* No time at all: who looks next finds it slept well. Real ones end when the clock says so. */
static int sleeping_body(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 0);
}

struct submitter {
    tg_pool *pool;
    size_t n, ran; /* the pool has one thread */
};

static int pool_body(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    ((struct submitter *)arg)->ran++;
    return 0;
}

/* Who submits is a task itself: else it would depend on chance how often the pool's thread goes to sleep. */
static int submit_all(tg_task *self, void *arg, void *result)
{
    struct submitter *submitter = arg;
    (void)self, (void)result;
    for (size_t i = 0; i < submitter->n; i++)
        bench_must_be_ok(tg_pool_submit(submitter->pool, pool_body, submitter, NULL, NULL));
    return 0;
}

static void fill_and_run(tg_group *group, tg_task_fn *function, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tg_group_add(group, function, (const void *)(uintptr_t)(i + 1));
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, n, n);
}

static void spawn(const bench_args *args, tg_task_fn *function)
{
    tg_group *group = tg_group_create(
        TG_GROUP(.result_size = sizeof(uint64_t), .grainsize = bench_grainsize(args)));
    fill_and_run(group, function, args->n);
    tg_group_destroy(group);
}

static void again(size_t n)
{
    tg_group *group = tg_group_create(TG_GROUP(.result_size = sizeof(uint64_t)));
    for (size_t i = 0; i < n / AGAIN; i++) {
        bench_must_be_ok(tg_group_reset(group));
        fill_and_run(group, body, AGAIN);
    }
    tg_group_destroy(group);
}

static void map(size_t n)
{
    uint64_t *items = bench_alloc(n, sizeof *items);
    uint64_t *results = bench_alloc(n, sizeof *results);
    for (size_t i = 0; i < n; i++)
        items[i] = i + 1;
    bench_must_be_ok(
        tg_map_run(n, mapped_body, items, sizeof *items, results, sizeof *results, NULL));
    if (memcmp(items, results, n * sizeof *items) != 0)
        bench_wrong("results are not the items");
    free(results);
    free(items);
}

static void pool(size_t n)
{
    struct submitter submitter = {.pool = tg_pool_create(NULL), .n = n};
    tg_task *all;
    bench_must_be_ok(tg_pool_submit(submitter.pool, submit_all, &submitter, NULL, &all));
    bench_must_be_ok(
        tg_task_wait(all, TG_FOREVER)); /* a closed pool takes nothing from tasks either */
    tg_task_release(all);
    bench_must_be_ok(tg_pool_close(submitter.pool, TG_FOREVER, NULL));
    if (submitter.ran != n)
        bench_wrong("%zu of %zu ran", submitter.ran, n);
    tg_pool_destroy(submitter.pool);
}

void bench_run(const bench_args *args)
{
    own_clock = strcmp(args->impl, "tg-map") == 0 || strcmp(args->impl, "tg-auto") == 0;
    if (strcmp(args->impl, "tg-map") == 0)
        map(args->n);
    else if (strcmp(args->impl, "tg-again") == 0)
        again(args->n);
    else if (strcmp(args->impl, "tg-sleep") == 0)
        spawn(args, sleeping_body);
    else if (strcmp(args->impl, "tg-pool") == 0)
        pool(args->n);
    else
        spawn(args, body);
}
