/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_RUNNER_H
#define TG_LIB_RUNNER_H
/* One task from start to finish: look whether it may start, call its function, record what came. */
#include "context.h"
#include "failure.h"
#include "store.h"

/* What the tasks of a group share. */
struct tg__run {
    tg_group *group;
    tg_context *context;        /* stopped: nothing starts any more */
    bool keep_going;            /* a required failure does not stop it */
    atomic_bool stopped_itself; /* one did, and was the first cause */
    struct tg__store store;
    struct tg__failures failures;
    atomic_size_t ok, failed, cancelled; /* tasks that have ended */
};

/* The task that a thread is in. One for as long as the thread serves the group: it becomes task
 * after task. */
struct tg_task {
    struct tg__run *run;
    tg_task *under;              /* the task below on this thread's stack, or NULL */
    struct tg__segment *segment; /* of the last one: the next is most likely there too */
    size_t index;
    char *message;                /* what it said when it failed, or NULL */
    bool message_lost;            /* there was no memory for it */
    bool told;                    /* that it must stop */
    bool over;                    /* the group has stopped: there is no next task */
    size_t ok, failed, cancelled; /* so far, on this thread */
};

void tg__runner_enter(tg_task *self, struct tg__run *run);
void tg__runner_leave(tg_task *self);

/*
 * Runs the tasks `first` … `first + many - 1` one after another, until the group has stopped. True:
 * one of them has stopped it.
 */
bool tg__runner_run(tg_task *self, size_t first, size_t many);

#endif
