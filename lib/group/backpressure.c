/* SPDX-License-Identifier: MIT */
/* Producers that find the bounded queue of a running group full, and wait for space. */
#include "group/group.h"

#include "base/park.h"
#include "sys/lock.h"

#include <taskgroup/version.h>

void tg__backpressure_reset(tg_group *group)
{
    atomic_store_explicit(&group->backpressure.outstanding, 0, memory_order_relaxed);
}

/* How many tasks may be added and not ended: those that threads have, and the queue. */
static size_t bound(tg_group *group)
{
    size_t servers = group->owner->workers != NULL ? (size_t)group->owner->workers(group)
                                                   : (size_t)atomic_load(&group->runq.max_workers);
    if (atomic_load(&group->backpressure.in_body) && servers > 0)
        servers--;                                   /* the body's thread does not serve */
    if (tg__slots_bounded(&group->dispatch.slots)) { /* tasks that are suspended keep theirs */
        long left = atomic_load(&group->dispatch.slots.most) -
                    atomic_load(&group->dispatch.slots.suspended);
        left = left > 0 ? left : 0;
        servers = (size_t)left < servers ? (size_t)left : servers;
    }
    return servers + (group->options.queue > 0 ? (size_t)group->options.queue : 0);
}

static bool is_full(tg_group *group)
{
    return atomic_load(&group->backpressure.outstanding) >= bound(group);
}

/* In one of its tasks, or in its body; or on a thread of the pool's, which is what makes space. Not
   so in the body of a scope over a pool: that thread does not serve. */
static bool is_inside(tg_group *group)
{
    if (group->owner->owns_thread != NULL && group->owner->owns_thread(group))
        return true;
    const tg_task *frame = tg__frame_inside(&group->exec);
    bool body_elsewhere = frame != NULL && frame->kind == TG__BODY && group->body == NULL;
    return frame != NULL && !body_elsewhere;
}

bool tg__backpressure_full(tg_group *group)
{
    return group->options.queue != 0 && (group->persistent || tg__group_is_live(group)) &&
           is_full(group) && (!is_inside(group) || tg__backpressure_in_body(group));
}

bool tg__backpressure_in_body(const tg_group *group)
{
    const tg_task *current = tg__frame_current();
    bool in_frame = current != NULL && current->exec == &group->exec && current->kind == TG__BODY;
    /* Not so in a region that the body has opened, nor over a pool. */
    return in_frame && group->body != NULL && tg__team_worker() != NULL;
}

/* A quarter of the queue, so that the producer does not serve for each task. */
bool tg__backpressure_low(tg_group *group)
{
    size_t quarter = group->options.queue > 0 ? (size_t)group->options.queue / 4 : 0;
    return atomic_load(&group->backpressure.outstanding) + quarter < bound(group);
}

bool tg__backpressure_none(tg_group *group)
{
    return bound(group) == 0;
}

/* ---- in the body: works meanwhile ---- */

static bool is_stopped(tg_group *group)
{
    return tg__context_status(&group->context) != TG_OK;
}

/* Where there is never any space, something may go on when nothing else does. */
static bool is_idle(tg_group *group)
{
    return bound(group) == 0 && atomic_load(&group->backpressure.outstanding) == 0;
}

struct deadline {
    struct tg__timer timer;
    tg_group *group;
};

static void on_deadline(struct tg__timer *timer)
{
    tg__group_notify_owner(TG__CONTAINER(struct deadline, timer, timer)->group);
}

static bool has_room(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    return !is_full(group) || is_idle(group) || is_stopped(group) ||
           tg_time_now() >= group->backpressure.body_until;
}

static bool has_slot(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    return is_stopped(group) || tg__slots_take(&group->dispatch.slots);
}

static void wait_in_body(tg_group *group, bool (*enough)(struct tg__runq *), double until)
{
    struct deadline deadline = {.timer = {.fire = on_deadline}, .group = group};
    group->backpressure.body_until = until;
    if (until < (double)INFINITY)
        tg__timer_set(&deadline.timer, group->backpressure.body_until);
    atomic_store(&group->backpressure.body_waits, true);
    tg__team_wait(&group->runq, enough);
    atomic_store(&group->backpressure.body_waits, false);
    tg__timer_clear(&deadline.timer);
}

void tg__backpressure_run(tg_group *group, size_t first, size_t many)
{
    bool limited = tg__slots_bounded(&group->dispatch.slots); /* then we are in the body */
    for (size_t end = first + many; first < end;) {
        if (limited)
            wait_in_body(group, has_slot, (double)INFINITY);
        if (is_stopped(group))
            return; /* the slot, if we have one, goes with the run */
        tg_task self;
        tg__runner_enter(&self, &group->exec, NULL);
        self.apart = true;
        tg__group_run_bundle(tg__team_worker(), &self, first, end - first);
        tg__runner_leave(&self);
        if (limited && !self.slot_gone)
            tg__slots_give(&group->dispatch.slots);
        first = self.next;
    }
}

/* ---- anywhere else: sleeps ---- */

/* Is there still a reason to wait? */
static bool must_wait(tg_group *group)
{
    return (group->persistent || atomic_load(&group->team) != NULL) &&
           !atomic_load(&group->lifecycle.shut) && is_full(group) && !is_stopped(group);
}

/* False: too many wait already. */
static bool wait_at_gate(tg_group *group, double until)
{
    bool patient = true;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    bool admitted =
        group->backpressure.producers_most == 0 ||
        atomic_load(&group->backpressure.producers) < group->backpressure.producers_most;
    if (admitted) {
        atomic_fetch_add(
            &group->backpressure.producers, 1); /* then looks, as a thread that makes space does */
        while (patient && must_wait(group))
            patient =
                tg__wait(&group->backpressure.waiters, &group->wait_lock, TG__LOCK_WAIT, until);
        atomic_fetch_sub(&group->backpressure.producers, 1);
    }
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    return admitted;
}

tg_status tg__backpressure_wait(tg_group *group, double until)
{
    if (tg__backpressure_in_body(group))
        wait_in_body(group, has_room, until);
    else if (!wait_at_gate(group, until))
        return TG_FULL;
    if (is_stopped(group))
        return group->owner->when_stopped;
    return until <= tg_time_now() && must_wait(group) ? TG_FULL : TG_OK;
}
