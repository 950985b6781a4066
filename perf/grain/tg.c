/* SPDX-License-Identifier: MIT */
#include "grain.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", "tg-auto", NULL};

static uint64_t loops;

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = bench_work((uintptr_t)arg, loops);
    return 0;
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    loops = bench_loops(args);
    const double start = bench_now();
    tg_group *group = tg_group_create(
        TG_GROUP(.result_size = sizeof(uint64_t), .grainsize = bench_grainsize(args)));
    for (size_t i = 0; i < n; i++)
        tg_group_add(group, body, (const void *)(uintptr_t)(i + 1));
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, n, n);
    bench_work_check(tg_group_results(group), n, loops);
    tg_group_destroy(group);
    grain_report(args, start);
}
