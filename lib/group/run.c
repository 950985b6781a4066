/* SPDX-License-Identifier: MIT */
/* Running a group: what must be there before, and what the run has come to. */
#include "group/group.h"

#include "base/options.h"
#include "base/status.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup/version.h>

/* ---- before ---- */

/* Not a task's failure: the status and the text of the group's own error. */
static tg_status answer_with(tg_group *group, tg_status status, int code, const char *message)
{
    group->lifecycle.error = (tg_error){.status = status,
        .code = code,
        .index = TG_NO_INDEX,
        .name = "",
        .message = message,
        .backtrace = ""};
    group->lifecycle.result_error = &group->lifecycle.error;
    return tg__error_publish(&group->lifecycle.error);
}

static tg_status refuse_run(tg_group *group, tg_status status, const char *text)
{
    snprintf(
        group->lifecycle.error_text, sizeof group->lifecycle.error_text, "tg_group_run: %s", text);
    return answer_with(group, status, 0, group->lifecycle.error_text);
}

/* Can all its threads sleep while no task runs? Then the group needs a hook, which wakes one after
 * a cancel. */
static bool may_sleep(const tg_group *group)
{
    return group->body != NULL || group->attachment.host != NULL || group->suspended.count > 0 ||
           group->timers.heap.reserved > 0 || group->options.shared != NULL ||
           group->options.rate > 0 || group->options.queue != 0;
}

/* What depends on where the group is run. */
static tg_status set_surroundings(tg_group *group)
{
    const tg_group_options *o = &group->options;
    struct tg__exec *exec = &group->exec;
    exec->above = group->attachment.detached ? NULL : tg__frame_current();
    group->dispatch.limit_client.parent_grant =
        o->shared != NULL ? tg__frame_grant(exec->above, o->shared) : NULL;
    if (group->dispatch.limit_client.parent_grant != NULL &&
        group->dispatch.heaviest > group->dispatch.limit_client.parent_grant->weight)
        return refuse_run(
            group, TG_INVALID, "a task weighs more than the task around the run holds");
    exec->guarded =
        (o->flags & TG_GROUP_GUARD) != 0 || (exec->above != NULL && exec->above->exec->guarded);
    if (exec->guarded && !tg__guard_take())
        return refuse_run(group, TG_NO_SYSTEM, "signal handlers cannot be set");
    atomic_store(&exec->slow, exec->guarded || exec->joins || exec->watches_ends ||
                                  o->shared != NULL || exec->need > 0 || exec->first_index ||
                                  exec->store.noted || atomic_load(&exec->takes_back));
    return TG_OK;
}

/* Whether there is anything to run, and the memory for it. Under the lock. TG_RUNNING: go on. */
static tg_status prepare(tg_group *group, int places)
{
    const tg_group_options *o = &group->options;
    struct tg__exec *exec = &group->exec;
    if (group->lifecycle.result != TG_OK)
        return tg__error_publish(group->lifecycle.result_error);
    if (group->lifecycle.add_error != TG_OK)
        return answer_with(group, group->lifecycle.add_error, group->lifecycle.add_error_code,
            group->lifecycle.error_text);
    group->lifecycle.result_error = NULL;
    free(group->completion.order);
    group->completion.order = NULL;
    bool empty = tg__store_count(&exec->store) == group->lifecycle.run_base &&
                 !group->lifecycle.turned_away && group->suspended.opened == 0;
    if (empty && group->body == NULL && (o->need == 0 || group->lifecycle.run_base > 0))
        return TG_OK;
    if (places == 0)
        places =
            tg__team_places(o->threads); /* the runtime's first call, perhaps: not for nothing */
    if (!tg__queue_open(&group->dispatch.queue, places))
        return refuse_run(group, TG_NO_MEMORY, "out of memory");
    tg_status status = tg__store_open(&exec->store);
    if (status != TG_OK)
        return refuse_run(group, status, "there is no memory for the results");
    if (may_sleep(group) && !tg__events_start())
        return refuse_run(group, TG_NO_SYSTEM, "the system has no thread left");
    if (group->owner->begin != NULL && (status = group->owner->begin(group, places)) != TG_OK)
        return status;
    group->options.limit = atomic_load(&group->dispatch.slots.most); /* as the run begins */
    group->lifecycle.threads_asked = o->threads > 0 ? o->threads : places;
    tg__exec_clear_times(exec);
    return TG_RUNNING;
}

/* ---- after ---- */

size_t tg__group_next(tg_group *group, size_t index, size_t end)
{
    const struct tg__store *store = &group->exec.store;
    if (!store->recycles)
        return index;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    size_t next = tg__store_next(store, index, end);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return next;
}

/* Those that waited for a time when the run ended, or for their next attempt. What has slept or is
   to be tried again is cancelled; in the background, what has run is done. */
static void settle_waiting(tg_group *group, size_t index)
{
    struct tg__exec *exec = &group->exec;
    struct tg__view task;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool there = tg__store_look(&exec->store, index, &task);
    struct tg__taken taken = {.state = there ? atomic_load(task.state) : TG__STATE(TG_OK)};
    if (taken.state == TG__SLEEP_TIME)
        taken.suspended = tg__suspended_take(group, index);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (taken.state != TG__AGAIN_TIME && taken.state != TG__AGAIN && taken.state != TG__SLEEP_TIME)
        return;
    tg__suspended_give_back(group, &task, taken);
    tg__suspended_cancel(group, &task, taken.state);
    group->lifecycle.ended++;
    if (exec->watches_ends)
        exec->calls->on_end(exec, &task, index);
    if (taken.state != TG__SLEEP_TIME) /* it has kept its place in the queue; a sleeper has not */
        tg__completion_give_place(group);
}

/* Fewer than needed: the failure that ended last says why. */
static tg_status answer_fewer(tg_group *group)
{
    struct tg__exec *exec = &group->exec;
    size_t successes = atomic_load(&exec->successes);
    const struct tg__failure *last = exec->failures.tail;
    snprintf(group->lifecycle.error_text, sizeof group->lifecycle.error_text,
        "%zu of %zu tasks have succeeded", successes, exec->need);
    answer_with(group, TG_FEWER, 0, group->lifecycle.error_text);
    if (last != NULL) {
        group->lifecycle.error = last->error;
        group->lifecycle.error.status = TG_FEWER;
        tg__error_publish(&group->lifecycle.error);
    }
    return TG_FEWER;
}

/* What the run has come to. */
static tg_status conclude(tg_group *group)
{
    struct tg__exec *exec = &group->exec;
    const struct tg__failure *first = exec->failures.first;
    tg_status cause = tg__context_noticed(&group->context);
    bool called_off = atomic_load(&exec->called_off), enough = atomic_load(&exec->enough);
    bool itself = enough || called_off || atomic_load(&exec->stopped_itself);
    bool undone = group->lifecycle.run_base > group->lifecycle.ended ||
                  atomic_load(&exec->cancelled) > 0 ||
                  tg__queue_sums(&group->dispatch.queue).cancelled > 0 ||
                  group->lifecycle.turned_away || group->backpressure.waiting > 0;
    bool from_outside = cause != TG_OK && undone && !itself;
    bool reached = exec->need > 0 && atomic_load(&exec->successes) >= exec->need;
    group->lifecycle.skipped = group->lifecycle.run_base - group->lifecycle.ended;

    if (enough || (reached && !itself && !undone)) { /* stopped from outside, too late */
        atomic_store(&exec->enough, true);
        return TG_OK;
    }
    if (called_off)
        return answer_with(group, TG_FAILED, group->context.cause.code, group->context.message);
    if (from_outside)
        return answer_with(group, cause == TG_TIMED_OUT ? TG_TIMED_OUT : TG_CANCELLED,
            group->context.cause.code, group->context.message);
    if (first == NULL && exec->need > 0)
        return answer_fewer(group);
    if (first == NULL && group->lifecycle.add_error != TG_OK) /* by a body, a task or on_done */
        return answer_with(group, group->lifecycle.add_error, group->lifecycle.add_error_code,
            group->lifecycle.error_text);
    if (first == NULL)
        return TG_OK;
    group->lifecycle.result_error = &first->error;
    return tg__error_publish(&first->error);
}

/* ---- its end ---- */

/* Nothing of the run is looked at by another thread when this returns. */
static void leave_run(tg_group *group)
{
    if (group->owner->leave != NULL)
        group->owner->leave(group);
    tg__context_leave(&group->context);
    if (group->options.shared != NULL)
        tg__limit_notify(group->options.shared);
    tg__locals_end(&group->exec.locals, group->options.user);
    tg__backpressure_notify(group);
}

/* Holds that were opened when the run was over: all of them, or the open ones. */
static size_t late_holds(tg_group *group, size_t from, size_t count, bool open)
{
    size_t many = 0;
    const struct tg__store *store = &group->exec.store;
    for (size_t i = from; (i = tg__store_next(store, i, count)) < count; i++) {
        struct tg__view task = tg__store_get(store, i);
        if (task.function == NULL)
            many += !open || atomic_load(task.state) == TG__DEFERRED;
    }
    return many;
}

/* ---- what a user's group does in a run ---- */

static tg_status begin_users(tg_group *group, int places)
{
    int threads = group->options.threads;
    tg_status status = set_surroundings(group);
    if (status != TG_OK)
        return status;
    atomic_store(&group->dispatch.slots.used, 0);
    atomic_store(&group->runq.max_workers, threads > 0 && threads < places ? threads : places);
    return TG_OK;
}

/* When no run goes on nothing calls. */
static void leave_users(tg_group *group)
{
    if (group->lifecycle.watched) { /* no more watchable: it stays as it is */
        tg__hook_clear(&group->lifecycle.hook);
        group->lifecycle.watched = false;
    }
    tg__timer_clear(&group->timers.timer);
    group->timers.armed = UINT64_MAX;
    tg__rate_stop(group);
}

/* on_done is called, and may add. */
static void settle_users(tg_group *group, size_t from)
{
    if (group->exec.guarded)
        tg__guard_give();
    bool stopped = tg__context_noticed(&group->context) != TG_OK;
    tg__lock_take(
        &group->lock, TG__LOCK_GROUP); /* if it has stopped, this is the end of the last add */
    bool waited = group->timers.heap.reserved > 0 && (group->timers.dropped || stopped);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    size_t end = group->lifecycle.run_base;
    for (size_t i = from; waited && (i = tg__group_next(group, i, end)) < end; i++)
        settle_waiting(group, i);
    tg__completion_rest(group, from, false);
}

/* Waits until no thread still completes or cancels a task of the run. A hold that was opened after
   its end stays open for its user. */
static bool conclude_users(tg_group *group)
{
    group->lifecycle.result = conclude(group);
    if (group->lifecycle.result == TG_OK && !atomic_load(&group->exec.enough))
        return false;
    size_t from = group->lifecycle.run_base, count = tg__store_count(&group->exec.store);
    tg__timers_drop(group);
    while (
        group->suspended.count - group->suspended.opened > late_holds(group, from, count, true)) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        sched_yield();
        tg__lock_take(&group->lock, TG__LOCK_GROUP);
    }
    return true;
}

const struct tg__owner tg__owner_user = {
    .kind = "group",
    .when_stopped = TG_CANCELLED,
    .begin = begin_users,
    .may_finish = tg__group_is_done,
    .on_finish = tg__timers_drop, /* of tasks that did not keep it open */
    .leave = leave_users,
    .settle = settle_users,
    .conclude = conclude_users,
};

/* ---- */

/* Under the lock, which is free meanwhile: what came late is skipped. */
static void skip_late(tg_group *group)
{
    size_t from = group->lifecycle.run_base, count = tg__store_count(&group->exec.store);
    group->lifecycle.skipped += count - from - late_holds(group, from, count, false);
    group->lifecycle.run_base = count;
    tg__queue_drop(&group->dispatch.queue, count);
    group->dispatch.ready.count = 0;
    atomic_store(&group->dispatch.ready_count, 0);
    if (count > from && group->options.on_done != NULL && !group->persistent) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        tg__completion_rest(group, from, true);
        tg__lock_take(&group->lock, TG__LOCK_GROUP);
    }
    group->lifecycle.add_error = TG_OK; /* the answer stands, whatever it says of that */
}

static tg_status finish_run(tg_group *group, double start, int threads)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    group->lifecycle.threads = threads;
    group->lifecycle.wall = tg_time_now() - start;
    if (group->owner->conclude(group))
        skip_late(group);
    if (group->reports)
        tg__report_print(group);
    tg__lifecycle_step(group, TG__PHASE_IDLE);
    tg_status status = group->lifecycle.result;
    bool destroyed = group->lifecycle.destroy_pending;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!destroyed)
        return status;
    tg__group_free(group);
    return tg__refuse(TG_CANCELLED, "tg_group_run: the group was destroyed while it ran");
}

tg_status tg__run_begin(
    tg_group *group, const char *call, tg_scope_fn *body, void *user, int places, bool detached)
{
    tg__group_adopt(group);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_is_running(group) || group->lifecycle.destroy_pending) {
        bool running = tg__group_is_running(group), parents = tg__group_is_parents(group);
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        if (parents)
            return tg__group_refuse_parents(call);
        return running ? tg__refuse(TG_BUSY, "%s: the group is running already", call)
                       : tg__refuse(TG_INVALID, "%s: the group was destroyed", call);
    }
    tg__serve_set_body(group, body, user);
    group->attachment.detached = detached;
    tg_status status = prepare(group, places);
    if (status == TG_RUNNING)
        tg__lifecycle_step(group, TG__PHASE_STARTING);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return status;
}

tg_status tg__run_end(tg_group *group, double begun, size_t from, int threads)
{
    leave_run(group);
    group->owner->settle(group, from);
    return finish_run(group, begun, threads);
}

double tg__run_start(tg_group *group)
{
    double start = tg_time_now();
    tg_task *above = group->exec.above;
    tg__context_start(&group->context, above != NULL ? tg__frame_context(above) : NULL,
        tg__time_until(group->options.timeout, group->options.deadline));
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (may_sleep(group))
        tg__group_watch(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__timers_arm(group, 0);
    /* The completion of a hold stores its end first, and looks at this then. */
    atomic_store(&group->completion.delivers, true);
    tg__completion_deliver(group);
    return start;
}

tg_status tg__run_here(tg_group *group, const char *call, tg_scope_fn *body, void *user)
{
    tg_status status = tg__run_begin(group, call, body, user, 0, false);
    if (status != TG_RUNNING)
        return status;
    struct tg__pause pause = tg__frame_pause();
    double begun = tg__run_start(group);
    size_t from = group->lifecycle.run_base;
    int threads = tg__team_run(&group->runq, group->lifecycle.threads_asked);
    status = tg__run_end(group, begun, from, threads);
    tg__frame_resume(pause);
    return status;
}
