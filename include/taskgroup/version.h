/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_VERSION_H
#define TASKGROUP_VERSION_H
/**
 * @file version.h
 * Which library and which OpenMP runtime a program really runs on, and the library's clock.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

#define TG_VERSION_MAJOR 0
#define TG_VERSION_MINOR 1
#define TG_VERSION_PATCH 0
/** The version of the headers as one number, 10000 × major + 100 × minor + patch. */
#define TG_VERSION (10000 * TG_VERSION_MAJOR + 100 * TG_VERSION_MINOR + TG_VERSION_PATCH)

/**
 * The version of the library that was loaded, to be compared with TG_VERSION, the headers' own.
 *
 * @return 10000 × major + 100 × minor + patch.
 * Context: anywhere. Thread safety: safe. Since: 0.1.
 */
TG_API int tg_version_number(void);

/**
 * The version of the library that was loaded, as text: "0.1.0".
 *
 * @return a static string.
 * Context: anywhere. Thread safety: safe. Since: 0.1.
 */
TG_API const char *tg_version_string(void);

/** What tg_info_read() tells: `tg_info i; tg_info_read(&i);` */
typedef struct tg_info {
    size_t size;         /**< bytes of this struct, as the caller's headers have it */
    int version;         /**< as tg_version_number() */
    int cancellation;    /**< 1 if OpenMP's own cancellation is on (OMP_CANCELLATION=true) */
    const char *runtime; /**< the OpenMP runtime that is loaded: "libgomp", "libomp" or "unknown" */
    const char *compiled_for; /**< the runtime of the compiler that built this library */
    int threads;              /**< threads that a group run from here would ask for */
    int processors;           /**< processors that OpenMP may use */
    int max_active_levels; /**< how deep parallel regions may nest; 1: a `parallel` in a task gets 1 thread */
    int bound;             /**< 1 if threads are bound to places (OMP_PROC_BIND) */
    int runtimes; /**< OpenMP runtimes that are loaded as shared libraries: above 1, the program may run on another one
                       than this library, and each has threads of its own */
} tg_info;

/**
 * Tells on what the library runs here: for a line in a job's log, and to see at once whether two
 * OpenMP runtimes have met in one process (`runtimes` above 1, or `runtime` differs from `compiled_for`).
 *
 * @param info out: filled in; strings are static.
 * @return TG_OK; TG_INVALID if `info` is NULL.
 * Context: anywhere but signal handlers; starts the OpenMP runtime if nothing has yet.
 * Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_info_read(tg_info *info);

/* Sets the struct's size, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_info_read_sized(tg_info *info)
{
    if (info != NULL)
        info->size = sizeof *info;
    return tg_info_read(info);
}
#define tg_info_read(...) tg_info_read_sized(__VA_ARGS__)

/**
 * The clock of every time in this library: seconds, monotonic, from an arbitrary origin.
 *
 * @return seconds as a double (CLOCK_MONOTONIC; nanosecond steps, about 25 ns a call).
 * Context: anywhere, also in a signal handler. Thread safety: safe. Since: 0.1.
 */
TG_API double tg_time_now(void);

TG_END_DECLS
#endif
