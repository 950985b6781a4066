/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_OWNER_H
#define TG_LIB_GROUP_OWNER_H
/*
 * What a group asks of its owner: its user, or a pool. A user's group runs when the user says so,
 * and a run ends when nothing is left. A *persistent* group of a pool runs whenever there is
 * something to do, and ends a run when the pool says so; tasks stay in it from run to run.
 *
 * NULL: the owner has nothing to do there.
 */
#include "task/exec.h"

struct tg__owner {
    const char *kind; /* "group", "pool": in messages */
    bool persistent;
    bool takes_results;     /* of tasks whose records are recycled: each has a slot of its own */
    tg_status when_stopped; /* what an add returns if the group stops while it waits for space */

    /* ---- a run, in the order in which it happens ---- */

    /* Under the group's lock: what depends on where it is run, by a team of `places` threads. Not
       TG_OK: it is not run, and this is what it returns. */
    tg_status (*begin)(tg_group *group, int places);
    /* Under the group's lock, when no worker is in it: may the run end now? `stopped`: the group
     * has stopped. */
    bool (*may_finish)(tg_group *group, bool stopped);
    /* Under the same lock: it ends. */
    void (*on_finish)(tg_group *group);
    /* Without a lock: no team serves it any more. */
    void (*leave)(tg_group *group);
    /* Without a lock: ends what has no final state, of the tasks from index `from` on. */
    void (*settle)(tg_group *group, size_t from);
    /* Under the lock, which may be free meanwhile: what it has come to. True: it was the last one;
       what was added since does not start, and nothing is added any more. */
    bool (*conclude)(tg_group *group);

    /* ---- at any time ---- */

    /* Something has come, and no run goes on. Without a lock. */
    void (*on_work)(tg_group *group);
    /* A task has its final state. Called once a task, with or without the group's lock. */
    void (*on_end)(tg_group *group, const struct tg__view *task, size_t index);
    /* Is the calling thread one of those that make space in the queue? */
    bool (*owns_thread)(const tg_group *group);
    /* How many tasks may run at once now. */
    int (*workers)(tg_group *group);
    /* From the first, which is called under the group's lock, to the second no run ends. */
    void (*hold)(tg_group *group);
    void (*release)(tg_group *group);
};

/* The user's. */
extern const struct tg__owner tg__owner_user;

#endif
