/* SPDX-License-Identifier: MIT */
/*
 * timers: n tasks that are due at some time. `add`: adding n of them, all an hour away, and cancelling the run.
 * `fire`: all due within a second, at times spread over it, and how late their functions then begin
 * (lateness only where they are few enough not to stand in line). `cancel`: taking all of them back, one by one.
 */
#include "bench_tg.h"

#include <stdlib.h>

const char *const bench_impls[] = {"tg-add", "tg-fire", "tg-cancel", "tg-late", NULL};

static int nothing(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

struct timer {
    double due, late;
};

static int look(tg_task *self, void *arg, void *result)
{
    struct timer *timer = arg;
    (void)self, (void)result;
    timer->late = tg_time_now() - timer->due;
    return 0;
}

static void add_all(tg_group *group, size_t n, double from, double width)
{
    for (size_t i = 0; i < n; i++) /* in no order */
        bench_must_be_ok(tg_group_add_with(group, nothing, NULL,
            TG_TASK(.start = from + width * (double)((i * 2654435761u) % n) / (double)n), NULL));
}

static void time_add(tg_group *group, size_t n)
{
    const double start = bench_now();
    add_all(group, n, tg_time_now() + 3600, 1);
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    tg_context_cancel(tg_group_context(group), 0, "enough");
    if (tg_group_run(group) != TG_CANCELLED)
        bench_wrong("the run was not cancelled");
    bench_must_count(group, n, 0);
}

/* All are due when the run begins: what a timer costs beside its adding. */
static void time_fire(tg_group *group, size_t n)
{
    add_all(group, n, tg_time_now() - 10, 1);
    const double start = bench_now();
    bench_must_be_ok(tg_group_run(group));
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    bench_must_count(group, n, n);
}

static void time_cancel(tg_group *group, size_t n)
{
    add_all(group, n, tg_time_now() + 3600, 1);
    const double start = bench_now();
    for (size_t i = 0; i < n; i++)
        bench_must_be_ok(tg_group_cancel_task(group, i));
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, n, 0);
}

static void time_late(tg_group *group, size_t n)
{
    struct timer *timers = bench_alloc(n, sizeof *timers);
    double *late = bench_alloc(n, sizeof *late);
    for (size_t i = 0; i < n; i++) {
        timers[i].due = tg_time_now() + 0.01 + 0.001 * (double)i;
        bench_must_be_ok(
            tg_group_add_with(group, look, &timers[i], TG_TASK(.start = timers[i].due), NULL));
    }
    bench_must_be_ok(tg_group_run(group));
    for (size_t i = 0; i < n; i++)
        if ((late[i] = 1e6 * timers[i].late) < 0)
            bench_wrong("task %zu was started %g us too early", i, -late[i]);
    const double median = bench_median(late, n); /* sorts */
    bench_report("lateness_us_p50", median);
    bench_report("lateness_us_p99", late[n * 99 / 100]);
    free(late);
    free(timers);
}

void bench_run(const bench_args *args)
{
    tg_group *group = tg_group_create(NULL);
    if (strcmp(args->impl, "tg-add") == 0)
        time_add(group, args->n);
    else if (strcmp(args->impl, "tg-fire") == 0)
        time_fire(group, args->n);
    else if (strcmp(args->impl, "tg-cancel") == 0)
        time_cancel(group, args->n);
    else
        time_late(group, args->n);
    tg_group_destroy(group);
}
