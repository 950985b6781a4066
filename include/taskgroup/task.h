/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_TASK_H
#define TASKGROUP_TASK_H
/**
 * @file task.h
 * One task: its function, its options, the calls for inside it, and what became of it.
 *
 * A `tg_task *` is one of three things:
 *
 * | where it comes from | which thread may use it | until when |
 * | --- | --- | --- |
 * | `self`, the parameter of a task's function | the thread of that call | the function returns |
 * | tg_group_hold(): a *hold* | any thread | its group is reset or destroyed |
 * | tg_pool_submit(): a *handle* | any thread | tg_task_release() |
 *
 * With TG_GROUP_RECYCLE a hold is valid only until it is completed. To use `self` on another thread
 * is undefined: give other threads tg_task_group() and tg_task_index() instead.
 */
#include <taskgroup/context.h>

TG_BEGIN_DECLS

/** A task: the one that runs, a hold, or a handle. */
typedef struct tg_task tg_task;
/** A batch of tasks that run and end together (group.h). */
typedef struct tg_group tg_group;
/** A team of threads that stays, and takes tasks from any thread (pool.h). */
typedef struct tg_pool tg_pool;

/* ---- the function and its options ---- */

/**
 * The function of a task.
 *
 * It must return, call tg_task_abort(), or end the process. If it is left by a C++ exception, by
 * pthread_exit() or by a cancel of its thread, the process ends by abort(), since the OpenMP region
 * around it cannot be closed. (In a group with TG_GROUP_GUARD an exception without a handler is a
 * crash of the task, by SIGABRT.) A longjmp() out of it is undefined.
 *
 * @param self   the running task, for the calls below.
 * @param arg    the argument that was given when the task was added.
 * @param result the task's result slot: tg_task_options.result if that is set; else `result_size`
 *               bytes of the group's results, zero at first if the group owns that array; NULL if
 *               the task has neither.
 * @return 0: success; anything else: failure, with this value as the caller's own code.
 */
typedef int tg_task_fn(tg_task *self, void *arg, void *result);

/** Flags of a task, for tg_task_options.flags. */
enum {
    /** A failure of this task is recorded and stops nothing; the group can still end TG_OK. */
    TG_TASK_OPTIONAL = 1u << 0,
    /**
     * For monitors. While this task waits for its time (`start`, `delay`, `period`) it does not
     * keep the group open: when nothing else is left, it is not started again.
     */
    TG_TASK_BACKGROUND = 1u << 1,
    /**
     * tg_group_cancel_task() and tg_task_cancel() can stop this task while it runs: it gets a
     * context of its own, and tg_task_check() returns TG_CANCELLED. A task with a timeout or a
     * deadline has that without this flag, except in tg_group_add_many().
     */
    TG_TASK_CANCELLABLE = 1u << 2
};

/** What an add does if the group's bounded queue is full (tg_group_options.queue). */
enum {
    /** It waits until there is space; the body of a scope runs tasks meanwhile. The default. */
    TG_FULL_WAIT = 0,
    /** It returns TG_FULL. */
    TG_FULL_REFUSE,
    /** It returns TG_OK, and never starts the task: TG_SKIPPED, and counted as dropped. */
    TG_FULL_DROP,
    /**
     * It runs the task in the calling thread before it returns. It waits instead, as TG_FULL_WAIT
     * does, if the group has `.shared` or `.rate`; and also, except in the body of a scope, if it
     * has `.limit`.
     */
    TG_FULL_RUN
};

/** For `.attempts`: no bound; the task is tried until it succeeds or must stop. */
#define TG_ENDLESS (-1)
/** The highest value of `.attempts`. */
#define TG_ATTEMPTS_MOST 65535
/** The highest value of `.priority`; the lowest is its negative. */
#define TG_PRIORITY_MOST 1000

/**
 * Options of a task. 0 is the default of each; write them as `TG_TASK(.name = "mesh")`.
 *
 * Times are seconds; points in time are on the clock of tg_time_now().
 */
typedef struct tg_task_options {
    /** Bytes of this struct as the caller's headers define it; TG_TASK() sets it. */
    size_t size;
    /** Never set: by it a compiler reports a value without a name. */
    const struct tg_by_name *by_name;
    /** TG_TASK_… values, or-ed. Default: 0, a required task. */
    unsigned flags;
    /** The caller's number for the task, unique in the group. Default: 0, none. */
    uint64_t id;
    /** A name for messages; it is copied. Default: NULL, none. */
    const char *name;
    /**
     * Where the task writes its result, instead of the group's array; it must outlive the run. In a
     * pool this is the only way to a result. Default: NULL, the group's array.
     */
    void *result;
    /**
     * From -TG_PRIORITY_MOST to TG_PRIORITY_MOST: of the tasks that wait, the one with the highest
     * priority starts first. Default: 0; equal ones start in the order of adding.
     */
    int priority;
    /**
     * How often the task is started at most until it succeeds; TG_ENDLESS: no bound (the count
     * itself stops at TG_ATTEMPTS_MOST). A task that waits for its next attempt holds no place in
     * the group's `limit`, and keeps its place in `queue`. Default: 0, once.
     */
    int attempts;
    /**
     * Seconds before the second attempt. It doubles with each attempt and varies by up to a
     * quarter, the same way in each run. Default: 0, no pause.
     */
    double backoff;
    /** Seconds that the pause between attempts never exceeds. Default: 0, which means 3600. */
    double backoff_max;
    /** Seconds from the start of each attempt until it is timed out. Default: 0, never. */
    double timeout;
    /** How much of the group's shared limit the task takes. Default: 0, which means 1. */
    size_t weight;
    /** Bytes at `arg` that the add copies for the task. Default: 0, the task gets `arg` itself. */
    size_t copy;
    /** TG_FULL_…: what the add does if the queue is full. Default: 0, TG_FULL_WAIT. */
    int when_full;
    /** Seconds that TG_FULL_WAIT waits at most before it is TG_FULL. Default: 0, no bound. */
    double patience;
    /** When the task starts; in the past: at once. Default: 0, when a thread is free. */
    double start;
    /** Seconds from the add until the task starts. Not together with `start`. Default: 0. */
    double delay;
    /**
     * Seconds from one start to the next, in step with the first. A start that comes too late,
     * because the one before has not ended or no thread is free, is skipped. The period ends with
     * tg_task_stop(), tg_group_cancel_task(), a failure, or the group's stop. Not together with
     * `attempts`, nor for tg_group_add_many(). Default: 0, one start.
     */
    double period;
    /**
     * When the task is timed out, whether it has started or not. If it has not started by then, it
     * never does, and fails with TG_TIMED_OUT. No attempt or period begins after it: the last one
     * then says how the task ended. A task in the queue ends when a thread comes to it, not at that
     * moment. With `timeout` the earlier of the two counts. Default: 0, never.
     */
    double deadline;
} tg_task_options;

#ifndef __cplusplus
/** A pointer to task options, all 0 except those named. C only; in C++ set the members. */
#define TG_TASK(...) (&(const tg_task_options){.size = sizeof(tg_task_options), __VA_ARGS__})
#endif

/**
 * What became of a task: `tg_outcome o; tg_group_outcome(group, index, &o);`
 *
 * `rank`, `start`, `end` and `worker` are recorded only with TG_GROUP_TIMES.
 */
typedef struct tg_outcome {
    /**
     * Bytes of this struct as the caller's headers define it; tg_group_outcome() and
     * tg_task_outcome() set it in C and C++.
     */
    size_t size;
    /**
     * TG_OK, TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED or TG_SKIPPED when the task has
     * ended, or its run; before: TG_NOT_RUN, TG_RUNNING or TG_PENDING.
     */
    tg_status status;
    /** What the function returned; 0 if it did not return. */
    int code;
    /** The task's index, 0 for the first that was added. */
    size_t index;
    /** The id that the task was added with; 0: none. */
    uint64_t id;
    /** The name that the task was added with; "": none. */
    const char *name;
    /** Why the task is not TG_OK; "": it is. Valid until the group is reset or destroyed. */
    const char *message;
    /** The argument of the function. */
    void *arg;
    /** The result slot; NULL: none. */
    void *result;
    /** How often the task was started. */
    int attempts;
    /** The number of the signal that ended a crashed task; 0: none. */
    int signal;
    /** 1 for the task that ended first, then 2, 3, …; 0: it was skipped, or not recorded. */
    size_t rank;
    /** When its last attempt started, on the clock of tg_time_now(); 0: not recorded. */
    double start;
    /** When it ended, on the same clock; 0: not recorded. */
    double end;
    /** The worker of its last attempt, as tg_task_worker() returns it; -1: not recorded. */
    int worker;
    /**
     * Why the task is TG_SKIPPED or TG_CANCELLED; TG_OK for all other statuses.
     *
     * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED: what stopped its group; TG_CANCELLED
     *   also if the task itself was cancelled.
     * - TG_FULL: it was dropped, since the queue was full.
     * - TG_OK: enough tasks had succeeded, or the run ended while it waited in the background.
     */
    tg_status cause;
} tg_outcome;

/* ---- what a task asks and says ---- */

/**
 * Returns the innermost task that the calling thread is running, for code that does not get `self`.
 *
 * @return the task; in the body of a scope, what stands for the body there; NULL outside of a task,
 *         and in a callback (on_done).
 * From: anywhere but signal handlers.
 * Threads: safe; each thread has its own.
 * Since: 0.1.
 */
TG_API tg_task *tg_task_current(void);

/**
 * Reports whether the task must stop: its group or something above that has stopped, the task
 * itself was cancelled, or its own time has passed.
 *
 * It is cheap enough for an inner loop: a few loads, and a read of the clock (25 ns) if there is a
 * deadline. In a group with TG_GROUP_SHIELD it does not report a stop of the group.
 *
 * Whether a task has called it or not: if it returns other than 0 after its group has stopped or
 * after it was cancelled itself, it ends as TG_CANCELLED, not as TG_FAILED. If it returns 0, its
 * work is done and it is TG_OK, or TG_TIMED_OUT if its own time has passed.
 *
 * @param self the running task.
 * @return
 * - TG_OK: go on.
 * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED: what stopped the group, or something above
 *   it; TG_CANCELLED also if `.need` tasks have succeeded.
 * - TG_CANCELLED, TG_TIMED_OUT: the task itself was cancelled, or its own time has passed.
 * - TG_INVALID: `self` is NULL.
 *
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 * @see tg_task_context() for a task that blocks in some other call.
 */
TG_API tg_status tg_task_check(tg_task *self);

/**
 * Returns the task's index in its group: 0 for the first that was added, then 1, 2, …
 *
 * @param self the running task, or a hold.
 * @return the index; TG_NO_INDEX for NULL, and in the body of a scope.
 * From: inside the task; for a hold anywhere.
 * Threads: the task's own thread; for a hold any.
 * Since: 0.1.
 */
TG_API size_t tg_task_index(const tg_task *self);

/**
 * Returns the id that the task was added with.
 *
 * @param self the running task, or a hold.
 * @return the id; 0 if it has none, in the body of a scope, for a handle of tg_pool_submit(), and
 *         for NULL.
 * From: inside the task; for a hold anywhere but signal handlers.
 * Threads: the task's own thread; for a hold any.
 * Since: 0.2.
 */
TG_API uint64_t tg_task_id(const tg_task *self);

/**
 * Returns the group that the task belongs to, for instance to add more tasks to it.
 *
 * @param self the running task, or a hold.
 * @return the group; NULL for NULL.
 * From: inside the task; for a hold anywhere.
 * Threads: the task's own thread; for a hold any.
 * Since: 0.1.
 */
TG_API tg_group *tg_task_group(const tg_task *self);

/**
 * Returns the context that stops the task.
 *
 * Use it as the parent of other contexts, for a hook (tg_context_hook()), or for code that only
 * calls tg_context_check(). It is the context of the group; or, for a task with a timeout, a
 * deadline or TG_TASK_CANCELLABLE, one of its own below that, a new one for each attempt.
 *
 * @param self the running task.
 * @return the context, valid until the task has ended; NULL in a group with TG_GROUP_SHIELD if the
 *         task has none of its own, and for NULL.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API tg_context *tg_task_context(const tg_task *self);

/**
 * Stores why the task fails, and returns the code to return:
 * `return tg_task_fail(self, EDOM, "%g is negative", x);`
 *
 * The message becomes that of the error if the function then returns other than 0; a later message
 * replaces it. If there is no memory for it, the task fails with a message that says so.
 *
 * @param self   the running task; NULL, a hold or a handle: the message is not stored.
 * @param code   what to return; 0 would mean success, and becomes -1.
 * @param format as for printf(); a sentence without a full stop. NULL: the message stays as it was.
 * @return `code`, never 0.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API int tg_task_fail(tg_task *self, int code, const char *format, ...) TG_PRINTF(3, 4);

/**
 * Does the same as tg_task_fail() without a format: for Fortran, and for a text that is there.
 *
 * @param self    the running task; NULL, a hold or a handle: the message is not stored.
 * @param code    what to return; 0 would mean success, and becomes -1.
 * @param message a sentence without a full stop; it is copied. NULL: the message stays as it was.
 * @return `code`, never 0.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API int tg_task_fail_text(tg_task *self, int code, const char *message);

/**
 * Returns how often the task has been started, this time included.
 *
 * @param self the running task.
 * @return 1 in the first attempt, 2 in the second, …; 0 for NULL.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API int tg_task_attempt(const tg_task *self);

/* ---- giving up ---- */

/**
 * Ends the calling thread's innermost task as failed, from any depth of calls: for error handlers
 * that cannot return.
 *
 * The task ends as with `return tg_task_fail(self, code, …)`, and its error has a backtrace of this
 * call. The frames between are left as by longjmp(): what they hold is not released.
 *
 * Outside of a task the call prints the message to stderr and calls abort(). The body of a scope, a
 * callback, a hook, and a thread of a parallel region that the task has opened are outside.
 *
 * @param code   the task's code; 0 becomes -1.
 * @param format as for printf(); a sentence without a full stop. NULL: the message stays as it was.
 * From: inside a task, but not across C++ frames with destructors nor out of an OpenMP construct of
 *       your own.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
TG_API void tg_task_abort(int code, const char *format, ...) TG_PRINTF(2, 3);

/**
 * Does the same as tg_task_abort() without a format, for Fortran.
 *
 * @param code    the task's code; 0 becomes -1.
 * @param message a sentence without a full stop; NULL: "no message".
 * From: inside a task, as tg_task_abort().
 * Threads: the task's own thread.
 * Since: 0.1.
 */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
TG_API void tg_task_abort_text(int code, const char *message);

/* ---- without a thread ---- */

/**
 * Lets the task go on without a thread when its function has returned, until it is completed:
 * `return tg_task_defer(self);`
 *
 * For work that is done elsewhere: an I/O of the kernel, an MPI request, a kernel on a device, a
 * reply that is to come. Note tg_task_group() and tg_task_index() for the thread that will call
 * tg_group_complete(), start the work, then return. A completion that comes before the function has
 * returned is not lost. What the function returns then does not count.
 *
 * Until it is completed the task is TG_PENDING. It keeps its place in the group's `limit` and its
 * weight in a shared limit. The group does not end meanwhile, also when it has stopped, since the
 * result may still be written. Set a hook (tg_context_hook()) on the group's context, or on
 * tg_task_context() of a task that has its own, to give up the work and complete the task.
 *
 * @param self the running task.
 * @return 0, which the function then returns; TG_INVALID if `self` is NULL or is not in a task's
 *         function (a scope's body, a callback, a hold, a handle).
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 * @see tg_task_sleep()
 */
TG_API int tg_task_defer(tg_task *self);

/**
 * Lets the task go on without a thread for some seconds, after which it succeeds:
 * `return tg_task_sleep(self, 0.01);`
 *
 * It takes 16 bytes meanwhile, and no thread. When the group stops, the task is cancelled at once.
 * When its own time (`timeout`, `deadline`) passes, the sleep ends and the task is TG_TIMED_OUT.
 *
 * @param self    the running task.
 * @param seconds how long, from now; 0: until a thread next looks for work.
 * @return 0, which the function then returns; TG_INVALID as tg_task_defer(), and, with a message
 *         for the task's error, if `seconds` is negative or not a number.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API int tg_task_sleep(tg_task *self, double seconds);

/**
 * Ends the period of a task: it is not started again after this time.
 *
 * @param self the running task; without a period, or NULL: no effect.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API void tg_task_stop(tg_task *self);

/**
 * Completes a hold, or a deferred task of a pool by its handle: with success if `code` is 0, else
 * as a failure.
 *
 * @param task    the hold of tg_group_hold(), or the handle of tg_pool_submit(). A hold with
 *                TG_GROUP_RECYCLE is no longer valid when the call returns; a second completion of
 *                it is undefined.
 * @param code    as a task function's.
 * @param message why, if `code` is not 0; it is copied. NULL: none.
 * @return
 * - TG_OK: completed; if the task's function has not returned yet, it ends then.
 * - TG_DONE: it was completed before, or has ended; nothing changed.
 * - TG_INVALID: `task` is NULL, or is neither; the task has not started, sleeps, or waits to be
 *   started again.
 * - TG_CLOSED: it belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 * @see tg_group_complete()
 */
TG_API tg_status tg_task_complete(tg_task *task, int code, const char *message);

/* ---- per worker ---- */

/**
 * Returns which of the group's workers runs the task: an id for scratch memory, and for what is
 * made once per thread.
 *
 * Two tasks of a group that run at the same time never have the same id. Ids are as small as
 * possible: below the number of threads that serve the group, plus those that run a task themselves
 * by TG_FULL_RUN. A task keeps its id until its function returns. Do not seed random numbers by it,
 * else results depend on the number of threads: use tg_task_index().
 *
 * @param self the running task.
 * @return 0, 1, 2, …; -1 outside of a task's function, if there is no memory, and for NULL.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API int tg_task_worker(tg_task *self);

/**
 * Returns what tg_group_options.worker_init has made for this worker: an FFT plan, a random
 * generator, a connection.
 *
 * The first call of a worker in a run makes it; worker_fini frees it at the end of that run. Later
 * calls are a load, without a lock.
 *
 * @param self the running task.
 * @return the state; NULL if worker_init failed (the task's message then says with which code), if
 *         there is no worker_init, if there is no memory, and for NULL.
 * From: inside the task.
 * Threads: the task's own thread.
 * Since: 0.1.
 */
TG_API void *tg_task_local(tg_task *self);

TG_END_DECLS
#endif
