/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_COMBINE_H
#define TASKGROUP_COMBINE_H
/**
 * @file combine.h
 * Common patterns in one call each: map, all, race, take, last, chain, one.
 *
 * Each creates a group, runs it and destroys it: a few lines on top of group.h. The calling thread
 * works too, and the call returns when nothing of the group is in flight. It may be called wherever
 * tg_group_run() may.
 */
#include <taskgroup/group.h>

TG_BEGIN_DECLS

/* ---- a loop ---- */

/**
 * Calls a function for each of `count` items, in parallel, and stores the results in order in the
 * caller's array.
 *
 * Without an array it is a parallel "for each". The first failure stops it (unless
 * TG_GROUP_KEEP_GOING is set); tg_error_last() then has index, code and message. Items may be as
 * short as you like, since the grainsize is measured. `results` may be `items`: the library itself
 * reads and writes neither.
 *
 * @param count       how many items; 0: the function is not called.
 * @param function    called once per item, as a task: its argument is `items + i * stride`, its
 *                    result `results + i * result_size`, its index i.
 * @param items       the first item; NULL: the argument of each call is NULL.
 * @param stride      bytes from one item to the next; 0: the argument of each call is `items`.
 * @param results     the first result; NULL: no results.
 * @param result_size bytes of a result; 0 exactly if `results` is NULL.
 * @param options     as for tg_group_create(); `results`, `result_size`, `capacity` and `need` must
 *                    be 0. A `grainsize` of 0 means TG_GRAIN_AUTO here. NULL: defaults.
 * @return
 * - TG_OK: every call has returned 0; or `count` is 0.
 * - TG_FAILED, TG_CRASHED: a call has failed, or, with TG_GROUP_GUARD, crashed; TG_FAILED without
 *   an index in the error: on_done has failed.
 * - TG_CANCELLED, TG_TIMED_OUT: stopped by the context, timeout or deadline before all items were
 *   done.
 * - TG_INVALID: `function` is NULL, only one of `results` and `result_size` is 0, or an option
 *   makes no sense (TG_GROUP_RECYCLE with `results` does not either).
 * - TG_TOO_LARGE: the items or the results are more than can be addressed.
 * - TG_UNSUPPORTED: unknown flags, or the options use members of newer headers.
 * - TG_CLOSED: `.pool` is closed, or belongs to the parent process.
 * - TG_NO_MEMORY, TG_NO_SYSTEM: out of memory, of threads or of signal handlers; nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_map_run(size_t count, tg_task_fn *function, const void *items, size_t stride,
    void *results, size_t result_size, const tg_group_options *options);

#ifndef __cplusplus
/**
 * tg_map_run() with the types of an item and of a result:
 * `TG_MAP(n, model_at, double, x, float, y, NULL)`. A pointer to another type does not compile. C
 * only.
 */
/* Types stand in no parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define TG_MAP(count, function, item, items, result, results, options)                         \
    tg_map_run((count), (function), _Generic((items), item *: (items), const item *: (items)), \
        sizeof(item), _Generic((results), result *: (results)), sizeof(result), (options))
/* NOLINTEND(bugprone-macro-parentheses) */
#endif

/* ---- several calls ---- */

/** One of several different calls: what to call, and what became of it. */
typedef struct tg_call {
    /** The function to call. */
    tg_task_fn *function;
    /** Its argument. */
    const void *arg;
    /** Where its result goes; NULL: it gets no result slot. */
    void *result;
    /** Its name in messages; NULL: none. */
    const char *name;
    /** TG_TASK_OPTIONAL: its failure stops nothing; 0: it is required. */
    unsigned flags;
    /** Out: what became of it, as tg_outcome.status; TG_NOT_RUN if nothing ran. */
    tg_status status;
    /** Out: what the function returned; 0 if it did not run. */
    int code;
} tg_call;

/**
 * Runs all calls in parallel. The first required failure stops the rest.
 *
 * With TG_GROUP_KEEP_GOING every call runs, and `status` and `code` of each say how it ended.
 *
 * @param count   how many calls; 0 is TG_OK.
 * @param calls   the calls; `status` and `code` of each are set, also on failure.
 * @param options as for tg_group_create(), without TG_GROUP_RECYCLE; `results`, `result_size`,
 *                `capacity` and `need` must be 0. NULL: defaults.
 * @return (tg_error_last() has index, code, name and message)
 * - TG_OK: every required call has succeeded.
 * - TG_FAILED, TG_CRASHED: a required call has failed, or, with TG_GROUP_GUARD, crashed; TG_FAILED
 *   without an index in the error: on_done has failed.
 * - TG_CANCELLED, TG_TIMED_OUT: stopped by the context, timeout or deadline, with calls left
 *   undone.
 * - TG_INVALID: `calls` is NULL with a `count`, a function is NULL, or an option makes no sense.
 * - TG_UNSUPPORTED: a call has other flags than TG_TASK_OPTIONAL, unknown group flags, or the
 *   options use members of newer headers.
 * - TG_CLOSED: `.pool` is closed, or belongs to the parent process.
 * - TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: too many calls; out of memory, of threads or of
 *   signal handlers. Nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_all_run(size_t count, tg_call *calls, const tg_group_options *options);

/**
 * Runs calls in parallel until one succeeds; this one wins, and the rest is stopped.
 *
 * Failures do not matter as long as one call succeeds: every call counts as optional. Calls that
 * end only when they are stopped need a thread each: set `.threads`, whose default is
 * OMP_NUM_THREADS.
 *
 * @param count   how many calls; 0 is TG_FEWER.
 * @param calls   the calls; `status` and `code` of each are set, also on failure.
 * @param winner  out: the index of the first call that succeeded, or TG_NO_INDEX; NULL: not wanted.
 * @param options as for tg_all_run(). NULL: defaults.
 * @return
 * - TG_OK: one has succeeded.
 * - TG_FEWER: none has succeeded; the error is the failure that ended last, if there is one.
 * - TG_FAILED: on_done has failed.
 * - TG_CANCELLED, TG_TIMED_OUT: stopped from outside before one succeeded, as in tg_all_run().
 * - TG_INVALID, TG_UNSUPPORTED, TG_CLOSED, TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: refused, as in
 *   tg_all_run(); nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_race_run(
    size_t count, tg_call *calls, size_t *winner, const tg_group_options *options);

/**
 * Runs calls in parallel until `need` of them have succeeded; then the rest is stopped.
 *
 * A required failure before that stops it: make calls optional that may fail.
 *
 * @param count   how many calls.
 * @param calls   the calls; `status` and `code` of each are set, also on failure.
 * @param need    how many successes; 0: TG_OK, and nothing runs; more than `count`: all run, then
 *                TG_FEWER.
 * @param winners out: `need` elements: the indices of the successes in order of completion,
 *                TG_NO_INDEX where there is none; NULL: not wanted.
 * @param options as for tg_all_run(). NULL: defaults.
 * @return
 * - TG_OK: `need` calls have succeeded.
 * - TG_FEWER: all have ended, and fewer have succeeded; the error is the failure that ended last,
 *   if there is one.
 * - TG_FAILED, TG_CRASHED, TG_CANCELLED, TG_TIMED_OUT: a required call has failed, or it was
 *   stopped from outside before `need` had succeeded, as in tg_all_run().
 * - TG_INVALID, TG_UNSUPPORTED, TG_CLOSED, TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: refused, as in
 *   tg_all_run(); nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_take_run(
    size_t count, tg_call *calls, size_t need, size_t *winners, const tg_group_options *options);

/**
 * Runs all calls in parallel, and reports the `many` successes that ended last.
 *
 * A required failure stops it, as in tg_all_run().
 *
 * @param count   how many calls.
 * @param calls   the calls; `status` and `code` of each are set, also on failure.
 * @param many    how many successes to report; 0: none, and all run.
 * @param last    out: `many` elements, filled from the front: the indices of these successes in
 *                order of completion, then TG_NO_INDEX; NULL: not wanted.
 * @param options as for tg_all_run(). NULL: defaults.
 * @return
 * - TG_OK: every required call, and at least `many` calls, have succeeded.
 * - TG_FEWER: every required call has succeeded, but fewer than `many`; the error is the failure
 *   that ended last, if there is one.
 * - TG_FAILED, TG_CRASHED, TG_CANCELLED, TG_TIMED_OUT: a required call has failed, or it was
 *   stopped from outside, as in tg_all_run().
 * - TG_INVALID, TG_UNSUPPORTED, TG_CLOSED, TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: refused, as in
 *   tg_all_run(); nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_last_run(
    size_t count, tg_call *calls, size_t many, size_t *last, const tg_group_options *options);

/**
 * Runs calls one after another; each gets the result of the one before as its argument.
 *
 * Call i gets `calls[i - 1].result`, the first call its own `arg`. The first call that fails ends
 * the chain, optional or not, also with TG_GROUP_KEEP_GOING: later calls have no input, and are
 * TG_SKIPPED.
 *
 * @param count   how many calls; 0 is TG_OK.
 * @param calls   the calls; `status` and `code` of each are set, also on failure.
 * @param options as for tg_all_run(); `limit` is 1 whatever it says. NULL: defaults.
 * @return
 * - TG_OK: every call has succeeded.
 * - TG_FAILED, TG_CRASHED, TG_CANCELLED, TG_TIMED_OUT: a call has failed, or the chain was stopped
 *   from outside, as in tg_all_run().
 * - TG_INVALID, TG_UNSUPPORTED, TG_CLOSED, TG_TOO_LARGE, TG_NO_MEMORY, TG_NO_SYSTEM: refused, as in
 *   tg_all_run(); nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_chain_run(size_t count, tg_call *calls, const tg_group_options *options);

/* ---- one call ---- */

/**
 * Runs one call with what task options offer: attempts with backoff, a timeout, a deadline.
 *
 * With TG_GROUP_GUARD in the group's flags a crash is a failure of the call.
 *
 * @param function the function to call.
 * @param arg      its argument.
 * @param result   its result slot; NULL: none.
 * @param task     options of the task, as for tg_group_add_with(); `result` must be NULL. With
 *                 TG_TASK_OPTIONAL a failure is TG_OK. NULL: defaults.
 * @param options  as for tg_group_create(); `results`, `result_size`, `capacity` and `need` must be
 *                 0. NULL: defaults.
 * @return
 * - TG_OK: the call has succeeded.
 * - TG_FAILED, TG_CRASHED, TG_TIMED_OUT with an index in the error: its last attempt has failed.
 * - TG_FAILED without an index: on_done has failed.
 * - TG_CANCELLED, TG_TIMED_OUT without an index: stopped by the context, timeout or deadline of
 *   `options`.
 * - TG_INVALID, TG_UNSUPPORTED, TG_TOO_LARGE: `function` is NULL, or an option is refused, as by
 *   tg_group_create(), tg_group_add_with() or tg_group_run(); nothing ran.
 * - TG_CLOSED: `.pool` is closed, or belongs to the parent process.
 * - TG_NO_MEMORY, TG_NO_SYSTEM: out of memory, of threads or of signal handlers; nothing ran.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_call_run(tg_task_fn *function, const void *arg, void *result,
    const tg_task_options *task, const tg_group_options *options);

/* ---- a pipeline ---- */

/** How a stage of a pipeline takes its items. */
enum {
    /** Several at once, in any order. */
    TG_STAGE_PARALLEL = 0,
    /** One at a time, in any order. */
    TG_STAGE_SERIAL,
    /** One at a time, in the order in which they came out of the first stage. */
    TG_STAGE_IN_ORDER
};

/**
 * The function of a stage.
 *
 * @param self the running task: tg_task_check(), tg_task_fail() and the like work as in any task.
 * @param item in: what the stage before has put out; NULL in the first stage. out: what the next
 *             stage gets; in the last stage what is dropped. NULL in the first stage: there are no
 *             more items. NULL in another one: the item is done, and no later stage is called for it.
 * @param user tg_stage.user.
 * @return 0; anything else stops the pipeline, which then fails with that code. The item that went in
 *         is the function's own to free, whatever it returns.
 */
typedef int tg_stage_fn(tg_task *self, void **item, void *user);

/** Frees what a stage has put out, and no later stage has taken. */
typedef void tg_stage_drop_fn(void *item, void *user);

/** One stage of a pipeline. */
typedef struct tg_stage {
    /** What it does with each item. */
    tg_stage_fn *function;
    /** For `function` and `drop`. */
    void *user;
    /** TG_STAGE_…; the first stage takes one at a time in any case. */
    int mode;
    /** Called for what the stage has put out if the pipeline stops before the next one takes it, and
        for all that the last stage puts out; NULL: nothing. */
    tg_stage_drop_fn *drop;
    /** For messages; NULL: none. */
    const char *name;
} tg_stage;

/**
 * Items that go through stages, several at once: the first stage makes them, one after another, until
 * there are no more; each of the others gets them from the one before.
 *
 * At most `tokens` items are under way at the same time, so memory stays flat, however many there
 * are. No thread waits for a serial stage: an item that finds it busy stays there, and goes on when
 * the stage is free. Each item begins with a task of its own.
 *
 * @param stages  `count` stages.
 * @param count   how many; at least 1.
 * @param tokens  items under way at most; 0: twice as many as threads.
 * @param items   out: items that the last stage has had, also after a failure; NULL: not wanted.
 * @param options as for tg_group_create(); `results`, `result_size`, `capacity`, `need`, `queue`,
 *                `ahead` and `on_done` must be 0, and TG_GROUP_KEEP_GOING, TG_GROUP_REQUIRED_FIRST,
 *                TG_GROUP_IN_ORDER, TG_GROUP_FIRST_INDEX and TG_GROUP_SHIELD are refused. NULL:
 *                defaults.
 * @return
 * - TG_OK: all items have gone through.
 * - TG_FAILED, TG_CRASHED: a stage has failed; the error has its code and message, its index means
 *   nothing.
 * - TG_CANCELLED, TG_TIMED_OUT: stopped by the context, timeout or deadline of `options`.
 * - TG_INVALID, TG_UNSUPPORTED, TG_TOO_LARGE: no stages, a stage without function or with another
 *   mode, or an option is refused; nothing ran.
 * - TG_CLOSED: `.pool` is closed, or belongs to the parent process.
 * - TG_NO_MEMORY, TG_NO_SYSTEM: out of memory, of threads or of signal handlers.
 *
 * From: serial code, a parallel region, an `omp task` or a task, as tg_group_run(); not a signal
 *       handler.
 * Threads: safe.
 * Since: 0.2.
 */
TG_API tg_status tg_pipeline_run(const tg_stage *stages, size_t count, size_t tokens, size_t *items,
    const tg_group_options *options);

TG_END_DECLS
#endif
