/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_BACKPRESSURE_H
#define TG_LIB_GROUP_BACKPRESSURE_H
/*
 * The bounded queue of a running group, and producers that find it full. In the body of a scope a
 * producer serves the group until there is space; anywhere else it sleeps.
 */
#include "base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <taskgroup/group.h>

struct tg__backpressure {
    atomic_size_t
        outstanding;     /* tasks that were added and have not ended, if the queue is bounded */
    atomic_bool in_body; /* the scope's body has not returned */
    atomic_bool body_waits;
    double body_until;        /* the body's: the time until which it waits */
    atomic_int producers;     /* that sleep */
    int producers_most;       /* that may sleep at once; 0: any number */
    size_t waiting;           /* adds that wait, in the body or not; under the group's lock */
    struct tg__link *waiters; /* of them; under the group's wait_lock */
};

/* For the next batch; nobody looks meanwhile. */
void tg__backpressure_reset(tg_group *group);

/* Under the lock: is the queue full for an add of the calling thread? */
bool tg__backpressure_full(tg_group *group);

/* Is the calling thread in the group's body itself, where it can serve? */
bool tg__backpressure_in_body(const tg_group *group);

/* Is there so much space that a producer that serves goes back to its work? */
bool tg__backpressure_low(tg_group *group);

/* Is there never any space: one thread, which is in the body, and no queue? */
bool tg__backpressure_none(tg_group *group);

/* Waits for space, until that time at most: TG_OK (there may be some), TG_FULL, or what the owner
 * says of a stop. */
tg_status tg__backpressure_wait(tg_group *group, double until);

/* Waits for a slot, and runs these tasks in the calling thread. */
void tg__backpressure_run(tg_group *group, size_t first, size_t many);

#endif
