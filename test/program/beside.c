/* SPDX-License-Identifier: MIT */
/* The pool that a plan runs over; and, beside the plan, tasks and groups of that pool that never
   run out. */
#include "play.h"
#include <taskgroup/pool.h>

struct beside {
    tg_pool *pool;
    tg_group *group; /* without end; NULL: the pool's own tasks are */
    atomic_bool enough;
};

/* Each submits the next one. */
static int submit_next(tg_task *self, void *arg, void *result)
{
    struct beside *beside = arg;

    (void)self, (void)result;
    if (!atomic_load(&beside->enough))
        (void)tg_pool_submit(beside->pool, submit_next, beside, NULL, NULL);
    return 0;
}

static int add_next(tg_task *self, void *arg, void *result)
{
    struct beside *beside = arg;

    (void)self, (void)result;
    if (!atomic_load(&beside->enough))
        (void)tg_group_add(beside->group, add_next, beside);
    return 0;
}

static int do_nothing(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

/* One more than the pool has threads: there is always one that waits for its turn. */
static void make_busy(struct plan *plan)
{
    struct beside *beside = plan->beside = calloc(1, sizeof *beside);

    beside->pool = plan->pool;
    if (plan->busy == BUSY_GROUP)
        beside->group = tg_group_create(TG_GROUP(.pool = plan->pool));
    for (int i = 0; i <= plan->pool_threads; i++)
        hold(plan, (beside->group != NULL ? tg_group_add(beside->group, add_next, beside)
                                          : tg_pool_submit(beside->pool, submit_next, beside, NULL,
                                                NULL)) == TG_OK);
    if (beside->group != NULL)
        hold(plan, tg_group_start(beside->group) == TG_OK);
}

void take_turn(struct plan *plan)
{
    tg_task *task = NULL;

    hold(plan, tg_pool_submit(plan->pool, do_nothing, NULL, NULL, &task) == TG_OK);
    hold(plan, tg_task_wait(task, TG_FOREVER) == TG_OK);
    tg_task_release(task);
}

void open_pool(struct plan *plan)
{
    plan->pool = NULL;
    if (plan->pool_of == plan)
        plan->pool = tg_pool_create(TG_POOL(.threads = plan->pool_threads));
    else if (plan->pool_of != NULL)
        plan->pool = plan->pool_of->pool;
    hold(plan, plan->pool != NULL || plan->pool_of == NULL);
    if (plan->busy != BUSY_NOTHING)
        make_busy(plan);
}

void close_pool(struct plan *plan)
{
    struct beside *beside = plan->beside;

    if (beside != NULL) {
        take_turn(plan);
        atomic_store(&beside->enough, true);
    }
    if (beside != NULL && beside->group != NULL) {
        hold(plan, tg_group_wait(beside->group, TG_FOREVER) == TG_OK);
        tg_group_destroy(beside->group);
    }
    if (plan->pool_of == plan)
        tg_pool_destroy(plan->pool);
    free(beside);
    plan->beside = NULL;
    plan->pool = NULL;
}
