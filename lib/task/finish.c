/* SPDX-License-Identifier: MIT */
#include "task/finish.h"

#include "task/handle.h"

#include <stdio.h>

static atomic_size_t *shared_counter(struct tg__exec *exec, tg_status status)
{
    switch (status) {
    case TG_OK:
        return &exec->ok;
    case TG_TIMED_OUT:
        return &exec->timed_out;
    case TG_CRASHED:
        return &exec->crashed;
    case TG_CANCELLED:
        return &exec->cancelled;
    default:
        return &exec->failed;
    }
}

static void count(const struct tg__ending *ending)
{
    struct tg__counts *own = ending->self->counts;
    if (ending->by_worker)
        tg__finish_count(ending->status == TG_CANCELLED ? &own->cancelled : &own->failed, 1);
    else
        atomic_fetch_add_explicit(
            shared_counter(ending->self->exec, ending->status), 1, memory_order_relaxed);
}

/* Relaxed: the final state publishes it. */
static void rank(struct tg__exec *exec, const struct tg__view *task)
{
    if (task->note == NULL || exec->ranks_later)
        return;
    size_t own = 1 + atomic_fetch_add_explicit(&exec->ranks, 1, memory_order_relaxed);
    atomic_store_explicit(&task->note->rank, own, memory_order_relaxed);
}

/* Sequentially consistent: on_done looks at the state beside a flag. */
static inline void store(const struct tg__ending *ending)
{
    const struct tg__view *task = ending->task;
    struct tg__exec *exec = ending->self->exec;
    rank(exec, task);
    atomic_store_explicit(&task->cell->code, ending->code, memory_order_relaxed);
    count(ending);
    atomic_store(task->state, TG__STATE(ending->status));
    if (exec->ranks_later) /* it only takes its place there */
        exec->calls->on_end(exec, task, ending->self->index);
}

static void store_failed(void *ending)
{
    store(ending);
}

/* ---- failures ---- */

/* Its deadline had passed before it could start. */
static bool is_unstarted(const struct tg__ending *ending)
{
    const tg_task *self = ending->self;
    return ending->status == TG_TIMED_OUT && self->until == -(double)INFINITY;
}

enum { NAME_SIZE = 80, TEXT_SIZE = 160 };

/* A task by its name if it has one, else by its index. */
static void name_task(const struct tg__ending *ending, char text[NAME_SIZE])
{
    const struct tg__attributes *attributes = ending->task->attributes;
    if (attributes != NULL && attributes->name[0] != '\0')
        snprintf(text, NAME_SIZE, "task \"%.60s\"", attributes->name);
    else
        snprintf(text, NAME_SIZE, "task %zu", ending->self->index);
}

/* The message of a task that has none of its own. */
static const char *message_of(const struct tg__ending *ending, char text[TEXT_SIZE])
{
    const tg_task *self = ending->self;
    char task[NAME_SIZE];
    name_task(ending, task);
    if (self->message != NULL)
        return self->message;
    if (self->message_lost)
        return "out of memory: the task's message was lost";
    if (is_unstarted(ending))
        snprintf(text, TEXT_SIZE, "%s %s by its deadline", task,
            self->attempt > 0 ? "was not done" : "had not started");
    else if (ending->status == TG_TIMED_OUT)
        snprintf(text, TEXT_SIZE, "%s was not done within %g s", task, self->until - self->start);
    else if (ending->status == TG_CRASHED)
        snprintf(text, TEXT_SIZE, "%s crashed with %s at %p", task,
            tg__signal_name(self->recovery->signal), self->recovery->address);
    else
        snprintf(text, TEXT_SIZE, "%s returned %d", task, ending->code);
    return text;
}

/* A hint for tasks that are to start: relaxed. */
static void lower(atomic_size_t *least, size_t index)
{
    size_t now = atomic_load_explicit(least, memory_order_relaxed);
    while (index < now && !atomic_compare_exchange_weak_explicit(
                              least, &now, index, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* True: the first required failure, and it has stopped the group. */
static bool fail(const struct tg__ending *ending)
{
    char text[TEXT_SIZE];
    const tg_task *self = ending->self;
    const struct tg__view *task = ending->task;
    struct tg__ending copy = *ending;
    bool crashed = ending->status == TG_CRASHED;
    tg_error error = {
        .status = ending->status,
        .code = ending->code,
        .index = self->index,
        .id = task->attributes != NULL ? task->attributes->id : 0,
        .name = task->attributes != NULL ? task->attributes->name : "",
        .message = message_of(ending, text),
        .signal = crashed ? self->recovery->signal : 0,
        .attempts = self->attempt > 0 || is_unstarted(ending) ? self->attempt : 1,
        .address = crashed ? self->recovery->address : NULL,
        .backtrace = self->trace != NULL ? self->trace : "",
    };
    struct tg__exec *exec = self->exec;
    if (exec->forgets) {
        tg__handle_say(
            task->attributes != NULL ? atomic_load(&task->attributes->handle) : NULL, &error);
        store(ending);
        return false;
    }
    bool required = (task->flags & TG_TASK_OPTIONAL) == 0;
    if (exec->first_index && required)
        lower(&exec->failed_at, self->index);
    const struct tg__failure *first =
        tg__failures_add(&exec->failures, &error, required, store_failed, &copy);
    if (first == NULL || exec->keep_going || exec->first_index ||
        !tg__context_stop(exec->context, &first->error))
        return false;
    atomic_store(&exec->stopped_itself, true);
    return true;
}

/* True: it was enough, and has stopped the group. */
static bool succeed(struct tg__exec *exec)
{
    if (exec->need == 0 || atomic_fetch_add(&exec->successes, 1) + 1 != exec->need)
        return false;
    const tg_error cause = {.status = TG_CANCELLED,
        .index = TG_NO_INDEX,
        .name = "",
        .message = "enough tasks have succeeded",
        .backtrace = ""};
    if (!tg__context_stop(exec->context, &cause))
        return false;
    atomic_store(&exec->enough, true);
    return true;
}

/* ---- */

bool tg__finish(const struct tg__ending *ending)
{
    struct tg__exec *exec = ending->self->exec;
    tg_status status = ending->status;
    bool stops = false;
    if (status == TG_OK || status == TG_CANCELLED)
        store(ending);
    else
        stops = fail(ending);
    if (exec->watches_ends && !exec->ranks_later)
        exec->calls->on_end(exec, ending->task, ending->self->index);
    return status == TG_OK ? succeed(exec) : stops;
}

bool tg__finish_unstarted(
    struct tg__exec *exec, const struct tg__view *task, unsigned char from, tg_status status)
{
    unsigned char now = from;
    if (from != 0 && from != TG__AGAIN) /* no other thread can claim it */
        atomic_store(task->state, TG__STATE(status));
    else if (!atomic_compare_exchange_strong(
                 task->state, &now, status == TG_CANCELLED ? TG__TAKEN_BACK : TG__STATE(status)))
        return false;
    if (from == TG__AGAIN)
        atomic_fetch_sub(&exec->ready_again, 1);
    rank(exec, task);
    if (status == TG_OK) {
        atomic_fetch_add(&exec->ok, 1);
        succeed(exec);
    } else {
        atomic_fetch_add(&exec->cancelled, 1);
    }
    return true;
}

void tg__finish_skipped(const struct tg__view *task)
{
    atomic_store(task->state, TG__STATE(TG_SKIPPED));
}

void tg__finish_busy(const tg_task *self, double now)
{
    struct tg__times *times = &self->exec->times;
    tg__lock_take(&times->lock, TG__LOCK_TIMES);
    times->busy += now - self->start;
    if (now - self->start > times->longest || times->longest_index == TG_NO_INDEX) {
        times->longest = now - self->start;
        times->longest_index = self->index;
    }
    tg__lock_give(&times->lock, TG__LOCK_TIMES);
}
