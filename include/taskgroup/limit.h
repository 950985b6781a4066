/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_LIMIT_H
#define TASKGROUP_LIMIT_H
/**
 * @file limit.h
 * A budget that tasks of one or several groups share: slots, megabytes, licences.
 *
 * A task takes its weight (tg_task_options.weight, 1 by default) when it starts and gives it back
 * when it has ended: what is in use never exceeds the budget. Groups that find too little left are
 * served first come, first served, so that a heavy task is not starved by light ones.
 *
 * A task that runs a group on the same limit lends it what it holds, for as long as it waits: one
 * task of the inner group can always go on, so nesting never deadlocks. For that an inner task must
 * not weigh more than the outer one; the run refuses it otherwise, or, while that goes on, the add.
 */
#include <taskgroup/status.h>

TG_BEGIN_DECLS

typedef struct tg_limit tg_limit;

/**
 * Makes a limit, for tg_group_options.shared.
 *
 * @param budget what may be in use at once, in the unit of the tasks' weights; at least 1.
 * @return the limit, to be given back with tg_limit_destroy(); NULL (see tg_error_last()) with
 *         TG_INVALID (budget 0) or TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_limit *tg_limit_create(size_t budget);

/**
 * Gives the caller's hold on a limit back. Groups that use it keep it as long as they live; so does
 * what is acquired until it is released.
 *
 * @param limit NULL is harmless.
 * Context: anywhere but signal handlers. Thread safety: safe, once per limit. Since: 0.1.
 */
TG_API void tg_limit_destroy(tg_limit *limit);

/**
 * Changes the budget, also while tasks run. If more is in use than the new budget nothing starts
 * until enough was given back; a task that is heavier than the new budget then runs alone.
 *
 * @param limit the limit; @param budget the new budget, at least 1.
 * @return TG_OK; TG_INVALID (NULL, or budget 0).
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_limit_resize(tg_limit *limit, size_t budget);

/**
 * Takes of the budget for plain code, which is no task: it waits in the same line as groups do,
 * first come, first served. What is taken stays in use until tg_limit_release().
 *
 * The calling thread runs no task while it waits. In a task that has taken of the limit itself, or
 * is below one, it would wait for what it holds: that is refused.
 *
 * @param limit   the limit; it may be destroyed while the call waits.
 * @param weight  how much, at least 1.
 * @param timeout seconds to wait for it; 0: tries only; TG_FOREVER.
 * @return TG_OK; TG_FULL: there was not so much left within `timeout`; TG_TOO_LARGE: it is more
 *         than the whole budget; TG_BUSY: in a task that has taken of the limit; TG_INVALID: NULL,
 *         a weight of 0, a timeout that makes no sense.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_limit_acquire(tg_limit *limit, size_t weight, double timeout);

/**
 * Gives back what tg_limit_acquire() took, in one piece or in several, on any thread.
 *
 * @param limit the limit; @param weight how much, at least 1.
 * @return TG_OK; TG_INVALID: NULL, 0, or more than was acquired and not given back (nothing
 *         changed). In a child of fork() nothing is acquired.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_limit_release(tg_limit *limit, size_t weight);

/**
 * How much is in use now.
 *
 * @param limit the limit.
 * @return the sum of the weights of the tasks in flight, and of what was acquired; 0 for NULL.
 * Context: anywhere but signal handlers. Thread safety: safe; old as soon as it is answered. Since: 0.1.
 */
TG_API size_t tg_limit_used(tg_limit *limit);

TG_END_DECLS
#endif
