/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_OUTCOME_H
#define TASKGROUP_OUTCOME_H
/**
 * @file outcome.h
 * What has become of the tasks of a group: results, outcomes, errors, numbers.
 */
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/** How a group stands, in numbers: `tg_report r; tg_group_report(group, &r);` */
typedef struct tg_report {
    size_t size; /**< bytes of this struct, as the caller's headers have it */
    size_t
        added; /**< tasks in the group: the sum of the eight counts that follow, exactly, when it is not running */
    size_t ok;         /**< returned 0 */
    size_t failed;     /**< returned other than 0 before the group stopped */
    size_t cancelled;  /**< returned other than 0 after the group had stopped, or was taken back */
    size_t skipped;    /**< never started, and never will */
    size_t not_run;    /**< added after the last run, or while it runs: not started yet */
    int threads_asked; /**< threads of the last run: asked for … */
    int threads;       /**< … and got from OpenMP (0 before the first run) */
    double wall;       /**< seconds that the last run took */
    size_t timed_out;  /**< past their own time */
    size_t crashed;    /**< caught by the guard */
    size_t dropped;    /**< never started, because the queue was full and they were added so */
    size_t
        pending; /**< while it runs: started and not ended, holds, and waiting for the next attempt. Not part of the sum */
    size_t attempts;      /**< starts of tasks with `.attempts`, the first ones too */
    double busy;          /**< seconds that tasks took, all added up; with TG_GROUP_TIMES */
    double efficiency;    /**< busy / (wall × threads), 0 to 1; with TG_GROUP_TIMES */
    double longest;       /**< seconds of the task that took longest; with TG_GROUP_TIMES … */
    size_t longest_index; /**< … and which one, or TG_NO_INDEX */
} tg_report;

/**
 * The task that succeeded as number `rank`, in order of completion. Needs `.need` or TG_GROUP_TIMES.
 *
 * @param group the group; @param rank 0 for the first success, 1, 2 …
 * @return the task's index; TG_NO_INDEX if there were not so many, or completion was not recorded.
 * Context: anywhere but signal handlers, when the group is not running. Thread safety: safe. Since: 0.1.
 */
TG_API size_t tg_group_success(tg_group *group, size_t rank);

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
 *         (see tg_error_last()) with TG_BUSY while it runs, TG_NO_MEMORY, TG_INVALID (no results, NULL, or
 *         no run yet unless the array is the caller's).
 * Context: anywhere but signal handlers. Thread safety: one thread at a time. Since: 0.1.
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
 * @param outcome out: filled in; on failure its status is TG_NOT_RUN, its index
 *                TG_NO_INDEX, and all else empty.
 * @return TG_OK; TG_INVALID (NULL, index out of range, or a record that was recycled).
 * Context: anywhere but signal handlers, also while it runs. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_outcome(tg_group *group, size_t index, tg_outcome *outcome);

/* Sets the struct's size, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_group_outcome_sized(tg_group *group, size_t index, tg_outcome *outcome)
{
    if (outcome != NULL)
        outcome->size = sizeof *outcome;
    return tg_group_outcome(group, index, outcome);
}
#define tg_group_outcome(...) tg_group_outcome_sized(__VA_ARGS__)

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
 * A failure is what ended as FAILED, TIMED_OUT or CRASHED; of a task that was tried again, its last.
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
 * With TASKGROUP_REPORT=1 in the environment when a group is made, it keeps times, and prints its
 * report as one line to stderr at the end of each run.
 *
 * @param report out: filled in. While the group runs each number is right for a moment, but not
 *               all for the same one: `not_run` is what the others leave of `added`. It costs a few loads for each
 *               thread, however many tasks there are. Times are then those of the runs before.
 * @return TG_OK; TG_INVALID: NULL.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_report(tg_group *group, tg_report *report);

/* Sets the struct's size, which the caller's compiler knows, and calls the function. */
static inline tg_status tg_group_report_sized(tg_group *group, tg_report *report)
{
    if (report != NULL)
        report->size = sizeof *report;
    return tg_group_report(group, report);
}
#define tg_group_report(...) tg_group_report_sized(__VA_ARGS__)

TG_END_DECLS

#endif
