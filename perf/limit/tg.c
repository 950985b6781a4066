/* SPDX-License-Identifier: MIT */
#include "limit.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = limit_body((uintptr_t)arg);
    return 0;
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    const double start = limit_start(args);
    tg_group *group =
        tg_group_create(TG_GROUP(.result_size = sizeof(uint64_t), .limit = args->limit));
    for (size_t i = 0; i < n; i++)
        tg_group_add(group, body, (const void *)(uintptr_t)i);
    bench_must_be_ok(tg_group_run(group));
    limit_report(args, start, tg_group_results(group));
    tg_group_destroy(group);
}
