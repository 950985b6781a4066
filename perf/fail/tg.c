/* SPDX-License-Identifier: MIT */
#include "fail.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", "tg-auto", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    (void)result;
    return fail_body((uintptr_t)arg);
}

void bench_run(const bench_args *args)
{
    const size_t n = args->n;
    fail_prepare();
    tg_group *group = tg_group_create(TG_GROUP(.grainsize = bench_grainsize(args)));
    for (size_t i = 0; i < n; i++)
        tg_group_add(group, body, (const void *)(uintptr_t)i);
    const tg_status status = tg_group_run(group);
    fail_report(bench_now());
    if (status != TG_FAILED || tg_group_error(group)->index != 0 ||
        tg_group_error(group)->code != 1)
        bench_wrong("%s: %s", tg_status_name(status), tg_error_last()->message);
    tg_report report;
    bench_must_be_ok(tg_group_report(group, &report));
    if (report.failed != 1 || report.ok + report.failed + report.skipped != n)
        bench_wrong("of %zu tasks %zu are ok, %zu failed, %zu skipped", n, report.ok, report.failed,
            report.skipped);
    tg_group_destroy(group);
}
