/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_RUN_H
#define TG_LIB_GROUP_RUN_H
/*
 * A run of a group: begin, start, the team's part, end. The team is in a region that the library
 * opens, in the user's, or a pool's.
 */
#include <stdbool.h>
#include <taskgroup/group.h>

/*
 * TG_RUNNING: there is something to run. All else is what the run returns. `places`: of the team,
 * 0: as many as a team has that is opened here. `detached`: it may outlive the task around, from
 * which nothing reaches it then.
 */
tg_status tg__run_begin(
    tg_group *group, const char *call, tg_scope_fn *body, void *user, int places, bool detached);

/* The time at which it starts. */
double tg__run_start(tg_group *group);

/* What it has come to. `begun`: the time; `from`: the first index that is the run's; `threads` that
 * there were. */
tg_status tg__run_end(tg_group *group, double begun, size_t from, int threads);

/* All of it, here: tg_group_scope(), of a pool's own group too; `body` NULL: tg_group_run(). */
tg_status tg__run_here(tg_group *group, const char *call, tg_scope_fn *body, void *user);

/* tg__store_next() for a caller that does not hold the lock: takes it for the look. */
size_t tg__group_next(tg_group *group, size_t index, size_t end);

#endif
