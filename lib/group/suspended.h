/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_SUSPENDED_H
#define TG_LIB_GROUP_SUSPENDED_H
/*
 * Tasks that are in flight on no thread: they sleep, or wait until they are completed. Such a task
 * keeps its slot, and its grant of a shared limit. A run does not end while one waits for its
 * completion; sleepers are cancelled when the group has stopped.
 *
 * Lock: the group's.
 */
#include "base/list.h"
#include "task/frame.h"

#include <taskgroup/group.h>

struct tg__suspension {
    atomic_size_t count;    /* holds, opened ones, and tasks that somebody is to complete; also read
                               without the lock */
    size_t opened;          /* of them: tg_group_open() without tg_group_close() */
    struct tg__link *holds; /* open ones; where records are not recycled, completed ones too */
};

/* What the user has of a hold. Its record's argument leads to it. */
struct tg__hold {
    tg_task task; /* first: it is what the user has */
    struct tg__link link;
};

/* hold.c: what tg_group_open() and tg_group_close() do. False: it is not open. */
void tg__hold_open(tg_group *group);
bool tg__hold_close(tg_group *group);

/* For the next batch, nobody looks meanwhile; and for good: frees all holds. */
void tg__suspended_reset(tg_group *group);
void tg__suspended_fini(tg_group *group);

/* tg_group_complete(); with a handle, of the task that still has that. */
struct tg__handle;
tg_status tg__suspended_complete(tg_group *group, const char *call, size_t index,
    const struct tg__handle *handle, int code, const char *message);

/* tg__exec_calls.reserve and .suspend */
bool tg__suspended_reserve(tg_task *self);
void tg__suspended_put(tg_task *self, const struct tg__view *task);

/* A task whose sleep is over. The first function is called under the lock, the second without. */
struct tg__sleeper {
    struct tg__view task;
    struct tg__suspended *suspended;
    size_t index;
};
struct tg__sleeper tg__suspended_wake(tg_group *group, const struct tg__view *task, size_t index);
void tg__suspended_end_sleep(tg_group *group, struct tg__sleeper *sleeper, size_t many);

/* Under the lock: what a suspended task has left with its record; the caller's now. */
struct tg__suspended *tg__suspended_take(tg_group *group, size_t index);

/* A task that was in this state, and waited to go on, or to start, is cancelled. on_end
   is the caller's to call. False: it has just been claimed. */
bool tg__suspended_cancel(tg_group *group, const struct tg__view *task, unsigned char state);

/* Takes a task that waits for a time out of that, under the lock: then no other thread can start or
   end it. Without the lock the second gives back what it has. To cancel it, and to call on_end, is
   the caller's. */
struct tg__taken {
    unsigned char state; /* 0: it does not wait for a time */
    struct tg__suspended *suspended;
};
struct tg__taken tg__suspended_take_out(tg_group *group, const struct tg__view *task, size_t index);
void tg__suspended_give_back(tg_group *group, const struct tg__view *task, struct tg__taken taken);

#endif
