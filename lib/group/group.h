/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_GROUP_H
#define TG_LIB_GROUP_GROUP_H
/*
 * A group: one batch of tasks, composed of parts. Each part has a header with its struct, its
 * verbs, and the lock that guards it.
 */
#include "base/ids.h"
#include "group/attach.h"
#include "group/backpressure.h"
#include "group/bundle.h"
#include "group/cancel.h"
#include "group/claim.h"
#include "group/completion.h"
#include "group/expire.h"
#include "group/lifecycle.h"
#include "group/outcome.h"
#include "group/owner.h"
#include "group/parts.h"
#include "group/run.h"
#include "group/serve.h"
#include "group/suspended.h"
#include "group/timers.h"
#include "group/wake.h"
#include "task/runner.h"

/* Members that threads write at the same time begin cache lines of their own (parts.c). */
struct tg_group {
    _Alignas(TG__CACHE_LINE)
        tg_context context; /* first: its memory is the group's, until the last child is gone */
    void *block;            /* in which the group lies */
    /* Read only, from its creation on. */
    tg_group_options options;
    const struct tg__owner *owner;
    void *owned_by;      /* what the owner's functions find by the group */
    bool persistent;     /* the owner's, near at hand */
    bool reports;        /* to stderr … */
    bool reports_nested; /* … also when it runs in a task */
    atomic_uint process; /* in which it was made, or has run last */

    _Alignas(TG__CACHE_LINE) struct tg__lock lock; /* adding, and what the parts say */
    struct tg__ids ids;                            /* under the lock */
    struct tg__lifecycle lifecycle;
    struct tg__timers timers;
    struct tg__suspension suspended;
    struct tg__exec exec;
    struct tg__dispatch dispatch;
    struct tg__runq runq;
    struct tg__team *_Atomic team; /* while it runs; set and cleared under the lock */
    tg_scope_fn *body;             /* of a scope, or NULL */
    void *body_user;
    pthread_mutex_t wait_lock; /* for the waiters of the three that follow */
    _Alignas(TG__CACHE_LINE) struct tg__backpressure backpressure;
    _Alignas(TG__CACHE_LINE) struct tg__completion completion;
    struct tg__attachment attachment;
};

static inline tg_group *tg__group_of(struct tg__runq *runq)
{
    return TG__CONTAINER(tg_group, runq, runq);
}

/* Under the lock, under which it begins and ends: so relaxed. */
static inline bool tg__group_is_live(tg_group *group)
{
    return atomic_load_explicit(&group->team, memory_order_relaxed) != NULL;
}

/* Under the lock. Does an add that is refused now make the run fail? Not so in a pool, nor if an
   earlier refusal or a result is stored, or enough tasks have succeeded. */
static inline bool tg__group_loses(const tg_group *group)
{
    return !group->persistent && group->lifecycle.add_error == TG_OK &&
           group->lifecycle.result == TG_OK && !atomic_load(&group->exec.enough);
}

/* Under the lock: from the start of a run to its end? */
static inline bool tg__group_is_running(const tg_group *group)
{
    return group->lifecycle.phase != TG__PHASE_IDLE;
}

/* Under the lock: may it sleep, so that the event thread must look after it? */
static inline bool tg__group_is_watchable(const tg_group *group)
{
    enum tg__phase phase = group->lifecycle.phase;
    return group->persistent || phase == TG__PHASE_STARTING || phase == TG__PHASE_RUNNING;
}

static inline bool tg__group_is_parents(const tg_group *group)
{
    return atomic_load_explicit(&group->process, memory_order_relaxed) != tg__process_number() &&
           tg__group_was_in_use(group);
}

/*
 * Up to `want` tasks for the server at `place`: their number, 0 if there are none now. What they
 * take of the shared limit is in `self`, and says whether the head index gave them.
 */
static inline size_t tg__claim(
    tg_group *group, tg_task *self, int place, size_t want, size_t *first)
{
    self->apart = false;
    /* A claim that reads the older value takes from the head index only; the heap is under the
     * dispatch lock. */
    return atomic_load_explicit(&group->dispatch.ordered, memory_order_acquire)
               ? tg__claim_ordered(group, self, place, want, first)
               : tg__queue_claim(&group->dispatch.queue, place, want,
                     tg__store_count(&group->exec.store), !group->persistent, first);
}

/*
 * The place whose chunk the server at `place` takes from. With a limit of 1 all take from the
 * first: what is put back there comes before the head index, whichever thread claims next. Only the
 * thread with the one slot claims or puts back.
 */
static inline int tg__claim_place(const tg_group *group, int place)
{
    return group->options.limit == 1 ? 0 : place;
}

/* tg_group_destroy() and tg_group_reset(), of a pool's own group too. */
void tg__group_destroy(tg_group *group);
tg_status tg__group_renew(tg_group *group);

#endif
