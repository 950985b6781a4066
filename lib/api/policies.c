/* SPDX-License-Identifier: MIT */
/* Policies in one call, by the public group API alone. */
#include <taskgroup/combine.h>

#include "base/options.h"
#include "base/status.h"

/* The caller's options, without what the policy itself sets. */
static tg_status read_options(
    const char *call, const tg_group_options *options, tg_group_options *o)
{
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(o, sizeof *o, options, why);
    if (status != TG_OK)
        return tg__refuse(status, "%s: options: %s", call, why);
    if (o->results != NULL)
        return tg__refuse(TG_INVALID, "%s: options: results is not NULL", call);
    if (o->result_size != 0 || o->capacity != 0 || o->need != 0)
        return tg__refuse(TG_INVALID, "%s: options: result_size is %zu, capacity %zu, need %zu",
            call, o->result_size, o->capacity, o->need);
    o->size = sizeof *o;
    return TG_OK;
}

tg_status tg_map_run(size_t count, tg_task_fn *function, const void *items, size_t stride,
    void *results, size_t result_size, const tg_group_options *options)
{
    tg_group_options o = {0};
    tg_status status = read_options("tg_map_run", options, &o);
    if (status != TG_OK)
        return status;
    if (function == NULL)
        return tg__refuse(TG_INVALID, "tg_map_run: function is NULL");
    if ((results == NULL) != (result_size == 0))
        return tg__refuse(TG_INVALID, "tg_map_run: results %s NULL with result_size %zu",
            results == NULL ? "is" : "is not", result_size);
    o.results = count > 0 ? results : NULL;
    o.result_size = count > 0 ? result_size : 0;
    o.capacity = results != NULL ? count : 0;
    if (o.grainsize == 0)
        o.grainsize = TG_GRAIN_AUTO;

    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    status = tg_group_add_many(group, function, count, items, stride, NULL);
    if (status == TG_OK)
        status = tg_group_run(group);
    tg_group_destroy(group);
    return status;
}

/* ---- several calls ---- */

static void add_calls(tg_group *group, size_t count, const tg_call *calls, unsigned flags)
{
    for (size_t i = 0; i < count; i++) {
        const tg_task_options task = {.size = sizeof task,
            .flags = calls[i].flags | flags,
            .name = calls[i].name,
            .result = calls[i].result};
        tg_group_add_with(group, calls[i].function, calls[i].arg, &task, NULL);
    }
}

static void tell_calls(tg_group *group, size_t count, tg_call *calls)
{
    if (tg_group_count(group) < count)
        return; /* one was refused, and so nothing ran */
    for (size_t i = 0; i < count; i++) {
        tg_outcome outcome = {.size = sizeof outcome};
        tg_group_outcome(group, i, &outcome);
        calls[i].status = outcome.status;
        calls[i].code = outcome.code;
    }
}

/* Is there a call that nobody could make? */
static tg_status check_calls(const char *name, size_t count, const tg_call *calls)
{
    for (size_t i = 0; i < count; i++) {
        unsigned unknown = calls[i].flags & ~(unsigned)TG_TASK_OPTIONAL;
        if (calls[i].function == NULL)
            return tg__refuse(TG_INVALID, "%s: function of call %zu is NULL", name, i);
        if (unknown != 0)
            return tg__refuse(
                TG_UNSUPPORTED, "%s: flags 0x%x of call %zu are unknown", name, unknown, i);
    }
    return TG_OK;
}

/* Reads the options, and makes the calls as if nothing had run. */
static tg_status begin(const char *name, size_t count, tg_call *calls,
    const tg_group_options *options, tg_group_options *o)
{
    if (calls == NULL && count > 0)
        return tg__refuse(TG_INVALID, "%s: calls is NULL with a count of %zu", name, count);
    for (size_t i = 0; i < count; i++) {
        calls[i].status = TG_NOT_RUN;
        calls[i].code = 0;
    }
    tg_status status = read_options(name, options, o);
    if (status != TG_OK)
        return status;
    if ((o->flags & TG_GROUP_RECYCLE) != 0) /* nobody could tell what became of them */
        return tg__refuse(TG_INVALID, "%s: options: flags have TG_GROUP_RECYCLE", name);
    return check_calls(name, count, calls);
}

tg_status tg_all_run(size_t count, tg_call *calls, const tg_group_options *options)
{
    tg_group_options o = {0};
    tg_status status = begin("tg_all_run", count, calls, options, &o);
    if (status != TG_OK)
        return status;
    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    add_calls(group, count, calls, 0);
    status = tg_group_run(group);
    tell_calls(group, count, calls);
    tg_group_destroy(group);
    return status;
}

/* The successes after the first `from`, as many as are wanted. */
static void tell_successes(tg_group *group, size_t from, size_t many, size_t *indices)
{
    for (size_t i = 0; indices != NULL && i < many; i++)
        indices[i] = group != NULL ? tg_group_success(group, from + i + 1) : TG_NO_INDEX;
}

/* race and take. */
static tg_status run_until_enough(const char *name, size_t count, tg_call *calls, unsigned flags,
    size_t need, size_t *winners, const tg_group_options *options)
{
    tg_group_options o = {0};
    tell_successes(NULL, 0, need, winners);
    tg_status status = begin(name, count, calls, options, &o);
    if (status != TG_OK || need == 0)
        return status;
    o.need = need;
    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    add_calls(group, count, calls, flags);
    status = tg_group_run(group);
    tell_calls(group, count, calls);
    tell_successes(group, 0, need, winners);
    tg_group_destroy(group);
    return status;
}

tg_status tg_race_run(size_t count, tg_call *calls, size_t *winner, const tg_group_options *options)
{
    return run_until_enough("tg_race_run", count, calls, TG_TASK_OPTIONAL, 1, winner, options);
}

tg_status tg_take_run(
    size_t count, tg_call *calls, size_t need, size_t *winners, const tg_group_options *options)
{
    return run_until_enough("tg_take_run", count, calls, 0, need, winners, options);
}

/* Too few: the failure that ended last says why, if there is one. */
static tg_status refuse_fewer(tg_group *group, size_t ok, size_t many)
{
    const tg_error *last = NULL;
    for (const tg_error *e = NULL; (e = tg_group_error_next(group, e)) != NULL;)
        last = e;
    if (last == NULL)
        return tg__refuse(TG_FEWER, "tg_last_run: %zu of %zu tasks have succeeded", ok, many);
    tg_error error = *last;
    error.status = TG_FEWER;
    return tg__error_publish(&error);
}

tg_status tg_last_run(
    size_t count, tg_call *calls, size_t many, size_t *last, const tg_group_options *options)
{
    tg_group_options o = {0};
    tell_successes(NULL, 0, many, last);
    tg_status status = begin("tg_last_run", count, calls, options, &o);
    if (status != TG_OK)
        return status;
    o.flags |= TG_GROUP_TIMES;
    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    add_calls(group, count, calls, 0);
    status = tg_group_run(group);
    tell_calls(group, count, calls);
    tg_report report = {.size = sizeof report};
    tg_group_report(group, &report);
    tell_successes(group, report.ok > many ? report.ok - many : 0, many, last);
    if (status == TG_OK && report.ok < many)
        status = refuse_fewer(group, report.ok, many);
    tg_group_destroy(group);
    return status;
}

/* One at a time, in order of adding: so each finds the result of the one before. */
tg_status tg_chain_run(size_t count, tg_call *calls, const tg_group_options *options)
{
    tg_group_options o = {0};
    tg_status status = begin("tg_chain_run", count, calls, options, &o);
    if (status != TG_OK)
        return status;
    o.flags &= ~(unsigned)TG_GROUP_KEEP_GOING;
    if (o.limit >= 0) /* what makes no sense is refused as ever */
        o.limit = 1;
    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    for (size_t i = 0; i < count; i++) {
        const tg_task_options task = {
            .size = sizeof task, .name = calls[i].name, .result = calls[i].result};
        tg_group_add_with(
            group, calls[i].function, i > 0 ? calls[i - 1].result : calls[i].arg, &task, NULL);
    }
    status = tg_group_run(group);
    tell_calls(group, count, calls);
    tg_group_destroy(group);
    return status;
}

/* ---- one ---- */

tg_status tg_call_run(tg_task_fn *function, const void *arg, void *result,
    const tg_task_options *task, const tg_group_options *options)
{
    tg_group_options o = {0};
    tg_task_options t;
    char why[TG__WHY_SIZE];
    if (function == NULL)
        return tg__refuse(TG_INVALID, "tg_call_run: function is NULL");
    tg_status status = read_options("tg_call_run", options, &o);
    if (status == TG_OK)
        status = tg__options_read(&t, sizeof t, task, why);
    else
        return status;
    if (status != TG_OK)
        return tg__refuse(status, "tg_call_run: task: %s", why);
    if (t.result != NULL)
        return tg__refuse(TG_INVALID, "tg_call_run: task: result is not NULL");
    t.size = sizeof t;
    t.result = result;
    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    status = tg_group_add_with(group, function, arg, &t, NULL);
    if (status == TG_OK)
        status = tg_group_run(group);
    tg_group_destroy(group);
    return status;
}
