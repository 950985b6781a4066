/* SPDX-License-Identifier: MIT */
/* What the contract allows, whatever the threads did: from what the tasks have written down. */
#include "judge.h"

#define BIT(status) (1u << (status))

/* ---- One task ------------------------------------------------------------------------------ */

/* May anything be left undone, but for what was taken back? */
static bool may_have_stopped(const struct plan *plan, size_t required_failed, bool outside)
{
    bool failed = required_failed > 0 && (plan->options.flags & TG_GROUP_KEEP_GOING) == 0;
    return failed || outside || plan->options.need > 0 || plan->options.timeout == SHORT ||
           atomic_load(&plan->was.cancelled) || atomic_load(&plan->was.done_failed) ||
           atomic_load(&plan->was.destroyed) || atomic_load(&plan->was.lost) != TG_OK ||
           atomic_load(&plan->was.maybe_lost) != TG_OK;
}

static bool may_be_dropped(const struct step *step)
{
    return step->when_full == TG_FULL_DROP && step->plan->options.queue != 0;
}

/* on_done, or another thread, may have added it when the run was over, and its answer has closed
   the group then. */
static bool may_come_late(const struct plan *plan, size_t number)
{
    bool in_done = plan->done == DONE_ADDS && number >= plan->initial;
    bool meanwhile = plan->meets && number >= plan->early;
    return plan->was.closes && (in_done || meanwhile);
}

static bool may_be_late(const struct step *step)
{
    return may_come_late(step->plan, (size_t)(step - step->plan->steps));
}

static bool tries_again(const struct step *step)
{
    int starts = atomic_load(&step->was.starts);
    return step->attempts == TG_ENDLESS || starts < step->attempts;
}

/* The statuses of a task that has returned a code other than 0. After the stop it is cancelled,
   whether it has asked or not: certainly if the stop was seen before. */
static unsigned allowed_after_failure(const struct step *step, bool stopped)
{
    bool shielded = (step->plan->options.flags & TG_GROUP_SHIELD) != 0;

    if (step->was.told)
        return BIT(TG_CANCELLED);
    if (!shielded && (step->was.seen || step->was.learned))
        return BIT(TG_CANCELLED);
    bool told = step->timeout > 0 && atomic_load(&step->plan->was.taken) > 0;
    return BIT(TG_FAILED) | (told || (!shielded && stopped) ? BIT(TG_CANCELLED) : 0);
}

/* The statuses of a task that has failed and could be tried again, had the group not stopped: or
   been tried again. */
static unsigned allowed_instead_of_another(const struct step *step, unsigned set, bool given_up)
{
    bool shielded = (step->plan->options.flags & TG_GROUP_SHIELD) != 0;

    if (!shielded)
        set &= ~BIT(TG_FAILED);
    return given_up ? set | BIT(TG_CANCELLED) : 0;
}

/* The statuses that a task may have which was started, by what its last attempt did. */
static unsigned allowed_after_start(const struct step *step, bool stopped)
{
    bool failing = step->attempts != 0 && atomic_load(&step->was.starts) <= step->failures;
    bool crashes = !failing && step->ending == END_CRASH;
    bool away = !failing && (step->ending == END_DEFER || step->ending == END_DEFER_SELF ||
                                step->ending == END_SLEEP);
    bool fails = step->was.returned != 0 || crashes;
    bool given_up = stopped || step->background || atomic_load(&step->plan->was.taken) > 0;
    unsigned set = crashes  ? BIT(TG_CRASHED)
                   : !fails ? BIT(TG_OK)
                            : allowed_after_failure(step, stopped);

    if (fails && tries_again(step))
        set = allowed_instead_of_another(step, set, given_up);
    if (away && given_up && (fails || step->ending == END_SLEEP))
        set |= BIT(TG_CANCELLED);
    if (step->timeout == SHORT)
        set |= BIT(TG_TIMED_OUT) | (given_up ? BIT(TG_CANCELLED) : 0);
    return set;
}

static unsigned allowed(const struct step *step, bool stopped)
{
    if (step->ending == END_HOLD)
        return step->code == 0 ? BIT(TG_OK) : BIT(TG_FAILED) | (stopped ? BIT(TG_CANCELLED) : 0);
    if (atomic_load(&step->was.starts) > 0)
        return allowed_after_start(step, stopped);
    bool cancelled = atomic_load(&step->plan->was.taken) > 0 || step->was.cancel == TG_OK;
    unsigned set = cancelled ? BIT(TG_CANCELLED) : 0;
    if (stopped || may_be_dropped(step) || may_be_late(step) || step->background)
        set |= BIT(TG_SKIPPED);
    return set; /* none: it must have started */
}

/* One with a timeout is told while it runs: its function may be called just then, but not again. */
void judge_taken(const struct step *step)
{
    int starts = atomic_load(&step->was.starts);
    hold(step->plan, starts >= step->was.starts_when_taken);
    hold(step->plan, starts <= step->was.starts_when_taken + (step->timeout > 0));
}

void judge_step(const struct step *step, bool stopped)
{
    const struct plan *plan = step->plan;
    const tg_outcome *outcome = &step->was.outcome;
    int starts = atomic_load(&step->was.starts), most = step->attempts > 0 ? step->attempts : 1;

    hold(plan, outcome->status < TG_NOT_RUN);
    hold(plan, (allowed(step, stopped) & BIT(outcome->status & 31)) != 0);
    hold(plan, starts <= most || step->attempts == TG_ENDLESS || step->period > 0);
    hold(plan, outcome->attempts == starts || step->ending == END_HOLD);
    if (step->ending == END_HOLD)
        hold(plan, outcome->code == step->code);
    else if (starts == 0)
        hold(plan, outcome->code == 0);
    else if (step->timeout != SHORT && step->ending != END_SLEEP)
        hold(plan, outcome->code == step->was.returned);
    if (atomic_load(&step->was.taken))
        judge_taken(step);
    if (outcome->status == TG_OK && step->attempts != 0 && step->timeout != SHORT)
        hold(plan, starts == step->failures + 1);
}

void count_step(struct tally *tally, const struct step *step)
{
    tg_status status = step->was.outcome.status;
    bool failed = status == TG_FAILED || status == TG_TIMED_OUT || status == TG_CRASHED;

    tally->ok += status == TG_OK;
    tally->failed += status == TG_FAILED;
    tally->timed_out += status == TG_TIMED_OUT;
    tally->crashed += status == TG_CRASHED;
    tally->cancelled += status == TG_CANCELLED;
    tally->skipped += status == TG_SKIPPED;
    tally->required_failed += failed && !step->optional;
    tally->attempts += step->attempts != 0 ? (size_t)atomic_load(&step->was.starts) : 0;
    tally->left_out += (status == TG_SKIPPED || status == TG_CANCELLED) && !step->background &&
                       !may_be_dropped(step);
}

/* ---- All of a group ------------------------------------------------------------------------ */

static struct step *step_at(struct plan *plan, size_t index, const tg_outcome *outcome)
{
    if (outcome->arg != NULL)
        return outcome->arg;
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].was.handle != NULL && atomic_load(&plan->steps[i].was.index) == index)
            return &plan->steps[i];
    return NULL;
}

/* Each index is a step that was added, and each of those has one. */
static void find_steps(struct plan *plan)
{
    bool recycled = (plan->options.flags & TG_GROUP_RECYCLE) != 0;
    size_t count = tg_group_count(plan->group);

    for (size_t i = 0; !recycled && i < count; i++) {
        tg_outcome outcome = outcome_of(plan->group, i);
        struct step *step = step_at(plan, i, &outcome);
        if (step == NULL) {
            hold(plan, plan->was.keeper != NULL && outcome.status == TG_OK);
            continue;
        }
        hold(plan, outcome.index == i && !step->was.found);
        step->was.found = true;
        step->was.outcome = outcome;
        if (plan->done != DONE_NONE) {
            const tg_outcome *done = &step->was.done_outcome;
            hold(plan,
                done->index == i && done->status == outcome.status && done->code == outcome.code);
        }
    }
    for (size_t i = 0; recycled && i < plan->total; i++) {
        struct step *step = &plan->steps[i];
        step->was.outcome = step->was.done_outcome;
        step->was.found = atomic_load(&step->was.dones) > 0;
    }
}

static struct tally judge_steps(struct plan *plan, bool outside)
{
    struct tally tally = {.added = plan->was.keeper != NULL, .ok = plan->was.keeper != NULL};

    for (size_t i = 0; i < plan->total; i++) {
        struct step *step = &plan->steps[i];
        bool added = step->was.add_status == TG_OK;
        hold(plan, step->was.found == added);
        hold(plan, !plan->was.known || i >= plan->early || !added);
        hold(plan, added || atomic_load(&step->was.starts) == 0);
        hold(plan, atomic_load(&step->was.dones) == (added && plan->done != DONE_NONE));
        tally.added += added;
        if (added)
            count_step(&tally, step);
    }
    bool stopped = may_have_stopped(plan, tally.required_failed, outside);
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].was.add_status == TG_OK)
            judge_step(&plan->steps[i], stopped);
    if (!stopped && !may_come_late(plan, plan->total))
        hold(plan, atomic_load(&plan->was.late) == 0);
    hold(plan, tg_group_count(plan->group) == tally.added);
    return tally;
}

static void judge_results(struct plan *plan)
{
    const uint64_t *all;

    if (plan->options.result_size != 8 || (plan->options.flags & TG_GROUP_RECYCLE) != 0 ||
        tg_group_count(plan->group) == 0)
        return;
    all = tg_group_results(plan->group);
    if (all == NULL) { /* no run has begun */
        hold(plan, atomic_load(&plan->was.lost) != TG_OK || plan->cancelled_before ||
                       tg_group_error(plan->group) != NULL);
        return;
    }
    for (size_t i = 0; i < plan->total; i++) {
        const struct step *step = &plan->steps[i];
        size_t index = step->was.outcome.index;
        if (step->was.found && atomic_load(&step->was.starts) > 0)
            hold(plan, all[index] == value_of(step));
        else if (step->was.found)
            hold(plan, all[index] == (plan->caller_array ? untouched(index) : 0));
    }
}

static void judge_report(struct plan *plan, const struct tally *tally)
{
    tg_report report = report_of(plan->group);
    size_t errors = 0;

    hold(plan, report.added == tally->added && report.not_run == 0 && report.pending == 0);
    hold(plan, report.ok == tally->ok && report.failed == tally->failed);
    hold(plan, report.timed_out == tally->timed_out && report.crashed == tally->crashed);
    hold(plan, report.cancelled == tally->cancelled);
    hold(plan, report.skipped + report.dropped == tally->skipped);
    hold(plan, report.attempts == tally->attempts);
    for (const tg_error *e = NULL; (e = tg_group_error_next(plan->group, e)) != NULL; errors++)
        if ((plan->options.flags & TG_GROUP_RECYCLE) == 0)
            hold(plan, status_of(plan->group, e->index) == e->status);
    hold(plan, errors == tally->failed + tally->timed_out + tally->crashed);
}

static void judge_successes(struct plan *plan, const struct tally *tally)
{
    size_t ranks = 0, index;

    if (plan->options.need == 0 && (plan->options.flags & TG_GROUP_TIMES) == 0)
        return;
    if ((plan->options.flags & TG_GROUP_RECYCLE) != 0)
        return;
    for (; (index = tg_group_success(plan->group, ranks + 1)) != TG_NO_INDEX; ranks++)
        hold(plan, status_of(plan->group, index) == TG_OK);
    hold(plan, ranks == tally->ok);
}

void judge_bounds(struct plan *plan)
{
    if (plan->options.limit > 0)
        hold(plan, atomic_load(&plan->was.most_in_flight) <= (size_t)plan->options.limit);
    hold(plan, atomic_load(&plan->was.in_flight) == 0);
}

/* ---- Its answer ---------------------------------------------------------------------------- */

static void judge_ok(const struct plan *plan, const struct tally *tally)
{
    size_t taken = (size_t)atomic_load(&plan->was.taken);

    hold(plan, !atomic_load(&plan->was.done_failed) || plan->options.need > 0);
    if (plan->options.need > 0) {
        hold(plan, tally->ok >= plan->options.need);
        return;
    }
    hold(plan, tally->required_failed == 0 && atomic_load(&plan->was.lost) == TG_OK);
    hold(plan, tally->left_out <= taken);
    if ((program_knows() & KNOWS_REFUSED) == 0)
        return;
    hold(plan, atomic_load(&plan->was.cancelled_adds) == 0);
    hold(plan, atomic_load(&plan->was.late) == 0);
}

static void judge_failure(const struct plan *plan, const tg_error *error)
{
    tg_outcome outcome;

    if (error->index == TG_NO_INDEX) {
        if (error->status == TG_FAILED)
            hold(plan, atomic_load(&plan->was.done_failed) && error->code == CODE_DONE);
        return;
    }
    if ((plan->options.flags & TG_GROUP_RECYCLE) != 0)
        return;
    outcome = outcome_of(plan->group, error->index);
    hold(plan, outcome.status == error->status && outcome.code == error->code);
    if (outcome.arg != NULL)
        hold(plan, !((const struct step *)outcome.arg)->optional);
}

/* Was an add refused so, other than because it was asked for? */
static bool was_lost(const struct plan *plan, tg_status status)
{
    return (atomic_load(&plan->was.losses) & LOSS(status)) != 0 ||
           status == atomic_load(&plan->was.maybe_lost);
}

/* An add was refused since the group was known to have stopped: that is why the batch is not OK. */
static void judge_known(const struct plan *plan, const tg_error *error)
{
    if (plan->options.need > 0 || atomic_load(&plan->was.lost) != TG_OK)
        return;
    if (plan->before == BEFORE_DEADLINE)
        hold(plan, error->status == TG_TIMED_OUT && error->index == TG_NO_INDEX);
    else
        hold(plan, error->status == TG_CANCELLED && error->code == CODE_CANCEL);
}

static void judge_answer(
    const struct plan *plan, tg_status answer, const struct tally *tally, bool outside)
{
    const tg_error *error = tg_group_error(plan->group);
    bool cancelled = outside || atomic_load(&plan->was.cancelled);
    bool keep_going = (plan->options.flags & TG_GROUP_KEEP_GOING) != 0;

    hold(plan, (error == NULL) == (answer == TG_OK));
    hold(plan, error == NULL || error->status == answer);
    if (answer == TG_OK) {
        judge_ok(plan, tally);
        return;
    }
    if (error == NULL)
        return;
    if (answer == TG_FAILED || answer == TG_CRASHED || answer == TG_TIMED_OUT)
        judge_failure(plan, error);
    if (answer == TG_FAILED || answer == TG_CRASHED)
        hold(plan, tally->required_failed > 0 || error->index == TG_NO_INDEX);
    else if (answer == TG_TIMED_OUT)
        hold(plan, tally->timed_out > 0 || plan->options.timeout == SHORT || outside);
    else if (answer == TG_CANCELLED)
        hold(plan, cancelled);
    else if (answer == TG_FEWER)
        hold(plan, tally->ok < plan->options.need);
    else if (answer == TG_INVALID)
        hold(plan, plan->below_shares);
    else
        hold(plan, was_lost(plan, answer));
    if (plan->was.known && atomic_load(&plan->was.late) > 0)
        judge_known(plan, error);
    if (!cancelled && !keep_going && plan->options.need == 0 && tally->required_failed > 0)
        hold(plan, answer != TG_CANCELLED && answer != TG_OK);
}

/* There is no group to look at any more. */
static void judge_destroyed(const struct plan *plan, tg_status answer)
{
    hold(plan, answer == TG_CANCELLED);
    for (size_t i = 0; i < plan->total; i++)
        hold(plan, atomic_load(&plan->steps[i].was.dones) ==
                       (plan->steps[i].was.add_status == TG_OK && plan->done != DONE_NONE));
}

/* An incomplete batch does not run (another thread may have made it so just before), nor one that asks for more than
   the task around it can lend. */
static bool was_refused(const struct plan *plan, tg_status answer, bool outside)
{
    int starts = 0;
    bool stopped = (answer == TG_CANCELLED || answer == TG_TIMED_OUT) &&
                   (outside || atomic_load(&plan->was.cancelled));

    for (size_t i = 0; i < plan->total; i++)
        starts += atomic_load(&plan->steps[i].was.starts);
    if (plan->was.never_begun) /* a hold may have been enough before that add */
        hold(plan, starts == 0 && (was_lost(plan, answer) || stopped || plan->options.need > 0));
    bool by_array = answer == TG_FULL && atomic_load(&plan->was.maybe_lost) == TG_FULL;
    bool may_be = plan->was.never_begun || plan->way == WAY_ADDER || by_array ||
                  (plan->below_shares && answer == TG_INVALID);
    return may_be && answer > TG_NOT_RUN && starts == 0;
}

void judge(struct plan *plan, tg_status answer, bool outside)
{
    struct tally tally;

    if (atomic_load(&plan->was.destroyed)) {
        judge_destroyed(plan, answer);
        return;
    }
    if (was_refused(plan, answer, outside))
        return;
    plan->was.closes = answer != TG_OK;
    find_steps(plan);
    tally = judge_steps(plan, outside);
    judge_results(plan);
    judge_report(plan, &tally);
    judge_successes(plan, &tally);
    judge_order(plan, answer);
    judge_bounds(plan);
    judge_answer(plan, answer, &tally, outside);
}
