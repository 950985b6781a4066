/* SPDX-License-Identifier: MIT */
#ifndef TEAM_ON_THREADS_H
#define TEAM_ON_THREADS_H
/*
 * The library's team on plain threads: a region is so many pthreads, an undeferred task a call. Every line of the library
 * but the two that open a region is its own; and all that hands over from thread to thread is ours or pthread's,
 * so that tools which know nothing of OpenMP's runtimes see all of it.
 */
#include "sched/team.h"

/* Threads of the regions to come; 4 at first. */
extern int threads_of_team;

/* In the caller's own region, as a `single` in a region of so many threads: the others are at a barrier, and take the
   helper tasks. Runs `run queue` in it; then calls `after`, if there is one, while helper tasks still come. */
void run_with_helpers(struct tg__runq *runq, int threads, void (*after)(struct tg__runq *runq));

#endif
