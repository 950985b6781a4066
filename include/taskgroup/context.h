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
 * The first cause wins and stays. A cancel is noticed by who asks: a group before it starts each
 * task, a task when it calls tg_task_check(). No task is ever interrupted; code that blocks in a
 * call registers a hook (tg_context_hook()) that unblocks it.
 *
 * Hooks and everything that waits for a time run on the one *event thread* of the process. It is
 * made when it is first needed, blocks all signals, and runs no task.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

typedef struct tg_context tg_context;
typedef struct tg_hook tg_hook;

/** Signals that a context can be bound to: what terminals and batch schedulers send. */
enum {
    TG_SIGNAL_INT = 1u << 0,
    TG_SIGNAL_TERM = 1u << 1,
    TG_SIGNAL_USR1 = 1u << 2,
    TG_SIGNAL_USR2 = 1u << 3
};

/** Options of a context. Zero is the default everywhere; write them as `TG_CONTEXT(.timeout = 60)`. */
typedef struct tg_context_options {
    size_t size;        /**< bytes of this struct, as the caller's headers have it */
    tg_context *parent; /**< cancelled when this one is; NULL: a root */
    double
        timeout; /**< seconds from now until it is timed out; 0: never. A parent's earlier deadline holds too */
    unsigned
        signals; /**< TG_SIGNAL_…, or-ed: the first of these signals cancels it, with the signal's number as code */
    /**
     * When it is timed out, on tg_time_now()'s clock; what has passed means at once; 0: never.
     * With `timeout` the earlier of the two holds.
     */
    double deadline;
} tg_context_options;

#ifndef __cplusplus
/** A pointer to context options, all zero but for what is named. C only; in C++ set the members. */
#define TG_CONTEXT(...) \
    (&(const tg_context_options){.size = sizeof(tg_context_options), __VA_ARGS__})
#endif

/**
 * Makes a context.
 *
 * With `.signals` it takes over these signals until it is destroyed, process-wide; then the
 * handlers that were there are back. A signal cancels every live context bound to it; one that
 * finds none live any more (a second Ctrl-C, say) goes to the handler that was there before, which
 * by default ends the program. Some senders send twice (timeout(1), launchers of parallel jobs): a
 * job that must end in order ignores the signal before it makes the context (`signal(SIGTERM,
 * SIG_IGN)`). Signals that were ignored are taken over too. System calls that a signal interrupts
 * are restarted (SA_RESTART).
 *
 * @param options NULL for a root without deadline.
 * @return the context, to be given back with tg_context_destroy(); NULL (see tg_error_last()) with
 *         TG_INVALID (a size that cannot be, a timeout or deadline that is negative or not a
 *         number), TG_UNSUPPORTED (unknown signals, or the options are of a newer version and use
 *         what is new), TG_NO_MEMORY or TG_NO_SYSTEM (more than 32 contexts are bound to signals).
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
 * @return TG_OK; TG_INVALID if `context` is NULL, which tg_error_last() does not tell.
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

/** What a hook calls: with the `user` pointer that it was made with. */
typedef void tg_hook_fn(void *user);

/**
 * Has `function(user)` called once as soon as the context is cancelled or its deadline has passed:
 * to unblock somebody who waits in a call that knows nothing of contexts (close a socket, signal a
 * condition). If it is cancelled already, that is at once.
 *
 * A hook keeps its context: it still comes when that was destroyed, or its group reset after it had
 * stopped. The function runs on the event thread: it must be short, must not wait for a task, and may call
 * this library (to remove its own hook, too). In a child of fork() hooks that were set before are never called.
 *
 * @param context  the context; inside a task usually tg_task_context().
 * @param function what to call; @param user handed to it.
 * @return the hook, to be removed with tg_hook_remove(); NULL (see tg_error_last()) with TG_INVALID,
 *         TG_NO_MEMORY or TG_NO_SYSTEM (no event thread could be made).
 * Context: anywhere but signal handlers. Thread safety: safe, also against a cancel. Since: 0.1.
 */
TG_API TG_NODISCARD tg_hook *tg_context_hook(tg_context *context, tg_hook_fn *function, void *user);

/**
 * Removes a hook. When this returns its function has ended or never runs; so it waits for one that
 * is running, unless it is called by that function itself.
 *
 * @param hook NULL is harmless.
 * Context: anywhere but signal handlers, with no lock held that the function takes.
 * Thread safety: safe, once per hook. Since: 0.1.
 */
TG_API void tg_hook_remove(tg_hook *hook);

TG_END_DECLS
#endif
