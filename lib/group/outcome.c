/* SPDX-License-Identifier: MIT */
/* What the user reads of a group: results, outcomes, errors, numbers. Changes nothing. */
#include "group/group.h"

#include "base/options.h"
#include "base/status.h"

#include <stdlib.h>

size_t tg_group_count(const tg_group *group)
{
    return group != NULL ? tg__store_count(&group->exec.store) : 0;
}

void *tg_group_results(tg_group *group)
{
    tg_status status = TG_INVALID;
    void *results = NULL;
    if (group == NULL) {
        tg__refuse_null("tg_group_results", "group");
        return NULL;
    }
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    struct tg__store *store = &group->exec.store;
    if (tg__group_is_running(group))
        status = TG_BUSY;
    else if (store->base != NULL && (results = tg__store_results(store)) == NULL)
        status = TG_NO_MEMORY;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (results == NULL)
        tg__refuse(status, "tg_group_results: %s",
            status == TG_BUSY         ? "the group is running"
            : status == TG_NO_MEMORY  ? "out of memory"
            : store->result_size == 0 ? "result_size is 0"
                                      : "the group is empty, or has not run yet");
    return results;
}

void *tg_group_result(tg_group *group, size_t index)
{
    if (group == NULL) {
        tg__refuse_null("tg_group_result", "group");
        return NULL;
    }
    const struct tg__store *store = &group->exec.store;
    struct tg__view task = {0};
    tg__lock_take(&group->lock, TG__LOCK_GROUP); /* the first run gives the segments their slots */
    size_t count = tg__store_count(store);
    if (index < (tg__group_is_running(group) ? count : group->lifecycle.run_base))
        tg__store_look(store, index, &task);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (index >= count)
        tg__refuse(TG_INVALID, "tg_group_result: index %zu of %zu tasks", index, count);
    else if (task.result == NULL)
        tg__refuse(TG_INVALID, "tg_group_result: task %zu has no result slot", index);
    return task.result;
}

/* The status of a task that nobody has touched is a matter of when one looks. */
static tg_status status_of(const struct tg__view *task, bool settled)
{
    /* Pairs with the stores of a final state (finish.h): result, code and the
       rest are seen. */
    unsigned char state = atomic_load_explicit(task->state, memory_order_acquire);
    tg_status status = tg__status_of(state);
    return settled && status == TG_NOT_RUN ? TG_SKIPPED : status;
}

/* The slow path counts what it starts. */
static bool was_started(const struct tg__view *task, tg_status status)
{
    bool slow = (task->flags & (TG__APART | TG__SLOW)) != 0;
    unsigned char state = atomic_load_explicit(task->state, memory_order_relaxed);
    return task->function != NULL && !slow && state != TG__TAKEN_BACK && status != TG_SKIPPED &&
           status != TG_NOT_RUN;
}

/* Why a task was not run, or not to its end. What has stopped the group is known then. */
static tg_status cause_of(
    tg_group *group, const struct tg__view *task, size_t index, tg_status status)
{
    unsigned char state = atomic_load_explicit(task->state, memory_order_relaxed);
    bool told = task->attributes != NULL && atomic_load(&task->attributes->told);
    if (status != TG_SKIPPED && status != TG_CANCELLED)
        return TG_OK;
    if ((task->flags & TG__DROPPED) != 0)
        return TG_FULL;
    if (told || state == TG__TAKEN_BACK)
        return TG_CANCELLED;
    if (atomic_load(&group->exec.enough))
        return TG_OK;
    if (status == TG_SKIPPED && index > atomic_load(&group->exec.failed_at))
        return TG_FAILED;
    tg_status cause = tg__context_noticed(&group->context);
    return cause == TG_OK && status == TG_CANCELLED ? TG_CANCELLED : cause;
}

void tg__outcome_fill(tg_group *group, size_t index, bool over, tg_outcome *o)
{
    struct tg__exec *exec = &group->exec;
    struct tg__view task = tg__store_get(&exec->store, index);
    *o = (tg_outcome){.size = sizeof *o, .index = index, .result = task.result, .worker = -1};
    o->arg = task.function != NULL ? task.arg : NULL; /* a hold's is ours */
    o->status = status_of(&task, over);
    bool has_ended = o->status < TG_NOT_RUN;
    if (has_ended)
        o->code = atomic_load_explicit(&task.cell->code, memory_order_relaxed);
    o->id = task.attributes != NULL ? task.attributes->id : 0;
    o->name = task.attributes != NULL ? task.attributes->name : "";
    o->message = has_ended && o->status != TG_OK ? tg_status_message(o->status) : "";
    o->attempts = atomic_load_explicit(&task.cell->attempts, memory_order_relaxed);
    if (o->attempts == 0 && was_started(&task, o->status))
        o->attempts = 1; /* not counted on the fast path */
    if (o->attempts == 0 && o->status == TG_CANCELLED && task.function != NULL)
        o->message = "was cancelled before it started";
    o->cause = cause_of(group, &task, index, o->status);
    if (exec->keeps_times && has_ended && o->status != TG_SKIPPED) {
        o->worker = task.note->worker - 1;
        o->rank = task.note->rank;
        o->start = task.note->start;
        o->end = task.note->end;
    }
    if (o->status != TG_FAILED && o->status != TG_TIMED_OUT && o->status != TG_CRASHED)
        return;
    const struct tg__failure *failure = tg__failures_find(&exec->failures, index);
    if (failure != NULL) {
        o->message = failure->error.message;
        o->signal = failure->error.signal;
    }
}

tg_status(tg_group_outcome)(tg_group *group, size_t index, tg_outcome *outcome)
{
    if (outcome == NULL)
        return tg__refuse(TG_INVALID, "tg_group_outcome: outcome is NULL");
    if (!tg__answer_fits(outcome))
        return tg__refuse(TG_INVALID, "tg_group_outcome: outcome->size is %zu", outcome->size);
    tg_outcome o = {
        .status = TG_NOT_RUN, .index = TG_NO_INDEX, .name = "", .message = "", .worker = -1};
    tg__answer_write(outcome, &o, sizeof o);
    if (group == NULL)
        return tg__refuse_null("tg_group_outcome", "group");

    struct tg__store *store = &group->exec.store;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    size_t count = tg__store_count(store);
    bool kept = index < count && tg__store_find(store, index) != NULL;
    if (kept)
        tg__outcome_fill(
            group, index, index < group->lifecycle.run_base && !tg__group_is_running(group), &o);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!kept)
        return tg__refuse(TG_INVALID, "tg_group_outcome: index %zu of %zu tasks%s", index, count,
            index < count ? " was recycled" : "");
    tg__answer_write(outcome, &o, sizeof o);
    return TG_OK;
}

tg_status tg_group_find(tg_group *group, uint64_t id, size_t *index)
{
    if (index == NULL)
        return tg__refuse(TG_INVALID, "tg_group_find: index is NULL");
    *index = TG_NO_INDEX;
    if (group == NULL)
        return tg__refuse_null("tg_group_find", "group");
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool found = id != 0 && tg__ids_find(&group->ids, id, index);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!found)
        return tg__refuse(
            TG_INVALID, "tg_group_find: no task has the id %llu", (unsigned long long)id);
    return TG_OK;
}

const tg_error *tg_group_error(tg_group *group)
{
    return group != NULL ? group->lifecycle.result_error : tg_error_last();
}

const tg_error *tg_group_error_next(tg_group *group, const tg_error *previous)
{
    if (group == NULL)
        return NULL;
    const struct tg__failure *next = group->exec.failures.head;
    if (previous != NULL)
        next = ((const struct tg__failure *)(const void *)previous)->next;
    return next != NULL ? &next->error : NULL;
}

/* Under the lock, between runs: returns the rank of the next success from *index on, or 0. */
static size_t next_success(const tg_group *group, size_t *index)
{
    const struct tg__store *store = &group->exec.store;
    for (; (*index = tg__store_next(store, *index, group->lifecycle.run_base)) <
           group->lifecycle.run_base;
        ++*index) {
        struct tg__view task = tg__store_get(store, *index);
        if (task.note != NULL && status_of(&task, true) == TG_OK && task.note->rank > 0)
            return task.note->rank;
    }
    return 0;
}

static int compare_rank(const void *a, const void *b)
{
    size_t i = ((const struct tg__success *)a)->rank, j = ((const struct tg__success *)b)->rank;
    return i < j ? -1 : i > j;
}

/* The successes whose records are there, in order of completion. False: out of memory. Under the
   lock, between runs. */
static bool build_order(tg_group *group)
{
    size_t count = 0, room = 0;
    if (group->completion.order != NULL)
        return true;
    for (size_t i = 0; next_success(group, &i) > 0; i++)
        room++;
    group->completion.order = malloc((room + 1) * sizeof *group->completion.order);
    if (group->completion.order == NULL)
        return false;
    for (size_t i = 0, rank; (rank = next_success(group, &i)) > 0; i++)
        group->completion.order[count++] = (struct tg__success){rank, i};
    qsort(group->completion.order, count, sizeof *group->completion.order, compare_rank);
    group->completion.order_count = count;
    return true;
}

/* The same one without memory, by looking at all of them as often as it takes. */
static size_t search(tg_group *group, size_t rank)
{
    size_t found = TG_NO_INDEX, above = 0;
    for (size_t r = 1; r <= rank; r++) {
        size_t least = SIZE_MAX;
        for (size_t i = 0, own; (own = next_success(group, &i)) > 0; i++) {
            if (own > above && own < least) {
                least = own;
                found = i;
            }
        }
        if (least == SIZE_MAX)
            return TG_NO_INDEX;
        above = least;
    }
    return found;
}

size_t tg_group_success(tg_group *group, size_t rank)
{
    size_t index = TG_NO_INDEX;
    if (group == NULL || rank == 0)
        return index;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_is_running(group) || !group->exec.store.noted)
        ;
    else if (!build_order(group))
        index = search(group, rank);
    else if (rank <= group->completion.order_count)
        index = group->completion.order[rank - 1].index;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return index;
}
