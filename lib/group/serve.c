/* SPDX-License-Identifier: MIT */
/* What others ask of a group that runs: the team to serve and to end it, the limit and the event
   thread to look again. */
#include "group/group.h"

#include <stdio.h>
#include <taskgroup/version.h>

/* ---- what the team asks of a group ---- */

static bool claimable(struct tg__runq *runq)
{
    return tg__claimable(tg__group_of(runq));
}

/* Under the group's lock, since an add decides under it whether a worker must be woken. */
static void begin(struct tg__runq *runq, struct tg__team *team)
{
    tg_group *group = tg__group_of(runq);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    atomic_store(&group->backpressure.in_body, group->body != NULL); /* it is called next */
    atomic_store(&group->team, team);
    tg__lifecycle_step(group, TG__PHASE_RUNNING);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

/* A thread that keeps it open from elsewhere, or a body, may add; a completion may free a slot.
   Relaxed: the thread that has suspended a task asks next, itself. */
static bool expects(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    return atomic_load(&group->backpressure.in_body) ||
           atomic_load_explicit(&group->suspended.count, memory_order_relaxed) > 0;
}

static bool end(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool stopped = tg__context_status(&group->context) != TG_OK;
    bool ended = atomic_load(&runq->active) == 0 && group->owner->may_finish(group, stopped);
    if (ended && group->options.shared != NULL) {
        /* A limit pins whom it calls, until this. */
        tg__limit_leave(group->options.shared, &group->dispatch.limit_client);
        ended = atomic_load(&runq->active) == 0;
    }
    if (ended) { /* no worker is in it: an add, or a notification, pins under this lock */
        if (group->owner->on_finish != NULL)
            group->owner->on_finish(group);
        atomic_store(&group->completion.delivers, group->persistent);
        atomic_store(&group->team, NULL); /* from here on an add waits for the next run */
        tg__lifecycle_step(group, TG__PHASE_ENDING);
        group->lifecycle.run_base = tg__store_count(&group->exec.store);
        group->lifecycle.ended = tg__run_ended(
            &group->exec); /* exact: nothing is in flight, and what comes late is not of this run */
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return ended;
}

/* How many tasks the next bundle carries: about 20 µs of work, beside which reading the clock costs
   nothing. Of the last one, with `grain` tasks, `ran` have run since `*since`. */
static long next_grain(long grain, long ran, double *since)
{
    enum { GRAIN_MOST = 4096 };
    double now = tg_time_now(), took = now - *since;
    *since = now;
    if (took < 10e-6)
        return ran < grain || grain >= GRAIN_MOST ? grain : grain * 2;
    if (took <= 40e-6)
        return grain;
    long fits = (long)((double)ran * (20e-6 / took));
    return fits < 1 ? 1 : fits < grain ? fits : grain;
}

/* Is there more, as far as can be seen for nothing? Relaxed: what makes a task ready calls. */
static inline bool has_more(tg_group *group, int place)
{
    return tg__queue_more(&group->dispatch.queue, place, tg__store_count(&group->exec.store)) ||
           atomic_load_explicit(&group->dispatch.ready_count, memory_order_relaxed) > 0;
}

static bool take_slot(tg_group *group)
{
    return !tg__slots_bounded(&group->dispatch.slots) || tg__slots_take(&group->dispatch.slots);
}

/* A task that was suspended has kept our slot: another one for the rest of the bundle, and what
 * follows. */
static bool replace_slot(tg_group *group, tg_task *self, int place)
{
    self->slot_gone = false;
    if (self->next < self->end && !self->over)
        tg__queue_unclaim(&group->dispatch.queue, tg__claim_place(group, place), self->next,
            self->end - self->next);
    return tg__slots_take(&group->dispatch.slots);
}

/* Somebody has nothing to do: what is left of the bundle can be taken, half by half. */
static void share_rest(tg_group *group, struct tg__worker *worker, const tg_task *self)
{
    if (self->next >= self->end || self->over || self->slot_gone)
        return;
    tg__queue_unclaim(&group->dispatch.queue, tg__claim_place(group, worker->place), self->next,
        self->end - self->next);
    tg__team_share(worker, &group->runq);
}

/* Expires timers. Re-arms the timer for threads that sleep, or have so much work that they look
   here seldom; those that look all the time do not, and it would cost them. */
static size_t look_at_clock(tg_group *group, const struct tg__worker *worker, bool works)
{
    static const double slack = 100e-6;
    size_t many = tg__expire_some(group);
    if (works || (many > 0 && atomic_load(worker->idle) > 0))
        tg__timers_arm(group, works ? slack : 0);
    return many;
}

/* Has the pool fewer threads now, or none for the moment? Relaxed: give_back() looks again. */
static inline bool must_leave(tg_group *group)
{
    return atomic_load_explicit(&group->dispatch.halted, memory_order_relaxed) ||
           (group->persistent && tg__team_crowded(&group->runq));
}

/* Looked at after the claim: a worker that was paused before a task came does not start it. */
static bool give_back(tg_group *group, const tg_task *self, int place, size_t first, size_t many)
{
    if (!atomic_load(&group->dispatch.halted))
        return false;
    if (self->apart)
        tg__claim_unclaim(group, first);
    else
        tg__queue_unclaim(&group->dispatch.queue, tg__claim_place(group, place), first, many);
    return true;
}

/* Claims that a server makes before it looks whether other run queues of the team wait for a turn.
 */
enum { YIELD = 16 };

/* The slot is given back, or has gone. */
static void serve_with_slot(tg_group *group, struct tg__worker *worker)
{
    bool measured = group->options.grainsize == TG_GRAIN_AUTO;
    long grain = atomic_load_explicit(&group->dispatch.grain, memory_order_relaxed); /* a guess */
    double since = measured ? tg_time_now() : 0;
    bool helps = worker->helps, has_slot = tg__slots_bounded(&group->dispatch.slots);
    unsigned claims = 0;
    tg_task self;

    worker->helps = false; /* for the tasks that we run here */
    tg__runner_enter(&self, &group->exec, &group->dispatch.queue.chunks[worker->place].counts);
    do {
        if (atomic_load_explicit(
                &group->timers.expired, memory_order_relaxed)) /* a hint: see timers.c */
            look_at_clock(group, worker, true);
        size_t first, many = tg__claim(group, &self, worker->place, (size_t)grain, &first);
        if (many == 0 || (group->persistent && give_back(group, &self, worker->place, first, many)))
            break;
        if (has_more(group, worker->place))
            tg__team_share(worker, &group->runq);
        else
            tg__team_watch(worker, &group->runq);
        self.wanted = measured && many > 1 && !self.apart && !tg__claims_ordered(&group->options)
                          ? tg__team_wanted(worker, &group->runq)
                          : NULL;
        tg__group_run_bundle(worker, &self, first, many);
        if (self.grant.limit != NULL)
            tg__limit_give(&self.grant);
        if (measured)
            grain = next_grain(grain, (long)(self.next - first), &since);
        if (self.wanted != NULL)
            share_rest(group, worker, &self);
        if (self.slot_gone && !(has_slot = replace_slot(group, &self, worker->place)))
            break;
        if (++claims % YIELD == 0 && tg__team_must_yield(worker))
            break;
    } while (!self.over && !must_leave(group) && !(helps && tg__backpressure_low(group)));
    tg__runner_leave(&self);
    if (self.over || tg__context_noticed(&group->context) != TG_OK)
        tg__claim_leave_limit(group);
    if (measured)
        atomic_store_explicit(&group->dispatch.grain, grain, memory_order_relaxed);
    if (has_slot)
        tg__slots_give(&group->dispatch.slots);
}

static void serve(struct tg__runq *runq, struct tg__worker *worker)
{
    tg_group *group = tg__group_of(runq);
    bool helps = worker->helps;
    do {
        if (take_slot(group))
            serve_with_slot(group, worker);
    } while (look_at_clock(group, worker, false) > 0 && !helps && !worker->yielded &&
             !must_leave(group));
    tg__timers_arm(group, 0);
}

void tg__serve_call_body(tg_group *group, tg_scope_fn *body, void *user)
{
    tg_task self;
    TG__MUST_RETURN bool returned = false;
    tg__frame_push(&self, &group->exec, TG__BODY);
    int code = body(group, user);
    returned = true;
    atomic_store(&group->backpressure.in_body, false);
    if (code != 0) {
        char text[64];
        snprintf(text, sizeof text, "the scope's body returned %d", code);
        tg__group_call_off(group, code, self.message != NULL ? self.message : text);
    }
    tg__frame_forget_message(&self);
    tg__frame_pop(&self);
}

static void run_body(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    tg__serve_call_body(group, group->body, group->body_user);
    tg__backpressure_notify(group); /* this thread serves from now on */
}

/* ---- a limit calls us ---- */

static tg_group *group_of_limit_client(struct tg__limit_client *client)
{
    return TG__CONTAINER(tg_group, dispatch.limit_client, client);
}

static void pin_limit_client(struct tg__limit_client *limit_client)
{
    tg__team_pin(&group_of_limit_client(limit_client)->runq);
}

static bool notify_limit_client(struct tg__limit_client *limit_client)
{
    tg_group *group = group_of_limit_client(limit_client);
    return tg__team_notify(atomic_load(&group->team), &group->runq);
}

static void unpin_limit_client(struct tg__limit_client *limit_client)
{
    tg_group *group = group_of_limit_client(limit_client);
    tg__team_unpin(atomic_load(&group->team), &group->runq);
}

/* ---- a rate lets the next task start ---- */

static void on_rate(struct tg__timer *timer)
{
    tg_group *group = TG__CONTAINER(tg_group, dispatch.rate.timer, timer);
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    struct tg__pin pin = tg__group_pin(group);
    atomic_store(&group->dispatch.rate.waits, false);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__group_unpin(group, pin, 1);
}

void tg__serve_set_body(tg_group *group, tg_scope_fn *body, void *user)
{
    group->body = body;
    group->body_user = user;
    group->runq.body = body != NULL ? run_body : NULL;
}

static const struct tg__limit_client_calls limit_client_calls = {
    pin_limit_client, notify_limit_client, unpin_limit_client};

static const struct tg__runq_calls runq_calls = {
    .begin = begin, .claimable = claimable, .serve = serve, .end = end, .expects = expects};

void tg__serve_init(tg_group *group)
{
    group->runq.calls = &runq_calls;
    group->dispatch.limit_client.calls = &limit_client_calls;
    group->dispatch.rate.timer.fire = on_rate;
}
