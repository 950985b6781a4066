/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_POOL_RESIDENT_H
#define TG_LIB_POOL_RESIDENT_H
/*
 * The persistent group of a pool's team: the pool owns it. A run of it ends when the pool says so;
 * tasks may then be in the queue, or suspended, and the next run goes on with them. Members are
 * guarded by the group's lock, but for atomic ones.
 */
#include "group/group.h"

struct tg__resident;

/* What a resident group asks of its pool. Without a lock. */
struct tg__resident_calls {
    /* Something has come, and no run goes on. */
    void (*on_work)(struct tg__resident *resident);
    /* Does this team belong to the pool? */
    bool (*has)(struct tg__resident *resident, const struct tg__team *team);
};

struct tg__resident {
    tg_group *group;
    const struct tg__resident_calls *calls;
    enum tg__leave { TG__STAY, TG__IDLE, TG__REOPEN, TG__DRAIN } leave; /* when the run ends */
    atomic_bool paused; /* the group is halted while this is set … */
    bool halts;         /* … or this, until the next run */
    atomic_size_t
        clients; /* run queues that are attached to its team, and adds that keep its run open */
    size_t abandoned; /* tasks */
    atomic_int users; /* calls on a handle, which keep the group from being freed */
};

/* The group is the resident's from then on; before it is used. `waiting_most`: producers that may
   wait at once, 0: any number. False: it cannot be guarded, and nothing has changed. */
bool tg__resident_init(struct tg__resident *resident, tg_group *group, int waiting_most,
    const struct tg__resident_calls *calls);

void tg__resident_free(struct tg__resident *resident);

/* The same in a child of fork(), of the parent's. */
void tg__resident_free_parents(struct tg__resident *resident);

static inline struct tg__resident *tg__resident_of(const tg_group *group)
{
    return group->owned_by;
}

/* Is the calling thread one of the pool's, at work? */
bool tg__resident_inside(const tg_group *group);

/* Runs it; the body is called first, when its team is there. Returns when the pool has asked it to
 * (idle, reopen, shut), or its context has stopped. */
void tg__resident_run(struct tg__resident *resident, int threads, tg_scope_fn *body, void *user);

/* A run is to begin: it stays open, or if it takes no more until everything has ended. */
void tg__resident_opened(struct tg__resident *resident);

/* The run ends: when nothing is left to be claimed (idle); as soon as what runs has ended, and
   nothing starts before the next run (reopen); that run may start (closed). */
void tg__resident_idle(struct tg__resident *resident);
void tg__resident_reopen(struct tg__resident *resident);
void tg__resident_closed(struct tg__resident *resident);

void tg__resident_pause(struct tg__resident *resident, bool paused);

/* Threads that may serve it, of those that are there. */
void tg__resident_resize(struct tg__resident *resident, int threads);

/* Takes nothing any more; as new. */
void tg__resident_shut(struct tg__resident *resident);
void tg__resident_renew(struct tg__resident *resident);

/* A client comes to its team; it goes. The first: false, none is taken any more. */
bool tg__resident_enter(struct tg__resident *resident);
void tg__resident_part(struct tg__resident *resident);

/* The group has stopped: what was never started is abandoned. */
void tg__resident_abandon(struct tg__resident *resident);

/* Is there something to start? Is nothing done, and nobody there? Has everything ended? */
bool tg__resident_has_work(struct tg__resident *resident);
bool tg__resident_is_idle(struct tg__resident *resident);
bool tg__resident_is_quiescent(struct tg__resident *resident);

#endif
