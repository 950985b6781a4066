/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_EXEC_H
#define TG_LIB_TASK_EXEC_H
/* What the tasks of a group share: how they are run, their records, and the counts of their ends.
 */
#include "sys/memory.h"
#include "cancel/context.h"
#include "task/failure.h"
#include "task/local.h"
#include "task/store.h"

struct tg__exec;

/*
 * What the group does for a task on the slow path, in the order in which it happens. All are called
 * without a lock but `on_end`, which may come under the lock of the failures (finish.h).
 */
struct tg__exec_calls {
    /* Before its function: makes sure that there is memory for what it keeps while it is suspended.
     * False: there is none. */
    bool (*reserve)(tg_task *self);
    /* After its function, which has asked for that: the task is suspended, until it is completed or
     * has slept. */
    void (*suspend)(tg_task *self, const struct tg__view *task);
    /* After an attempt or a period: the task waits `delay` seconds, and starts again. False: it was
     * taken back. */
    bool (*again)(struct tg__exec *exec, const struct tg__view *task, size_t index, double delay);
    /* It has its final state. Then, when it has given back what it held: */
    void (*on_end)(struct tg__exec *exec, const struct tg__view *task, size_t index);
    void (*after_end)(struct tg__exec *exec);
    /* It was claimed, and had been cancelled in the queue. */
    void (*on_cancelled_claim)(struct tg__exec *exec, const struct tg__view *task, size_t index);
    /* The head index has passed it; it is claimed apart, or not at all. */
    void (*on_skipped)(struct tg__exec *exec, size_t index);
};

/* The members that threads write at the same time begin cache lines of their own (group/parts.c).
 */
struct tg__exec {
    tg_group *group;
    const struct tg__exec_calls *calls;
    void *user;          /* for the group's callbacks */
    tg_context *context; /* stopped: nothing starts any more */
    /* Fixed from the group's creation on … */
    bool keep_going;   /* a required failure does not stop it */
    bool shield;       /* tasks do not see that it has stopped */
    bool forgets;      /* a failure is reported to the task's handle only */
    bool ranks_later;  /* ranks are given in the order of on_done */
    bool watches_ends; /* `calls` have something to do at the end of a task */
    bool joins;        /* raw OpenMP tasks of a task's function end before it does */
    bool first_index;  /* tasks above one that has failed do not start */
    bool keeps_times;  /* start, end and worker of each task, for the user */
    size_t need;       /* successes that are enough, or 0 */
    /* … and from the start of a run on. */
    atomic_bool slow;       /* every task goes the slow path … */
    atomic_bool takes_back; /* … since any of them may be taken out of the queue; until a reset */
    bool guarded;           /* a crash ends the task only */
    tg_task *above;         /* the task in which the run happens, or NULL */
    /* Which was the first to stop it: a failure, the success that was enough, a body or on_done. */
    atomic_bool stopped_itself, enough, called_off;
    _Alignas(TG__CACHE_LINE) struct tg__store store;
    struct tg__failures failures;
    struct tg__locals locals;
    /* Tasks that have ended, but for those that the workers count. */
    _Alignas(TG__CACHE_LINE) atomic_size_t ok;
    atomic_size_t failed, timed_out, crashed, cancelled, dropped;
    atomic_size_t failed_at;   /* with first_index: the lowest index that has failed, or SIZE_MAX */
    atomic_size_t ready_again; /* tasks that are in the queue to be started again */
    atomic_size_t attempts;    /* starts of tasks that may be tried again */
    atomic_size_t ranks, successes; /* given */
    struct tg__times {
        struct tg__lock lock; /* a leaf: guards the rest */
        double busy, longest; /* seconds */
        size_t longest_index;
    } times;
};

void tg__exec_init(struct tg__exec *exec, tg_group *group, tg_context *context);

/* A run begins: times are those of the last one. */
void tg__exec_clear_times(struct tg__exec *exec);

/* For the next batch, nobody looks meanwhile; and for good. */
void tg__exec_reset(struct tg__exec *exec);
/* For the same tasks again, but for those that were dropped. */
void tg__exec_rewind(struct tg__exec *exec);
void tg__exec_fini(struct tg__exec *exec);

#endif
