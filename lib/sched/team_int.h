/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_TEAM_INT_H
#define TG_LIB_SCHED_TEAM_INT_H
/* What team.c, worker.c and runq.c share: the team, and workers that park. */
#include "base/list.h"
#include "base/park.h"
#include "sched/team.h"
#include "sys/lock.h"

#include <pthread.h>
#include <stddef.h>

/* A worker that has nothing to serve. It lies on the worker's stack: in the team's list until the
   worker is woken, then among those that are on their way, until the worker has the lock. */
struct tg__parked {
    const struct tg__runq *scope; /* it serves this and its descendants; NULL: all of the team */
    const struct tg__runq *owns;  /* it waits for the end of this; NULL: of none */
    struct tg__runq *handoff; /* the one that it serves first; NULL: it has ended since, or none */
    struct tg__parked *next;
    struct tg__parker *parker;
    bool woken;
};

/* Members but the atomic ones are under the lock, or do not change. */
struct tg__team {
    pthread_mutex_t lock;    /* also held when a run ends; never while user code runs */
    struct tg__link *active; /* run queues, the youngest first: each before its parent */
    atomic_int runqs;        /* how many */
    int awaited;             /* of them: have something in `awaited` */
    struct tg__parked *parked_workers, *woken;
    atomic_int idle; /* parked workers: a server sees at a glance that none is there */
    bool closing;
    bool ours;         /* the region was opened by us */
    bool cancellation; /* OpenMP's own is on, and the region ours: a user's tasks are never dropped
                        */
    int size;          /* threads asked for, or there: never fewer than there are */
    atomic_int got;    /* threads there are */
    int spins;         /* before a parked worker goes to sleep */
};

/* May one more worker serve it, and is there something to do, or may it be at its end? From
 * anywhere. */
static inline bool tg__runq_admits(struct tg__runq *runq)
{
    return tg__team_serving(runq) < atomic_load(&runq->max_workers) &&
           (atomic_load(&runq->to_end) || runq->calls->claimable(runq));
}

/* ---- the tree of run queues ---- */

/* Before the run queue is known: it runs in a task of `parent`, or NULL. */
void tg__runq_plant(struct tg__runq *runq, struct tg__runq *parent);

/* Is it the scope, or a descendant? NULL: every run queue is. */
bool tg__runq_is_descendant(const struct tg__runq *scope, const struct tg__runq *runq);

/* ---- under the team's lock ---- */

/* It runs on the team from now on, or no more. */
void tg__runq_activate(struct tg__team *team, struct tg__runq *runq);
void tg__runq_deactivate(struct tg__team *team, struct tg__runq *runq);

/* A run queue in scope that has something to do: the youngest, as others wait for it; or after
   `after`, which has yielded, the next one in a circle. */
struct tg__runq *tg__runq_find(
    const struct tg__team *team, const struct tg__runq *scope, struct tg__runq *after);

/* Wakes the parked worker at `at`, for this run queue, or for none. */
void tg__runq_wake(struct tg__team *team, struct tg__parked **at, struct tg__runq *handoff);

/* Wakes one that may serve it, if there is one; as many as may serve it; the one that waits for its
 * end. */
bool tg__runq_notify_one(struct tg__team *team, struct tg__runq *runq);
void tg__runq_notify_many(struct tg__team *team, struct tg__runq *runq);
void tg__runq_notify_owner(struct tg__team *team, struct tg__runq *runq);

/* A worker leaves it, or a pin. What that could not claim may be claimable now. `ends`: the caller
 * looks itself whether one that is attached can be ended. */
void tg__runq_leave(struct tg__team *team, struct tg__runq *runq, bool ends);

/*
 * Parks until the worker is woken, its parker is notified, or until that time. Returns the run
 * queue for which it was woken, or NULL. The lock is free meanwhile. `me` has scope and owns, and a
 * parker if others than the team notify it.
 */
struct tg__runq *tg__runq_park(struct tg__team *team, struct tg__parked *me, double until);

/* ---- a worker, from its start to its end; without the lock ---- */

/* The thread that runs the run queue: in a taskgroup, calls its body, then serves it until it has
 * ended. */
void tg__worker_own(struct tg__worker *worker, struct tg__runq *runq);

/* Another thread in a region that we open: serves all run queues until the region closes. */
void tg__worker_attend(struct tg__worker *worker);

#endif
