/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_HANDLE_H
#define TG_LIB_TASK_HANDLE_H
/*
 * What a user holds of a submitted task: outlives it, and has its outcome. The runner knows only
 * that somebody waits.
 */
#include "task/frame.h"

#include <taskgroup/pool.h>

struct tg__handle;

/* What a handle asks of its pool, while the task has not ended. */
struct tg__handle_calls {
    /* Would a wait keep a thread of the pool from what it waits for? */
    bool (*inside)(struct tg__exec *exec);
    /* Enter is called while the task has certainly not ended: the run stays until cancel, or
     * complete, returns. */
    void (*enter)(struct tg__exec *exec);
    tg_status (*cancel)(struct tg__exec *exec, size_t index, const struct tg__handle *handle);
    tg_status (*complete)(struct tg__exec *exec, size_t index, const struct tg__handle *handle,
        int code, const char *message);
};

/* One hold is the user's, one the task's. NULL: out of memory. */
struct tg__handle *tg__handle_new(
    struct tg__exec *exec, const char *name, const struct tg__handle_calls *calls);

/* The user's side, and where its task's index is noted before the user gets it. */
tg_task *tg__handle_task(struct tg__handle *handle);

/* The task was not taken: as if there had been none. */
void tg__handle_free(struct tg__handle *handle);

/* Why the task has failed; later its end, which gives the task's hold back. Once; NULL is harmless.
 */
void tg__handle_say(struct tg__handle *handle, const tg_error *error);
void tg__handle_end(struct tg__handle *handle, const tg_outcome *outcome);

/* tg_task_complete() of a deferred task. */
tg_status tg__handle_complete(tg_task *task, int code, const char *message);

#endif
