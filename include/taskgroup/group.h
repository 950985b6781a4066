/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_GROUP_H
#define TASKGROUP_GROUP_H
/**
 * @file group.h
 * A group: an ordered batch of tasks that run and end together.
 *
 * Add tasks, run them all on the OpenMP team, read what became of each. Every task is one `omp task`
 * inside one parallel region:
 *  - in serial code the group opens that region, with OMP_NUM_THREADS threads (or `.threads`);
 *  - inside a parallel region (in a `single`, in every thread, in an `omp task`) it uses the team
 *    that is there: the caller serves its group, threads that wait at a barrier come and help;
 *  - inside a task of another group it shares that group's team.
 *
 * What happens to                the task         tasks in flight    queued tasks  the run answers
 *  a required task fails         FAILED           finish, see check  SKIPPED       FAILED, its error
 *  an optional task fails        FAILED           go on              go on         as the others say
 *  one fails, KEEP_GOING         FAILED           go on              go on         FAILED, the first's error
 *  the context is cancelled      -                finish, see check  SKIPPED       CANCELLED, the cause
 *  the deadline passes           -                finish, see check  SKIPPED       TIMED_OUT
 *  all had ended OK before that  -                -                  -             OK
 * A task in flight that finishes with 0 is OK, its result is valid, whenever that was; one that asked
 * tg_task_check(), was told to stop and returns other than 0 is CANCELLED, and never replaces the
 * error that stopped the group. "Stopped" means that no task starts any more: the check is one
 * atomic flag, looked at before each start, so it does not depend on OMP_CANCELLATION; where that is
 * on, `omp cancel taskgroup` drops the calls for help that are still queued in the runtime.
 *
 * Exact accounting: once a run is over, ok + failed + cancelled + skipped == added, always.
 *
 * Order: tasks start in the order of adding, exactly so with one thread or a limit of 1, else
 * within (threads × 32) places. They end in any order. With grainsize 1 a task never waits
 * behind another one while a thread of the team is free; tasks that wait for each other need as many threads.
 *
 * With one thread nothing starts while that thread is in a task. In a user's own region a thread
 * that is busy, or asleep in `taskwait` on libgomp, does not come to help; and with
 * OMP_CANCELLATION=true what a running task adds there gets help only when that task has returned.
 */
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/** Flags of a group. */
enum {
    /** A required failure stops nothing: every task runs, every error is kept. */
    TG_GROUP_KEEP_GOING = 1u << 0
};

/** No bound on the tasks in flight: the default. */
#define TG_UNLIMITED 0L
/** The library measures how long tasks take, and bundles short ones. */
#define TG_GRAIN_AUTO (-1L)

/** Options of a group. Zero is the default everywhere; write them as `TG_GROUP(.limit = 8)`. */
typedef struct tg_group_options {
    size_t size;    /**< bytes of this struct, as the caller's headers have it */
    unsigned flags; /**< TG_GROUP_KEEP_GOING or 0 */
    int threads; /**< threads that serve the group at most; 0: OMP_NUM_THREADS, or the team that is there */
    long limit; /**< tasks in flight at most; 0 (TG_UNLIMITED): as many as threads */
    long
        grainsize; /**< tasks that one `omp task` carries, one after another; 0: 1; TG_GRAIN_AUTO: measured */
    double timeout; /**< seconds from the start of a run until it stops; 0: never */
    tg_context *
        context; /**< what the group hangs on; NULL: nothing. (A group in a task stops with it anyway) */
    size_t result_size; /**< bytes of a task's result slot; 0: no results */
    void *
        results; /**< the caller's own array of `capacity` slots, which must outlive the runs; NULL: the group's */
    size_t
        capacity; /**< slots of `results` (then required, and a bound); else slots to keep in one piece from the start */
} tg_group_options;

#ifndef __cplusplus
/** A pointer to group options, all zero but for what is named. C only; in C++ set the members. */
#define TG_GROUP(...) (&(const tg_group_options){.size = sizeof(tg_group_options), __VA_ARGS__})
#endif

/** How a group stands, in numbers. Set `size` first: `tg_report r = {sizeof r};` */
typedef struct tg_report {
    size_t size; /**< bytes of this struct, as the caller's headers have it */
    size_t
        added; /**< tasks in the group; the sum of the next five, exactly, when it is not running */
    size_t ok; /**< returned 0 */
    size_t failed;     /**< returned other than 0 without having been told to stop */
    size_t cancelled;  /**< told to stop, and returned other than 0 */
    size_t skipped;    /**< never started, and never will */
    size_t not_run;    /**< added after the last run */
    int threads_asked; /**< threads of the last run: asked for … */
    int threads;       /**< … and got from OpenMP (0 before the first run) */
    double wall;       /**< seconds that the last run took */
} tg_report;

/**
 * Makes an empty group.
 *
 * @param options NULL for all defaults: required tasks, no results, all threads, stop at the first failure.
 * @return the group, to be given back with tg_group_destroy(); NULL (see tg_error_last()) with
 *         TG_INVALID (negative or not-a-number values, `results` without `capacity` or `result_size`),
 *         TG_TOO_LARGE (capacity × result_size overflows), TG_UNSUPPORTED (unknown flags, or options of
 *         a newer version that use what is new) or TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_group *tg_group_create(const tg_group_options *options);

/**
 * Frees the group with its results, errors and outcomes. If it is running it is cancelled instead,
 * takes no more tasks, and is freed when that run returns (which then answers TG_CANCELLED).
 *
 * @param group NULL is harmless.
 * Context: anywhere but signal handlers, also inside one of its own tasks.
 * Thread safety: safe against a run; otherwise nobody may use the group any more. Since: 0.1.
 */
TG_API void tg_group_destroy(tg_group *group);

/**
 * Makes the group as new: no tasks, results, errors or cancel. Options stay, and memory for as many tasks.
 *
 * @param group the group.
 * @return TG_OK; TG_BUSY while it runs; TG_INVALID for NULL.
 * Context: anywhere but signal handlers. Thread safety: safe against a run; not against readers. Since: 0.1.
 */
TG_API tg_status tg_group_reset(tg_group *group);

/**
 * Adds a required task without name, id or result of its own.
 *
 * Before a run the task waits for it. While the group runs, tasks of the group (and any other
 * thread) may add: the new task starts as soon as a thread is free, never inside the call. An add
 * from outside that comes just after the run's end is kept for the next run. A lost add is
 * remembered: after TG_INVALID, TG_TOO_LARGE or TG_NO_MEMORY the next run refuses with that status,
 * so a batch never runs incompletely and add needs no check.
 *
 * @param group    the group.
 * @param function the task's function.
 * @param arg      handed to it; const so that const input needs no cast.
 * @return TG_OK; TG_INVALID (group or function NULL); TG_FULL (the caller's result array has no slot left);
 *         TG_CLOSED (the group has failed, was cancelled or is being destroyed);
 *         TG_TOO_LARGE; TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Never blocks, never runs a task. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_add(tg_group *group, tg_task_fn *function, const void *arg);

/**
 * Adds a task with options.
 *
 * @param group    the group; @param function the task's function; @param arg handed to it.
 * @param options  NULL: as tg_group_add().
 * @param index    out: the task's index, TG_NO_INDEX on failure; NULL: not wanted.
 * @return as tg_group_add(); TG_DUPLICATE (the id is taken: not remembered, the batch is complete);
 *         TG_UNSUPPORTED (unknown flags; remembered like TG_INVALID).
 * Context: anywhere but signal handlers. Never blocks. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_add_with(tg_group *group, tg_task_fn *function, const void *arg,
    const tg_task_options *options, size_t *index);

/**
 * Adds `count` tasks that share a function: a loop. Takes 8 bytes a task, not 24, and no loop in
 * the caller. Task i of them gets the argument `items + i * stride`.
 *
 * @param group    the group.
 * @param function the function of all of them.
 * @param count    how many; 0 adds nothing.
 * @param items    the first argument; NULL: each gets NULL (see tg_task_index()).
 * @param stride   bytes from one argument to the next; 0: all get `items`.
 * @param options  flags and name hold for each; an id or a result is refused. NULL: defaults.
 * @return as tg_group_add_with(): all are added or none.
 * Context: anywhere but signal handlers. Never blocks. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_add_many(tg_group *group, tg_task_fn *function, size_t count,
    const void *items, size_t stride, const tg_task_options *options);

/**
 * Runs every task that was added and has not run yet, and returns when all of them have ended and
 * nothing of the group is in flight. The calling thread works too. An empty group is TG_OK.
 *
 * Run again: with no new tasks, the same answer; after TG_OK, the tasks added since; after anything
 * else the group is closed, and answers the same until tg_group_reset().
 *
 * @param group the group.
 * @return TG_OK: every required task is OK (look at tg_group_error_next() for optional ones);
 *         TG_FAILED: a required task failed; TG_CANCELLED, TG_TIMED_OUT: stopped from outside, and
 *         something was left undone; TG_BUSY: it runs already; TG_INVALID (NULL, or an add was);
 *         TG_NO_MEMORY, TG_TOO_LARGE, TG_UNSUPPORTED: nothing ran, either because of a lost add or
 *         because there is no room for the results (then run may be tried again).
 * Context: serial code, a parallel region (one thread, or each its own group), an `omp task`, a
 * task of another group; not a signal handler. A group's own task that runs it is answered TG_BUSY.
 * Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_run(tg_group *group);

/**
 * The group's own context: cancel it to stop the group from anywhere.
 *
 * @param group the group.
 * @return the context, valid as long as the group; reset makes it uncancelled. NULL for NULL.
 * Context: anywhere. Thread safety: safe. Since: 0.1.
 */
TG_API tg_context *tg_group_context(tg_group *group);

/**
 * How many tasks were added.
 *
 * @param group the group.
 * @return the count; 0 for NULL.
 * Context: anywhere. Thread safety: safe. Since: 0.1.
 */
TG_API size_t tg_group_count(const tg_group *group);

/**
 * All results in one contiguous array, in order of adding: tg_group_count() slots of `result_size`.
 * Slots of tasks that were skipped are zero in the group's own array, untouched in the caller's.
 *
 * Tasks that were added during a run or between runs have their slots elsewhere; then this call
 * copies all of them into one array, once. Pointers from tg_group_result() then still hold the
 * values that they had.
 *
 * @param group the group.
 * @return the array (the caller's own, if one was given), valid until the next run, reset or destroy; NULL
 *         (see tg_error_last()) with TG_BUSY while it runs, TG_NO_MEMORY, TG_INVALID (no run yet, no
 *         results, or NULL).
 * Context: anywhere but signal handlers. Thread safety: not beside itself. Since: 0.1.
 */
TG_API void *tg_group_results(tg_group *group);

/**
 * The result slot of one task: its own `.result` if it has one. Never moves until reset or destroy.
 *
 * @param group the group.
 * @param index the task's index.
 * @return the slot; NULL (see tg_error_last()) with TG_INVALID if there is none: index out of range,
 *         a group without results, or a task that no run has seen yet.
 * Context: anywhere but signal handlers; while the group runs the slot belongs to its task.
 * Thread safety: safe. Since: 0.1.
 */
TG_API void *tg_group_result(tg_group *group, size_t index);

/**
 * What became of one task.
 *
 * @param group   the group.
 * @param index   the task's index.
 * @param outcome out: filled up to `outcome->size` bytes; zeroed (but for size) on failure.
 * @return TG_OK; TG_INVALID (NULL, a size of 0, index out of range).
 * Context: anywhere but signal handlers, also while it runs. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_outcome(tg_group *group, size_t index, tg_outcome *outcome);

/**
 * The index of the task with the caller's id.
 *
 * @param group the group.
 * @param id    as given when adding; not 0.
 * @param index out: the index, TG_NO_INDEX on failure.
 * @return TG_OK; TG_INVALID: NULL, id 0, or no task has it.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_find(tg_group *group, uint64_t id, size_t *index);

/**
 * Why the last run did not answer TG_OK: the first required failure by completion, the cause of the
 * cancel, or the lost add. A late sibling never replaces it.
 *
 * @param group the group. NULL (a creator that failed): tg_error_last().
 * @return the error, valid until reset or destroy; NULL if the last run was TG_OK or there was none.
 * Context: anywhere but signal handlers, when the group is not running. Thread safety: safe. Since: 0.1.
 */
TG_API const tg_error *tg_group_error(tg_group *group);

/**
 * All failures of tasks, required and optional, one after another, in order of completion:
 * `for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL;)`.
 *
 * A failure for whose message there was no memory is missing here; tg_group_outcome() has its
 * status and code, the report counts it, and tg_group_error() is never lost.
 *
 * @param group    the group.
 * @param previous NULL for the first; else what this call returned last.
 * @return the next error, valid until reset or destroy; NULL after the last, or for a NULL group.
 * Context: anywhere but signal handlers, when the group is not running. Thread safety: safe. Since: 0.1.
 */
TG_API const tg_error *tg_group_error_next(tg_group *group, const tg_error *previous);

/**
 * How the group stands, in numbers.
 *
 * @param group  the group.
 * @param report out: filled up to `report->size` bytes. While the group runs only `added` and
 *               `threads_asked` are of use, and the rest is that of the runs before.
 * @return TG_OK; TG_INVALID (NULL, a size of 0).
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_report(tg_group *group, tg_report *report);

TG_END_DECLS
#endif
