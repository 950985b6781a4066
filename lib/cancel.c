/* SPDX-License-Identifier: MIT */
/* Taking one task back that waits for its time, or in the queue where it can be found. */
#include "group.h"

#include "status.h"

#include <stdlib.h>

/* It is waiting for its time no more. Under the lock. */
static void take_from_heap(tg_group *group, const struct tg__view *task, unsigned char next)
{
    tg__delay_forget(group, task);
    atomic_store(&task->cell->state, next);
}

/* It may be claimed at this moment. Its record must stay until somebody comes by it. */
static tg_status take_from_queue(
    tg_group *group, const struct tg__view *task, unsigned char state, unsigned char next)
{
    bool in_order = (group->options.flags & TG_GROUP_IN_ORDER) != 0;
    if ((task->flags & (TG__APART | TG__MARKED)) == 0 || (in_order && group->run.store.recycles))
        return TG_INVALID;
    return atomic_compare_exchange_strong(&task->cell->state, &state, next) ? TG_OK : TG_BUSY;
}

/* It runs, or is to be completed. */
static tg_status tell(const struct tg__view *task)
{
    if (task->extra == NULL || !(task->extra->period > 0))
        return TG_BUSY;
    atomic_store(&task->extra->last, true);
    return TG_OK;
}

/* Under the lock. */
static tg_status take(tg_group *group, const struct tg__view *task, unsigned char state)
{
    switch (state) {
    case TG__START_TIME:
        take_from_heap(group, task, TG__STATE(TG_SKIPPED));
        return TG_OK;
    case TG__AGAIN_TIME:
    case TG__SLEEP_TIME:
        take_from_heap(group, task, TG__ENDING);
        return TG_OK;
    case 0:
        return take_from_queue(group, task, state, TG__STATE(TG_SKIPPED));
    case TG__AGAIN:
        return take_from_queue(group, task, state, TG__ENDING);
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
    if (state != 0 && state != TG__START_TIME)
        tg__pending_cancel(group, task, state);
    else if (group->kept.on)
        atomic_fetch_add(&run->cancelled, 1); /* never settled by a run's end */
    if (!queued && run->left != NULL)
        run->left(run, task, index);
    else if (group->kept.on) /* who waits for it need not wait for that */
        tg__kept_ended(group, task, index);
    if (state == TG__AGAIN_TIME && run->ended != NULL)
        run->ended(run); /* its place in the queue */
    else if (!queued && tg__group_is_live(group))
        tg__done_deliver(group);
}

static tg_status explain(tg_status status, size_t index)
{
    static const char call[] = "tg_group_cancel";
    if (status == TG_DONE)
        return tg__refuse(status, "%s: task %zu has ended", call, index);
    if (status == TG_BUSY)
        return tg__refuse(status, "%s: task %zu is in flight", call, index);
    return tg__refuse(status, "%s: task %zu waits for no time: it may be claimed", call, index);
}

tg_status tg_group_cancel(tg_group *group, size_t index)
{
    struct tg__view task;
    if (group == NULL)
        return tg__refuse_null("tg_group_cancel", "group");
    tg__lock_take(&group->lock);
    struct tg__store *store = &group->run.store;
    size_t count = tg__store_count(store);
    if (index >= count || !tg__store_look(store, index, &task)) {
        tg__lock_give(&group->lock);
        return index < count ? explain(TG_DONE, index)
                             : tg__refuse(TG_INVALID, "tg_group_cancel: index %zu of %zu tasks",
                                   index, count);
    }
    unsigned char state = atomic_load(&task.cell->state);
    tg_status status =
        index < group->settled && !group->running ? TG_DONE : take(group, &task, state);
    struct tg__away *away =
        status == TG_OK && state == TG__SLEEP_TIME ? tg__pending_take(group, index) : NULL;
    bool taken = status == TG_OK && state != TG__DEFERRED && state != TG__ENDING &&
                 state != TG__STATE(TG_RUNNING);
    group->away += taken; /* the run does not end meanwhile */
    tg__lock_give(&group->lock);
    if (!taken)
        return status == TG_OK ? TG_OK : explain(status, index);
    settle(group, &task, index, state, away);
    tg__lock_take(&group->lock);
    group->away--;
    struct tg__grip grip = tg__group_grip(group);
    tg__lock_give(&group->lock);
    tg__group_release(group, grip, 1);
    return TG_OK;
}
