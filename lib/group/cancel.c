/* SPDX-License-Identifier: MIT */
/* Stopping a group, or one task of it: one that has not started is taken back, one that runs is
 * told. */
#include "group/group.h"

#include "base/status.h"
#include "task/slow_path.h"

#include <stdlib.h>

/*
 * May it be taken out of the queue by a compare-and-swap of its state? A worker that claims a task
 * that is not marked does not compare. From now on it does: the flag is stored before the look at
 * the queue, and whatever is claimed after that look sees it (tg__queue_has()).
 */
static bool can_be_taken(tg_group *group, const struct tg__view *task, size_t index)
{
    enum { LOOKS = 8 }; /* at an index that goes from chunk to chunk */
    struct tg__exec *exec = &group->exec;
    bool found = (task->flags & (TG__APART | TG__MARKED)) != 0;
    if (found)
        return true;
    atomic_store(&exec->takes_back, true);
    atomic_store(&exec->slow, true);
    for (int i = 0; i < LOOKS && !found; i++)
        found = tg__queue_has(&group->dispatch.queue, index);
    return found;
}

/* It may be claimed at this moment: the worker that does so finds it taken, and calls
   on_cancelled_claim. Its record stays at least until the lock is free. */
static tg_status take_from_queue(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state)
{
    bool in_order = (group->options.flags & TG_GROUP_IN_ORDER) != 0;
    if (in_order && group->exec.store.recycles)
        return TG_INVALID;
    if (!can_be_taken(group, task, index))
        return TG_BUSY;
    if (!tg__suspended_cancel(group, task, state))
        return TG_RUNNING;
    if (group->owner->on_end != NULL) /* its handle need not wait for the claim */
        group->owner->on_end(group, task, index);
    return TG_OK;
}

/* It runs, or is to be completed. */
static tg_status tell(const struct tg__view *task)
{
    struct tg__attributes *attributes = task->attributes;
    if (attributes == NULL)
        return TG_BUSY;
    bool periodic = attributes->period > 0, told = tg__slow_tell(task);
    if (periodic)
        atomic_store(&attributes->last, true);
    return periodic || told ? TG_OK : TG_BUSY;
}

/* Under the lock. TG_RUNNING: it was not as it seemed. */
static tg_status take(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state)
{
    switch (state) {
    case 0:
    case TG__AGAIN:
        return take_from_queue(group, task, index, state);
    case TG__DEFERRED:
    case TG__ENDING:
    case TG__STATE(TG_RUNNING):
        return tell(task);
    default:
        return TG_DONE;
    }
}

/* Without the lock. No other thread ends this task; `taken` says in which state it was, and what it
   had. One that was in the queue (state 0) is finished by the worker that claims it. */
static void settle(
    tg_group *group, const struct tg__view *task, size_t index, struct tg__taken taken)
{
    struct tg__exec *exec = &group->exec;
    if (taken.state != 0) {
        tg__suspended_give_back(group, task, taken);
        tg__suspended_cancel(group, task, taken.state);
        if (exec->watches_ends)
            exec->calls->on_end(exec, task, index);
        if (atomic_load(&group->completion.delivers))
            tg__completion_deliver(group);
    }
    if (taken.state == 0 || taken.state == TG__AGAIN_TIME)
        tg__completion_give_place(group);
}

static tg_status explain(tg_status status, const char *call, size_t index)
{
    if (status == TG_DONE)
        return tg__refuse(status, "%s: task %zu has ended", call, index);
    if (status == TG_BUSY)
        return tg__refuse(
            status, "%s: task %zu is in flight, without TG_TASK_CANCELLABLE", call, index);
    return tg__refuse(
        status, "%s: task %zu is queued with TG_GROUP_RECYCLE and TG_GROUP_IN_ORDER", call, index);
}

/* With a handle: of the task that has it, which may have gone with a close. */
tg_status tg__cancel_task(tg_group *group, size_t index, const struct tg__handle *handle)
{
    const char *call = handle != NULL ? "tg_task_cancel" : "tg_group_cancel_task";
    struct tg__view task;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_is_parents(group)) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        return tg__group_refuse_parents(call);
    }
    struct tg__store *store = &group->exec.store;
    size_t count = tg__store_count(store);
    bool there = index < count && tg__store_look(store, index, &task);
    if (there && handle != NULL)
        there = task.attributes != NULL && atomic_load(&task.attributes->handle) == handle;
    if (!there) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        return index < count || handle != NULL
                   ? explain(TG_DONE, call, index)
                   : tg__refuse(TG_INVALID, "%s: index %zu of %zu tasks", call, index, count);
    }
    struct tg__taken taken = {0};
    tg_status status = TG_DONE;
    bool queued = false;
    if (index >= group->lifecycle.run_base || group->persistent) {
        taken = tg__suspended_take_out(group, &task, index);
        status = taken.state != 0 ? TG_OK : TG_RUNNING;
        while (status == TG_RUNNING) { /* has just been claimed, if it comes back */
            unsigned char state = atomic_load(task.state);
            status = take(group, &task, index, state);
            queued = status == TG_OK && (state == 0 || state == TG__AGAIN);
        }
    }
    bool is_taken = queued || taken.state != 0;
    group->suspended.count += is_taken; /* the run does not end meanwhile */
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!is_taken)
        return status == TG_OK ? TG_OK : explain(status, call, index);
    settle(group, &task, index, taken);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    group->suspended.count--;
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
    return TG_OK;
}

tg_status tg_group_cancel_task(tg_group *group, size_t index)
{
    return group != NULL ? tg__cancel_task(group, index, NULL)
                         : tg__refuse_null("tg_group_cancel_task", "group");
}

/* For signal handlers, too: no message. */
tg_status tg_group_cancel(tg_group *group, int code, const char *reason)
{
    if (group == NULL)
        return TG_INVALID;
    return group->persistent ? TG_BUSY : tg_context_cancel(&group->context, code, reason);
}
