/* SPDX-License-Identifier: MIT */
/*
 * on_done: once for every task, one call at a time, and no thread waits for its turn. A thread that
 * has ended a task puts it into the list; a thread that finds nobody delivering delivers all that
 * there is.
 */
#include "group/group.h"

#include "base/park.h"
#include "task/finish.h"
#include "sys/lock.h"

#include <stdio.h>
#include <stdlib.h>

void tg__completion_reset(tg_group *group)
{
    atomic_size_t *const counts[] = {
        &group->completion.delivered, &group->completion.finished, &group->completion.backlog};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        atomic_store_explicit(counts[i], 0, memory_order_relaxed);
    atomic_store_explicit(&group->completion.delivers, false, memory_order_relaxed);
    tg__completion_fini(group);
    group->completion.order = NULL;
}

void tg__completion_fini(tg_group *group)
{
    free(group->completion.order);
}

/* Calls on_done. Meanwhile the calling thread is in no task for tg_task_current(), even if it is
   inside a task's function. */
static void call(tg_group *group, size_t index)
{
    tg_outcome outcome;
    tg_task callback;
    TG__MUST_RETURN bool returned = false;
    tg__outcome_fill(group, index, false, &outcome);
    struct tg__pause pause = tg__frame_pause(); /* a crash in it is not that of the task around */
    tg__frame_push(&callback, &group->exec, TG__CALLBACK);
    int code = group->options.on_done(group, &outcome, group->options.user);
    returned = true;
    tg__frame_pop(&callback);
    tg__frame_resume(pause);
    if (code != 0 && !group->persistent) { /* a pool's tasks are nothing to each other */
        char text[64];
        snprintf(text, sizeof text, "on_done returned %d for task %zu", code, index);
        tg__group_call_off(group, code, text);
    }
}

/* Has adding it reserved space in the heaps? A hold never waits in one. */
static bool has_reserve(const tg_group *group, const struct tg__view *task)
{
    bool optional = (task->flags & TG_TASK_OPTIONAL) != 0;
    int priority = task->attributes != NULL ? task->attributes->priority : 0;
    return task->function != NULL &&
           ((task->flags & TG__TIMED) != 0 || tg__claim_is_apart(group, priority, optional));
}

/* Under the lock: else that space would grow with every task. */
static void give_reserve_back(tg_group *group, const struct tg__view *task)
{
    if ((task->flags & TG__TIMED) != 0)
        tg__heap_unreserve(&group->timers.heap, 1);
    tg__claim_unreserve(group, 1);
}

static void let_go(tg_group *group, size_t index)
{
    if (!tg__store_release(&group->exec.store, index))
        return;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg__store_recycle(&group->exec.store, index);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* The same under the lock. */
static void let_go_locked(tg_group *group, size_t index)
{
    if (tg__store_release(&group->exec.store, index))
        tg__store_recycle(&group->exec.store, index);
}

/* Where records are recycled: this one is not needed any more. */
static void release(tg_group *group, size_t index)
{
    if (!group->exec.store.recycles)
        return;
    struct tg__view task = tg__store_get(&group->exec.store, index);
    if (has_reserve(group, &task)) {
        tg__lock_take(&group->lock, TG__LOCK_GROUP);
        give_reserve_back(group, &task);
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
    }
    let_go(group, index);
}

void tg__completion_on_skipped(struct tg__exec *exec, size_t index)
{
    let_go(exec->group, index);
}

void tg__completion_pass(tg_group *group, size_t first, size_t many)
{
    if (!tg__queue_pass(&group->dispatch.queue, first, first + many))
        return;
    for (size_t i = first; i < first + many; i++)
        let_go_locked(group, i);
}

/* ---- in order of adding ---- */

static bool next_has_ended(tg_group *group)
{
    struct tg__store *store = &group->exec.store;
    size_t next = atomic_load(&group->completion.delivered);
    if (next >= tg__store_count(store))
        return false;
    struct tg__view task = tg__store_get(store, next);
    unsigned char state = atomic_load(task.state);
    return tg__status_of(state) < TG_NOT_RUN;
}

static void deliver_in_order(tg_group *group)
{
    while (next_has_ended(group)) {
        size_t next = atomic_load(&group->completion.delivered);
        call(group, next);
        release(group, next);
        atomic_store(&group->completion.delivered, next + 1); /* lets another one start */
    }
}

/* ---- servers that run ahead ---- */

/*
 * Memory is to stay flat even if tasks end faster than on_done takes them: a server that finds more
 * than BACKLOG_MOST of them waiting sleeps until there are BACKLOG_LOW, or until nobody delivers
 * and it does so itself.
 *
 * No wake-up is lost. A server counts itself in `ahead` first, and then looks at `backlog` and
 * `delivering`; a thread that delivers changes one of these first, and then looks at `ahead`. All
 * four are sequentially consistent, so at least one of the two sees the other. The server looks,
 * and is woken, with the wait lock held.
 */
enum { BACKLOG_MOST = 1024, BACKLOG_LOW = BACKLOG_MOST / 2 };

static void wake_servers(tg_group *group)
{
    if (atomic_load(&group->completion.ahead) == 0)
        return;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    tg__wake_all(&group->completion.waiters);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

/* One less. Each way down passes BACKLOG_LOW. */
static void shorten_backlog(tg_group *group)
{
    if (atomic_fetch_sub(&group->completion.backlog, 1) == BACKLOG_LOW + 1)
        wake_servers(group);
}

static void sleep_until_low(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    atomic_fetch_add(&group->completion.ahead, 1);
    while (atomic_load(&group->completion.backlog) > BACKLOG_LOW &&
           atomic_load(&group->completion.delivering))
        tg__wait(&group->completion.waiters, &group->wait_lock, TG__LOCK_WAIT, (double)INFINITY);
    atomic_fetch_sub(&group->completion.ahead, 1);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

static void keep_up(tg_group *group)
{
    while (group->exec.store.recycles && atomic_load(&group->completion.backlog) > BACKLOG_MOST) {
        sleep_until_low(group);
        tg__completion_deliver(group); /* if nobody does */
    }
}

/* ---- in order of ending ---- */

static void leave_there(tg_group *group, struct tg__note *note, size_t index)
{
    atomic_fetch_add(&group->completion.backlog, 1);
    note->next = atomic_load(&group->completion.finished);
    while (!atomic_compare_exchange_weak(&group->completion.finished, &note->next, index + 1))
        ;
}

static struct tg__note *note_of(tg_group *group, size_t index)
{
    struct tg__store *store = &group->exec.store;
    struct tg__view task = tg__store_get(store, index);
    return task.note;
}

static void deliver_as_ended(tg_group *group)
{
    /* The last comes first: turned round by its links. */
    size_t last = atomic_exchange(&group->completion.finished, 0), first = 0;
    while (last != 0) {
        struct tg__note *note = note_of(group, last - 1);
        size_t before = note->next;
        note->next = first;
        first = last;
        last = before;
    }
    while (first != 0) {
        size_t index = first - 1;
        struct tg__note *note = note_of(group, index);
        first = note->next;
        note->next = TG__DELIVERED;
        atomic_store(&note->rank, 1 + atomic_fetch_add(&group->exec.ranks, 1));
        call(group, index);
        release(group, index);
        shorten_backlog(group);
    }
}

/* ---- */

static bool in_order(const tg_group *group)
{
    return (group->options.flags & TG_GROUP_IN_ORDER) != 0;
}

void tg__completion_deliver(tg_group *group)
{
    size_t seen;
    if (group->options.on_done == NULL)
        return;
    atomic_fetch_add(&group->completion.ends, 1);
    do {
        if (atomic_exchange(&group->completion.delivering, true))
            return; /* the thread that delivers sees the new number */
        seen = atomic_load(&group->completion.ends);
        if (in_order(group))
            deliver_in_order(group);
        else
            deliver_as_ended(group);
        atomic_store(&group->completion.delivering, false);
        wake_servers(group);
        /* From here on the tasks are another thread's, which may recycle them: only a number says
           whether something ended just before that, and was left to us. */
    } while (atomic_load(&group->completion.ends) != seen);
}

void tg__completion_on_end(struct tg__exec *exec, const struct tg__view *task, size_t index)
{
    tg_group *group = exec->group;
    if (group->owner->on_end != NULL)
        group->owner->on_end(group, task, index);
    if (group->options.on_done == NULL)
        release(group, index);
    else if (!in_order(group))
        leave_there(group, task->note, index);
}

void tg__completion_give_place(tg_group *group)
{
    if (group->options.queue != 0) {
        atomic_fetch_sub(&group->backpressure.outstanding, 1);
        tg__backpressure_notify(group);
    }
}

void tg__completion_after_end(struct tg__exec *exec)
{
    tg_group *group = exec->group;
    if (group->options.on_done != NULL) {
        tg__completion_deliver(group);
        keep_up(group);
    }
    tg__completion_give_place(group);
}

void tg__completion_on_cancelled_claim(
    struct tg__exec *exec, const struct tg__view *task, size_t index)
{
    tg_group *group = exec->group;
    tg__completion_on_end(exec, task, index);
    tg__completion_deliver(group);
}

/* Under the lock. It waited for its start when the run ended, and there is no on_done: its record
   goes. (What else has not started was left by a group that has stopped: it stays until a reset,
   and nothing comes after it.) */
static void forget_left_over(tg_group *group, const struct tg__view *task, size_t index)
{
    tg__finish_skipped(task);
    give_reserve_back(group, task);
    let_go_locked(group, index);
}

/* Under the group's lock, after a run. Ends a task that was never started; delivers one that was
   cancelled in the queue, and that no worker has claimed since. A hold is delivered when it is
   completed. */
static void end_left_over(tg_group *group, size_t index)
{
    struct tg__view task = tg__store_get(&group->exec.store, index);
    unsigned char state = atomic_load(task.state);
    if (group->options.on_done == NULL) {
        if (state == TG__START_TIME)
            forget_left_over(group, &task, index);
        return;
    }
    if (tg__status_of(state) == TG_NOT_RUN) {
        tg__finish_skipped(&task);
        state = TG__STATE(TG_SKIPPED);
    }
    bool has_ended = tg__status_of(state) < TG_NOT_RUN && task.function != NULL;
    /* on_done brings notes: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    if (has_ended && !in_order(group) && task.note->next != TG__DELIVERED)
        leave_there(group, task.note, index);
}

void tg__completion_rest(tg_group *group, size_t from, bool for_good)
{
    if (group->options.on_done == NULL && !group->exec.store.recycles)
        return;
    tg__completion_deliver(group); /* what has not been delivered is in no list then */
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    const struct tg__store *store = &group->exec.store;
    size_t end = group->lifecycle.run_base;
    bool any = group->options.on_done != NULL || group->timers.heap.reserved > 0;
    for (size_t i = from; any && (i = tg__store_next(store, i, end)) < end; i++)
        end_left_over(group, i);
    if (for_good)
        atomic_store(&group->completion.delivers, true);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__completion_deliver(group);
}
