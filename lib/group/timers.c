/* SPDX-License-Identifier: MIT */
/*
 * Tasks that wait for a time, in a heap: for their start, for the next attempt or period, for the end of
 * a sleep. Who serves the group looks what is due when there is nothing else; the timer is for the time
 * that threads sleep, and when it fires they look.
 */
#include "group/group.h"

#include <taskgroup/version.h>

static uint64_t key_of(double time)
{
    return time < 1e10 ? (uint64_t)(time > 0 ? time * 1e9 : 0) : (uint64_t)1e19; /* never */
}

static double time_of(uint64_t key)
{
    return (double)key * 1e-9;
}

/* ---- under the lock ---- */

static void publish(tg_group *group)
{
    const struct tg__heap *due = &group->timers;
    atomic_store(&group->next_deadline, due->count > 0 ? due->items[0].key : UINT64_MAX);
}

static void arm(tg_group *group, double slack)
{
    if (group->timers.count == 0)
        return;
    uint64_t key = group->timers.items[0].key;
    uint64_t least = slack > 0 ? key_of(tg_time_now() + slack) : 0;
    if (key < least)
        key = least;
    if (group->timer_key <= key)
        return;
    group->timer_key = key;
    tg__timer_set(&group->timer, time_of(key));
}

/* Claims come by it next. */
static void make_ready(tg_group *group, const struct tg__view *task, size_t index)
{
    bool optional = (task->flags & TG_TASK_OPTIONAL) != 0;
    int priority = task->attributes != NULL ? task->attributes->priority : 0;
    tg__claim_put_late(group, tg__claim_key(group, priority, optional), index);
}

/* Does it keep the group open while it waits? */
static bool in_background(const struct tg__view *task)
{
    return (task->flags & TG_TASK_BACKGROUND) != 0;
}

bool tg__timers_open(const tg_group *group)
{
    return group->timers.count > group->timers_background + group->timers_gone;
}

static bool still_waits(size_t index, void *user)
{
    const tg_group *group = user;
    struct tg__view task;
    if (!tg__store_look(&group->exec.store, index, &task))
        return false;
    unsigned char state = atomic_load(task.state);
    return state == TG__START_TIME || state == TG__AGAIN_TIME || state == TG__SLEEP_TIME;
}

/* Those that are gone are thrown out when they are the most: their times may be far away. */
static void tidy(tg_group *group)
{
    enum { FEW = 64 };
    if (group->timers_gone < FEW || group->timers_gone < group->timers.count / 2)
        return;
    tg__heap_filter(&group->timers, still_waits, group);
    group->timers.reserved -= group->timers_gone;
    group->timers_gone = 0;
    publish(group);
}

void tg__timers_push(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state, double time)
{
    uint64_t key = key_of(time);
    bool first = group->timers.count == 0 || key < group->timers.items[0].key;
    atomic_store(task->state, state);
    tidy(group);
    group->timers_background += state != TG__SLEEP_TIME && in_background(task);
    group->timers_placed += state == TG__AGAIN_TIME;
    group->timers_starts += state == TG__START_TIME;
    tg__heap_push(&group->timers, key, index);
    if (!first)
        return;
    publish(group);
    if (group->watchable)
        arm(group, 0);
}

void tg__timers_forget(tg_group *group, const struct tg__view *task)
{
    bool asleep = atomic_load(task->state) == TG__SLEEP_TIME;
    group->timers_placed -= atomic_load(task->state) == TG__AGAIN_TIME;
    group->timers_starts -= atomic_load(task->state) == TG__START_TIME;
    group->timers_background -= !asleep && in_background(task);
    group->timers_gone++;
    if (!asleep) /* whose room was promised to the task; in the heap it still takes its own */
        group->timers.reserved++;
}

void tg__timers_drop(tg_group *group)
{
    group->timers_dropped |= group->timers.count > 0;
    group->timers.count = group->timers_background = group->timers_gone = group->timers_placed = 0;
    group->timers_starts = 0;
    publish(group);
}

void tg__timers_arm(tg_group *group, double slack)
{
    if (atomic_load(&group->next_deadline) == UINT64_MAX)
        return;
    tg__lock_take(&group->lock);
    arm(group, slack);
    tg__lock_give(&group->lock);
}

/* ---- */

bool tg__timers_again(
    struct tg__exec *exec, const struct tg__view *task, size_t index, double delay)
{
    tg_group *group = exec->group;
    bool periodic = task->attributes->period > 0;
    if (delay <= 0 && !periodic) {
        atomic_store(task->state, TG__AGAIN);
        atomic_fetch_add(&exec->ready_again, 1);
        make_ready(group, task, index); /* by who serves: he claims again next */
        return true;
    }
    tg__lock_take(&group->lock); /* who takes it back does so under it */
    bool again = !periodic || !atomic_load(&task->attributes->last);
    if (again)
        tg__timers_push(group, task, index, TG__AGAIN_TIME, tg_time_now() + delay);
    tg__lock_give(&group->lock);
    return again;
}

enum { BATCH = 64 };

/* Ends of sleep, to be dealt with when the lock is free. */
struct batch {
    size_t sleepers;
    struct tg__sleeper sleeper[BATCH];
};

/* What the task has waited for; false: somebody has taken it out. */
static bool let_go(tg_group *group, size_t index, struct batch *batch)
{
    struct tg__view task;
    if (!tg__store_look(&group->exec.store, index, &task))
        return false;
    switch (atomic_load(task.state)) {
    case TG__START_TIME:
        atomic_store(task.state, 0);
        group->timers_starts--;
        if (group->options.queue != 0)
            atomic_fetch_add(&group->outstanding, 1);
        break;
    case TG__AGAIN_TIME:
        atomic_store(task.state, TG__AGAIN);
        atomic_fetch_add(&group->exec.ready_again, 1);
        group->timers_placed--;
        break;
    case TG__SLEEP_TIME:
        atomic_store(task.state, TG__ENDING);
        tg__heap_unreserve(&group->timers, 1);
        batch->sleeper[batch->sleepers++] = tg__pending_wake(group, &task, index);
        return true;
    default:
        return false;
    }
    group->timers_background -= in_background(&task);
    make_ready(group, &task, index);
    return true;
}

/* Under the lock. How many: of those that had been taken out before, too. */
static size_t reap(tg_group *group, uint64_t now, struct batch *batch)
{
    size_t popped[BATCH], many = 0;
    for (; many < BATCH && group->timers.count > 0 && group->timers.items[0].key <= now; many++) {
        popped[many] = tg__heap_pop(&group->timers).index;
        tg__store_expect(&group->exec.store, popped[many]); /* far apart, most likely */
    }
    for (size_t i = 0; i < many; i++) {
        if (!let_go(group, popped[i], batch)) {
            group->timers_gone--;
            tg__heap_unreserve(&group->timers, 1);
        }
    }
    publish(group);
    return many;
}

size_t tg__timers_reap(tg_group *group)
{
    /* Relaxed: hints, looked at again under the lock; a thread arms the timer before it sleeps. */
    uint64_t first = atomic_load_explicit(&group->next_deadline, memory_order_relaxed);
    if (first == UINT64_MAX && !atomic_load_explicit(&group->expired, memory_order_relaxed))
        return 0;
    uint64_t now = key_of(tg_time_now());
    if (now < first && !atomic_load_explicit(&group->expired, memory_order_relaxed))
        return 0;
    struct batch batch;
    batch.sleepers = 0;
    tg__lock_take(&group->lock);
    atomic_store(&group->expired, false);
    /* Of a group that has stopped they are cancelled, by the end of the run. */
    bool stopped = tg__context_noticed(&group->context) != TG_OK;
    size_t many = stopped ? 0 : reap(group, now, &batch);
    tg__lock_give(&group->lock);
    if (batch.sleepers > 0)
        tg__pending_end_sleep(group, batch.sleeper, batch.sleepers);
    return many;
}

void tg__timers_fire(struct tg__timer *timer)
{
    tg_group *group = (tg_group *)(void *)((char *)timer - offsetof(tg_group, timer));
    tg__lock_take(&group->lock);
    struct tg__pin grip = tg__group_pin(group);
    group->timer_key = UINT64_MAX; /* who has looked sets it again before he sleeps */
    atomic_store(&group->expired, true);
    tg__lock_give(&group->lock);
    tg__group_unpin(group, grip, 1);
}
