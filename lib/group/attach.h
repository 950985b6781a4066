/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_ATTACH_H
#define TG_LIB_GROUP_ATTACH_H
/*
 * A group that runs over a pool: it is attached to one of the pool's teams, whose threads serve it.
 * The worker that finds it done ends it, or a thread that waits for that, whichever is first: all
 * workers may be in long tasks.
 *
 * Lock: the group's wait_lock, unless a member says otherwise.
 */
#include "base/list.h"
#include "sched/team.h"

#include <pthread.h>
#include <taskgroup/group.h>

struct tg__attachment {
    struct tg__link link; /* the pool's, under its lock: in the list of the team's clients */
    enum tg__attach_state { TG__UNATTACHED, TG__ATTACHING, TG__ATTACHED } state;
    int helpers;   /* threads that close the pool, and wait for its end */
    int team_pins; /* threads that use its team, which stays so long */
    size_t calls;  /* how often it has become quiescent: somebody may be able to end it */
    struct tg__link *waiters; /* until one of these has changed */
    /* Of the run: only the thread that begins or ends it touches these. */
    bool detached;         /* begun by tg_group_start(): it is below no task */
    struct tg__host *host; /* NULL: it does not run over a pool */
    struct tg__team *team;
    void *room; /* the host's */
    double begun;
    size_t from;
};

/* Does the group run over a pool from here? Then run it so; `body` NULL: no scope. */
bool tg__attach_applies(const tg_group *group);
tg_status tg__attach_run(tg_group *group, const char *call, tg_scope_fn *body, void *user);

/* Begins to run it over that pool, and returns. */
tg_status tg__attach_start(tg_group *group, const char *call, struct tg__host *host);

/* For the thread that closes the pool: waits for the group's end, until that time. False: it has
   not ended. The caller must have called the first while the group was certainly there. */
void tg__attach_help_begin(tg_group *group);
bool tg__attach_help(tg_group *group, double until);

/* It is to be destroyed: cancels and ends a run over a pool, if there is one. */
void tg__attach_finish(tg_group *group);

/* Does it run over a pool, to the end of that? */
bool tg__attach_is_on(tg_group *group);

/* Is the calling thread in one of its tasks, or callbacks, while it runs over its pool? */
bool tg__attach_is_inside(tg_group *group);

#endif
