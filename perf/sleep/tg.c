/* SPDX-License-Identifier: MIT */
#include "sleep.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(unsigned char *)result = sleep_body(tg_task_index(self));
    return tg_task_sleep(self, sleep_seconds);
}

void bench_run(const bench_args *args)
{
    const double start = bench_now();
    tg_group *group = tg_group_create(TG_GROUP(.result_size = 1, .limit = args->limit));
    tg_group_add_many(group, body, args->n, NULL, 0, NULL);
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, args->n, args->n);
    sleep_report(start, tg_group_results(group), args->n);
    tg_group_destroy(group);
}
