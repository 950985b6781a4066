/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_PARK_H
#define TG_LIB_SCHED_PARK_H
/*
 * One thread that sleeps until another one notifies it, or until a time. A notification that comes before the thread
 * parks is not lost.
 *
 * A parker lies on its thread's stack. So a notifier finds it in some list, under that list's lock, and notifies it
 * before it gives this lock back; the thread takes the same lock, to leave the list, before its frame goes.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct tg__parker {
    pthread_mutex_t lock; /* a leaf: guards `asleep`, and the way from the last look to the sleep */
    pthread_cond_t condition;
    atomic_bool notified;
    bool asleep;
    bool locked, slept; /* ever: what was never used is not to be destroyed */
};

void tg__park_init(struct tg__parker *parker);
void tg__park_fini(struct tg__parker *parker);

/* Sleeps until notified, or until that time on tg_time_now()'s clock (INFINITY: no time); spins `spins` times before.
   False: the time has come. Takes the notification away. */
bool tg__park(struct tg__parker *parker, int spins, double until);

void tg__park_notify(struct tg__parker *parker);

#endif
