/* SPDX-License-Identifier: MIT */
#include "task/frame.h"

#include <stdlib.h>

/* initial-exec: one load instead of a call, also in a shared library. It is one pointer. */
static _Thread_local tg_task *current __attribute__((tls_model("initial-exec")));

tg_task *tg__frame_current(void)
{
    return current;
}

void tg__frame_push(tg_task *self, struct tg__exec *exec, enum tg__kind kind)
{
    *self = (tg_task){
        .exec = exec, .previous = current, .index = TG_NO_INDEX, .kind = kind, .worker_id = -1};
    current = self;
}

void tg__frame_pop(const tg_task *self)
{
    current = self->previous;
}

struct tg__pause tg__frame_pause(void)
{
    struct tg__pause pause = {NULL, NULL};
    if (current != NULL) {
        pause.recovery = current->recovery;
        current->recovery = NULL;
        pause.armed = tg__guard_arm(NULL);
    }
    return pause;
}

void tg__frame_resume(struct tg__pause pause)
{
    if (current != NULL) {
        current->recovery = pause.recovery;
        tg__guard_arm(pause.armed);
    }
}

tg_task *tg__frame_inside(const struct tg__exec *exec)
{
    tg_task *task = current;
    while (task != NULL && task->exec != exec)
        task = task->exec->above;
    return task;
}

tg_context *tg__frame_context(const tg_task *self)
{
    return self->own != NULL ? self->own : self->exec->shield ? NULL : self->exec->context;
}

bool tg__frame_has_stopped(const tg_task *self)
{
    return !self->exec->shield && tg__context_status(self->exec->context) != TG_OK;
}

void tg__frame_forget_message(tg_task *self)
{
    free(self->message);
    free(self->trace);
    self->message = self->trace = NULL;
    self->message_lost = false;
}

struct tg__grant *tg__frame_grant(tg_task *task, const tg_limit *limit)
{
    while (task != NULL && !(task->grant.limit != NULL && task->grant.limit == limit))
        task = task->exec->above;
    return task != NULL ? &task->grant : NULL;
}
