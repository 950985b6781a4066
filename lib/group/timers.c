/* SPDX-License-Identifier: MIT */
/*
 * Tasks that wait for a time, in a heap: for their start, for the next attempt or period, for the
 * end of a sleep. A server looks whether one is due when there is nothing else (expire.c). The
 * timer is for the time in which all threads sleep: when it fires they look.
 */
#include "group/group.h"

#include <taskgroup/version.h>

uint64_t tg__timers_key(double time)
{
    return time < 1e10 ? (uint64_t)(time > 0 ? time * 1e9 : 0) : (uint64_t)1e19; /* never */
}

static double time_of(uint64_t key)
{
    return (double)key * 1e-9;
}

/* ---- under the lock ---- */

void tg__timers_publish(tg_group *group)
{
    const struct tg__heap *due = &group->timers.heap;
    atomic_store(&group->timers.next_deadline, due->count > 0 ? due->items[0].key : UINT64_MAX);
}

static void arm(tg_group *group, double slack)
{
    if (group->timers.heap.count == 0)
        return;
    uint64_t key = group->timers.heap.items[0].key;
    uint64_t least = slack > 0 ? tg__timers_key(tg_time_now() + slack) : 0;
    if (key < least)
        key = least;
    if (group->timers.armed <= key)
        return;
    group->timers.armed = key;
    tg__timer_set(&group->timers.timer, time_of(key));
}

/* Does it keep the group open while it waits? */
static bool in_background(const struct tg__view *task)
{
    return (task->flags & TG_TASK_BACKGROUND) != 0;
}

bool tg__timers_open(const tg_group *group)
{
    return group->timers.heap.count > group->timers.background + group->timers.gone;
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
    if (group->timers.gone < FEW || group->timers.gone < group->timers.heap.count / 2)
        return;
    tg__heap_filter(&group->timers.heap, still_waits, group);
    group->timers.heap.reserved -= group->timers.gone;
    group->timers.gone = 0;
    tg__timers_publish(group);
}

void tg__timers_push(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state, double time)
{
    uint64_t key = tg__timers_key(time);
    bool first = group->timers.heap.count == 0 || key < group->timers.heap.items[0].key;
    atomic_store(task->state, state);
    tidy(group);
    group->timers.background += state != TG__SLEEP_TIME && in_background(task);
    group->timers.placed += state == TG__AGAIN_TIME;
    group->timers.starts += state == TG__START_TIME;
    tg__heap_push(&group->timers.heap, key, index);
    if (!first)
        return;
    tg__timers_publish(group);
    if (tg__group_is_watchable(group))
        arm(group, 0);
}

void tg__timers_count_out(tg_group *group, const struct tg__view *task, unsigned char state)
{
    group->timers.starts -= state == TG__START_TIME;
    group->timers.placed -= state == TG__AGAIN_TIME;
    group->timers.background -= state != TG__SLEEP_TIME && in_background(task);
}

void tg__timers_forget(tg_group *group, const struct tg__view *task)
{
    unsigned char state = atomic_load(task->state);
    tg__timers_count_out(group, task, state);
    group->timers.gone++;
    if (state != TG__SLEEP_TIME) /* whose space was promised to the task; in the heap it still takes
                                    its own */
        group->timers.heap.reserved++;
}

void tg__timers_drop(tg_group *group)
{
    group->timers.dropped |= group->timers.heap.count > 0;
    group->timers.heap.count = group->timers.background = group->timers.gone =
        group->timers.placed = 0;
    group->timers.starts = 0;
    tg__timers_publish(group);
}

void tg__timers_arm(tg_group *group, double slack)
{
    if (atomic_load(&group->timers.next_deadline) == UINT64_MAX)
        return;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    arm(group, slack);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* ---- */

void tg__timers_init(tg_group *group)
{
    group->timers.armed = UINT64_MAX;
    group->timers.timer.fire = tg__timers_fire;
    tg__timers_reset(group);
}

void tg__timers_reset(tg_group *group)
{
    group->timers.heap.reserved = 0;
    tg__timers_drop(group);
    group->timers.dropped = group->timers.timed = false;
    atomic_store_explicit(&group->timers.expired, false, memory_order_relaxed);
}

void tg__timers_fini(tg_group *group)
{
    tg__timer_clear(&group->timers.timer);
    tg__heap_free(&group->timers.heap);
}

void tg__timers_fire(struct tg__timer *timer)
{
    tg_group *group = TG__CONTAINER(tg_group, timers.timer, timer);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    struct tg__pin pin = tg__group_pin(group);
    group->timers.armed = UINT64_MAX; /* a server that has looked sets it again before it sleeps */
    atomic_store(&group->timers.expired, true);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
}
