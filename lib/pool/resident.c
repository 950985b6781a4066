/* SPDX-License-Identifier: MIT */
/* A group that a pool keeps: it runs when there is something to do, and between regions tasks stay in it. */
#include "pool/resident.h"

#include "task/handle.h"

#include <sched.h>

/* Under the lock. */
static void look(tg_group *group)
{
    atomic_store(&group->kept.halted, group->kept.halts || group->kept.paused);
}

void tg__kept_ended(tg_group *group, const struct tg__view *task, size_t index)
{
    struct tg__handle *handle =
        task->attributes != NULL ? atomic_exchange(&task->attributes->handle, NULL) : NULL;
    if (handle == NULL)
        return;
    tg_outcome outcome;
    tg__outcome_fill(group, index, true, &outcome);
    tg__handle_end(handle, &outcome);
}

/* Nobody runs it any more, but a cancel may come by: the lock decides whose each task is. */
static void abandon(tg_group *group, size_t index)
{
    struct tg__view task;
    tg__lock_take(&group->lock);
    bool there = tg__store_look(&group->exec.store, index, &task);
    unsigned char state = there ? atomic_load(task.state) : TG__STATE(TG_OK);
    bool unstarted = tg__status_of(state) == TG_NOT_RUN;
    struct tg__taken taken = {.state = state == TG__AGAIN ? TG__AGAIN : 0};
    if (there && taken.state == 0)
        taken = tg__pending_take_out(group, &task, index);
    if (unstarted) {
        group->kept.abandoned++;
        tg__finish_skipped(&task);
    } else if (taken.state != 0) {
        tg__pending_cancel(group, &task, taken.state);
    }
    if (state == 0 || state == TG__AGAIN || state == TG__AGAIN_TIME)
        atomic_fetch_sub(&group->outstanding, 1);
    tg__lock_give(&group->lock);
    if (!unstarted && taken.state == 0)
        return;
    tg__pending_give_back(group, &task, taken);
    tg__kept_ended(group, &task, index);
}

void tg__kept_abandon(tg_group *group)
{
    for (size_t i = 0, end = tg__store_count(&group->exec.store);
        (i = tg__group_next(group, i, end)) < end; i++)
        abandon(group, i);
    tg__lock_take(&group->lock);
    tg__timers_drop(group);
    tg__lock_give(&group->lock);
}

bool tg__kept_inside(const tg_group *group)
{
    const struct tg__worker *worker = tg__team_worker();
    return worker != NULL && group->kept.has(group->kept.keeper, worker->team);
}

bool tg__kept_init(tg_group *group, int waiters, void (*called)(void *),
    bool (*has)(void *, const struct tg__team *), void *keeper)
{
    bool guarded = (group->options.flags & TG_GROUP_GUARD) != 0;
    if (guarded && !tg__guard_take())
        return false;
    group->kept.on = true;
    group->kept.waiters = waiters;
    group->kept.called = called;
    group->kept.has = has;
    group->kept.keeper = keeper;
    group->watchable = true;
    group->exec.forgets = true;
    group->runq.hosts = true;
    atomic_store(&group->runq.max_workers, group->options.threads);
    /* Also for tasks that callers run before there is a region. */
    group->exec.slow = true;
    group->exec.joins = true;
    group->exec.counts_skipped = true;
    group->exec.guarded = guarded;
    return true;
}

void tg__kept_free(tg_group *group)
{
    while (atomic_load(&group->kept.users) > 0) /* in a few instructions of a call on a handle */
        sched_yield();
    if (group->exec.guarded)
        tg__guard_give();
    tg__group_destroy(group); /* its user may not, we may */
}

void tg__kept_free_parents(tg_group *group)
{
    if (group->exec.guarded)
        tg__guard_give();
    tg__group_free_parents(group);
}

void tg__kept_run(tg_group *group, int threads, tg_scope_fn *body, void *user)
{
    tg__lock_take(&group->lock);
    group->options.threads = threads;
    tg__lock_give(&group->lock);
    tg__run_here(group, "tg_group_scope", body, user);
}

void tg__kept_opened(tg_group *group)
{
    tg__lock_take(&group->lock);
    group->kept.leave = atomic_load(&group->kept.shut) ? TG__DRAIN : TG__STAY;
    group->kept.halts = false;
    look(group);
    tg__lock_give(&group->lock);
}

/* While run queues are lent its own tasks go on: they may wait for each other. */
void tg__kept_reopen(tg_group *group)
{
    tg__lock_take(&group->lock);
    if (group->kept.leave != TG__DRAIN) {
        group->kept.leave = TG__REOPEN;
        group->kept.halts = group->kept.clients == 0;
        look(group);
    }
    tg__lock_give(&group->lock);
    tg__group_notify_owner(group);
}

void tg__kept_idle(tg_group *group)
{
    tg__lock_take(&group->lock);
    if (group->kept.leave == TG__STAY)
        group->kept.leave = TG__IDLE;
    tg__lock_give(&group->lock);
    tg__group_notify_owner(group);
}

/* More may be claimed, or added. Under the lock, which is given back. */
static void call_all(tg_group *group)
{
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock);
    tg__group_unpin(group, pin, (size_t)atomic_load(&group->runq.max_workers));
    tg__backpressure_notify(group);
}

void tg__kept_pause(tg_group *group, bool paused)
{
    tg__lock_take(&group->lock);
    group->kept.paused = paused;
    look(group);
    call_all(group);
}

void tg__kept_resize(tg_group *group, int threads)
{
    tg__lock_take(&group->lock);
    atomic_store(&group->runq.max_workers, threads);
    call_all(group);
}

void tg__kept_closed(tg_group *group)
{
    tg__lock_take(&group->lock);
    group->kept.halts = false;
    look(group);
    tg__lock_give(&group->lock);
}

void tg__kept_shut(tg_group *group)
{
    tg__lock_take(&group->lock);
    atomic_store(&group->kept.shut, true);
    group->kept.leave = TG__DRAIN;
    group->kept.halts = false; /* what was to go on in the next region goes on in this one */
    tg__lock_give(&group->lock);
    tg__backpressure_notify(group);
}

void tg__kept_renew(tg_group *group)
{
    tg__group_renew(group);
    atomic_store(&group->slots.used, 0);
    atomic_store(&group->slots.suspended, 0);
    group->kept.abandoned = 0;
    group->kept.leave = TG__STAY;
    atomic_store(&group->kept.shut, false);
}

bool tg__kept_enter(tg_group *group)
{
    tg__lock_take(&group->lock);
    bool enters = !atomic_load(&group->kept.shut);
    group->kept.clients += enters ? 1 : 0;
    if (enters) {
        group->kept.halts = false;
        look(group);
    }
    tg__lock_give(&group->lock);
    return enters;
}

void tg__kept_part(tg_group *group)
{
    tg__lock_take(&group->lock);
    group->kept.clients--;
    if (group->kept.clients == 0 && group->kept.leave == TG__REOPEN) {
        group->kept.halts = true;
        look(group);
    }
    tg__lock_give(&group->lock);
    tg__group_notify_owner(group);
}

bool tg__kept_has_work(tg_group *group)
{
    tg__lock_take(&group->lock); /* a run that begins may change the queue */
    bool work =
        atomic_load(&group->kept.shut) || tg__claim_left(group) || atomic_load(&group->expired);
    tg__lock_give(&group->lock);
    return work;
}

bool tg__kept_is_idle(tg_group *group)
{
    tg__lock_take(&group->lock);
    bool idle =
        group->kept.clients == 0 && !tg__claim_left(group) && tg__team_serving(&group->runq) == 0;
    tg__lock_give(&group->lock);
    return idle;
}

bool tg__kept_is_quiet(tg_group *group)
{
    tg__lock_take(&group->lock);
    bool stopped = tg__context_noticed(&group->context) != TG_OK;
    bool quiet = group->kept.clients == 0 && group->suspended == 0 &&
                 (stopped || (!tg__timers_open(group) && !tg__claim_left(group)));
    tg__lock_give(&group->lock);
    return quiet;
}
