/* SPDX-License-Identifier: MIT */
/* How tasks come into a group: before a run, from its own tasks, from anywhere. */
#include "group.h"

#include "options.h"
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The API takes const so that const input needs no cast; the task function's argument is the user's. */
static void *without_const(const void *arg)
{
    return (void *)(uintptr_t)arg;
}

/* Refuses an add, and remembers that if the batch is incomplete without it. */
static tg_status refuse_add(tg_group *group, tg_status status, const char *format, ...)
{
    char text[sizeof group->error_text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tg__lock_take(&group->lock);
    if (status >= TG_INVALID && status != TG_DUPLICATE && group->lost == TG_OK) {
        group->lost = status;
        memcpy(group->error_text, text, sizeof text);
    }
    tg__lock_give(&group->lock);
    return tg__refuse(status, "%s", text);
}

static tg_status read_task_options(
    tg_group *group, const char *call, const tg_task_options *options, tg_task_options *o)
{
    const char *why;
    tg_status status = tg__options_read(o, sizeof *o, options, &why);
    if (status != TG_OK)
        return refuse_add(group, status, "%s: options: %s", call, why);
    if ((o->flags & ~(unsigned)TG_TASK_OPTIONAL) != 0)
        return refuse_add(group, TG_UNSUPPORTED, "%s: flags 0x%x are unknown", call, o->flags);
    return TG_OK;
}

/* The rare members, in one block; NULL in `extra` if there are none. False: out of memory. */
static bool make_extra(const tg_task_options *o, struct tg__extra **extra)
{
    *extra = NULL;
    if (o->id == 0 && o->result == NULL && o->name == NULL)
        return true;
    const char *name = o->name != NULL ? o->name : "";
    size_t size = strlen(name) + 1;
    *extra = malloc(sizeof **extra + size);
    if (*extra == NULL)
        return false;
    (*extra)->id = o->id;
    (*extra)->result = o->result;
    memcpy((*extra)->name, name, size);
    return true;
}

/* May tasks be added? Under the lock. */
static inline tg_status check_open(tg_group *group)
{
    return group->doomed || group->answer != TG_OK || tg__context_noticed(&group->context) != TG_OK
               ? TG_CLOSED
               : TG_OK;
}

static inline bool is_live(tg_group *group)
{
    return atomic_load_explicit(&group->team, memory_order_relaxed) != NULL;
}

/* While the group runs: gives the lock back, and calls somebody to work on what was added. */
static void give_lock_and_call(tg_group *group, bool added)
{
    struct tg__team *team = atomic_load_explicit(&group->team, memory_order_relaxed);
    const tg_task *task = tg_task_current();
    bool inside = task != NULL && task->run == &group->run;
    if (!inside)
        tg__team_pin(&group->source); /* the run does not end before we have called */
    tg__lock_give(&group->lock);
    if (added)
        tg__team_call(team, &group->source);
    if (!inside)
        tg__team_unpin(team, &group->source);
}

static inline void give_lock(tg_group *group, bool added)
{
    if (is_live(group))
        give_lock_and_call(group, added);
    else
        tg__lock_give(&group->lock);
}

/* Says what an add of `many` tasks was refused for. */
static tg_status explain(
    tg_group *group, tg_status status, const char *call, size_t many, uint64_t id)
{
    switch (status) {
    case TG_DUPLICATE:
        return refuse_add(group, status, "%s: id %llu is taken", call, (unsigned long long)id);
    case TG_CLOSED:
        return refuse_add(group, status, "%s: the group has stopped", call);
    case TG_FULL:
        return refuse_add(group, status, "%s: %zu more than the %zu slots of results", call, many,
            group->options.capacity);
    case TG_TOO_LARGE:
        return refuse_add(group, status, "%s: %zu tasks are too many", call, many);
    default:
        return refuse_add(group, status, "%s: out of memory", call);
    }
}

tg_status tg_group_add(tg_group *group, tg_task_fn *function, const void *arg)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_add", "group");
    if (function == NULL)
        return refuse_add(group, TG_INVALID, "tg_group_add: function is NULL");
    tg__lock_take(&group->lock);
    tg_status status = check_open(group);
    if (status == TG_OK)
        status =
            tg__store_add(&group->run.store, function, without_const(arg), 0, NULL, is_live(group));
    give_lock(group, status == TG_OK);
    return status == TG_OK ? TG_OK : explain(group, status, "tg_group_add", 1, 0);
}

/* Adds one task with an id, a name or a result of its own. Under the lock. */
static tg_status put_with_extra(
    tg_group *group, tg_task_fn *function, const void *arg, unsigned flags, struct tg__extra *extra)
{
    struct tg__store *store = &group->run.store;
    size_t index = tg__store_count(store), taken;
    if (extra->id != 0 && tg__ids_find(&group->ids, extra->id, &taken))
        return TG_DUPLICATE;
    if (extra->id != 0 && !tg__ids_reserve(&group->ids))
        return TG_NO_MEMORY;
    tg_status status =
        tg__store_add(store, function, without_const(arg), flags, extra, is_live(group));
    if (status == TG_OK && extra->id != 0)
        tg__ids_put(&group->ids, extra->id, index);
    return status;
}

tg_status tg_group_add_with(tg_group *group, tg_task_fn *function, const void *arg,
    const tg_task_options *options, size_t *index)
{
    static const char call[] = "tg_group_add_with";
    size_t unwanted;
    if (index == NULL)
        index = &unwanted;
    *index = TG_NO_INDEX;
    if (group == NULL)
        return tg__refuse_null(call, "group");
    if (function == NULL)
        return refuse_add(group, TG_INVALID, "%s: function is NULL", call);
    tg_task_options o;
    struct tg__extra *extra;
    tg_status status = read_task_options(group, call, options, &o);
    if (status != TG_OK)
        return status;
    if (!make_extra(&o, &extra))
        return explain(group, TG_NO_MEMORY, call, 1, 0);

    tg__lock_take(&group->lock);
    size_t next = tg__store_count(&group->run.store);
    status = check_open(group);
    if (status == TG_OK)
        status = extra != NULL ? put_with_extra(group, function, arg, o.flags, extra)
                               : tg__store_add(&group->run.store, function, without_const(arg),
                                     o.flags, NULL, is_live(group));
    give_lock(group, status == TG_OK);
    if (status == TG_OK) {
        *index = next;
        return TG_OK;
    }
    free(extra);
    return explain(group, status, call, 1, o.id);
}

tg_status tg_group_add_many(tg_group *group, tg_task_fn *function, size_t count, const void *items,
    size_t stride, const tg_task_options *options)
{
    static const char call[] = "tg_group_add_many";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    if (function == NULL)
        return refuse_add(group, TG_INVALID, "%s: function is NULL", call);
    tg_task_options o;
    struct tg__extra *extra;
    tg_status status = read_task_options(group, call, options, &o);
    if (status != TG_OK)
        return status;
    if (o.id != 0 || o.result != NULL)
        return refuse_add(group, TG_INVALID, "%s: an id (%llu) or a result for all tasks at once",
            call, (unsigned long long)o.id);
    if (items != NULL && stride != 0 && count > SIZE_MAX / stride)
        return refuse_add(group, TG_TOO_LARGE, "%s: %zu items of %zu bytes", call, count, stride);
    if (count == 0)
        return TG_OK;
    if (!make_extra(&o, &extra))
        return explain(group, TG_NO_MEMORY, call, count, 0);

    tg__lock_take(&group->lock);
    status = check_open(group);
    if (status == TG_OK)
        status = tg__store_add_range(&group->run.store, function, count, without_const(items),
            stride, o.flags, extra, is_live(group));
    give_lock(group, status == TG_OK);
    if (status == TG_OK)
        return TG_OK;
    free(extra);
    return explain(group, status, call, count, 0);
}
