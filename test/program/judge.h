/* SPDX-License-Identifier: MIT */
#ifndef JUDGE_H
#define JUDGE_H
/* What the judges share: judge.c of groups, judge_apart.c of pools and maps. */
#include "program.h"

struct tally {
    size_t added, ok, failed, timed_out, crashed, cancelled, skipped, required_failed, attempts,
        left_out;
};

/* Has one task ended as it may? stopped: something may be left undone. */
void judge_step(const struct step *step, bool stopped);
/* Was one that was cancelled not started again? */
void judge_taken(const struct step *step);
void count_step(struct tally *tally, const struct step *step);
/* Have no more been in flight than may be, and are none now? */
void judge_bounds(struct plan *plan);

#endif
