/* SPDX-License-Identifier: MIT */
/*
 * instructions: n empty tasks in the ways that must stay short, for perf/instructions/count, which counts
 * the process's instructions. On one thread: how long threads spin does not repeat.
 */
#include "bench_tg.h"

#include <stdlib.h>

const char *const bench_impls[] = {
    "tg", "tg-auto", "tg-map", "tg-again", "tg-sleep", "tg-pool", NULL};

enum { AGAIN = 1000 }; /* tasks of a group that is used again and again */

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

static int pool_body(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    ++*(size_t *)arg; /* the pool has one thread */
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

/* Paused until all are there, so that submitter and pool do not take turns by chance. */
static void pool(size_t n)
{
    size_t ran = 0;
    tg_pool *pool = tg_pool_create(NULL);
    bench_must_be_ok(tg_pool_pause(pool, 1));
    for (size_t i = 0; i < n; i++)
        bench_must_be_ok(tg_pool_submit(pool, pool_body, &ran, NULL, NULL));
    bench_must_be_ok(tg_pool_close(pool, TG_FOREVER, NULL));
    if (ran != n)
        bench_wrong("%zu of %zu ran", ran, n);
    tg_pool_destroy(pool);
}

void bench_run(const bench_args *args)
{
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
