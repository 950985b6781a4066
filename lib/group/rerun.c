/* SPDX-License-Identifier: MIT */
/* The same tasks again; and what else is changed of a group after its creation. */
#include "group/group.h"

#include "base/status.h"

/* Under the lock. NULL: it can be run again. */
static const char *why_not(tg_group *group)
{
    if (group->exec.store.recycles)
        return "TG_GROUP_RECYCLE";
    if (group->suspended.holds != NULL)
        return "a hold";
    return group->timers.timed ? "a start, delay or period" : NULL;
}

/* Under the lock: space for the tasks that had none, as threads that added them have run them. */
static bool reserve_aside(tg_group *group)
{
    size_t aside = group->dispatch.aside;
    if (aside > 0 && !tg__claim_reserve(group, aside))
        return false;
    group->dispatch.aside = 0;
    return true;
}

/* Under the lock. */
static tg_status rewind_group(tg_group *group, const char **what)
{
    *what = why_not(group);
    if (tg__group_is_running(group) || group->suspended.count > 0)
        return TG_BUSY;
    if (*what != NULL)
        return TG_INVALID;
    if (!reserve_aside(group))
        return TG_NO_MEMORY;
    tg__parts_rewind(group);
    return TG_OK;
}

tg_status tg_group_rerun(tg_group *group)
{
    static const char call[] = "tg_group_rerun";
    const char *what = NULL;
    if (group == NULL)
        return tg__refuse_null(call, "group");
    tg_status status = tg__group_refuse_owned(group, call);
    if (status != TG_OK)
        return status;
    if (tg__group_is_parents(group))
        return tg__group_refuse_parents(call);
    tg__group_adopt(group);
    if (tg__attach_is_on(group))
        return tg__refuse(TG_BUSY, "%s: the group is running", call);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    status = rewind_group(group, &what);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (status == TG_BUSY)
        return tg__refuse(status, "%s: the group is running, or is open", call);
    if (status == TG_INVALID)
        return tg__refuse(status, "%s: the group has %s", call, what);
    return status == TG_OK ? tg_group_run(group) : tg__refuse(status, "%s: out of memory", call);
}

/* ---- its limit ---- */

/* Under the lock. While it runs servers hold slots or none, and with a limit of 1 take turns: what
   they have begun with stays. */
static bool may_change(const tg_group *group, long limit)
{
    return !tg__group_is_running(group) || (group->options.limit >= 2 && limit >= 1);
}

/* Under the lock, between runs. */
static void begin_with(tg_group *group, long limit)
{
    group->options.limit = limit;
    bool ordered = tg__claims_ordered(&group->options) || group->dispatch.ready.count > 0;
    atomic_store(&group->dispatch.ordered, ordered);
}

tg_status tg_group_set_limit(tg_group *group, long limit)
{
    static const char call[] = "tg_group_set_limit";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    if (limit < 0)
        return tg__refuse(TG_INVALID, "%s: limit is %ld (at least 0)", call, limit);
    tg_status status = tg__group_refuse_owned(group, call);
    if (status != TG_OK)
        return status;
    if (tg__group_is_parents(group))
        return tg__group_refuse_parents(call);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    long before = atomic_load(&group->dispatch.slots.most);
    bool changes = may_change(group, limit);
    if (changes)
        atomic_store(&group->dispatch.slots.most, limit);
    if (changes && !tg__group_is_running(group))
        begin_with(group, limit);
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, changes && limit > before ? (size_t)(limit - before) : 0);
    if (!changes)
        return tg__refuse(TG_BUSY, "%s: the group runs with a limit of %ld", call, before);
    tg__backpressure_notify(group);
    return TG_OK;
}
