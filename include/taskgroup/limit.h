/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_LIMIT_H
#define TASKGROUP_LIMIT_H
/**
 * @file limit.h
 * A budget that tasks of one or several groups share: slots, megabytes, licences.
 *
 * A task takes its weight (tg_task_options.weight, default: 1) from the limit when it starts, and
 * returns it when it has ended: the sum in use never exceeds the budget. Groups that find too
 * little left are served first come, first served, so light tasks do not starve a heavy one.
 *
 * A task may run a group on the same limit. While it waits for that group, the group's tasks may
 * use the weight that the outer task holds. One inner task can therefore always run, so nesting
 * never deadlocks. An inner task must not weigh more than the outer one: otherwise tg_group_run()
 * returns TG_INVALID, or, while the group runs, the add does.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

/** A budget that groups share. */
typedef struct tg_limit tg_limit;

/* ---- for groups ---- */

/**
 * Creates a limit. Put it into tg_group_options.shared of each group that shares it.
 *
 * @param budget how much may be in use at once, in the unit of the tasks' weights; at least 1.
 * @return the limit, to be released with tg_limit_destroy(); NULL on failure, with the status in
 *         tg_error_last():
 * - TG_INVALID: `budget` is 0.
 * - TG_NO_MEMORY: out of memory.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API TG_NODISCARD tg_limit *tg_limit_create(size_t budget);

/**
 * Releases the caller's reference to a limit. The limit is freed when no group uses it any more and
 * everything that was acquired has been released.
 *
 * @param limit the limit; NULL: no effect.
 * From: anywhere but signal handlers.
 * Threads: safe; once per limit.
 * Since: 0.1.
 */
TG_API void tg_limit_destroy(tg_limit *limit);

/**
 * Changes the budget, also while tasks run.
 *
 * If more than the new budget is in use, nothing starts until enough has been returned. A task that
 * is heavier than the new budget then runs alone.
 *
 * @param limit  the limit.
 * @param budget the new budget, in the unit of the tasks' weights; at least 1.
 * @return
 * - TG_OK: the new budget holds.
 * - TG_INVALID: `limit` is NULL, or `budget` is 0.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_limit_resize(tg_limit *limit, size_t budget);

/**
 * Returns how much is in use now.
 *
 * @param limit the limit.
 * @return the weights of the tasks in flight and of what was acquired, added up; 0 for NULL. It may
 *         have changed when the call returns.
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API size_t tg_limit_used(tg_limit *limit);

/* ---- for code that is not a task ---- */

/**
 * Takes a part of the budget, for code that is not a task.
 *
 * The call waits in the same queue as groups do, first come, first served. Its part stays in use
 * until tg_limit_release(). The calling thread runs no task while it waits. A task that holds a
 * part of the limit itself, or is below such a task, would wait for itself: the call refuses that.
 *
 * @param limit   the limit; it may be destroyed while the call waits.
 * @param weight  how much to take, in the unit of the tasks' weights; at least 1.
 * @param timeout seconds to wait at most; 0: do not wait; TG_FOREVER: no end.
 * @return
 * - TG_OK: taken.
 * - TG_FULL: so much was not free within `timeout`.
 * - TG_TOO_LARGE: `weight` is more than the whole budget.
 * - TG_BUSY: called in a task that holds a part of the limit, or below such a task.
 * - TG_INVALID: `limit` is NULL, `weight` is 0, or `timeout` is negative or not a number.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.2.
 * @see tg_limit_release()
 */
TG_API tg_status tg_limit_acquire(tg_limit *limit, size_t weight, double timeout);

/**
 * Returns what tg_limit_acquire() has taken, at once or in several parts, on any thread.
 *
 * @param limit  the limit.
 * @param weight how much to return, in the unit of the tasks' weights; at least 1.
 * @return
 * - TG_OK: returned.
 * - TG_INVALID: `limit` is NULL, `weight` is 0, or `weight` is more than is still acquired; nothing
 *   changed. In a child of fork() nothing is acquired.
 *
 * From: anywhere but signal handlers.
 * Threads: safe.
 * Since: 0.2.
 * @see tg_limit_acquire()
 */
TG_API tg_status tg_limit_release(tg_limit *limit, size_t weight);

TG_END_DECLS
#endif
