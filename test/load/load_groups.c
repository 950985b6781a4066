/* SPDX-License-Identifier: MIT */
/*
 * So many groups alive at once. Of each four one is run by one of several threads, on a team of its own; one is run by
 * such a thread over the one pool; one is started over the pool and waited for when all are; and one never runs, or is
 * cancelled with the context that all hang on.
 */
#include "load.h"

enum { TASKS = 5, THREADS = 4 };
enum kind { RUN, RUN_OVER_POOL, START, LEAVE, KINDS };

struct groups {
    struct load *load;
    size_t many;
    tg_group **all;
    tg_pool *pool;
    tg_context *context;
    atomic_size_t next; /* to be run */
};

static enum kind kind_of(size_t i)
{
    return (enum kind)(i % KINDS);
}

static void create(struct groups *groups)
{
    for (size_t i = 0; i < groups->many; i++) {
        bool over = kind_of(i) == RUN_OVER_POOL || kind_of(i) == START;
        groups->all[i] = tg_group_create(TG_GROUP(.context = groups->context,
            .pool = over ? groups->pool : NULL, .result_size = sizeof(int), .threads = 2));
        require(groups->load, groups->all[i] != NULL);
        for (int t = 0; t < TASKS; t++)
            tg_group_add(groups->all[i], load_task, NULL);
    }
}

/* One of several threads: takes the next group and runs, or starts it. */
static void *run_some(void *arg)
{
    struct groups *groups = arg;
    size_t i;
    while ((i = atomic_fetch_add(&groups->next, 1)) < groups->many) {
        if (kind_of(i) == START)
            require(groups->load, tg_group_start(groups->all[i]) == TG_OK);
        else if (kind_of(i) != LEAVE)
            require(groups->load, tg_group_run(groups->all[i]) == TG_OK);
    }
    return NULL;
}

static void run(struct groups *groups)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        require(groups->load, pthread_create(&threads[i], NULL, run_some, groups) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Of those that were left half are run after a cancel: nothing of them starts. */
static void check(struct groups *groups, size_t i)
{
    tg_report report = {.size = sizeof report};
    tg_group *g = groups->all[i];
    if (kind_of(i) == START)
        require(groups->load, tg_group_wait(g, TG_FOREVER) == TG_OK);
    if (kind_of(i) == LEAVE && i % (2 * KINDS) == LEAVE)
        require(groups->load, tg_group_run(g) == TG_CANCELLED);
    tg_group_report(g, &report);
    require(groups->load, report.added == TASKS);
    if (kind_of(i) != LEAVE)
        require(groups->load, report.ok == TASKS);
    else
        require(groups->load, report.skipped + report.not_run == TASKS && report.ok == 0);
}

static void round_of(struct load *load, size_t many, double *bytes)
{
    struct groups groups = {.load = load,
        .many = many,
        .all = calloc(many, sizeof *groups.all),
        .pool = tg_pool_create(TG_POOL(.threads = 2)),
        .context = tg_context_create(NULL)};
    size_t before = load_resident(), counted = load_counted();
    create(&groups);
    size_t after = load_resident();
    *bytes = after > before ? (double)(after - before) / (double)many : 0;
    run(&groups);
    for (size_t i = 0; i < many; i++)
        if (kind_of(i) == START)
            check(&groups, i);
    load_peak(load);
    size_t ran = many / KINDS * LEAVE + (many % KINDS < LEAVE ? many % KINDS : LEAVE);
    require(load, load_counted() - counted == ran * TASKS);
    tg_context_cancel(groups.context, 1, "that is all");
    for (size_t i = 0; i < many; i++) {
        if (kind_of(i) != START)
            check(&groups, i);
        tg_group_destroy(groups.all[i]);
    }
    require(load, load_counted() - counted == ran * TASKS);
    tg_pool_destroy(groups.pool);
    tg_context_destroy(groups.context);
    free(groups.all);
    load->tasks += many * TASKS;
}

void load_groups(struct load *load)
{
    double bytes, first;
    round_of(load, load->number, &bytes);
    load->tasks = 0;
    load->warm = load_settled();
    double start = tg_time_now();
    for (int i = 0; i < 3; i++)
        round_of(load, load->number, &first);
    load->seconds = tg_time_now() - start;
    load->end = load_settled();
    snprintf(load->note, sizeof load->note,
        "3 rounds of %zu groups, %.0f bytes a group with %d tasks", load->number, bytes, TASKS);
}
