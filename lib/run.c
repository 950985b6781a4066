/* SPDX-License-Identifier: MIT */
/* Running a group: how it is served, how it ends, and what the run has come to. */
#include "group.h"

#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <taskgroup/version.h>

/* ---- what the team asks of a group ---- */

static tg_group *group_of(struct tg__source *source)
{
    return (tg_group *)(void *)((char *)source - offsetof(tg_group, source));
}

static bool claimable(struct tg__source *source)
{
    return tg__claimable(group_of(source));
}

static bool end(struct tg__source *source)
{
    tg_group *group = group_of(source);
    tg__lock_take(&group->lock);
    bool stopped = tg__context_status(&group->context) != TG_OK;
    if (stopped)
        tg__delay_drop(group);
    bool away = group->open_holds > 0 || group->due.count > 0;
    bool ended =
        atomic_load(&source->visitors) == 0 && !away && (stopped || !tg__claim_left(group));
    if (ended && group->options.shared != NULL) {
        /* A limit pins whom it calls, until this. */
        tg__limit_leave(group->options.shared, &group->claimant);
        ended = atomic_load(&source->visitors) == 0;
    }
    if (ended) { /* nobody visits: who adds, or calls, pins under this lock */
        atomic_store(&group->team, NULL); /* from here on an add waits for the next run */
        group->watchable = false;
        group->settled = tg__store_count(&group->run.store);
    }
    tg__lock_give(&group->lock);
    return ended;
}

/* How many tasks a bundle should carry: some 20 µs of work, so that a clock read is lost in it. */
static long next_grain(long grain, double *since)
{
    enum { GRAIN_MOST = 4096 };
    double now = tg_time_now(), took = now - *since;
    *since = now;
    if (took < 10e-6 && grain < GRAIN_MOST)
        return grain * 2;
    if (took > 40e-6 && grain > 1)
        return grain / 2;
    return grain;
}

struct bundle {
    tg_task *self;
    size_t first, many;
};

static bool run_bundle(void *frame)
{
    const struct bundle *bundle = frame;
    return tg__runner_run(bundle->self, bundle->first, bundle->many);
}

void tg__group_run_bundle(struct tg__seat *seat, tg_task *self, size_t first, size_t many)
{
    struct bundle bundle = {self, first, many};
    tg__team_task(seat, run_bundle, &bundle);
}

/* Is there more, as far as can be seen for nothing? */
static inline bool has_more(tg_group *group, int place)
{
    return tg__queue_more(&group->queue, place, tg__store_count(&group->run.store)) ||
           atomic_load_explicit(&group->ready_count, memory_order_relaxed) > 0;
}

static void serve_with_slot(tg_group *group, struct tg__seat *seat)
{
    bool measured = group->options.grainsize == TG_GRAIN_AUTO;
    long grain = atomic_load_explicit(&group->grain, memory_order_relaxed);
    double since = measured ? tg_time_now() : 0;
    bool once = seat->once;
    tg_task self;

    seat->once = false; /* for the tasks that we run here */
    tg__runner_enter(&self, &group->run);
    do {
        size_t first, many = tg__claim(group, &self, seat->place, (size_t)grain, &first);
        if (many == 0)
            break;
        if (has_more(group, seat->place))
            tg__team_share(seat, &group->source);
        tg__group_run_bundle(seat, &self, first, many);
        if (self.holding.limit != NULL)
            tg__limit_give(&self.holding);
        if (measured)
            grain = next_grain(grain, &since);
    } while (!self.over && !once);
    tg__runner_leave(&self);
    if (self.over && group->options.shared != NULL) { /* others need not wait for it */
        tg__limit_leave(group->options.shared, &group->claimant);
        tg__limit_look(group->options.shared);
    }
    if (measured)
        atomic_store_explicit(&group->grain, grain, memory_order_relaxed);
}

static void serve(struct tg__source *source, struct tg__seat *seat)
{
    tg_group *group = group_of(source);
    if (group->slots.most == TG_UNLIMITED) {
        serve_with_slot(group, seat);
    } else if (tg__slots_take(&group->slots)) {
        serve_with_slot(group, seat);
        tg__slots_give(&group->slots);
    }
}

static void run_body(struct tg__source *source)
{
    tg_group *group = group_of(source);
    tg_task self;
    tg__runner_pretend(&self, &group->run, TG__BODY);
    atomic_store(&group->in_body, true);
    int code = group->body(group, group->body_user);
    atomic_store(&group->in_body, false);
    if (code != 0) {
        char text[64];
        snprintf(text, sizeof text, "the scope's body returned %d", code);
        tg__group_call_off(group, code, self.message != NULL ? self.message : text);
    }
    tg__runner_forget_message(&self);
    tg__runner_stop_pretending(&self);
    tg__room_made(group); /* this thread serves from now on */
}

void tg__group_call_off(tg_group *group, int code, const char *message)
{
    const tg_error cause = {.status = TG_FAILED,
        .code = code,
        .index = TG_NO_INDEX,
        .name = "",
        .message = message,
        .backtrace = ""};
    if (tg__context_stop(&group->context, &cause))
        atomic_store(&group->run.called_off, true);
}

/* ---- calling it ---- */

struct tg__grip tg__group_grip(tg_group *group)
{
    struct tg__grip grip = {.team = atomic_load_explicit(&group->team, memory_order_relaxed)};
    const tg_task *task = tg__runner_current();
    grip.inside = task != NULL && task->run == &group->run && task->kind != TG__CALLBACK;
    if (grip.team != NULL && !grip.inside)
        tg__team_pin(&group->source); /* the run does not end before we have called */
    return grip;
}

void tg__group_release(tg_group *group, struct tg__grip grip, size_t many)
{
    if (grip.team == NULL)
        return;
    while (many-- > 0 && tg__team_call(grip.team, &group->source))
        ;
    if (!grip.inside)
        tg__team_unpin(grip.team, &group->source);
}

void tg__group_poke(tg_group *group)
{
    tg__lock_take(&group->lock);
    struct tg__team *team = atomic_load_explicit(&group->team, memory_order_relaxed);
    if (team != NULL)
        tg__team_pin(&group->source);
    tg__lock_give(&group->lock);
    if (team != NULL) {
        tg__team_call_owner(team, &group->source);
        tg__team_unpin(team, &group->source);
    }
    tg__room_made(group);
}

static void on_stop(void *group)
{
    tg__group_poke(group);
}

void tg__group_watch(tg_group *group)
{
    if (!group->watched)
        tg__hook_set(&group->hook, &group->context, on_stop, group);
    group->watched = true;
}

/* ---- a limit calls us ---- */

static tg_group *group_of_claimant(struct tg__claimant *claimant)
{
    return (tg_group *)(void *)((char *)claimant - offsetof(tg_group, claimant));
}

static void pin_claimant(struct tg__claimant *claimant)
{
    tg__team_pin(&group_of_claimant(claimant)->source);
}

static bool call_claimant(struct tg__claimant *claimant)
{
    tg_group *group = group_of_claimant(claimant);
    return tg__team_call(atomic_load(&group->team), &group->source);
}

static void unpin_claimant(struct tg__claimant *claimant)
{
    tg_group *group = group_of_claimant(claimant);
    tg__team_unpin(atomic_load(&group->team), &group->source);
}

void tg__group_init_run(tg_group *group)
{
    group->run.again = tg__delay_put;
    group->source.claimable = claimable;
    group->source.serve = serve;
    group->source.end = end;
    group->alarm.ring = tg__delay_ring;
    group->claimant.pin = pin_claimant;
    group->claimant.call = call_claimant;
    group->claimant.unpin = unpin_claimant;
}

/* ---- before ---- */

/* Not a task's failure: the status and the text of the group's own error. */
static tg_status answer_with(tg_group *group, tg_status status, int code, const char *message)
{
    group->error = (tg_error){.status = status,
        .code = code,
        .index = TG_NO_INDEX,
        .name = "",
        .message = message,
        .backtrace = ""};
    group->answer_error = &group->error;
    return tg__error_publish(&group->error);
}

static tg_status refuse_run(tg_group *group, tg_status status, const char *text)
{
    snprintf(group->error_text, sizeof group->error_text, "tg_group_run: %s", text);
    return answer_with(group, status, 0, group->error_text);
}

/* What the task around the run holds of the shared limit, and lends. */
static struct tg__holding *find_lender(const tg_group *group, tg_task *task)
{
    while (task != NULL &&
           !(task->holding.limit != NULL && task->holding.limit == group->options.shared))
        task = task->run->above;
    return task != NULL ? &task->holding : NULL;
}

/* Might it sleep with nothing in flight that would notice a cancel? */
static bool may_sleep(const tg_group *group)
{
    return group->body != NULL || group->open_holds > 0 || group->due.reserved > 0 ||
           group->options.shared != NULL || group->options.queue != 0;
}

/* Whether there is anything to run, and the memory for it. Under the lock. TG_RUNNING: go on. */
static tg_status prepare(tg_group *group)
{
    const tg_group_options *o = &group->options;
    struct tg__run *run = &group->run;
    if (group->lost != TG_OK)
        return answer_with(group, group->lost, 0, group->error_text);
    if (group->answer != TG_OK)
        return tg__error_publish(group->answer_error);
    group->answer_error = NULL;
    free(group->order);
    group->order = NULL;
    bool empty = tg__store_count(&run->store) == group->settled;
    if (empty && group->body == NULL && (o->need == 0 || group->settled > 0))
        return TG_OK;
    int places = tg__team_places(o->threads);
    if (!tg__queue_open(&group->queue, places))
        return refuse_run(group, TG_NO_MEMORY, "out of memory");
    tg_status status = tg__store_open(&run->store);
    if (status != TG_OK)
        return refuse_run(group, status, "there is no memory for the results");
    if (may_sleep(group) && !tg__waiter_start())
        return refuse_run(group, TG_NO_SYSTEM, "the system has no thread left");
    run->above = tg__runner_current();
    group->claimant.lender = o->shared != NULL ? find_lender(group, run->above) : NULL;
    if (group->claimant.lender != NULL && group->heaviest > group->claimant.lender->weight)
        return refuse_run(
            group, TG_INVALID, "a task weighs more than the task around the run holds");
    run->guarded =
        (o->flags & TG_GROUP_GUARD) != 0 || (run->above != NULL && run->above->run->guarded);
    if (run->guarded && !tg__guard_take())
        return refuse_run(group, TG_NO_SYSTEM, "signal handlers cannot be set");
    run->careful = run->guarded || run->ended != NULL || run->need > 0 || run->store.noted;
    group->watchable = true;
    group->turned_away = false;
    atomic_store(&group->slots.used, 0);
    group->threads_asked = o->threads > 0 ? o->threads : places;
    group->source.most = o->threads > 0 && o->threads < places ? o->threads : places;
    return TG_RUNNING;
}

/* ---- after ---- */

/* Stopped while they waited for their next attempt. */
static void cancel_pending(tg_group *group, size_t from)
{
    struct tg__store *store = &group->run.store;
    for (size_t i = from; i < group->settled; i++) {
        struct tg__segment *segment = tg__store_find(store, i, NULL);
        if (segment == NULL)
            continue;
        struct tg__view task;
        tg__store_view(store, segment, i, &task);
        if (atomic_load(&task.cell->state) != TG__STATE(TG_PENDING))
            continue;
        if (task.note != NULL && !group->run.ranks_later)
            task.note->rank = 1 + atomic_fetch_add(&group->run.ranks, 1);
        atomic_store(&task.cell->state, TG__STATE(TG_CANCELLED));
        atomic_fetch_add(&group->run.cancelled, 1);
        if (group->run.ended != NULL)
            tg__done_early(group, &task, i);
    }
}

static size_t ended_tasks(struct tg__run *run)
{
    return atomic_load(&run->ok) + atomic_load(&run->failed) + atomic_load(&run->timed_out) +
           atomic_load(&run->crashed) + atomic_load(&run->cancelled) + atomic_load(&run->dropped);
}

/* Fewer than needed: the failure that ended last says why. */
static tg_status answer_fewer(tg_group *group)
{
    struct tg__run *run = &group->run;
    size_t successes = atomic_load(&run->successes);
    const struct tg__failure *last = run->failures.tail;
    snprintf(group->error_text, sizeof group->error_text, "%zu of %zu tasks have succeeded",
        successes, run->need);
    answer_with(group, TG_FEWER, 0, group->error_text);
    if (last != NULL) {
        group->error = last->error;
        group->error.status = TG_FEWER;
        tg__error_publish(&group->error);
    }
    return TG_FEWER;
}

/* What the run has come to. */
static tg_status conclude(tg_group *group)
{
    struct tg__run *run = &group->run;
    size_t ended = ended_tasks(run);
    const struct tg__failure *first = run->failures.first;
    tg_status cause = tg__context_noticed(&group->context);
    bool called_off = atomic_load(&run->called_off), enough = atomic_load(&run->enough);
    bool undone =
        group->settled > ended || atomic_load(&run->cancelled) > 0 || group->turned_away;
    bool from_outside =
        cause != TG_OK && undone && !enough && !called_off && !atomic_load(&run->stopped_itself);
    group->skipped = group->settled - ended;

    if (enough)
        return TG_OK;
    if (called_off)
        return answer_with(group, TG_FAILED, group->context.cause.code, group->context.message);
    if (from_outside)
        return answer_with(group, cause == TG_TIMED_OUT ? TG_TIMED_OUT : TG_CANCELLED,
            group->context.cause.code, group->context.message);
    if (first == NULL)
        return run->need > 0 ? answer_fewer(group) : TG_OK;
    group->answer_error = &first->error;
    return tg__error_publish(&first->error);
}

/* ---- */

static double start_run(tg_group *group)
{
    double start = tg_time_now();
    tg_task *above = group->run.above;
    tg__context_start(
        &group->context, above != NULL ? tg__runner_context(above) : NULL, group->options.timeout);
    tg__lock_take(&group->lock);
    if (may_sleep(group))
        tg__group_watch(group);
    tg__lock_give(&group->lock);
    return start;
}

/* Nothing of the run is looked at by anybody else when this returns. */
static void leave_run(tg_group *group)
{
    if (group->watched) { /* no more watchable: it stays as it is */
        tg__hook_clear(&group->hook);
        group->watched = false;
    }
    tg__alarm_clear(&group->alarm);
    tg__context_leave(&group->context);
    if (group->options.shared != NULL)
        tg__limit_look(group->options.shared);
    if (group->run.guarded)
        tg__guard_give();
    tg__room_made(group);
}

/* Under no lock: on_done is called, and may add. */
static void settle(tg_group *group, size_t from)
{
    bool stopped = tg__context_noticed(&group->context) != TG_OK;
    if (stopped && group->due.reserved > 0)
        cancel_pending(group, from);
    tg__done_rest(group, from);
}

static tg_status finish_run(tg_group *group, double start, int threads)
{
    tg__lock_take(&group->lock);
    group->threads = threads;
    group->wall = tg_time_now() - start;
    group->answer = conclude(group);
    bool closed = group->answer != TG_OK || atomic_load(&group->run.enough);
    if (closed) { /* no later run will start what came late */
        size_t count = tg__store_count(&group->run.store);
        group->skipped += count - group->settled;
        group->settled = count;
        tg__queue_drop(&group->queue, count);
        group->ready.count = 0;
        atomic_store(&group->ready_count, 0);
    }
    if (group->reports)
        tg__report_print(group);
    group->running = false;
    tg_status status = group->answer;
    bool doomed = group->doomed;
    tg__lock_give(&group->lock);
    if (!doomed)
        return status;
    tg__group_free(group);
    return tg__refuse(TG_CANCELLED, "tg_group_run: the group was destroyed while it ran");
}

static tg_status run(tg_group *group, const char *call, tg_scope_fn *body, void *user)
{
    tg__lock_take(&group->lock);
    if (group->running || group->doomed) {
        bool running = group->running;
        tg__lock_give(&group->lock);
        return running ? tg__refuse(TG_BUSY, "%s: the group is running already", call)
                       : tg__refuse(TG_INVALID, "%s: the group was destroyed", call);
    }
    group->body = body;
    group->body_user = user;
    group->source.body = body != NULL ? run_body : NULL;
    tg_status status = prepare(group);
    group->running = status == TG_RUNNING;
    tg__lock_give(&group->lock);
    if (status != TG_RUNNING)
        return status;

    struct tg__pause pause = tg__runner_pause();
    double start = start_run(group);
    size_t from = group->settled;
    int threads = tg__team_run(&group->source, group->threads_asked, &group->team);
    leave_run(group);
    settle(group, from);
    status = finish_run(group, start, threads);
    tg__runner_resume(pause);
    return status;
}

tg_status tg_group_run(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_run", "group");
    return run(group, "tg_group_run", NULL, NULL);
}

tg_status tg_group_scope(tg_group *group, tg_scope_fn *body, void *user)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_scope", "group");
    if (body == NULL)
        return tg__refuse(TG_INVALID, "tg_group_scope: body is NULL");
    return run(group, "tg_group_scope", body, user);
}
