/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_CONTROL_H
#define TASKGROUP_CONTROL_H
/**
 * @file control.h
 * More ways to run a group, and to change one that runs: start and wait, keep it open, complete what
 * is done elsewhere, cancel one task, change its limit, run the same tasks again.
 */
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/* ---- start, and wait ---- */

/**
 * Begins to run the group, and returns at once: a pool's threads serve it, in turn with the pool's
 * own tasks and other groups. Without tg_group_options.pool that is the process's own pool,
 * tg_pool_default(). tg_group_wait() returns what the run has come to.
 *
 * The run ends when its last task has ended, whether you wait for it or not: by then on_done was
 * called for all, on a thread of the pool's. More can be added meanwhile; to add from elsewhere for
 * as long as you like, open the group before (tg_group_open()).
 *
 * The group may outlive the task that starts it, so nothing of that task reaches it (its cancel,
 * timeout, guard, loan). Give it what is to stop it as `.context`. A group that tg_group_run() runs
 * over a pool is below the task, as any other.
 *
 * @param group the group.
 * @return TG_OK: it runs, or there was nothing to run; TG_BUSY: it runs already; TG_CLOSED: the pool
 *         is closed, or belongs to the parent process; TG_INVALID: NULL; TG_NO_SYSTEM,
 *         TG_NO_MEMORY: there is no thread, or no memory, for the pool; else as tg_group_run()
 *         refuses.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1; without a pool: 0.2.
 */
TG_API tg_status tg_group_start(tg_group *group);

/**
 * Waits for the end of what tg_group_start() has begun. A thread of a team that is in a task (of the
 * pool, or of any group) runs tasks of the group and of groups below it meanwhile; any other thread
 * only waits.
 *
 * @param group   the group.
 * @param timeout seconds; 0: looks only; TG_FOREVER.
 * @return what tg_group_run() would return; TG_RUNNING: it has not ended within `timeout`, and goes
 *         on; TG_CLOSED: it runs in the parent process; TG_BUSY: called, to wait, in one of its own
 *         tasks or callbacks, or in a task that it waits for; TG_INVALID: NULL, a timeout that is
 *         negative or not a number, or it was never started.
 * Context: anywhere but signal handlers. Thread safety: safe, also several at once. Since: 0.1.
 */
TG_API tg_status tg_group_wait(tg_group *group, double timeout);

/* ---- what is done elsewhere ---- */

/**
 * Keeps the group open, so that other threads can add to it: a run returns only when tg_group_close() was called as often
 * as this, also a cancelled one. It is no task: it has no index, no place in an ordered stream, and no on_done. For a
 * stream from several threads: open, tg_group_start(), add from anywhere, close, tg_group_wait().
 *
 * @param group the group. May be running.
 * @return TG_OK; TG_CLOSED: it takes no more tasks (it has failed, is known to be cancelled, is being destroyed, or runs
 *         in the parent process);
 *         TG_BUSY: it is a pool's own; TG_NO_SYSTEM (no event thread could be made); TG_INVALID: NULL.
 * Context: anywhere but signal handlers. Never blocks. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_group_open(tg_group *group);

/**
 * Takes one tg_group_open() back. The last one lets the run end when its tasks have ended.
 *
 * @param group the group.
 * @return TG_OK; TG_INVALID: NULL, or it is not open; TG_CLOSED: it runs in the parent process.
 * Context: anywhere but signal handlers, on any thread. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_group_close(tg_group *group);

/**
 * Keeps the group open for something that is done elsewhere: a task without a function, which ends
 * when somebody calls tg_task_complete() on it (or tg_group_complete()). It has an index, a name, an id and a result
 * slot; takes no thread and no slot of a limit. A run returns only when all holds are completed, also a cancelled one:
 * a hook (tg_context_hook()) tells who works on it to give up, and then it is CANCELLED. Who
 * destroys a group that never ran must know that nobody will complete its holds any more.
 *
 * @param group   the group. May be running.
 * @param options flags, id, name and result; others are TG_INVALID; NULL: defaults.
 * @return the hold, valid until the group is reset or destroyed; with TG_GROUP_RECYCLE until it is
 *         completed, by whichever call. NULL (see tg_error_last()) as tg_group_add_with(), or with
 *         TG_NO_SYSTEM.
 * Context: anywhere but signal handlers. Never blocks. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_task *tg_group_hold(tg_group *group, const tg_task_options *options);

/**
 * Completes a task that has called tg_task_defer(), or a hold: with success if `code` is 0, else as a failure
 * (TG_CANCELLED if the group has stopped). Exactly once, from any thread: no thread of the team, and no
 * OpenMP, needed. on_done may be called in here, and `omp cancel` is not issued.
 *
 * @param group   the group; @param index the task's index.
 * @param code    as a task function's; a failed one with attempts left is tried again.
 * @param message why, if `code` is not 0; copied; NULL: none.
 * @return TG_OK; TG_DONE: it was completed before, or has ended (nothing changed); TG_INVALID: NULL, there
 *         is no such task, it has not started, sleeps, or waits to be started again. A task that runs and
 *         then does not defer ends as its function says. TG_CLOSED: the group runs in the parent process.
 * Context: anywhere but signal handlers, also before the task's function has returned, in tasks,
 * callbacks and hooks. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_complete(tg_group *group, size_t index, int code, const char *message);

/* ---- one task, the limit, the same again ---- */

/**
 * Cancels one task. One that has not started, or that sleeps or waits for its next attempt, is taken
 * back: it ends as TG_CANCELLED, and its function is not called any more. One that runs, or waits to
 * be completed, is told to stop if it has a context of its own (TG_TASK_CANCELLABLE, a timeout or a
 * deadline): tg_task_check() returns TG_CANCELLED, and its hooks are called. The other tasks of the
 * group go on, and the group can still end TG_OK.
 *
 * A task with a period is not started again. It ends as TG_OK if it has run.
 *
 * @param group the group; @param index the task's index.
 * @return TG_OK: it was taken back, or is told; TG_DONE: it has ended; TG_BUSY: it runs, or is about to
 *         start (with a grainsize above 1: as part of a grain that has started), or waits to be
 *         completed, and has no context of its own; a hold, too; TG_INVALID: NULL, no such task, or a
 *         queued one of a group with TG_GROUP_RECYCLE and TG_GROUP_IN_ORDER; TG_CLOSED: the group runs
 *         in the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.2 (0.1: tg_group_cancel()).
 */
TG_API tg_status tg_group_cancel_task(tg_group *group, size_t index);

/**
 * Changes `.limit`, the number of tasks in flight at most, also while the group runs. If more are in
 * flight than the new limit nothing starts until enough have ended.
 *
 * @param group the group.
 * @param limit the new limit; TG_UNLIMITED: as many as threads.
 * @return TG_OK; TG_INVALID: NULL, or a negative limit; TG_BUSY: it is a pool's own, or it runs, and
 *         the run began without a limit, or with a limit of 1, which keeps its tasks in order; or it
 *         runs, and `limit` is TG_UNLIMITED; TG_CLOSED: it runs in the parent process.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_group_set_limit(tg_group *group, long limit);

/**
 * Runs the same tasks again, as tg_group_reset() and the same adds would, without their cost: with the
 * same arguments, copies, ids and result slots. Slots keep what is in them. Tasks that were added
 * since the last run are run, too; a task that was dropped stays so.
 *
 * @param group the group; whatever its last run has come to.
 * @return as tg_group_run(); TG_BUSY: it runs, or is open; TG_INVALID: NULL, a group with
 *         TG_GROUP_RECYCLE, with a hold, or with a task that has a start, a delay or a period;
 *         TG_NO_MEMORY.
 * Context: as tg_group_run(). Thread safety: safe against a run; not against readers. Since: 0.2.
 */
TG_API tg_status tg_group_rerun(tg_group *group);

TG_END_DECLS
#endif
