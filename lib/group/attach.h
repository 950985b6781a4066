/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_ATTACH_H
#define TG_LIB_GROUP_ATTACH_H
/*
 * A group that runs over a pool: it is attached to one of the pool's teams, whose threads serve it;
 * a thread that waits for it ends it.
 *
 * Lock: the group's wait_lock, unless a member says otherwise.
 */
#include "base/list.h"
#include "sched/team.h"

#include <pthread.h>
#include <taskgroup/group.h>

struct tg__attachment {
    struct tg__link link; /* the pool's, under its lock: in the list of the team's clients */
    enum tg__attach_state { TG__UNATTACHED, TG__ATTACHING, TG__ATTACHED, TG__DETACHING } state;
    int helpers;  /* threads of the pool's that wait for its end */
    size_t calls; /* how often it has become quiescent: somebody may be able to end it */
    struct tg__link *waiters; /* until one of these three has changed */
    /* Of the run: only the thread that begins or ends it touches these. */
    bool detached; /* begun by tg_group_start(): it is below no task */
    struct tg__team *team;
    void *room; /* the host's */
    double begun;
    size_t from;
};

/* Does the group run over a pool from here? Then run it so. */
bool tg__attach_applies(const tg_group *group);
tg_status tg__attach_run(tg_group *group);

/* For the thread that closes the pool: waits for the group's end, until that time. False: it has
   not ended. The caller must have called the first while the group was certainly there. */
void tg__attach_help_begin(tg_group *group);
bool tg__attach_help(tg_group *group, double until);

/* It is to be destroyed: cancels and ends a run over a pool, if there is one. */
void tg__attach_finish(tg_group *group);

/* Is the calling thread in one of its tasks, or callbacks, while it runs over its pool? */
bool tg__attach_is_inside(tg_group *group);

#endif
