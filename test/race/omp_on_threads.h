/* SPDX-License-Identifier: MIT */
#ifndef TEAM_ON_THREADS_H
#define TEAM_ON_THREADS_H
/*
 * OpenMP on plain threads, in place of lib/sched/omp.c: a region is so many pthreads, an undeferred task a call. All else
 * of the library is its own; and all that hands over from thread to thread is ours or pthread's, so that tools which know
 * nothing of OpenMP's runtimes see all of it.
 */
#include "sched/team.h"

/* Threads of the regions to come; 4 at first. */
extern int threads_of_team;

/* Runs the run queue in a region of the caller's own, as a `single` in a region of so many threads: the others are at a
   barrier, and take the helper tasks. Calls `late`, if there is one, when the run has ended and helper tasks still come. */
void run_with_helpers(struct tg__runq *runq, int threads, void (*late)(struct tg__runq *runq));

#endif
