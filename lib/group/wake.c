/* SPDX-License-Identifier: MIT */
/* Every way in which a thread is woken for a group: for work, for its end, for space in its queue,
 * for a cancel. */
#include "group/group.h"

#include "base/park.h"
#include "sys/lock.h"

struct tg__pin tg__group_pin(tg_group *group)
{
    struct tg__pin pin = {.team = atomic_load(&group->team)};
    const tg_task *task = tg__frame_current();
    pin.inside = task != NULL && task->exec == &group->exec && task->kind != TG__CALLBACK;
    if (pin.team != NULL && !pin.inside)
        tg__team_pin(&group->runq); /* the run does not end before we have called */
    return pin;
}

struct tg__pin tg__group_pin_to_notify(tg_group *group)
{
    /* Under the lock, as begin() and end() store it: so relaxed (test/model/open.pml). */
    const struct tg__team *team = atomic_load_explicit(&group->team, memory_order_relaxed);
    const tg_task *task = tg__frame_current();
    bool inside = task != NULL && task->exec == &group->exec;
    if (team != NULL && !inside && !tg__team_sleeps(team))
        return (struct tg__pin){.none = true};
    return tg__group_pin(group);
}

void tg__group_unpin(tg_group *group, struct tg__pin pin, size_t many)
{
    if (pin.none)
        return;
    if (pin.team == NULL && many > 0 && group->owner->on_work != NULL)
        group->owner->on_work(group);
    if (pin.team == NULL)
        return;
    while (many-- > 0 && tg__team_notify(pin.team, &group->runq))
        ;
    if (!pin.inside)
        tg__team_unpin(pin.team, &group->runq);
}

/* Wakes the thread that runs the group; false: no run goes on. The team is pinned: else the run
   could end, and the team go, while we wake. */
static bool notify_owner(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    /* Under the lock, as above. */
    struct tg__team *team = atomic_load_explicit(&group->team, memory_order_acquire);
    if (team != NULL)
        tg__team_pin(&group->runq);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (team == NULL)
        return false;
    tg__team_notify_owner(team, &group->runq);
    tg__team_unpin(team, &group->runq);
    return true;
}

static void notify_producers(tg_group *group)
{
    if (atomic_load(&group->backpressure.producers) == 0)
        return;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    tg__wake_all(&group->backpressure.waiters);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

void tg__backpressure_notify(tg_group *group)
{
    if (atomic_load(&group->backpressure.body_waits))
        notify_owner(group);
    notify_producers(group);
}

void tg__group_notify_owner(tg_group *group)
{
    if (!notify_owner(group) && group->owner->on_work != NULL)
        group->owner->on_work(group);
    notify_producers(group);
}

/* A group that has stopped starts nothing: it must not keep others from a shared limit while it
 * waits for what is in flight. */
static void on_stop(void *user)
{
    tg_group *group = user;
    tg__claim_leave_limit(group);
    tg__group_notify_owner(group);
}

void tg__group_watch(tg_group *group)
{
    if (group->lifecycle.watched)
        return;
    group->lifecycle.watched = true;
    tg__hook_set(&group->lifecycle.hook, &group->context, on_stop, group);
}
