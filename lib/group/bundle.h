/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_BUNDLE_H
#define TG_LIB_GROUP_BUNDLE_H
/* One `omp task` for some tasks of a group. */
#include "sched/team.h"
#include "task/frame.h"

/* Runs `many` tasks from `first` on, in the calling thread; `self` says afterwards how far it has
 * come. */
void tg__group_run_bundle(struct tg__worker *worker, tg_task *self, size_t first, size_t many);

#endif
