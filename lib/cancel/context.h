/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_CANCEL_CONTEXT_H
#define TG_LIB_CANCEL_CONTEXT_H
/*
 * Cancel scopes. A cancel marks one node and advances a global epoch; it takes no lock, so a signal
 * handler may do it. Each context below finds out by itself: it remembers at which epoch it
 * last walked up the tree, and while the epoch stands still, asking costs a few loads, however
 * deep. A thread that waits instead of asking has a hook (hook.h).
 */
#include <taskgroup/context.h>

#include "base/list.h"
#include "sys/lock.h"

#include <math.h>
#include <stdatomic.h>

struct tg_context {
    atomic_int state;        /* 0: live; WRITING; else the status of the cause */
    atomic_uint seen;        /* the epoch at which `until` and the tree above were looked at */
    _Atomic double until;    /* the earliest deadline from here up; INFINITY: none */
    _Atomic double deadline; /* its own; as the two above, stored under the lock */
    tg_context *parent;      /* held */
    tg_context *outer;       /* the context of the group in whose task this group runs, or NULL */
    struct tg__lock lock;    /* guards `outer` and, against reset, the cause while it is copied */
    atomic_size_t refs;      /* its owner's, and one for each child */
    void (*release)(tg_context *); /* frees the memory that it is part of */
    struct tg__link *hooks;        /* these two are hook.c's, under its lock: tg_hook.link, and … */
    struct tg__link watched;       /* … its place among the contexts that have some */
    unsigned signals;              /* that it is bound to */
    unsigned
        mark; /* the last search for a circle that came by; context.c's, under a lock of its own */
    tg_error cause;
    char message[128], name[64];
};

extern atomic_uint tg__context_epoch;

/*
 * `until` at infinity is the common case, and must cost no clock.
 *
 * state: the acquire pairs with the release in tg__context_stop(), for the cause.
 * The epoch: tg__context_stop() advances it after it has stored the state, so a thread that has
 * seen the epoch finds the state when it walks up (test/model/cancel.pml). It is loaded with
 * sequential consistency, as the event thread sleeps after this look: see tg__events_nudge().
 * seen, until: relaxed, as a later look corrects an old value. What lasts (to sleep until a time,
 * to stop by a deadline) is decided under the lock.
 */
static inline bool tg__context_live(tg_context *context)
{
    return atomic_load_explicit(&context->state, memory_order_acquire) == 0 &&
           atomic_load_explicit(&context->seen, memory_order_relaxed) ==
               atomic_load(&tg__context_epoch) &&
           atomic_load_explicit(&context->until, memory_order_relaxed) == (double)INFINITY;
}

/* TG_OK, or what stopped it. The slow path of the above: walks up, reads the clock. */
tg_status tg__context_ask(tg_context *context);

static inline tg_status tg__context_status(tg_context *context)
{
    return tg__context_live(context) ? TG_OK : tg__context_ask(context);
}

/* The status of the cause, waiting for one that is being written. */
tg_status tg__context_settled(tg_context *context);

/* What has been noticed so far, without looking up or at the clock. Relaxed: tg__context_settled()
   acquires before anything of the cause is read. */
static inline tg_status tg__context_noticed(tg_context *context)
{
    return atomic_load_explicit(&context->state, memory_order_relaxed) == 0
               ? TG_OK
               : tg__context_settled(context);
}

/* Prepares memory of the caller's; takes a hold on `parent`. `release` is called after the last
 * hold. */
void tg__context_init(tg_context *context, tg_context *parent, void (*release)(tg_context *));

/* A context in a block of its own, below `parent`, with a deadline or INFINITY. NULL: out of
 * memory. */
tg_context *tg__context_new(tg_context *parent, double deadline);

/* Stops it with this cause, if it is the first; texts are copied, and cut. Async-signal-safe. */
bool tg__context_stop(tg_context *context, const tg_error *cause);

/* For a run: the group in whose task it happens, or NULL, and when it times out, or INFINITY. */
void tg__context_start(tg_context *context, tg_context *outer, double until);

/* The end of that run: nothing looks at `outer` any more when this returns. */
void tg__context_leave(tg_context *context);

/* As new; what hangs below and has noticed the cancel stays cancelled. */
void tg__context_reset(tg_context *context);

/* The earliest deadline that holds for it, as it was found when it was asked last. False: it must
 * be asked again. */
bool tg__context_until(tg_context *context, double *until);

/* Takes a hold. Relaxed: it cannot be the first one, so nothing is published. */
static inline void tg__context_ref(tg_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
}

/* Gives a hold back. */
void tg__context_unref(tg_context *context);

#endif
