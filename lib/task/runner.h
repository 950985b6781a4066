/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_RUNNER_H
#define TG_LIB_TASK_RUNNER_H
/*
 * One task from start to finish: look whether it may start, call its function, record what came.
 * Most tasks go the fast path (runner.c). What has a timeout, attempts, a guard, times, or an end that
 * somebody waits for goes the long one (slow_path.c).
 */
#include "cancel/context.h"
#include "task/failure.h"
#include "sys/recovery.h"
#include "sched/limit.h"
#include "sched/queue.h"
#include "task/store.h"
#include "task/local.h"

/* What the tasks of a group share. */
struct tg__exec {
    tg_group *group;
    void *user;          /* for the group's callbacks */
    tg_context *context; /* stopped: nothing starts any more */
    bool keep_going;     /* a required failure does not stop it */
    bool slow;           /* every task goes the slow path */
    bool shield;         /* tasks are not told that it has stopped */
    bool guarded;        /* crashes end the task only */
    bool forgets;        /* failures are told to who waits for the task, and to nobody else */
    bool ranks_later;    /* ranks are given in the order of on_done */
    size_t need;         /* successes that are enough, or 0 */
    tg_task *above;      /* the task that the run happens in, or NULL */
    /* Told by the slow path: the task waits `delay` seconds for its next attempt (false: it was taken back) … */
    bool (*again)(struct tg__exec *exec, const struct tg__view *task, size_t index, double delay);
    /* … or has ended: first this, before anybody can be stopped by that, then … */
    void (*on_end)(struct tg__exec *exec, const struct tg__view *task, size_t index);
    /* … this; both NULL where nobody wants to know. */
    void (*after_end)(struct tg__exec *exec);
    /* Its function has returned, but it goes on: somebody completes it, or it sleeps. */
    void (*suspend)(tg_task *self, const struct tg__view *task);
    /* A task that was claimed had been taken back before. */
    void (*on_cancelled_claim)(struct tg__exec *exec, const struct tg__view *task, size_t index);
    /* Its function has returned: what it has spawned as raw OpenMP tasks ends first. NULL: that may end later. */
    void (*join)(void);
    /* Before its function is called: what it may have to leave with it when it goes away. False: no memory. */
    bool (*reserve)(tg_task *self);
    /* The head index has come by a task that stands apart; NULL where nobody wants to know. */
    void (*on_skipped)(struct tg__exec *exec, size_t index);
    /* Who was the first to stop it: a failure, the success that was enough, a body or on_done. */
    atomic_bool stopped_itself, enough, called_off;
    struct tg__store store;
    struct tg__failures failures;
    struct tg__locals locals;
    /* Tasks that have ended, but for those that the places count. */
    atomic_size_t ok, failed, timed_out, crashed, cancelled, dropped;
    atomic_size_t ready_again;      /* tasks that are in the queue to be started again */
    atomic_size_t attempts;         /* starts of tasks that may be tried again */
    atomic_size_t ranks, successes; /* given */
    struct tg__times {
        struct tg__lock lock;
        double busy, longest;
        size_t longest_index;
    } times;
};

enum tg__kind { TG__SERVER, TG__BODY, TG__CALLBACK, TG__HOLD, TG__HANDLE };

/*
 * The task that a thread is in: one for as long as the thread serves the group, it becomes task after
 * task. Also stands for the body of a scope, for on_done, and (in no thread) for a hold, or for a
 * user's handle.
 */
struct tg_task {
    struct tg__exec *exec;
    tg_task *previous;           /* the task below on this thread's stack, or NULL */
    struct tg__segment *segment; /* of the last one: the next is most likely there too */
    size_t index;                /* of the task, or TG_NO_INDEX */
    size_t next, end;            /* of the bundle: what comes after it */
    char *message;               /* what it said when it failed, or NULL */
    char *trace;                 /* from where it gave up, or NULL */
    int code;                    /* with which it gave up */
    enum tg__kind kind;
    bool message_lost; /* there was no memory for it */
    bool cancel_seen;  /* that it must stop */
    bool apart;        /* the bundle was not claimed from the head index */
    bool stops;        /* a task of the bundle has stopped the group */
    bool over;         /* the group has stopped: there is no next task */
    const atomic_int
        *wanted; /* somebody has nothing to do: the bundle is cut short; NULL: it stays whole */
    int attempt;
    enum { TG__RETURNS, TG__DEFERS, TG__SLEEPS } way; /* how its function ends */
    double wake;                                      /* the end of its sleep */
    bool slot_gone;               /* a task that is away has kept the server's slot */
    int worker_id;                /* the id that this server has, or -1 */
    bool has_local;               /* the next is known: NULL, too, may be a worker's state */
    void *local;                  /* the state of that worker */
    size_t ok;                    /* of the bundle, by the fast path: counted when that ends */
    struct tg__counts *counts;    /* where the fast path counts: its place's, or … */
    struct tg__counts own_counts; /* … these, until it leaves */
    struct tg__recovery
        *recovery;          /* where it comes back; NULL: nowhere, now, or it is in no thread */
    void *stack;            /* the alternate signal stack that we have made, or NULL */
    double start, until;    /* of this attempt; INFINITY: no timeout */
    tg_context *own;        /* of a task with a timeout, or NULL */
    struct tg__grant grant; /* of the group's shared limit */
    struct tg__suspended *spare; /* reserved, or NULL */
};

/* `counts` NULL: the thread has no place of its own. */
void tg__runner_enter(tg_task *self, struct tg__exec *exec, struct tg__counts *counts);
void tg__runner_leave(tg_task *self);

/* What is no task but is called as if it were one. */
void tg__runner_push(tg_task *self, struct tg__exec *exec, enum tg__kind kind);
void tg__runner_pop(tg_task *self);

/* The innermost of this thread, whatever it is; NULL: none. */
tg_task *tg__runner_current(void);

/* While the current task is in a run of ours it cannot come back over it: no recovery point. */
struct tg__pause {
    struct tg__recovery *recovery, *timer_key;
};
struct tg__pause tg__runner_pause(void);
void tg__runner_resume(struct tg__pause pause);

/* Is the calling thread in something of the group's: a task, or a task of a group that runs in one? */
tg_task *tg__runner_inside(const struct tg__exec *exec);

/*
 * Runs the tasks `first` … `first + many - 1` one after another, until the group has stopped. True:
 * one of them has stopped it.
 */
bool tg__runner_run(tg_task *self, size_t first, size_t many);

/* The context that tells the task to stop, or NULL. */
tg_context *tg__runner_context(const tg_task *self);

/* ---- for slow_path.c and hold.c ---- */

void tg__slow_run(tg_task *self, const struct tg__view *task);
/* It has come back by a recovery point. */
void tg__slow_recover(tg_task *self, const struct tg__view *task);
/* Its attempt has ended with this code. False: it will be started again. What it holds of a limit is
   the caller's to give back, and `ended` to tell. */
bool tg__slow_end(tg_task *self, const struct tg__view *task, int code);
/* The time that it has had its thread. */
void tg__slow_busy(tg_task *self, double now);

/* The group, or something above it, has stopped: a task that then returns other than 0 is cancelled, whether it has
   asked or not. Not in a shield. */
bool tg__runner_has_stopped(const tg_task *self);

/* A task that fails, as `status` says: `end` gives it its place among those that have ended, in the order in which failures
   are kept. True: and so the group stops. */
struct tg__ending {
    tg_task *self;
    const struct tg__view *task;
    tg_status status;
    int code;
};
bool tg__runner_fail(const struct tg__ending *ending, void (*end)(void *ending));
void tg__runner_forget_message(tg_task *self);

/* A task has ended: its rank, unless on_done's order gives it. Relaxed: the final state, which is
   stored next, publishes it to outcome.c. */
static inline void tg__runner_rank(struct tg__exec *exec, struct tg__note *note)
{
    if (!exec->ranks_later)
        atomic_store_explicit(&note->rank,
            1 + atomic_fetch_add_explicit(&exec->ranks, 1, memory_order_relaxed),
            memory_order_relaxed);
}

/* A task has succeeded. True: that was enough, and so the group stops. */
bool tg__runner_succeed(struct tg__exec *exec);

#endif
