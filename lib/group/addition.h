/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_ADDITION_H
#define TG_LIB_GROUP_ADDITION_H
/* What one call adds to a group, between add.c, which does it, hold.c and pool.c. */
#include "group/group.h"

/* `count` tasks that are added by one call. */
struct tg__addition {
    const char *call;
    tg_task_fn *function;
    void *items; /* the argument, or the first of them … */
    size_t stride, count;
    bool range; /* … of a loop */
    tg_task_options o;
    unsigned flags;
    uint64_t key;                      /* if it stands apart */
    double until;                      /* it waits for space; 0: has not waited yet */
    size_t first;                      /* its index */
    bool no_slot;                      /* refused because the caller's array ends */
    struct tg__handle *handle;         /* whose user waits for its end; or NULL */
    struct tg__attributes *attributes; /* of one task or a range; NULL: none */
    struct tg__attributes *
        *attributes_of; /* of each of several that will be recycled; NULL: none */
};

/* Adds one task to a pool's group, with options that were checked. On failure the handle is still
 * the caller's. */
tg_status tg__add_one(tg_group *group, const char *call, tg_task_fn *function, const void *arg,
    const tg_task_options *o, struct tg__handle *handle, size_t *index);

/* Reads the caller's options; checks whether they make sense in this group; both. A refusal is
 * remembered by the group. */
tg_status tg__add_read_options(
    tg_group *group, const char *call, const tg_task_options *options, tg_task_options *o);
tg_status tg__add_check_options(tg_group *group, const char *call, const tg_task_options *o);
tg_status tg__add_options(
    tg_group *group, const char *call, const tg_task_options *options, tg_task_options *o);

/* The rare members and copies; `each`: one block for each task. False: out of memory. */
bool tg__add_attributes(struct tg__addition *a, bool each);
void tg__add_free_attributes(struct tg__addition *a, size_t count);

/* Do they have a start, a delay or a period? */
bool tg__add_has_time(const tg_task_options *o);

/* When they are to be started at first. */
double tg__add_start(const tg_task_options *o);

/* May tasks be added? Under the lock, as is the next. */
tg_status tg__add_check_open(tg_group *group);

/* Puts it into the store, with these flags; it is not queued yet. */
tg_status tg__add_put(tg_group *group, struct tg__addition *a, unsigned flags);

/* Refuses an add, and remembers that if the batch is incomplete without it. */
tg_status tg__add_refuse(tg_group *group, tg_status status, const char *format, ...)
    TG_PRINTF(3, 4);

/* The same in words of its own. */
tg_status tg__add_explain(tg_group *group, tg_status status, const struct tg__addition *a);

#endif
