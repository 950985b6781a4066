/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_RUNNER_H
#define TG_LIB_TASK_RUNNER_H
/*
 * Runs tasks one after another on one thread. Most take the fast path (runner.c): look whether the
 * group has stopped, call the function, store what it returned. A task with a timeout, attempts, a
 * guard, times, or an end that somebody waits for takes the slow path (slow_path.c).
 */
#include "task/frame.h"

/* The calling thread serves the group from here to there. `counts` NULL: it has no place of its own
 * to count at. */
void tg__runner_enter(tg_task *self, struct tg__exec *exec, struct tg__counts *counts);
void tg__runner_leave(tg_task *self);

/*
 * Runs the tasks `first` … `first + many - 1` one after another, until the group has stopped. True:
 * one of them has stopped it.
 */
bool tg__runner_run(tg_task *self, size_t first, size_t many);

#endif
