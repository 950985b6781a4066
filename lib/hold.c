/* SPDX-License-Identifier: MIT */
/* Tasks without a function: something that is done elsewhere keeps the group open. */
#include "addition.h"

#include "status.h"

#include <stdlib.h>
#include <taskgroup/version.h>

/* ---- opening ---- */

static bool has_more_than_a_hold(const tg_task_options *o)
{
    return o->priority != 0 || o->attempts != 0 || o->backoff > 0 || o->backoff_max > 0 ||
           o->timeout > 0 || o->weight != 0 || o->copy != 0 || o->when_full != TG_FULL_WAIT ||
           o->patience > 0;
}

/* Under the lock. */
static tg_status open_hold(tg_group *group, struct tg__addition *a, tg_task *hold)
{
    tg_status status = tg__add_check_open(group);
    if (status == TG_OK)
        status = tg__add_put(group, a, a->o.flags | TG__APART);
    if (status != TG_OK)
        return status;
    struct tg__view task = tg__store_get(&group->run.store, a->first);
    atomic_store(&task.cell->state, TG__STATE(TG_PENDING));
    *hold = (tg_task){.run = &group->run, .index = a->first, .kind = TG__HOLD};
    hold->next_hold = group->holds;
    group->holds = hold;
    group->open_holds++;
    if (group->watchable)
        tg__group_watch(group);
    return TG_OK;
}

tg_task *tg_group_hold(tg_group *group, const tg_task_options *options)
{
    struct tg__addition a = {.call = "tg_group_hold", .count = 1};
    if (group == NULL) {
        tg__refuse_null(a.call, "group");
        return NULL;
    }
    tg_status status = tg__add_options(group, a.call, options, &a.o);
    if (status != TG_OK)
        return NULL;
    if (has_more_than_a_hold(&a.o)) {
        tg__add_refuse(
            group, TG_INVALID, "%s: options other than flags, id, name and result", a.call);
        return NULL;
    }
    tg_task *hold = malloc(sizeof *hold);
    status = hold == NULL || !tg__add_extras(&a, false) ? TG_NO_MEMORY
             : !tg__waiter_start()                      ? TG_NO_SYSTEM
                                                        : TG_OK;
    if (status == TG_OK) {
        tg__lock_take(&group->lock);
        status = open_hold(group, &a, hold);
        tg__lock_give(&group->lock);
    }
    if (status == TG_OK)
        return hold;
    free(hold);
    tg__add_free_extras(&a, 1);
    tg__add_explain(group, status, a.call, 1, a.o.id);
    return NULL;
}

/* ---- completing ---- */

/* Takes over the message; under the group's lock, so that the run sees all of it or nothing. */
static void end(tg_group *group, tg_task *hold, const struct tg__view *task, int code)
{
    struct tg__run *run = &group->run;
    /* It cannot ask; that its group has stopped is why it is given up. */
    bool stopped = tg__context_status(run->context) != TG_OK;
    tg_status status = code == 0 ? TG_OK : stopped ? TG_CANCELLED : TG_FAILED;
    if (task->note != NULL) {
        task->note->end = tg_time_now();
        tg__runner_rank(run, task->note);
    }
    atomic_store(&task->cell->code, code);
    if (status == TG_FAILED)
        tg__runner_fail(hold, task, status, code);
    atomic_fetch_add(status == TG_OK       ? &run->ok
                     : status == TG_FAILED ? &run->failed
                                           : &run->cancelled,
        1);
    atomic_store(&task->cell->state, TG__STATE(status));
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
    tg__lock_take(&group->lock);
    struct tg__view view = tg__store_get(store, task->index);
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
    tg__done_left(&group->run, &view, task->index);
    if (code == 0)
        tg__runner_succeed(&group->run);
    if (grip.team != NULL) /* else in the next run */
        tg__done_deliver(group);
    tg__group_release(group, grip, 0);
    return TG_OK;
}
