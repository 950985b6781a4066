/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_CONTROL_H
#define TASKGROUP_CONTROL_H
/**
 * @file control.h
 * What not every program needs of a group: start and wait, keep it open, complete work that is done
 * elsewhere, cancel one task, change the limit, run the same tasks again.
 *
 * Guide: [waiting without a thread](../guide/waiting.md), [pools](../guide/pools.md).
 */
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/* ---- start and wait ---- */

/**
 * Starts the group and returns at once: the threads of a pool run it, in turn with the pool's own
 * tasks and other groups. tg_group_wait() returns its result.
 *
 * The pool is tg_group_options.pool, or without that tg_pool_default(). The run ends when its last
 * task has ended, whether a thread waits for it or not; on_done has been called for all tasks then,
 * on a thread of the pool. Tasks may be added meanwhile. To add from other threads for as long as
 * you like, open the group first (tg_group_open()).
 *
 * The group may outlive the task that starts it. So it is not stopped by that task's cancel or
 * timeout, is not guarded by its guard, and does not use its part of a shared limit: give the group
 * what must stop it as `.context`. (A group that tg_group_run() runs over a pool is below the task,
 * as any other.)
 *
 * @param group the group.
 * @return
 * - TG_OK: it runs, or there was nothing to run.
 * - TG_BUSY: it is running already, or is a pool's own.
 * - TG_CLOSED: the pool is closed; or the pool, or a run of the group, belongs to the parent
 *   process.
 * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT, TG_CANCELLED, TG_FEWER: the result of its last run, after
 *   which it is closed.
 * - TG_INVALID, TG_FULL, TG_UNSUPPORTED, TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: `group` is NULL;
 *   an add was refused; or there is no memory, thread or signal handler for the run, or for the
 *   pool. Nothing runs.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1; without a pool: 0.2.
 */
TG_API tg_status tg_group_start(tg_group *group);

/**
 * Waits for the end of a run that tg_group_start() has started.
 *
 * A thread that is in a task, of the pool or of any group, meanwhile runs tasks of this group and
 * of groups below it. Any other thread only waits.
 *
 * @param group   the group.
 * @param timeout seconds to wait at most; 0: do not wait; TG_FOREVER: no end.
 * @return
 * - As tg_group_run() of the same tasks, if the run has ended.
 * - TG_RUNNING: it has not ended within `timeout`, and goes on; tg_error_last() is unchanged.
 * - TG_BUSY: called with a timeout in a task or callback of the group, or, with TG_FOREVER, in a
 *   task that the group waits for.
 * - TG_INVALID: `group` is NULL, `timeout` is negative or not a number, or the group was never
 *   started.
 * - TG_CLOSED: the run belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe, also several at once.
 * Since: 0.1.
 */
TG_API tg_status tg_group_wait(tg_group *group, double timeout);

/* ---- what is done elsewhere ---- */

/**
 * Keeps the group open, so that other threads can add to it: a run returns only when
 * tg_group_close() was called as often as this, also if the group is cancelled.
 *
 * It is a count, not a task: it has no index, no place in an ordered stream, and no on_done. For a
 * stream from several threads: tg_group_open(), tg_group_start(), add from anywhere,
 * tg_group_close(), tg_group_wait().
 *
 * @param group the group; it may be running.
 * @return
 * - TG_OK: it is open.
 * - TG_CLOSED: it takes no more tasks: it has failed, is known to be cancelled, is being destroyed,
 *   or a run belongs to the parent process.
 * - TG_BUSY: it is a pool's own.
 * - TG_INVALID: `group` is NULL.
 * - TG_NO_SYSTEM: the event thread cannot be created.
 *
 * From: anywhere but signal handlers. It never blocks.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_status tg_group_open(tg_group *group);

/**
 * Takes one tg_group_open() back. After the last one the run ends when its tasks have ended.
 *
 * @param group the group.
 * @return
 * - TG_OK: taken back.
 * - TG_INVALID: `group` is NULL, or is not open.
 * - TG_CLOSED: its run belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe, on any thread.
 * Since: 0.2.
 */
TG_API tg_status tg_group_close(tg_group *group);

/**
 * Keeps the group open for work that is done elsewhere: adds a task without a function, which ends
 * when tg_task_complete() or tg_group_complete() is called for it.
 *
 * A hold has an index, a name, an id and a result slot; it takes no thread and no place in a limit.
 * A run returns only when all holds are completed, also if the group is cancelled: set a hook
 * (tg_context_hook()) that gives up the work and completes the hold, which then is TG_CANCELLED.
 * Before you destroy a group that never ran, make sure that no thread will complete its holds any
 * more.
 *
 * @param group   the group; it may be running.
 * @param options flags, id, name and result; any other option is TG_INVALID. NULL: defaults.
 * @return the hold, valid until the group is reset or destroyed; with TG_GROUP_RECYCLE until it is
 *         completed. NULL on failure, with the status in tg_error_last(); tg_group_add() says which
 *         refusals are remembered:
 * - TG_INVALID: `group` is NULL, or an option makes no sense.
 * - TG_DUPLICATE: the id is taken.
 * - TG_FULL: the caller's array of results has no slot left.
 * - TG_CLOSED: the group takes no more tasks, as for tg_group_open().
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: too many tasks, out of memory, or the event thread
 *   cannot be created.
 *
 * From: anywhere but signal handlers. It never blocks.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_task *tg_group_hold(tg_group *group, const tg_task_options *options);

/**
 * Completes a hold, or a task that has called tg_task_defer(): with success if `code` is 0, else as
 * a failure, or as TG_CANCELLED if the group has stopped.
 *
 * Any thread may call it, once per task, also one that knows nothing of OpenMP, and also before the
 * task's function has returned. on_done may be called inside the call; `omp cancel` is not issued.
 *
 * @param group   the group.
 * @param index   the task's index.
 * @param code    as a task function's. A task that fails and has attempts left is tried again.
 * @param message why, if `code` is not 0; it is copied. NULL: none.
 * @return
 * - TG_OK: completed. If the task still runs, it ends when its function has returned; if it then
 *   does not defer, it ends as its function says.
 * - TG_DONE: it was completed before, or has ended; nothing changed.
 * - TG_INVALID: `group` is NULL, or there is no such task; or the task has not started, sleeps, or
 *   waits to be started again.
 * - TG_CLOSED: the run belongs to the parent process.
 *
 * From: anywhere but signal handlers, also tasks, callbacks and hooks.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_complete(tg_group *group, size_t index, int code, const char *message);

/* ---- one task, the limit, the same again ---- */

/**
 * Cancels one task. The other tasks go on, and the group can still end TG_OK.
 *
 * - A task that has not started, sleeps, or waits for its next attempt is taken back: it ends as
 *   TG_CANCELLED, and its function is not called any more.
 * - A task that runs, or waits to be completed, is told to stop if it has a context of its own
 *   (TG_TASK_CANCELLABLE, a timeout or a deadline): tg_task_check() returns TG_CANCELLED, and its
 *   hooks are called.
 * - A task with a period is not started again. It ends as TG_OK if it has run.
 *
 * @param group the group.
 * @param index the task's index.
 * @return
 * - TG_OK: the task was taken back, or is told to stop.
 * - TG_DONE: it has ended.
 * - TG_BUSY: it runs, is about to start (with a grainsize above 1: it is part of a bundle that has
 *   started) or waits to be completed, and has no context of its own; or it is a hold.
 * - TG_INVALID: `group` is NULL, there is no such task, or it is queued in a group with
 *   TG_GROUP_RECYCLE and TG_GROUP_IN_ORDER.
 * - TG_CLOSED: the run belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.2.
 * @see tg_group_cancel()
 */
TG_API tg_status tg_group_cancel_task(tg_group *group, size_t index);

/**
 * Changes `.limit`, how many tasks may be in flight, also while the group runs.
 *
 * If more tasks are in flight than the new limit, nothing starts until enough have ended.
 *
 * @param group the group.
 * @param limit the new limit; TG_UNLIMITED: as many as threads.
 * @return
 * - TG_OK: the new limit holds.
 * - TG_BUSY: the group runs, and `limit` is TG_UNLIMITED, or the run began without a limit, or with
 *   a limit of 1, which keeps its tasks in order; or the group is a pool's own.
 * - TG_INVALID: `group` is NULL, or `limit` is negative.
 * - TG_CLOSED: the run belongs to the parent process.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_status tg_group_set_limit(tg_group *group, long limit);

/**
 * Runs the same tasks again, whatever the last run returned: as tg_group_reset() and the same adds
 * would, without their cost.
 *
 * Arguments, copies, ids and result slots are the same; slots keep what is in them. Tasks that were
 * added since the last run are run, too. A task that was dropped stays dropped.
 *
 * @param group the group.
 * @return
 * - As tg_group_run().
 * - TG_BUSY: the group is running, is open, or is a pool's own.
 * - TG_INVALID: `group` is NULL, has TG_GROUP_RECYCLE or a hold, or a task with a start, a delay or
 *   a period.
 * - TG_NO_MEMORY: out of memory.
 *
 * From: as tg_group_run().
 * Threads: safe against a run; not against calls that read outcomes, results or errors.
 * Since: 0.2.
 */
TG_API tg_status tg_group_rerun(tg_group *group);

TG_END_DECLS
#endif
