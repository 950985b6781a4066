/* SPDX-License-Identifier: MIT */
/* How tasks come into a group: before a run, from its own tasks, from anywhere. */
#include "group/addition.h"

#include "task/finish.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

/* The API takes const so that const input needs no cast; the task function's argument is the
 * user's. */
static void *without_const(const void *arg)
{
    return (void *)(uintptr_t)arg;
}

/* How the tasks are claimed and run. */
static void classify(const tg_group *group, struct tg__addition *a)
{
    bool optional = (a->o.flags & TG_TASK_OPTIONAL) != 0;
    a->flags = a->o.flags;
    a->key = tg__claim_key(group, a->o.priority, optional);
    if (tg__claim_is_apart(group, a->o.priority, optional))
        a->flags |= TG__APART;
    if (tg__add_has_time(&a->o))
        a->flags |= TG__APART | TG__TIMED;
    if (a->handle != NULL)
        a->flags |= TG__MARKED | TG__SLOW;
    if (a->o.attempts != 0)
        a->flags |= TG__TIMED | TG__MARKED;
    if ((a->o.flags & TG_TASK_CANCELLABLE) != 0)
        a->flags |= TG__MARKED | TG__SLOW;
    if (a->o.timeout > 0 || a->o.deadline > 0 || a->o.attempts != 0)
        a->flags |= TG__SLOW;
}

/* ---- putting it in; under the lock ---- */

/* Before a run it is enough to see a cancel that somebody has noticed: the run looks for others. A
   pool with a context asks the contexts above, too: else an add after a cancel would succeed, and
   its task be abandoned. */
static inline bool has_stopped(tg_group *group)
{
    bool asks = group->persistent && group->options.context != NULL;
    return (asks ? tg__context_status(&group->context) : tg__context_noticed(&group->context)) !=
           TG_OK;
}

/* A task was refused because the group has stopped: the run, this one or the next, is not OK. */
static void turn_away(tg_group *group)
{
    group->lifecycle.turned_away |= tg__group_loses(group);
}

/* Of a pool that closes the tasks may still add, and whatever runs on its team: the team stays
   until these have ended. */
static inline bool is_shut(tg_group *group)
{
    if (!atomic_load(&group->lifecycle.shut))
        return false;
    const struct tg__worker *worker = tg__team_worker();
    return worker == NULL || worker->team != atomic_load(&group->team);
}

static inline bool is_open(tg_group *group)
{
    return !is_shut(group) && !group->lifecycle.destroy_pending &&
           group->lifecycle.result == TG_OK && !tg__group_is_parents(group) && !has_stopped(group);
}

/* May tasks be added? */
tg_status tg__add_check_open(tg_group *group)
{
    if (is_open(group))
        return TG_OK;
    if (!is_shut(group) && !tg__group_is_parents(group))
        turn_away(group);
    return TG_CLOSED;
}

/* Room in what these tasks may have to wait in: then no push, in the middle of a run, can fail. */
static bool reserve(tg_group *group, const struct tg__addition *a)
{
    bool timed = (a->flags & TG__TIMED) != 0, ready = timed || (a->flags & TG__APART) != 0;
    if (ready && !tg__claim_reserve(group, a->count))
        return false;
    if (!timed || tg__heap_reserve(&group->timers.heap, a->count))
        return true;
    tg__claim_unreserve(group, a->count);
    return false;
}

/* They were not added: else the space would grow with every add that is refused. */
static void unreserve(tg_group *group, const struct tg__addition *a)
{
    bool timed = (a->flags & TG__TIMED) != 0;
    if (timed || (a->flags & TG__APART) != 0)
        tg__claim_unreserve(group, a->count);
    if (timed)
        tg__heap_unreserve(&group->timers.heap, a->count);
}

/* Each of a loop's tasks has a record, and attributes of its own: where it goes alone, can be told
 * alone, or may not be started again for a reason of its own. */
static bool are_records(const tg_group *group, const struct tg__addition *a)
{
    bool differ =
        (a->o.flags & TG_TASK_CANCELLABLE) != 0 || (a->o.attempts != 0 && a->o.deadline > 0);
    return a->range && (group->exec.store.recycles || differ);
}

static tg_status store(tg_group *group, const struct tg__addition *a, unsigned flags)
{
    struct tg__store *to = &group->exec.store;
    bool live = tg__group_is_live(group);
    if (a->range && !are_records(group, a))
        return tg__store_add_range(
            to, a->function, a->count, a->items, a->stride, flags, a->attributes, live);
    if (a->range)
        return tg__store_add_each(
            to, a->function, a->count, a->items, a->stride, flags, a->attributes_of, live);
    return tg__store_add(to, a->function, a->items, flags, a->attributes, live);
}

/* In a run that a task with a grant waits for: a task that weighs more than that grant would wait
   for ever, since the grant is given back after the run. */
static bool is_too_heavy(const tg_group *group, size_t weight)
{
    const struct tg__grant *parent_grant =
        tg__group_is_running(group) ? group->dispatch.limit_client.parent_grant : NULL;
    return parent_grant != NULL && weight > parent_grant->weight;
}

tg_status tg__add_put(tg_group *group, struct tg__addition *a, unsigned flags)
{
    size_t taken;
    if (is_too_heavy(group, a->o.weight))
        return TG_INVALID;
    a->first = tg__store_count(&group->exec.store);
    if (a->o.id != 0 && tg__ids_find(&group->ids, a->o.id, &taken))
        return TG_DUPLICATE;
    if ((a->o.id != 0 && !tg__ids_reserve(&group->ids)) || !reserve(group, a))
        return TG_NO_MEMORY;
    tg_status status = store(group, a, flags);
    a->no_slot = status == TG_FULL;
    if (status != TG_OK) {
        unreserve(group, a);
        return status;
    }
    if (group->exec.store.recycles && (flags & TG__APART) != 0)
        tg__completion_pass(group, a->first, a->count);
    if (a->o.id != 0)
        tg__ids_put(&group->ids, a->o.id, a->first);
    if (group->options.shared != NULL &&
        group->dispatch.heaviest < (a->o.weight > 0 ? a->o.weight : 1))
        group->dispatch.heaviest = a->o.weight > 0 ? a->o.weight : 1;
    if ((a->flags & TG__TIMED) != 0 && tg__group_is_watchable(group))
        tg__group_watch(group);
    return TG_OK;
}

/* They take a place in the queue only when it is time. */
static void let_wait(tg_group *group, const struct tg__addition *a)
{
    group->timers.timed = true;
    double time = tg__add_start(&a->o);
    if (a->o.deadline > 0 && a->o.deadline < time)
        time = a->o.deadline + 1e-6; /* it is too late then, and ends */
    for (size_t i = a->first; i < a->first + a->count; i++) {
        struct tg__view task = tg__store_get(&group->exec.store, i);
        tg__timers_push(group, &task, i, TG__START_TIME, time);
    }
}

/* Queued: somebody will claim it. */
static tg_status queue_up(tg_group *group, struct tg__addition *a)
{
    tg_status status = tg__add_put(group, a, a->flags);
    if (status != TG_OK)
        return status;
    if (tg__add_has_time(&a->o)) {
        let_wait(group, a);
        return TG_OK;
    }
    if (group->options.queue != 0)
        atomic_fetch_add(&group->backpressure.outstanding, a->count);
    for (size_t i = 0; (a->flags & TG__APART) != 0 && i < a->count; i++)
        tg__claim_put(group, a->key, a->first + i);
    return TG_OK;
}

/* Never to be started. */
static tg_status drop(tg_group *group, struct tg__addition *a)
{
    tg_status status = tg__add_put(group, a, a->flags | TG__APART | TG__DROPPED);
    if (status != TG_OK)
        return status;
    for (size_t i = a->first; i < a->first + a->count; i++) {
        struct tg__view task = tg__store_get(&group->exec.store, i);
        tg__finish_skipped(&task);
    }
    atomic_fetch_add(&group->exec.dropped, a->count);
    return TG_OK;
}

/* For the calling thread to run. */
static tg_status put_aside(tg_group *group, struct tg__addition *a)
{
    tg_status status = tg__add_put(group, a, a->flags | TG__APART);
    if (status == TG_OK) {
        atomic_fetch_add(&group->backpressure.outstanding, a->count);
        group->dispatch.aside += a->count;
    }
    return status;
}

/* ---- adding ---- */

/* Can the calling thread run what it adds? It has no place at a shared limit, and outside of the
   body would have to fight for a slot with servers that keep theirs. */
static bool may_run_here(const tg_group *group)
{
    return group->options.shared == NULL && !(group->options.rate > 0) &&
           (tg__backpressure_in_body(group) || group->options.limit == TG_UNLIMITED);
}

static void tell_dropped(tg_group *group, const struct tg__addition *a)
{
    for (size_t i = a->first; i < a->first + a->count; i++) {
        struct tg__view task = tg__store_get(&group->exec.store, i);
        tg__completion_on_end(&group->exec, &task, i);
    }
    tg__completion_deliver(group);
}

/* What an add does that finds the queue full. Under the lock, which it gives back. TG_BUSY: there
   may be space now. */
static tg_status add_to_full(tg_group *group, struct tg__addition *a)
{
    int way = a->o.when_full;
    if (way == TG_FULL_RUN && !may_run_here(group))
        way = TG_FULL_WAIT;
    if (way == TG_FULL_WAIT && tg__backpressure_none(group)) {
        if (may_run_here(group)) {
            way = TG_FULL_RUN; /* nobody else would */
        } else if (atomic_load(&group->backpressure.outstanding) == 0) {
            tg_status status = queue_up(group, a);
            tg__lock_give(&group->lock, TG__LOCK_GROUP);
            return status;
        }
    }
    struct tg__pin pin = tg__group_pin(group);
    group->backpressure.waiting += way == TG_FULL_WAIT;
    bool holds = group->owner->hold != NULL && (way == TG_FULL_RUN || way == TG_FULL_DROP);
    if (holds)
        group->owner->hold(group);
    tg_status status = way == TG_FULL_REFUSE ? TG_FULL
                       : way == TG_FULL_DROP ? drop(group, a)
                       : way == TG_FULL_RUN  ? put_aside(group, a)
                                             : TG_BUSY;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (status == TG_BUSY) {
        tg__group_unpin(group, pin, 0);
        if (a->until == 0) /* the first time */
            a->until = a->o.patience > 0 ? tg_time_now() + a->o.patience : (double)INFINITY;
        status = tg__backpressure_wait(group, a->until);
        tg__lock_take(&group->lock, TG__LOCK_GROUP);
        group->backpressure.waiting--;
        if (status == TG_CANCELLED)
            turn_away(group);
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        return status == TG_OK ? TG_BUSY : status;
    }
    if (status == TG_OK && way == TG_FULL_RUN)
        tg__backpressure_run(group, a->first, a->count);
    if (status == TG_OK && way == TG_FULL_DROP)
        tell_dropped(group, a);
    if (holds)
        group->owner->release(group);
    tg__group_unpin(group, pin, 0);
    return status;
}

static tg_status try_to_add(tg_group *group, struct tg__addition *a)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg_status status = tg__add_check_open(group);
    if (status == TG_OK && !tg__add_has_time(&a->o) && tg__backpressure_full(group))
        return add_to_full(group, a);
    if (status == TG_OK)
        status = queue_up(group, a);
    struct tg__pin pin = {.none = true};
    if (status == TG_OK)
        pin = tg__group_pin_to_notify(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
    return status;
}

static tg_status add(tg_group *group, struct tg__addition *a)
{
    tg_status status;
    if (!tg__add_attributes(a, are_records(group, a)))
        return tg__add_explain(group, TG_NO_MEMORY, a);
    classify(group, a);
    do
        status = try_to_add(group, a);
    while (status == TG_BUSY);
    if (status == TG_OK) {
        free(a->attributes_of); /* the array; what is in it is the store's */
        return TG_OK;
    }
    tg__add_free_attributes(a, a->count);
    return tg__add_explain(group, status, a);
}

static tg_status add_one(tg_group *group, struct tg__addition *a)
{
    if (a->o.copy > 0 && a->items == NULL)
        return tg__add_refuse(
            group, TG_INVALID, "%s: copy is %zu of a NULL arg", a->call, a->o.copy);
    return add(group, a);
}

/* What may be wrong with a call whatever it adds; reads its options. */
static tg_status check(tg_group *group, struct tg__addition *a, const tg_task_options *options)
{
    if (group == NULL)
        return tg__refuse_null(a->call, "group");
    if (a->function == NULL)
        return tg__add_refuse(group, TG_INVALID, "%s: function is NULL", a->call);
    return tg__add_options(group, a->call, options, &a->o);
}

tg_status tg__add_one(tg_group *group, const char *call, tg_task_fn *function, const void *arg,
    const tg_task_options *o, struct tg__handle *handle, size_t *index)
{
    struct tg__addition a = {.call = call,
        .function = function,
        .items = without_const(arg),
        .count = 1,
        .o = *o,
        .handle = handle};
    tg_status status = add_one(group, &a);
    *index = a.first;
    return status;
}

/* Apart: what it fills in would cost the usual way as much as all else that it does. */
__attribute__((noinline)) static tg_status add_plain(
    tg_group *group, tg_task_fn *function, void *arg)
{
    struct tg__addition a = {
        .call = "tg_group_add", .function = function, .items = arg, .count = 1};
    return add(group, &a);
}

__attribute__((noinline)) static tg_status refuse_plain(tg_group *group, tg_status status)
{
    struct tg__addition a = {.call = "tg_group_add", .count = 1, .no_slot = status == TG_FULL};
    return tg__add_explain(group, status, &a);
}

tg_status tg_group_add(tg_group *group, tg_task_fn *function, const void *arg)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_add", "group");
    if (function == NULL)
        return tg__add_refuse(group, TG_INVALID, "tg_group_add: function is NULL");
    if (group->options.queue != 0 || group->options.shared != NULL)
        return add_plain(group, function, without_const(arg));
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg_status status = is_open(group) ? TG_OK : tg__add_check_open(group);
    bool live = tg__group_is_live(group);
    if (status == TG_OK)
        status = tg__store_add(&group->exec.store, function, without_const(arg), 0, NULL, live);
    if (!live || status != TG_OK) {
        tg__lock_give(&group->lock, TG__LOCK_GROUP);
        return status == TG_OK ? TG_OK : refuse_plain(group, status);
    }
    struct tg__pin pin = tg__group_pin_to_notify(group);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
    return TG_OK;
}

tg_status tg_group_add_with(tg_group *group, tg_task_fn *function, const void *arg,
    const tg_task_options *options, size_t *index)
{
    struct tg__addition a = {
        .call = "tg_group_add_with", .function = function, .items = without_const(arg), .count = 1};
    if (index != NULL)
        *index = TG_NO_INDEX;
    tg_status status = check(group, &a, options);
    if (status != TG_OK)
        return status;
    status = add_one(group, &a);
    if (status == TG_OK && index != NULL)
        *index = a.first;
    return status;
}

tg_status tg_group_add_many(tg_group *group, tg_task_fn *function, size_t count, const void *items,
    size_t stride, const tg_task_options *options)
{
    struct tg__addition a = {.call = "tg_group_add_many",
        .function = function,
        .items = without_const(items),
        .stride = stride,
        .count = count,
        .range = true};
    tg_status status = check(group, &a, options);
    if (status != TG_OK)
        return status;
    if (a.o.id != 0)
        return tg__add_refuse(group, TG_INVALID, "%s: id %llu for all tasks at once", a.call,
            (unsigned long long)a.o.id);
    if (a.o.result != NULL)
        return tg__add_refuse(group, TG_INVALID, "%s: a result for all tasks at once", a.call);
    if (a.o.period > 0)
        return tg__add_refuse(
            group, TG_INVALID, "%s: a period (%g) for all tasks at once", a.call, a.o.period);
    if (a.o.copy > 0 && (items == NULL || a.o.copy != stride))
        return tg__add_refuse(group, TG_INVALID, "%s: copy is %zu with a stride of %zu%s", a.call,
            a.o.copy, stride, items == NULL ? " and items NULL" : "");
    if (items != NULL && stride != 0 && count > PTRDIFF_MAX / stride)
        return tg__add_refuse(
            group, TG_TOO_LARGE, "%s: %zu items of %zu bytes", a.call, count, stride);
    return count > 0 ? add(group, &a) : TG_OK;
}
