/* SPDX-License-Identifier: MIT */
/* The slow path of a task: timeouts, attempts, periods, guard, times, and an end that somebody
 * waits for. */
#include "task/slow_path.h"

#include "base/options.h"
#include "sched/omp.h"
#include "task/finish.h"

#include <errno.h>
#include <stdlib.h>
#include <taskgroup/version.h>

/* The factor of a backoff, 0.75 to 1.25: different for each task and attempt, the same in each run.
   (The mixer of SplitMix64, Sebastiano Vigna, public domain.) */
static double jitter(size_t index, int attempt)
{
    uint64_t x = (uint64_t)index * 0x9E3779B97F4A7C15u + (uint64_t)attempt;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return 0.75 + 0.5 * (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

static double backoff(const struct tg__attributes *attributes, size_t index, int attempt)
{
    if (attributes->backoff <= 0)
        return 0;
    double delay = attributes->backoff,
           most = attributes->backoff_max > 0 ? attributes->backoff_max : 3600;
    for (int i = 1; i < attempt && delay < most; i++)
        delay *= 2;
    delay *= jitter(index, attempt);
    return delay < most ? delay : most;
}

/* ---- starting ---- */

static const char told_reason[] = "the task was cancelled";

static int count_attempt(const struct tg__view *task)
{
    /* Relaxed: the next attempt starts after a lock, and the final state publishes it. */
    unsigned short attempts = atomic_load_explicit(&task->cell->attempts, memory_order_relaxed);
    if (attempts < 0xffff)
        attempts++;
    atomic_store_explicit(&task->cell->attempts, attempts, memory_order_relaxed);
    return attempts;
}

static bool is_timed(const struct tg__view *task)
{
    return task->attributes != NULL &&
           (task->attributes->timeout > 0 || task->attributes->deadline > 0);
}

/* Has it a context of its own: for its own time, or to be told alone? */
static bool has_own(const struct tg__view *task)
{
    return is_timed(task) || (task->flags & TG_TASK_CANCELLABLE) != 0;
}

static bool was_told(const struct tg__view *task)
{
    return task->attributes != NULL && atomic_load(&task->attributes->told);
}

/* From now on the attempt can be told; it may have been told before. The attributes of a range are
 * those of many. */
static void own(const struct tg__view *task, tg_context *context)
{
    struct tg__attributes *attributes = task->attributes;
    if (!attributes->single)
        return;
    tg__lock_take(&attributes->lock, TG__LOCK_TOLD);
    attributes->own = context;
    tg__lock_give(&attributes->lock, TG__LOCK_TOLD);
    if (was_told(task))
        tg_context_cancel(context, 0, told_reason);
}

void tg__slow_disown(const struct tg__view *task, tg_context *context)
{
    struct tg__attributes *attributes = task->attributes;
    if (context == NULL)
        return;
    if (attributes->single) {
        tg__lock_take(&attributes->lock, TG__LOCK_TOLD);
        attributes->own = NULL;
        tg__lock_give(&attributes->lock, TG__LOCK_TOLD);
    }
    tg__context_unref(context);
}

bool tg__slow_tell(const struct tg__view *task)
{
    struct tg__attributes *attributes = task->attributes;
    if (!has_own(task) || !attributes->single)
        return false;
    tg__lock_take(&attributes->lock, TG__LOCK_TOLD);
    atomic_store(&attributes->told, true);
    tg_context *context = attributes->own;
    if (context != NULL)
        tg__context_ref(context);
    tg__lock_give(&attributes->lock, TG__LOCK_TOLD);
    if (context != NULL) {
        tg_context_cancel(context, 0, told_reason);
        tg__context_unref(context);
    }
    return true;
}

/* When the attempt times out, and its own context if it has one. False: no memory for that. */
static bool start_clock(tg_task *self, const struct tg__view *task)
{
    bool timed = is_timed(task);
    self->start = timed || task->note != NULL ? tg_time_now() : 0;
    self->until = timed ? tg__time_until_from(
                              self->start, task->attributes->timeout, task->attributes->deadline)
                        : (double)INFINITY;
    if (!has_own(task))
        return true;
    self->own = tg__context_new(self->exec->shield ? NULL : self->exec->context, self->until);
    if (self->own != NULL)
        own(task, self->own);
    return self->own != NULL;
}

/* ---- ending ---- */

/* Its group has stopped first, or it was told to: that is why the task has, whether it asked or
   learned of it otherwise (by a nested group, a hook), and whatever its own clock says. */
static tg_status status_of(const tg_task *self, const struct tg__view *task, int code, double now)
{
    if (self->recovery != NULL && self->recovery->signal != 0)
        return TG_CRASHED;
    if (code != 0 && (self->cancel_seen || was_told(task) || tg__frame_has_stopped(self)))
        return TG_CANCELLED;
    if (now >= self->until)
        return TG_TIMED_OUT;
    return code == 0 ? TG_OK : TG_FAILED;
}

static bool has_another_attempt(const tg_task *self, const struct tg__attributes *attributes)
{
    return attributes->attempts == TG_ENDLESS || self->attempt < attributes->attempts;
}

/* Seconds until the next start in step with the first one; what was missed is left out. */
static double rest_of_period(struct tg__attributes *attributes)
{
    double now = tg_time_now(), missed = (now - attributes->next_start) / attributes->period;
    if (missed > 0)
        attributes->next_start +=
            attributes->period * (missed < 1e15 ? (double)(long long)missed : missed);
    attributes->next_start += attributes->period;
    return attributes->next_start - now;
}

/* May it be started again: after a failure, or because it has a period? */
static bool wants_again(const tg_task *self, const struct tg__view *task, tg_status status)
{
    const struct tg__attributes *attributes = task->attributes;
    if (attributes == NULL || status == TG_CANCELLED || was_told(task))
        return false;
    if (status == TG_OK)
        return attributes->period > 0 && !atomic_load(&attributes->last);
    return has_another_attempt(self, attributes);
}

/* False: it is not, since it was taken back, or its deadline comes first. */
static bool start_again(tg_task *self, const struct tg__view *task, tg_status status, int code)
{
    struct tg__attributes *attributes = task->attributes;
    double delay = status == TG_OK ? rest_of_period(attributes)
                                   : backoff(attributes, self->index, self->attempt);
    if (attributes->deadline > 0 && tg_time_now() + delay >= attributes->deadline)
        return false;
    if (attributes->single)
        attributes->timed_out = status == TG_TIMED_OUT;
    atomic_store_explicit(&task->cell->code, code, memory_order_relaxed);
    return self->exec->calls->again(self->exec, task, self->index, delay);
}

/* A worker keeps its id as long as it serves the group. */
static void note_worker(tg_task *self, struct tg__note *note)
{
    if (self->exec->keeps_times)
        note->worker = tg_task_worker(self) + 1;
}

bool tg__slow_end(tg_task *self, const struct tg__view *task, int code)
{
    double now =
        task->note != NULL || self->until < (double)INFINITY ? tg_time_now() : -(double)INFINITY;
    tg_status status = status_of(self, task, code, now);
    tg__slow_disown(task, self->own);
    self->own = NULL;
    if (wants_again(self, task, status)) {
        if (tg__context_status(self->exec->context) == TG_OK) {
            if (start_again(self, task, status, code))
                return false;
        } else if (status != TG_OK) {
            status = TG_CANCELLED; /* it had another attempt: what stopped the group is why it has
                                      none */
        }
    }
    if (task->note != NULL) {
        task->note->start = self->start;
        task->note->end = now;
        if (self->kind == TG__SERVER) {
            tg__finish_busy(self, now);
            note_worker(self, task->note);
        }
    }
    self->stops |= tg__finish(&(struct tg__ending){self, task, status, code, .by_worker = false});
    return true;
}

static void end(tg_task *self, const struct tg__view *task, int code)
{
    if (tg__slow_end(self, task, code) && self->exec->watches_ends)
        self->exec->calls->after_end(self->exec);
}

/* Nobody has taken it out of the queue meanwhile. */
static bool take_it(struct tg__exec *exec, const struct tg__view *task)
{
    unsigned char state = 0;
    bool taken_back = atomic_load_explicit(&exec->takes_back, memory_order_relaxed); /* cancel.c */
    if (!taken_back && (task->flags & (TG__APART | TG__MARKED)) == 0) {
        atomic_store_explicit(task->state, TG__STATE(TG_RUNNING), memory_order_relaxed);
        return true;
    }
    if (atomic_compare_exchange_strong(task->state, &state, TG__STATE(TG_RUNNING)))
        return true;
    if (state != TG__AGAIN ||
        !atomic_compare_exchange_strong(task->state, &state, TG__STATE(TG_RUNNING)))
        return false;
    atomic_fetch_sub(&exec->ready_again, 1);
    return true;
}

static bool is_too_late(const struct tg__view *task)
{
    double deadline = task->attributes != NULL ? task->attributes->deadline : 0;
    return deadline > 0 && tg_time_now() >= deadline;
}

/* Its deadline has passed in the queue: it ends without a call. What it has done before says how,
 * if there is something. */
static void expire_unstarted(tg_task *self, const struct tg__view *task)
{
    struct tg__exec *exec = self->exec;
    int attempts = atomic_load_explicit(&task->cell->attempts, memory_order_relaxed);
    int code = attempts > 0 ? atomic_load_explicit(&task->cell->code, memory_order_relaxed) : 0;
    bool timed_out = attempts == 0 || task->attributes->timed_out;
    tg_status status = timed_out ? TG_TIMED_OUT : code != 0 ? TG_FAILED : TG_OK;
    self->attempt = attempts;
    self->until = -(double)INFINITY;
    if (task->note != NULL)
        task->note->end = tg_time_now();
    self->stops |= tg__finish(&(struct tg__ending){self, task, status, code, .by_worker = false});
    if (exec->watches_ends)
        exec->calls->after_end(exec);
}

/* One below it has failed, and the run has another error than this one's could be. What has been
   started before goes on. */
static bool is_beyond(const tg_task *self, const struct tg__view *task)
{
    const struct tg__exec *exec = self->exec;
    return exec->first_index && !exec->keep_going &&
           self->index > atomic_load_explicit(&exec->failed_at, memory_order_relaxed) &&
           atomic_load_explicit(&task->cell->attempts, memory_order_relaxed) == 0;
}

static void skip(tg_task *self, const struct tg__view *task)
{
    struct tg__exec *exec = self->exec;
    tg__finish_skipped(task);
    if (exec->watches_ends) {
        exec->calls->on_end(exec, task, self->index);
        exec->calls->after_end(exec);
    }
}

void tg__slow_run(tg_task *self, const struct tg__view *task)
{
    if ((task->flags & TG__APART) != 0 && !self->apart) {
        if (self->exec->store.recycles)
            self->exec->calls->on_skipped(self->exec, self->index);
        return; /* claimed otherwise, or by nobody */
    }
    if (!take_it(self->exec, task)) {
        if (self->exec->watches_ends)
            self->exec->calls->on_cancelled_claim(self->exec, task, self->index);
        return;
    }
    if (is_beyond(self, task)) {
        skip(self, task);
        return;
    }
    if (is_too_late(task)) {
        expire_unstarted(self, task);
        return;
    }
    self->attempt = count_attempt(task);
    if (task->attributes != NULL && task->attributes->attempts != 0)
        atomic_fetch_add_explicit(&self->exec->attempts, 1, memory_order_relaxed);
    bool owns = has_own(task);
    bool reserved = (owns || self->grant.limit != NULL) && self->exec->calls->reserve(self);
    if (!start_clock(self, task) || (owns && !reserved)) {
        self->message_lost = true;
        end(self, task, ENOMEM);
        return;
    }
    if (self->exec->guarded)
        tg__guard_arm(self->recovery);
    int code = task->function(self, task->arg, task->result);
    if (self->exec->guarded)
        tg__guard_arm(NULL);
    if (self->exec->joins)
        tg__omp_wait(); /* raw OpenMP tasks that it has spawned */
    if (self->way != TG__RETURNS)
        self->exec->calls->suspend(self, task);
    else
        end(self, task, code);
}

void tg__slow_recover(tg_task *self, const struct tg__view *task)
{
    tg__guard_arm(NULL);
    end(self, task, self->recovery->signal != 0 ? 0 : self->code);
}
