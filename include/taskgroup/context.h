/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_CONTEXT_H
#define TASKGROUP_CONTEXT_H
/**
 * @file context.h
 * A context stops work: by a cancel, a deadline or a signal, with a cause that can be read.
 *
 * Contexts form a tree. When one stops, all contexts below it stop too, never those above it. Each
 * group has a context of its own (tg_group_context()), below the one that its options name
 * (tg_group_options.context). A group that runs inside a task also stops when that task's group
 * stops.
 *
 * The first cause stays; later ones change nothing. No task is interrupted: a group looks at its
 * context before it starts each task, and a task looks when it calls tg_task_check(). Code that
 * blocks in some other call sets a hook (tg_context_hook()) that unblocks it.
 *
 * One thread per process, the *event thread*, calls the hooks and serves everything that waits for
 * a time. It is created when it is first needed, blocks all signals, and runs no task.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

/** A node of the tree of contexts. */
typedef struct tg_context tg_context;

/* ---- create and destroy ---- */

/** Options of a context. 0 is the default of each; write them as `TG_CONTEXT(.timeout = 60)`. */
typedef struct tg_context_options {
    /** Bytes of this struct as the caller's headers define it; TG_CONTEXT() sets it. */
    size_t size;
    /** Never set: by it a compiler reports a value without a name. */
    const struct tg_by_name *by_name;
    /** The parent: when it stops, this context stops too. Default: NULL, no parent. */
    tg_context *parent;
    /**
     * Seconds from now until the context stops with TG_TIMED_OUT. Default: 0, never. The earlier
     * deadline of a context above it also stops it.
     */
    double timeout;
    /**
     * TG_SIGNAL_… values, or-ed: the first of these signals cancels the context, and the signal's
     * number is the code of the cause. Default: 0, none.
     */
    unsigned signals;
    /**
     * When the context stops with TG_TIMED_OUT, on the clock of tg_time_now(); a time in the past
     * means at once. Default: 0, never. With `timeout` the earlier of the two counts.
     */
    double deadline;
} tg_context_options;

#ifndef __cplusplus
/** A pointer to context options, all 0 except those named. C only; in C++ set the members. */
#define TG_CONTEXT(...) \
    (&(const tg_context_options){.size = sizeof(tg_context_options), __VA_ARGS__})
#endif

/**
 * Creates a context. TG_SIGNAL_INT describes what `.signals` does.
 *
 * @param options the options; NULL: no parent, deadline or signals.
 * @return the context, to be released with tg_context_destroy(); NULL on failure, with the status
 *         in tg_error_last():
 * - TG_INVALID: a timeout or deadline is negative or not a number, or the options' size was never
 *   set.
 * - TG_UNSUPPORTED: unknown signals, or the options use members of newer headers.
 * - TG_NO_MEMORY: out of memory.
 * - TG_NO_SYSTEM: 32 contexts are bound to signals already, or a signal's handler cannot be set.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_context *tg_context_create(const tg_context_options *options);

/**
 * Releases the caller's reference to a context; it is not cancelled by this.
 *
 * Contexts and groups below it keep what they need of it, so the order of destroying does not
 * matter.
 *
 * @param context the context; NULL: no effect. Never the context of a group (tg_group_context()).
 * From: anywhere but signal handlers.
 * Threads: safe; once per context.
 * Since: 0.1.
 */
TG_API void tg_context_destroy(tg_context *context);

/* ---- cancel and check ---- */

/**
 * Stops the context and everything below it. The first cause stays: if the context has stopped
 * already, the call returns TG_OK and changes nothing.
 *
 * It takes no lock and allocates nothing.
 *
 * @param context the context; that of a group (tg_group_context()) cancels the group.
 * @param code    the caller's code: the code of the cause, and of the error of a group that this
 *                stops.
 * @param reason  a sentence without a full stop, copied up to 127 bytes; NULL: "cancelled".
 * @return
 * - TG_OK: the context has stopped, by this call or before.
 * - TG_INVALID: `context` is NULL; tg_error_last() is unchanged.
 *
 * From: anywhere, **also a signal handler**.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_context_cancel(tg_context *context, int code, const char *reason);

/**
 * Reports whether the context has stopped.
 *
 * It is cheap enough for an inner loop: a few loads, and a read of the clock (25 ns) if the context
 * or one above it has a deadline. Inside a task use tg_task_check(), which also remembers that the
 * task has seen the stop.
 *
 * @param context the context.
 * @return
 * - TG_OK: it has not stopped.
 * - TG_CANCELLED: it, or one above it, was cancelled; or enough tasks of a group have succeeded
 *   (tg_group_options.need) whose context it is, or is below.
 * - TG_TIMED_OUT: its deadline, or that of one above it, has passed.
 * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT: a task has failed in this way, and has stopped its group;
 *   TG_FAILED also for the body of a scope or on_done. The context is the group's, or is below it.
 * - TG_INVALID: `context` is NULL.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 * @see tg_context_cause()
 */
TG_API tg_status tg_context_check(tg_context *context);

/**
 * Returns what has stopped the context.
 *
 * @param context the context.
 * @return the first cause: its status, code and message; and the index, id and name of the task, if
 *         a failed task was the cause (the name cut to 63 bytes, the message to 127). Valid while
 *         the caller holds the context. NULL while tg_context_check() returns TG_OK; also for a
 *         NULL context, with TG_INVALID in tg_error_last().
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const tg_error *tg_context_cause(tg_context *context);

/* ---- hooks: unblock a call that knows nothing of contexts ---- */

/** A hook: the library calls a function when a context stops. */
typedef struct tg_hook tg_hook;

/**
 * The function of a hook.
 *
 * It runs on the event thread. It must be short and must not wait for a task. It may call this
 * library, also to remove its own hook.
 *
 * @param user what was given to tg_context_hook().
 */
typedef void tg_hook_fn(void *user);

/**
 * Calls `function(user)` once, as soon as the context stops.
 *
 * Use it to unblock code that waits in a call that knows nothing of contexts: close a socket,
 * signal a condition. If the context has stopped already, the function is called at once, on the
 * event thread. A hook holds a reference to its context: it is also called if that has been
 * destroyed, or if its group has been reset after it had stopped. In a child of fork() no hook is
 * called that was set before.
 *
 * @param context  the context; inside a task usually tg_task_context().
 * @param function the function to call.
 * @param user     passed to `function`.
 * @return the hook, to be removed with tg_hook_remove(); NULL on failure, with the status in
 *         tg_error_last():
 * - TG_INVALID: `context` or `function` is NULL.
 * - TG_NO_MEMORY: out of memory.
 * - TG_NO_SYSTEM: the event thread cannot be created.
 *
 * From: anywhere but signal handlers.
 * Threads: safe, also while the context stops.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_hook *tg_context_hook(tg_context *context, tg_hook_fn *function, void *user);

/**
 * Removes a hook. When the call returns, the hook's function has ended or will never run.
 *
 * The call therefore waits for a function that is running, except when that function itself makes
 * the call. Do not hold a lock that the function takes.
 *
 * @param hook the hook; NULL: no effect.
 * From: anywhere but signal handlers.
 * Threads: safe; once per hook.
 * Since: 0.1.
 */
TG_API void tg_hook_remove(tg_hook *hook);

/* ---- signals ---- */

/**
 * Signals for tg_context_options.signals: those that terminals and batch schedulers send.
 *
 * - The context takes over these signals of the whole process, also ignored ones, until it is
 *   destroyed. The handlers that were set before are restored when no context is bound to the
 *   signal any more.
 * - A signal cancels every context that is bound to it and has not stopped. If all of them have
 *   stopped, as with a second Ctrl-C, the handler that was set before gets the signal; by default
 *   that ends the program.
 * - Some senders send a signal twice (timeout(1), launchers of parallel jobs). A job that must shut
 *   down cleanly therefore ignores the signal before it creates the context:
 *   `signal(SIGTERM, SIG_IGN)`.
 * - System calls that a signal interrupts are restarted (SA_RESTART).
 */
enum {
    /** SIGINT */
    TG_SIGNAL_INT = 1u << 0,
    /** SIGTERM */
    TG_SIGNAL_TERM = 1u << 1,
    /** SIGUSR1 */
    TG_SIGNAL_USR1 = 1u << 2,
    /** SIGUSR2 */
    TG_SIGNAL_USR2 = 1u << 3
};

TG_END_DECLS
#endif
