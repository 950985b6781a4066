/* SPDX-License-Identifier: MIT */
/* Failures have one order, of completion: the list of errors, ranks and on_done tell the same. */
#include "judge.h"

static const struct step *step_of(const struct plan *plan, size_t index)
{
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].was.found && plan->steps[i].was.outcome.index == index)
            return &plan->steps[i];
    return NULL;
}

/* Where the order is told besides. */
struct last {
    size_t rank, done; /* of the failure before; 0: there was none */
};

static void judge_next(const struct plan *plan, const struct step *step, struct last *last)
{
    bool in_order = (plan->options.flags & TG_GROUP_IN_ORDER) != 0;
    size_t rank = step->was.outcome.rank, done = 1 + step->was.done_number;

    if (rank > 0) {
        hold(plan, rank > last->rank);
        last->rank = rank;
    }
    if (plan->done != DONE_NONE && !in_order) {
        hold(plan, done > last->done);
        last->done = done;
    }
}

void judge_order(struct plan *plan, tg_status answer)
{
    const tg_error *error = tg_group_error(plan->group);
    bool failed = answer == TG_FAILED || answer == TG_CRASHED || answer == TG_TIMED_OUT;
    const struct step *first = NULL; /* that is required */
    struct last last = {0};

    if ((program_knows() & KNOWS_ORDER) == 0)
        return;
    for (const tg_error *e = NULL; (e = tg_group_error_next(plan->group, e)) != NULL;) {
        const struct step *step = step_of(plan, e->index);
        hold(plan, step != NULL);
        if (step == NULL)
            continue;
        judge_next(plan, step, &last);
        first = first == NULL && !step->optional ? step : first;
    }
    if (failed && error != NULL && error->index != TG_NO_INDEX)
        hold(plan, first != NULL && error->index == first->was.outcome.index);
}
