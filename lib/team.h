/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TEAM_H
#define TG_LIB_TEAM_H
/*
 * The OpenMP team: opens regions, makes tasks, cancels, lets threads wait and wakes them. team.c is
 * the only file with OpenMP pragmas, and knows *sources* of work, not groups.
 *
 * A team is what threads form that serve one outermost source and everything below it. In serial
 * code that is a parallel region of ours: all its threads serve at once, and one that finds nothing
 * waits in a condition of ours, *inside* the region, until it is called (closing and reopening the
 * region costs far more, and in libomp waiting in the runtime burns a core). In a user's region it
 * is the caller, and threads that come by *tickets*: deferred tasks that say "help". When there is
 * nothing to do, its thread goes back to the runtime; but where work may come from elsewhere, one
 * thread sleeps there, a few milliseconds at a time, so that somebody can be called.
 */
#include "rounding.h"

#include <taskgroup/task.h>

#include <stdatomic.h>
#include <stdbool.h>

struct tg__team;
struct tg__processors;

/* A thread's place in the team that it serves. */
struct tg__seat {
    struct tg__team *team;
    struct tg__source *home; /* the source whose taskgroup we stand in: we may spawn its tickets */
    struct tg__seat *under;  /* the seat below on this thread's stack, or NULL */
    int place;               /* 0 … tg__team_places() - 1, one for each thread */
    int level;               /* of the parallel region: tells a task's own inner region from ours */
    struct tg__source *serving; /* whose tasks it runs now */
    const atomic_int *idle;     /* threads of the team that wait for work */
    const atomic_int *sources;  /* that are live in the team */
    bool tickets;               /* help comes by tickets */
    bool cancellation;          /* OpenMP's own is on, and the region ours */
    bool helps;                 /* serves only until who produces can go on */
    bool turned;                /* has left its source so that others have a turn */
};

struct tg__source {
    /* It runs on this team from now on: others may be told. Called under the team's lock, if others know the team. */
    void (*begin)(struct tg__source *source, struct tg__team *team);
    /* Could a thread that comes now claim something? Called from anywhere during the run. */
    bool (*claimable)(struct tg__source *source);
    /* Claims and runs until there is nothing to claim, or it is another one's turn (tg__team_turn()). Called inside a
       taskgroup. */
    void (*serve)(struct tg__source *source, struct tg__seat *seat);
    /* Ends it, unless somebody visits it or something is left. Called under the team's lock. */
    bool (*end)(struct tg__source *source);
    /* May work come at any moment from a thread that is not in a task of it? Called from anywhere. NULL: no. */
    bool (*expects)(struct tg__source *source);
    /* What the thread that runs it does first, while others serve already; NULL: nothing. */
    void (*body)(struct tg__source *source);

    /* Of one that was lent: somebody may be able to end it. Under the team's lock. NULL: not lent. */
    void (*quiet)(struct tg__source *source);

    /* Where the threads of a region of ours run; NULL: where OpenMP has them. */
    const struct tg__processors *processors;

    bool lends; /* who runs it serves what is lent to its team, too */
    bool
        raw; /* its tasks spawn raw OpenMP tasks: threads of our region wait in the runtime, which runs those */
    atomic_int most; /* threads that may serve it at once */
    /* The rest is team.c's. */
    struct tg__source *below; /* the source whose task we run in, on the same team, or NULL */
    struct tg__source *jump;  /* one further below, itself if there is none: see ancestor_at() */
    struct tg__source *root;  /* the lowest one */
    size_t depth;             /* how many are below */
    /* Of a lowest one: the source (mostly of another team) in a task of which a worker waits for its end, or NULL.
       Written under its team's lock. Read under other teams' locks, too: by those who wait for what is further below,
       so it is there for good. */
    struct tg__source *_Atomic awaited;
    struct tg__source *next, *previous; /* in the list of the team's live ones */
    bool live;                          /* in that list */
    int watchers;                       /* threads at the runtime's barrier that sleep for it */
    atomic_int visitors;                /* who serves it, or holds it … */
    atomic_int pins;                    /* … of them, the latter: never more than there are */
    atomic_bool ticket_out;             /* one has been spawned and has not started */
    atomic_int wanted; /* one has found nothing to do, and has left; the next one is not sent yet */
    tg__rounding rounding; /* of the thread that runs it */
};

/* The seat from which the calling thread serves; NULL: it does not. */
struct tg__seat *tg__team_seat(void);

/* For the next run from here: how many places the team can have, `threads` asked for (0: the
 * default). */
int tg__team_places(int threads);

/* The same, if the thread had a new team: see is_alone() in team.c. */
int tg__team_places_elsewhere(int threads);

/*
 * Runs the source on the team until it has ended, and answers the number of threads of the team.
 * `threads` is for a region of ours.
 */
int tg__team_run(struct tg__source *source, int threads);

/*
 * Lends the source to a team that somebody else keeps open: its threads serve it beside what they serve
 * already, and nobody of the caller's does. The caller asks tg__team_end() until it answers true, each time that
 * `quiet` was called.
 */
void tg__team_lend(struct tg__team *team, struct tg__source *source);
bool tg__team_end(struct tg__team *team, struct tg__source *source);

/*
 * For a worker that waits for the end of a source that was lent to `team`: those who wait for the task that it is in
 * may serve that source meanwhile, and what is below. It waits until it has ended. False: it would wait for itself.
 */
bool tg__team_await(struct tg__team *team, struct tg__source *source);

/* The same worker serves what is in its own team and is the source's or below, for as long as there is something to do;
   then it sleeps until there is more, the parker is notified, or it is time. */
struct tg__parker;
void tg__team_help(const struct tg__source *source, struct tg__parker *parker, double until);

/* How many threads serve the source now? More than may? */
int tg__team_serving(struct tg__source *source);
static inline bool tg__team_crowded(struct tg__source *source)
{
    return tg__team_serving(source) > atomic_load(&source->most);
}

int tg__team_size(const struct tg__team *team);

/* Does somebody sleep? Who has published something looks, sequentially consistently. */
bool tg__team_sleeps(const struct tg__team *team);

/* Who keeps a team open for sources that are lent to it: a pool, to those that do not know pools. */
struct tg__host {
    unsigned process; /* where its threads are, see process.h */
    /* Opens the team, or keeps it open, until leave(); NULL: it is closed for good. */
    struct tg__team *(*enter)(struct tg__host *host, tg_group *guest, void **room);
    void (*leave)(struct tg__host *host, tg_group *guest, void *room);
    /* Is this team one of its own? */
    bool (*has)(struct tg__host *host, const struct tg__team *team);
};

/*
 * For who adds work to a live source: wakes somebody who may serve it, if somebody waits. The source
 * must be pinned, or the caller in one of its tasks. Unpin is the last touch of source and team.
 */
bool tg__team_call(struct tg__team *team, struct tg__source *source);
static inline void tg__team_pin(struct tg__source *source)
{
    atomic_fetch_add(&source->visitors, 1);
    atomic_fetch_add(&source->pins, 1);
}
void tg__team_unpin(struct tg__team *team, struct tg__source *source);

/* The same for the thread that runs the source: it waits for something else than work. */
void tg__team_call_owner(struct tg__team *team, struct tg__source *source);

/*
 * In the body of `source`: serves it and what is below, a little at a time, and sleeps when there is
 * nothing to do, until `enough(source)`. Who makes that true calls the owner.
 */
void tg__team_wait(struct tg__source *source, bool (*enough)(struct tg__source *source));

/* For a server that leaves work behind in the source while it runs a task: the same, or a ticket. */
void tg__team_ask(struct tg__seat *seat, struct tg__source *source);
static inline void tg__team_share(struct tg__seat *seat, struct tg__source *source)
{
    if (atomic_load(seat->idle) > 0 || seat->tickets)
        tg__team_ask(seat, source);
}

/* Where a server sees at a glance that a thread has nothing to do. */
static inline const atomic_int *tg__team_wanted(
    const struct tg__seat *seat, const struct tg__source *source)
{
    return seat->tickets ? &source->wanted : seat->idle;
}

/* For a server that leaves no work behind, but expects some from elsewhere: where help comes by tickets, somebody must
   be there to be called. */
void tg__team_post_watch(struct tg__seat *seat, struct tg__source *source);
static inline void tg__team_watch(struct tg__seat *seat, struct tg__source *source)
{
    if (seat->tickets && source->expects != NULL && source->expects(source))
        tg__team_post_watch(seat, source);
}

/* For a server that has run some tasks, and could go on: is it another source's turn? Then it
   leaves. Relaxed: a hint; find_work() looks under the lock. */
static inline bool tg__team_turn(struct tg__seat *seat)
{
    return seat->turned = atomic_load_explicit(seat->sources, memory_order_relaxed) > 1;
}

/* In a task of ours: waits for the raw OpenMP tasks that its function has spawned, and runs them. */
void tg__team_join(void);

/*
 * One `omp task`, undeferred, around `body(frame)`; `seat` is NULL for a thread of no team of ours. Where OpenMP's cancellation is on, a body that
 * answers true cancels the taskgroup around it: the tickets that are still queued go away.
 */
void tg__team_task(const struct tg__seat *seat, bool (*body)(void *), void *frame);

#endif
