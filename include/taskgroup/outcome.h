/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_OUTCOME_H
#define TASKGROUP_OUTCOME_H
/**
 * @file outcome.h
 * What became of the tasks of a group: results, errors, outcomes, numbers.
 */
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/* ---- results ---- */

/**
 * Returns how many tasks were added to the group.
 *
 * @param group the group.
 * @return the count; 0 for NULL.
 * From: anywhere, also a signal handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API size_t tg_group_count(const tg_group *group);

/**
 * Returns all results as one array, in order of adding: tg_group_count() slots of `result_size`
 * bytes.
 *
 * The slot of a skipped task is zero in the group's own array, and untouched in the caller's. Tasks
 * that were added during a run, or between runs, have their slots elsewhere; this call then copies
 * all results into one array, once. Pointers from tg_group_result() stay valid and keep the values
 * that they had.
 *
 * @param group the group.
 * @return the array, which is the caller's own if the options gave one; valid until the next run,
 *         reset or destroy. NULL on failure, with the status in tg_error_last():
 * - TG_BUSY: the group is running.
 * - TG_NO_MEMORY: out of memory.
 * - TG_INVALID: `group` is NULL; the group has no results or no tasks; or it has not run yet and
 *   the array is not the caller's.
 *
 * From: anywhere but signal handlers.
 * Threads: one thread at a time.
 * Since: 0.1.
 */
TG_API void *tg_group_results(tg_group *group);

/**
 * Returns the result slot of one task: its own tg_task_options.result if it has one.
 *
 * The slot does not move until reset or destroy. While the group runs it belongs to its task.
 *
 * @param group the group.
 * @param index the task's index, 0 for the first that was added.
 * @return the slot; NULL on failure, with the status in tg_error_last():
 * - TG_INVALID: `group` is NULL, `index` is out of range, the group has no results, or the task was
 *   added after the last run and has no slot yet.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API void *tg_group_result(tg_group *group, size_t index);

/* ---- errors ---- */

/**
 * Returns why the last run did not return TG_OK: the first required failure in order of completion,
 * the cause of the cancel, or the add that was refused.
 *
 * A later failure of another task never replaces it.
 *
 * @param group the group; NULL (its creator has failed): the call returns tg_error_last().
 * @return the error, valid until reset or destroy; NULL if the last run returned TG_OK or there was
 *         none.
 * From: anywhere but signal handlers, while the group is not running.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const tg_error *tg_group_error(tg_group *group);

/**
 * Returns the failures of tasks one after another, required and optional ones, in order of
 * completion: `for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL;)`.
 *
 * A failure is a task that ended as TG_FAILED, TG_TIMED_OUT or TG_CRASHED; of a task that was tried
 * again, its last attempt. A failure is missing here if there was no memory for its message. Even
 * then tg_group_outcome() has its status and code, the report counts it, and tg_group_error() has
 * the first required one. With TG_GROUP_RECYCLE only the first 1000 failures are here.
 *
 * @param group    the group.
 * @param previous NULL for the first failure; else what this call returned last.
 * @return the next failure, valid until reset or destroy; NULL after the last one, or for a NULL
 *         group.
 * From: anywhere but signal handlers, while the group is not running.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API const tg_error *tg_group_error_next(tg_group *group, const tg_error *previous);

/* ---- one task ---- */

/**
 * Reports what became of one task, also while the group runs.
 *
 * @param group   the group.
 * @param index   the task's index, 0 for the first that was added.
 * @param outcome out: filled in. On failure its status is TG_NOT_RUN, its index TG_NO_INDEX, and
 *                all else is empty.
 * @return
 * - TG_OK: `outcome` is filled in.
 * - TG_INVALID: `group` or `outcome` is NULL, `index` is out of range, the task's record was
 *   recycled (TG_GROUP_RECYCLE), or the outcome's size was never set (calls from other languages).
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_outcome(tg_group *group, size_t index, tg_outcome *outcome);

/** @cond */
/* Sets the size of the struct, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_group_outcome_sized(tg_group *group, size_t index, tg_outcome *outcome)
{
    if (outcome != NULL)
        outcome->size = sizeof *outcome;
    return tg_group_outcome(group, index, outcome);
}
#define tg_group_outcome(...) tg_group_outcome_sized(__VA_ARGS__)
/** @endcond */

/**
 * Finds the task that was added with an id.
 *
 * @param group the group.
 * @param id    the id that the task was added with; not 0.
 * @param index out: the task's index; TG_NO_INDEX on failure.
 * @return
 * - TG_OK: found.
 * - TG_INVALID: `group` or `index` is NULL, `id` is 0, or no task has this id.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_find(tg_group *group, uint64_t id, size_t *index);

/* ---- numbers ---- */

/**
 * The state of a group in numbers: `tg_report r; tg_group_report(group, &r);`
 *
 * While the group is not running, `added` is exactly the sum of `ok`, `failed`, `cancelled`,
 * `skipped`, `not_run`, `timed_out`, `crashed` and `dropped`. Times are in seconds.
 */
typedef struct tg_report {
    /**
     * Bytes of this struct as the caller's headers define it; tg_group_report() sets it in C and
     * C++.
     */
    size_t size;
    /** Tasks in the group. */
    size_t added;
    /** Tasks that returned 0. */
    size_t ok;
    /** Tasks that returned other than 0 before the group stopped. */
    size_t failed;
    /**
     * Tasks that returned other than 0 after the group had stopped, or that were cancelled while
     * they waited.
     */
    size_t cancelled;
    /** Tasks that were never started and never will be. */
    size_t skipped;
    /** Tasks that have not started yet: added after the last run, or while the group runs. */
    size_t not_run;
    /** Threads that the last run asked for. */
    int threads_asked;
    /** Threads that the last run got from OpenMP; 0 before the first run. */
    int threads;
    /** Seconds that the last run took. */
    double wall;
    /** Tasks that were not done within their own timeout or by their deadline. */
    size_t timed_out;
    /** Tasks that crashed, in a group with TG_GROUP_GUARD. */
    size_t crashed;
    /** Tasks that were never started because the queue was full, with TG_FULL_DROP. */
    size_t dropped;
    /**
     * While the group runs: tasks that have started and not ended, tasks that wait for their next
     * attempt, and open holds. Not part of the sum. While it does not run: not to be used.
     */
    size_t pending;
    /** Starts of tasks with `.attempts`, the first ones included. */
    size_t attempts;
    /** With TG_GROUP_TIMES: seconds that the tasks took, added up, in all runs. */
    double busy;
    /**
     * With TG_GROUP_TIMES: `busy` / (`wall` × `threads`), 0 to 1. Use it only after the group's
     * first run: `busy` adds up all runs, `wall` is that of the last one.
     */
    double efficiency;
    /** With TG_GROUP_TIMES: seconds that the longest task took, in all runs. */
    double longest;
    /** With TG_GROUP_TIMES: the index of that task; TG_NO_INDEX: none has ended. */
    size_t longest_index;
} tg_report;

/**
 * Reports the state of the group in numbers.
 *
 * The call costs a few loads per thread, however many tasks there are. With TASKGROUP_REPORT=1 in
 * the environment when a group is created, that group keeps times, and prints its report as one
 * line to stderr at the end of each run, but not of one inside a task: =all prints these, too.
 *
 * @param group  the group.
 * @param report out: filled in. While the group runs, each number is right for a moment, but not
 *               all of them for the same one: `not_run` is `added` less the others. `threads` and
 *               `wall` are then those of the run before.
 * @return
 * - TG_OK: `report` is filled in.
 * - TG_INVALID: `group` or `report` is NULL, or the report's size was never set (calls from other
 *   languages).
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_report(tg_group *group, tg_report *report);

/** @cond */
/* Sets the size of the struct, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_group_report_sized(tg_group *group, tg_report *report)
{
    if (report != NULL)
        report->size = sizeof *report;
    return tg_group_report(group, report);
}
#define tg_group_report(...) tg_group_report_sized(__VA_ARGS__)
/** @endcond */

/* ---- order of completion ---- */

/**
 * Returns the task that succeeded as number `rank`, in order of completion.
 *
 * The order is recorded only with tg_group_options.need or TG_GROUP_TIMES. Tasks whose records were
 * recycled (TG_GROUP_RECYCLE) do not count.
 *
 * @param group the group.
 * @param rank  1 for the first success, 2 for the second, …
 * @return the task's index; TG_NO_INDEX if there were not so many, if the order was not recorded,
 *         if the group is running, or for NULL.
 * From: anywhere but signal handlers, while the group is not running.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API size_t tg_group_success(tg_group *group, size_t rank);

TG_END_DECLS

#endif
