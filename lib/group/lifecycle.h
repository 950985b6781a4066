/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_LIFECYCLE_H
#define TG_LIB_GROUP_LIFECYCLE_H
/*
 * Is the group over, what has its last run come to, whose is it, and may it be used here?
 *
 * Lock: the group's, for every member but `shut`, which is also read without it.
 */
#include "cancel/hook.h"
#include "task/exec.h"

#include <taskgroup/group.h>

enum tg__phase {
    TG__PHASE_IDLE,     /* no run goes on */
    TG__PHASE_STARTING, /* there is something to run, and its memory; no team serves it yet */
    TG__PHASE_RUNNING,  /* a team serves it */
    TG__PHASE_ENDING,   /* no team serves it any more; what the run has come to is worked out */
    TG__PHASES
};

struct tg__lifecycle {
    enum tg__phase phase;
    bool destroy_pending; /* destroyed while it runs: the run's end frees it */
    bool watched;         /* the hook is set: the event thread looks after a group that sleeps */
    bool turned_away;     /* a task was refused after the stop: the run is incomplete */
    atomic_bool shut;     /* of a pool that closes: only its own tasks still add */
    bool started;         /* tg_group_start() or tg_group_run() has been called */
    tg_hook hook;
    /* TG_OK, or what makes the next run fail: an add was refused; or on_done or a body has failed
     * after a stop. */
    tg_status add_error;
    int add_error_code;
    size_t run_base; /* tasks of the runs that have ended */
    /* The last run. */
    tg_status result;
    const tg_error *result_error; /* NULL: TG_OK */
    tg_error error;               /* if that is not a task's failure, with its text */
    char error_text[160];
    size_t skipped, ended; /* tasks, of `run_base` */
    int threads_asked, threads;
    double wall; /* seconds */
};

/* Under the lock: the next phase. A step that is not in the table ends the process in a build with
 * TASKGROUP_CHECK_LOCKS. */
void tg__lifecycle_step(tg_group *group, enum tg__phase to);

/* Under the lock: is nothing left to run, to be completed or, if it has not stopped, to wait for a
 * time? */
bool tg__group_is_done(tg_group *group, bool stopped);

/* Tasks that have a final state which a thread has stored. */
size_t tg__run_ended(struct tg__exec *exec);

/* Stops the group because something that is not a task has failed. */
void tg__group_call_off(tg_group *group, int code, const char *message);

/* For the next batch, nobody looks meanwhile. */
void tg__lifecycle_reset(tg_group *group);

/* TG_BUSY, with a message: the group is a pool's own, with which users may not do this. TG_OK: it
 * is the user's. */
tg_status tg__group_refuse_owned(const tg_group *group, const char *call);

/* In a child of fork(): did it run, or was it a pool's, in the parent? What runs, completes or
   frees its tasks is not here then. */
bool tg__group_was_in_use(const tg_group *group);

/* TG_CLOSED, with a message: what calls on such a group return. */
tg_status tg__group_refuse_parents(const char *call);

#endif
