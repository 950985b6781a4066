/* SPDX-License-Identifier: MIT */
/*
 * So many tasks that wait for their time at once: in one group all fire in order of their times; the group is stopped
 * halfway; each second one is taken back; all sleep and are stopped; a pool is closed in the middle of it, or
 * left to the end. What has fired and what has not are all there were.
 */
#include "load.h"

static struct {
    struct load *load;
    tg_context *context; /* stopped by number `last` */
    size_t last;
    double fired_at; /* the time of the one before: one at a time (limit 1) */
    atomic_size_t fired, early, disorder;
} state;

/* Fired in order, and not before their time? `arg` is the time in ns after the origin. */
static double origin;

static int fire(tg_task *self, void *arg, void *result)
{
    double time = origin + 1e-9 * (double)(uintptr_t)arg;
    (void)self, (void)result;
    if (tg_time_now() < time)
        atomic_fetch_add(&state.early, 1);
    if (time < state.fired_at)
        atomic_fetch_add(&state.disorder, 1);
    state.fired_at = time;
    if (atomic_fetch_add(&state.fired, 1) + 1 == state.last)
        tg_context_cancel(state.context, 1, "half of them");
    load_count();
    return 0;
}

static void begin(struct load *load, size_t last)
{
    state.load = load;
    state.last = last;
    state.context = tg_context_create(NULL);
    state.fired_at = 0;
    atomic_store(&state.fired, 0);
    atomic_store(&state.early, 0);
    atomic_store(&state.disorder, 0);
    origin =
        tg_time_now() + 1e-6 * (double)load->number; /* all are there before the first is due */
}

static void end(void)
{
    require(state.load, atomic_load(&state.early) == 0);
    require(state.load, atomic_load(&state.disorder) == 0);
    tg_context_destroy(state.context);
}

/* Times in no order, within `spread` seconds from the origin, each another one. */
static uintptr_t time_of(size_t i, size_t many, double spread)
{
    size_t place = (size_t)((uint64_t)i * UINT64_C(2654435761) % many);
    return (uintptr_t)((double)place / (double)many * spread * 1e9);
}

static tg_group *fill(struct load *load, size_t many, double spread)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .context = state.context));
    for (size_t i = 0; i < many; i++) {
        uintptr_t time = time_of(i, many, spread);
        require(load, tg_group_add_with(g, fire, (void *)time,
                          TG_TASK(.start = origin + 1e-9 * (double)time), NULL) == TG_OK);
    }
    load_peak(load);
    return g;
}

static tg_report report_of(tg_group *g)
{
    tg_report report = {.size = sizeof report};
    tg_group_report(g, &report);
    return report;
}

static void all_fire_in_order(struct load *load, size_t many, double spread)
{
    begin(load, 0);
    tg_group *g = fill(load, many, spread);
    load_check_all_ok(load, g, many, tg_group_run(g));
    require(load, atomic_load(&state.fired) == many);
    tg_group_destroy(g);
    end();
}

static void stopped_halfway(struct load *load, size_t many, double spread)
{
    begin(load, many / 2);
    tg_group *g = fill(load, many, spread);
    require(load, tg_group_run(g) == TG_CANCELLED);
    tg_report report = report_of(g);
    require(load, atomic_load(&state.fired) == many / 2); /* nothing after the cancel */
    require(load, report.ok == many / 2 && report.ok + report.skipped == many);
    tg_group_destroy(g);
    end();
}

static void each_second_taken_back(struct load *load, size_t many, double spread)
{
    begin(load, 0);
    tg_group *g = fill(load, many, spread);
    for (size_t i = 1; i < many; i += 2)
        require(load, tg_group_cancel_task(g, i) == TG_OK);
    require(load, tg_group_run(g) == TG_OK);
    tg_report report = report_of(g);
    require(load, atomic_load(&state.fired) == many - many / 2);
    require(load, report.ok == many - many / 2 && report.cancelled == many / 2);
    tg_group_destroy(g);
    end();
}

/* ---- asleep ---- */

static int sleep_long(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    load_count();
    if (atomic_fetch_add(&state.fired, 1) + 1 == state.last)
        tg_context_cancel(state.context, 1, "all are asleep");
    return tg_task_sleep(self, 3600);
}

static int sleep_briefly(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    load_count();
    return tg_task_sleep(self, 0.05);
}

static void asleep_and_stopped(struct load *load, size_t many)
{
    begin(load, many);
    tg_group *g = tg_group_create(TG_GROUP(.limit = (long)many, .context = state.context));
    tg_group_add_many(g, sleep_long, many, NULL, 0, NULL);
    require(load, tg_group_run(g) == TG_CANCELLED);
    tg_report report = report_of(g);
    require(load, report.cancelled == many); /* all had begun, none had slept its time */
    tg_group_destroy(g);
    end();
}

static void asleep_and_woken(struct load *load, size_t many)
{
    begin(load, 0);
    tg_group *g = tg_group_create(TG_GROUP(.limit = (long)many));
    tg_group_add_many(g, sleep_briefly, many, NULL, 0, NULL);
    load_check_all_ok(load, g, many, tg_group_run(g));
    load_peak(load);
    tg_group_destroy(g);
    end();
}

/* ---- in a pool ---- */

static int fire_in_pool(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    if (tg_time_now() < origin + 1e-9 * (double)(uintptr_t)arg)
        atomic_fetch_add(&state.early, 1);
    atomic_fetch_add(&state.fired, 1);
    load_count();
    return 0;
}

static void in_pool(struct load *load, size_t many, double spread, bool to_the_end)
{
    begin(load, 0);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    for (size_t i = 0; i < many; i++) {
        uintptr_t time = time_of(i, many, spread);
        require(load, tg_pool_submit(pool, fire_in_pool, (void *)time,
                          TG_TASK(.start = origin + 1e-9 * (double)time), NULL) == TG_OK);
    }
    load_peak(load);
    while (!to_the_end && atomic_load(&state.fired) < many / 2)
        sched_yield();
    size_t abandoned = 0;
    tg_status answer = tg_pool_close(pool, to_the_end ? TG_FOREVER : 0, &abandoned);
    require(load, answer == TG_OK || (answer == TG_TIMED_OUT && !to_the_end));
    size_t fired = atomic_load(&state.fired);
    require(load, fired + abandoned == many && (!to_the_end || abandoned == 0));
    tg_pool_destroy(pool);
    require(load, atomic_load(&state.fired) == fired);
    end();
}

static void run_all(struct load *load, size_t many, double spread)
{
    all_fire_in_order(load, many, spread);
    stopped_halfway(load, many, spread);
    each_second_taken_back(load, many, spread);
    asleep_and_stopped(load, many);
    asleep_and_woken(load, many);
    in_pool(load, many, spread, false);
    in_pool(load, many, spread, true);
    load->tasks += 7 * many;
}

void load_timers(struct load *load)
{
    double spread = (double)load->number * 2e-6;
    run_all(load, load->number, spread);
    load->tasks = 0;
    load->warm = load_settled();
    double start = tg_time_now();
    run_all(load, load->number, spread);
    load->seconds = tg_time_now() - start;
    load->end = load_settled();
    snprintf(load->note, sizeof load->note, "%zu pending at once, 7 ways, over %.2f s each",
        load->number, spread);
}
