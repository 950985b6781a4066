/* SPDX-License-Identifier: MIT */
/* Tasks whose time has come: for their start, their next attempt or period, the end of a sleep. */
#include "group/group.h"

#include <taskgroup/version.h>

/* It can be claimed from now on. */
static void make_ready(tg_group *group, const struct tg__view *task, size_t index)
{
    bool optional = (task->flags & TG_TASK_OPTIONAL) != 0;
    int priority = task->attributes != NULL ? task->attributes->priority : 0;
    tg__claim_put_late(group, tg__claim_key(group, priority, optional), index);
}

bool tg__expire_again(
    struct tg__exec *exec, const struct tg__view *task, size_t index, double delay)
{
    tg_group *group = exec->group;
    bool periodic = task->attributes->period > 0;
    if (delay <= 0 && !periodic) {
        atomic_store(task->state, TG__AGAIN);
        atomic_fetch_add(&exec->ready_again, 1);
        make_ready(group, task, index); /* the caller serves, and claims again next */
        return true;
    }
    tg__lock_take(&group->lock, TG__LOCK_GROUP); /* it is taken back under the lock */
    bool again = !periodic || !atomic_load(&task->attributes->last);
    if (again)
        tg__timers_push(group, task, index, TG__AGAIN_TIME, tg_time_now() + delay);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return again;
}

enum { BATCH = 64 };

/* Ends of sleep, to be dealt with when the lock is free. */
struct batch {
    size_t sleepers;
    struct tg__sleeper sleeper[BATCH];
};

/* What the task has waited for has come. False: it was taken out before. */
static bool let_go(tg_group *group, size_t index, struct batch *batch)
{
    struct tg__view task;
    if (!tg__store_look(&group->exec.store, index, &task))
        return false;
    unsigned char state = atomic_load(task.state);
    switch (state) {
    case TG__START_TIME:
        atomic_store(task.state, 0);
        if (group->options.queue != 0)
            atomic_fetch_add(&group->backpressure.outstanding, 1);
        break;
    case TG__AGAIN_TIME:
        atomic_store(task.state, TG__AGAIN);
        atomic_fetch_add(&group->exec.ready_again, 1);
        break;
    case TG__SLEEP_TIME:
        atomic_store(task.state, TG__ENDING);
        tg__heap_unreserve(&group->timers.heap, 1);
        batch->sleeper[batch->sleepers++] = tg__suspended_wake(group, &task, index);
        return true;
    default:
        return false;
    }
    tg__timers_count_out(group, &task, state);
    make_ready(group, &task, index);
    return true;
}

/* Under the lock: takes those out whose time has come. How many; cancelled ones count. */
static size_t reap(tg_group *group, uint64_t now, struct batch *batch)
{
    size_t popped[BATCH], many = 0;
    for (; many < BATCH && group->timers.heap.count > 0 && group->timers.heap.items[0].key <= now;
        many++) {
        popped[many] = tg__heap_pop(&group->timers.heap).index;
        tg__store_expect(&group->exec.store, popped[many]); /* far apart, most likely */
    }
    for (size_t i = 0; i < many; i++) {
        if (!let_go(group, popped[i], batch)) {
            group->timers.gone--;
            tg__heap_unreserve(&group->timers.heap, 1);
        }
    }
    tg__timers_publish(group);
    return many;
}

size_t tg__expire_some(tg_group *group)
{
    /* Relaxed: hints, looked at again under the lock; a thread arms the timer before it sleeps. */
    uint64_t first = atomic_load_explicit(&group->timers.next_deadline, memory_order_relaxed);
    if (first == UINT64_MAX && !atomic_load_explicit(&group->timers.expired, memory_order_relaxed))
        return 0;
    uint64_t now = tg__timers_key(tg_time_now());
    if (now < first && !atomic_load_explicit(&group->timers.expired, memory_order_relaxed))
        return 0;
    struct batch batch;
    batch.sleepers = 0;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    atomic_store(&group->timers.expired, false);
    /* Of a group that has stopped they are cancelled, by the end of the run. */
    bool stopped = tg__context_noticed(&group->context) != TG_OK;
    size_t many = stopped ? 0 : reap(group, now, &batch);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (batch.sleepers > 0)
        tg__suspended_end_sleep(group, batch.sleeper, batch.sleepers);
    return many;
}
