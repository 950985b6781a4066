/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_OMP_H
#define TG_LIB_SCHED_OMP_H
/*
 * What the library asks of OpenMP, as functions. `omp.c` is the only file with pragmas: its one
 * `omp task` for a bundle of tasks, its one for a helper. (test/race has another one in its place,
 * on plain threads.)
 */
#include <stdbool.h>

/* A parallel region of `threads` threads at most: each of them calls body(user), then waits for the
 * others. */
void tg__omp_parallel(int threads, void (*body)(void *user), void *user);

/* Calls body(user), then waits for the OpenMP tasks that were created in it, and for theirs. */
void tg__omp_taskgroup(void (*body)(void *user), void *user);

/* A deferred task, which any thread of the region may run: it calls body(first, second). */
void tg__omp_spawn(void (*body)(void *first, void *second), void *first, void *second);

/*
 * An undeferred task: calls body(frame). `cancels`: if it returns true, the taskgroup around is
 * cancelled, and deferred tasks in it that have not started go away. The body sets *spawned (NULL:
 * it never does) if it creates deferred tasks.
 */
void tg__omp_call(bool (*body)(void *frame), void *frame, bool cancels, const bool *spawned);

/* Waits for the tasks that the current one has created. */
void tg__omp_wait(void);

#endif
