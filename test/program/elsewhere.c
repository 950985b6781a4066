/* SPDX-License-Identifier: MIT */
/* One thread beside the team, which completes and cancels. */
#include "play.h"

struct job {
    enum job_kind kind;
    struct step *step;
    size_t index;
    struct job *next;
};

void push_job(struct step *step, enum job_kind kind, size_t index)
{
    struct play *play = step->plan->play;
    struct job *job = malloc(sizeof *job);

    *job = (struct job){kind, step, index, NULL};
    pthread_mutex_lock(&play->lock);
    *(play->first == NULL ? &play->first : &play->last->next) = job;
    play->last = job;
    pthread_cond_broadcast(&play->changed);
    pthread_mutex_unlock(&play->lock);
}

static void do_job(const struct job *job)
{
    struct step *step = job->step;
    struct plan *plan = step->plan;
    const char *message = step->code != 0 ? "from elsewhere" : NULL;

    switch (job->kind) {
    case JOB_COMPLETE:
        atomic_fetch_sub(&plan->was.in_flight, 1);
        give_shared_back(plan, step);
        hold(plan, tg_group_complete(step->was.group, job->index, step->code, message) == TG_OK);
        if (step->attempts == 0 && step->period <= 0 && !plan->doomed &&
            plan->way != WAY_SUBMIT) /* nobody has started it again, nor another in its place */
            hold(plan, tg_group_complete(plan->group, job->index, 1, NULL) == TG_DONE);
        break;
    case JOB_HOLD:
        hold(plan, tg_task_complete(step->was.handle, step->code, message) == TG_OK);
        break;
    case JOB_CANCEL:
        tg_context_cancel(tg_group_context(plan->group), CODE_AFAR, "from elsewhere");
        break;
    }
}

static void *work_elsewhere(void *arg)
{
    struct play *play = arg;

    pthread_mutex_lock(&play->lock);
    while (!play->over || play->first != NULL) {
        struct job *job = play->first;
        if (job == NULL) {
            pthread_cond_wait(&play->changed, &play->lock);
            continue;
        }
        play->first = job->next;
        play->busy = true;
        pthread_mutex_unlock(&play->lock);
        do_job(job);
        free(job);
        pthread_mutex_lock(&play->lock);
        play->busy = false;
        pthread_cond_broadcast(&play->changed);
    }
    pthread_mutex_unlock(&play->lock);
    return NULL;
}

/* No job is left that could still touch a group. */
void await_elsewhere(struct play *play)
{
    pthread_mutex_lock(&play->lock);
    while (play->first != NULL || play->busy)
        pthread_cond_wait(&play->changed, &play->lock);
    pthread_mutex_unlock(&play->lock);
}

void start_elsewhere(struct play *play)
{
    *play = (struct play){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    play->runs = pthread_create(&play->thread, NULL, work_elsewhere, play) == 0;
}

void end_elsewhere(struct play *play)
{
    pthread_mutex_lock(&play->lock);
    play->over = true;
    pthread_cond_broadcast(&play->changed);
    pthread_mutex_unlock(&play->lock);
    if (play->runs)
        pthread_join(play->thread, NULL);
}
