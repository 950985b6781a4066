/* SPDX-License-Identifier: MIT */
/* What the contract allows where there is no group of ours: tasks of a pool, and tg_map_run(). */
#include "judge.h"
#include "../unit/pools.h"

/* ---- Tasks of a pool ----------------------------------------------------------------------- */

void judge_submitted(struct plan *plan)
{
    tg_pool_numbers numbers = {.size = sizeof numbers};
    size_t ok = 0, others = 0, late = 0;

    for (size_t i = 0; i < plan->initial; i++) {
        struct step *step = &plan->steps[i];
        tg_outcome *outcome = &step->was.outcome;
        if (step->was.handle == NULL)
            continue;
        outcome->size = sizeof *outcome;
        hold(plan, tg_task_outcome(step->was.handle, outcome) == TG_OK);
        judge_step(step, false);
        ok += outcome->status == TG_OK;
        others += outcome->status != TG_OK;
        tg_task_release(step->was.handle);
    }
    for (size_t i = plan->initial; i < plan->total; i++)
        late += plan->steps[i].was.add_status == TG_OK;
    hold(plan, tg_pool_report(plan->pool, &numbers) == TG_OK);
    hold(plan, numbers.submitted == ok + others + late);
    hold(plan, numbers.running == 0 && numbers.queued == 0 && numbers.pending == 0);
    hold(plan,
        numbers.ok + numbers.failed + numbers.cancelled + numbers.abandoned + numbers.dropped ==
            numbers.submitted);
    hold(plan, numbers.ok >= ok && numbers.abandoned == 0);
    judge_bounds(plan);
}

/* It was cancelled by its handle: never started after that. One with a timeout that runs is told,
   and may end well all the same. */
static void judge_cancelled(const struct step *step)
{
    const struct plan *plan = step->plan;
    tg_status status = step->was.outcome.status;
    int starts = atomic_load(&step->was.starts);

    judge_taken(step);
    hold(plan, status == TG_CANCELLED || (starts > 0 && step->timeout > 0 && status == TG_OK) ||
                   (starts > 0 && step->timeout == SHORT && status == TG_TIMED_OUT));
}

static bool was_cancelled(const struct step *step)
{
    return step->was.cancel == TG_OK && step->period <= 0;
}

/* Of a pool that was closed while its handles were cancelled. */
void judge_closed(struct plan *plan)
{
    struct tally tally = {0};

    for (size_t i = 0; i < plan->initial; i++) {
        struct step *step = &plan->steps[i];
        if (step->was.handle == NULL)
            continue;
        step->was.outcome.size = sizeof step->was.outcome;
        hold(plan, tg_task_outcome(step->was.handle, &step->was.outcome) == TG_OK);
        if (was_cancelled(step))
            judge_cancelled(step);
        else
            judge_step(step, true);
        tally.added++;
        count_step(&tally, step);
        tg_task_release(step->was.handle);
    }
    judge_bounds(plan);
    if (plan->closing == CLOSE_DESTROYS)
        return;
    tg_pool_numbers n = numbers_of(plan->pool);
    hold(plan, is_over(&n));
    hold(plan, n.submitted == tally.added && n.dropped == 0);
    hold(plan, n.ok == tally.ok && n.failed == tally.failed + tally.timed_out + tally.crashed);
    hold(plan, n.cancelled == tally.cancelled);
    hold(plan, n.abandoned == tally.skipped);
}

/* ---- Maps ---------------------------------------------------------------------------------- */

static void judge_map_failure(const struct plan *plan, const tg_error *error)
{
    const struct step *step = &plan->steps[error->index < plan->total ? error->index : 0];

    hold(plan, error->index < plan->total && atomic_load(&step->was.starts) == 1);
    hold(plan, error->status == TG_CRASHED ? step->ending == END_CRASH
                                           : step->was.returned == error->code && error->code != 0);
    hold(plan, !step->was.told);
    if ((program_knows() & KNOWS_LATE) != 0 && (plan->options.flags & TG_GROUP_SHIELD) == 0)
        hold(plan, !step->was.seen && !step->was.learned);
}

void judge_map(struct plan *plan, tg_status answer, bool outside)
{
    const tg_error *error = tg_error_last();
    bool cancelled = outside || plan->options.timeout == SHORT;
    size_t failed = 0, started = 0;

    for (size_t i = 0; i < plan->total; i++) {
        const struct step *step = &plan->steps[i];
        int starts = atomic_load(&step->was.starts);
        hold(plan, starts <= 1);
        started += starts == 1;
        failed += starts == 1 && (step->was.returned != 0 || step->ending == END_CRASH);
    }
    judge_bounds(plan);
    hold(plan, answer == TG_OK || answer == error->status);
    if (answer == TG_OK)
        hold(plan, started == plan->total && failed == 0);
    else if (answer == TG_FAILED || answer == TG_CRASHED)
        judge_map_failure(plan, error);
    else if (answer == TG_CANCELLED)
        hold(plan, outside);
    else
        hold(plan, answer == TG_TIMED_OUT && cancelled);
    if (!cancelled && failed > 0)
        hold(plan, answer == TG_FAILED || answer == TG_CRASHED);
    if (!cancelled && (plan->options.flags & TG_GROUP_KEEP_GOING) != 0)
        hold(plan, started == plan->total);
}
