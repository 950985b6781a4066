/* SPDX-License-Identifier: MIT */
/* The calls for inside a task. */
#include "task/frame.h"
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

tg_task *tg_task_current(void)
{
    tg_task *task = tg__frame_current();
    return task != NULL && task->kind != TG__CALLBACK ? task : NULL;
}

tg_status tg_task_check(tg_task *self)
{
    if (self == NULL)
        return tg__refuse_null("tg_task_check", "self");
    struct tg__exec *exec = self->exec;
    tg_status status = exec->shield ? TG_OK : tg__context_status(exec->context);
    bool stopped = status != TG_OK;
    if (!stopped && self->own != NULL)
        status = tg__context_status(self->own);
    if (stopped || status == TG_CANCELLED)
        self->cancel_seen = true;
    return status;
}

size_t tg_task_index(const tg_task *self)
{
    return self != NULL ? self->index : TG_NO_INDEX;
}

uint64_t tg_task_id(const tg_task *self)
{
    if (self == NULL || self->kind == TG__HANDLE || self->index == TG_NO_INDEX)
        return 0;
    struct tg__view task = tg__store_get(&self->exec->store, self->index);
    return task.attributes != NULL ? task.attributes->id : 0;
}

tg_group *tg_task_group(const tg_task *self)
{
    return self != NULL ? self->exec->group : NULL;
}

tg_context *tg_task_context(const tg_task *self)
{
    return self != NULL ? tg__frame_context(self) : NULL;
}

int tg_task_attempt(const tg_task *self)
{
    return self == NULL ? 0 : self->attempt > 0 ? self->attempt : 1;
}

/* Takes over `message`; NULL: there was no memory for it. */
static void say(tg_task *self, char *message)
{
    tg__frame_forget_message(self);
    self->message = message;
    self->message_lost = message == NULL;
}

static void say_formatted(tg_task *self, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *message = length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (message != NULL)
        vsnprintf(message, (size_t)length + 1, format, again);
    va_end(again);
    say(self, message);
}

/* A hold and a handle have no message of their own: it would be lost, and its memory too. */
static bool can_say(const tg_task *self)
{
    return self != NULL && self->kind != TG__HOLD && self->kind != TG__HANDLE;
}

int tg_task_fail(tg_task *self, int code, const char *format, ...)
{
    if (can_say(self) && format != NULL) {
        va_list args;
        va_start(args, format);
        say_formatted(self, format, args);
        va_end(args);
    }
    return code != 0 ? code : -1;
}

int tg_task_fail_text(tg_task *self, int code, const char *message)
{
    return message != NULL ? tg_task_fail(self, code, "%s", message)
                           : tg_task_fail(self, code, NULL);
}

/* ---- going on without a thread ---- */

static int leave_thread(tg_task *self, const char *call)
{
    if (self == NULL)
        return (int)tg__refuse_null(call, "self");
    if (self->kind != TG__SERVER)
        return (int)tg__refuse(TG_INVALID, "%s: not in a task's function", call);
    return 0;
}

int tg_task_defer(tg_task *self)
{
    int refused = leave_thread(self, "tg_task_defer");
    if (refused == 0)
        self->way = TG__DEFERS;
    return refused;
}

int tg_task_sleep(tg_task *self, double seconds)
{
    int refused = leave_thread(self, "tg_task_sleep");
    if (refused != 0)
        return refused;
    if (!(seconds >= 0))
        return tg_task_fail(self, (int)TG_INVALID, "tg_task_sleep: seconds is %g", seconds);
    self->way = TG__SLEEPS;
    self->wake = tg_time_now() + seconds;
    return 0;
}

void tg_task_stop(tg_task *self)
{
    if (self == NULL || self->kind != TG__SERVER)
        return;
    struct tg__view task = tg__store_get(&self->exec->store, self->index);
    if (task.attributes != NULL)
        atomic_store(&task.attributes->last, true);
}

/* ---- giving up ---- */

void tg_task_abort(int code, const char *format, ...)
{
    tg_task *self = tg__frame_current();
    va_list args;
    va_start(args, format);
    if (self == NULL || self->recovery == NULL) {
        fputs("tg_task_abort outside of a task: ", stderr);
        vfprintf(stderr, format != NULL ? format : "no message", args);
        fputc('\n', stderr);
        abort();
    }
    if (format != NULL)
        say_formatted(self, format, args);
    va_end(args);
    self->code = code != 0 ? code : -1;
    tg__recover(self->recovery);
}

void tg_task_abort_text(int code, const char *message)
{
    tg_task_abort(code, "%s", message != NULL ? message : "no message");
}

/* ---- what a worker keeps ---- */

int tg_task_worker(tg_task *self)
{
    if (self == NULL || self->kind != TG__SERVER)
        return -1;
    if (self->worker_id < 0)
        self->worker_id = tg__locals_enter(&self->exec->locals);
    return self->worker_id;
}

/* The first time in this server, or until worker_init has succeeded. */
static void *find_local(tg_task *self)
{
    int id = tg_task_worker(self);
    if (id < 0)
        return NULL;
    struct tg__exec *exec = self->exec;
    int code = tg__locals_state(&exec->locals, id, exec->user, &self->local);
    self->has_local = code == 0;
    if (code != 0)
        tg_task_fail(self, code, "worker_init returned %d for worker %d", code, id);
    return self->local;
}

void *tg_task_local(tg_task *self)
{
    return self != NULL && self->has_local ? self->local : find_local(self);
}
