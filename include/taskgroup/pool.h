/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_POOL_H
#define TASKGROUP_POOL_H
/**
 * @file pool.h
 * A pool: an OpenMP team of its own that lives as long as it is wanted, and takes tasks from any
 * thread.
 *
 * The team belongs to a host thread that the pool makes when the first task comes; the tasks are
 * `omp task`s in that team's region, as a group's are. Threads that have nothing to do sleep. After
 * `.idle` seconds without work the region is closed: libgomp then gets its threads back (the host
 * ends, too), libomp lets them sleep. The next task opens it again, which takes some 50 to 500 µs.
 *
 * Its threads run on the processors that the thread that makes the pool may run on (its affinity
 * mask), whoever submits to it later. Where OMP_PROC_BIND binds threads they have the places that
 * OpenMP gives them. Each of them has the stack of an OpenMP thread (OMP_STACKSIZE, GOMP_STACKSIZE,
 * KMP_STACKSIZE).
 *
 * In a child of fork() a pool of the parent's has no threads: every call on it answers TG_CLOSED,
 * tg_pool_report() with zeros, but tg_pool_destroy(), which frees it. Its handles know the ends
 * that came before the fork; for other tasks they answer TG_CLOSED; they are released as always.
 * The child may make pools of its own.
 *
 * A task is submitted with the options that tasks of a group have: priority, timeout, deadline,
 * attempts, start, delay, period, copy, result, and what to do when the queue is full. Who wants to
 * know what became of it asks for a handle, which can be waited for, looked at, and taken back
 * while the task is queued. A failure stops nothing but its task.
 *
 * A group may run over a pool (tg_group_options.pool): from any thread, several at a time, each
 * with its own limit, results and errors; tg_group_start() and tg_group_wait() are for those that
 * do not want to wait at once.
 *
 * A pool for one function is a pool to which one function is submitted. Several pools behind one
 * handle are `.shards`: each has its own host, team and queue.
 *
 * tg_task_group() in a task of the pool answers a group of the pool's own: tg_group_complete(),
 * tg_group_cancel_task(), and tg_group_add() go through it, nothing else does: running, waiting for it
 * and reset are refused, and destroying it does nothing.
 *
 * Submitting from a task of the pool never waits for room. Waiting for a handle there is refused,
 * since it would keep a thread from what it waits for: make a group in the task, or defer the task.
 */
#include <taskgroup/group.h>

TG_BEGIN_DECLS

/** How a pool with several shards chooses one for a task, or a group. */
enum {
    TG_BALANCE_TURN = 0, /**< one after another */
    TG_BALANCE_LEAST     /**< the one with the fewest tasks */
};

/** Options of a pool. Zero is the default everywhere; write them as `TG_POOL(.threads = 4)`. */
typedef struct tg_pool_options {
    size_t size; /**< bytes of this struct, as the caller's headers have it */
    unsigned
        flags; /**< TG_GROUP_GUARD, TG_GROUP_SHIELD, TG_GROUP_RAW_TASKS, or 0: as in a group, for the pool's own tasks */
    int threads; /**< of the team, of each shard's; 0: what a group made here would get (OMP_NUM_THREADS) */
    long
        limit; /**< tasks in flight at most, deferred and sleeping ones too, in each shard; 0: no bound beside the threads */
    long
        queue; /**< tasks that wait at most in each shard, beside those that its threads can take; 0: no bound; TG_QUEUE_NONE: a thread must be free */
    int waiters; /**< callers that may wait for room at once, in each shard, before it is TG_FULL; 0: no bound */
    int shards;  /**< teams; 0: 1 */
    int balance; /**< TG_BALANCE_… */
    double idle; /**< seconds without work until threads are given back; 0: 1; TG_FOREVER: never */
    tg_context *
        context; /**< what the pool hangs on: when that stops the pool's own tasks are abandoned, and it takes no more;
                      groups over it have contexts of their own. NULL: nothing */
    tg_worker_init_fn
        *worker_init; /**< see tg_task_local(); made anew when the region is opened again */
    tg_worker_fini_fn *worker_fini; /**< frees what that has made, when the region is closed */
    void *user;                     /**< for these two, and for on_done */
    /**
     * Called once for each of the pool's own tasks when it has ended, abandoned ones too: to free
     * its argument, for instance. One call at a time, on whichever thread comes. It may submit to
     * the pool, but must not close or destroy it. What it returns does not matter. NULL: nothing.
     */
    tg_done_fn *on_done;
    /** For messages; copied; NULL: none. */
    const char *name;
    /** Starts of the pool's own tasks in a second at most, on each shard; 0: any number. */
    double rate;
    /** With `rate`: starts that may come at once after a pause; 0: 1. */
    long burst;
} tg_pool_options;

#ifndef __cplusplus
/** A pointer to pool options, all zero but for what is named. C only; in C++ set the members. */
#define TG_POOL(...) (&(const tg_pool_options){.size = sizeof(tg_pool_options), __VA_ARGS__})
#endif

/** How a pool stands, all shards together: `tg_pool_numbers n; tg_pool_report(pool, &n);` */
typedef struct tg_pool_numbers {
    size_t size;   /**< bytes of this struct, as the caller's headers have it */
    int threads;   /**< the capacity: threads that may run tasks at once */
    int running;   /**< of them: running tasks now, or looking for one */
    int free;      /**< of them: not */
    int waiters;   /**< callers that wait for room */
    size_t queued; /**< tasks that wait, and no thread looks for one yet */
    size_t
        pending; /**< tasks in flight on no thread: deferred, asleep; or waiting for their time */
    size_t submitted; /**< tasks taken so far: running + queued + pending + those that follow */
    size_t ok;        /**< returned 0 */
    size_t failed;    /**< failed, timed out or crashed */
    size_t cancelled; /**< told to stop, or taken back */
    size_t abandoned; /**< never started, since the pool was closed */
    size_t dropped;   /**< never started, because the queue was full and they were submitted so */
} tg_pool_numbers;

/**
 * Makes a pool. No thread is made before the first task comes.
 *
 * @param options NULL for all defaults: OMP_NUM_THREADS threads, an unbounded queue.
 * @return the pool, to be given back with tg_pool_destroy(); NULL (see tg_error_last()) with TG_INVALID
 *         (a negative or not-a-number value, more than 8192 threads or 1024 shards, no TG_BALANCE_…), TG_UNSUPPORTED
 *         (unknown flags, or options of a newer version that use what is new), TG_NO_SYSTEM (no event thread, or no
 *         signal handlers for a guard) or TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_pool *tg_pool_create(const tg_pool_options *options);

/**
 * The pool of the process: made at the first call, with OMP_NUM_THREADS threads and defaults for all
 * else, and there until the process ends. tg_group_start() uses it for groups without a pool.
 * tg_pool_close() and tg_pool_shut() refuse it (TG_BUSY), tg_pool_destroy() does nothing.
 *
 * @return the pool; NULL (see tg_error_last()) as tg_pool_create(). In a child of fork() it is
 *         another one than the parent's.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.2.
 */
TG_API tg_pool *tg_pool_default(void);

/**
 * Closes the pool at once (queued tasks are abandoned, running ones told to stop and waited for) and frees it. In
 * one of its own tasks it cannot wait: then it is freed when its last task has ended.
 *
 * @param pool NULL is harmless. Nobody may use it any more; handles stay valid until they are released.
 * Context: anywhere but signal handlers. Thread safety: once. Since: 0.1.
 */
TG_API void tg_pool_destroy(tg_pool *pool);

/**
 * Submits a task: it runs as soon as a thread of the pool is free, in order of priority, then of submitting.
 *
 * If the queue is full: waits for room (TG_FULL_WAIT, at most `.patience` seconds), answers TG_FULL
 * (TG_FULL_REFUSE), drops it (TG_FULL_DROP), or runs it in the calling thread (TG_FULL_RUN; with `.limit` it
 * waits). From a task of the pool it is always taken.
 *
 * @param pool     the pool.
 * @param function the task's function; @param arg handed to it.
 * @param options  NULL: defaults. An id, a weight, TG_TASK_OPTIONAL (as they all are) say nothing here.
 * @param task     out: a handle, to be given back with tg_task_release(); NULL on failure. NULL: none
 *                 wanted, which is cheaper.
 * @return TG_OK: it will run, or be abandoned by a close; TG_FULL: no room (any more, within `.patience`), or too
 *         many wait already; TG_CLOSED: the pool is closed (or was while the call waited), its context has stopped, or it
 *         belongs to the parent process; TG_INVALID: NULL, or
 *         options that make no sense; TG_UNSUPPORTED; TG_NO_MEMORY; TG_NO_SYSTEM: no thread could be made. In all
 *         these cases the task was not taken.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_submit(tg_pool *pool, tg_task_fn *function, const void *arg,
    const tg_task_options *options, tg_task **task);

/**
 * Changes the number of threads, also while tasks run. Fewer: those beyond finish their task first. More
 * than the region has: it is closed and opened again as soon as what runs now has ended.
 *
 * @param pool the pool; @param threads of each shard, at least 1.
 * @return TG_OK; TG_INVALID (NULL, or threads out of range); TG_CLOSED: it belongs to the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_resize(tg_pool *pool, int threads);

/**
 * Pauses the pool: nothing starts any more, what runs goes on, tasks are still taken; or lets it go on. Groups over
 * the pool are not paused.
 *
 * @param pool the pool; @param paused other than 0: pause; 0: resume.
 * @return TG_OK, also if it was so before; TG_INVALID: NULL; TG_CLOSED: it belongs to the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_pause(tg_pool *pool, int paused);

/**
 * Closes the pool: takes no more tasks from outside (callers that wait for room are told TG_CLOSED), lets the ones
 * that it has run, and groups over it end; then gives the threads back. Until it is over its own tasks may still
 * submit. A pause ends. After `timeout` seconds what has not
 * started is abandoned, and what runs is told to stop and waited for: nothing of the pool runs when this returns.
 * Several threads may close at once: the shortest timeout counts.
 *
 * What waits for its time is waited for, unless it is TG_TASK_BACKGROUND. Tasks for which the system has no thread
 * wait until it has one, or are abandoned as above; the end itself needs none.
 *
 * @param pool      the pool.
 * @param timeout   seconds; 0: abandon at once; TG_FOREVER: all is run.
 * @param abandoned out: tasks that were never started; NULL: not wanted.
 * @return TG_OK: all were run (also: it was closed before); TG_TIMED_OUT: the time was up, or the pool's context has
 *         stopped, before that; TG_BUSY: called in one of the pool's own tasks; TG_INVALID: NULL, or a timeout that
 *         is negative or not a number; TG_CLOSED: it belongs to the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_close(tg_pool *pool, double timeout, size_t *abandoned);

/**
 * Begins to close the pool, and returns at once: it takes no more tasks, runs the ones that it has,
 * lets groups over it end, and gives its threads back. Until these have ended they may still submit.
 * tg_pool_close() waits for the end; the pool is not closed before that.
 *
 * @param pool the pool.
 * @return TG_OK, also if it was begun before; TG_INVALID: NULL; TG_CLOSED: it belongs to the parent
 *         process.
 * Context: anywhere but signal handlers, also in its own tasks. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_pool_shut(tg_pool *pool);

/**
 * Opens a closed pool again, as new but for its numbers of threads.
 *
 * @param pool the pool.
 * @return TG_OK; TG_BUSY: it is not closed, or somebody is just closing it; TG_INVALID: NULL; TG_CLOSED: it belongs to
 *         the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_reopen(tg_pool *pool);

/**
 * How the pool stands. Each number is right for a moment; while tasks run not all for the same one.
 *
 * @param pool the pool; @param numbers out: filled in.
 * @return TG_OK; TG_INVALID: NULL; TG_CLOSED: it belongs to the parent process, and all are zero.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_pool_report(tg_pool *pool, tg_pool_numbers *numbers);

/* Sets the struct's size, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_pool_report_sized(tg_pool *pool, tg_pool_numbers *numbers)
{
    if (numbers != NULL)
        numbers->size = sizeof *numbers;
    return tg_pool_report(pool, numbers);
}
#define tg_pool_report(...) tg_pool_report_sized(__VA_ARGS__)

/* ---- handles ---- */

/**
 * Waits until a submitted task has ended.
 *
 * @param task    the handle; @param timeout seconds; 0: looks only; TG_FOREVER.
 * @return the status that the task has ended with (TG_OK, TG_FAILED, TG_CRASHED, TG_TIMED_OUT with tg_task_outcome()
 *         saying so, TG_CANCELLED, TG_SKIPPED); TG_RUNNING: it has not ended within `timeout`; TG_BUSY: called in
 *         a task of the same pool, to wait, while it has not ended; TG_INVALID: NULL, no handle, a timeout that makes no
 *         sense; TG_CLOSED: it has not ended, and the pool belongs to the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_task_wait(tg_task *task, double timeout);

/**
 * Waits until one of several submitted tasks has ended; in a loop that sets what has ended to NULL:
 * for each as it ends.
 *
 * @param tasks   `count` handles, of one pool or of several; NULL ones are left out.
 * @param timeout seconds; 0: looks only; TG_FOREVER.
 * @param which   out: the place in `tasks` of the first of them that has ended; TG_NO_INDEX: none.
 * @return the status that it has ended with, as tg_task_wait(); TG_RUNNING: none has ended within
 *         `timeout`; TG_BUSY: called in a task of the pool of one that has not ended, to wait,
 *         while none has; TG_INVALID: NULL, all are NULL, one is no handle, a timeout that makes no
 *         sense; TG_CLOSED: none has ended, and the pool of one belongs to the parent process;
 *         TG_NO_MEMORY (not with 16 or fewer).
 * Context: anywhere but signal handlers. Thread safety: safe, while no handle of them is released.
 * Since: 0.2.
 */
TG_API tg_status tg_task_wait_any(
    tg_task *const *tasks, size_t count, double timeout, size_t *which);

/**
 * What became of a submitted task.
 *
 * @param task    the handle; @param outcome out: filled in; NOT_RUN while the task has
 *                not ended; its texts are valid until the handle is released.
 * @return TG_OK; TG_INVALID (NULL, no handle); TG_CLOSED: as tg_task_wait().
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_task_outcome(tg_task *task, tg_outcome *outcome);

/* Sets the struct's size, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_task_outcome_sized(tg_task *task, tg_outcome *outcome)
{
    if (outcome != NULL)
        outcome->size = sizeof *outcome;
    return tg_task_outcome(task, outcome);
}
#define tg_task_outcome(...) tg_task_outcome_sized(__VA_ARGS__)

/**
 * Cancels a submitted task, as tg_group_cancel_task() does: takes it back, or tells it to stop.
 *
 * @param task the handle.
 * @return TG_OK: it was taken back, or is told; TG_DONE: it has ended; TG_BUSY: it runs, or waits to be
 *         completed, and has no context of its own; TG_INVALID: NULL, or no handle; TG_CLOSED: as
 *         tg_task_wait().
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_task_cancel(tg_task *task);

/**
 * Gives a handle back. The task goes on as if there had never been one.
 *
 * @param task the handle; NULL is harmless.
 * Context: anywhere but signal handlers. Thread safety: once. Since: 0.1.
 */
TG_API void tg_task_release(tg_task *task);

TG_END_DECLS
#endif
