/* SPDX-License-Identifier: MIT */
#ifndef PLAY_H
#define PLAY_H
/* What the files share that play a plan: play.c its groups, step.c a task, add.c how it comes in,
   elsewhere.c the thread beside the team, beside.c what else a pool does, submit.c the tasks of a
   pool. */
#include "program.h"

enum job_kind { JOB_COMPLETE, JOB_HOLD, JOB_CANCEL };

struct play {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, *last;
    bool runs, busy, over;
};

/* elsewhere.c */
void start_elsewhere(struct play *play);
void end_elsewhere(struct play *play);
void push_job(struct step *step, enum job_kind kind, size_t index);
void await_elsewhere(struct play *play);

/* beside.c: the pool that it runs over, and what keeps that busy. */
void open_pool(struct plan *plan);
void close_pool(struct plan *plan);
/* A task of the pool's own has its turn. */
void take_turn(struct plan *plan);

/* submit.c: its tasks are a pool's. */
void play_pool(struct plan *plan);

/* slow.c: for this thread memory is slow, so that others overtake it. */
void slow_memory(bool slow);

/* add.c */
tg_group *group_of(const struct step *step, tg_task *self);
tg_task_options options_of(const struct step *step);
void note_add(struct step *step, size_t many, tg_status status);
void note_keeper(struct plan *plan, tg_status status);
void add_steps(struct plan *plan, size_t from, size_t to);
void add_spare(struct plan *plan, tg_task *self);

/* step.c */
void give_shared_back(struct plan *plan, const struct step *step);
int play_step(tg_task *self, void *arg, void *result);
int play_done(tg_group *group, const tg_outcome *outcome, void *user);

/* play.c; self: the task around it, or NULL. */
void forget(struct plan *plan);
/* The calling thread begins a task, whatever it waits for, and that is answered; and ends it. */
struct plan *enter_task(struct plan *plan);
void leave_task(struct plan *waits);
void run_plan(struct plan *plan, struct plan *above, tg_task *self);

#endif
