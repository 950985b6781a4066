/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_CONTEXT_H
#define TASKGROUP_CONTEXT_H
/**
 * @file context.h
 * A cancel scope: a node of a tree that can be told to stop, with a cause, and may have a deadline.
 *
 * Whatever hangs below a cancelled context is cancelled too, never what is above it. Groups hang
 * on a context (tg_group_options.context) and have one of their own (tg_group_context()); a group
 * that runs inside a task also stops when that task's group stops.
 *
 * The first cause wins and stays. A cancel is only noticed by who asks: a group before it starts
 * each task, a task when it calls tg_task_check(). No task is ever interrupted.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

typedef struct tg_context tg_context;

/** Options of a context. Zero is the default everywhere; write them as `TG_CONTEXT(.timeout = 60)`. */
typedef struct tg_context_options {
    size_t size;        /**< bytes of this struct, as the caller's headers have it */
    tg_context *parent; /**< cancelled when this one is; NULL: a root */
    double
        timeout; /**< seconds from now until it is timed out; 0: never. A parent's earlier deadline holds too */
} tg_context_options;

#ifndef __cplusplus
/** A pointer to context options, all zero but for what is named. C only; in C++ set the members. */
#define TG_CONTEXT(...) \
    (&(const tg_context_options){.size = sizeof(tg_context_options), __VA_ARGS__})
#endif

/**
 * Makes a context.
 *
 * @param options NULL for a root without deadline.
 * @return the context, to be given back with tg_context_destroy(); NULL (see tg_error_last()) with
 *         TG_INVALID (a size of 0, a timeout that is negative or not a number), TG_UNSUPPORTED (the
 *         options are of a newer version and use what is new) or TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_context *tg_context_create(const tg_context_options *options);

/**
 * Gives the caller's hold on a context back. Contexts and groups below it keep what they need of
 * it, so the order of destroying does not matter. It is not cancelled by this.
 *
 * @param context NULL is harmless; never the context of a group (tg_group_context()).
 * Context: anywhere but signal handlers. Thread safety: safe, once per context. Since: 0.1.
 */
TG_API void tg_context_destroy(tg_context *context);

/**
 * Tells everything on and below the context to stop. The first cause wins: later ones are
 * answered TG_OK and change nothing.
 *
 * @param context the context; a group's own (tg_group_context()) cancels that group.
 * @param code    the caller's code, to be read in the cause and as the group's error code.
 * @param reason  a sentence without a full stop, copied up to 127 bytes; NULL: "cancelled".
 * @return TG_OK; TG_INVALID if `context` is NULL.
 * Context: anywhere, **also in a signal handler**: it takes no lock and allocates nothing.
 * Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_context_cancel(tg_context *context, int code, const char *reason);

/**
 * Must I stop? Cheap enough for an inner loop: a few loads, and a clock read (25 ns) if it or
 * something above it has a deadline. Inside a task use tg_task_check(), which also remembers that
 * the task was told.
 *
 * @param context the context.
 * @return TG_OK; TG_CANCELLED; TG_TIMED_OUT if its deadline was the first cause; TG_FAILED if it is the
 *         context of a group (or below one) that a failed task has stopped; TG_INVALID if NULL.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_context_check(tg_context *context);

/**
 * What stopped the context.
 *
 * @param context the context.
 * @return status, code and message of the first cause, and the task's index, id and name if that
 *         was a failed task; NULL while it is not cancelled (tg_context_check() answers TG_OK) or
 *         if `context` is NULL. Valid as long as the context is held.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API const tg_error *tg_context_cause(tg_context *context);

TG_END_DECLS
#endif
