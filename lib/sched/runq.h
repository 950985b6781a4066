/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_RUNQ_H
#define TG_LIB_SCHED_RUNQ_H
/*
 * A run queue: what a team serves. The scheduler knows only this of a group.
 */
#include "sys/memory.h"
#include "base/list.h"
#include "sys/fpenv.h"

#include <stdatomic.h>
#include <stdbool.h>

struct tg__processors;
struct tg__runq;
struct tg__team;
struct tg__worker;

struct tg__runq_calls {
    /* It runs on this team from now on. Under the team's lock, if other threads know the team. */
    void (*begin)(struct tg__runq *runq, struct tg__team *team);
    /* Could a worker that comes now claim something? From anywhere, during the run. */
    bool (*claimable)(struct tg__runq *runq);
    /* Claims and runs until there is nothing to claim, or it is another run queue's turn
       (tg__team_must_yield()). Inside a taskgroup. */
    void (*serve)(struct tg__runq *runq, struct tg__worker *worker);
    /* Ends it, unless a worker is in it or something is left. Under the team's lock. */
    bool (*end)(struct tg__runq *runq);
    /* May work come at any moment from a thread that is not in a task of it? From anywhere. NULL:
     * it may not. */
    bool (*expects)(struct tg__runq *runq);
};

struct tg__runq {
    const struct tg__runq_calls *calls;
    /* What the thread that runs it does first, while others serve already; NULL: nothing. */
    void (*body)(struct tg__runq *runq);
    /* Of one that is attached, else NULL. Threads that wait for its end may be able to end it;
     * under the team's lock. A worker of the team has ended it, which is its last touch. */
    void (*on_quiescent)(struct tg__runq *runq);
    void (*on_ended)(struct tg__runq *runq);
    atomic_bool to_end; /* a worker is to look whether it can be ended; set under the team's lock */
    /* Where the threads of a region that we open run; NULL: where OpenMP has them. */
    const struct tg__processors *processors;
    bool hosts; /* the thread that runs it serves what is attached to its team, too */
    /* Its tasks spawn raw OpenMP tasks: threads of a region that we open wait in the runtime, which
     * runs those. */
    bool raw;
    atomic_int max_workers; /* that may serve it at once */
    /* The rest is the scheduler's: the tree, under the lock of the team, but read anywhere once the
     * run queue is active … */
    struct tg__runq *parent; /* the one in whose task it runs, on the same team; or NULL */
    struct tg__runq *jump;   /* an ancestor further up, itself if there is none: see runq.c */
    struct tg__runq *root;   /* the first ancestor */
    size_t depth;            /* how many ancestors there are */
    /* Of a root: the run queue (mostly of another team) in a task of which a worker waits for its
       end; or NULL. Written under its team's lock. Read under other teams' locks, too, by workers
       that wait for an ancestor of it: so it is there for good. */
    struct tg__runq *_Atomic awaited;
    struct tg__link link; /* … in the list of the team's active ones, under its lock … */
    bool live;            /* it is in that list */
    int watchers;         /* threads that sleep for it at the runtime's barrier; under the lock … */
    tg__rounding rounding; /* of the thread that runs it */
    /* … and atomic ones, which workers write, on a cache line of their own. */
    _Alignas(TG__CACHE_LINE) atomic_int active; /* workers that serve it, and pins … */
    atomic_int pins;            /* … of them, the latter: never more than there are */
    atomic_bool helper_spawned; /* a helper task has been spawned, and has not started */
    atomic_int
        wanted; /* a helper task has found nothing, and has left; the next one is not spawned yet */
};

#endif
