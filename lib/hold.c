/* SPDX-License-Identifier: MIT */
/* Tasks without a function: something that is done elsewhere keeps the group open. */
#include "group.h"

#include "status.h"

#include <stdlib.h>
#include <taskgroup/version.h>

/* Takes over the message; under the group's lock, so that the run sees all of it or nothing. */
static void end(tg_group *group, tg_task *hold, const struct tg__view *task, int code)
{
    struct tg__run *run = &group->run;
    /* It cannot ask; that its group has stopped is why it is given up. */
    bool stopped = tg__context_status(run->context) != TG_OK;
    tg_status status = code == 0 ? TG_OK : stopped ? TG_CANCELLED : TG_FAILED;
    if (task->note != NULL) {
        task->note->end = tg_time_now();
        if (!run->ranks_later)
            task->note->rank = 1 + atomic_fetch_add(&run->ranks, 1);
    }
    atomic_store(&task->cell->code, code);
    if (status == TG_FAILED)
        tg__runner_fail(hold, task, status, code);
    atomic_fetch_add(status == TG_OK       ? &run->ok
                     : status == TG_FAILED ? &run->failed
                                           : &run->cancelled,
        1);
    atomic_store(&task->cell->state, TG__STATE(status));
    if (code == 0)
        tg__runner_succeed(run);
    group->open_holds--;
}

tg_status tg_task_complete(tg_task *task, int code, const char *message)
{
    if (task == NULL)
        return tg__refuse_null("tg_task_complete", "task");
    if (task->kind != TG__HOLD)
        return tg__refuse(TG_INVALID, "tg_task_complete: the task is not a hold");
    tg_group *group = task->run->group;
    struct tg__store *store = &group->run.store;
    struct tg__view view;
    tg__lock_take(&group->lock);
    tg__store_view(store, tg__store_find(store, task->index, NULL), task->index, &view);
    if (TG__STATUS(atomic_load(&view.cell->state)) != TG_PENDING) {
        tg__lock_give(&group->lock);
        return tg__refuse(TG_DONE, "tg_task_complete: task %zu was completed before", task->index);
    }
    if (code != 0 && message != NULL)
        tg_task_fail_text(task, code, message);
    end(group, task, &view, code);
    tg__runner_forget_message(task);
    struct tg__grip grip = tg__group_grip(group);
    tg__lock_give(&group->lock);
    if (grip.team != NULL)
        tg__done_apart(group, task->index);
    else
        tg__done_early(group, &view, task->index);
    tg__group_release(group, grip, 0);
    return TG_OK;
}
