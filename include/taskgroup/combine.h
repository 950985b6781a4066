/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_COMBINE_H
#define TASKGROUP_COMBINE_H
/**
 * @file combine.h
 * One call per policy, each a few lines on top of group.h.
 */
#include <taskgroup/group.h>

TG_BEGIN_DECLS

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

TG_END_DECLS
#endif
