/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_TASK_H
#define TASKGROUP_TASK_H
/**
 * @file task.h
 * One task: its function, its options, what it can ask and say while it runs, what became of it.
 *
 * A `tg_task *self` belongs to the call of the task function that it was passed to: use it on that
 * thread, until the function returns. Using it elsewhere is undefined; group and index are for other
 * threads. What tg_group_hold() returns is for any thread, until its group is reset or destroyed;
 * with TG_GROUP_RECYCLE, until the hold is completed. What tg_pool_submit() returns is for any
 * thread, until it is released.
 */
#include <taskgroup/context.h>

TG_BEGIN_DECLS

typedef struct tg_task tg_task;
typedef struct tg_group tg_group;
typedef struct tg_pool tg_pool;

/**
 * The function of a task.
 *
 * @param self   the running task, for the calls below.
 * @param arg    what was given when the task was added.
 * @param result the task's slot: `result_size` bytes of the group's result array, zero at first if
 *               the group owns the array; or the task's own tg_task_options.result; NULL if neither.
 * @return 0: success. Anything else is the caller's own code, which means failure.
 *
 * It returns, or calls tg_task_abort(), or ends the process. Leaving it by a C++ exception, by pthread_exit() or by a
 * cancel of its thread ends the process by abort(), since OpenMP's region is open around it (in a guarded
 * group an exception that nobody would catch is a crash of the task, by SIGABRT); longjmp() out of it is undefined.
 */
typedef int tg_task_fn(tg_task *self, void *arg, void *result);

/** Flags of a task. */
enum {
    /** A failure of this task is recorded and stops nothing; the group can still end TG_OK. */
    TG_TASK_OPTIONAL = 1u << 0,
    /** While this task waits for its time (`start`, `delay`, `period`) it does not keep the group open: when
        nothing else is left it is not started any more. For monitors. */
    TG_TASK_BACKGROUND = 1u << 1,
    /** tg_group_cancel_task() and tg_task_cancel() tell this task to stop while it runs: it has a
        context of its own, and tg_task_check() returns TG_CANCELLED. A task with a timeout or a
        deadline has that without this flag, but for one of tg_group_add_many(). */
    TG_TASK_CANCELLABLE = 1u << 2
};

/** What an add does that finds a group's bounded queue full (tg_group_options.queue). */
enum {
    TG_FULL_WAIT = 0, /**< wait until there is room; the body of a scope runs tasks meanwhile */
    TG_FULL_REFUSE,   /**< answer TG_FULL */
    TG_FULL_DROP, /**< answer TG_OK, and never start the task: it is skipped, and counted as dropped */
    TG_FULL_RUN /**< run it in the calling thread, before add returns; as TG_FULL_WAIT with a shared limit,
                     and for other threads than the body's also with `limit` */
};

/** `.attempts` without end: until it succeeds, or is told to stop. */
#define TG_ENDLESS (-1)
/** Bound of `.attempts`. */
#define TG_ATTEMPTS_MOST 65535
/** Bounds of `.priority`. */
#define TG_PRIORITY_MOST 1000

/** Options of a task. Zero is the default everywhere; write them as `TG_TASK(.name = "mesh")`. */
typedef struct tg_task_options {
    size_t size;      /**< bytes of this struct, as the caller's headers have it */
    unsigned flags;   /**< TG_TASK_… or 0 */
    uint64_t id;      /**< the caller's id, one of a kind in the group; 0: none */
    const char *name; /**< for messages; copied; NULL: none */
    void *
        result; /**< where the result goes instead of the group's array; must outlive the run; NULL: the array */
    int priority; /**< -TG_PRIORITY_MOST … TG_PRIORITY_MOST; higher starts earlier; 0 in the order of adding */
    int attempts; /**< how often it is started at most until it succeeds; 0: once; TG_ENDLESS (counted up to
                       TG_ATTEMPTS_MOST) */
    double
        backoff; /**< seconds before the second attempt; doubles with each, and varies by a quarter; 0: none */
    double backoff_max; /**< seconds that the backoff grows to at most; 0: 3600 */
    double
        timeout; /**< seconds from the start of each attempt until the task is timed out; 0: never */
    size_t weight; /**< what it takes of the group's shared limit; 0: 1 */
    size_t
        copy; /**< bytes of `arg` that are copied when it is added; the task gets the copy. 0: the pointer itself */
    int when_full; /**< TG_FULL_… */
    double
        patience; /**< seconds that TG_FULL_WAIT waits at most, then TG_FULL; 0: as long as it takes */
    double
        start; /**< when it is started, on tg_time_now()'s clock; what has passed means at once; 0: in its turn */
    double delay; /**< the same, in seconds from now; not both */
    double
        period; /**< seconds from one start to the next, in step with the first: a start that comes too late, because
                    the one before has not ended or no thread is free, is left out. Until tg_task_stop(),
                    tg_group_cancel_task(), a failure or the group's stop; not with `attempts`, nor for many at once. 0: once */
    /**
     * When the task is timed out, on tg_time_now()'s clock, whether it has started or not: what has
     * not started by then is not started, and is a failure with TG_TIMED_OUT. No attempt or period
     * begins after it: the last one then says how the task ended. A task in the queue ends when a
     * thread comes to it, not at that moment. With `timeout` the earlier of the two holds. 0: never.
     */
    double deadline;
} tg_task_options;

#ifndef __cplusplus
/** A pointer to task options, all zero but for what is named. C only; in C++ set the members. */
#define TG_TASK(...) (&(const tg_task_options){.size = sizeof(tg_task_options), __VA_ARGS__})
#endif

/** What became of a task: `tg_outcome o; tg_group_outcome(group, index, &o);` */
typedef struct tg_outcome {
    size_t size; /**< bytes of this struct, as the caller's headers have it */
    tg_status
        status; /**< OK, FAILED, CRASHED, TIMED_OUT, CANCELLED or SKIPPED once the run is over; else NOT_RUN, RUNNING or PENDING */
    int code;   /**< what the function returned; 0 if it did not */
    size_t index;        /**< the task's index, 0 for the first that was added */
    uint64_t id;         /**< the caller's id, or 0 */
    const char *name;    /**< the task's name, or "" */
    const char *message; /**< why it is not OK, or ""; valid until reset or destroy of the group */
    void *arg;           /**< what its function was given */
    void *result;        /**< its result slot, or NULL */
    int attempts;        /**< how often it was started */
    int signal;          /**< what a crashed task was caught with, or 0 */
    size_t
        rank; /**< 1 for the task that ended first, 2, 3 …; 0: skipped, or not kept (see TG_GROUP_TIMES) */
    double start; /**< when its last attempt started, on tg_time_now()'s clock; 0: not kept */
    double end;   /**< when it ended; 0: not kept */
    /** On which worker its last attempt ran, as tg_task_worker() returns; -1: not kept. */
    int worker;
    /**
     * Why it is SKIPPED or CANCELLED: TG_FAILED, TG_CRASHED, TG_TIMED_OUT or TG_CANCELLED is what
     * stopped its group (TG_CANCELLED also if it was cancelled itself); TG_FULL: dropped, since the
     * queue was full; TG_OK: enough tasks had succeeded, or the run ended while it waited in the
     * background. TG_OK for all other statuses.
     */
    tg_status cause;
} tg_outcome;

/**
 * The innermost task that the calling thread is running, for code that is not handed `self`.
 *
 * @return the task; NULL outside of a task.
 * Context: anywhere but signal handlers. Thread safety: each thread has its own. Since: 0.1.
 */
TG_API tg_task *tg_task_current(void);

/**
 * Must I stop? True once the group has stopped (a required task failed, it was cancelled, its time
 * is up), or anything above it has, or the task's own time is up. In a group with TG_GROUP_SHIELD only
 * the latter. Cheap enough for an inner loop: a few loads, and a clock read
 * (25 ns) if there is a deadline.
 *
 * A task that returns other than 0 after its group has stopped, or after it was cancelled itself,
 * ends as TG_CANCELLED, not as TG_FAILED, whether it has asked or not; one that returns 0 has
 * finished its work all the same and is TG_OK.
 *
 * @param self the running task.
 * @return TG_OK: go on; TG_FAILED, TG_CRASHED, TG_CANCELLED, TG_TIMED_OUT: what stopped the group (TG_CANCELLED
 *         also when `.need` was reached, and when the task itself was cancelled), or TG_TIMED_OUT: its
 *         own time is up; TG_INVALID: NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_status tg_task_check(tg_task *self);

/**
 * The task's place in its group: 0 for the first that was added, 1, 2 …
 *
 * @param self the running task.
 * @return the index; TG_NO_INDEX for NULL, and in the body of a scope.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API size_t tg_task_index(const tg_task *self);

/**
 * The id that the task was added with.
 *
 * @param self the running task, or a hold.
 * @return the id; 0: it has none; also for NULL, in the body of a scope, and for a handle of
 *         tg_pool_submit().
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.2.
 */
TG_API uint64_t tg_task_id(const tg_task *self);

/**
 * The group that the task belongs to, for instance to add more tasks to it.
 *
 * @param self the running task.
 * @return the group; NULL for NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_group *tg_task_group(const tg_task *self);

/**
 * The context that tells the task to stop: a parent for contexts of its own, a place for a hook, or a
 * handle for code that only wants to ask tg_context_check(). It is the group's; a task with a
 * timeout or deadline, or with TG_TASK_CANCELLABLE, has one of its own, below that, for each attempt.
 *
 * @param self the running task.
 * @return the context, valid until the task has ended; NULL for NULL, and in a group with TG_GROUP_SHIELD
 *         for a task that has none of its own.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_context *tg_task_context(const tg_task *self);

/**
 * Says why the task fails, and returns the code to return: `return tg_task_fail(self, EDOM, "…", …)`.
 *
 * The message becomes the error's if the function then returns other than 0; a later one replaces
 * it. If there is no memory for it the task fails all the same, with a message that says so.
 *
 * @param self   the running task; with NULL (a hold, a handle) there is nobody to tell, and only the code comes back.
 * @param code   what to return. 0 would mean success and is turned into -1.
 * @param format as printf's; a sentence without a full stop. NULL leaves the message as it was.
 * @return `code`, never 0.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_fail(tg_task *self, int code, const char *format, ...) TG_PRINTF(3, 4);

/**
 * The same without a format, for Fortran and for text that is at hand.
 *
 * @param self the running task; @param code as above; @param message copied; NULL leaves it as it was.
 * @return `code`, never 0.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_fail_text(tg_task *self, int code, const char *message);

/**
 * How often the task has been started, this time included.
 *
 * @param self the running task.
 * @return 1 in the first attempt, 2 in the second …; 0 for NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_attempt(const tg_task *self);

/**
 * Gives the calling thread's innermost task up, from any depth of calls: for error handlers that have
 * no way back. The task ends as with `return tg_task_fail(self, code, …)`, and the error also has a
 * backtrace of this call. The frames between are left as by longjmp(): what they hold stays held.
 *
 * Outside of a task (also in the body of a scope, in a callback, in a hook, and in a thread of a
 * parallel region that the task has opened itself) it prints the message to stderr and calls abort().
 *
 * @param code    the task's code; 0 is turned into -1.
 * @param format  as printf's.
 * Context: inside a task, not across C++ frames with destructors nor out of an OpenMP construct of
 * the user's. Thread safety: the task's own thread. Since: 0.1.
 */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
TG_API void tg_task_abort(int code, const char *format, ...) TG_PRINTF(2, 3);

/** The same without a format, for Fortran. @param code as above; @param message a text or NULL. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
TG_API void tg_task_abort_text(int code, const char *message);

/**
 * The task goes on when its function has returned, without a thread, until somebody completes it with
 * tg_group_complete(group, index, …): `return tg_task_defer(self);`. For what is done elsewhere: an
 * I/O that the kernel does, an MPI request, a kernel on a device, a reply that is to come.
 *
 * Note tg_task_group() and tg_task_index() for who completes it, start the thing, then return. A completion
 * that comes before the function has returned is not lost. What the function then returns does not
 * count. Until it is completed the task is TG_PENDING: it keeps its place in the group's `limit` and
 * what it weighs in a shared one, and the group does not end, also when it has stopped: somebody may still
 * write into the result slot. A hook (tg_context_hook()) on the group's context, or on
 * tg_task_context() of a task with a timeout, is where to give up what it waits for, and complete it.
 *
 * Without OpenMP's `detach`: that blocks or livelocks in both runtimes where tasks are completed by other
 * threads (see lib/README.md).
 *
 * @param self the running task.
 * @return 0, to be returned; TG_INVALID if it cannot be deferred (NULL, a scope's body, a callback, a hold).
 * Context: inside the task, as its last call or before. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_defer(tg_task *self);

/**
 * The same, and the task is completed with success after `seconds`: `return tg_task_sleep(self, 0.01);`.
 * It holds no thread meanwhile, costs 16 bytes, and when the group stops is cancelled at once. At
 * the end of its own time (timeout, deadline) the sleep ends, too, and the task is TG_TIMED_OUT.
 *
 * @param self    the running task.
 * @param seconds how long, from now; 0: until a thread comes by next.
 * @return 0, to be returned; TG_INVALID as tg_task_defer(), or (and then the task says so) for a time that is
 *         negative or not a number.
 * Context: as tg_task_defer(). Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_sleep(tg_task *self, double seconds);

/**
 * A task with a period is not started again after this time. Without one: no effect.
 *
 * @param self the running task; NULL is harmless.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API void tg_task_stop(tg_task *self);

/**
 * Which of the group's workers runs the task: an id for scratch memory and for what is made once per
 * thread. Two tasks of a group that run at the same time never have the same; ids are as small as possible, below
 * the number of threads that serve the group (plus those that run a task themselves by TG_FULL_RUN). A
 * task keeps it until its function returns. Do not key random numbers by it, but by tg_task_index(): else
 * results depend on the number of threads.
 *
 * @param self the running task.
 * @return 0, 1, 2 …; -1 for NULL, outside of a task's function, or if there is no memory.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_worker(tg_task *self);

/**
 * What tg_group_options.worker_init has made for this worker: an FFT plan, a generator, a connection.
 * Made when the worker asks for the first time in a run; worker_fini gets it at the end of that run. Later calls
 * are a load, without a lock.
 *
 * @param self the running task.
 * @return the state; NULL if worker_init failed (its code is the message's), or there is none.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API void *tg_task_local(tg_task *self);

/**
 * Completes what tg_group_hold() opened, or a deferred task of a pool by its handle: with success if
 * `code` is 0, else as a failure.
 *
 * @param task    the hold, or the handle of tg_pool_submit(). A hold with TG_GROUP_RECYCLE is no longer
 *                valid when this returns: completing it again is undefined.
 * @param code    as a task function's.
 * @param message why, if `code` is not 0; copied; NULL: none.
 * @return TG_OK; TG_DONE: it was completed before, or has ended (nothing changed); TG_INVALID: NULL, the
 *         task is neither, or it has not started, sleeps, or waits to be started again; TG_CLOSED: it
 *         belongs to the parent process.
 * Context: anywhere but signal handlers, on any thread. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_task_complete(tg_task *task, int code, const char *message);

TG_END_DECLS
#endif
