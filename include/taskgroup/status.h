/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_STATUS_H
#define TASKGROUP_STATUS_H
/**
 * @file status.h
 * One enum for what a call answers and for what became of a task, and the error that explains it.
 *
 * How errors work, everywhere in this library:
 *  - A call that can fail returns a `tg_status`; TG_OK is 0. A creator returns a handle or NULL.
 *  - On a failure nothing has changed, and out-parameters say nothing: zero, TG_NO_INDEX, TG_NOT_RUN.
 *  - The why of the calling thread's last answer other than TG_OK is tg_error_last(): a sentence
 *    that names the value that was wrong.
 *  - Every call accepts a NULL handle and answers TG_INVALID. If the handle is NULL because its
 *    creator failed just before, tg_error_last() still tells why *that* failed; so a program may
 *    create, add and run, and look only at the end. (A NULL inside options means "none": a
 *    context or a limit that could not be made must be noticed by the caller.)
 *  - What only looks says it all by its answer, and leaves tg_error_last() as it was: tg_context_check() and
 *    tg_task_check() of what has stopped, a wait's TG_RUNNING, the status that tg_task_wait() tells; so
 *    does tg_context_cancel(), which is for signal handlers, too.
 *  - Structs that begin with their `size` may be those of an older version of the headers (shorter), or of a
 *    newer one (longer: options are TG_UNSUPPORTED if they use what the library does not know). A size of
 *    less than 8 or more than 4096 bytes was never set: TG_INVALID.
 *  - The `int` that a task function returned is the user's *code*. The library looks only at
 *    whether it is zero, and hands it back untouched beside the status.
 */
#include <stddef.h>
#include <stdint.h>
#include <taskgroup/macros.h>

TG_BEGIN_DECLS

/**
 * Every status: name, pinned value, meaning. The values are part of the ABI; gaps are for later.
 * 0 to 15 say how a task or a group ended, 16 to 31 that it has not ended, 32 to 47 that a call
 * was refused for now, 48 and above that a call was wrong or the system could not serve it.
 */
#define TG_STATUS_TABLE(X)                                              \
    X(OK, 0, "ended well")                                              \
    X(FAILED, 1, "the task's function returned a code other than 0")    \
    X(CRASHED, 2, "crashed, in a group with a guard")                   \
    X(TIMED_OUT, 3, "a deadline has passed")                            \
    X(CANCELLED, 4, "was told to stop")                                 \
    X(SKIPPED, 5, "never started, because the group ended before")      \
    X(FEWER, 6, "fewer tasks succeeded than were needed")               \
    X(NOT_RUN, 16, "has not started yet")                               \
    X(RUNNING, 17, "is running now")                                    \
    X(PENDING, 18, "waits: for a completion, or for its next attempt")  \
    X(FULL, 32, "there is no room for one more")                        \
    X(BUSY, 33, "cannot be done while the group runs")                  \
    X(CLOSED, 34, "the group takes no more tasks until it is reset")    \
    X(DONE, 35, "has been completed already")                           \
    X(INVALID, 48, "an argument makes no sense")                        \
    X(DUPLICATE, 49, "a task with this id is in the group already")     \
    X(TOO_LARGE, 50, "a count or a size exceeds what can be addressed") \
    X(NO_MEMORY, 51, "out of memory")                                   \
    X(NO_SYSTEM, 52, "the system has no thread or signal slot left")    \
    X(UNSUPPORTED, 53, "this version of the library does not know what was asked for")

/** What a call answers, and what became of a task. Never compare with anything but the names. */
typedef enum tg_status {
#define TG_STATUS_ENUMERATOR(name, value, meaning) TG_##name = (value),
    TG_STATUS_TABLE(TG_STATUS_ENUMERATOR)
#undef TG_STATUS_ENUMERATOR
} tg_status;

/** The index in an error that belongs to no task. */
#define TG_NO_INDEX SIZE_MAX

/**
 * Why something is not TG_OK. Owned by the library, only ever read through a pointer; new members
 * are added at the end. Strings are UTF-8 if the user's were, and never NULL.
 *
 * A line of a backtrace is `#2 solve+0x1f4 (libsolver.so)`, or `#2 libsolver.so+0x51f4` where the function has no
 * public name (programs: link with -rdynamic). It names the place of the call in each function, or of the crash:
 * `addr2line -f -e libsolver.so 0x51f4` names function, file and line.
 */
typedef struct tg_error {
    tg_status status; /**< what happened */
    int code;         /**< the user's code: what the task returned, or a cancel was given; or 0 */
    size_t index;     /**< the task's index in its group, or TG_NO_INDEX */
    uint64_t id;      /**< the task's id as the caller gave it, or 0 */
    const char *name; /**< the task's name as the caller gave it, or "" */
    const char *message; /**< a sentence without a full stop: what, and which value */
    int signal;          /**< the signal that a crashed task was caught with, or 0 */
    int attempts;        /**< how often the task was started; 0 also if the error is not a task's */
    const void *address; /**< what a crashed task touched (si_addr), or NULL */
    const char *backtrace; /**< of tg_task_abort() and of crashes: a line a frame; else "" */
} tg_error;

/**
 * The name of a status as in the source, without prefix: "OK", "FAILED", …
 *
 * @param status any value.
 * @return a static string, "?" for a value that is not a status; never NULL.
 * Context: anywhere, also in a signal handler. Thread safety: safe. Since: 0.1.
 */
TG_API const char *tg_status_name(tg_status status);

/**
 * What a status means, as a short phrase to print: "a deadline has passed".
 *
 * @param status any value.
 * @return a static string, "not a status" for a value that is none; never NULL.
 * Context: anywhere, also in a signal handler. Thread safety: safe. Since: 0.1.
 */
TG_API const char *tg_status_message(tg_status status);

/**
 * Why the calling thread's last call of this library did not answer TG_OK.
 *
 * A call that answers TG_OK leaves it as it was: look at it only after something else was
 * answered. After tg_group_run() or tg_map_run() it is the same error as tg_group_error()'s.
 *
 * @return never NULL; status TG_OK and an empty message if nothing has failed on this thread yet.
 *         Valid until the same thread's next failing call. Messages longer than 511 bytes are
 *         cut here (tg_group_error() has them whole).
 * Context: anywhere but signal handlers. Thread safety: each thread has its own. Since: 0.1.
 */
TG_API const tg_error *tg_error_last(void);

TG_END_DECLS
#endif
