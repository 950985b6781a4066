/* SPDX-License-Identifier: MIT */
/* Taking one task back that waits for its time, or in the queue where it can be found. */
#include "group.h"

#include "status.h"

#include <stdlib.h>

/* It may be claimed at this moment: who does so finds it taken, and finishes it. Its record stays at least until the
   lock is free. */
static tg_status take_from_queue(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state)
{
    bool in_order = (group->options.flags & TG_GROUP_IN_ORDER) != 0;
    if ((task->flags & (TG__APART | TG__MARKED)) == 0 || (in_order && group->run.store.recycles))
        return TG_INVALID;
    if (!tg__pending_cancel(group, task, state))
        return TG_RUNNING;
    if (group->kept.on) /* who waits for it need not wait for that */
        tg__kept_ended(group, task, index);
    return TG_OK;
}

/* It runs, or is to be completed. */
static tg_status tell(const struct tg__view *task)
{
    if (task->extra == NULL || !(task->extra->period > 0))
        return TG_BUSY;
    atomic_store(&task->extra->last, true);
    return TG_OK;
}

/* Under the lock. TG_RUNNING: it was not as it seemed. */
static tg_status take(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state)
{
    switch (state) {
    case TG__START_TIME:
    case TG__AGAIN_TIME:
    case TG__SLEEP_TIME:
        tg__delay_forget(group, task);
        atomic_store(task->state, TG__ENDING);
        return TG_OK;
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

/* It is ours alone; what it was, and had. The lock is free. What was in the queue is finished by who
   comes by it there. */
static void settle(tg_group *group, const struct tg__view *task, size_t index, unsigned char state,
    struct tg__away *away)
{
    struct tg__run *run = &group->run;
    bool queued = state == 0 || state == TG__AGAIN;
    if (state == TG__SLEEP_TIME)
        tg__pending_rouse(group, task, away);
    if (!queued)
        tg__pending_cancel(group, task, state);
    if (!queued && run->left != NULL)
        run->left(run, task, index);
    if (!queued && atomic_load(&group->delivers))
        tg__done_deliver(group);
    if (queued || state == TG__AGAIN_TIME)
        tg__done_make_room(group);
}

static tg_status explain(tg_status status, const char *call, size_t index)
{
    if (status == TG_DONE)
        return tg__refuse(status, "%s: task %zu has ended", call, index);
    if (status == TG_BUSY)
        return tg__refuse(status, "%s: task %zu is in flight", call, index);
    return tg__refuse(status, "%s: task %zu waits for no time: it may be claimed", call, index);
}

/* With a handle: of the task that has it, which may have gone with a close. */
tg_status tg__cancel_task(tg_group *group, size_t index, const struct tg__handle *handle)
{
    const char *call = handle != NULL ? "tg_task_cancel" : "tg_group_cancel";
    struct tg__view task;
    tg__lock_take(&group->lock);
    struct tg__store *store = &group->run.store;
    size_t count = tg__store_count(store);
    bool there = index < count && tg__store_look(store, index, &task);
    if (there && handle != NULL)
        there = task.extra != NULL && atomic_load(&task.extra->handle) == handle;
    if (!there) {
        tg__lock_give(&group->lock);
        return index < count || handle != NULL
                   ? explain(TG_DONE, call, index)
                   : tg__refuse(TG_INVALID, "%s: index %zu of %zu tasks", call, index, count);
    }
    unsigned char state = atomic_load(task.state);
    tg_status status = TG_DONE;
    if (index >= group->settled || group->kept.on)
        while ((status = take(group, &task, index, state)) == TG_RUNNING)
            state = atomic_load(task.state); /* it has just been claimed */
    struct tg__away *away =
        status == TG_OK && state == TG__SLEEP_TIME ? tg__pending_take(group, index) : NULL;
    bool taken = status == TG_OK && state != TG__DEFERRED && state != TG__ENDING &&
                 state != TG__STATE(TG_RUNNING);
    group->away += taken; /* the run does not end meanwhile */
    tg__lock_give(&group->lock);
    if (!taken)
        return status == TG_OK ? TG_OK : explain(status, call, index);
    settle(group, &task, index, state, away);
    tg__lock_take(&group->lock);
    group->away--;
    struct tg__grip grip = tg__group_grip(group);
    tg__lock_give(&group->lock);
    tg__group_release(group, grip, 1);
    return TG_OK;
}

tg_status tg_group_cancel(tg_group *group, size_t index)
{
    return group != NULL ? tg__cancel_task(group, index, NULL)
                         : tg__refuse_null("tg_group_cancel", "group");
}
