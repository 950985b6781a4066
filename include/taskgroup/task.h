/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_TASK_H
#define TASKGROUP_TASK_H
/**
 * @file task.h
 * One task: its function, its options, what it can ask and say while it runs, what became of it.
 *
 * A `tg_task *self` belongs to the call of the task function that it was passed to: use it on that
 * thread, until the function returns. Using it elsewhere is undefined.
 */
#include <taskgroup/context.h>

TG_BEGIN_DECLS

typedef struct tg_task tg_task;
typedef struct tg_group tg_group;

/**
 * The function of a task.
 *
 * @param self   the running task, for the calls below.
 * @param arg    what was given when the task was added.
 * @param result the task's slot: `result_size` bytes of the group's result array, zero at first if
 *               the group owns the array; or the task's own tg_task_options.result; NULL if neither.
 * @return 0: success. Anything else is the caller's own code, which means failure.
 */
typedef int tg_task_fn(tg_task *self, void *arg, void *result);

/** Flags of a task. */
enum {
    /** A failure of this task is recorded and stops nothing; the group can still end TG_OK. */
    TG_TASK_OPTIONAL = 1u << 0
};

/** Options of a task. Zero is the default everywhere; write them as `TG_TASK(.name = "mesh")`. */
typedef struct tg_task_options {
    size_t size;      /**< bytes of this struct, as the caller's headers have it */
    unsigned flags;   /**< TG_TASK_OPTIONAL or 0 */
    uint64_t id;      /**< the caller's id, one of a kind in the group; 0: none */
    const char *name; /**< for messages; copied; NULL: none */
    void *
        result; /**< where the result goes instead of the group's array; must outlive the run; NULL: the array */
} tg_task_options;

#ifndef __cplusplus
/** A pointer to task options, all zero but for what is named. C only; in C++ set the members. */
#define TG_TASK(...) (&(const tg_task_options){.size = sizeof(tg_task_options), __VA_ARGS__})
#endif

/** What became of a task. Set `size` first: `tg_outcome o = {sizeof o};` */
typedef struct tg_outcome {
    size_t size; /**< bytes of this struct, as the caller's headers have it */
    tg_status
        status; /**< OK, FAILED, CANCELLED or SKIPPED once the run is over; else NOT_RUN or RUNNING */
    int code;   /**< what the function returned; 0 if it did not */
    size_t index;        /**< the task's index, 0 for the first that was added */
    uint64_t id;         /**< the caller's id, or 0 */
    const char *name;    /**< the task's name, or "" */
    const char *message; /**< why it is not OK, or ""; valid until reset or destroy of the group */
} tg_outcome;

/**
 * The innermost task that the calling thread is running, for code that is not handed `self`.
 *
 * @return the task; NULL outside of a task.
 * Context: anywhere but signal handlers. Thread safety: each thread has its own. Since: 0.1.
 */
TG_API tg_task *tg_task_current(void);

/**
 * Must I stop? True once the group has stopped (a required task failed, it was cancelled, its time
 * is up), or anything above it has. Cheap enough for an inner loop: a few loads, and a clock read
 * (25 ns) if there is a deadline.
 *
 * A task that was told so and then returns other than 0 ends as TG_CANCELLED, not as TG_FAILED; one
 * that returns 0 has finished its work all the same and is TG_OK.
 *
 * @param self the running task.
 * @return TG_OK: go on; TG_FAILED, TG_CANCELLED, TG_TIMED_OUT: what stopped the group; TG_INVALID: NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_status tg_task_check(tg_task *self);

/**
 * The task's place in its group: 0 for the first that was added, 1, 2 …
 *
 * @param self the running task.
 * @return the index; TG_NO_INDEX for NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API size_t tg_task_index(const tg_task *self);

/**
 * The group that the task belongs to, for instance to add more tasks to it.
 *
 * @param self the running task.
 * @return the group; NULL for NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_group *tg_task_group(const tg_task *self);

/**
 * The context of the task's group: a parent for contexts of its own, or a handle to hand to code
 * that only wants to ask tg_context_check().
 *
 * @param self the running task.
 * @return the context, valid as long as the group; NULL for NULL.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API tg_context *tg_task_context(const tg_task *self);

/**
 * Says why the task fails, and returns the code to return: `return tg_task_fail(self, EDOM, "…", …)`.
 *
 * The message becomes the error's if the function then returns other than 0; a later one replaces
 * it. If there is no memory for it the task fails all the same, with a message that says so.
 *
 * @param self   the running task; with NULL there is nobody to tell, and only the code comes back.
 * @param code   what to return. 0 would mean success and is turned into -1.
 * @param format as printf's; a sentence without a full stop. NULL leaves the message as it was.
 * @return `code`, never 0.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_fail(tg_task *self, int code, const char *format, ...) TG_PRINTF(3, 4);

/**
 * The same without a format, for Fortran and for text that is at hand.
 *
 * @param self the running task; @param code as above; @param message copied; NULL leaves it as it was.
 * @return `code`, never 0.
 * Context: inside the task. Thread safety: the task's own thread. Since: 0.1.
 */
TG_API int tg_task_fail_text(tg_task *self, int code, const char *message);

TG_END_DECLS
#endif
