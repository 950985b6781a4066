/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_LIMIT_H
#define TG_LIB_SCHED_LIMIT_H
/*
 * A budget that several groups share. Knows them as *clients*: those that found too little left
 * stand in the wait queue. What is given back goes to the first in the wait queue that it suffices
 * for, and nobody behind it may pass; only a client of whose threads none was free when it was
 * called is passed, until one of them asks again.
 *
 * A task that runs a group lets it use what it holds: its *grant* is a little limit of its own for
 * the groups below, which they may use beside the budget.
 */
#include <taskgroup/limit.h>

#include <stdatomic.h>
#include <stdbool.h>

/* What a task has taken. */
struct tg__grant {
    tg_limit *limit; /* NULL: nothing */
    size_t weight;
    size_t granted;         /* of it, to tasks of groups below */
    struct tg__grant *from; /* what it was taken from: a holding above, or NULL: the budget */
};

struct tg__limit_client;

struct tg__limit_client_calls {
    /* Keeps the group running; under the limit's lock. */
    void (*pin)(struct tg__limit_client *client);
    /* Wakes one of its workers. False: none was free. */
    bool (*notify)(struct tg__limit_client *client);
    void (*unpin)(struct tg__limit_client *client);
};

struct tg__limit_client {
    const struct tg__limit_client_calls *calls;
    struct tg__grant *parent_grant; /* of the task around its run, or NULL */
    atomic_bool blocked; /* it stands in the wait queue and was not called: no use to ask */
    /* The rest is limit.c's, under its lock. */
    bool queued, absent;
    size_t wanted;
    struct tg__limit_client *next;
};

/*
 * Takes `weight` for a task of the client's, or puts it in the wait queue and returns false. After
 * either, tg__limit_notify().
 */
bool tg__limit_take(
    tg_limit *limit, struct tg__limit_client *limit_client, size_t weight, struct tg__grant *grant);

/* Gives a grant back, if it is one, and wakes clients that can go on. */
void tg__limit_give(struct tg__grant *grant);

/* It does not stand in the wait queue any more. */
void tg__limit_leave(tg_limit *limit, struct tg__limit_client *limit_client);

/* Wakes clients that can go on. With no lock held. */
void tg__limit_notify(tg_limit *limit);

/* More than the whole budget? */
bool tg__limit_too_heavy(tg_limit *limit, size_t weight);

void tg__limit_ref(tg_limit *limit);

/* `weight` was taken for tg_limit_acquire(): it is given back by tg_limit_release(), not as a
 * grant. */
void tg__limit_keep(tg_limit *limit, size_t weight);

#endif
