/* SPDX-License-Identifier: MIT */
/* A group that a pool keeps: it runs when there is something to do, and between regions tasks stay
 * in it. */
#include "pool/resident.h"

#include "task/finish.h"
#include "task/handle.h"

#include <sched.h>

/* Under the lock. */
static void update_halted(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    atomic_store(&group->dispatch.halted, resident->halts || resident->paused);
}

static void on_end(tg_group *group, const struct tg__view *task, size_t index)
{
    struct tg__handle *handle =
        task->attributes != NULL ? atomic_exchange(&task->attributes->handle, NULL) : NULL;
    if (handle == NULL)
        return;
    tg_outcome outcome;
    tg__outcome_fill(group, index, true, &outcome);
    tg__handle_end(handle, &outcome);
}

/* A task has its final state, and its handle and on_done learn of it. Without on_done its record
 * stays: the pool is closed, and a reset frees it. */
static void deliver(tg_group *group, const struct tg__view *task, size_t index)
{
    if (group->options.on_done != NULL)
        tg__completion_on_end(&group->exec, task, index);
    else
        on_end(group, task, index);
}

/* By on_done. (A handle learns of an end only once, whoever says so.) */
static bool was_delivered(const struct tg__view *task)
{
    return task->note != NULL && task->note->next == TG__DELIVERED;
}

/* No thread runs it any more, but one may cancel a task: the lock decides which of the two ends it.
   One that was taken back in the queue was to be delivered by the worker that claims it. */
static void abandon(struct tg__resident *resident, size_t index)
{
    tg_group *group = resident->group;
    struct tg__view task;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool there = tg__store_look(&group->exec.store, index, &task);
    unsigned char state = there ? atomic_load(task.state) : TG__STATE(TG_OK);
    bool unstarted = tg__status_of(state) == TG_NOT_RUN;
    if (state == TG__TAKEN_BACK && was_delivered(&task))
        state = TG__STATE(TG_CANCELLED);
    bool in_queue = state == TG__AGAIN || state == TG__TAKEN_BACK;
    struct tg__taken taken = {.state = in_queue ? state : 0};
    if (there && !in_queue)
        taken = tg__suspended_take_out(group, &task, index);
    if (state == TG__TAKEN_BACK) {
        atomic_store(task.state, TG__STATE(TG_CANCELLED));
    } else if (unstarted) {
        resident->abandoned++;
        tg__finish_skipped(&task);
    } else if (taken.state != 0) {
        tg__suspended_cancel(group, &task, taken.state);
        if (in_queue)
            atomic_store(task.state, TG__STATE(TG_CANCELLED)); /* delivered here */
    }
    if (state == 0 || state == TG__AGAIN || state == TG__AGAIN_TIME)
        atomic_fetch_sub(&group->backpressure.outstanding, 1);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!unstarted && taken.state == 0)
        return;
    tg__suspended_give_back(group, &task, taken);
    deliver(group, &task, index);
}

void tg__resident_abandon(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__completion_deliver(group); /* what has not been delivered is in no list then */
    for (size_t i = 0, end = tg__store_count(&group->exec.store);
        (i = tg__group_next(group, i, end)) < end; i++)
        abandon(resident, i);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg__timers_drop(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__completion_deliver(group);
}

bool tg__resident_inside(const tg_group *group)
{
    struct tg__resident *resident = tg__resident_of(group);
    const struct tg__worker *worker = tg__team_worker();
    return worker != NULL && resident->calls->has(resident, worker->team);
}

/* ---- what the group asks ---- */

static void on_work(tg_group *group)
{
    struct tg__resident *resident = tg__resident_of(group);
    resident->calls->on_work(resident);
}

/* Between regions tasks may be suspended, or in the queue. */
static bool may_finish(tg_group *group, bool stopped)
{
    const struct tg__resident *resident = tg__resident_of(group);
    if (resident->clients > 0)
        return false;
    if (stopped || resident->leave == TG__DRAIN)
        return tg__group_is_done(group, stopped);
    return resident->leave == TG__REOPEN || (resident->leave == TG__IDLE && !tg__claim_left(group));
}

/* While it is paused: those that are still at it. */
static int workers(tg_group *group)
{
    return atomic_load(&tg__resident_of(group)->paused) ? tg__team_serving(&group->runq)
                                                        : atomic_load(&group->runq.max_workers);
}

static void hold(tg_group *group)
{
    tg__resident_of(group)->clients++;
}

static void release(tg_group *group)
{
    tg__resident_part(tg__resident_of(group));
}

static bool has_stopped(tg_group *group)
{
    return tg__context_noticed(&group->context) != TG_OK;
}

static void settle(tg_group *group, size_t from)
{
    (void)from; /* what is there may be of earlier runs, too */
    if (has_stopped(group))
        tg__resident_abandon(tg__resident_of(group));
}

static const struct tg__owner owner = {
    .kind = "pool",
    .persistent = true,
    .takes_results = true,
    .when_stopped = TG_CLOSED,
    .may_finish = may_finish,
    .on_work = on_work,
    .on_end = on_end,
    .owns_thread = tg__resident_inside,
    .workers = workers,
    .hold = hold,
    .release = release,
    .settle = settle,
    .conclude = has_stopped,
};

bool tg__resident_init(struct tg__resident *resident, tg_group *group, int waiting_most,
    const struct tg__resident_calls *calls)
{
    bool guarded = (group->options.flags & TG_GROUP_GUARD) != 0;
    if (guarded && !tg__guard_take())
        return false;
    *resident = (struct tg__resident){.group = group, .calls = calls};
    group->owner = &owner;
    group->owned_by = resident;
    group->persistent = true;
    group->backpressure.producers_most = waiting_most;
    group->lifecycle.watched = true; /* the pool has a hook of its own */
    group->exec.forgets = true;
    group->runq.hosts = true;
    atomic_store(&group->runq.max_workers, group->options.threads);
    /* Also for tasks that callers run before there is a region. */
    atomic_store(&group->exec.slow, true);
    group->exec.joins = true;
    group->exec.guarded = guarded;
    return true;
}

void tg__resident_free(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    while (atomic_load(&resident->users) > 0) /* in a few instructions of a call on a handle */
        sched_yield();
    if (group->exec.guarded)
        tg__guard_give();
    tg__group_destroy(group); /* its user may not, we may */
}

void tg__resident_free_parents(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    if (group->exec.guarded)
        tg__guard_give();
    tg__group_free_parents(group);
}

void tg__resident_run(struct tg__resident *resident, int threads, tg_scope_fn *body, void *user)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    group->options.threads = threads;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__run_here(group, "tg_group_scope", body, user);
}

void tg__resident_opened(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    resident->leave = atomic_load(&group->lifecycle.shut) ? TG__DRAIN : TG__STAY;
    resident->halts = false;
    update_halted(resident);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* While clients are attached its own tasks go on: they may wait for each other. */
void tg__resident_reopen(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (resident->leave != TG__DRAIN) {
        resident->leave = TG__REOPEN;
        resident->halts = resident->clients == 0;
        update_halted(resident);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_notify_owner(group);
}

void tg__resident_idle(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (resident->leave == TG__STAY)
        resident->leave = TG__IDLE;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_notify_owner(group);
}

/* More may be claimed, or added. Under the lock, which is given back. */
static void call_all(tg_group *group)
{
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, (size_t)atomic_load(&group->runq.max_workers));
    tg__backpressure_notify(group);
}

void tg__resident_pause(struct tg__resident *resident, bool paused)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    resident->paused = paused;
    update_halted(resident);
    call_all(group);
}

void tg__resident_resize(struct tg__resident *resident, int threads)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    atomic_store(&group->runq.max_workers, threads);
    call_all(group);
}

void tg__resident_closed(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    resident->halts = false;
    update_halted(resident);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

void tg__resident_shut(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    atomic_store(&group->lifecycle.shut, true);
    resident->leave = TG__DRAIN;
    resident->halts = false; /* what was to go on in the next region goes on in this one */
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__backpressure_notify(group);
}

void tg__resident_renew(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__group_renew(group);
    atomic_store(&group->dispatch.slots.used, 0);
    atomic_store(&group->dispatch.slots.suspended, 0);
    resident->abandoned = 0;
    resident->leave = TG__STAY;
    atomic_store(&group->lifecycle.shut, false);
}

bool tg__resident_enter(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool enters = !atomic_load(&group->lifecycle.shut);
    resident->clients += enters ? 1 : 0;
    if (enters) {
        resident->halts = false;
        update_halted(resident);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return enters;
}

void tg__resident_part(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    resident->clients--;
    if (resident->clients == 0 && resident->leave == TG__REOPEN) {
        resident->halts = true;
        update_halted(resident);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_notify_owner(group);
}

bool tg__resident_has_work(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP); /* a run that begins may change the queue */
    bool work = atomic_load(&group->lifecycle.shut) || tg__claim_left(group) ||
                atomic_load(&group->timers.expired);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return work;
}

bool tg__resident_is_idle(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool idle =
        resident->clients == 0 && !tg__claim_left(group) && tg__team_serving(&group->runq) == 0;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return idle;
}

bool tg__resident_is_quiescent(struct tg__resident *resident)
{
    tg_group *group = resident->group;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool quiet = resident->clients == 0 && tg__group_is_done(group, has_stopped(group));
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return quiet;
}
