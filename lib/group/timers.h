/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_TIMERS_H
#define TG_LIB_GROUP_TIMERS_H
/*
 * Tasks that wait for a time: for their start, their next attempt or period, the end of a sleep.
 *
 * Lock: the group's, for every member but the atomic ones, which are hints without it.
 */
#include "base/heap.h"
#include "cancel/events.h"
#include "task/store.h"

#include <taskgroup/group.h>

struct tg__timers {
    struct tg__heap heap;   /* by time */
    size_t background;      /* of them: do not keep the group open */
    size_t gone;            /* of them: taken back, and to be thrown out */
    size_t starts;          /* of the others: have not started yet */
    size_t placed;          /* of them: have a place in the bounded queue, too */
    bool timed;             /* a task was added that waits for its start */
    bool dropped;           /* some still waited when a run ended */
    uint64_t armed;         /* the time for which `timer` is set, as a key; UINT64_MAX: it is not */
    struct tg__timer timer; /* wakes a thread while all sleep */
    _Atomic uint64_t next_deadline; /* the first one's key; UINT64_MAX: none */
    atomic_bool expired;            /* the timer has fired, and nobody has looked since */
};

void tg__timers_init(tg_group *group);

/* For the next batch, nobody looks meanwhile; and for good. */
void tg__timers_reset(tg_group *group);
void tg__timers_fini(tg_group *group);

/* A time on tg_time_now()'s clock, as a key of the heap. */
uint64_t tg__timers_key(double time);

/* Under the lock: the task waits in this state until `time`. Space in the heap must have been
 * reserved. */
void tg__timers_push(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state, double time);

/* Under the lock: a task that waited has been dealt with otherwise. Its item stays in the heap for
 * a while. */
void tg__timers_forget(tg_group *group, const struct tg__view *task);

/* Under the lock: a task that waited in this state has left the heap. */
void tg__timers_count_out(tg_group *group, const struct tg__view *task, unsigned char state);

/* Under the lock, after the heap has changed: stores `next_deadline`. */
void tg__timers_publish(tg_group *group);

/* Under the lock: does a task wait that keeps the group open? */
bool tg__timers_open(const tg_group *group);

/* Under the lock: no task waits any more. */
void tg__timers_drop(tg_group *group);

/* A thread is woken when the first is due, but not before `slack` seconds from now: 0 before
 * threads sleep. */
void tg__timers_arm(tg_group *group, double slack);

/* On the event thread: wakes a server to look. */
void tg__timers_fire(struct tg__timer *timer);

#endif
