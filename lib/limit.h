/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_LIMIT_H
#define TG_LIB_LIMIT_H
/*
 * A budget that several groups share. Knows them as *claimants*: those that found too little left
 * stand in line. What is given back goes to the first in line that it suffices for, and nobody
 * behind it may pass; only a claimant of whose threads none was free when it was called is passed,
 * until one of them asks again.
 *
 * A task that runs a group lends it what it holds: its *holding* is a little limit of its own for
 * the groups below, which they may use beside the budget.
 */
#include <taskgroup/limit.h>

#include <stdatomic.h>
#include <stdbool.h>

/* What a task has taken. */
struct tg__holding {
    tg_limit *limit; /* NULL: nothing */
    size_t weight;
    size_t lent;              /* of it, to tasks of groups below */
    struct tg__holding *from; /* what it was taken from: a holding above, or NULL: the budget */
};

struct tg__claimant {
    /* Keeps the group running; under the limit's lock. */
    void (*pin)(struct tg__claimant *claimant);
    /* Wakes one of its threads. False: none was free. */
    bool (*call)(struct tg__claimant *claimant);
    void (*unpin)(struct tg__claimant *claimant);
    struct tg__holding *lender; /* of the task around its run, or NULL */
    atomic_bool blocked;        /* it stands in line and was not called: no use to ask */
    /* The rest is limit.c's, under its lock. */
    bool in_line, absent;
    size_t wanted;
    struct tg__claimant *next;
};

/*
 * Takes `weight` for a task of the claimant's, or puts it in line and answers false. After either,
 * tg__limit_look().
 */
bool tg__limit_take(
    tg_limit *limit, struct tg__claimant *claimant, size_t weight, struct tg__holding *holding);

/* Gives a holding back, if it is one, and looks who can go on. */
void tg__limit_give(struct tg__holding *holding);

/* It does not stand in line any more. */
void tg__limit_leave(tg_limit *limit, struct tg__claimant *claimant);

/* Calls who can go on. With no lock held. */
void tg__limit_look(tg_limit *limit);

/* More than the whole budget? */
bool tg__limit_too_heavy(tg_limit *limit, size_t weight);

void tg__limit_hold(tg_limit *limit);

#endif
