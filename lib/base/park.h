/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_PARK_H
#define TG_LIB_BASE_PARK_H
/*
 * How a thread sleeps, and how it is woken. Only the event thread, which signal handlers wake, has
 * a way of its own (cancel/events.c); and a thread that waits for a tg__lock (sys/lock.h).
 *
 * A parker is one thread that sleeps until another one notifies it, or until a time. A notification
 * that comes before the thread parks is not lost. A parker lies on its thread's stack. So a
 * notifier finds it in some list, under that list's lock, and notifies it before it gives this lock
 * back; the thread takes the same lock, to leave the list, before its frame goes.
 *
 * Waiters are a list of parkers: threads that wait for something to change that a mutex guards. The
 * same mutex guards the list. Here a condition variable would do the same, but it may fail to be
 * made, and in a child of fork() it cannot be destroyed; and a worker could not sleep in it and in
 * its team at once (tg__team_help()).
 */
#include "base/list.h"
#include "sys/lock.h"

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

/* Sleeps until notified, or until that time on tg_time_now()'s clock (INFINITY: no time); spins
   `spins` times before. False: the time has come. Takes the notification away. */
bool tg__park(struct tg__parker *parker, int spins, double until);

void tg__park_notify(struct tg__parker *parker);

/* ---- waiters: each call with the mutex that guards the list ---- */

struct tg__waiter {
    struct tg__link link;
    struct tg__parker *parker; /* may be in several lists at once, with a waiter in each */
    bool listed;
};

/* Sleeps until the next tg__wake_all(), or until that time; the mutex is free meanwhile. False: the
   time had come before. A caller looks at what it waits for before and after. */
bool tg__wait(struct tg__link **waiters, pthread_mutex_t *mutex, enum tg__rank rank, double until);

/* The two halves of it, for a thread that parks in a way of its own between them, without the
 * mutex. */
void tg__waiter_join(struct tg__link **waiters, struct tg__waiter *me, struct tg__parker *parker);
void tg__waiter_leave(struct tg__waiter *me);

void tg__wake_all(struct tg__link **waiters);

#endif
