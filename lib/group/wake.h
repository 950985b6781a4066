/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_WAKE_H
#define TG_LIB_GROUP_WAKE_H
/*
 * How a thread is woken for a group: for work, for its end, for space in its queue, for a cancel.
 * Publish first (sequentially consistent), then notify: a thread that is about to sleep counts
 * itself first, then looks once more.
 */
#include "sched/team.h"

#include <taskgroup/group.h>

/*
 * Under the lock: while a group is pinned its run does not end. Unpinning, without the lock, wakes
 * up to `many` threads for what has been published meanwhile, and is the last touch of the group:
 * then the run may end, and the group be destroyed.
 */
struct tg__pin {
    struct tg__team *team; /* NULL: it does not run */
    bool inside;           /* the caller is in one of its tasks, which holds it */
    bool none;             /* nobody is to be woken */
};
struct tg__pin tg__group_pin(tg_group *group);
void tg__group_unpin(tg_group *group, struct tg__pin pin, size_t many);

/* The same for a caller that only wakes: no pin if no thread sleeps. */
struct tg__pin tg__group_pin_to_notify(tg_group *group);

/* From any thread, without a lock: the thread that runs the group looks again whether it is over;
   if no run goes on, its owner looks. */
void tg__group_notify_owner(tg_group *group);

/* Under the lock, of a watchable group: a cancel or a deadline wakes the group while it sleeps. The
   event thread must have been started. */
void tg__group_watch(tg_group *group);

/* A task has ended, or all is over: producers that wait for space look again. */
void tg__backpressure_notify(tg_group *group);

#endif
