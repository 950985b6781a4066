/* SPDX-License-Identifier: MIT */
#include "task/runner.h"

#include "task/finish.h"
#include "task/slow_path.h"

#include <stdlib.h>

void tg__runner_enter(tg_task *self, struct tg__exec *exec, struct tg__counts *counts)
{
    tg__frame_push(self, exec, TG__SERVER);
    self->counts = counts != NULL ? counts : &self->own_counts;
    if (exec->guarded)
        self->stack = tg__guard_stack_new();
}

/* Relaxed: totals are exact after the run, which ends under the team's lock after its servers have
   left under it. */
static void merge(atomic_size_t *total, atomic_size_t *part)
{
    size_t many = atomic_load_explicit(part, memory_order_relaxed);
    if (many > 0)
        atomic_fetch_add_explicit(total, many, memory_order_relaxed);
}

void tg__runner_leave(tg_task *self)
{
    tg__frame_pop(self);
    if (self->worker_id >= 0)
        tg__locals_leave(&self->exec->locals, self->worker_id);
    tg__guard_stack_free(self->stack);
    free(self->spare);
    merge(&self->exec->ok, &self->own_counts.ok);
    merge(&self->exec->failed, &self->own_counts.failed);
    merge(&self->exec->cancelled, &self->own_counts.cancelled);
}

static void end_badly(tg_task *self, const struct tg__view *task, int code)
{
    self->cancel_seen |= tg__frame_has_stopped(self);
    tg_status status = self->cancel_seen ? TG_CANCELLED : TG_FAILED;
    self->stops |= tg__finish(&(struct tg__ending){self, task, status, code, .by_worker = true});
}

/* Relaxed: it changes in a run only for tasks that are claimed after that (cancel.c). */
static inline bool all_are_slow(const struct tg__exec *exec)
{
    return atomic_load_explicit(&exec->slow, memory_order_relaxed);
}

static inline bool is_slow(const struct tg__exec *exec, const struct tg__view *task)
{
    return all_are_slow(exec) || (task->flags & (TG__APART | TG__SLOW)) != 0;
}

__attribute__((noinline)) static void run_slow(tg_task *self)
{
    struct tg__view task;
    tg__store_view(&self->exec->store, self->segment, self->index, &task);
    tg__slow_run(self, &task);
    self->attempt = 0; /* the next task may take the fast path, which counts none */
}

/* It goes on elsewhere, or has failed. */
__attribute__((noinline)) static void end_otherwise(tg_task *self, int code)
{
    struct tg__view task;
    tg__store_view(&self->exec->store, self->segment, self->index, &task);
    if (self->way == TG__RETURNS) {
        end_badly(self, &task, code);
        return;
    }
    self->attempt = 0;
    self->until = (double)INFINITY;
    self->exec->calls->suspend(self, &task);
}

/* Is the rest of the bundle left to others? */
static inline bool is_wanted(const tg_task *self)
{
    return self->wanted != NULL && atomic_load_explicit(self->wanted, memory_order_relaxed) > 0;
}

/* Does the next one start? */
static inline bool begin_next(tg_task *self)
{
    if (tg__context_status(self->exec->context) != TG_OK) {
        self->over = true;
        return false;
    }
    self->index = self->next++;
    self->cancel_seen = false;
    self->way = TG__RETURNS;
    return true;
}

static inline void forget_what_it_said(tg_task *self)
{
    if (self->message != NULL || self->message_lost)
        tg__frame_forget_message(self);
}

/* The fast path. RUNNING publishes nothing. */
static inline void call(
    tg_task *self, tg_task_fn *function, void *arg, void *result, atomic_uchar *state)
{
    atomic_store_explicit(state, TG__STATE(TG_RUNNING), memory_order_relaxed);
    int code = function(self, arg, result);
    if (code == 0 && self->way == TG__RETURNS) {
        self->ok++;
        tg__finish_plain(state);
    } else {
        end_otherwise(self, code);
    }
    forget_what_it_said(self);
}

/* The tasks of a range differ in their item alone. */
static void run_range(tg_task *self, const struct tg__segment *segment, size_t end)
{
    struct tg__view task;
    tg__store_view(&self->exec->store, segment, self->next, &task);
    size_t stride = task.arg != NULL ? segment->stride : 0;
    size_t size = task.result != NULL ? self->exec->store.result_size : 0;
    uintptr_t arg = (uintptr_t)task.arg, result = (uintptr_t)task.result; /* NULL stays so */
    const atomic_int *wanted = self->wanted; /* not read for each item */
    while (self->next < end && !self->slot_gone && begin_next(self)) {
        call(self, task.function, (void *)arg, (void *)result, task.state);
        arg += stride;
        result += size;
        task.state++;
        if (wanted != NULL && atomic_load_explicit(wanted, memory_order_relaxed) > 0)
            break;
    }
}

static void run_records(tg_task *self, const struct tg__segment *segment, size_t end)
{
    while (self->next < end && !self->slot_gone && begin_next(self)) {
        struct tg__view task;
        tg__store_view(&self->exec->store, segment, self->index, &task);
        if (is_slow(self->exec, &task)) {
            run_slow(self);
            forget_what_it_said(self);
        } else {
            call(self, task.function, task.arg, task.result, task.state);
        }
        if (is_wanted(self))
            break;
    }
}

static bool is_plain_range(const struct tg__exec *exec, const struct tg__segment *segment)
{
    return segment->records == NULL && !all_are_slow(exec) &&
           (segment->flags & (TG__APART | TG__SLOW)) == 0;
}

/* Not inlined: what is kept in registers here would not survive the recovery point of its caller.
 */
__attribute__((noinline)) static void go_on(tg_task *self)
{
    while (self->next < self->end && !self->slot_gone && !self->over) {
        struct tg__segment *segment =
            tg__store_find_near(&self->exec->store, self->next, self->segment);
        size_t end = tg__store_end(segment) < self->end ? tg__store_end(segment) : self->end;
        self->segment = segment;
        if (is_plain_range(self->exec, segment))
            run_range(self, segment, end);
        else
            run_records(self, segment, end);
        if (is_wanted(self))
            break;
    }
}

/* The task has given up, or crashed. */
static void come_back(tg_task *self)
{
    struct tg__view task;
    self->segment = tg__store_find_near(&self->exec->store, self->index, self->segment);
    tg__store_view(&self->exec->store, self->segment, self->index, &task);
    self->trace = tg__trace_text(self->recovery);
    if (is_slow(self->exec, &task))
        tg__slow_recover(self, &task);
    else
        end_badly(self, &task, self->code);
    tg__frame_forget_message(self);
    self->recovery->signal = 0;
    self->attempt = 0;
}

bool tg__runner_run(tg_task *self, size_t first, size_t many)
{
    struct tg__recovery recovery;
    recovery.signal = 0;
    self->recovery = &recovery;
    self->next = first;
    self->end = first + many;
    self->stops = false;
    atomic_store_explicit(&self->counts->busy, true, memory_order_relaxed); /* for a report */
    if (tg__recovered(&recovery, self->exec->guarded))
        come_back(self);
    go_on(self);
    if (self->ok > 0) {
        tg__finish_count(&self->counts->ok, self->ok);
        self->ok = 0;
    }
    atomic_store_explicit(&self->counts->busy, false, memory_order_relaxed);
    self->recovery = NULL;
    return self->stops;
}
