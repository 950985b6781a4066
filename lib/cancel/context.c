/* SPDX-License-Identifier: MIT */
#include "cancel/context.h"

#include "base/options.h"
#include "cancel/signals.h"
#include "base/status.h"
#include "cancel/events.h"

#include <signal.h>
#include <stdlib.h>
#include <taskgroup/version.h>

enum { WRITING = -1 };

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler must be able to cancel");

atomic_uint tg__context_epoch;

static const tg_error timed_out = {
    .status = TG_TIMED_OUT, .index = TG_NO_INDEX, .name = "", .message = "the deadline has passed"};

/* Not snprintf: that is not async-signal-safe. */
static void copy_text(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; i + 1 < size && from[i] != '\0'; i++)
        to[i] = from[i];
    to[i] = '\0';
}

void tg__context_init(tg_context *context, tg_context *parent, void (*release)(tg_context *))
{
    if (parent != NULL)
        tg__context_ref(parent);
    context->parent = parent;
    context->outer = NULL;
    context->hooks = NULL;
    context->signals = 0;
    context->mark = 0;
    context->release = release;
    atomic_init(&context->state, 0);
    atomic_init(&context->refs, 1);
    atomic_init(&context->lock.taken, 0);
    atomic_init(&context->deadline, INFINITY);
    context->cause = (tg_error){.index = TG_NO_INDEX, .name = "", .message = "", .backtrace = ""};
    tg__context_reset(context);
}

void tg__context_unref(tg_context *context)
{
    /* Each drop pairs with the others: all other holders are done with it (test/model/last.pml). */
    while (context != NULL &&
           atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1) {
        tg_context *parent = context->parent;
        context->release(context);
        context = parent;
    }
}

/* Under the lock. The next thread that asks looks at all above; the deadline that was found there
   last says nothing any more. */
static void look_again(tg_context *context)
{
    unsigned now = atomic_load_explicit(&tg__context_epoch, memory_order_relaxed);
    atomic_store_explicit(&context->seen, now - 1, memory_order_relaxed);
    atomic_store_explicit(&context->until, INFINITY, memory_order_relaxed);
}

/* Both under the lock. Else a run may end before the first load, and another thread may ask before
   the second one: the event thread would take the end's "no deadline" for what was found since, and
   sleep beside the deadline of a context above (test/model/until.pml). */
bool tg__context_until(tg_context *context, double *until)
{
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    *until = atomic_load_explicit(&context->until, memory_order_relaxed);
    bool known = atomic_load_explicit(&context->seen, memory_order_relaxed) ==
                 atomic_load_explicit(&tg__context_epoch, memory_order_relaxed);
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
    return known;
}

void tg__context_reset(tg_context *context)
{
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    /* As a stop does: a cancel may come at this moment, and takes no lock. It claims the state
       after this has given it back (release here, acquire there), as causes are copied under the
       lock (test/model/reset.pml). */
    int state = (int)tg__context_settled(context);
    while (!atomic_compare_exchange_weak_explicit(
        &context->state, &state, WRITING, memory_order_acq_rel, memory_order_relaxed))
        state = (int)tg__context_settled(context);
    look_again(context);
    atomic_store_explicit(
        &context->state, 0, memory_order_release); /* the cause stays: somebody may be reading it */
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
}

bool tg__context_stop(tg_context *context, const tg_error *cause)
{
    int live = 0; /* acquire: pairs with tg__context_reset(); on failure nothing else is read */
    if (!atomic_compare_exchange_strong_explicit(
            &context->state, &live, WRITING, memory_order_acq_rel, memory_order_relaxed))
        return false;
    copy_text(context->message, sizeof context->message, cause->message);
    copy_text(context->name, sizeof context->name, cause->name);
    context->cause = *cause;
    context->cause.message = context->message;
    context->cause.name = context->name;
    context->cause.backtrace = "";
    /* Pairs with the acquire in tg__context_settled(): the cause is seen. */
    atomic_store_explicit(&context->state, (int)cause->status, memory_order_release);
    atomic_fetch_add(&tg__context_epoch, 1); /* then: pairs with the loads in live and ask */
    tg__events_nudge();
    return true;
}

tg_status tg__context_settled(tg_context *context)
{
    int state;
    while ((state = atomic_load_explicit(&context->state, memory_order_acquire)) == WRITING)
        sched_yield();
    return (tg_status)state;
}

/* What has stopped a context, with the texts that it points to. */
struct found {
    tg_error cause;
    char message[sizeof((tg_context *)NULL)->message], name[sizeof((tg_context *)NULL)->name];
};

/* Under the context's lock: a reset then keeps the cause as it is. */
static void copy_cause(const tg_context *context, struct found *found)
{
    found->cause = context->cause;
    copy_text(found->message, sizeof found->message, context->message);
    copy_text(found->name, sizeof found->name, context->name);
    found->cause.message = found->message;
    found->cause.name = found->name;
}

/*
 * How do things stand from `context` upwards? True: it has stopped, and `found` says by what; else
 * `until` becomes the earliest deadline. Each context remembers the epoch in which it was looked
 * at, so one that several paths lead to, or that others have asked already, is not looked at again:
 * a new group in a deep tree asks its parent only.
 *
 * The lock is held to the end, and locks go from a child to its parents: no group above can end its
 * run or be reset while it is looked at, and two threads that look at once cannot leave the older
 * deadline with the newer epoch. What lies between is stopped on the way back: a cancel advances
 * the epoch only after it has stored the state, and until then nothing else would stop it.
 */
static bool refresh(tg_context *context, unsigned epoch, struct found *found, double *until)
{
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    bool stopped = tg__context_settled(context) != TG_OK;
    if (stopped) {
        copy_cause(context, found);
    } else if (atomic_load_explicit(&context->seen, memory_order_relaxed) == epoch) {
        *until = atomic_load_explicit(&context->until, memory_order_relaxed);
    } else {
        double earliest = atomic_load_explicit(&context->deadline, memory_order_relaxed);
        tg_context *const above[] = {context->parent, context->outer};
        for (int i = 0; i < 2 && !stopped; i++) {
            if (above[i] == NULL || (i > 0 && above[i] == above[0]))
                continue;
            stopped = refresh(above[i], epoch, found, until);
            earliest = !stopped && *until < earliest ? *until : earliest;
        }
        *until = earliest;
        if (stopped) {
            tg__context_stop(context, &found->cause);
        } else {
            atomic_store_explicit(&context->until, earliest, memory_order_relaxed);
            atomic_store_explicit(&context->seen, epoch, memory_order_relaxed);
        }
    }
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
    return stopped;
}

/* Relaxed: expire() looks once more under the lock. */
static bool is_late(const tg_context *context)
{
    double until = atomic_load_explicit(&context->until, memory_order_relaxed);
    return until < (double)INFINITY && tg_time_now() >= until;
}

/* Looks once more under the lock: it may have been reset since. */
static void expire(tg_context *context)
{
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    if (is_late(context))
        tg__context_stop(context, &timed_out);
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
}

tg_status tg__context_ask(tg_context *context)
{
    unsigned epoch = atomic_load(&tg__context_epoch);
    if (tg__context_settled(context) == TG_OK &&
        atomic_load_explicit(&context->seen, memory_order_relaxed) != epoch) {
        struct found found;
        double until;
        refresh(context, epoch, &found, &until);
    }
    if (tg__context_settled(context) == TG_OK && is_late(context))
        expire(context);
    return tg__context_settled(context);
}

/* Children that are there already know neither a new deadline nor a new way up. */
static void tell_children(tg_context *context)
{
    /* Relaxed: a child that looked up before had our lock for that, and we have had it since. */
    if (atomic_load_explicit(&context->refs, memory_order_relaxed) > 1)
        atomic_fetch_add(&tg__context_epoch, 1);
    tg__events_nudge();
}

/* Guards every context's `mark`, and is held while a context gets its outer one: two threads could
   close a circle together. Taken before any context's lock. */
static struct tg__lock circles;

/* Is `above` reached from `context`? Each context is visited once a search, however many paths lead
 * to it. */
static bool hangs_on(tg_context *context, const tg_context *above, unsigned search)
{
    if (context == NULL || context == above)
        return context != NULL;
    if (context->mark == search)
        return false;
    context->mark = search;
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    bool found =
        hangs_on(context->parent, above, search) || hangs_on(context->outer, above, search);
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
    return found;
}

void tg__context_start(tg_context *context, tg_context *outer, double until)
{
    /* A group whose context the outer one hangs on may run inside it: no circle then. Only a
       context with children can be above anything; it has them from before its run, so relaxed. */
    static unsigned searches; /* under `circles` */
    bool slow = outer != NULL && atomic_load_explicit(&context->refs, memory_order_relaxed) > 1;
    if (slow)
        tg__lock_take(&circles, TG__LOCK_CIRCLES);
    if (slow && hangs_on(outer, context, ++searches))
        outer = NULL;
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    context->outer = outer;
    if (slow)
        tg__lock_give(&circles, TG__LOCK_CIRCLES);
    atomic_store_explicit(&context->deadline, until, memory_order_relaxed);
    look_again(context);
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
    if (outer != NULL || until < (double)INFINITY)
        tell_children(context);
}

void tg__context_leave(tg_context *context)
{
    tg__lock_take(&context->lock, TG__LOCK_CONTEXT);
    context->outer = NULL;
    atomic_store_explicit(&context->deadline, INFINITY, memory_order_relaxed);
    look_again(context);
    tg__lock_give(&context->lock, TG__LOCK_CONTEXT);
}

static void free_context(tg_context *context)
{
    free(context);
}

tg_context *tg__context_new(tg_context *parent, double deadline)
{
    tg_context *context = malloc(sizeof *context);
    if (context == NULL)
        return NULL;
    tg__context_init(context, parent, free_context);
    atomic_store(&context->deadline, deadline);
    return context;
}

/*
 * What has stopped the context already, though nobody has asked it since: a cause above, or a
 * deadline. Without locks, for a signal handler: contexts above are held, and a cause's texts stay
 * where they are.
 */
static bool stop_by_older_cause(tg_context *context)
{
    double now = tg_time_now();
    for (tg_context *c = context; c != NULL; c = c->parent) {
        int state = atomic_load_explicit(&c->state, memory_order_acquire);
        if (c != context && state > 0) {
            tg_error cause = c->cause;
            cause.status = (tg_status)state;
            return tg__context_stop(context, &cause);
        }
        /* Relaxed: a time, and nothing beside it. */
        if (atomic_load_explicit(&c->deadline, memory_order_relaxed) <= now)
            return tg__context_stop(context, &timed_out);
    }
    return false;
}

static const unsigned known_signals =
    TG_SIGNAL_INT | TG_SIGNAL_TERM | TG_SIGNAL_USR1 | TG_SIGNAL_USR2;

static bool stop_by_signal(void *object, int number)
{
    tg_context *context = object;
    int state = atomic_load(&context->state); /* never waits for WRITING: that may be below us */
    if (state != 0 || stop_by_older_cause(context))
        return state == WRITING;
    tg_context_cancel(context, number,
        number == SIGINT    ? "stopped by SIGINT"
        : number == SIGTERM ? "stopped by SIGTERM"
        : number == SIGUSR1 ? "stopped by SIGUSR1"
                            : "stopped by SIGUSR2");
    return true;
}

tg_context *tg_context_create(const tg_context_options *options)
{
    tg_context_options o;
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(&o, sizeof o, options, why);
    if (status != TG_OK)
        return tg__refuse_create(status, "tg_context_create: options: %s", why);
    const struct tg__number numbers[] = {
        {"timeout", o.timeout, 0, (double)INFINITY, 0},
        {"deadline", o.deadline, 0, (double)INFINITY, 0},
    };
    char text[TG__NUMBER_SIZE];
    if (tg__number_is_wrong(numbers, sizeof numbers / sizeof *numbers, text))
        return tg__refuse_create(TG_INVALID, "tg_context_create: %s", text);
    if ((o.signals & ~known_signals) != 0)
        return tg__refuse_create(TG_UNSUPPORTED, "tg_context_create: signals 0x%x are unknown",
            o.signals & ~known_signals);
    tg_context *context = tg__context_new(o.parent, tg__time_until(o.timeout, o.deadline));
    if (context == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "tg_context_create: out of memory");
    if (o.signals != 0 && !tg__signals_bind(context, o.signals, stop_by_signal)) {
        tg__context_unref(context);
        return tg__refuse_create(
            TG_NO_SYSTEM, "tg_context_create: signals 0x%x cannot be bound", o.signals);
    }
    context->signals = o.signals;
    return context;
}

void tg_context_destroy(tg_context *context)
{
    if (context == NULL || context->release != free_context) /* a group's goes with its group */
        return;
    if (context->signals != 0)
        tg__signals_unbind(context, context->signals);
    tg__context_unref(context);
}

tg_status tg_context_cancel(tg_context *context, int code, const char *reason)
{
    if (context == NULL)
        return TG_INVALID; /* no message: this may be a signal handler */
    stop_by_older_cause(context);
    tg__context_stop(context, &(tg_error){.status = TG_CANCELLED,
                                  .code = code,
                                  .index = TG_NO_INDEX,
                                  .name = "",
                                  .message = reason != NULL ? reason : "cancelled"});
    return TG_OK;
}

tg_status tg_context_check(tg_context *context)
{
    if (context == NULL)
        return tg__refuse_null("tg_context_check", "context");
    return tg__context_status(context);
}

const tg_error *tg_context_cause(tg_context *context)
{
    if (context == NULL) {
        tg__refuse_null("tg_context_cause", "context");
        return NULL;
    }
    return tg__context_status(context) == TG_OK ? NULL : &context->cause;
}
