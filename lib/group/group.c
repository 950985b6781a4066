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

static const unsigned all_flags =
    TG_GROUP_KEEP_GOING | TG_GROUP_REQUIRED_FIRST | TG_GROUP_IN_ORDER | TG_GROUP_RECYCLE |
    TG_GROUP_SHIELD | TG_GROUP_GUARD | TG_GROUP_TIMES | TG_GROUP_RAW_TASKS | TG_GROUP_FIRST_INDEX;

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
        {"deadline", o->deadline, 0, any, 0},
        {"queue", (double)o->queue, 0, any, TG_QUEUE_NONE},
        {"rate", o->rate, TG__RATE_LEAST, any, 0},
        {"burst", (double)o->burst, 0, any, 0},
    };
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;
    char text[TG__NUMBER_SIZE];
    if ((o->flags & ~all_flags) != 0)
        tg__refuse_create(
            TG_UNSUPPORTED, "%s: flags 0x%x are unknown", call, o->flags & ~all_flags);
    else if (tg__number_is_wrong(numbers, sizeof numbers / sizeof *numbers, text))
        tg__refuse_create(TG_INVALID, "%s: %s", call, text);
    else if (o->burst > 0 && !(o->rate > 0))
        tg__refuse_create(TG_INVALID, "%s: burst is %ld without rate", call, o->burst);
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
    group->reports_nested = wanted != NULL && strcmp(wanted, "all") == 0;
    group->reports = group->reports_nested || (wanted != NULL && strcmp(wanted, "1") == 0);
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;
    exec->keep_going = (o->flags & TG_GROUP_KEEP_GOING) != 0;
    exec->shield = (o->flags & TG_GROUP_SHIELD) != 0;
    exec->need = o->need;
    exec->first_index = (o->flags & TG_GROUP_FIRST_INDEX) != 0;
    exec->keeps_times = (o->flags & TG_GROUP_TIMES) != 0 || group->reports;
    group->runq.raw = (o->flags & TG_GROUP_RAW_TASKS) != 0;
    exec->joins = group->runq.raw;
    exec->user = o->user;
    exec->locals.init = o->worker_init;
    exec->locals.fini = o->worker_fini;
    if ((o->flags & TG_GROUP_RECYCLE) != 0)
        tg__store_recycle_all(&exec->store);
    exec->store.noted = exec->keeps_times || o->need > 0 || (o->on_done != NULL && !in_order);
    exec->ranks_later = o->on_done != NULL && !in_order;
    tg__failures_init(&exec->failures, exec->store.recycles ? FAILURES_RECYCLED : 0);
    exec->failures.lowest = exec->first_index;
    exec->watches_ends = o->on_done != NULL || o->queue != 0 || exec->store.recycles;
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
    tg_group *group = tg__group_new(&o);
    if (group == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "tg_group_create: out of memory");
    group->owner = &tg__owner_user;
    group->exec.calls = &exec_calls;
    set_rules(group);
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
    if (group->lifecycle.started)
        tg__attach_finish(group);
    tg__group_destroy(group);
}

tg_status tg__group_renew(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg_status status = tg__group_is_running(group) || group->suspended.count > 0 ? TG_BUSY : TG_OK;
    if (status == TG_OK)
        tg__parts_reset(group);
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
    status = tg__attach_is_on(group) ? TG_BUSY : tg__group_renew(group);
    return status == TG_OK
               ? TG_OK
               : tg__refuse(status, "tg_group_reset: the group is running, or a hold is open");
}

tg_context *tg_group_context(tg_group *group)
{
    return group != NULL ? &group->context : NULL;
}

void *tg_group_user(const tg_group *group)
{
    return group != NULL ? group->options.user : NULL;
}

/* ---- running it ---- */

tg_status tg_group_run(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_run", "group");
    if (tg__attach_applies(group))
        return tg__attach_run(group, "tg_group_run", NULL, NULL);
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
        return tg__attach_run(group, "tg_group_scope", body, user);
    tg_status status = tg__group_refuse_owned(group, "tg_group_scope");
    if (status != TG_OK)
        return status;
    return tg__run_here(group, "tg_group_scope", body, user);
}
