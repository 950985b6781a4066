/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_COMBINE_H
#define TASKGROUP_COMBINE_H
/**
 * @file combine.h
 * One call per policy, each a few lines on top of group.h.
 */
#include <taskgroup/group.h>

TG_BEGIN_DECLS

/** One call of several, for the functions below: what to do, and what became of it. */
typedef struct tg_call {
    tg_task_fn *function; /**< what to call … */
    const void *arg;      /**< … with which argument … */
    void *result;         /**< … and where its result goes; NULL: nowhere */
    const char *name;     /**< for messages; NULL: none */
    unsigned flags;       /**< TG_TASK_OPTIONAL or 0 */
    tg_status status;     /**< out: as tg_outcome's; TG_NOT_RUN if nothing ran */
    int code;             /**< out: what the function returned */
} tg_call;

/**
 * Maps a function over `count` items, in parallel, results in order into the caller's own array; for
 * each if there is no array. Stops at the first failure, which tg_error_last() tells.
 *
 * The grainsize is measured (TG_GRAIN_AUTO), so items may be as short as they like. In-place maps
 * work: results may be items, and the library itself never touches either.
 *
 * @param count       how many items; 0 is TG_OK.
 * @param function    called once per item, as a task: its argument is `items + i * stride`, its
 *                    result `results + i * result_size`, its index i.
 * @param items       the first item; NULL: each gets NULL.
 * @param stride      bytes from one item to the next; 0: all get `items`.
 * @param results     the first result, or NULL for none.
 * @param result_size bytes of a result; 0 exactly if `results` is NULL.
 * @param options     threads, limit, grainsize, timeout, flags and context as for a group; its
 *                    results, result_size and capacity must be 0. NULL: defaults.
 * @return as tg_group_create() and tg_group_run(); tg_error_last() has index, code and message.
 * Context: as tg_group_run(). Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_map_run(size_t count, tg_task_fn *function, const void *items, size_t stride,
    void *results, size_t result_size, const tg_group_options *options);

/*
 * The next five run `count` calls as one group. Common to them:
 *
 * @param count   how many calls.
 * @param calls   in: function, arg, result, name, flags; out: status and code of each, also on failure.
 * @param options as for a group (flags, threads, limit, shared, timeout, context, on_done …); its
 *                results, result_size, capacity and need must be 0. NULL: defaults.
 * @return as tg_group_create(), tg_group_add_with() and tg_group_run(); tg_error_last() has index, code,
 *         name and message. TG_INVALID also for `calls` NULL with a count, a call without a function, and
 *         TG_GROUP_RECYCLE; TG_UNSUPPORTED for a call with other flags than TG_TASK_OPTIONAL.
 * Context: as tg_group_run(). Thread safety: safe. Since: 0.1.
 */

/**
 * All of them, results and codes in order. Stops at the first required failure; with
 * TG_GROUP_KEEP_GOING every one runs, and every error is in its call. Zero calls: TG_OK.
 */
TG_API tg_status tg_all_run(size_t count, tg_call *calls, const tg_group_options *options);

/**
 * The first success wins and stops the rest; failures do not matter as long as one succeeds, and so
 * every call is taken as optional. Calls that only end when they are told need a thread each: set
 * `.threads`, since the default is OMP_NUM_THREADS.
 *
 * @param winner out: the index of the first that succeeded, or TG_NO_INDEX; NULL: not wanted.
 * @return TG_OK; TG_FEWER if none succeeded, also for zero calls: the error is the failure that ended last.
 */
TG_API tg_status tg_race_run(
    size_t count, tg_call *calls, size_t *winner, const tg_group_options *options);

/**
 * The first `need` successes in order of completion; then the rest is stopped. A required failure
 * before that ends it: make calls optional that may fail.
 *
 * @param need    how many; 0: TG_OK at once, nothing runs; more than `count`: all run, then TG_FEWER.
 * @param winners out: the indices in order of completion, TG_NO_INDEX where there is none: `need`
 *                elements; NULL: not wanted.
 * @return TG_FEWER if fewer succeeded.
 */
TG_API tg_status tg_take_run(
    size_t count, tg_call *calls, size_t need, size_t *winners, const tg_group_options *options);

/**
 * Runs all, and tells the `many` successes that ended last, in order of completion.
 *
 * @param many how many; 0: all run and none is told.
 * @param last out: as `winners`, filled from the front; NULL: not wanted.
 * @return TG_FEWER if fewer than `many` succeeded; a required failure stops it as in tg_all_run().
 */
TG_API tg_status tg_last_run(
    size_t count, tg_call *calls, size_t many, size_t *last, const tg_group_options *options);

/**
 * One after another, each with the result of the one before as its argument (a waterfall): call i
 * gets `calls[i - 1].result`, the first its own `arg`. The first that fails ends it, optional or
 * not: who comes later has no input, and is SKIPPED. Zero calls: TG_OK.
 */
TG_API tg_status tg_chain_run(size_t count, tg_call *calls, const tg_group_options *options);

/**
 * One call, with what task options offer: attempts with backoff, a timeout; and with the group flag
 * TG_GROUP_GUARD what crashes need.
 *
 * @param function what to call; @param arg handed to it; @param result its slot, or NULL.
 * @param task     options of the task; `result` must be NULL. NULL: defaults.
 * @param options  options of the group; NULL: defaults.
 * @return as tg_group_add_with() and tg_group_run().
 * Context: as tg_group_run(). Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_call_run(tg_task_fn *function, const void *arg, void *result,
    const tg_task_options *task, const tg_group_options *options);

TG_END_DECLS
#endif
