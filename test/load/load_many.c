/* SPDX-License-Identifier: MIT */
/*
 * So many tasks in one group: added one by one and with results, added one by one by the group's own tasks, and as
 * one loop. Each one's outcome is looked at, and what the group takes of memory for each.
 */
#include "load.h"

enum { EVERY = 1000 }; /* one of so many fails, as an optional task */

static int twice(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);
    if (result != NULL)
        *(uint64_t *)result = 2 * (uint64_t)(uintptr_t)arg;
    load_count();
    return index % EVERY == EVERY - 1 ? 7 : 0;
}

static void *number(size_t i)
{
    return (void *)(uintptr_t)i;
}

static bool is_right(tg_group *g, size_t i, bool results)
{
    tg_outcome o = {.size = sizeof o};
    bool fails = i % EVERY == EVERY - 1;
    if (tg_group_outcome(g, i, &o) != TG_OK || o.index != i || o.arg != number(i))
        return false;
    if (o.status != (fails ? TG_FAILED : TG_OK) || o.code != (fails ? 7 : 0))
        return false;
    return results ? *(uint64_t *)o.result == 2 * i : o.result == NULL;
}

/* Looks at all of them, the results also as one array, and the failures. */
static void check(struct load *load, tg_group *g, size_t many, bool results)
{
    tg_report report = {.size = sizeof report};
    const uint64_t *all = results ? tg_group_results(g) : NULL;
    size_t wrong = 0, errors = 0;
    for (size_t i = 0; i < many; i++)
        wrong += !is_right(g, i, results) || (results && all[i] != 2 * i);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++)
        wrong += e->index % EVERY != EVERY - 1;
    tg_group_report(g, &report);
    require(load, wrong == 0);
    require(load, errors == many / EVERY && report.failed == errors);
    require(load, report.added == many && report.ok == many - errors);
}

static size_t grown(struct load *load, size_t before)
{
    size_t now = load_resident();
    load_peak(load);
    return now > before ? now - before : 0;
}

/* Bytes a task of one group with so many. */
static double run_singles(struct load *load, size_t many, size_t result_size)
{
    size_t before = load_resident();
    tg_group *g = tg_group_create(TG_GROUP(.result_size = result_size));
    for (size_t i = 0; i < many; i++)
        tg_group_add_with(g, twice, number(i), TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    require(load, tg_group_run(g) == TG_OK);
    double bytes = (double)grown(load, before) / (double)many;
    check(load, g, many, result_size > 0);
    tg_group_destroy(g);
    load->tasks += many;
    return bytes;
}

/* ---- added while it runs ---- */

struct growing {
    atomic_size_t next; /* number to be added */
    size_t many;
};
static struct growing growing;

/* Adds two more, as long as there are any to add: a tree. */
static int grow(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(uint64_t *)result = 2 * (uint64_t)tg_task_index(self);
    for (int i = 0; i < 2; i++)
        if (atomic_fetch_add(&growing.next, 1) < growing.many)
            tg_group_add(tg_task_group(self), grow, NULL);
    load_count();
    return 0;
}

static void run_growing(struct load *load, size_t many)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(uint64_t)));
    growing.many = many;
    atomic_store(&growing.next, 1);
    tg_group_add(g, grow, NULL);
    load_check_all_ok(load, g, many, tg_group_run(g));
    load_peak(load);
    const uint64_t *all = tg_group_results(g);
    size_t wrong = all == NULL;
    for (size_t i = 0; i < many && all != NULL; i++)
        wrong += all[i] != 2 * i;
    require(load, wrong == 0);
    tg_group_destroy(g);
    load->tasks += many;
}

static double run_range(struct load *load, size_t many)
{
    size_t before = load_resident();
    tg_group *g = tg_group_create(NULL);
    tg_group_add_many(g, load_task, many, NULL, 0, NULL);
    tg_status answer = tg_group_run(g);
    double bytes = (double)grown(load, before) / (double)many;
    load_check_all_ok(load, g, many, answer);
    tg_group_destroy(g);
    load->tasks += many;
    return bytes;
}

void load_many(struct load *load)
{
    size_t many = load->number;
    run_singles(load, 1000, 8); /* the team, and malloc's first blocks */
    run_growing(load, 1000);
    load->tasks = 0;
    load->warm = load_settled();
    size_t counted = load_counted();
    double start = tg_time_now();
    double plain = run_singles(load, many, 0), with_results = run_singles(load, many, 8);
    run_growing(load, many);
    double range = run_range(load, many);
    load->seconds = tg_time_now() - start;
    load->end = load_settled();
    require(load, load_counted() - counted == 4 * many);
    if (!LOAD_SANITIZED &&
        many >= 1000000) { /* 24 and 8 bytes, 0.3 for failures, whole huge pages */
        require(load, plain < 32 && with_results < 44 && range < 12);
        snprintf(load->note, sizeof load->note,
            "bytes a task: %.1f, with a result of 8 %.1f, in a loop %.1f", plain, with_results,
            range);
    }
}
