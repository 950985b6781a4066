/* SPDX-License-Identifier: MIT */
/* What the user reads of a group: results, outcomes, errors, numbers. Changes nothing. */
#include "group.h"

#include "options.h"
#include "status.h"

#include <stddef.h>

size_t tg_group_count(const tg_group *group)
{
    return group != NULL ? tg__store_count(&group->run.store) : 0;
}

void *tg_group_results(tg_group *group)
{
    tg_status status = TG_INVALID;
    void *results = NULL;
    if (group == NULL) {
        tg__refuse_null("tg_group_results", "group");
        return NULL;
    }
    tg__lock_take(&group->lock);
    struct tg__store *store = &group->run.store;
    if (group->running)
        status = TG_BUSY;
    else if (store->base != NULL && (results = tg__store_results(store)) == NULL)
        status = TG_NO_MEMORY;
    tg__lock_give(&group->lock);
    if (results == NULL)
        tg__refuse(status, "tg_group_results: %s",
            status == TG_BUSY         ? "the group is running"
            : status == TG_NO_MEMORY  ? "out of memory"
            : store->result_size == 0 ? "result_size is 0"
                                      : "the group has not run yet");
    return results;
}

void *tg_group_result(tg_group *group, size_t index)
{
    if (group == NULL) {
        tg__refuse_null("tg_group_result", "group");
        return NULL;
    }
    const struct tg__store *store = &group->run.store;
    struct tg__view task = {0};
    tg__lock_take(&group->lock); /* the first run gives the segments their slots */
    size_t count = tg__store_count(store);
    if (index < (group->running ? count : group->settled))
        tg__store_view(store, tg__store_find(store, index, NULL), index, &task);
    tg__lock_give(&group->lock);
    if (index >= count)
        tg__refuse(TG_INVALID, "tg_group_result: index %zu of %zu tasks", index, count);
    else if (task.result == NULL)
        tg__refuse(TG_INVALID, "tg_group_result: task %zu has no result slot", index);
    return task.result;
}

/* The status of a task that nobody has touched is a matter of when one looks. */
static tg_status status_of(const struct tg__cell *cell, bool settled)
{
    unsigned char state = atomic_load_explicit(&cell->state, memory_order_acquire);
    if (state != 0)
        return TG__STATUS(state);
    return settled ? TG_SKIPPED : TG_NOT_RUN;
}

tg_status tg_group_outcome(tg_group *group, size_t index, tg_outcome *outcome)
{
    if (outcome == NULL)
        return tg__refuse_null("tg_group_outcome", "outcome");
    if (outcome->size < sizeof outcome->size)
        return tg__refuse(TG_INVALID, "tg_group_outcome: outcome->size is %zu", outcome->size);
    tg_outcome o = {0};
    tg__answer_write(outcome, &o, sizeof o);
    if (group == NULL)
        return tg__refuse_null("tg_group_outcome", "group");

    tg__lock_take(&group->lock);
    size_t count = tg__store_count(&group->run.store);
    if (index < count) {
        struct tg__view task;
        tg__store_view(
            &group->run.store, tg__store_find(&group->run.store, index, NULL), index, &task);
        o.index = index;
        o.status = status_of(task.cell, index < group->settled && !group->running);
        if (o.status < TG_NOT_RUN)
            o.code = atomic_load_explicit(&task.cell->code, memory_order_relaxed);
        o.id = task.extra != NULL ? task.extra->id : 0;
        o.name = task.extra != NULL ? task.extra->name : "";
        o.message = "";
        if (o.status != TG_OK && o.status < TG_NOT_RUN)
            o.message = tg_status_message(o.status);
        if (o.status == TG_FAILED && !group->running) {
            const struct tg__failure *failure = tg__failures_find(&group->run.failures, index);
            o.message = failure != NULL ? failure->error.message : o.message;
        }
    }
    tg__lock_give(&group->lock);
    if (index >= count)
        return tg__refuse(TG_INVALID, "tg_group_outcome: index %zu of %zu tasks", index, count);
    tg__answer_write(outcome, &o, sizeof o);
    return TG_OK;
}

tg_status tg_group_find(tg_group *group, uint64_t id, size_t *index)
{
    if (index == NULL)
        return tg__refuse_null("tg_group_find", "index");
    *index = TG_NO_INDEX;
    if (group == NULL)
        return tg__refuse_null("tg_group_find", "group");
    tg__lock_take(&group->lock);
    bool found = id != 0 && tg__ids_find(&group->ids, id, index);
    tg__lock_give(&group->lock);
    if (!found)
        return tg__refuse(
            TG_INVALID, "tg_group_find: no task has the id %llu", (unsigned long long)id);
    return TG_OK;
}

const tg_error *tg_group_error(tg_group *group)
{
    return group != NULL ? group->answer_error : tg_error_last();
}

const tg_error *tg_group_error_next(tg_group *group, const tg_error *previous)
{
    if (group == NULL)
        return NULL;
    const struct tg__failure *next = group->run.failures.head;
    if (previous != NULL)
        next = ((const struct tg__failure *)(const void *)previous)->next;
    return next != NULL ? &next->error : NULL;
}

tg_status tg_group_report(tg_group *group, tg_report *report)
{
    if (report == NULL)
        return tg__refuse_null("tg_group_report", "report");
    if (report->size < sizeof report->size)
        return tg__refuse(TG_INVALID, "tg_group_report: report->size is %zu", report->size);
    tg_report r = {0};
    tg__answer_write(report, &r, sizeof r);
    if (group == NULL)
        return tg__refuse_null("tg_group_report", "group");
    tg__lock_take(&group->lock);
    r.added = tg__store_count(&group->run.store);
    r.ok = atomic_load(&group->run.ok);
    r.failed = atomic_load(&group->run.failed);
    r.cancelled = atomic_load(&group->run.cancelled);
    r.skipped = group->skipped;
    r.not_run = r.added - group->settled;
    r.threads_asked = group->threads_asked;
    r.threads = group->threads;
    r.wall = group->wall;
    tg__lock_give(&group->lock);
    tg__answer_write(report, &r, sizeof r);
    return TG_OK;
}
