/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_FRAME_H
#define TG_LIB_TASK_FRAME_H
/* The frame of a running task: what a thread knows of the task that it is in, and of those below on
 * its stack. */
#include "sched/limit.h"
#include "sched/queue.h"
#include "sys/recovery.h"
#include "task/exec.h"

enum tg__kind { TG__SERVER, TG__BODY, TG__CALLBACK, TG__HOLD, TG__HANDLE };

/*
 * A server has one frame for as long as it serves the group: it becomes task after task. A frame
 * also stands for the body of a scope, for on_done, and (on no thread) for a hold, or for a user's
 * handle.
 */
struct tg_task {
    struct tg__exec *exec;
    tg_task *previous;           /* the frame below on this thread's stack, or NULL */
    struct tg__segment *segment; /* of the last task: the next one is most likely there too */
    size_t index;                /* of the task, or TG_NO_INDEX */
    size_t next, end;            /* of the bundle: what comes after it */
    char *message;               /* of its failure, as its function gave it, or NULL */
    char *trace;                 /* from where it gave up, or NULL */
    int code;                    /* with which it gave up */
    enum tg__kind kind;
    bool message_lost; /* there was no memory for it */
    bool cancel_seen;  /* it knows that it must stop */
    bool apart;        /* the bundle was not claimed from the head index */
    bool stops;        /* a task of the bundle has stopped the group */
    bool over;         /* the group has stopped: there is no next task */
    /* Above 0: a thread has nothing to do, and the bundle is cut short. NULL: it stays whole. */
    const atomic_int *wanted;
    int attempt;
    enum { TG__RETURNS, TG__DEFERS, TG__SLEEPS } way; /* how its function ends */
    double wake;                                      /* the end of its sleep */
    bool slot_gone;               /* a task that was suspended has kept the server's slot */
    int worker_id;                /* the id that this server has, or -1 */
    bool has_local;               /* the next is known: NULL, too, may be a worker's state */
    void *local;                  /* the state of that worker */
    size_t ok;                    /* of the bundle, on the fast path: counted when that ends */
    struct tg__counts *counts;    /* where the fast path counts: its place's, or … */
    struct tg__counts own_counts; /* … these, until it leaves */
    struct tg__recovery
        *recovery;       /* where an abort or a crash leads; NULL: nowhere now, or on no thread */
    void *stack;         /* the alternate signal stack that we have made, or NULL */
    double start, until; /* of this attempt; INFINITY: no timeout; -INFINITY: too late to start */
    tg_context *own;     /* of a task with a timeout, or NULL */
    struct tg__grant grant;      /* of the group's shared limit */
    struct tg__suspended *spare; /* reserved, or NULL */
};

/* Puts a frame on top of the calling thread's, and takes it off again. */
void tg__frame_push(tg_task *self, struct tg__exec *exec, enum tg__kind kind);
void tg__frame_pop(const tg_task *self);

/* The top one of the calling thread, of whatever kind; NULL: none. */
tg_task *tg__frame_current(void);

/* What this task, or the innermost one above it that has, holds of the limit; NULL: none does. */
struct tg__grant *tg__frame_grant(tg_task *task, const tg_limit *limit);

/* While the thread is in a nested run or a callback, the top frame has no recovery point: a crash
   there must not jump over it. */
struct tg__pause {
    struct tg__recovery *recovery, *armed;
};
struct tg__pause tg__frame_pause(void);
void tg__frame_resume(struct tg__pause pause);

/* The frame through which the calling thread is inside the group: in a task of it, or of a group
 * that runs in one. NULL: it is not. */
tg_task *tg__frame_inside(const struct tg__exec *exec);

/* The context that tells the task to stop, or NULL. */
tg_context *tg__frame_context(const tg_task *self);

/* Has the group, or a context above, stopped? A task that then returns other than 0 is cancelled,
   whether it has asked or not. False in a shield. */
bool tg__frame_has_stopped(const tg_task *self);

/* The message and the trace of a failure are not needed any more. */
void tg__frame_forget_message(tg_task *self);

#endif
