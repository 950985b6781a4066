/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_STATUS_H
#define TASKGROUP_STATUS_H
/**
 * @file status.h
 * The status that a call returns, and the error that explains it.
 *
 * These rules hold for the whole library:
 *
 * - A call that can fail returns a tg_status; TG_OK is 0. A call that creates something returns a
 *   handle, or NULL on failure.
 * - A call that is refused changes nothing, and its output parameters are empty: 0, NULL,
 *   TG_NO_INDEX or TG_NOT_RUN. (A group remembers that an add was refused: see tg_group_add().)
 * - tg_error_last() explains the calling thread's last failed call, by a sentence that names the
 *   wrong value.
 * - Every handle may be NULL. A call that returns a status then returns TG_INVALID; any other call
 *   documents what it does. If the handle is NULL because its creator has failed just before,
 *   tg_error_last() still explains the creator's failure. So a program may create, add and run, and
 *   check only the last call.
 * - A NULL among options means "none". Check a context, a limit or a pool before you put it into
 *   options: if its creator failed, the option would be ignored.
 * - Some calls report everything by their result, and leave tg_error_last() unchanged:
 *   tg_context_check() and tg_task_check() where something has stopped, a wait that returns
 *   TG_RUNNING, tg_task_wait() with the status of the task; also tg_context_cancel(), since a
 *   signal handler may call it.
 * - A struct that begins with `size` may come from older headers (then it is shorter) or from newer
 *   ones (then it is longer). Options that use members of newer headers are TG_UNSUPPORTED. A size
 *   below 8 or above 4096 bytes was never set: TG_INVALID.
 * - The `int` that a task's function returns is the user's *code*. The library checks only whether
 *   it is 0, and returns it unchanged beside the status.
 */
#include <stddef.h>
#include <stdint.h>
#include <taskgroup/macros.h>

TG_BEGIN_DECLS

/* ---- status ---- */

/**
 * Lists all statuses: `X(name, value, message)` for each. The values are part of the ABI.
 *
 * | values | say that |
 * | --- | --- |
 * | 0 to 15 | a task or a group has ended, and how |
 * | 16 to 31 | a task or a group has not ended |
 * | 32 to 47 | a call was refused for now |
 * | 48 and above | a call was wrong, or the system could not do what it needs |
 *
 * Gaps are for later versions.
 *
 * @param X a macro with three parameters.
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

/** @cond */
#define TG_STATUS_ENUMERATOR(name, value, meaning) TG_##name = (value),
/** @endcond */

/**
 * The result of a call, or how a task or a group ended. Compare it only with these names.
 *
 * TG_STATUS_TABLE() says what the ranges of values mean. The quoted text of each status is what
 * tg_status_message() returns.
 */
typedef enum tg_status { TG_STATUS_TABLE(TG_STATUS_ENUMERATOR) } tg_status;
#undef TG_STATUS_ENUMERATOR

/**
 * Returns the name of a status as in the source, without its prefix: "OK", "FAILED", …
 *
 * @param status any value.
 * @return a static string, never NULL; "?" for a value that is not a status.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const char *tg_status_name(tg_status status);

/**
 * Returns what a status means, as a short phrase to print: "a deadline has passed".
 *
 * @param status any value.
 * @return a static string, never NULL; "not a status" for a value that is none.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const char *tg_status_message(tg_status status);

/* ---- errors ---- */

/** The index in an error that belongs to no task. */
#define TG_NO_INDEX SIZE_MAX

/**
 * Why something is not TG_OK. The library owns it; read it only through a pointer, since later
 * versions add members at the end. No string is NULL; strings are UTF-8 if the user's are.
 *
 * A line of a backtrace is `#2 solve+0x1f4 (libsolver.so)`, or `#2 libsolver.so+0x51f4` where the
 * function has no public name (link programs with -rdynamic). It names the place of the call in
 * each function, or of the crash: `addr2line -f -e libsolver.so 0x51f4` prints function, file and
 * line.
 */
typedef struct tg_error {
    /** What happened. */
    tg_status status;
    /** The user's code: what the task returned, or what a cancel was given; 0: none. */
    int code;
    /** The task's index in its group, or TG_NO_INDEX. */
    size_t index;
    /** The task's id as the caller gave it; 0: none. */
    uint64_t id;
    /** The task's name as the caller gave it; "": none. */
    const char *name;
    /** What happened and to which value: a sentence without a full stop. */
    const char *message;
    /** The number of the signal that ended a crashed task; 0: none. */
    int signal;
    /** How often the task was started; 0 also if the error is not a task's. */
    int attempts;
    /** The address that a crashed task accessed (si_addr); NULL: none. */
    const void *address;
    /** The backtrace of tg_task_abort() or of a crash, one line per frame; "": none. */
    const char *backtrace;
} tg_error;

/**
 * Returns why the calling thread's last failed call of this library did not return TG_OK.
 *
 * A call that returns TG_OK leaves the error as it was: look at it only after another status, or
 * after a NULL from a creator. After a failed tg_group_run() it is the same error as
 * tg_group_error()'s; after a failed tg_map_run() it is the error of that run.
 *
 * @return the error, never NULL, valid until the same thread's next failing call; status TG_OK and
 *         an empty message if nothing has failed on this thread yet. Long texts are cut here: a
 *         message to 511 bytes, a name to 63, a backtrace to about 1000. tg_group_error() has them
 *         in full length.
 * From: anywhere but signal handlers.
 * Threads: safe; each thread has its own error.
 * Since: 0.1.
 */
TG_API const tg_error *tg_error_last(void);

TG_END_DECLS
#endif
