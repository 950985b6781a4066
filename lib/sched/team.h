/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_TEAM_H
#define TG_LIB_SCHED_TEAM_H
/*
 * The OpenMP team: team.c opens regions, or uses what is there; worker.c is what each of its
 * threads does there. It serves run queues, and knows nothing of groups.
 *
 * A team is formed by the threads that serve one outermost run queue and its descendants. In serial
 * code that is a parallel region that we open: all its threads serve at once, and one that finds
 * nothing waits in a condition of ours, *inside* the region, until it is woken (closing and
 * reopening the region costs far more, and in libomp waiting in the runtime burns a core). In a
 * user's region it is the caller, and threads that help by *helper tasks*: deferred tasks that
 * serve. When there is nothing to do, such a thread goes back to the runtime; but where work may
 * come from elsewhere, one thread sleeps there, a few milliseconds at a time, so that a thread can
 * be woken.
 */
#include "sched/runq.h"

#include <taskgroup/task.h>

/* A thread's place in the team that it serves. Only this thread uses it. */
struct tg__worker {
    struct tg__team *team;
    struct tg__runq *home; /* in whose taskgroup it stands: it may spawn helper tasks for it */
    struct tg__worker *previous; /* the worker below on this thread's stack, or NULL */
    int place;                   /* 0 … tg__team_places() - 1, one for each thread */
    int level; /* of the parallel region: a task's own inner region has another one */
    struct tg__runq *serving; /* whose tasks it runs now */
    const atomic_int *idle;   /* workers of the team that are parked */
    const atomic_int *runqs;  /* run queues that are active in the team */
    bool spawns_helpers;      /* help comes by helper tasks */
    bool cancellation;        /* OpenMP's own is on, and the region ours */
    bool helps;               /* it serves only until the producer below on its stack can go on */
    bool spawned;             /* a helper task, since the task that it runs has begun */
    bool yielded;             /* it has left its run queue so that others have a turn */
};

/* The worker from which the calling thread serves; NULL: it does not. */
struct tg__worker *tg__team_worker(void);

/* How many places the team of the next run from here can have; `threads` asked for, 0: the default.
 */
int tg__team_places(int threads);

/* The same, if the thread had a new team: see is_alone() in team.c. */
int tg__team_places_elsewhere(int threads);

/*
 * Runs the run queue on the team until it has ended, and returns the number of threads of the team.
 * `threads` is for a region that is opened for it.
 */
int tg__team_run(struct tg__runq *runq, int threads);

/*
 * Attaches the run queue to a team that its host keeps open: the team's threads serve it beside
 * what they serve already, and the caller's do not. A worker that finds it done ends it, and calls
 * on_ended. A thread that waits for that may be first, by tg__team_end(), each time that
 * on_quiescent was called: true means that it is ended now, and on_ended is not called.
 */
void tg__team_attach(struct tg__team *team, struct tg__runq *runq);
bool tg__team_end(struct tg__team *team, struct tg__runq *runq);

/*
 * For a worker that waits for the end of a run queue that is attached to `team`: those that wait
 * for the task that it is in may serve that run queue meanwhile, and its descendants. It waits
 * until it has ended. False: it would wait for itself.
 */
bool tg__team_await(struct tg__team *team, struct tg__runq *runq);

/* The same worker serves descendants of the run queue in its own team for as long as there is
   something to do; then it parks until there is more, the parker is notified, or it is time. */
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

/* Does a worker sleep? To be asked after something was published: sequentially consistent. */
bool tg__team_sleeps(const struct tg__team *team);

/* What keeps a team open for run queues that are attached to it: a pool, to those that do not know
 * pools. */
struct tg__host {
    unsigned process; /* where its threads are, see process.h */
    /* Opens the team, or keeps it open, until leave(); NULL: it is closed for good. */
    struct tg__team *(*enter)(struct tg__host *host, tg_group *client, void **room);
    void (*leave)(struct tg__host *host, tg_group *client, void *room);
    /* Is this team one of its own? */
    bool (*has)(struct tg__host *host, const struct tg__team *team);
};

/*
 * After work was added to a live run queue: wakes a worker that may serve it, if one is parked. The
 * run queue must be pinned, or the caller in one of its tasks. Unpin is the last touch of run queue
 * and team.
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
 * In the body of `runq`: serves it and its descendants, a little at a time, and sleeps when there
 * is nothing to do, until `enough(runq)`. A thread that makes that true notifies the owner.
 */
void tg__team_wait(struct tg__runq *runq, bool (*enough)(struct tg__runq *runq));

/* For a server that leaves work behind in the run queue while it runs a task: the same, or a helper
 * task. */
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

/* For a server that leaves no work behind, but expects some from elsewhere: where help comes by
   helper tasks, a thread must be there that can be woken. */
void tg__team_spawn_watcher(struct tg__worker *worker, struct tg__runq *runq);
static inline void tg__team_watch(struct tg__worker *worker, struct tg__runq *runq)
{
    if (worker->spawns_helpers && runq->calls->expects != NULL && runq->calls->expects(runq))
        tg__team_spawn_watcher(worker, runq);
}

/* For a server that has run some tasks, and could go on: is it another run queue's turn? Then it
   leaves. Relaxed: a hint; tg__runq_find() looks under the lock. */
static inline bool tg__team_must_yield(struct tg__worker *worker)
{
    return worker->yielded = atomic_load_explicit(worker->runqs, memory_order_relaxed) > 1;
}

#endif
