/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_RATE_H
#define TG_LIB_GROUP_RATE_H
/*
 * How many tasks start in a second, at most: each start moves `next` by 1 / rate seconds, and may
 * come as much before it as a burst takes (the generic cell rate algorithm, ITU-T I.371). A claim
 * that comes too early makes the group wait, until its timer fires.
 *
 * Lock: dispatch, but for `waits`.
 */
#include "cancel/events.h"

#include <taskgroup/group.h>

/* Starts in a second: fewer would be none. */
#define TG__RATE_LEAST 1e-6

struct tg__rate {
    double step;            /* seconds from one start to the next; 0: no rate */
    double ahead;           /* seconds that a burst takes */
    double next;            /* the time of the next start, without a burst */
    atomic_bool waits;      /* nothing is claimed before the timer fires */
    struct tg__timer timer; /* serve.c has what it calls */
};

void tg__rate_init(tg_group *group);

/* May a task start now? Else the time at which one may, in `until`, and the group waits: the caller
 * calls the third without the lock. A task has started. */
bool tg__rate_admits(tg_group *group, double now, double *until);
void tg__rate_count(tg_group *group, double now);
void tg__rate_wait(tg_group *group, double until);

/* Nothing calls when this returns. */
void tg__rate_stop(tg_group *group);

#endif
