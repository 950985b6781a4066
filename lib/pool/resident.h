/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_POOL_RESIDENT_H
#define TG_LIB_POOL_RESIDENT_H
/*
 * A group that a pool keeps. Its runs end when the pool says so; tasks may then be in the queue, or away, and
 * the next run goes on with them.
 */
#include "group/group.h"

/* Before it is used. `called` is called when something has come and no run goes on; `has` answers whether a team
   belongs to the same pool. False: it cannot be guarded, and nothing has changed. */
bool tg__kept_init(tg_group *group, int waiters, void (*called)(void *keeper),
    bool (*has)(void *keeper, const struct tg__team *team), void *keeper);

void tg__kept_free(tg_group *group);

/* The same in a child of fork(), of the parent's. */
void tg__kept_free_parents(tg_group *group);

/* Is the calling thread one of its pool's, at work? */
bool tg__kept_inside(const tg_group *group);

/* Runs it; the body is called first, when its team is there. Returns when it has been told to leave. */
void tg__kept_run(tg_group *group, int threads, tg_scope_fn *body, void *user);

/* A run is to begin: it stays open, or if it takes no more until everything has ended. */
void tg__kept_opened(tg_group *group);

/* When nothing is left to be claimed, unless it is to end anyway; as soon as what runs has ended, to go on in the
   next run, which is no more so when tg__kept_closed() is called. */
void tg__kept_idle(tg_group *group);
void tg__kept_reopen(tg_group *group);
void tg__kept_closed(tg_group *group);

void tg__kept_pause(tg_group *group, bool paused);

/* Threads that may serve it, of those that are there. */
void tg__kept_resize(tg_group *group, int threads);

/* Takes nothing any more; as new. */
void tg__kept_shut(tg_group *group);
void tg__kept_renew(tg_group *group);

/* A run queue comes to its team; it goes. The first: false, none is taken any more. */
bool tg__kept_enter(tg_group *group);
void tg__kept_part(tg_group *group);

/* Is there something to start? Is nothing done, and nobody there? Has everything ended? */
bool tg__kept_has_work(tg_group *group);
bool tg__kept_is_idle(tg_group *group);
bool tg__kept_is_quiet(tg_group *group);

#endif
