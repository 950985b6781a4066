/* SPDX-License-Identifier: MIT */
/* Adds what is planned to a group, and writes down what that was answered. */
#include "play.h"

tg_group *group_of(const struct step *step, tg_task *self)
{
    return step->plan->way == WAY_SUBMIT ? tg_task_group(self) : step->plan->group;
}

tg_task_options options_of(const struct step *step)
{
    return (tg_task_options){.size = sizeof(tg_task_options),
        .flags =
            (step->optional ? TG_TASK_OPTIONAL : 0) | (step->background ? TG_TASK_BACKGROUND : 0),
        .priority = step->priority,
        .attempts = step->attempts,
        .backoff = step->backoff,
        .timeout = step->timeout,
        .weight = step->weight,
        .when_full = step->when_full,
        .delay = step->delay,
        .period = step->period};
}

static void lose(struct plan *plan, _Atomic(tg_status) *lost, tg_status status)
{
    if (lost == &plan->was.lost)
        atomic_fetch_or(&plan->was.losses, LOSS(status));
    atomic_store(lost, status);
}

/* The caller's array has no slot left, or the queue no space and the step is to be refused then:
   only the former makes the batch incomplete. */
static void note_full(struct step *step)
{
    struct plan *plan = step->plan;
    bool asked = plan->options.queue != 0 && step->when_full == TG_FULL_REFUSE;

    atomic_fetch_add(&plan->was.full, 1);
    if (plan->caller_array)
        lose(plan, asked ? &plan->was.maybe_lost : &plan->was.lost, TG_FULL);
}

/* Which answers an add may have; those that leave the batch incomplete are remembered. */
void note_add(struct step *step, size_t many, tg_status status)
{
    struct plan *plan = step->plan;

    for (size_t i = 0; i < many; i++)
        step[i].was.add_status = status;
    if (status == TG_FULL)
        note_full(step);
    else if (status == TG_CLOSED || status == TG_CANCELLED)
        atomic_fetch_add(&plan->was.late, 1);
    else if (status != TG_OK)
        lose(plan, &plan->was.lost, status);
    if (status == TG_CANCELLED)
        atomic_fetch_add(&plan->was.cancelled_adds, 1);
    if (status == TG_FULL)
        hold(plan,
            plan->caller_array || (plan->options.queue != 0 && step->when_full == TG_FULL_REFUSE));
    if (status == TG_TOO_LARGE)
        hold(plan, plan->shared != NULL && step->weight > plan->shared->most);
    else if (status == TG_INVALID) /* than the task around holds */
        hold(plan, plan->below_shares && step->weight > 1);
    else
        hold(plan,
            status == TG_OK || status == TG_FULL || status == TG_CLOSED || status == TG_CANCELLED);
}

/* The hold of ours was refused. */
void note_keeper(struct plan *plan, tg_status status)
{
    if (status == TG_FULL)
        lose(plan, &plan->was.lost, TG_FULL);
    else
        atomic_fetch_add(&plan->was.late, 1);
}

static void add_hold(struct step *step)
{
    tg_task_options options = {
        .size = sizeof options, .flags = step->optional ? TG_TASK_OPTIONAL : 0};
    tg_task *handle = tg_group_hold(step->plan->group, &options);

    step->was.handle = handle;
    note_add(step, 1, handle != NULL ? TG_OK : tg_error_last()->status);
    if (handle != NULL) {
        atomic_store(&step->was.index, tg_task_index(handle));
        push_job(step, JOB_HOLD, 0);
    }
}

/* By the shortest call, which has a way of its own into the group. */
static void add_plainly(struct step *step)
{
    step->was.add_status = TG_OK;
    tg_status status = tg_group_add(step->plan->group, play_step, step);
    if (status != TG_OK)
        note_add(step, 1, status);
}

static bool is_plain(const struct step *step)
{
    return step->ending != END_HOLD && !step->optional && step->attempts == 0 &&
           step->priority == 0 && step->timeout <= 0 && step->weight == 0 && step->delay <= 0 &&
           step->period <= 0 && step->when_full == TG_FULL_WAIT;
}

static void add_one(struct step *step, tg_task *self)
{
    tg_task_options options = options_of(step);
    size_t index;

    if (step->ending == END_HOLD) {
        add_hold(step);
        return;
    }
    if (step->plan->meets && is_plain(step)) {
        add_plainly(step);
        return;
    }
    step->was.add_status = TG_OK; /* by who starts it: it may run before we know */
    tg_status status = tg_group_add_with(group_of(step, self), play_step, step, &options, &index);
    if (status != TG_OK)
        note_add(step, 1, status);
    hold(step->plan, (index == TG_NO_INDEX) == (status != TG_OK));
}

static void stop_here(struct plan *plan)
{
    atomic_store(&plan->was.cancelled, true);
    tg_context_cancel(tg_group_context(plan->group), CODE_CANCEL, "before an add");
}

/* Steps from `from` up to `to`, alike ones by one call. */
void add_steps(struct plan *plan, size_t from, size_t to)
{
    for (size_t i = from, many; i < to; i += many) {
        struct step *step = &plan->steps[i];
        tg_task_options options = options_of(step);
        for (many = 1; i + many < to && step[many].block == step->block;)
            many++;
        if (plan->stops_at > i && plan->stops_at <= i + many)
            stop_here(plan);
        if (many == 1 || step->block % 2 == 1) {
            for (size_t k = 0; k < many; k++)
                add_one(&step[k], NULL);
            continue;
        }
        for (size_t k = 0; k < many; k++)
            step[k].was.add_status = TG_OK;
        tg_status status =
            tg_group_add_many(plan->group, play_step, many, step, sizeof *step, &options);
        if (status != TG_OK)
            note_add(step, many, status);
    }
}

void add_spare(struct plan *plan, tg_task *self)
{
    size_t next = atomic_fetch_add(&plan->was.next, 1);
    if (next < plan->total)
        add_one(&plan->steps[next], self);
}
