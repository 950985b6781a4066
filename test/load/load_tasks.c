/* SPDX-License-Identifier: MIT */
/*
 * So many tasks in rounds, as a program of many hours would have them: ranges with results, single tasks, records
 * that are recycled, streams, attempts, sleeps, groups in tasks, failures, cancels, hooks, pools that come and
 * go. After the first rounds nothing grows any more.
 */
#include "load.h"

#include <math.h>

/* Tasks of each kind in a round. Most of the number is short tasks: it is they that a long job has. */
enum {
    RANGE = 400000,
    SINGLES = 50000,
    RECYCLED = 200000,
    STREAMED = 50000,
    SUBMITTED = 20000,
    OVER_POOL = 100000,
    RETRIED = 2000,
    SLEPT = 5000,
    OUTER = 100,
    INNER = 100,
    FAILING = 2000,
    STOPPED = 5000
};

/* What stays from round to round. */
struct world {
    struct load *load;
    tg_group *reused;
    tg_pool *pool;
    tg_context *root; /* everything hangs on it */
    bool small;       /* a tenth of each kind: for few tasks */
};

static size_t size_of(const struct world *world, size_t many)
{
    return world->small ? many / 10 : many;
}

static int store_index(tg_task *self, void *arg, void *result)
{
    uint32_t *slot = result;
    (void)arg;
    *slot = (uint32_t)tg_task_index(self) * 3 + 1;
    load_count();
    return 0;
}

static void check_results(struct world *world, tg_group *g, size_t many)
{
    const uint32_t *results = tg_group_results(g);
    size_t wrong = 0;
    for (size_t i = 0; i < many; i++)
        wrong += results == NULL || results[i] != (uint32_t)i * 3 + 1;
    require(world->load, wrong == 0);
}

/* A loop, in a group that is reset and filled again. */
static size_t run_range(struct world *world)
{
    size_t many = size_of(world, RANGE);
    tg_group *g = world->reused;
    require(world->load, tg_group_reset(g) == TG_OK);
    tg_group_add_many(g, store_index, many, NULL, 0, NULL);
    load_check_all_ok(world->load, g, many, tg_group_run(g));
    check_results(world, g, many);
    return many;
}

static size_t run_singles(struct world *world)
{
    size_t many = size_of(world, SINGLES);
    tg_group *g =
        tg_group_create(TG_GROUP(.result_size = sizeof(uint32_t), .context = world->root));
    for (size_t i = 0; i < many; i++)
        tg_group_add(g, store_index, NULL);
    load_check_all_ok(world->load, g, many, tg_group_run(g));
    check_results(world, g, many);
    tg_group_destroy(g);
    return many;
}

static int add_many_tasks(tg_group *group, void *user)
{
    for (size_t i = *(size_t *)user; i > 0; i--)
        if (tg_group_add(group, load_task, NULL) != TG_OK)
            return 1;
    return 0;
}

static size_t run_recycled(struct world *world)
{
    size_t many = size_of(world, RECYCLED);
    tg_group *g =
        tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 1000, .context = world->root));
    tg_status answer = tg_group_scope(g, add_many_tasks, &many);
    load_check_all_ok(world->load, g, many, answer);
    tg_group_destroy(g);
    return many;
}

struct stream {
    size_t many, next, wrong;
};

static int take_next(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;
    (void)group;
    stream->wrong += outcome->index != stream->next++ || outcome->status != TG_OK;
    return 0;
}

static int add_stream(tg_group *group, void *user)
{
    const struct stream *stream = user;
    for (size_t i = 0; i < stream->many; i++)
        if (tg_group_add_with(group, load_task, &i, TG_TASK(.copy = sizeof i), NULL) != TG_OK)
            return 1;
    return 0;
}

static size_t run_stream(struct world *world)
{
    struct stream stream = {.many = size_of(world, STREAMED)};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE | TG_GROUP_IN_ORDER,
        .queue = 256, .ahead = 64, .on_done = take_next, .user = &stream));
    tg_status answer = tg_group_scope(g, add_stream, &stream);
    load_check_all_ok(world->load, g, stream.many, answer);
    require(world->load, stream.next == stream.many && stream.wrong == 0);
    tg_group_destroy(g);
    return stream.many;
}

/* ---- pools ---- */

static size_t submit_to(struct world *world, tg_pool *pool, size_t many)
{
    tg_task *handle = NULL;
    size_t before = load_counted();
    for (size_t i = 0; i < many; i++) {
        bool ask = i % 64 == 0;
        require(world->load,
            tg_pool_submit(pool, load_task, NULL, NULL, ask ? &handle : NULL) == TG_OK);
        if (ask) {
            if (i % 4096 == 0)
                require(world->load, tg_task_wait(handle, TG_FOREVER) == TG_OK);
            tg_task_release(handle);
        }
    }
    size_t abandoned = 1;
    require(world->load, tg_pool_close(pool, TG_FOREVER, &abandoned) == TG_OK && abandoned == 0);
    require(world->load, load_counted() - before == many);
    return many;
}

/* One pool for all rounds, closed and opened again; and one that comes and goes. */
static size_t run_pools(struct world *world)
{
    size_t many = size_of(world, SUBMITTED);
    many = submit_to(world, world->pool, many);
    require(world->load, tg_pool_reopen(world->pool) == TG_OK);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .shards = 2, .queue = 500));
    many += submit_to(world, pool, many);
    tg_pool_destroy(pool);
    return many;
}

static size_t run_over_pool(struct world *world)
{
    enum { GROUPS = 4 };
    size_t many = size_of(world, OVER_POOL) / GROUPS;
    tg_group *groups[GROUPS];
    for (int i = 0; i < GROUPS; i++) {
        groups[i] = tg_group_create(TG_GROUP(.pool = world->pool));
        tg_group_add_many(groups[i], load_task, many, NULL, 0, NULL);
        require(world->load, tg_group_start(groups[i]) == TG_OK);
    }
    for (int i = 0; i < GROUPS; i++) {
        load_check_all_ok(world->load, groups[i], many, tg_group_wait(groups[i], TG_FOREVER));
        tg_group_destroy(groups[i]);
    }
    return many * GROUPS;
}

/* ---- tasks that wait, that fail, that have groups ---- */

static int fail_twice(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_attempt(self) < 3)
        return tg_task_fail(self, 5, "attempt %d", tg_task_attempt(self));
    load_count();
    return 0;
}

static size_t run_retried(struct world *world)
{
    size_t many = size_of(world, RETRIED);
    tg_group *g = tg_group_create(NULL);
    for (size_t i = 0; i < many; i++)
        tg_group_add_with(
            g, fail_twice, NULL, TG_TASK(.attempts = 3, .backoff = i % 10 == 0 ? 1e-5 : 0), NULL);
    load_check_all_ok(world->load, g, many, tg_group_run(g));
    tg_group_destroy(g);
    return many;
}

static int sleep_shortly(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    load_count();
    return tg_task_sleep(self, 1e-4);
}

static size_t run_slept(struct world *world)
{
    size_t many = size_of(world, SLEPT);
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1000));
    tg_group_add_many(g, sleep_shortly, many, NULL, 0, NULL);
    load_check_all_ok(world->load, g, many, tg_group_run(g));
    tg_group_destroy(g);
    return many;
}

static int run_inner(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    struct world *world = arg;
    tg_group *g = tg_group_create(NULL);
    for (int i = 0; i < INNER; i++)
        tg_group_add(g, load_task, NULL);
    load_check_all_ok(world->load, g, INNER, tg_group_run(g));
    tg_group_destroy(g);
    load_count();
    return 0;
}

static size_t run_nested(struct world *world)
{
    size_t many = size_of(world, OUTER);
    tg_group *g = tg_group_create(TG_GROUP(.context = world->root));
    tg_group_add_many(g, run_inner, many, world, 0, NULL);
    load_check_all_ok(world->load, g, many, tg_group_run(g));
    tg_group_destroy(g);
    return many * (INNER + 1);
}

static int fail_each_tenth(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);
    (void)arg, (void)result;
    load_count();
    return index % 10 == 9 ? tg_task_fail(self, 7, "task %zu fails", index) : 0;
}

static size_t run_failing(struct world *world)
{
    size_t many = size_of(world, FAILING);
    tg_report report = {.size = sizeof report};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    tg_group_add_many(g, fail_each_tenth, many, NULL, 0, NULL);
    require(world->load, tg_group_run(g) == TG_FAILED);
    tg_group_report(g, &report);
    require(world->load, report.failed == many / 10 && report.ok == many - many / 10);
    tg_group_destroy(g);
    return many;
}

static void ring(void *user)
{
    atomic_fetch_add((atomic_size_t *)user, 1);
}

struct stopping {
    tg_context *context;
    atomic_size_t ran, rings;
};

static int stop_in_the_middle(tg_task *self, void *arg, void *result)
{
    struct stopping *stopping = arg;
    (void)self, (void)result;
    load_count();
    if (atomic_fetch_add(&stopping->ran, 1) == 100)
        tg_context_cancel(stopping->context, 3, "enough for this round");
    return 0;
}

/* A context, its deadline and a hook come and go; what did not start is counted by the group. */
static size_t run_stopped(struct world *world)
{
    size_t many = size_of(world, STOPPED);
    struct stopping stopping = {
        .context = tg_context_create(TG_CONTEXT(.parent = world->root, .timeout = 3600))};
    tg_hook *hook = tg_context_hook(stopping.context, ring, &stopping.rings);
    tg_report report = {.size = sizeof report};
    tg_group *g = tg_group_create(TG_GROUP(.context = stopping.context));
    tg_group_add_many(g, stop_in_the_middle, many, &stopping, 0, NULL);
    tg_status answer =
        tg_group_run(g); /* the others may all have run before the one has cancelled */
    tg_group_report(g, &report);
    require(world->load, answer == (report.skipped > 0 ? TG_CANCELLED : TG_OK));
    require(world->load, report.ok == atomic_load(&stopping.ran));
    require(world->load, report.ok + report.skipped == many);
    tg_group_destroy(g);
    tg_hook_remove(hook);
    require(world->load, atomic_load(&stopping.rings) <= 1);
    tg_context_destroy(stopping.context);
    return report.ok;
}

/* ---- rounds ---- */

typedef size_t part_fn(struct world *world);
static part_fn *const parts[] = {run_range, run_singles, run_recycled, run_stream, run_pools,
    run_over_pool, run_retried, run_slept, run_nested, run_failing, run_stopped};

static void run_round(struct world *world)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t before = load_counted(), many = parts[i](world);
        require(world->load, load_counted() - before == many); /* each once, none lost */
        world->load->tasks += many;
        load_peak(world->load);
    }
}

/* What the runtimes and malloc keep for good they have after some rounds. */
enum { WARM_ROUNDS = 3 };

void load_tasks(struct load *load)
{
    struct world world = {.load = load,
        .root = tg_context_create(NULL),
        .reused =
            tg_group_create(TG_GROUP(.result_size = sizeof(uint32_t), .grainsize = TG_GRAIN_AUTO)),
        .pool = tg_pool_create(TG_POOL(.threads = 2, .queue = 1000)),
        .small = load->number < 5000000};
    double start = tg_time_now();
    size_t rounds = 0;
    for (; load->tasks < load->number && !atomic_load(&load->wrong); rounds++) {
        run_round(&world);
        if (rounds + 1 <= WARM_ROUNDS)
            load->warm = load_settled();
    }
    load->seconds = tg_time_now() - start;
    load->end = load_settled(); /* in the same state as when it was warm */
    snprintf(load->note, sizeof load->note, "%zu rounds, %.0f ns a task", rounds,
        load->seconds / (double)load->tasks * 1e9);
    tg_group_destroy(world.reused);
    tg_pool_destroy(world.pool);
    tg_context_destroy(world.root);
}
