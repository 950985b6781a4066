/* SPDX-License-Identifier: MIT */
/*
 * What is next. Most groups claim from the queue alone. Where the order of start must be exact, or
 * a claim needs something first (weights, a look-ahead), claims are made one at a time: from
 * `ready` what comes before the tasks in order of adding, then these, then the rest of `ready`.
 */
#include "group/group.h"

#include <taskgroup/version.h>

/* A key is the priority, then required before optional, then (for those that had to wait for a
   time) a number; tasks in order of adding have this one: priority 0, required. */
enum { RANK = 48 };
static const uint64_t key_of_head = (uint64_t)TG_PRIORITY_MOST << 1 << RANK;

void tg__claim_init(tg_group *group)
{
    const tg_group_options *o = &group->options;
    long grain = o->grainsize > 0 ? o->grainsize : 1;
    atomic_init(&group->dispatch.slots.most, o->limit);
    tg__rate_init(group);
    group->dispatch.queue.splits = o->grainsize == TG_GRAIN_AUTO;
    atomic_init(&group->dispatch.grain, grain < TG__CLAIM_MOST ? grain : TG__CLAIM_MOST);
    if (o->shared != NULL)
        tg__limit_ref(o->shared);
    tg__claim_reset(group);
}

void tg__claim_reset(tg_group *group)
{
    struct tg__dispatch *dispatch = &group->dispatch;
    const memory_order any = memory_order_relaxed;
    tg__queue_reset(&dispatch->queue);
    atomic_store_explicit(&dispatch->ready_count, 0, any);
    atomic_store_explicit(&dispatch->late, 0, any);
    atomic_store_explicit(&dispatch->ordered, tg__claims_ordered(&group->options), any);
    dispatch->ready.count = dispatch->ready.reserved = 0;
    dispatch->heaviest = dispatch->aside = 0;
    tg__rate_stop(group);
}

/* Between runs. Space for them is reserved. */
void tg__claim_rewind(tg_group *group)
{
    struct tg__dispatch *dispatch = &group->dispatch;
    size_t count = tg__store_count(&group->exec.store);
    tg__queue_reset(&dispatch->queue);
    dispatch->ready.count = 0;
    atomic_store(&dispatch->ready_count, 0);
    atomic_store(&dispatch->late, 0);
    for (size_t i = 0; dispatch->ready.reserved > 0 && i < count; i++) {
        struct tg__view task = tg__store_get(&group->exec.store, i);
        if ((task.flags & TG__APART) != 0 && (task.flags & TG__DROPPED) == 0)
            tg__claim_unclaim(group, i);
    }
}

void tg__claim_fini(tg_group *group)
{
    tg__rate_stop(group);
    tg__heap_free(&group->dispatch.ready);
    tg__queue_free(&group->dispatch.queue);
    tg_limit_destroy(group->options.shared);
}

uint64_t tg__claim_key(const tg_group *group, int priority, bool optional)
{
    bool later = optional && (group->options.flags & TG_GROUP_REQUIRED_FIRST) != 0;
    return ((uint64_t)(TG_PRIORITY_MOST - priority) << 1 | later) << RANK;
}

bool tg__claim_is_apart(const tg_group *group, int priority, bool optional)
{
    return tg__claim_key(group, priority, optional) != key_of_head;
}

void tg__claim_leave_limit(tg_group *group)
{
    if (group->options.shared == NULL)
        return;
    tg__limit_leave(group->options.shared, &group->dispatch.limit_client);
    tg__limit_notify(group->options.shared);
}

bool tg__claim_reserve(tg_group *group, size_t many)
{
    struct tg__heap_block block;
    if (!tg__heap_find_room(&group->dispatch.ready, many, &block))
        return false;
    tg__lock_take(&group->dispatch.lock, TG__LOCK_DISPATCH);
    tg__heap_reserve_in(&group->dispatch.ready, many, &block);
    tg__lock_give(&group->dispatch.lock, TG__LOCK_DISPATCH);
    tg__heap_free_block(&block);
    return true;
}

void tg__claim_unreserve(tg_group *group, size_t many)
{
    tg__lock_take(&group->dispatch.lock, TG__LOCK_DISPATCH);
    tg__heap_unreserve(&group->dispatch.ready, many);
    tg__lock_give(&group->dispatch.lock, TG__LOCK_DISPATCH);
}

void tg__claim_put(tg_group *group, uint64_t key, size_t index)
{
    tg__lock_take(&group->dispatch.lock, TG__LOCK_DISPATCH);
    tg__heap_push(&group->dispatch.ready, key, index);
    atomic_store(&group->dispatch.ordered, true);
    atomic_store(&group->dispatch.ready_count,
        group->dispatch.ready.count); /* published: looks for sleepers next */
    tg__lock_give(&group->dispatch.lock, TG__LOCK_DISPATCH);
}

void tg__claim_put_late(tg_group *group, uint64_t key, size_t index)
{
    size_t late = 1 + atomic_fetch_add(&group->dispatch.late, 1);
    tg__claim_put(group, key | (late & ((UINT64_C(1) << RANK) - 1)), index);
}

/* Indices below this one may be claimed in order. */
static size_t end_of(tg_group *group)
{
    size_t count = tg__store_count_now(&group->exec.store), ahead = group->options.ahead;
    if (ahead == 0)
        return count;
    size_t delivered = atomic_load(&group->completion.delivered);
    return count - delivered > ahead ? delivered + ahead : count;
}

bool tg__claim_left(tg_group *group)
{
    return tg__queue_any(&group->dispatch.queue, tg__store_count_now(&group->exec.store)) ||
           atomic_load(&group->dispatch.ready_count) > 0;
}

bool tg__claimable(tg_group *group)
{
    bool some =
        (!tg__slots_bounded(&group->dispatch.slots) || tg__slots_free(&group->dispatch.slots)) &&
        !atomic_load(&group->dispatch.limit_client.blocked) &&
        !atomic_load(&group->dispatch.rate.waits) &&
        (tg__queue_any(&group->dispatch.queue, end_of(group)) ||
            atomic_load(&group->dispatch.ready_count) > 0);
    return (some || atomic_load(&group->timers.expired)) && !atomic_load(&group->dispatch.halted) &&
           tg__context_status(&group->context) == TG_OK;
}

void tg__claim_unclaim(tg_group *group, size_t index)
{
    struct tg__view task = tg__store_get(&group->exec.store, index);
    bool optional = (task.flags & TG_TASK_OPTIONAL) != 0;
    int priority = task.attributes != NULL ? task.attributes->priority : 0;
    tg__claim_put(group, tg__claim_key(group, priority, optional), index);
}

/* ---- one at a time ---- */

/* Takes the weight of the task that is next. */
static bool take_weight(tg_group *group, tg_task *self, size_t index)
{
    struct tg__view task = tg__store_get(&group->exec.store, index);
    size_t weight =
        task.attributes != NULL && task.attributes->weight > 0 ? task.attributes->weight : 1;
    return tg__limit_take(
        group->options.shared, &group->dispatch.limit_client, weight, &self->grant);
}

/* Under the dispatch lock. */
static size_t claim_next(tg_group *group, tg_task *self, int place, size_t want, size_t *first)
{
    bool shared = group->options.shared != NULL;
    size_t end = end_of(group);
    place = tg__claim_place(group, place);
    struct tg__heap *ready = &group->dispatch.ready;
    bool early = ready->count > 0 && ready->items[0].key >> RANK <= key_of_head >> RANK;
    size_t next = tg__queue_next(
        &group->dispatch.queue); /* with a shared limit, one at a time: nobody has a chunk */
    if (!early && shared && next < end) {
        bool apart = (tg__store_get(&group->exec.store, next).flags & TG__APART) !=
                     0; /* weighs nothing: is passed by */
        if (!apart && !take_weight(group, self, next))
            return 0;
        return tg__queue_claim(&group->dispatch.queue, place, 1, end, false, first);
    }
    if (!early && !shared) {
        size_t got = tg__queue_claim(&group->dispatch.queue, place, want, end, false, first);
        if (got > 0)
            return got;
    }
    if (ready->count == 0 || (shared && !take_weight(group, self, ready->items[0].index)))
        return 0;
    *first = tg__heap_pop(ready).index;
    atomic_store(&group->dispatch.ready_count, ready->count);
    self->apart = true;
    return 1;
}

size_t tg__claim_ordered(tg_group *group, tg_task *self, int place, size_t want, size_t *first)
{
    bool rated = group->options.rate > 0, admitted = true;
    double now = rated ? tg_time_now() : 0, until = 0;
    tg__lock_take(&group->dispatch.lock, TG__LOCK_DISPATCH);
    if (rated)
        admitted = tg__rate_admits(group, now, &until);
    size_t got = admitted ? claim_next(group, self, place, rated ? 1 : want, first) : 0;
    if (rated && got > 0)
        tg__rate_count(group, now);
    tg__lock_give(&group->dispatch.lock, TG__LOCK_DISPATCH);
    if (!admitted)
        tg__rate_wait(group, until);
    if (group->options.shared != NULL)
        tg__limit_notify(group->options.shared);
    return got;
}
