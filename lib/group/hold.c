/* SPDX-License-Identifier: MIT */
/* What keeps a group open from elsewhere: a count, or tasks without a function, until they are
 * completed (suspended.c). */
#include "group/addition.h"

#include "base/status.h"

#include <stdlib.h>

/* A hold has flags, id, name and result. Refuses what else is set, and names it. */
static bool has_more(tg_group *group, const char *call, const tg_task_options *o)
{
    const struct {
        const char *name;
        double value;
    } more[] = {{"priority", o->priority}, {"attempts", o->attempts}, {"backoff", o->backoff},
        {"backoff_max", o->backoff_max}, {"timeout", o->timeout}, {"weight", (double)o->weight},
        {"copy", (double)o->copy}, {"when_full", o->when_full}, {"patience", o->patience},
        {"TG_TASK_CANCELLABLE", o->flags & TG_TASK_CANCELLABLE}, {"start", o->start},
        {"delay", o->delay}, {"period", o->period}, {"deadline", o->deadline}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i].value < 0 || more[i].value > 0) {
            tg__add_refuse(
                group, TG_INVALID, "%s: a hold with %s %g", call, more[i].name, more[i].value);
            return true;
        }
    return false;
}

/* Under the lock. */
static tg_status open_hold(tg_group *group, struct tg__addition *a, struct tg__hold *hold)
{
    tg_status status = tg__add_check_open(group);
    if (status == TG_OK)
        status = tg__add_put(group, a, a->o.flags | TG__APART);
    if (status != TG_OK)
        return status;
    struct tg__view task = tg__store_get(&group->exec.store, a->first);
    atomic_store(task.state, TG__DEFERRED);
    hold->task =
        (tg_task){.exec = &group->exec, .index = a->first, .kind = TG__HOLD, .worker_id = -1};
    tg__list_push(&group->suspended.holds, &hold->link);
    group->suspended.count++;
    if (tg__group_is_watchable(group))
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
    if (has_more(group, a.call, &a.o))
        return NULL;
    struct tg__hold *hold = malloc(sizeof *hold);
    a.items = hold;
    status = hold == NULL || !tg__add_attributes(&a, false) ? TG_NO_MEMORY
             : !tg__events_start()                          ? TG_NO_SYSTEM
                                                            : TG_OK;
    if (status == TG_OK) {
        tg__lock_take(&group->lock, TG__LOCK_GROUP);
        status = open_hold(group, &a, hold);
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
    }
    if (status == TG_OK)
        return &hold->task;
    free(hold);
    tg__add_free_attributes(&a, 1);
    tg__add_explain(group, status, &a);
    return NULL;
}

/* ---- without a task ---- */

/* Under the lock. */
static void open_one(tg_group *group)
{
    group->suspended.opened++;
    group->suspended.count++;
    if (tg__group_is_watchable(group))
        tg__group_watch(group);
}

void tg__hold_open(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    open_one(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* The unpinning is the last touch: the run may end, and its caller destroy the group. */
bool tg__hold_close(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool open = group->suspended.opened > 0;
    group->suspended.opened -= open;
    group->suspended.count -= open;
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 0);
    return open;
}

tg_status tg_group_open(tg_group *group)
{
    static const char call[] = "tg_group_open";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    tg_status status = tg__group_refuse_owned(group, call);
    if (status != TG_OK)
        return status;
    if (!tg__events_start()) /* it may sleep with nothing in flight that would notice a cancel */
        return tg__refuse(TG_NO_SYSTEM, "%s: the system has no thread left", call);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    status = tg__add_check_open(group);
    if (status == TG_OK)
        open_one(group);
    bool parents = tg__group_is_parents(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (parents)
        return tg__group_refuse_parents(call);
    return status == TG_OK ? TG_OK : tg__refuse(status, "%s: the group has stopped", call);
}

tg_status tg_group_close(tg_group *group)
{
    static const char call[] = "tg_group_close";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    if (tg__group_is_parents(group))
        return tg__group_refuse_parents(call);
    return tg__hold_close(group) ? TG_OK
                                 : tg__refuse(TG_INVALID, "%s: the group is not open", call);
}
