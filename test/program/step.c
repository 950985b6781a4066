/* SPDX-License-Identifier: MIT */
/* What a task does, and what on_done does. */
#include "play.h"
#include <signal.h>

/* ---- One task ------------------------------------------------------------------------------ */

static void raise_most(atomic_size_t *most, size_t now)
{
    size_t seen = atomic_load(most);
    while (now > seen && !atomic_compare_exchange_weak(most, &seen, now))
        ;
}

static void take_shared(struct plan *plan, const struct step *step)
{
    size_t weight = step->weight > 0 ? step->weight : 1;
    if (plan->shared != NULL)
        raise_most(
            &plan->shared->most_used, weight + atomic_fetch_add(&plan->shared->used, weight));
}

void give_shared_back(struct plan *plan, const struct step *step)
{
    if (plan->shared != NULL)
        atomic_fetch_sub(&plan->shared->used, step->weight > 0 ? step->weight : 1);
}

static void enter(struct plan *plan, const struct step *step, int worker)
{
    raise_most(&plan->was.most_in_flight, 1 + atomic_fetch_add(&plan->was.in_flight, 1));
    take_shared(plan, step);
    if (worker >= 0 && worker < MOST_WORKERS)
        hold(plan, !atomic_exchange(&plan->was.workers[worker], true));
}

/* Still in flight if it is pending. */
static void leave(struct plan *plan, const struct step *step, int worker, bool pending)
{
    if (worker >= 0 && worker < MOST_WORKERS)
        atomic_store(&plan->was.workers[worker], false);
    if (pending)
        return;
    atomic_fetch_sub(&plan->was.in_flight, 1);
    give_shared_back(plan, step);
}

static void use_result(struct plan *plan, const struct step *step, void *result, bool first)
{
    uint64_t *slot = result;

    if (plan->options.result_size == 0) {
        hold(plan, slot == NULL);
        return;
    }
    if (first && !plan->caller_array)
        hold(plan, *slot == 0);
    *slot = value_of(step);
}

/* By its index: who that is only the group knows. */
static void take_back_next(struct step *step, tg_task *self)
{
    struct plan *plan = step->plan;
    size_t index = tg_task_index(self) + 1;
    tg_status status = tg_group_cancel_task(group_of(step, self), index);
    tg_outcome outcome;

    hold(plan, status == TG_OK || status == TG_DONE || status == TG_BUSY || status == TG_INVALID);
    if (status != TG_OK)
        return;
    atomic_fetch_add(&plan->was.taken, 1);
    if (plan->way == WAY_SUBMIT)
        return;
    outcome = outcome_of(plan->group, index);
    struct step *taken = outcome.arg;
    if (taken != NULL && taken->period == 0 && !atomic_exchange(&taken->was.taken, true))
        taken->was.starts_when_taken = atomic_load(&taken->was.starts);
}

/* Its group has stopped: that is known to whoever asks the context. */
static bool sees_stop(tg_task *self)
{
    tg_context *context = tg_task_context(self);
    return context != NULL && tg_context_check(context) != TG_OK;
}

static void run_below(struct step *step, tg_task *self)
{
    struct plan *plan = step->plan;

    if (step->cancels_early) {
        atomic_store(&plan->was.cancelled, true);
        push_job(step, JOB_CANCEL, 0);
    }
    give_shared_back(plan, step); /* lent */
    run_plan(step->below, plan, self);
    take_shared(plan, step);
    step->was.below = step->below->answer;
    if (!step->below->learned)
        return;
    hold(plan, sees_stop(self));
    step->was.learned = step->timeout != SHORT; /* else that may be why */
}

/* The nearest plan that was started: it waits for the task. */
static const struct plan *started_above(const struct plan *plan)
{
    while (plan->way != WAY_START)
        plan = plan->above;
    return plan;
}

static void do_deeds(struct step *step, tg_task *self)
{
    struct plan *plan = step->plan;

    for (size_t i = 0; i < step->adds; i++)
        add_spare(plan, self);
    if (step->adds_above)
        add_spare(plan->above, NULL);
    if (step->asks_busy)
        hold(plan, tg_group_wait(started_above(plan)->group, TG_FOREVER) == TG_BUSY);
    if (step->below != NULL && atomic_load(&step->was.starts) == 1)
        run_below(step, self);
    if (step->cancels) {
        atomic_store(&plan->was.cancelled, true);
        tg_context_cancel(tg_group_context(plan->group), CODE_CANCEL, "as planned");
    }
    if (step->cancels_from_afar && !plan->doomed) {
        atomic_store(&plan->was.cancelled, true);
        push_job(step, JOB_CANCEL, 0);
    }
    if (step->takes_back)
        take_back_next(step, self);
    if (step->destroys && !atomic_exchange(&plan->was.destroyed, true))
        tg_group_destroy(plan->group);
    if (step->period > 0 && atomic_load(&step->was.starts) > step->failures)
        tg_task_stop(self);
}

/* The code that the function returns. */
static int end_step(struct step *step, tg_task *self, int worker)
{
    struct plan *plan = step->plan;
    int starts = atomic_load(&step->was.starts), code = step->code;
    size_t index = tg_task_index(self);

    bool failing = step->attempts != 0 && starts <= step->failures;

    if (failing)
        code = CODE_FAILING;
    else if (step->ending == END_DEFER &&
             (plan->way != WAY_SUBMIT || plan->closing != CLOSE_AT_END)) {
        step->was.group = tg_task_group(self);
        leave(plan, step, worker, true);
        step->was.returned = step->code;
        int pending = tg_task_defer(self);
        push_job(step, JOB_COMPLETE, index);
        return pending;
    } else if (step->ending == END_DEFER_SELF) {
        int pending = tg_task_defer(self);
        leave(plan, step, worker, false);
        step->was.returned = code;
        hold(plan, tg_group_complete(group_of(step, self), index, code, NULL) == TG_OK);
        return pending;
    } else if (step->ending == END_SLEEP) {
        leave(plan, step, worker, false);
        step->was.returned = 0;
        return tg_task_sleep(self, step->long_sleep ? LONG : (double)(starts % 3) * 0.0001);
    }
    if (step->ending == END_STAND)
        wait_until(atomic_load(&plan->was.gate));
    if (step->ending == END_WHEN_TOLD)
        wait_until(tg_task_check(self) != TG_OK);
    step->was.told = step->ending == END_WHEN_TOLD || (step->asks && tg_task_check(self) != TG_OK);
    if (step->was.told && index % 2 == 0)
        code = CODE_TOLD;
    else if (step->passes_on && !failing && step->was.below != TG_OK)
        code = CODE_PASSED;
    step->was.seen = step->looks && step->timeout != SHORT && sees_stop(self);
    step->was.returned = code;
    leave(plan, step, worker, false);
    if (step->ending == END_ABORT && code != 0)
        tg_task_abort(code, "gave up at start %d", starts);
    if (step->ending == END_CRASH && !failing) {
        step->was.returned = 0;
        raise(SIGFPE);
    }
    return code;
}

int play_step(tg_task *self, void *arg, void *result)
{
    struct step *step = arg;
    struct plan *plan = step->plan;
    int starts = 1 + atomic_fetch_add(&step->was.starts, 1), worker = tg_task_worker(self);
    size_t none = TG_NO_INDEX, index = tg_task_index(self);
    struct plan *waits = enter_task(plan);

    hold(plan, atomic_compare_exchange_strong(&step->was.index, &none, index) || none == index);
    hold(plan, step->attempts == 0 || tg_task_attempt(self) == starts);
    hold(plan, tg_task_current() == self && worker >= 0);
    enter(plan, step, worker);
    use_result(plan, step, result, starts == 1);
    do_deeds(step, self);
    int code = end_step(
        step, self, worker); /* or it comes back elsewhere, and nothing is known of this thread */
    leave_task(waits);
    return code;
}

/* ---- on_done ------------------------------------------------------------------------------- */

/* Holds have no argument: by their index. NULL: the hold that is our own. */
static struct step *step_of(struct plan *plan, const tg_outcome *outcome)
{
    if (outcome->arg != NULL)
        return outcome->arg;
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].ending == END_HOLD &&
            atomic_load(&plan->steps[i].was.index) == outcome->index)
            return &plan->steps[i];
    return NULL;
}

int play_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct plan *plan = user;
    struct step *step = step_of(plan, outcome);
    size_t number = atomic_fetch_add(&plan->was.delivered, 1);

    hold(plan, group == plan->group && tg_task_current() == NULL);
    hold(plan, atomic_fetch_add(&plan->was.delivering, 1) == 0);
    if ((plan->options.flags & TG_GROUP_IN_ORDER) != 0)
        hold(plan, outcome->index == number);
    if (step != NULL) {
        hold(plan, atomic_fetch_add(&step->was.dones, 1) == 0);
        step->was.done_number = number;
        step->was.done_outcome = *outcome;
        if (plan->options.result_size > 0 && atomic_load(&step->was.starts) > 0)
            hold(plan, *(uint64_t *)outcome->result == value_of(step));
    }
    if (plan->done == DONE_ADDS && number < plan->done_at + 1)
        add_spare(plan, NULL);
    atomic_fetch_sub(&plan->was.delivering, 1);
    if (plan->done != DONE_FAILS || number != plan->done_at)
        return 0;
    atomic_store(&plan->was.done_failed, true);
    return CODE_DONE;
}
