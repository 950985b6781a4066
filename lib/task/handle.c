/* SPDX-License-Identifier: MIT */
#include "task/handle.h"

#include "base/options.h"
#include "base/park.h"
#include "sys/process.h"
#include "base/status.h"
#include "sys/lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

struct tg__handle {
    tg_task task; /* first: it is what the user holds */
    const struct tg__handle_calls *calls;
    atomic_int refs;
    unsigned process; /* that runs the task */
    pthread_mutex_t lock;
    struct tg__link *waiters; /* until it has ended */
    atomic_bool over;         /* set under the lock, when the rest is written */
    tg_outcome outcome;
    char *message; /* or NULL */
    int signal;
    char name[];
};

struct tg__handle *tg__handle_new(
    struct tg__exec *exec, const char *name, const struct tg__handle_calls *calls)
{
    size_t length = name != NULL ? strlen(name) : 0;
    struct tg__handle *handle = calloc(1, sizeof *handle + length + 1);
    if (handle == NULL)
        return NULL;
    handle->task =
        (tg_task){.exec = exec, .index = TG_NO_INDEX, .kind = TG__HANDLE, .worker_id = -1};
    handle->calls = calls;
    atomic_init(&handle->refs, 2);
    handle->process = tg__process_number();
    pthread_mutex_init(&handle->lock, NULL);
    if (length > 0)
        memcpy(handle->name, name, length);
    handle->outcome = (tg_outcome){.status = TG_NOT_RUN,
        .index = TG_NO_INDEX,
        .name = handle->name,
        .message = "",
        .worker = -1};
    return handle;
}

tg_task *tg__handle_task(struct tg__handle *handle)
{
    return &handle->task;
}

void tg__handle_free(struct tg__handle *handle)
{
    if (handle == NULL)
        return;
    pthread_mutex_destroy(&handle->lock);
    free(handle->message);
    free(handle);
}

static void drop(struct tg__handle *handle)
{
    if (atomic_fetch_sub(&handle->refs, 1) == 1)
        tg__handle_free(handle);
}

void tg__handle_say(struct tg__handle *handle, const tg_error *error)
{
    if (handle == NULL)
        return;
    char *before =
        handle->message; /* never a message that is freed: a child of fork() may free it, too */
    handle->message = strdup(error->message);
    free(before);
    handle->signal = error->signal;
}

void tg__handle_end(struct tg__handle *handle, const tg_outcome *outcome)
{
    if (handle == NULL)
        return;
    tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
    handle->outcome = *outcome;
    handle->outcome.name = handle->name;
    handle->outcome.signal = handle->signal;
    bool failed = outcome->status == TG_FAILED || outcome->status == TG_TIMED_OUT ||
                  outcome->status == TG_CRASHED;
    if (failed && handle->message != NULL)
        handle->outcome.message = handle->message;
    atomic_store(&handle->over, true);
    tg__wake_all(&handle->waiters);
    tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
    drop(handle);
}

/* ---- in a child of fork() ---- */

/* The task's thread is not there. Its end, if that came before, can be read without the lock. */
static bool is_parents(const struct tg__handle *handle)
{
    return handle->process != tg__process_number();
}

static tg_status refuse_parents(const char *call)
{
    return tg__refuse(TG_CLOSED, "%s: the pool belongs to the parent process", call);
}

/* ---- for the user ---- */

static struct tg__handle *handle_of(tg_task *task)
{
    return task != NULL && task->kind == TG__HANDLE ? (struct tg__handle *)(void *)task : NULL;
}

static tg_status refuse(const char *call, const tg_task *task)
{
    if (task == NULL)
        return tg__refuse_null(call, "task");
    return tg__refuse(TG_INVALID, "%s: the task is not from tg_pool_submit()", call);
}

tg_status tg_task_wait(tg_task *task, double timeout)
{
    static const char call[] = "tg_task_wait";
    struct tg__handle *handle = handle_of(task);
    if (handle == NULL)
        return refuse(call, task);
    if (!(timeout >= 0))
        return tg__refuse(TG_INVALID, "%s: timeout is %g", call, timeout);
    if (is_parents(handle))
        return atomic_load(&handle->over) ? handle->outcome.status : refuse_parents(call);
    double until = tg_time_now() + timeout;
    bool waits = true;
    tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
    bool busy = timeout > 0 && !handle->over && handle->calls->inside(task->exec);
    while (!busy && !handle->over && waits)
        waits = tg__wait(&handle->waiters, &handle->lock, TG__LOCK_HANDLE, until);
    tg_status status = busy ? TG_BUSY : handle->over ? handle->outcome.status : TG_RUNNING;
    tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
    return busy ? tg__refuse(TG_BUSY, "%s: in a task of the same pool", call) : status;
}

/* ---- one of several ---- */

static size_t find_ended(tg_task *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i] != NULL && atomic_load(&handle_of(tasks[i])->over))
            return i;
    return TG_NO_INDEX;
}

/* TG_OK: all are handles, and there is one. */
static tg_status check_tasks(const char *call, tg_task *const *tasks, size_t count)
{
    size_t handles = 0;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i] != NULL && handle_of(tasks[i]) == NULL)
            return tg__refuse(TG_INVALID, "%s: task %zu is not from tg_pool_submit()", call, i);
        handles += tasks[i] != NULL;
    }
    return handles > 0 ? TG_OK : tg__refuse(TG_INVALID, "%s: %zu tasks, all NULL", call, count);
}

/* None has ended: may the caller ask for them, or wait? */
static tg_status check_wait(const char *call, tg_task *const *tasks, size_t count, bool waits)
{
    for (size_t i = 0; i < count; i++) {
        struct tg__handle *handle = handle_of(tasks[i]);
        if (handle == NULL)
            continue;
        if (is_parents(handle))
            return refuse_parents(call);
        tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
        bool busy = waits && !handle->over && handle->calls->inside(handle->task.exec);
        tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
        if (busy)
            return tg__refuse(TG_BUSY, "%s: in a task of the pool of task %zu", call, i);
    }
    return TG_OK;
}

/* Joins the waiters of each, or leaves them. */
static void join_all(tg_task *const *tasks, size_t count, struct tg__waiter *waiters,
    struct tg__parker *parker, bool joins)
{
    for (size_t i = 0; i < count; i++) {
        struct tg__handle *handle = handle_of(tasks[i]);
        if (handle == NULL)
            continue;
        tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
        if (joins)
            tg__waiter_join(&handle->waiters, &waiters[i], parker);
        else
            tg__waiter_leave(&waiters[i]);
        tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
    }
}

/* A task that ends stores that, then notifies: so look again when all waiters are in their lists.
 */
static size_t wait_for_one(
    tg_task *const *tasks, size_t count, struct tg__waiter *waiters, double until)
{
    struct tg__parker parker;
    size_t ended;
    bool waits = true;
    tg__park_init(&parker);
    join_all(tasks, count, waiters, &parker, true);
    while ((ended = find_ended(tasks, count)) == TG_NO_INDEX && waits)
        waits = tg__park(&parker, 0, until);
    join_all(tasks, count, waiters, &parker, false);
    tg__park_fini(&parker);
    return ended;
}

static tg_status status_at(tg_task *const *tasks, size_t at)
{
    return at != TG_NO_INDEX ? handle_of(tasks[at])->outcome.status : TG_RUNNING;
}

tg_status tg_task_wait_any(tg_task *const *tasks, size_t count, double timeout, size_t *which)
{
    static const char call[] = "tg_task_wait_any";
    enum { FEW = 16 };
    struct tg__waiter few[FEW], *waiters = few;
    if (which == NULL)
        return tg__refuse(TG_INVALID, "%s: which is NULL", call);
    *which = TG_NO_INDEX;
    if (tasks == NULL)
        return tg__refuse(TG_INVALID, "%s: tasks is NULL", call);
    if (!(timeout >= 0))
        return tg__refuse(TG_INVALID, "%s: timeout is %g", call, timeout);
    tg_status status = check_tasks(call, tasks, count);
    if (status != TG_OK)
        return status;
    *which = find_ended(tasks, count);
    if (*which != TG_NO_INDEX)
        return status_at(tasks, *which);
    status = check_wait(call, tasks, count, timeout > 0);
    if (status != TG_OK || timeout == 0) {
        *which = find_ended(tasks, count); /* one may have ended meanwhile */
        return status == TG_OK || *which != TG_NO_INDEX ? status_at(tasks, *which) : status;
    }
    double until = tg_time_now() + timeout;
    if (count > FEW && (waiters = calloc(count, sizeof *waiters)) == NULL)
        return tg__refuse(TG_NO_MEMORY, "%s: out of memory", call);
    *which = wait_for_one(tasks, count, waiters, until);
    if (waiters != few)
        free(waiters);
    return status_at(tasks, *which);
}

tg_status(tg_task_outcome)(tg_task *task, tg_outcome *outcome)
{
    static const char call[] = "tg_task_outcome";
    struct tg__handle *handle = handle_of(task);
    if (outcome == NULL)
        return tg__refuse(TG_INVALID, "%s: outcome is NULL", call);
    if (!tg__answer_fits(outcome))
        return tg__refuse(TG_INVALID, "%s: outcome->size is %zu", call, outcome->size);
    tg_outcome o = {
        .status = TG_NOT_RUN, .index = TG_NO_INDEX, .name = "", .message = "", .worker = -1};
    bool parents = handle != NULL && is_parents(handle), lost = false;
    if (parents) {
        lost = !atomic_load(&handle->over);
        o = lost ? o : handle->outcome;
    } else if (handle != NULL) {
        tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
        o = handle->outcome;
        tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
    }
    tg__answer_write(outcome, &o, sizeof o);
    return handle == NULL ? refuse(call, task) : lost ? refuse_parents(call) : TG_OK;
}

/* The handle of a task that has not ended, and whose run stays until the caller has cancelled or
 * completed it. NULL: `status` says why not. */
static struct tg__handle *enter(const char *call, tg_task *task, tg_status *status)
{
    struct tg__handle *handle = handle_of(task);
    if (handle == NULL) {
        *status = refuse(call, task);
        return NULL;
    }
    bool parents = is_parents(handle), over = atomic_load(&handle->over);
    if (!parents) {
        tg__mutex_lock(&handle->lock, TG__LOCK_HANDLE);
        over = handle->over;
        if (!over) /* its end needs this lock, and its pool is not freed before that */
            handle->calls->enter(task->exec);
        tg__mutex_unlock(&handle->lock, TG__LOCK_HANDLE);
    }
    if (!over && !parents)
        return handle;
    *status = over ? tg__refuse(TG_DONE, "%s: the task has ended", call) : refuse_parents(call);
    return NULL;
}

tg_status tg_task_cancel(tg_task *task)
{
    tg_status status;
    const struct tg__handle *handle = enter("tg_task_cancel", task, &status);
    return handle != NULL ? handle->calls->cancel(task->exec, task->index, handle) : status;
}

tg_status tg__handle_complete(tg_task *task, int code, const char *message)
{
    tg_status status;
    const struct tg__handle *handle = enter("tg_task_complete", task, &status);
    return handle != NULL ? handle->calls->complete(task->exec, task->index, handle, code, message)
                          : status;
}

void tg_task_release(tg_task *task)
{
    struct tg__handle *handle = handle_of(task);
    if (handle == NULL)
        return;
    if (!is_parents(handle)) {
        drop(handle);
        return;
    }
    /* The task has no use for it. `lock` is not destroyed: a thread of the parent may have had it.
     */
    free(handle->message);
    free(handle);
}
