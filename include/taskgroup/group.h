/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_GROUP_H
#define TASKGROUP_GROUP_H
/**
 * @file group.h
 * A group: an ordered batch of tasks that run and end together.
 *
 * ```c
 * tg_group *group = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
 * for (size_t i = 0; i < n; i++)
 *     tg_group_add(group, solve, &problems[i]);
 * if (tg_group_run(group) != TG_OK)
 *     fprintf(stderr, "%s\n", tg_error_last()->message);
 * tg_group_destroy(group);
 * ```
 *
 * A group may run anywhere. In serial code it opens a parallel region, with OMP_NUM_THREADS threads
 * (or `.threads`). In your own region or `omp task` the calling thread runs it, and threads that
 * wait at a barrier help. In a task of another group the threads of that group run it. With `.pool`
 * the threads of the pool do, from anywhere.
 *
 * A required task that fails stops the group: no further task starts, and tasks in flight finish.
 * outcome.h reads what became of the tasks: results, errors, outcomes, numbers.
 *
 * Guide: [what happens when …](../guide/errors.md), [limits](../guide/limits.md),
 * [timeouts](../guide/timeouts.md), [waiting](../guide/waiting.md), [crashes](../guide/crashes.md),
 * [OpenMP and fork](../guide/openmp.md), [order and guarantees](../guide/limitations.md).
 */
#include <taskgroup/control.h>
#include <taskgroup/limit.h>
#include <taskgroup/outcome.h>
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/* ---- options: flags and special values ---- */

/** Flags of a group, for tg_group_options.flags. */
enum {
    /** A required failure stops nothing: every task runs, and every error is kept. */
    TG_GROUP_KEEP_GOING = 1u << 0,
    /** Of tasks with the same priority, required ones start before optional ones. */
    TG_GROUP_REQUIRED_FIRST = 1u << 1,
    /**
     * on_done is called in the order of adding: an ordered stream (see `ahead`). Combine it with
     * TG_GROUP_KEEP_GOING for output that is the same in each run, also if tasks fail.
     */
    TG_GROUP_IN_ORDER = 1u << 2,
    /**
     * For long streams: the record of a task is used again when the task has ended, so memory stays
     * flat however many tasks a run adds, also beside a few tasks or holds that stay for long. What
     * became of a task, and its result, can then be read only in on_done. A hold is valid until it
     * is completed. Beside the error of the run, the first 1000 failures are kept. Ids and results
     * of the caller's are refused. A thread that is about a thousand tasks ahead of a slow on_done
     * sleeps until half of these are done. A long stream also needs `queue`, with TG_GROUP_IN_ORDER
     * `ahead`, and usually tg_task_options.copy.
     */
    TG_GROUP_RECYCLE = 1u << 3,
    /** Tasks in flight, and groups that run in them, do not see that the group stops. */
    TG_GROUP_SHIELD = 1u << 4,
    /**
     * A task that crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, stack overflow) ends as
     * TG_CRASHED, and the program goes on. Its frames are left as by longjmp(): what they hold is
     * not released, what they were writing is half written, and the heap may be damaged. Use it to
     * save the results of other tasks. Bodies of scopes, callbacks and hooks are not guarded.
     */
    TG_GROUP_GUARD = 1u << 5,
    /** Records start, end, rank and worker of each task, and busy times: about 60 ns per task. */
    TG_GROUP_TIMES = 1u << 6,
    /**
     * Tasks create raw OpenMP tasks (`omp task`, `taskloop`), and idle threads of the group's own
     * region, or of the pool's, are to run these: they wait in the OpenMP runtime, not in the
     * library. Without the flag a raw task runs on the thread that created it.
     *
     * With the flag, and in a pool always, a task ends, and its on_done is called, when the raw
     * tasks that it has created itself have ended; all others end before the run returns. In a raw
     * task do not use `self`; tg_task_current() may be NULL there. The guide (openmp) has the price
     * of the flag, and a defect of libomp. In your own region, and for a group in a task or over a
     * pool, the region decides which threads run raw tasks.
     */
    TG_GROUP_RAW_TASKS = 1u << 7,
    /**
     * The error of the run is that of the lowest index that fails, with any number of threads.
     * Required tasks below it all run, undisturbed. Tasks above it do not start any more, and those
     * that run finish; one that waits for its time is skipped at that time. With
     * TG_GROUP_KEEP_GOING all run.
     */
    TG_GROUP_FIRST_INDEX = 1u << 8
};

/** For `.limit`: no bound on the tasks in flight but the threads. The default. */
#define TG_UNLIMITED 0L
/** For `.grainsize`: the library measures how long tasks take, and bundles short ones. */
#define TG_GRAIN_AUTO (-1L)
/** For `.queue`: no task waits; an add finds space only if a thread can take the task at once. */
#define TG_QUEUE_NONE (-1L)

/* ---- options: functions that the library calls ---- */

/**
 * Called once for each task when it has ended, skipped ones included: to free its argument, use its
 * result, show progress.
 *
 * One call at a time, on any thread, in the order in which the tasks ended; with TG_GROUP_IN_ORDER
 * in the order of adding. It may add tasks and run other groups. It is not inside a task. It is not
 * called for a group that is destroyed without having run.
 *
 * @param group   the group.
 * @param outcome what became of the task; valid during the call.
 * @param user    tg_group_options.user.
 * @return 0; anything else stops the group, which fails with this code and without an index.
 */
typedef int tg_done_fn(tg_group *group, const tg_outcome *outcome, void *user);

/**
 * Makes the state of one worker, on the thread that asks for it by tg_task_local().
 *
 * @param worker the worker's id, as tg_task_worker() returns it.
 * @param state  out: what tg_task_local() returns.
 * @param user   tg_group_options.user.
 * @return 0; anything else: there is no state, and the next task on this worker tries again.
 */
typedef int tg_worker_init_fn(int worker, void **state, void *user);

/**
 * Frees the state of one worker when the run has ended, on the thread that has ended it.
 *
 * @param worker the worker's id.
 * @param state  what worker_init has made.
 * @param user   tg_group_options.user.
 */
typedef void tg_worker_fini_fn(int worker, void *state, void *user);

/* ---- options ---- */

/**
 * Options of a group. 0 is the default of each; write them as `TG_GROUP(.limit = 8)`.
 * Times are seconds; points in time are on the clock of tg_time_now().
 */
typedef struct tg_group_options {
    /** Bytes of this struct as the caller's headers define it; TG_GROUP() sets it. */
    size_t size;
    /** Never set: by it a compiler reports a value without a name. */
    const struct tg_by_name *by_name;
    /** TG_GROUP_… values, or-ed. Default: 0, none. */
    unsigned flags;
    /**
     * Threads that run the group at most; in a region that is there it can only lower their number.
     * Default: 0, OMP_NUM_THREADS, or the threads that are there.
     */
    int threads;
    /**
     * Tasks in flight at most; 1: one after another, in the order of adding. A task that sleeps or
     * is deferred keeps its place; one that waits for its next attempt has none. Default: 0
     * (TG_UNLIMITED), as many as threads.
     */
    long limit;
    /**
     * How many tasks one `omp task` runs, one after another; TG_GRAIN_AUTO: as measured. With 1 no
     * task waits behind another while a thread is free. Default: 0, which means 1.
     */
    long grainsize;
    /** Seconds from the start of a run until it stops with TG_TIMED_OUT. Default: 0, never. */
    double timeout;
    /**
     * The parent context: when it stops, the group stops. A group that runs in a task also stops
     * with that task's group. Default: NULL, none.
     */
    tg_context *context;
    /** Bytes of the result slot of a task. Default: 0, no results. */
    size_t result_size;
    /** An array of the caller's for `capacity` results; it must outlive the runs. Default: NULL. */
    void *results;
    /**
     * With `results`: how many slots it has, which bounds the number of tasks; required. Else: how
     * many slots to keep in one piece from the start. Default: 0.
     */
    size_t capacity;
    /** A limit that the group shares with others, beside `limit`. Default: NULL, none. */
    tg_limit *shared;
    /**
     * Tasks that may wait while the group runs; an add then finds the queue full. TG_QUEUE_NONE:
     * none. Default: 0, no bound.
     */
    long queue;
    /**
     * How many successes are enough. After these the group stops, takes no more tasks, and is TG_OK
     * whatever has failed. If a required task fails before, the run returns TG_FAILED; if all tasks
     * end and too few have succeeded, TG_FEWER. Default: 0, all.
     */
    size_t need;
    /**
     * With TG_GROUP_IN_ORDER: how many tasks may have started before the on_done of the oldest of
     * them, that one included. Priorities, start times and TG_GROUP_REQUIRED_FIRST are refused
     * then. Default: 0, no bound.
     */
    size_t ahead;
    /** Called for each task when it has ended. Default: NULL. */
    tg_done_fn *on_done;
    /** Passed to on_done, worker_init and worker_fini; tg_group_user() returns it. */
    void *user;
    /** Makes what tg_task_local() returns. Default: NULL. */
    tg_worker_init_fn *worker_init;
    /** Frees what worker_init has made. Default: NULL. */
    tg_worker_fini_fn *worker_fini;
    /**
     * The pool whose threads run the group; it must outlive the runs. In a task the group still is
     * below that task. Default: NULL, the threads where it is run.
     */
    tg_pool *pool;
    /**
     * When a run stops with TG_TIMED_OUT; a time in the past means at once. With `timeout` the
     * earlier of the two counts. Default: 0, never.
     */
    double deadline;
    /** A name for messages and the report; it is copied. Default: NULL, none. */
    const char *name;
    /**
     * Starts of tasks per second at most, further attempts and periods included; at least 1e-6. A
     * task that waits for its turn holds no thread and no place in `limit`. Default: 0, no bound.
     */
    double rate;
    /** With `rate`: starts that may come at once after a pause. Default: 0, which means 1. */
    long burst;
} tg_group_options;

#ifndef __cplusplus
/** A pointer to group options, all 0 except those named. C only; in C++ set the members. */
#define TG_GROUP(...) (&(const tg_group_options){.size = sizeof(tg_group_options), __VA_ARGS__})
#endif

/* ---- create, add, run, destroy ---- */

/**
 * Creates an empty group.
 *
 * @param options the options; NULL: no results, all threads, the first failure stops the group.
 * @return the group, to be released with tg_group_destroy(); NULL on failure, with the status in
 *         tg_error_last():
 * - TG_INVALID: a value is negative, not a number or out of range (more than 8192 threads, a rate
 *   below 1e-6); a burst without rate; `results` without `capacity` or `result_size`;
 *   TG_GROUP_IN_ORDER without on_done; `ahead` without TG_GROUP_IN_ORDER, or with
 *   TG_GROUP_REQUIRED_FIRST; TG_GROUP_RECYCLE with `results` or `capacity`; or the options' size
 *   was never set.
 * - TG_TOO_LARGE: `capacity` × `result_size` is more than can be addressed.
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_NO_MEMORY: out of memory.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_group *tg_group_create(const tg_group_options *options);

/**
 * Adds a required task. The next run starts it; if the group runs, it starts as soon as a thread is
 * free, never inside the call.
 *
 * Any thread may add, tasks of the group included. What another thread adds just after the end of a
 * run is kept for the next run. If the group runs and its `queue` is full, the call waits for space
 * (the body of a scope runs tasks meanwhile). Adds of the group's own tasks and of on_done never
 * wait, and may exceed the bound. Holds take no place in the queue; tasks that wait for their next
 * attempt keep theirs.
 *
 * You need not check an add: the group remembers a refusal, so a batch never runs incomplete.
 *
 * - After TG_INVALID, TG_TOO_LARGE, TG_NO_MEMORY, TG_UNSUPPORTED, TG_NO_SYSTEM, or TG_FULL of the
 *   caller's array, the next run is refused with that status. A run that is going on returns it,
 *   unless it fails otherwise.
 * - After TG_CLOSED or TG_CANCELLED of a group that was cancelled or timed out, that run or the
 *   next one returns what has stopped it.
 * - Not remembered: TG_FULL that was asked for (TG_FULL_REFUSE, `.patience`), TG_DUPLICATE, and
 *   adds after `need` tasks have succeeded.
 *
 * @param group    the group.
 * @param function the task's function.
 * @param arg      its argument; const, so that const input needs no cast.
 * @return
 * - TG_OK: added.
 * - TG_INVALID: `group` or `function` is NULL.
 * - TG_FULL: the caller's array of results has no slot left.
 * - TG_CLOSED: the group takes no more tasks: it has failed, is known to be cancelled or timed out,
 *   has reached `need`, is being destroyed, or its run belongs to the parent process.
 * - TG_CANCELLED: the group has stopped while the call waited for space.
 * - TG_TOO_LARGE, TG_NO_MEMORY: too many tasks; out of memory.
 *
 * From: anywhere but signal handlers. It blocks, or runs tasks, only with `queue`.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_add(tg_group *group, tg_task_fn *function, const void *arg);

/**
 * Adds a task with options.
 *
 * @param group    the group.
 * @param function the task's function.
 * @param arg      its argument.
 * @param options  the options: `TG_TASK(.name = "mesh")`. NULL: as tg_group_add().
 * @param index    out: the task's index; TG_NO_INDEX on failure. NULL: not wanted.
 * @return as tg_group_add(), and:
 * - TG_OK: with TG_FULL_DROP also if the task was dropped.
 * - TG_DUPLICATE: the id is taken.
 * - TG_INVALID: an option makes no sense (a value is negative, not a number or out of range; two
 *   options exclude each other; an id or a `result` with TG_GROUP_RECYCLE; a weight without
 *   `shared`, or above that of the task in which the group runs), or its size was never set.
 * - TG_TOO_LARGE: the weight exceeds the shared limit's budget, or `copy` what can be addressed.
 * - TG_FULL: the queue is full, with TG_FULL_REFUSE or after `.patience`.
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_NO_SYSTEM: the task waits for a time, and the event thread cannot be created.
 *
 * From: as tg_group_add().
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_add_with(tg_group *group, tg_task_fn *function, const void *arg,
    const tg_task_options *options, size_t *index);

#ifndef __cplusplus
/**
 * Adds a required task with a copy of its argument: `TG_ADD(group, solve, (struct block){i, j})`.
 *
 * @param group    the group.
 * @param function the task's function.
 * @param ...      the argument itself: a variable, an element or a compound literal. C only.
 * @return as tg_group_add_with().
 */
#define TG_ADD(group, function, ...) \
    tg_group_add_with((group), (function), &__VA_ARGS__, TG_TASK(.copy = sizeof(__VA_ARGS__)), NULL)
#endif

/**
 * Adds `count` tasks with the same function, as a loop: task i gets the argument
 * `items + i * stride`.
 *
 * It takes 1 byte per task instead of 24 (9 after a failure, and in groups with on_done, `queue`,
 * times and the like). With `queue` all are added when there is space for one.
 *
 * @param group    the group.
 * @param function the function of all of them.
 * @param count    how many; 0 adds nothing.
 * @param items    the first argument; NULL: all get NULL, and may use tg_task_index().
 * @param stride   bytes from one argument to the next; 0: all get `items`.
 * @param options  the options of each. `.id`, `.result` and `.period` are refused; `.copy` must be
 *                 the stride, and copies all items. NULL: defaults.
 * @return as tg_group_add_with(); all tasks are added, or none. TG_TOO_LARGE also if the items are
 *         more than can be addressed.
 * From: as tg_group_add().
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_add_many(tg_group *group, tg_task_fn *function, size_t count,
    const void *items, size_t stride, const tg_task_options *options);

/**
 * Runs all tasks that were added and have not run yet, and returns when all have ended and nothing
 * of the group is in flight. The calling thread works too.
 *
 * After a failed run tg_error_last() and tg_group_error() have the same error. tg_error_last() also
 * explains a call that was refused as TG_BUSY or TG_CLOSED, and why there is no group.
 *
 * Another run returns the same if there are no new tasks. After TG_OK it runs the tasks added
 * since. After a run that has failed or was stopped, the group is closed: adds return TG_CLOSED,
 * and runs return the same again. After a run that was refused for an add, adds are accepted, but
 * runs are refused the same way. tg_group_reset() ends both.
 *
 * @param group the group.
 * @return
 * - TG_OK: every required task is TG_OK (tg_group_error_next() has failures of optional ones), or
 *   `need` tasks are; or the group is empty.
 * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT with an index in the error: the first required failure.
 * - TG_FAILED without an index: on_done or the body of a scope has failed.
 * - TG_CANCELLED, TG_TIMED_OUT without an index: stopped from outside, and a task was left undone
 *   or an add refused; TG_CANCELLED also if the group was destroyed meanwhile.
 * - TG_FEWER: no required task has failed, and fewer than `need` have succeeded.
 * - TG_BUSY: the group is running already (also in its own tasks), or is a pool's own.
 * - TG_CLOSED: its pool is closed; or the pool, or a run, belongs to the parent process.
 * - TG_INVALID: `group` is NULL, or a task weighs more than the task in which the group runs.
 * - TG_NO_MEMORY, TG_TOO_LARGE, TG_NO_SYSTEM: no memory for the run or its results; no thread or
 *   signal handler. Nothing ran, and the run may be tried again.
 * - TG_INVALID, TG_FULL, TG_TOO_LARGE, TG_UNSUPPORTED, TG_NO_MEMORY, TG_NO_SYSTEM: an add was
 *   refused (tg_group_add()).
 *
 * From: serial code, a parallel region (one thread, or each thread its own group), an `omp task`, a
 *       task of another group; not a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_run(tg_group *group);

/**
 * Makes the group as new, without tasks, results, errors or a cancel. Its options stay, and its
 * memory is kept for as many tasks.
 *
 * @param group the group.
 * @return
 * - TG_OK: it is as new.
 * - TG_BUSY: it is running, is open, has an open hold, or is a pool's own.
 * - TG_INVALID: `group` is NULL.
 *
 * From: anywhere but signal handlers.
 * Threads: safe against a run; not against calls that read outcomes, results or errors.
 * Since: 0.1.
 */
TG_API tg_status tg_group_reset(tg_group *group);

/**
 * Frees the group with its results, errors and outcomes.
 *
 * A group that is running is cancelled, takes no more tasks, and is freed when its run returns,
 * which then is TG_CANCELLED. A run over a pool for which no thread waits is cancelled and waited
 * for; in the group's own tasks and callbacks it is only cancelled: destroy the group again after
 * tg_group_wait().
 *
 * @param group the group; NULL: no effect.
 * From: anywhere but signal handlers, also the group's own tasks.
 * Threads: safe against a run; no other thread may use the group any more.
 * Since: 0.1.
 */
TG_API void tg_group_destroy(tg_group *group);

/* ---- stop, and read back ---- */

/**
 * Cancels the group: no task of it starts any more, and its tasks in flight, and everything below
 * them, are told to stop. The run ends when these have ended.
 *
 * The first cause stays; a later one changes nothing. Before a run, that run is cancelled. The call
 * takes no lock and allocates nothing.
 *
 * @param group  the group.
 * @param code   the caller's code, which the error of the run has.
 * @param reason a sentence without a full stop, copied up to 127 bytes; NULL: "cancelled".
 * @return
 * - TG_OK: the group has stopped, by this call or before.
 * - TG_INVALID, TG_BUSY: `group` is NULL; it is a pool's own. tg_error_last() is unchanged.
 *
 * From: anywhere, **also a signal handler**.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_status tg_group_cancel(tg_group *group, int code, const char *reason);

/**
 * Returns the group's own context: the parent for contexts of yours, or the place for a hook.
 *
 * @param group the group.
 * @return the context, valid as long as the group; a reset makes it uncancelled. NULL for NULL.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_context *tg_group_context(tg_group *group);

/**
 * Returns tg_group_options.user; inside a task: `tg_group_user(tg_task_group(self))`.
 *
 * @param group the group.
 * @return the pointer; NULL for NULL.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API void *tg_group_user(const tg_group *group);

/* ---- a scope: add while it runs ---- */

/**
 * The body of a scope: it adds tasks, which start meanwhile. tg_task_current(), tg_task_check() and
 * tg_task_fail() work in it as in a task.
 *
 * @param group the group.
 * @param user  what was given to tg_group_scope().
 * @return 0; anything else stops the group, which then fails with this code.
 */
typedef int tg_scope_fn(tg_group *group, void *user);

/**
 * Runs the group while a body adds tasks to it: they start as soon as a thread is free.
 *
 * When the body has returned, the calling thread works too; the call returns when all tasks have
 * ended. With one thread, tasks start when the body waits (in an add to a full queue) or ends. Over
 * a pool the body runs on the calling thread, and the pool's threads run the tasks: an add to a
 * full queue then waits without running tasks, as does TG_FULL_RUN with `limit`.
 *
 * @param group the group; tasks may have been added before.
 * @param body  called once, on the calling thread.
 * @param user  passed to it.
 * @return as tg_group_run(), and:
 * - TG_FAILED: the body has returned other than 0.
 * - TG_INVALID: `body` is NULL.
 *
 * From: as tg_group_run().
 * Threads: safe.
 * Since: 0.1; over a pool: 0.2.
 */
TG_API tg_status tg_group_scope(tg_group *group, tg_scope_fn *body, void *user);

TG_END_DECLS
#endif
