/* SPDX-License-Identifier: MIT */
#include "small.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", "tg-auto", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = (uintptr_t)arg;
    return 0;
}

static void small_group(const bench_args *args)
{
    tg_group *group = tg_group_create(
        TG_GROUP(.result_size = sizeof(uint64_t), .grainsize = bench_grainsize(args)));
    for (size_t i = 0; i < args->n; i++)
        tg_group_add(group, body, (const void *)(uintptr_t)(i + 1));
    bench_must_be_ok(tg_group_run(group));
    spawn_check(tg_group_results(group), args->n);
    tg_group_destroy(group);
}
