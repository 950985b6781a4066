/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TG_H
#define BENCH_TG_H
/*
 * What the contenders on taskgroup share: they differ in the grainsize, and check what they are
 * told.
 */
#include "bench.h"

#include <string.h>
#include <taskgroup.h>

/** The library's default of 1 for `tg`, measured for `tg-auto`. */
static inline long bench_grainsize(const bench_args *args)
{
    return strcmp(args->impl, "tg-auto") == 0 ? TG_GRAIN_AUTO : 0;
}

/** The run must have answered TG_OK. */
static inline void bench_must_be_ok(tg_status status)
{
    if (status != TG_OK)
        bench_wrong("%s: %s", tg_status_name(status), tg_error_last()->message);
}

/** The report must count what was added, and that many OK. */
static inline void bench_must_count(tg_group *group, size_t added, size_t ok)
{
    tg_report report = {.size = sizeof report};
    bench_must_be_ok(tg_group_report(group, &report));
    if (report.added != added || report.ok != ok ||
        report.ok + report.failed + report.cancelled + report.skipped + report.not_run != added)
        bench_wrong("%zu added: %zu ok, %zu failed, %zu cancelled, %zu skipped, %zu not run",
            report.added, report.ok, report.failed, report.cancelled, report.skipped,
            report.not_run);
}

#endif
