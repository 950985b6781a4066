/* SPDX-License-Identifier: MIT */
/* Where tasks start one after another and nothing depends on a clock or another thread, a loop says what must
   come out: every status, and the answer. */
#include "program.h"

/* Does a group in a task have a say in what the task, or the group around it, comes to? */
static bool is_heard(const struct step *step)
{
    if (step->below == NULL)
        return false;
    for (size_t i = 0; i < step->below->total; i++)
        if (step->below->steps[i].adds_above)
            return true;
    return step->passes_on || step->cancels_early;
}

static bool is_certain(const struct plan *plan, const struct step *step)
{
    bool no_time =
        step->attempts == 0 && step->timeout != SHORT && step->delay <= 0 && step->period <= 0;
    bool here = step->ending != END_HOLD && step->ending != END_WHEN_TOLD && !step->takes_back &&
                !step->cancels_from_afar && !step->destroys;
    bool waits = step->ending == END_DEFER || step->ending == END_SLEEP;
    bool lent = step->below != NULL && step->below->below_shares;
    return no_time && here && !lent && !is_heard(step) && (!waits || plan->options.limit == 1);
}

/* One thread or one slot; all is added by the time it begins, or by tasks. */
static bool applies(const struct plan *plan)
{
    const tg_group_options *o = &plan->options;
    bool in_turn = o->limit == 1 || report_of(plan->group).threads == 1;

    if (!in_turn || plan->way != WAY_RUN || plan->above != NULL || plan->cancelled_before)
        return false;
    if (plan->before != BEFORE_NOTHING || plan->stops_at > 0)
        return false;
    if (o->timeout == SHORT || o->queue != 0 || plan->done == DONE_FAILS || plan->done == DONE_ADDS)
        return false;
    if (o->ahead > 0 || atomic_load(&plan->was.lost) != TG_OK || plan->shared != NULL)
        return false;
    for (size_t i = 0; i < plan->total; i++)
        if (!is_certain(plan, &plan->steps[i]))
            return false;
    return true;
}

/* Of those that have been added and not begun, who starts first? */
static size_t next_of(const struct plan *plan, const size_t *order, const bool *begun, size_t added)
{
    bool required_first = (plan->options.flags & TG_GROUP_REQUIRED_FIRST) != 0;
    size_t best = added;

    for (size_t i = 0; i < added; i++) {
        if (begun[i])
            continue;
        const struct step *a = &plan->steps[order[i]],
                          *b = best < added ? &plan->steps[order[best]] : NULL;
        if (b == NULL || a->priority > b->priority ||
            (a->priority == b->priority && required_first && b->optional && !a->optional))
            best = i;
    }
    return best;
}

struct state {
    size_t added, next, ok, first; /* first: index of the first required failure */
    bool stopped, cancelled;
};

static tg_status expected_of(const struct step *step, const struct state *state, size_t index)
{
    bool returns =
        step->ending == END_RETURN || step->ending == END_ABORT || step->ending == END_CRASH;
    bool shielded = (step->plan->options.flags & TG_GROUP_SHIELD) != 0;
    bool told = returns && step->asks && state->cancelled && !shielded;
    bool late = (program_knows() & KNOWS_LATE) != 0 && returns && state->cancelled && !shielded;
    int code = told && index % 2 == 0 ? CODE_TOLD : step->code;

    if (step->ending == END_CRASH)
        return TG_CRASHED;
    if (step->ending == END_SLEEP)
        return state->cancelled ? TG_CANCELLED : TG_OK;
    if (step->ending == END_DEFER ||
        step->ending == END_DEFER_SELF) /* completed as told, or late */
        return code == 0 ? TG_OK : state->cancelled ? TG_CANCELLED : TG_FAILED;
    return code == 0 ? TG_OK : told || late ? TG_CANCELLED : TG_FAILED;
}

static void begin(struct plan *plan, struct state *state, size_t *order, size_t index)
{
    const struct step *step = &plan->steps[order[index]];

    for (size_t k = 0; k < step->adds && state->next < plan->total; k++)
        order[state->added++] = state->next++;
    state->cancelled = state->cancelled || step->cancels;
    tg_status expected = expected_of(step, state, index);
    tg_status came = status_of(plan->group, index);
    bool either = state->cancelled && expected == TG_FAILED;
    hold(plan, came == expected || (either && came == TG_CANCELLED));
    state->ok += expected == TG_OK;
    if ((expected == TG_FAILED || expected == TG_CRASHED) && !step->optional &&
        state->first == TG_NO_INDEX)
        state->first = index;
    state->stopped =
        state->cancelled ||
        (state->first != TG_NO_INDEX && (plan->options.flags & TG_GROUP_KEEP_GOING) == 0) ||
        (plan->options.need > 0 && state->ok >= plan->options.need);
}

static void expect_answer(const struct plan *plan, const struct state *state, tg_status answer)
{
    bool failed = state->first != TG_NO_INDEX;

    if (plan->options.need > 0 && state->ok >= plan->options.need && !state->cancelled) {
        hold(plan, answer == TG_OK);
    } else if (!state->cancelled) {
        if (failed)
            hold(plan, tg_group_error(plan->group)->index == state->first);
        else
            hold(plan, answer == (plan->options.need > 0 ? TG_FEWER : TG_OK));
    }
}

void oracle(struct plan *plan, tg_status answer)
{
    struct state state = {.added = plan->initial, .next = plan->initial, .first = TG_NO_INDEX};
    bool recycled = (plan->options.flags & TG_GROUP_RECYCLE) != 0;

    if (recycled || !applies(plan))
        return;
    size_t *order = calloc(plan->total + 1, sizeof *order), index; /* step by index */
    bool *begun = calloc(plan->total + 1, sizeof *begun);
    for (size_t i = 0; i < plan->initial; i++)
        order[i] = i;
    while (!state.stopped && (index = next_of(plan, order, begun, state.added)) < state.added) {
        begun[index] = true;
        begin(plan, &state, order, index);
    }
    for (size_t i = 0; i < state.added; i++)
        if (!begun[i])
            hold(plan, status_of(plan->group, i) == TG_SKIPPED);
    hold(plan, tg_group_count(plan->group) == state.added);
    expect_answer(plan, &state, answer);
    free(order);
    free(begun);
}
