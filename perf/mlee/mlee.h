/* SPDX-License-Identifier: MIT */
#ifndef MLEE_H
#define MLEE_H
/*
 * mlee: the kind of group that the Go package mlee-msl/taskgroup measures itself with: n tasks (6 or 60) that
 * sleep 0 to 3 ms, some of them optional. One group after another; the figure is their median.
 *
 *  - Task i sleeps (i × 7919 mod 3001) µs: its own benchmark draws these at random, ours must be the same
 *    for everybody.
 *  - Tasks 2, 5, 8 … are optional, the others required (there: four of five, drawn at random).
 *  - With `fails` task n / 2, a required one, fails when it has slept: what has not started is left out.
 *  - Required ones start first, as there; among themselves in order of index (there: in any order).
 *  - `workers` tasks at a time: there min(n, 2 × (processors + 1)) goroutines if the user says nothing. Who
 *    sleeps in a thread has a team of so many threads, whatever OMP_NUM_THREADS is; `tg-sleep` holds no
 *    thread and has OMP_NUM_THREADS of them, with as many tasks in flight; `tg-sleep-all` starts all at once.
 *
 * The time is all of it: make, run, look at every task's outcome, give back.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MLEE_MAX = 64, MLEE_CODE = 7 };

/** What became of a group. */
struct mlee_answer {
    size_t ok;     /**< tasks that ended well */
    size_t failed; /**< the index of the one that failed; n: none */
};

/** One whole group. Defined by each program. */
static struct mlee_answer mlee_group(const bench_args *args);

static inline int mlee_is_optional(size_t index)
{
    return index % 3 == 2;
}

static inline int mlee_is_failing(const bench_args *args, size_t index)
{
    return args->fails && index == args->n / 2;
}

static inline long mlee_sleep_us(size_t index)
{
    return (long)(index * 7919 % 3001);
}

/** The body of all that sleep in a thread; 0: success. */
static inline int mlee_body(const bench_args *args, size_t index)
{
    const struct timespec rest = {.tv_nsec = 1000 * mlee_sleep_us(index)};
    nanosleep(&rest, NULL);
    return mlee_is_failing(args, index) ? MLEE_CODE : 0;
}

static inline void mlee_check(const bench_args *args, struct mlee_answer answer)
{
    const size_t n = args->n;
    if (!args->fails && (answer.ok != n || answer.failed != n))
        bench_wrong("%zu of %zu are ok, %zu failed", answer.ok, n, answer.failed);
    if (args->fails && (answer.ok >= n || answer.failed != n / 2))
        bench_wrong(
            "%zu of %zu are ok, not %zu but %zu failed", answer.ok, n, n / 2, answer.failed);
    /* Who fails is in the middle, so far from all can have started by then; unless they all start at once, and a
       machine that is busy elsewhere lets them all sleep to their end. */
    const int all_at_once = strcmp(args->impl, "tg-sleep-all") == 0;
    if (args->fails && !all_at_once && n >= 4 * (size_t)args->workers && answer.ok > n - n / 4)
        bench_wrong("%zu of %zu ended well after a failure", answer.ok, n);
}

void bench_run(const bench_args *args)
{
    if (args->n > MLEE_MAX || args->workers < 1)
        bench_wrong("at most %d tasks, and some workers", MLEE_MAX);
    double *times = bench_alloc(args->groups, sizeof *times);
    for (size_t i = 0; i < args->groups; i++) {
        const double start = bench_now();
        mlee_check(args, mlee_group(args));
        times[i] = 1e3 * (bench_now() - start);
    }
    bench_report("ms_per_group", bench_median(times, args->groups));
    free(times);
}

#endif
