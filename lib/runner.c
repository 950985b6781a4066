/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* initial-exec: one load instead of a call, also in a shared library. It is one pointer. */
static _Thread_local tg_task *current __attribute__((tls_model("initial-exec")));

void tg__runner_enter(tg_task *self, struct tg__run *run)
{
    *self = (tg_task){.run = run, .under = current};
    current = self;
}

static void merge(atomic_size_t *total, size_t part)
{
    if (part > 0)
        atomic_fetch_add_explicit(total, part, memory_order_relaxed);
}

void tg__runner_leave(tg_task *self)
{
    current = self->under;
    merge(&self->run->ok, self->ok);
    merge(&self->run->failed, self->failed);
    merge(&self->run->cancelled, self->cancelled);
}

static void forget_message(tg_task *self)
{
    free(self->message);
    self->message = NULL;
    self->message_lost = false;
}

/* The task failed, and nobody had told it to stop. True: and so the group stops. */
static bool record_failure(tg_task *self, const struct tg__view *task, int code)
{
    char text[64];
    const char *message = self->message;
    if (message == NULL && self->message_lost)
        message = "out of memory: the task's message was lost";
    if (message == NULL) {
        snprintf(text, sizeof text, "task %zu returned %d", self->index, code);
        message = text;
    }
    tg_error error = {
        .status = TG_FAILED,
        .code = code,
        .index = self->index,
        .id = task->extra != NULL ? task->extra->id : 0,
        .name = task->extra != NULL ? task->extra->name : "",
        .message = message,
    };
    struct tg__run *run = self->run;
    bool required = (task->flags & TG_TASK_OPTIONAL) == 0;
    const struct tg__failure *first = tg__failures_add(&run->failures, &error, required);
    if (first == NULL || run->keep_going || !tg__context_stop(run->context, &first->error))
        return false;
    atomic_store(&run->stopped_itself, true);
    return true;
}

static bool end_badly(tg_task *self, const struct tg__view *task, int code)
{
    bool stops = false;
    tg_status status = self->told ? TG_CANCELLED : TG_FAILED;
    if (self->told) {
        self->cancelled++;
    } else {
        self->failed++;
        stops = record_failure(self, task, code);
    }
    atomic_store_explicit(&task->cell->code, code, memory_order_relaxed);
    atomic_store_explicit(&task->cell->state, TG__STATE(status), memory_order_release);
    return stops;
}

bool tg__runner_run(tg_task *self, size_t first, size_t many)
{
    struct tg__run *run = self->run;
    struct tg__segment *segment = self->segment;
    bool stops = false;
    for (size_t i = first; i < first + many; i++) {
        if (tg__context_status(run->context) != TG_OK) {
            self->over = true;
            break;
        }
        struct tg__view task;
        segment = tg__store_find(&run->store, i, segment);
        tg__store_view(&run->store, segment, i, &task);
        self->index = i;
        self->told = false;
        atomic_store_explicit(&task.cell->state, TG__STATE(TG_RUNNING), memory_order_relaxed);
        int code = task.function(self, task.arg, task.result);
        if (code == 0) {
            self->ok++;
            atomic_store_explicit(&task.cell->state, TG__STATE(TG_OK), memory_order_release);
        } else if (end_badly(self, &task, code)) {
            stops = true;
        }
        if (self->message != NULL || self->message_lost)
            forget_message(self);
    }
    self->segment = segment;
    return stops;
}

tg_task *tg_task_current(void)
{
    return current;
}

tg_status tg_task_check(tg_task *self)
{
    if (self == NULL)
        return tg__refuse_null("tg_task_check", "self");
    tg_status status = tg__context_status(self->run->context);
    if (status != TG_OK)
        self->told = true;
    return status;
}

size_t tg_task_index(const tg_task *self)
{
    return self != NULL ? self->index : TG_NO_INDEX;
}

tg_group *tg_task_group(const tg_task *self)
{
    return self != NULL ? self->run->group : NULL;
}

tg_context *tg_task_context(const tg_task *self)
{
    return self != NULL ? self->run->context : NULL;
}

/* Takes over `message`; NULL: there was no memory for it. */
static void say(tg_task *self, char *message)
{
    forget_message(self);
    self->message = message;
    self->message_lost = message == NULL;
}

int tg_task_fail(tg_task *self, int code, const char *format, ...)
{
    if (self != NULL && format != NULL) {
        va_list args;
        va_start(args, format);
        int length = vsnprintf(NULL, 0, format, args);
        va_end(args);
        char *message = length >= 0 ? malloc((size_t)length + 1) : NULL;
        if (message != NULL) {
            va_start(args, format);
            vsnprintf(message, (size_t)length + 1, format, args);
            va_end(args);
        }
        say(self, message);
    }
    return code != 0 ? code : -1;
}

int tg_task_fail_text(tg_task *self, int code, const char *message)
{
    if (self != NULL && message != NULL) {
        size_t size = strlen(message) + 1;
        char *copy = malloc(size);
        if (copy != NULL)
            memcpy(copy, message, size);
        say(self, copy);
    }
    return code != 0 ? code : -1;
}
