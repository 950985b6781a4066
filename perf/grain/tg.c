/* SPDX-License-Identifier: MIT */
#include "grain.h"
#include "bench_tg.h"

#include <stdlib.h>

/* tg-map adds nothing: it is to taskloop what tg is to task. */
const char *const bench_impls[] = {"tg", "tg-auto", "tg-map", NULL};

static uint64_t loops;

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = bench_work((uintptr_t)arg, loops);
    return 0;
}

static int mapped_body(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(uint64_t *)result = bench_work(tg_task_index(self) + 1, loops);
    return 0;
}

static void by_group(const bench_args *args)
{
    const size_t n = args->n;
    tg_group *group = tg_group_create(
        TG_GROUP(.result_size = sizeof(uint64_t), .grainsize = bench_grainsize(args)));
    for (size_t i = 0; i < n; i++)
        tg_group_add(group, body, (const void *)(uintptr_t)(i + 1));
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, n, n);
    bench_work_check(tg_group_results(group), n, loops);
    tg_group_destroy(group);
}

static void by_map(size_t n)
{
    uint64_t *results = bench_alloc(n, sizeof *results);
    bench_must_be_ok(tg_map_run(n, mapped_body, NULL, 0, results, sizeof *results, NULL));
    bench_work_check(results, n, loops);
    free(results);
}

void bench_run(const bench_args *args)
{
    loops = bench_loops(args);
    const double start = bench_now();
    if (strcmp(args->impl, "tg-map") == 0)
        by_map(args->n);
    else
        by_group(args);
    grain_report(args, start);
}
