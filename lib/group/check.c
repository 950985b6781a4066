/* SPDX-License-Identifier: MIT */
/* Which options of a task make sense in a group; and refusing an add, with words. */
#include "group/addition.h"

#include "base/options.h"
#include "base/status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* The batch is incomplete without what was refused: so the run is. */
static void lose(tg_group *group, tg_status status, const char *text)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_loses(group)) {
        group->lifecycle.add_error = status;
        snprintf(group->lifecycle.error_text, sizeof group->lifecycle.error_text, "%s", text);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* Refuses an add. Two refusals are not remembered: one of a full queue or a closed pool, which was
   asked for or says it all, and a duplicate, without which the batch is complete. (What has stopped
   turns away: tg__add_check_open().) */
tg_status tg__add_refuse(tg_group *group, tg_status status, const char *format, ...)
{
    char text[sizeof group->lifecycle.error_text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (status >= TG_INVALID && status != TG_DUPLICATE)
        lose(group, status, text);
    return tg__refuse(status, "%s", text);
}

/* The caller's array ends. */
static tg_status refuse_slot(tg_group *group, const char *call, size_t many)
{
    char text[sizeof group->lifecycle.error_text];
    snprintf(text, sizeof text, "%s: %zu more than the %zu slots of results", call, many,
        group->options.capacity);
    lose(group, TG_FULL, text);
    return tg__refuse(TG_FULL, "%s", text);
}

/* Says what an add of `many` tasks was refused for. */
tg_status tg__add_explain(tg_group *group, tg_status status, const struct tg__addition *a)
{
    const char *call = a->call;
    switch (status) {
    case TG_DUPLICATE:
        return tg__add_refuse(
            group, status, "%s: id %llu is taken", call, (unsigned long long)a->o.id);
    case TG_CLOSED:
        return tg__add_refuse(group, status, "%s: the %s %s", call, group->owner->kind,
            tg__group_is_parents(group) ? "belongs to the parent process" : "has stopped");
    case TG_CANCELLED:
        return tg__add_refuse(group, status, "%s: the group stopped while there was no room", call);
    case TG_FULL:
        if (a->no_slot)
            return refuse_slot(group, call, a->count);
        return tg__add_refuse(group, status, "%s: the queue of %ld is full", call,
            group->options.queue > 0 ? group->options.queue : 0);
    case TG_TOO_LARGE:
        return tg__add_refuse(group, status, "%s: %zu tasks are too many", call, a->count);
    case TG_NO_SYSTEM:
        return tg__add_refuse(group, status, "%s: the system has no thread left", call);
    case TG_INVALID:
        return tg__add_refuse(
            group, status, "%s: weight %zu is more than the task around holds", call, a->o.weight);
    default:
        return tg__add_refuse(group, status, "%s: out of memory", call);
    }
}

bool tg__add_has_time(const tg_task_options *o)
{
    return o->start > 0 || o->delay > 0 || o->period > 0;
}

/* Is none of them set? Zero is always right, and most tasks have no more. (Not a number is not
 * zero.) */
static bool numbers_are_zero(const tg_task_options *o)
{
    return (o->priority | o->attempts | o->when_full) == 0 && o->backoff == 0 &&
           o->backoff_max == 0 && o->timeout == 0 && o->patience == 0 && o->start == 0 &&
           o->delay == 0 && o->period == 0 && o->deadline == 0;
}

static bool numbers_are_wrong(const tg_task_options *o, char text[TG__NUMBER_SIZE])
{
    if (numbers_are_zero(o))
        return false;
    const double any = (double)INFINITY;
    const struct tg__number numbers[] = {
        {"priority", o->priority, -TG_PRIORITY_MOST, TG_PRIORITY_MOST, 0},
        {"attempts", o->attempts, 0, TG_ATTEMPTS_MOST, TG_ENDLESS},
        {"backoff", o->backoff, 0, any, 0},
        {"backoff_max", o->backoff_max, 0, any, 0},
        {"timeout", o->timeout, 0, any, 0},
        {"patience", o->patience, 0, any, 0},
        {"when_full", o->when_full, TG_FULL_WAIT, TG_FULL_RUN, 0},
        {"start", o->start, 0, any, 0},
        {"delay", o->delay, 0, any, 0},
        {"period", o->period, 0, any, 0},
        {"deadline", o->deadline, 0, any, 0},
    };
    return tg__number_is_wrong(numbers, sizeof numbers / sizeof *numbers, text);
}

static tg_status check_times(tg_group *group, const char *call, const tg_task_options *o)
{
    bool timed = tg__add_has_time(o);
    if (o->start > 0 && o->delay > 0)
        return tg__add_refuse(
            group, TG_INVALID, "%s: start %g and delay %g", call, o->start, o->delay);
    if (o->period > 0 && o->attempts != 0)
        return tg__add_refuse(
            group, TG_INVALID, "%s: period %g and attempts %d", call, o->period, o->attempts);
    if (timed && group->options.ahead != 0)
        return tg__add_refuse(group, TG_INVALID,
            "%s: start %g, delay %g or period %g in a group with ahead", call, o->start, o->delay,
            o->period);
    if ((o->flags & TG_TASK_BACKGROUND) != 0 && !timed)
        return tg__add_refuse(
            group, TG_INVALID, "%s: TG_TASK_BACKGROUND without start, delay or period", call);
    if ((timed || (o->attempts != 0 && o->backoff > 0)) && !tg__events_start())
        return tg__add_refuse(group, TG_NO_SYSTEM, "%s: the system has no thread left", call);
    return TG_OK;
}

static tg_status check_weight(tg_group *group, const char *call, const tg_task_options *o)
{
    if (o->weight == 0)
        return TG_OK;
    if (group->options.shared == NULL)
        return tg__add_refuse(
            group, TG_INVALID, "%s: weight is %zu without a shared limit", call, o->weight);
    if (tg__limit_too_heavy(group->options.shared, o->weight))
        return tg__add_refuse(
            group, TG_TOO_LARGE, "%s: weight %zu is more than the limit", call, o->weight);
    return TG_OK;
}

tg_status tg__add_check_options(tg_group *group, const char *call, const tg_task_options *o)
{
    bool recycles = (group->options.flags & TG_GROUP_RECYCLE) != 0;
    unsigned unknown =
        o->flags & ~(unsigned)(TG_TASK_OPTIONAL | TG_TASK_BACKGROUND | TG_TASK_CANCELLABLE);
    char text[TG__NUMBER_SIZE];
    if (unknown != 0)
        return tg__add_refuse(group, TG_UNSUPPORTED, "%s: flags 0x%x are unknown", call, unknown);
    if (numbers_are_wrong(o, text))
        return tg__add_refuse(group, TG_INVALID, "%s: %s", call, text);
    if (o->priority != 0 && group->options.ahead != 0)
        return tg__add_refuse(
            group, TG_INVALID, "%s: priority %d in a group with ahead", call, o->priority);
    if (recycles && o->id != 0)
        return tg__add_refuse(group, TG_INVALID, "%s: id %llu with TG_GROUP_RECYCLE", call,
            (unsigned long long)o->id);
    if (recycles && o->result != NULL && !group->owner->takes_results)
        return tg__add_refuse(group, TG_INVALID, "%s: a result with TG_GROUP_RECYCLE", call);
    if (o->copy > PTRDIFF_MAX)
        return tg__add_refuse(group, TG_TOO_LARGE, "%s: copy is %zu", call, o->copy);
    tg_status status = check_weight(group, call, o);
    return status == TG_OK ? check_times(group, call, o) : status;
}

tg_status tg__add_read_options(
    tg_group *group, const char *call, const tg_task_options *options, tg_task_options *o)
{
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(o, sizeof *o, options, why);
    return status == TG_OK ? TG_OK : tg__add_refuse(group, status, "%s: options: %s", call, why);
}

tg_status tg__add_options(
    tg_group *group, const char *call, const tg_task_options *options, tg_task_options *o)
{
    tg_status status = tg__add_read_options(group, call, options, o);
    return status == TG_OK ? tg__add_check_options(group, call, o) : status;
}
