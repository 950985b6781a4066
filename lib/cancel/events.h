/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_CANCEL_EVENTS_H
#define TG_LIB_CANCEL_EVENTS_H
/*
 * The event thread, one for each process that needs it. It sleeps until the earliest timer, or
 * until another thread wakes it to look whether a context has stopped. It runs no task.
 */
#include <stdatomic.h>
#include <stdbool.h>

/* Something that is due at a time: a node of a pairing heap, part of its owner's memory. */
struct tg__timer {
    void (*fire)(struct tg__timer *timer); /* on the event thread, without a lock of its */
    double time;                           /* on tg_time_now()'s clock */
    bool set;
    struct tg__timer *child, *next,
        *previous; /* previous: the sibling, or the parent of the first */
};

/* Makes the thread, unless it is there. False: the system has none left. */
bool tg__events_start(void);

/* The timer fires at `time`, once; an earlier time that was set is forgotten. The event thread must
 * have been started. */
void tg__timer_set(struct tg__timer *timer, double time);

/* It does not fire any more; waits for one that is firing, unless from inside it. */
void tg__timer_clear(struct tg__timer *timer);

/* Has the event thread look at once. Async-signal-safe. */
void tg__events_wake(void);

/* The same, if there is anything to look after: a watcher counts itself, then has the event thread
   look; a cancel advances the epoch, then loads this. Both are sequentially consistent, as is the
   look of the event thread at the epoch (context.h), so one of the two wakes it
   (test/model/events.pml). */
extern atomic_int tg__events_watching;
static inline void tg__events_nudge(void)
{
    if (atomic_load(&tg__events_watching) > 0)
        tg__events_wake();
}

/* What the event thread calls each time that it is awake; it returns the time of the next look. */
void tg__events_poll_with(double (*look)(void));

/* Is the calling thread the event thread? */
bool tg__events_is_self(void);

#endif
