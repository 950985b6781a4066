/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_TEAM_H
#define TG_LIB_SCHED_TEAM_H
/*
 * The OpenMP team: opens regions, makes tasks, cancels, lets threads wait and wakes them. team.c is
 * the only file with OpenMP pragmas, and knows *run queues* of work, not groups.
 *
 * A team is what threads form that serve one outermost run queue and everything below it. In serial
 * code that is a parallel region of ours: all its threads serve at once, and one that finds nothing
 * waits in a condition of ours, *inside* the region, until it is called (closing and reopening the
 * region costs far more, and in libomp waiting in the runtime burns a core). In a user's region it
 * is the caller, and threads that come by *helper tasks*: deferred tasks that say "help". When there is
 * nothing to do, its thread goes back to the runtime; but where work may come from elsewhere, one
 * thread sleeps there, a few milliseconds at a time, so that somebody can be called.
 */
#include "base/list.h"
#include "sys/fpenv.h"

#include <taskgroup/task.h>

#include <stdatomic.h>
#include <stdbool.h>

struct tg__team;
struct tg__processors;

/* A thread's place in the team that it serves. */
struct tg__worker {
    struct tg__team *team;
    struct tg__runq
        *home; /* the run queue whose taskgroup we stand in: we may spawn its helper tasks */
    struct tg__worker *previous; /* the worker below on this thread's stack, or NULL */
    int place;                   /* 0 … tg__team_places() - 1, one for each thread */
    int level; /* of the parallel region: tells a task's own inner region from ours */
    struct tg__runq *serving; /* whose tasks it runs now */
    const atomic_int *idle;   /* threads of the team that wait for work */
    const atomic_int *runqs;  /* that are live in the team */
    bool spawns_helpers;      /* help comes by helper tasks */
    bool cancellation;        /* OpenMP's own is on, and the region ours */
    bool helps;               /* serves only until who produces can go on */
    bool yielded;             /* has left its run queue so that others have a turn */
};

struct tg__runq {
    /* It runs on this team from now on: others may be told. Called under the team's lock, if others know the team. */
    void (*begin)(struct tg__runq *runq, struct tg__team *team);
    /* Could a thread that comes now claim something? Called from anywhere during the run. */
    bool (*claimable)(struct tg__runq *runq);
    /* Claims and runs until there is nothing to claim, or it is another one's turn (tg__team_must_yield()). Called inside a
       taskgroup. */
    void (*serve)(struct tg__runq *runq, struct tg__worker *worker);
    /* Ends it, unless somebody visits it or something is left. Called under the team's lock. */
    bool (*end)(struct tg__runq *runq);
    /* May work come at any moment from a thread that is not in a task of it? Called from anywhere. NULL: no. */
    bool (*expects)(struct tg__runq *runq);
    /* What the thread that runs it does first, while others serve already; NULL: nothing. */
    void (*body)(struct tg__runq *runq);

    /* Of one that was lent: somebody may be able to end it. Under the team's lock. NULL: not lent. */
    void (*on_quiescent)(struct tg__runq *runq);

    /* Where the threads of a region of ours run; NULL: where OpenMP has them. */
    const struct tg__processors *processors;

    bool hosts; /* who runs it serves what is lent to its team, too */
    bool
        raw; /* its tasks spawn raw OpenMP tasks: threads of our region wait in the runtime, which runs those */
    atomic_int max_workers; /* threads that may serve it at once */
    /* The rest is team.c's. */
    struct tg__runq *parent; /* the run queue whose task we run in, on the same team, or NULL */
    struct tg__runq *jump;   /* one further below, itself if there is none: see ancestor_at() */
    struct tg__runq *root;   /* the lowest one */
    size_t depth;            /* how many are below */
    /* Of a lowest one: the run queue (mostly of another team) in a task of which a worker waits for its end, or NULL.
       Written under its team's lock. Read under other teams' locks, too: by those who wait for what is further below,
       so it is there for good. */
    struct tg__runq *_Atomic awaited;
    struct tg__link link;       /* in the list of the team's active ones */
    bool live;                  /* in that list */
    int watchers;               /* threads at the runtime's barrier that sleep for it */
    atomic_int active;          /* who serves it, or holds it … */
    atomic_int pins;            /* … of them, the latter: never more than there are */
    atomic_bool helper_spawned; /* one has been spawned and has not started */
    atomic_int wanted; /* one has found nothing to do, and has left; the next one is not sent yet */
    tg__rounding rounding; /* of the thread that runs it */
};

/* The worker from which the calling thread serves; NULL: it does not. */
struct tg__worker *tg__team_worker(void);

/* For the next run from here: how many places the team can have, `threads` asked for (0: the
 * default). */
int tg__team_places(int threads);

/* The same, if the thread had a new team: see is_alone() in team.c. */
int tg__team_places_elsewhere(int threads);

/*
 * Runs the run queue on the team until it has ended, and answers the number of threads of the team.
 * `threads` is for a region of ours.
 */
int tg__team_run(struct tg__runq *runq, int threads);

/*
 * Lends the run queue to a team that somebody else keeps open: its threads serve it beside what they serve
 * already, and nobody of the caller's does. The caller asks tg__team_end() until it answers true, each time that
 * `quiet` was called.
 */
void tg__team_attach(struct tg__team *team, struct tg__runq *runq);
bool tg__team_end(struct tg__team *team, struct tg__runq *runq);

/*
 * For a worker that waits for the end of a run queue that was lent to `team`: those who wait for the task that it is in
 * may serve that run queue meanwhile, and what is below. It waits until it has ended. False: it would wait for itself.
 */
bool tg__team_await(struct tg__team *team, struct tg__runq *runq);

/* The same worker serves what is in its own team and is the run queue's or below, for as long as there is something to do;
   then it sleeps until there is more, the parker is notified, or it is time. */
struct tg__parker;
void tg__team_help(const struct tg__runq *runq, struct tg__parker *parker, double until);

/* How many threads serve the run queue now? More than may? */
static inline int tg__team_serving(struct tg__runq *runq)
{
    return atomic_load(&runq->active) - atomic_load(&runq->pins);
}
static inline bool tg__team_crowded(struct tg__runq *runq)
{
    return tg__team_serving(runq) > atomic_load(&runq->max_workers);
}

int tg__team_size(const struct tg__team *team);

/* Does somebody sleep? Who has published something looks, sequentially consistently. */
bool tg__team_sleeps(const struct tg__team *team);

/* Who keeps a team open for run queues that are lent to it: a pool, to those that do not know pools. */
struct tg__host {
    unsigned process; /* where its threads are, see process.h */
    /* Opens the team, or keeps it open, until leave(); NULL: it is closed for good. */
    struct tg__team *(*enter)(struct tg__host *host, tg_group *client, void **room);
    void (*leave)(struct tg__host *host, tg_group *client, void *room);
    /* Is this team one of its own? */
    bool (*has)(struct tg__host *host, const struct tg__team *team);
};

/*
 * For who adds work to a live run queue: wakes somebody who may serve it, if somebody waits. The run queue
 * must be pinned, or the caller in one of its tasks. Unpin is the last touch of run queue and team.
 */
bool tg__team_notify(struct tg__team *team, struct tg__runq *runq);
static inline void tg__team_pin(struct tg__runq *runq)
{
    atomic_fetch_add(&runq->active, 1);
    atomic_fetch_add(&runq->pins, 1);
}
void tg__team_unpin(struct tg__team *team, struct tg__runq *runq);

/* The same for the thread that runs the run queue: it waits for something else than work. */
void tg__team_notify_owner(struct tg__team *team, struct tg__runq *runq);

/*
 * In the body of `runq`: serves it and what is below, a little at a time, and sleeps when there is
 * nothing to do, until `enough(run queue)`. Who makes that true calls the owner.
 */
void tg__team_wait(struct tg__runq *runq, bool (*enough)(struct tg__runq *runq));

/* For a server that leaves work behind in the run queue while it runs a task: the same, or a helper task. */
void tg__team_notify_or_spawn(struct tg__worker *worker, struct tg__runq *runq);
static inline void tg__team_share(struct tg__worker *worker, struct tg__runq *runq)
{
    if (atomic_load(worker->idle) > 0 || worker->spawns_helpers)
        tg__team_notify_or_spawn(worker, runq);
}

/* Where a server sees at a glance that a thread has nothing to do. */
static inline const atomic_int *tg__team_wanted(
    const struct tg__worker *worker, const struct tg__runq *runq)
{
    return worker->spawns_helpers ? &runq->wanted : worker->idle;
}

/* For a server that leaves no work behind, but expects some from elsewhere: where help comes by helper tasks, somebody must
   be there to be called. */
void tg__team_spawn_watcher(struct tg__worker *worker, struct tg__runq *runq);
static inline void tg__team_watch(struct tg__worker *worker, struct tg__runq *runq)
{
    if (worker->spawns_helpers && runq->expects != NULL && runq->expects(runq))
        tg__team_spawn_watcher(worker, runq);
}

/* For a server that has run some tasks, and could go on: is it another run queue's turn? Then it
   leaves. Relaxed: a hint; find_work() looks under the lock. */
static inline bool tg__team_must_yield(struct tg__worker *worker)
{
    return worker->yielded = atomic_load_explicit(worker->runqs, memory_order_relaxed) > 1;
}

/* In a task of ours: waits for the raw OpenMP tasks that its function has spawned, and runs them. */
void tg__team_join(void);

/*
 * One `omp task`, undeferred, around `body(frame)`; `worker` is NULL for a thread of no team of ours. Where OpenMP's cancellation is on, a body that
 * answers true cancels the taskgroup around it: the helper tasks that are still queued go away.
 */
void tg__team_task(const struct tg__worker *worker, bool (*body)(void *), void *frame);

#endif
