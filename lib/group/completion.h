/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_COMPLETION_H
#define TG_LIB_GROUP_COMPLETION_H
/*
 * on_done: called once for each task, one call at a time, by whichever thread finds nobody else at
 * it. And the end of a record where records are recycled.
 */
#include "task/exec.h"

#include <pthread.h>

struct tg__completion {
    atomic_bool delivering; /* a thread is at it */
    /* A thread that completes something calls on_done; else the next run does. A pool's own group
     * always delivers: its next region may be far away. */
    atomic_bool delivers;
    atomic_size_t ends; /* how often something has ended: a delivering thread looks whether it has
                           missed one */
    atomic_size_t delivered; /* in order of adding: indices below have been delivered */
    atomic_size_t
        finished; /* else: the list of those that wait, the last one first: its index + 1; or 0 */
    atomic_size_t backlog;    /* of those: how many */
    atomic_int ahead;         /* servers that sleep until the backlog is low */
    struct tg__link *waiters; /* of them; under the group's wait_lock */
    /* Of the last run, made when somebody asks; NULL: not yet. Under the group's lock. */
    struct tg__success {
        size_t rank, index;
    } *order;
    size_t order_count;
};

/* For the next batch, nobody looks meanwhile; and for good. */
void tg__completion_reset(tg_group *group);
void tg__completion_fini(tg_group *group);

/* tg__exec_calls.on_end: a task has ended, and waits for on_done; or it is recycled. */
void tg__completion_on_end(struct tg__exec *exec, const struct tg__view *task, size_t index);

/* tg__exec_calls.after_end: on_done for all that wait for it, unless another thread is at it; and
 * producers look again. */
void tg__completion_after_end(struct tg__exec *exec);

/* The same for what had no place in the queue: a hold, or a task that was dropped when it was
 * added. */
void tg__completion_deliver(tg_group *group);

/* tg__exec_calls.on_cancelled_claim: a task that was taken out of the queue, and has given its
 * place back. */
void tg__completion_on_cancelled_claim(
    struct tg__exec *exec, const struct tg__view *task, size_t index);

/* A place in the queue is free. */
void tg__completion_give_place(tg_group *group);

/* tg__exec_calls.on_skipped, where records are recycled. */
void tg__completion_on_skipped(struct tg__exec *exec, size_t index);

/*
 * Under the lock, where records are recycled. These stand apart and were just added: if the head
 * index has come to them it goes on behind them, and nobody need claim them. Else the records of
 * holds that a body opens on the only thread would stay for as long as the body runs.
 */
void tg__completion_pass(tg_group *group, size_t first, size_t many);

/* The run is over: on_done for all tasks of it from there on that were never started. `for_good`:
   no run will deliver what ends later, so whatever completes it does. */
void tg__completion_rest(tg_group *group, size_t from, bool for_good);

#endif
