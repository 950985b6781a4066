/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H
/*
 * What all contenders share. One program holds the contenders of one side (tg.c or omp.c) of one
 * workload; a process runs one of them: a warm-up, then the repetition that counts. It prints one
 * JSON line, {"n":6,"us_per_group":1.9}, or {"wrong":"..."} if a result is not what it must be.
 *
 * A program defines bench_run() and bench_impls; main() is in bench.c. A program that has several
 * workloads names the workload, too: bench_impls are then "spawn/tbb", "small/tbb" and so on, and
 * the program is called with `workload=small impl=tbb`. With `list` alone it prints what it has.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the driver asks for, as `name=value` on the command line. */
typedef struct bench_args {
    const char *impl;     /**< which contender of the program, one of bench_impls */
    const char *workload; /**< which workload of a program that has several; else "" */
    const char *kind;     /**< which variety of the workload; "" is its usual one */
    size_t n;             /**< tasks, items, or the argument of a recursion */
    size_t groups;        /**< how many groups one after another */
    size_t cutoff;        /**< where a recursion goes on serially */
    long limit;           /**< tasks in flight at most; 0: no limit */
    int region;           /**< 1: inside a parallel region of the program; 0: from serial code */
    int rounds;           /**< warm-ups before the round that counts */
    int threads;          /**< OMP_NUM_THREADS */
    double body_us;       /**< how long a body works */
    double
        loops_per_us; /**< bench_work()'s speed, measured once by the driver for all contenders */
    size_t bytes;     /**< of a result */
    int fails;        /**< 1: one task fails */
    int workers;      /**< threads of a team that OMP_NUM_THREADS does not set */
    const char *root; /**< a directory */
} bench_args;

/** The contenders that this program has, NULL at the end. */
extern const char *const bench_impls[];

/** One round of the contender: runs it, checks what came out, reports. Defined by each program. */
void bench_run(const bench_args *args);

/** Monotonic seconds. */
double bench_now(void);

/** One figure of this round; that of an earlier round is forgotten. `metric` is a literal. */
void bench_report(const char *metric, double value);

/** Says what is wrong and ends the process: a contender that is wrong has no figures. */
void bench_wrong(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** As malloc(), zeroed; no answer but success. */
void *bench_alloc(size_t count, size_t size);

/** The median; sorts the values. */
double bench_median(double *values, size_t count);

/** How often bench_work() has to go round for the body that was asked for. */
uint64_t bench_loops(const bench_args *args);

/** Work that takes a known time without looking at a clock: a chain of dependent multiplications.
 */
uint64_t bench_work(uint64_t seed, uint64_t loops);

/** What bench_work() answers for seeds 1 to n: checks all of them, at a multiplication each. */
void bench_work_check(const uint64_t *results, size_t n, uint64_t loops);

#ifdef __cplusplus
}
#endif

#endif
