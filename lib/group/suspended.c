/* SPDX-License-Identifier: MIT */
/*
 * Tasks that are in flight on no thread: they sleep, or wait until they are completed. Such a task
 * keeps its slot, and its grant of a shared limit. A run does not end while one waits for its
 * completion; sleepers are cancelled when the group has stopped.
 */
#include "group/group.h"

#include "task/finish.h"
#include "task/handle.h"
#include "task/slow_path.h"

#include "base/status.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

/* What a task that has left its thread still has, or the message of a completion that came before;
 * most have nothing. */
struct tg__suspended {
    tg_context *own;
    double start, until;
    struct tg__grant grant;
    bool early; /* only the message of a completion that came before the function's end */
    char message[];
};

void tg__suspended_reset(tg_group *group)
{
    tg__suspended_fini(group);
    group->suspended.holds = NULL;
    group->suspended.count = group->suspended.opened = 0;
}

void tg__suspended_fini(tg_group *group)
{
    for (struct tg__link *link = group->suspended.holds; link != NULL;) {
        struct tg__hold *hold = TG__CONTAINER(struct tg__hold, link, link);
        link = link->next;
        free(hold);
    }
}

/* Under the lock. What is marked `early` was left by an attempt that stayed on its thread: it is
 * freed, and NULL returned. */
struct tg__suspended *tg__suspended_take(tg_group *group, size_t index)
{
    struct tg__suspended *suspended = tg__store_take(&group->exec.store, index);
    if (suspended == NULL || !suspended->early)
        return suspended;
    free(suspended);
    return NULL;
}

/* A frame for the task, to end it on another thread. */
static tg_task stand_in(tg_group *group, const struct tg__view *task, size_t index,
    const struct tg__suspended *suspended)
{
    int attempts = atomic_load(&task->cell->attempts);
    tg_task self = {.exec = &group->exec,
        .index = index,
        .kind = TG__HOLD,
        .attempt = attempts,
        .start = task->note != NULL ? task->note->start : 0,
        .until = (double)INFINITY,
        .worker_id = -1};
    if (suspended != NULL) {
        self.own = suspended->own;
        self.start = suspended->start;
        self.until = suspended->until;
        self.grant = suspended->grant;
    }
    return self;
}

static bool holds_slot(const tg_group *group, const struct tg__view *task)
{
    return task->function != NULL && tg__slots_bounded(&group->dispatch.slots);
}

static void return_slots(tg_group *group, size_t many)
{
    tg__slots_return(&group->dispatch.slots, many);
    tg__backpressure_notify(group); /* more tasks fit where a queue is bounded */
}

/* The end of a task that was suspended, but for its place among those. */
static void end(tg_group *group, const struct tg__view *task, tg_task *self, int code)
{
    bool slot = holds_slot(group, task), queued = group->options.queue != 0;
    /* It cannot ask; that its group has stopped is why it is given up. */
    self->cancel_seen = tg__frame_has_stopped(self);
    if (!tg__slow_end(self, task, code) && queued)
        atomic_fetch_add(&group->backpressure.outstanding, 1); /* back to its place */
    tg__frame_forget_message(self);
    if (atomic_load(&group->completion.delivers)) /* else in the next run */
        tg__completion_deliver(group);
    if (self->grant.limit != NULL)
        tg__limit_give(&self->grant);
    if (slot)
        return_slots(group, 1);
}

/* ---- leaving the thread ---- */

/* The time of the thread is over, not that of the task. */
static void note_busy(tg_task *self, struct tg__note *note)
{
    if (note == NULL)
        return;
    note->start = self->start;
    tg__finish_busy(self, tg_time_now());
}

/* No memory, or no event thread, for a sleep: the thread stays with it. One that was completed
 * already has no wait. */
static void stay(tg_task *self, const struct tg__view *task)
{
    bool sleeps = self->way == TG__SLEEPS;
    while (atomic_load(task->state) != TG__ENDING &&
           !(sleeps &&
               (tg_time_now() >= self->wake || tg__context_status(self->exec->context) != TG_OK)))
        tg__nap(1e-3);
}

/* Under the lock. What it has goes with it. Without memory for that (a task with a timeout has it
   from its start) what it holds of a limit is given back: better than a hang. */
static void take_along(tg_group *group, tg_task *self)
{
    if ((self->own == NULL && self->grant.limit == NULL) || self->spare == NULL ||
        !tg__store_keep_room(&group->exec.store, self->index))
        return;
    *self->spare = (struct tg__suspended){self->own, self->start, self->until, self->grant, false};
    tg__store_keep(&group->exec.store, self->index, self->spare);
    self->spare = NULL;
    self->own = NULL;
    self->grant.limit = NULL;
}

/* Under the lock. False: it stays, since it was completed already or there is no memory for its
 * time. */
static bool leave(tg_group *group, tg_task *self, const struct tg__view *task)
{
    bool sleeps = self->way == TG__SLEEPS;
    if (atomic_load(task->state) == TG__ENDING ||
        (sleeps && !tg__heap_reserve(&group->timers.heap, 1)))
        return false;
    take_along(group, self);
    if (self->next < self->end && group->options.limit == 1 && !self->apart) {
        /* Before anybody can claim what comes next. */
        tg__queue_unclaim(
            &group->dispatch.queue, tg__claim_place(group, 0), self->next, self->end - self->next);
        self->end = self->next;
    }
    if ((self->slot_gone = holds_slot(group, task)))
        tg__slots_leave(&group->dispatch.slots);
    if (group->options.queue != 0)
        atomic_fetch_sub(&group->backpressure.outstanding, 1);
    if (sleeps) {
        tg__timers_push(group, task, self->index, TG__SLEEP_TIME, self->wake);
    } else {
        group->suspended.count++;
        atomic_store(task->state, TG__DEFERRED);
    }
    return true;
}

/* It was completed before its function returned, or has done without leaving. */
static void end_here(tg_task *self, const struct tg__view *task)
{
    tg_group *group = self->exec->group;
    bool completed = atomic_exchange(task->state, TG__ENDING) == TG__ENDING;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    struct tg__suspended *early = tg__store_take(&group->exec.store, self->index);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (early != NULL && completed)
        tg_task_fail_text(self, 1, early->message);
    free(early);
    self->cancel_seen |= tg__frame_has_stopped(self);
    self->kind = TG__HOLD; /* its time on the thread has been counted */
    if (tg__slow_end(self, task, completed ? atomic_load(&task->cell->code) : 0) &&
        self->exec->watches_ends)
        self->exec->calls->after_end(self->exec);
    self->kind = TG__SERVER;
}

bool tg__suspended_reserve(tg_task *self)
{
    tg_group *group = self->exec->group;
    if (self->spare == NULL)
        self->spare = calloc(1, sizeof *self->spare + 1);
    if (self->spare == NULL)
        return false;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool room = tg__store_keep_room(&group->exec.store, self->index);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return room;
}

void tg__suspended_put(tg_task *self, const struct tg__view *task)
{
    tg_group *group = self->exec->group;
    static const double moment = 1e-6; /* beyond doubt after its time; the heap's times are cut */
    bool timed = tg__events_start(), left = false;
    if (self->way == TG__SLEEPS && self->until + moment < self->wake)
        self->wake = self->until + moment; /* the end of its own time ends its sleep */
    note_busy(self, task->note);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (timed || self->way == TG__DEFERS)
        left = leave(group, self, task);
    if (left && timed && tg__group_is_watchable(group))
        tg__group_watch(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (left) {
        if (group->options.queue != 0)
            tg__backpressure_notify(group);
        return;
    }
    stay(self, task);
    end_here(self, task);
}

/* ---- sleeping ---- */

/* Under the lock. */
struct tg__sleeper tg__suspended_wake(tg_group *group, const struct tg__view *task, size_t index)
{
    struct tg__suspended *suspended = tg__suspended_take(group, index);
    return (struct tg__sleeper){*task, suspended, index};
}

static bool is_plain(const tg_group *group, const struct tg__sleeper *sleeper)
{
    return sleeper->suspended == NULL && sleeper->task.attributes == NULL &&
           sleeper->task.note == NULL && !group->exec.watches_ends && group->exec.need == 0;
}

void tg__suspended_end_sleep(tg_group *group, struct tg__sleeper *sleeper, size_t many)
{
    size_t plain = 0;
    for (size_t i = 0; i < many; i++) {
        struct tg__sleeper *s = &sleeper[i];
        if (is_plain(group, s)) {
            tg__finish_plain(s->task.state);
            plain++;
            continue;
        }
        tg_task self = stand_in(group, &s->task, s->index, s->suspended);
        free(s->suspended);
        end(group, &s->task, &self, 0);
    }
    if (plain > 0) {
        atomic_fetch_add(&group->exec.ok, plain);
        if (tg__slots_bounded(&group->dispatch.slots))
            return_slots(group, plain);
    }
}

/* ---- the group has stopped ---- */

/* What has a period has done its work, if it has run. */
static tg_status status_of(const struct tg__view *task, unsigned char state)
{
    bool periodic = task->attributes != NULL && task->attributes->period > 0 &&
                    tg__status_of(state) != TG_NOT_RUN;
    return periodic && state != TG__SLEEP_TIME && atomic_load(&task->cell->code) == 0
               ? TG_OK
               : TG_CANCELLED;
}

bool tg__suspended_cancel(tg_group *group, const struct tg__view *task, unsigned char state)
{
    return tg__finish_unstarted(&group->exec, task, state, status_of(task, state));
}

struct tg__taken tg__suspended_take_out(tg_group *group, const struct tg__view *task, size_t index)
{
    struct tg__taken taken = {.state = atomic_load(task->state)};
    if (taken.state != TG__START_TIME && taken.state != TG__AGAIN_TIME &&
        taken.state != TG__SLEEP_TIME)
        return (struct tg__taken){0};
    tg__timers_forget(group, task);
    atomic_store(task->state, TG__ENDING);
    if (taken.state == TG__SLEEP_TIME)
        taken.suspended = tg__suspended_take(group, index);
    return taken;
}

/* One that was asleep has a slot, and perhaps more. */
void tg__suspended_give_back(tg_group *group, const struct tg__view *task, struct tg__taken taken)
{
    if (taken.state != TG__SLEEP_TIME)
        return;
    struct tg__grant grant = {0};
    if (taken.suspended != NULL) {
        grant = taken.suspended->grant;
        tg__slow_disown(task, taken.suspended->own);
        free(taken.suspended);
    }
    if (grant.limit != NULL)
        tg__limit_give(&grant);
    if (holds_slot(group, task))
        return_slots(group, 1);
}

/* ---- completing ---- */

static void say(tg_task *self, int code, const char *message)
{
    if (code == 0 || message == NULL)
        return;
    self->message = strdup(message);
    self->message_lost = self->message == NULL;
}

static tg_status refuse(const char *call, size_t index, unsigned char state)
{
    const char *why = state == 0 || state == TG__START_TIME           ? "has not started"
                      : state == TG__SLEEP_TIME                       ? "is asleep"
                      : state == TG__AGAIN_TIME || state == TG__AGAIN ? "waits to be started again"
                                                                      : NULL;
    if (why != NULL)
        return tg__refuse(TG_INVALID, "%s: task %zu %s", call, index, why);
    return tg__refuse(TG_DONE, "%s: task %zu was completed before, or has ended", call, index);
}

/* Under the lock. Where records are recycled, what the user has of the hold goes. Else it stays: a
   second tg_task_complete() of it returns TG_DONE. */
static void forget_hold(tg_group *group, const struct tg__view *task)
{
    struct tg__hold *hold = task->arg;
    if (task->function != NULL || hold == NULL || !group->exec.store.recycles)
        return;
    tg__list_remove(&hold->link);
    free(hold);
}

/* The lock is held, and given back. */
static void complete_suspended(
    tg_group *group, const struct tg__view *task, size_t index, int code, const char *message)
{
    atomic_store(task->state, TG__ENDING);
    struct tg__suspended *suspended = tg__suspended_take(group, index);
    forget_hold(group, task);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg_task self = stand_in(group, task, index, suspended);
    free(suspended);
    say(&self, code, message);
    end(group, task, &self, code); /* it counts as suspended: the run does not end meanwhile */
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    group->suspended.count--;
    struct tg__pin pin = tg__group_pin(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
}

/* Its function has not returned yet: that thread ends it. Under the lock. */
static bool complete_early(tg_group *group, const struct tg__view *task, size_t index,
    unsigned char *state, int code, const char *message)
{
    if (!atomic_compare_exchange_strong(task->state, state, TG__ENDING))
        return false;
    atomic_store(&task->cell->code, code);
    size_t length = code != 0 && message != NULL ? strlen(message) : 0;
    struct tg__suspended *early = length > 0 ? calloc(1, sizeof *early + length + 1) : NULL;
    if (early == NULL)
        return true;
    early->early = true;
    memcpy(early->message, message, length);
    if (!tg__store_keep(&group->exec.store, index, early))
        free(early);
    return true;
}

tg_status tg__suspended_complete(tg_group *group, const char *call, size_t index,
    const struct tg__handle *handle, int code, const char *message)
{
    struct tg__view task;
    unsigned char state = TG__STATE(TG_OK); /* of what was recycled */
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_is_parents(group)) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        return tg__group_refuse_parents(call);
    }
    size_t count = tg__store_count(&group->exec.store);
    bool there = index < count && tg__store_look(&group->exec.store, index, &task);
    if (there && handle != NULL)
        there = task.attributes != NULL && atomic_load(&task.attributes->handle) == handle;
    if (there)
        state = atomic_load(task.state);
    if (state == TG__DEFERRED) {
        complete_suspended(group, &task, index, code, message);
        return TG_OK;
    }
    bool early = state == TG__STATE(TG_RUNNING) &&
                 complete_early(group, &task, index, &state, code, message);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (early)
        return TG_OK;
    if (index >= count && handle == NULL)
        return tg__refuse(TG_INVALID, "%s: index %zu of %zu tasks", call, index, count);
    return refuse(call, index, state);
}

tg_status tg_task_complete(tg_task *task, int code, const char *message)
{
    static const char call[] = "tg_task_complete";
    if (task == NULL)
        return tg__refuse_null(call, "task");
    if (task->kind == TG__HANDLE)
        return tg__handle_complete(task, code, message);
    if (task->kind != TG__HOLD)
        return tg__refuse(TG_INVALID, "%s: the task is no hold and no handle", call);
    return tg__suspended_complete(task->exec->group, call, task->index, NULL, code, message);
}

tg_status tg_group_complete(tg_group *group, size_t index, int code, const char *message)
{
    static const char call[] = "tg_group_complete";
    return group != NULL ? tg__suspended_complete(group, call, index, NULL, code, message)
                         : tg__refuse_null(call, "group");
}
