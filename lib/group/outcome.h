/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_OUTCOME_H
#define TG_LIB_GROUP_OUTCOME_H
/* What the user reads of a group. */
#include <stdbool.h>
#include <taskgroup/group.h>

/* Under the lock, or while nobody else can change it. `over`: what is untouched was skipped. */
void tg__outcome_fill(tg_group *group, size_t index, bool over, tg_outcome *outcome);

/* Prints the numbers of the last run to stderr. At its end, under the lock. */
void tg__report_print(tg_group *group);

#endif
