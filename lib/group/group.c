/* SPDX-License-Identifier: MIT */
/* Making a group, freeing it, and making it as new. */
#include "group/group.h"

#include "base/options.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What no runtime can serve is refused here, where it can be explained. */
enum { THREADS_MOST = 1 << 13 };

/* Failures that are kept where records are not. */
enum { FAILURES_RECYCLED = 1000 };

static void free_group(tg_context *context)
{
    free(context);
}

static const unsigned all_flags = TG_GROUP_KEEP_GOING | TG_GROUP_REQUIRED_FIRST |
                                  TG_GROUP_IN_ORDER | TG_GROUP_RECYCLE | TG_GROUP_SHIELD |
                                  TG_GROUP_GUARD | TG_GROUP_TIMES | TG_GROUP_RAW_TASKS;

/* Refuses for tg_group_create() what makes no sense. */
static bool check_options(const tg_group_options *o)
{
    static const char call[] = "tg_group_create";
    const double any = (double)INFINITY;
    const struct tg__number numbers[] = {
        {"threads", o->threads, 0, THREADS_MOST, 0},
        {"limit", (double)o->limit, 0, any, 0},
        {"grainsize", (double)o->grainsize, 0, any, TG_GRAIN_AUTO},
        {"timeout", o->timeout, 0, any, 0},
        {"queue", (double)o->queue, 0, any, TG_QUEUE_NONE},
    };
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;
    char text[TG__NUMBER_SIZE];
    if ((o->flags & ~all_flags) != 0)
        tg__refuse_create(
            TG_UNSUPPORTED, "%s: flags 0x%x are unknown", call, o->flags & ~all_flags);
    else if (tg__number_is_wrong(numbers, sizeof numbers / sizeof *numbers, text))
        tg__refuse_create(TG_INVALID, "%s: %s", call, text);
    else if (o->results != NULL && (o->capacity == 0 || o->result_size == 0))
        tg__refuse_create(TG_INVALID, "%s: results with result_size %zu and capacity %zu", call,
            o->result_size, o->capacity);
    else if (o->result_size != 0 && o->capacity > PTRDIFF_MAX / o->result_size)
        tg__refuse_create(TG_TOO_LARGE, "%s: capacity %zu times result_size %zu", call, o->capacity,
            o->result_size);
    else if (in_order && o->on_done == NULL)
        tg__refuse_create(TG_INVALID, "%s: TG_GROUP_IN_ORDER without on_done", call);
    else if ((o->flags & TG_GROUP_REQUIRED_FIRST) != 0 && o->ahead != 0)
        tg__refuse_create(
            TG_INVALID, "%s: ahead is %zu with TG_GROUP_REQUIRED_FIRST", call, o->ahead);
    else if (!in_order && o->ahead != 0)
        tg__refuse_create(TG_INVALID, "%s: ahead is %zu without TG_GROUP_IN_ORDER", call, o->ahead);
    else if ((o->flags & TG_GROUP_RECYCLE) != 0 && (o->results != NULL || o->capacity != 0))
        tg__refuse_create(
            TG_INVALID, "%s: TG_GROUP_RECYCLE with results or capacity %zu", call, o->capacity);
    else
        return true;
    return false;
}

static const struct tg__exec_calls exec_calls = {
    .reserve = tg__suspended_reserve,
    .suspend = tg__suspended_put,
    .again = tg__expire_again,
    .on_end = tg__completion_on_end,
    .after_end = tg__completion_after_end,
    .on_cancelled_claim = tg__completion_on_cancelled_claim,
    .on_skipped = tg__completion_on_skipped,
};

/* How the group runs its tasks, once and for all. */
static void set_rules(tg_group *group)
{
    const tg_group_options *o = &group->options;
    struct tg__exec *exec = &group->exec;
    const char *wanted = getenv("TASKGROUP_REPORT");
    group->reports = wanted != NULL && strcmp(wanted, "1") == 0;
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;
    exec->keep_going = (o->flags & TG_GROUP_KEEP_GOING) != 0;
    exec->shield = (o->flags & TG_GROUP_SHIELD) != 0;
    exec->need = o->need;
    group->runq.raw = (o->flags & TG_GROUP_RAW_TASKS) != 0;
    exec->joins = group->runq.raw;
    exec->user = o->user;
    exec->locals.init = o->worker_init;
    exec->locals.fini = o->worker_fini;
    if ((o->flags & TG_GROUP_RECYCLE) != 0)
        tg__store_recycle_all(&exec->store);
    exec->store.noted = (o->flags & TG_GROUP_TIMES) != 0 || group->reports || o->need > 0 ||
                        (o->on_done != NULL && !in_order);
    exec->ranks_later = o->on_done != NULL && !in_order;
    tg__failures_init(&exec->failures, exec->store.recycles ? FAILURES_RECYCLED : 0);
    exec->watches_ends = o->on_done != NULL || o->queue != 0 || exec->store.recycles;
}

/* What reset makes anew, beside the parts that reset themselves. Nobody looks meanwhile: an order would only cost. */
static void forget(tg_group *group)
{
    struct tg__exec *exec = &group->exec;
    const memory_order any = memory_order_relaxed;
    atomic_size_t *const counts[] = {&exec->ok, &exec->failed, &exec->timed_out, &exec->crashed,
        &exec->cancelled, &exec->dropped, &exec->attempts, &exec->ready_again, &exec->ranks,
        &exec->successes, &group->dispatch.ready_count, &group->dispatch.late,
        &group->backpressure.outstanding, &group->completion.delivered, &group->completion.finished,
        &group->completion.backlog};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        atomic_store_explicit(counts[i], 0, any);
    atomic_store_explicit(&exec->stopped_itself, false, any);
    atomic_store_explicit(&exec->enough, false, any);
    atomic_store_explicit(&exec->called_off, false, any);
    exec->times.busy = exec->times.longest = 0;
    exec->times.longest_index = TG_NO_INDEX;
    atomic_store_explicit(&group->dispatch.ordered, tg__claims_ordered(&group->options), any);
    group->dispatch.ready.count = group->dispatch.ready.reserved = 0;
    group->timers.heap.reserved = 0;
    tg__timers_drop(group);
    group->timers.dropped = false;
    atomic_store_explicit(&group->timers.expired, false, any);
    group->dispatch.heaviest = 0;
    free(group->completion.order);
    group->completion.order = NULL;
    tg__hold_free_all(group);
    group->suspended.count = group->suspended.opened = 0;
    group->lifecycle.add_error = TG_OK;
    group->lifecycle.add_error_code = 0;
    group->lifecycle.turned_away = false;
    atomic_store_explicit(&group->completion.delivers, false, any);
    group->lifecycle.run_base = 0;
    group->lifecycle.result = TG_OK;
    group->lifecycle.result_error = NULL;
    group->lifecycle.skipped = group->lifecycle.ended = 0;
    group->lifecycle.threads = group->lifecycle.threads_asked = 0;
    group->lifecycle.wall = 0;
}

tg_group *tg_group_create(const tg_group_options *options)
{
    tg_group_options o;
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(&o, sizeof o, options, why);
    if (status != TG_OK)
        return tg__refuse_create(status, "tg_group_create: options: %s", why);
    if (!check_options(&o))
        return NULL;
    tg_group *group = calloc(1, sizeof *group);
    if (group == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "tg_group_create: out of memory");
    group->options = o;
    tg__context_init(&group->context, o.context, free_group);
    group->exec.group = group;
    group->exec.calls = &exec_calls;
    group->owner = &tg__owner_user;
    group->exec.context = &group->context;
    group->timers.armed = UINT64_MAX;
    group->dispatch.slots.most = o.limit;
    group->dispatch.queue.splits = o.grainsize == TG_GRAIN_AUTO;
    long grain = o.grainsize > 0 ? o.grainsize : 1;
    atomic_init(&group->dispatch.grain, grain < TG__CLAIM_MOST ? grain : TG__CLAIM_MOST);
    tg__store_init(&group->exec.store, o.result_size, o.results, o.capacity);
    atomic_init(&group->process, tg__process_number());
    tg__group_init_waits(group);
    if (o.shared != NULL)
        tg__limit_ref(o.shared);
    tg__serve_init(group);
    set_rules(group);
    forget(group);
    return group;
}

/* ---- */

void tg__group_destroy(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool running = tg__group_is_running(group);
    group->lifecycle.destroy_pending = true;
    if (running) /* under the lock: afterwards the run may have freed it */
        tg_context_cancel(&group->context, 0, "the group was destroyed");
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    if (!running)
        tg__group_free(group);
}

void tg_group_destroy(tg_group *group)
{
    if (group == NULL || group->persistent)
        return;
    if (tg__group_is_parents(group)) { /* unless we are in the middle of it */
        if (tg__frame_inside(&group->exec) == NULL)
            tg__group_free_parents(group);
        return;
    }
    tg__group_adopt(group);
    if (tg__attach_is_inside(group)) { /* a wait for it would wait for this task */
        tg_context_cancel(&group->context, 0, "the group was destroyed");
        return;
    }
    if (group->options.pool != NULL)
        tg__attach_finish(group);
    tg__group_destroy(group);
}

tg_status tg__group_renew(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg_status status = tg__group_is_running(group) || group->suspended.count > 0 ? TG_BUSY : TG_OK;
    if (status == TG_OK) {
        tg__store_reset(&group->exec.store);
        tg__failures_reset(&group->exec.failures);
        tg__ids_reset(&group->ids);
        forget(group);
        tg__queue_reset(&group->dispatch.queue);
        tg__hook_settle(&group->context);
        tg__context_reset(&group->context);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return status;
}

tg_status tg_group_reset(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_reset", "group");
    tg_status status = tg__group_refuse_owned(group, "tg_group_reset");
    if (status != TG_OK)
        return status;
    status = tg__group_renew(group);
    return status == TG_OK
               ? TG_OK
               : tg__refuse(status, "tg_group_reset: the group is running, or a hold is open");
}

tg_context *tg_group_context(tg_group *group)
{
    return group != NULL ? &group->context : NULL;
}

/* ---- running it ---- */

tg_status tg_group_run(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_run", "group");
    if (tg__attach_applies(group))
        return tg__attach_run(group);
    tg_status status = tg__group_refuse_owned(group, "tg_group_run");
    if (status != TG_OK)
        return status;
    return tg__run_here(group, "tg_group_run", NULL, NULL);
}

tg_status tg_group_scope(tg_group *group, tg_scope_fn *body, void *user)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_scope", "group");
    if (body == NULL)
        return tg__refuse(TG_INVALID, "tg_group_scope: body is NULL");
    if (tg__attach_applies(group))
        return tg__refuse(TG_INVALID, "tg_group_scope: the group runs over a pool");
    tg_status status = tg__group_refuse_owned(group, "tg_group_scope");
    if (status != TG_OK)
        return status;
    return tg__run_here(group, "tg_group_scope", body, user);
}
