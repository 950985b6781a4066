/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_SLOW_PATH_H
#define TG_LIB_TASK_SLOW_PATH_H
/* A task with more than a function: timeouts, attempts, periods, guard, times, and an end that
 * somebody waits for. */
#include "task/frame.h"

/* Starts a task that was claimed, and ends it, unless it is suspended or another thread has taken
 * it. */
void tg__slow_run(tg_task *self, const struct tg__view *task);

/* Its function has aborted or crashed, and control has come back by the recovery point. */
void tg__slow_recover(tg_task *self, const struct tg__view *task);

/* An attempt has ended with this code. False: the task will be started again. True: it has its
   final state; the caller gives back its grant, and calls after_end. */
bool tg__slow_end(tg_task *self, const struct tg__view *task, int code);

/* Tells a task that runs, or will, to stop; false: it has no context by which it could be told. Its
 * record stays meanwhile. */
bool tg__slow_tell(const struct tg__view *task);

/* Gives back the context of an attempt that has ended; NULL is harmless. */
void tg__slow_disown(const struct tg__view *task, tg_context *own);

#endif
