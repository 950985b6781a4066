/* SPDX-License-Identifier: MIT */
/* Tasks without a function: something that is done elsewhere keeps the group open until it is completed
   (pending.c). */
#include "addition.h"

#include "status.h"

#include <stdlib.h>

static bool has_more_than_a_hold(const tg_task_options *o)
{
    return o->priority != 0 || o->attempts != 0 || o->backoff > 0 || o->backoff_max > 0 ||
           o->timeout > 0 || o->weight != 0 || o->copy != 0 || o->when_full != TG_FULL_WAIT ||
           o->patience > 0 || o->start > 0 || o->delay > 0 || o->period > 0;
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
    atomic_store(task.state, TG__DEFERRED);
    *hold = (tg_task){.run = &group->run, .index = a->first, .kind = TG__HOLD, .worker = -1};
    hold->next_hold = group->holds;
    group->holds = hold;
    group->away++;
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
