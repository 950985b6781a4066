/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_WAITER_H
#define TG_LIB_WAITER_H
/*
 * The waiter: the one thread of a process that is not OpenMP's. It sleeps until the earliest alarm,
 * or until it is woken to look whether something was cancelled. It runs no task.
 */
#include <stdatomic.h>
#include <stdbool.h>

/* Something that is due at a time: a node of a pairing heap, part of its owner's memory. */
struct tg__alarm {
    void (*ring)(struct tg__alarm *alarm); /* on the waiter, without a lock of its */
    double time;                           /* on tg_time_now()'s clock */
    bool set;
    struct tg__alarm *child, *next,
        *previous; /* previous: the sibling, or the parent of the first */
};

/* Makes the thread, unless it is there. False: the system has none left. */
bool tg__waiter_start(void);

/* The alarm rings at `time`, once; an earlier time that was set is forgotten. The waiter must have
 * been started. */
void tg__alarm_set(struct tg__alarm *alarm, double time);

/* It does not ring any more; waits for one that is ringing, unless from inside it. */
void tg__alarm_clear(struct tg__alarm *alarm);

/* Has the waiter look at once. Async-signal-safe. */
void tg__waiter_wake(void);

/* The same, if there is anything to look after: a watcher counts itself, then has the waiter look;
   a cancel advances the epoch, then loads this. Both are sequentially consistent, as is the look of
   the waiter at the epoch (context.h), so one of the two wakes it (test/model/waiter.pml). */
extern atomic_int tg__waiter_watching;
static inline void tg__waiter_nudge(void)
{
    if (atomic_load(&tg__waiter_watching) > 0)
        tg__waiter_wake();
}

/* What the waiter calls each time that it is awake; it answers the time of the next look. */
void tg__waiter_look_with(double (*look)(void));

/* Is the calling thread the waiter? */
bool tg__waiter_is_self(void);

#endif
