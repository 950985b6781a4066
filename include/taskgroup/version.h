/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_VERSION_H
#define TASKGROUP_VERSION_H
/**
 * @file version.h
 * The version of the library, its clock, and the OpenMP runtime on which it runs.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

/* ---- version ---- */

/** The first number of the headers' version. */
#define TG_VERSION_MAJOR 0
/** The second number of the headers' version. */
#define TG_VERSION_MINOR 2
/** The third number of the headers' version. */
#define TG_VERSION_PATCH 0
/** The headers' version as one number: 10000 × major + 100 × minor + patch. */
#define TG_VERSION (10000 * TG_VERSION_MAJOR + 100 * TG_VERSION_MINOR + TG_VERSION_PATCH)

/**
 * Returns the version of the loaded library. Compare it with TG_VERSION, the headers' own.
 *
 * @return 10000 × major + 100 × minor + patch.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API int tg_version_number(void);

/**
 * Returns the version of the loaded library as text: "0.2.0".
 *
 * @return a static string.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const char *tg_version_string(void);

/* ---- the clock ---- */

/**
 * Returns the time on the clock of every time in this library: seconds, monotonic, from an
 * arbitrary origin. A call takes about 25 ns.
 *
 * @return seconds, in steps of a nanosecond (CLOCK_MONOTONIC).
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API double tg_time_now(void);

/* ---- the OpenMP runtime ---- */

/** What tg_info_read() reports: `tg_info i; tg_info_read(&i);` */
typedef struct tg_info {
    /**
     * Bytes of this struct as the caller's headers define it; tg_info_read() sets it in C and C++.
     */
    size_t size;
    /** The version of the loaded library, as tg_version_number() returns it. */
    int version;
    /** 1 if OpenMP's own cancellation is on (OMP_CANCELLATION=true), else 0. */
    int cancellation;
    /** The OpenMP runtime that serves the library: "libgomp", "libomp" or "unknown". */
    const char *runtime;
    /** The runtime of the compiler that built the library: "libgomp" or "libomp". */
    const char *compiled_for;
    /** Threads that a group would ask for if the calling thread ran it here. */
    int threads;
    /** Processors that OpenMP may use. */
    int processors;
    /** How deep parallel regions may nest; 1: an `omp parallel` inside a task gets one thread. */
    int max_active_levels;
    /** 1 if threads are bound to places (OMP_PROC_BIND), else 0. */
    int bound;
    /**
     * OpenMP runtimes that are loaded as shared libraries. Above 1 the program may run on another
     * runtime than the library does, and each runtime has threads of its own.
     */
    int runtimes;
} tg_info;

/**
 * Reports on what the library runs in this process.
 *
 * Print it in a job's log, or use it to see whether two OpenMP runtimes have met in one process:
 * then `runtimes` is above 1, or `runtime` differs from `compiled_for`. Starts the OpenMP runtime
 * if it has not started yet.
 *
 * @param info out: filled in; its strings are static.
 * @return
 * - TG_OK: `info` is filled in.
 * - TG_INVALID: `info` is NULL, or its size was never set (calls from other languages).
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_info_read(tg_info *info);

/** @cond */
/* Sets the size of the struct, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_info_read_sized(tg_info *info)
{
    if (info != NULL)
        info->size = sizeof *info;
    return tg_info_read(info);
}
#define tg_info_read(...) tg_info_read_sized(__VA_ARGS__)
/** @endcond */

TG_END_DECLS
#endif
