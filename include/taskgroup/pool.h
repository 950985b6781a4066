/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_POOL_H
#define TASKGROUP_POOL_H
/**
 * @file pool.h
 * A pool: an OpenMP team of its own that stays, and takes tasks from any thread.
 *
 * ```c
 * tg_pool *pool = tg_pool_create(TG_POOL(.threads = 4));
 * tg_pool_submit(pool, serve, &request, TG_TASK(.copy = sizeof request), NULL);
 * tg_pool_close(pool, TG_FOREVER, NULL);
 * tg_pool_destroy(pool);
 * ```
 *
 * **Tasks.** A submitted task has the options of a task in a group (TG_TASK()). `.result` is how it
 * returns a result: a pool has no array of results. A failure stops nothing but its task. Ask for a
 * *handle* to wait for a task, to see what became of it, or to cancel it.
 *
 * **Groups.** A group may run over a pool (tg_group_options.pool): from any thread, several at a
 * time, each with its own limit, results and errors. tg_group_start() starts one without waiting.
 *
 * **Threads.** The team belongs to a thread that the pool creates when the first task comes;
 * threads that have nothing to do sleep. After `.idle` seconds without work the team is given back
 * to OpenMP: with libgomp its threads end, with libomp they sleep. The next task opens it again,
 * which takes about 50 to 500 µs. The threads run on the processors that the thread that creates
 * the pool may run on; or, where OMP_PROC_BIND binds threads, on the places that OpenMP gives them.
 * Each has the stack of an OpenMP thread (OMP_STACKSIZE, GOMP_STACKSIZE, KMP_STACKSIZE).
 *
 * **In a task of the pool** tg_pool_submit() never waits for space, and to wait for a handle of the
 * same pool is refused (TG_BUSY): run a group in the task, or defer the task. tg_task_group()
 * returns a group of the pool's own. Use it only to add tasks, and for tg_group_complete() and
 * tg_group_cancel_task(): to run it, wait for it, reset it or cancel it is refused (TG_BUSY), and
 * tg_group_destroy() has no effect.
 *
 * **In a child of fork()** a pool of the parent's has no threads: every call returns TG_CLOSED,
 * except that tg_pool_destroy() frees it.
 *
 * Guide: [pools](../guide/pools.md), [fork](../guide/openmp.md).
 */
#include <taskgroup/group.h>

TG_BEGIN_DECLS

/* ---- create ---- */

/** How a pool with several shards chooses one for a task or a group. */
enum {
    /** One shard after another. The default. */
    TG_BALANCE_TURN = 0,
    /** The shard with the fewest tasks. */
    TG_BALANCE_LEAST
};

/** Options of a pool. 0 is the default of each; write them as `TG_POOL(.threads = 4)`. */
typedef struct tg_pool_options {
    /** Bytes of this struct as the caller's headers define it; TG_POOL() sets it. */
    size_t size;
    /** Never set: by it a compiler reports a value without a name. */
    const struct tg_by_name *by_name;
    /**
     * TG_GROUP_GUARD, TG_GROUP_SHIELD and TG_GROUP_RAW_TASKS, or-ed: they mean for the pool's own
     * tasks what they mean in a group. Default: 0, none.
     */
    unsigned flags;
    /** Threads of each shard. Default: 0, as many as a group would get here (OMP_NUM_THREADS). */
    int threads;
    /**
     * Tasks in flight at most in each shard, deferred and sleeping ones included. Default: 0, no
     * bound but the threads.
     */
    long limit;
    /**
     * Tasks that wait at most in each shard, beside those that its threads can take at once.
     * TG_QUEUE_NONE: none, a thread must be free. Default: 0, no bound.
     */
    long queue;
    /**
     * Callers that may wait for space at once in each shard; to one more the pool is TG_FULL.
     * Default: 0, no bound.
     */
    int waiters;
    /** Teams behind this pool, each with its own thread and queue. Default: 0, which means 1. */
    int shards;
    /** TG_BALANCE_…: how a shard is chosen. Default: 0, TG_BALANCE_TURN. */
    int balance;
    /**
     * Seconds without work after which the threads are given back; TG_FOREVER: never. Default: 0,
     * which means 1.
     */
    double idle;
    /**
     * A context that stops the pool: its own tasks are abandoned, and it takes no more. Groups over
     * the pool have contexts of their own. Default: NULL, none.
     */
    tg_context *context;
    /** Makes what tg_task_local() returns, anew when the team is opened again. Default: NULL. */
    tg_worker_init_fn *worker_init;
    /** Frees what worker_init has made, when the team is given back. Default: NULL. */
    tg_worker_fini_fn *worker_fini;
    /** Passed to worker_init, worker_fini and on_done. */
    void *user;
    /**
     * Called once for each of the pool's own tasks when it has ended, abandoned ones included: for
     * instance to free its argument. One call at a time, on any thread. It may submit to the pool,
     * but must not close or destroy it. Its return value is ignored. Default: NULL.
     */
    tg_done_fn *on_done;
    /** A name for messages; it is copied. Default: NULL, none. */
    const char *name;
    /**
     * Starts of the pool's own tasks per second at most, in each shard; at least 1e-6. Default: 0,
     * no bound.
     */
    double rate;
    /** With `rate`: starts that may come at once after a pause. Default: 0, which means 1. */
    long burst;
} tg_pool_options;

#ifndef __cplusplus
/** A pointer to pool options, all 0 except those named. C only; in C++ set the members. */
#define TG_POOL(...) (&(const tg_pool_options){.size = sizeof(tg_pool_options), __VA_ARGS__})
#endif

/**
 * Creates a pool. No thread is created before the first task comes.
 *
 * @param options the options; NULL: OMP_NUM_THREADS threads, an unbounded queue.
 * @return the pool, to be released with tg_pool_destroy(); NULL on failure, with the status in
 *         tg_error_last():
 * - TG_INVALID: a value is negative or not a number; more than 8192 threads or 1024 shards; no
 *   TG_BALANCE_…; a rate below 1e-6; a burst without rate; or the options' size was never set.
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_NO_SYSTEM: the event thread cannot be created, or signal handlers for a guard cannot be set.
 * - TG_NO_MEMORY: out of memory.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_pool *tg_pool_create(const tg_pool_options *options);

/**
 * Returns the pool of the process: it is created at the first call, with all defaults, and stays
 * until the process ends.
 *
 * tg_group_start() uses it for groups without a pool. tg_pool_close() and tg_pool_shut() refuse it
 * (TG_BUSY); tg_pool_destroy() has no effect on it.
 *
 * @return the pool; in a child of fork() another one than the parent's. NULL on failure, with the
 *         status in tg_error_last():
 * - TG_NO_SYSTEM: the event thread cannot be created.
 * - TG_NO_MEMORY: out of memory.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_pool *tg_pool_default(void);

/* ---- submit ---- */

/**
 * Submits a task: it runs as soon as a thread of the pool is free, in order of priority, then of
 * submitting.
 *
 * If the queue is full, tg_task_options.when_full says what happens: the call waits for space, for
 * `.patience` seconds at most (TG_FULL_WAIT), returns TG_FULL (TG_FULL_REFUSE), drops the task
 * (TG_FULL_DROP), or runs it in the calling thread (TG_FULL_RUN; with `.limit` or `.rate` it waits
 * instead). From a task of the pool every task is taken.
 *
 * @param pool     the pool.
 * @param function the task's function.
 * @param arg      its argument.
 * @param options  options of the task. An id, a weight and TG_TASK_OPTIONAL have no meaning here:
 *                 all tasks of a pool are optional. NULL: defaults.
 * @param task     out: a handle, to be released with tg_task_release(); NULL on failure. NULL: not
 *                 wanted, which is cheaper.
 * @return
 * - TG_OK: the task will run, or a close will abandon it; with TG_FULL_DROP it may be dropped, with
 *   TG_FULL_RUN it may have run.
 * - TG_FULL: the queue is full (TG_FULL_REFUSE), there was no space within `.patience`, or too many
 *   callers wait already (tg_pool_options.waiters).
 * - TG_CLOSED: the pool is closed, or was closed while the call waited; its context has stopped; or
 *   it belongs to the parent process.
 * - TG_INVALID: `pool` or `function` is NULL, or an option makes no sense.
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_TOO_LARGE: `.copy` exceeds what can be addressed.
 * - TG_NO_MEMORY, TG_NO_SYSTEM: out of memory; a thread cannot be created.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_submit(tg_pool *pool, tg_task_fn *function, const void *arg,
    const tg_task_options *options, tg_task **task);

/* ---- close ---- */

/**
 * Closes the pool: it takes no more tasks, runs those that it has, lets groups over it end, and
 * gives the threads back.
 *
 * Callers that wait for space get TG_CLOSED. Tasks of the pool may submit until they have ended. A
 * pause ends. After `timeout` seconds, tasks that have not started are abandoned, and those that
 * run are told to stop; the call waits for these: when it returns, nothing of the pool runs.
 *
 * The call also waits for tasks that wait for their time, unless they are TG_TASK_BACKGROUND. If
 * several threads close the pool at once, the shortest timeout counts. If the system has no thread
 * for the tasks, they wait until it has one, or are abandoned after `timeout`.
 *
 * @param pool      the pool.
 * @param timeout   seconds; 0: abandon at once; TG_FOREVER: run everything.
 * @param abandoned out: how many tasks were never started; NULL: not wanted.
 * @return
 * - TG_OK: all tasks were run; or the pool was closed before.
 * - TG_TIMED_OUT: before that, the timeout has passed or the pool's context has stopped.
 * - TG_BUSY: called in a task of the pool, or for tg_pool_default().
 * - TG_INVALID: `pool` is NULL, or `timeout` is negative or not a number.
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers and tasks of the pool.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_close(tg_pool *pool, double timeout, size_t *abandoned);

/**
 * Begins to close the pool, as tg_pool_close() without a timeout, and returns at once.
 *
 * The pool is closed only when tg_pool_close() has waited for the end.
 *
 * @param pool the pool.
 * @return
 * - TG_OK: the pool closes, by this call or before.
 * - TG_BUSY: it is tg_pool_default().
 * - TG_INVALID: `pool` is NULL.
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers, also tasks of the pool.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_status tg_pool_shut(tg_pool *pool);

/**
 * Opens a closed pool again. It is as new, but keeps its numbers of threads.
 *
 * @param pool the pool.
 * @return
 * - TG_OK: it is open.
 * - TG_BUSY: it is not closed, or a thread is closing it.
 * - TG_INVALID: `pool` is NULL.
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_reopen(tg_pool *pool);

/**
 * Closes the pool as tg_pool_close() with a timeout of 0, and frees it.
 *
 * In a task of the pool the call cannot wait: the pool is freed when its last task has ended.
 * Handles stay valid until they are released.
 *
 * @param pool the pool, which no thread may use any more; NULL: no effect.
 * From: anywhere but signal handlers.
 * Threads: once per pool.
 * Since: 0.1.
 */
TG_API void tg_pool_destroy(tg_pool *pool);

/* ---- handles ---- */

/**
 * Waits until a submitted task has ended, and returns its status.
 *
 * If the task has failed, tg_error_last() stays as it was: tg_task_outcome() has the message.
 *
 * @param task    the handle.
 * @param timeout seconds to wait at most; 0: do not wait; TG_FOREVER: no end.
 * @return
 * - TG_OK, TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED, TG_SKIPPED: how the task has ended.
 * - TG_RUNNING: it has not ended within `timeout`; tg_error_last() is unchanged.
 * - TG_BUSY: called with a timeout in a task of the same pool, and the task has not ended.
 * - TG_INVALID: `task` is NULL or no handle, or `timeout` is negative or not a number.
 * - TG_CLOSED: the task has not ended, and its pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_task_wait(tg_task *task, double timeout);

/**
 * Waits until at least one of several submitted tasks has ended, and returns its status.
 *
 * If several have ended, the call reports the one with the lowest place, not the first in time. The
 * status is that of a task if `*which` is a place, and that of the call if it is TG_NO_INDEX. If
 * the task has failed, tg_error_last() stays as it was: tg_task_outcome() has the message. A loop
 * over all tasks as they end:
 *
 * ```c
 * for (size_t left = count, i; left > 0; left--) {
 *     tg_status status = tg_task_wait_any(tasks, count, TG_FOREVER, &i);
 *     if (i == TG_NO_INDEX)
 *         break;
 *     if (tg_task_outcome(tasks[i], &outcome) == TG_OK)
 *         printf("%zu: %s %s\n", i, tg_status_name(status), outcome.message);
 *     tg_task_release(tasks[i]);
 *     tasks[i] = NULL;
 * }
 * ```
 *
 * @param tasks   the handles, of one pool or of several; NULL elements are ignored.
 * @param count   how many elements `tasks` has.
 * @param timeout seconds to wait at most; 0: do not wait; TG_FOREVER: no end.
 * @param which   out: the place in `tasks` of a task that has ended; TG_NO_INDEX: none.
 * @return
 * - TG_OK, TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED, TG_SKIPPED: how that task has ended.
 * - TG_RUNNING: none has ended within `timeout`; tg_error_last() is unchanged.
 * - TG_BUSY: none has ended, and the call, with a timeout, is made in a task of the pool of one.
 * - TG_INVALID: `tasks` or `which` is NULL, all elements are NULL, one is no handle, or `timeout`
 *   is negative or not a number.
 * - TG_CLOSED: none has ended, and the pool of one belongs to the parent process.
 * - TG_NO_MEMORY: out of memory; not if `count` is 16 or less.
 *
 * From: anywhere but signal handlers.
 * Threads: safe; release none of the handles meanwhile.
 * Since: 0.2.
 */
TG_API tg_status tg_task_wait_any(
    tg_task *const *tasks, size_t count, double timeout, size_t *which);

/**
 * Reports what became of a submitted task.
 *
 * @param task    the handle.
 * @param outcome out: filled in. Its status is TG_NOT_RUN until the task has ended. Its strings are
 *                valid until the handle is released.
 * @return
 * - TG_OK: `outcome` is filled in.
 * - TG_INVALID: `task` is NULL or no handle, `outcome` is NULL, or its size was never set (calls
 *   from other languages).
 * - TG_CLOSED: the task has not ended, and its pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_task_outcome(tg_task *task, tg_outcome *outcome);

/** @cond */
/* Sets the size of the struct, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_task_outcome_sized(tg_task *task, tg_outcome *outcome)
{
    if (outcome != NULL)
        outcome->size = sizeof *outcome;
    return tg_task_outcome(task, outcome);
}
#define tg_task_outcome(...) tg_task_outcome_sized(__VA_ARGS__)
/** @endcond */

/**
 * Cancels a submitted task: takes it back if it has not started, or tells it to stop, as
 * tg_group_cancel_task() does.
 *
 * @param task the handle.
 * @return
 * - TG_OK: it was taken back, or is told to stop.
 * - TG_DONE: it has ended.
 * - TG_BUSY: it runs, or waits to be completed, and has no context of its own (TG_TASK_CANCELLABLE,
 *   a timeout or a deadline).
 * - TG_INVALID: `task` is NULL, or no handle.
 * - TG_CLOSED: it has not ended, and its pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_task_cancel(tg_task *task);

/**
 * Releases a handle. Its task goes on, as if it had been submitted without one.
 *
 * @param task the handle; NULL: no effect.
 * From: anywhere but signal handlers.
 * Threads: safe; once per handle.
 * Since: 0.1.
 */
TG_API void tg_task_release(tg_task *task);

/* ---- tune and look ---- */

/**
 * Changes the number of threads, also while tasks run.
 *
 * With fewer threads, those beyond finish their task first. With more than the team has, the team
 * is given back and opened again as soon as what runs now has ended.
 *
 * @param pool    the pool.
 * @param threads threads of each shard, 1 to 8192.
 * @return
 * - TG_OK: the new number holds.
 * - TG_INVALID: `pool` is NULL, or `threads` is out of range.
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_resize(tg_pool *pool, int threads);

/**
 * Pauses the pool, or lets it go on.
 *
 * While it is paused no task of its own starts; those that run go on, and tasks are still taken.
 * Groups over the pool are not paused.
 *
 * @param pool   the pool.
 * @param paused other than 0: pause; 0: go on.
 * @return
 * - TG_OK: it is so now, also if it was before; no effect on a pool that is closed, or closes.
 * - TG_INVALID: `pool` is NULL.
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_pause(tg_pool *pool, int paused);

/** A pool in numbers, all shards together: `tg_pool_numbers n; tg_pool_report(pool, &n);` */
typedef struct tg_pool_numbers {
    /**
     * Bytes of this struct as the caller's headers define it; tg_pool_report() sets it in C and
     * C++.
     */
    size_t size;
    /** Threads that may run tasks at once. */
    int threads;
    /** Of these: threads that run a task now, or look for one. */
    int running;
    /** Of these: the other threads. */
    int free;
    /** Callers that wait for space. */
    int waiters;
    /** Tasks that wait, and for which no thread looks yet. */
    size_t queued;
    /** Tasks in flight on no thread (deferred, asleep), and tasks that wait for their time. */
    size_t pending;
    /** Tasks taken so far: `running` + `queued` + `pending` + the members that follow. */
    size_t submitted;
    /** Tasks that returned 0. */
    size_t ok;
    /** Tasks that failed, were timed out, or crashed. */
    size_t failed;
    /** Tasks that were told to stop, or taken back. */
    size_t cancelled;
    /** Tasks that never started, because the pool was closed. */
    size_t abandoned;
    /** Tasks that never started, because the queue was full, with TG_FULL_DROP. */
    size_t dropped;
} tg_pool_numbers;

/**
 * Reports the state of the pool in numbers.
 *
 * @param pool    the pool.
 * @param numbers out: filled in; all zero on failure. While tasks run each number is right for a
 *                moment, but not all of them for the same one.
 * @return
 * - TG_OK: `numbers` is filled in.
 * - TG_INVALID: `pool` or `numbers` is NULL, or the size of `numbers` was never set (calls from
 *   other languages).
 * - TG_CLOSED: the pool belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_pool_report(tg_pool *pool, tg_pool_numbers *numbers);

/** @cond */
/* Sets the size of the struct, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_pool_report_sized(tg_pool *pool, tg_pool_numbers *numbers)
{
    if (numbers != NULL)
        numbers->size = sizeof *numbers;
    return tg_pool_report(pool, numbers);
}
#define tg_pool_report(...) tg_pool_report_sized(__VA_ARGS__)
/** @endcond */

TG_END_DECLS
#endif
