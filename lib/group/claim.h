/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_CLAIM_H
#define TG_LIB_GROUP_CLAIM_H
/*
 * Which task is next. Most groups claim from the queue of indices alone. Where the order of starts
 * must be exact, or a claim needs something first (weights, a look-ahead), claims are made one at a
 * time, under the dispatch lock.
 */
#include "base/heap.h"
#include "group/rate.h"
#include "sched/limit.h"
#include "sched/queue.h"
#include "sched/slots.h"
#include "task/frame.h"

#include <taskgroup/group.h>

struct tg__dispatch {
    struct tg__queue queue; /* has its own cache lines */
    _Alignas(TG__CACHE_LINE) struct tg__slots slots;
    atomic_long grain;   /* tasks a bundle, as the last server has measured */
    atomic_bool halted;  /* nothing is claimed now */
    atomic_bool ordered; /* claims are made one at a time */
    _Alignas(
        TG__CACHE_LINE) struct tg__lock lock; /* taken after the group's lock; guards `ready` */
    struct tg__heap ready;                    /* tasks that the head index passes by */
    atomic_size_t ready_count;
    atomic_size_t late;                   /* of them: had to wait for a time */
    struct tg__limit_client limit_client; /* at the shared limit */
    size_t heaviest;                      /* weight of a task so far; under the group's lock */
    size_t aside; /* tasks that were run by the thread that added them, and have no
                     space in `ready`; the same */
    struct tg__rate rate;
};

void tg__claim_init(tg_group *group);

/* For the next batch, nobody looks meanwhile; and for good. */
void tg__claim_reset(tg_group *group);
void tg__claim_rewind(tg_group *group); /* the same tasks again: what is apart is ready */
void tg__claim_fini(tg_group *group);

/* Without a lock: the group starts nothing any more, so others need not wait for it at the shared
   limit, if it has one. */
void tg__claim_leave_limit(tg_group *group);

size_t tg__claim_ordered(tg_group *group, tg_task *self, int place, size_t want, size_t *first);

/* Must claims be made one at a time, so that the order is exact? */
static inline bool tg__claims_ordered(const tg_group_options *options)
{
    return options->shared != NULL || options->ahead != 0 || options->limit == 1 ||
           options->rate > 0;
}

/* Could somebody claim something? */
bool tg__claimable(tg_group *group);

/* Is something left that nobody has claimed, now or later? */
bool tg__claim_left(tg_group *group);

/* The order among tasks that the head index passes by. */
uint64_t tg__claim_key(const tg_group *group, int priority, bool optional);

/* Does the head index pass such tasks by? */
bool tg__claim_is_apart(const tg_group *group, int priority, bool optional);

/* Space for `many` of them, which is reserved with the group's lock held; then a put cannot fail.
 */
bool tg__claim_reserve(tg_group *group, size_t many);
void tg__claim_unreserve(tg_group *group, size_t many);
void tg__claim_put(tg_group *group, uint64_t key, size_t index);

/* The same for one that had to wait for its time: among those of its key they keep this order. */
void tg__claim_put_late(tg_group *group, uint64_t key, size_t index);

/* One that was claimed from there, and not started. */
void tg__claim_unclaim(tg_group *group, size_t index);

#endif
