/* SPDX-License-Identifier: MIT */
/* Objects in the states that the calls want, and what becomes of them afterwards. */
#define _GNU_SOURCE
#include "world.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define wait_until(condition) \
    while (!(condition))      \
    sched_yield()

/* What the world itself needs must work. */
#define must(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

_Noreturn static void fail(const char *condition, int line)
{
    fprintf(stderr, "world.c:%d: not %s: %s\n", line, condition, tg_error_last()->message);
    _exit(3);
}

static int task_fails(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 3, "no luck");
}

static int task_defers(tg_task *self, void *arg, void *result)
{
    struct world *w = arg;
    (void)result;
    w->away = tg_task_group(self);
    w->away_index = tg_task_index(self);
    int code = tg_task_defer(self);
    atomic_store(&w->ready, 1);
    return code;
}

static void complete_away(void *user)
{
    struct world *w = user;
    (void)tg_group_complete(w->away, w->away_index, 0, NULL);
}

/* ---- the call itself ---- */

/* What a refused call must leave as it was. */
struct look {
    size_t count, numbers[11], used;
    tg_status stopped;
};

static struct look look(const struct world *w)
{
    struct look seen = {.count = tg_group_count(w->group), .used = tg_limit_used(w->limit)};
    tg_report r = {.size = sizeof r};
    tg_pool_numbers n = {.size = sizeof n};
    int group = w->call->group;
    if (w->group != NULL && group != GROUP_RUNNING && group != GROUP_DOOMED &&
        group != GROUP_OF_POOL && group != GROUP_LENT_INSIDE) {
        (void)tg_group_report(w->group, &r);
        memcpy(seen.numbers,
            (size_t[]){r.added, r.ok, r.failed, r.cancelled, r.skipped, r.not_run, r.timed_out,
                r.crashed, r.dropped},
            9 * sizeof(size_t));
    }
    if (w->group != NULL)
        seen.stopped = tg_context_check(tg_group_context(w->group));
    if (w->context != NULL)
        seen.stopped = tg_context_check(w->context);
    if (w->pool != NULL && tg_pool_report(w->pool, &n) == TG_OK) {
        seen.numbers[9] = n.submitted;
        seen.numbers[10] = (size_t)n.threads;
    }
    return seen;
}

static void compare(struct world *w, const struct look *before)
{
    struct look after = look(w);
    if (after.count != before->count)
        say(w, "; BUT has changed the count from %zu to %zu", before->count, after.count);
    if (after.stopped != before->stopped || after.used != before->used)
        say(w, "; BUT has changed the state");
    for (size_t i = 0; i < sizeof after.numbers / sizeof *after.numbers; i++)
        if (after.numbers[i] != before->numbers[i])
            say(w, "; BUT has changed number %zu from %zu to %zu", i, before->numbers[i],
                after.numbers[i]);
}

static void make_call(struct world *w)
{
    struct look before = look(w);
    forget_error();
    w->call->make(w);
    if (w->refused)
        compare(w, &before);
}

/* ---- places to make it in ---- */

static int task_calls(tg_task *self, void *arg, void *result)
{
    struct world *w = arg;
    (void)result;
    if (w->call->task == TASK_SELF)
        w->task = self;
    if (w->call->group == GROUP_OF_POOL)
        w->group = tg_task_group(self);
    if (w->call->group == GROUP_DOOMED)
        tg_group_destroy(w->group);
    if (w->call->task == TASK_INSIDE)
        wait_until(atomic_load(&w->ready));
    make_call(w);
    return w->code;
}

static int body_calls(tg_group *group, void *user)
{
    struct world *w = user;
    (void)group;
    w->task = tg_task_current();
    make_call(w);
    return w->code;
}

static void hook_calls(void *user)
{
    struct world *w = user;
    make_call(w);
    atomic_store(&w->done, 1);
}

/* In a task of a group of its own. */
static void call_in_task(struct world *w, tg_limit *limit)
{
    tg_outcome o = {.size = sizeof o};
    w->around = tg_group_create(TG_GROUP(.threads = 1, .shared = limit));
    must(tg_group_add(w->around, task_calls, w) == TG_OK);
    (void)tg_group_run(w->around);
    must(tg_group_outcome(w->around, 0, &o) == TG_OK);
    if (o.status != TG_OK) {
        say(w, "; the task ends %s %d ", tg_status_name(o.status), o.code);
        say_text(w, o.message);
    }
}

static void call_in_body(struct world *w)
{
    w->around = tg_group_create(TG_GROUP(.threads = 1));
    tg_status status = tg_group_scope(w->around, body_calls, w);
    if (status != TG_OK) {
        say(w, "; the scope ends %s ", tg_status_name(status));
        say_text(w, tg_group_error(w->around)->message);
    }
}

static void call_in_pool(struct world *w)
{
    must(w->pool != NULL);
    must(tg_pool_submit(w->pool, task_calls, w, NULL, &w->submitted) == TG_OK);
    if (w->call->task == TASK_INSIDE)
        must(tg_pool_submit(w->pool, task_fine, NULL, NULL, &w->task) == TG_OK);
    atomic_store(&w->ready, 1);
    (void)tg_task_wait(w->submitted, TG_FOREVER);
}

static void call_in_place(struct world *w)
{
    const struct input_call *call = w->call;
    if (call->group == GROUP_RUNNING || call->group == GROUP_DOOMED) {
        must(tg_group_add(w->group, task_calls, w) == TG_OK);
        tg_status status = tg_group_run(w->group);
        if (call->group == GROUP_DOOMED)
            w->group = NULL;
        if (status != (call->group == GROUP_DOOMED ? TG_CANCELLED : TG_OK))
            say(w, "; the run around it answers %s", tg_status_name(status));
    } else if (call->group == GROUP_LENT_INSIDE) {
        tg_group *group = w->group; /* the call may think that it has destroyed it */
        must(tg_group_add(group, task_calls, w) == TG_OK);
        must(tg_group_start(group) == TG_OK);
        (void)tg_group_wait(group, TG_FOREVER);
        w->group = group;
    } else if (call->task == TASK_SELF || call->limit == LIMIT_USED) {
        call_in_task(w, w->limit);
    } else if (call->task == TASK_BODY) {
        call_in_body(w);
    } else if (call->group == GROUP_OF_POOL || call->pool == POOL_INSIDE ||
               call->task == TASK_INSIDE) {
        call_in_pool(w);
    } else if (call->hook == HOOK_INSIDE) {
        (void)tg_context_cancel(w->above, 0, NULL);
        wait_until(atomic_load(&w->done));
    } else {
        make_call(w);
    }
}

/* ---- objects ---- */

static void make_context(struct world *w)
{
    switch (w->call->context) {
    case 0:
        return;
    case CONTEXT_LATE:
        w->context = tg_context_create(TG_CONTEXT(.timeout = DBL_MIN));
        must(tg_context_check(w->context) == TG_TIMED_OUT); /* noticed */
        return;
    case CONTEXT_BELOW:
        w->above = tg_context_create(NULL);
        w->context = tg_context_create(TG_CONTEXT(.parent = w->above));
        (void)tg_context_cancel(w->above, 9, "from above");
        return;
    case CONTEXT_OF_GROUP:
        w->around = tg_group_create(NULL);
        w->context = tg_group_context(w->around);
        return;
    default:
        w->context = tg_context_create(NULL);
    }
    if (w->call->context == CONTEXT_CANCELLED)
        (void)tg_context_cancel(w->context, 8, "before");
}

static tg_pool *new_pool(struct world *w)
{
    return tg_pool_create(TG_POOL(.threads = 1, .context = w->scope));
}

static void make_pool(struct world *w)
{
    int task = w->call->task;
    bool handle =
        task == TASK_ENDED || task == TASK_QUEUED || task == TASK_AWAY || task == TASK_INSIDE;
    if (w->call->pool == POOL_STOPPED)
        w->scope = tg_context_create(NULL);
    if (w->call->pool != 0 || handle || w->call->group == GROUP_OF_POOL)
        w->pool = new_pool(w);
    if (w->call->pool == POOL_STOPPED)
        (void)tg_context_cancel(w->scope, 8, "before");
    if (w->call->pool == POOL_CLOSED)
        must(tg_pool_close(w->pool, 0, NULL) == TG_OK);
    if (w->call->pool == POOL_PAUSED || task == TASK_QUEUED)
        must(tg_pool_pause(w->pool, 1) == TG_OK);
    if (w->call->pool ==
        POOL_PAUSED) /* a delayed task: a close ends the pause, and might find the other one run */
        must(tg_pool_submit(w->pool, task_fine, NULL, TG_TASK(.delay = 3600), NULL) == TG_OK);
}

static void make_task(struct world *w)
{
    int task = w->call->task;
    if (task == TASK_ENDED || task == TASK_QUEUED)
        must(tg_pool_submit(w->pool, task_fine, NULL, NULL, &w->task) == TG_OK);
    if (task == TASK_AWAY)
        must(tg_pool_submit(w->pool, task_defers, w, NULL, &w->task) == TG_OK);
    if (task == TASK_ENDED)
        must(tg_task_wait(w->task, TG_FOREVER) == TG_OK);
    if (task == TASK_AWAY)
        wait_until(atomic_load(&w->ready));
    if (task == TASK_HOLD || task == TASK_HOLD_DONE) {
        w->around = tg_group_create(NULL);
        w->task = tg_group_hold(w->around, NULL);
    }
    if (task == TASK_HOLD_DONE)
        must(tg_task_complete(w->task, 0, NULL) == TG_OK);
}

static void make_hook(struct world *w)
{
    if (w->call->hook == 0)
        return;
    w->above = tg_context_create(NULL);
    w->hook = tg_context_hook(w->above, w->call->hook == HOOK_INSIDE ? hook_calls : hook_fine, w);
    if (w->call->hook == HOOK_FIRED)
        (void)tg_context_cancel(w->above, 0, NULL);
}

/* The group before its tasks. */
static void create_group(struct world *w)
{
    int group = w->call->group;
    tg_group_options o = {.size = sizeof o, .flags = TG_GROUP_TIMES, .result_size = 8};
    if (group == GROUP_RUNNING || group == GROUP_DOOMED || group == GROUP_RUN ||
        group == GROUP_FAILED)
        o.threads = 1; /* so that what has run is known */
    if (group == GROUP_FULL) {
        o.results = w->bytes;
        o.capacity = 2;
    }
    if (group == GROUP_SHARED)
        o.shared = w->limit = tg_limit_create(1);
    if (group == GROUP_OVER_POOL || group == GROUP_LENT || group == GROUP_LENT_INSIDE)
        o.pool = w->host = new_pool(w);
    w->group = tg_group_create(&o);
    must(w->group != NULL);
}

static void begin_lent(struct world *w)
{
    tg_outcome o = {.size = sizeof o};
    must(tg_group_add(w->group, task_defers, w) == TG_OK);
    w->above = NULL;
    must(tg_group_start(w->group) == TG_OK);
    w->hook = tg_context_hook(tg_group_context(w->group), complete_away, w);
    wait_until(atomic_load(&w->ready));
    wait_until(tg_group_outcome(w->group, 2, &o) == TG_OK && o.status == TG_PENDING);
}

static void make_group(struct world *w)
{
    int group = w->call->group;
    if (group == 0 || group == GROUP_OF_POOL)
        return;
    create_group(w);
    if (group == GROUP_EMPTY)
        return;
    must(tg_group_add_with(w->group, group == GROUP_FAILED ? task_fails : task_fine, w->items,
             TG_TASK(.id = 7, .name = "first"), NULL) == TG_OK);
    must(tg_group_add(w->group, task_fine, w->items) == TG_OK);
    if (group == GROUP_RUN)
        must(tg_group_run(w->group) == TG_OK);
    if (group == GROUP_FAILED)
        must(tg_group_run(w->group) == TG_FAILED);
    if (group == GROUP_CANCELLED)
        (void)tg_context_cancel(tg_group_context(w->group), 8, "before");
    if (group == GROUP_LOST)
        (void)tg_group_add(w->group, NULL, NULL);
    if (group == GROUP_HELD)
        w->held = tg_group_hold(w->group, NULL);
    if (group == GROUP_LENT)
        begin_lent(w);
}

/* ---- the end ---- */

/* What a run of the group answers if the call has changed nothing. */
static tg_status usual(int group)
{
    return group == GROUP_FAILED      ? TG_FAILED
           : group == GROUP_CANCELLED ? TG_CANCELLED
           : group == GROUP_LOST      ? TG_INVALID
                                      : TG_OK;
}

static tg_status run_to_its_end(struct world *w)
{
    if (w->held != NULL)
        (void)tg_group_complete(w->group, 2, 0, NULL); /* by index: a reset has forgotten it */
    if (w->call->group == GROUP_LENT)
        complete_away(w);
    tg_status status = tg_group_wait(w->group, TG_FOREVER); /* if it was started */
    return status == TG_INVALID ? tg_group_run(w->group) : status;
}

static void end_group(struct world *w)
{
    if (w->group == NULL || w->call->group == GROUP_OF_POOL)
        return;
    for (size_t i = 2; w->call->later && i < tg_group_count(w->group); i++)
        (void)tg_group_cancel_task(w->group, i);
    tg_status status = run_to_its_end(w);
    if (status != usual(w->call->group))
        say(w, "; then the run answers %s", tg_status_name(status));
    tg_report r = {.size = sizeof r};
    must(tg_group_report(w->group, &r) == TG_OK);
    if (r.ok + r.failed + r.cancelled + r.skipped + r.not_run + r.timed_out + r.crashed +
            r.dropped !=
        r.added)
        say(w, "; BUT the report does not add up");
    status = tg_group_reset(w->group);
    if (status != TG_OK)
        say(w, "; BUT then reset answers %s", tg_status_name(status));
    if (status == TG_OK && tg_group_run(w->group) != TG_OK)
        say(w, "; BUT is not as new after reset");
    tg_group_destroy(w->group);
}

static void end_tasks(struct world *w)
{
    if (w->pool != NULL && (w->call->pool == POOL_PAUSED || w->call->task == TASK_QUEUED))
        (void)tg_pool_pause(w->pool, 0);
    if (w->call->task == TASK_AWAY)
        complete_away(w);
    if (w->taken != NULL) {
        if (w->call->later)
            (void)tg_task_cancel(w->taken);
        say(w, "; it ends %s", tg_status_name(tg_task_wait(w->taken, TG_FOREVER)));
    }
    tg_task_release(w->taken);
    tg_task_release(w->submitted);
    bool handle = w->call->task == TASK_ENDED || w->call->task == TASK_QUEUED ||
                  w->call->task == TASK_AWAY || w->call->task == TASK_INSIDE;
    if (handle)
        tg_task_release(w->task);
    if (w->call->task == TASK_HOLD && w->task != NULL)
        (void)tg_task_complete(w->task, 0, NULL);
}

void world_make(struct world *w, const struct input_call *call)
{
    *w = (struct world){.call = call};
    make_context(w);
    make_pool(w);
    if (call->limit != 0)
        w->limit = tg_limit_create(1);
    make_group(w);
    make_task(w);
    make_hook(w);
    call_in_place(w);
    end_group(w);
    end_tasks(w);
    tg_hook_remove(w->hook);
    tg_group_destroy(w->around);
    if (call->context != CONTEXT_OF_GROUP)
        tg_context_destroy(w->context);
    tg_context_destroy(w->above);
    tg_pool_destroy(w->pool);
    tg_pool_destroy(w->host);
    tg_context_destroy(w->scope);
    tg_limit_destroy(w->limit);
}
