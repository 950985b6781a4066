/* SPDX-License-Identifier: MIT */
/* Running a group over a pool: its threads serve it, and one of them, or a thread that waits, ends
 * it. */
#include "group/group.h"

#include "base/park.h"
#include "base/status.h"
#include "sys/lock.h"

#include <taskgroup/version.h>

/* That of its options. */
static struct tg__host *host_of(const tg_group *group)
{
    return (struct tg__host *)(void *)group->options.pool; /* a pool begins with it */
}

bool tg__attach_applies(const tg_group *group)
{
    struct tg__host *host = host_of(group);
    const struct tg__worker *worker = tg__team_worker();
    return host != NULL && !(worker != NULL && host->has(host, worker->team));
}

/* Under the wait lock. Threads that wait for the end look at `state` and `calls` again. */
static void notify_all(tg_group *group)
{
    tg__wake_all(&group->attachment.waiters);
}

/* Under the lock of the pool's team. */
static void on_quiescent_team(struct tg__runq *runq)
{
    tg_group *group = tg__group_of(runq);
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    group->attachment.calls++;
    notify_all(group);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

/* One at a time; false: it runs over its pool already. */
static bool take(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    bool taken = group->attachment.state == TG__UNATTACHED;
    if (taken)
        group->attachment.state = TG__ATTACHING;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    return taken;
}

static void set_attached(tg_group *group, enum tg__attach_state attached)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    group->attachment.state = attached;
    notify_all(group);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

/* Meanwhile its team is there, if it is attached, and so is the group. */
static void pin_team(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    group->attachment.team_pins++;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

static void unpin_team(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    if (--group->attachment.team_pins == 0)
        notify_all(group);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

/* Not before the last pin is gone: the team may go then. */
static void leave(tg_group *group)
{
    struct tg__host *host = group->attachment.host;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    while (group->attachment.team_pins > 0)
        tg__wait(&group->attachment.waiters, &group->wait_lock, TG__LOCK_WAIT, (double)INFINITY);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    group->attachment.host = NULL;
    host->leave(host, group, group->attachment.room);
    set_attached(group, TG__UNATTACHED); /* the last touch, but for the caller's own */
}

/* It was ended by the caller. */
static tg_status finish(tg_group *group)
{
    int threads = tg__team_size(group->attachment.team);
    group->runq.on_quiescent = group->runq.on_ended = NULL;
    struct tg__pause pause = tg__frame_pause();
    tg_status status = tg__run_end(group, group->attachment.begun, group->attachment.from, threads);
    tg__frame_resume(pause);
    leave(group);
    return status;
}

static void on_ended_by_worker(struct tg__runq *runq)
{
    finish(tg__group_of(runq));
}

/* TG_RUNNING: it has begun. `detached`: it may outlive the task that begins it, so nothing of that
 * reaches it. */
static tg_status begin(tg_group *group, const char *call, struct tg__host *host, bool detached)
{
    if (host->process != tg__process_number())
        return tg__refuse(TG_CLOSED, "%s: the pool belongs to the parent process", call);
    tg__group_adopt(group);
    if (!take(group))
        return tg__refuse(TG_BUSY, "%s: the group is running already", call);
    void *room;
    group->attachment.host = host;
    struct tg__team *team = host->enter(host, group, &room);
    tg_status status = team == NULL
                           ? tg_error_last()->status
                           : tg__run_begin(group, call, NULL, NULL, tg__team_size(team), detached);
    if (status != TG_RUNNING) {
        if (team != NULL)
            host->leave(host, group, room);
        group->lifecycle.started |= status == TG_OK;
        group->attachment.host = NULL;
        set_attached(group, TG__UNATTACHED);
        return status;
    }
    group->lifecycle.started = true;
    group->attachment.room = room;
    group->attachment.team = team;
    group->attachment.begun = tg__run_start(group);
    group->attachment.from = group->lifecycle.run_base;
    group->runq.on_quiescent = on_quiescent_team;
    group->runq.on_ended = on_ended_by_worker;
    pin_team(group); /* it may be over before we are out of the call */
    set_attached(group, TG__ATTACHED);
    tg__team_attach(team, &group->runq);
    unpin_team(group);
    return TG_RUNNING;
}

enum waited { NOT_YET, ENDED_BY_US, ENDED_BY_OTHERS, FOR_ITSELF };

/* Tries to end it. The wait lock is held, and free meanwhile: its team is pinned. A worker
   that will wait for ever says so to its team. */
static enum waited try_to_end(tg_group *group, bool is_worker)
{
    group->attachment.team_pins++;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    bool ended = tg__team_end(group->attachment.team, &group->runq);
    bool itself = !ended && is_worker && !tg__team_await(group->attachment.team, &group->runq);
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    if (--group->attachment.team_pins == 0)
        notify_all(group);
    return ended ? ENDED_BY_US : itself ? FOR_ITSELF : NOT_YET;
}

/* The wait lock is held, and free meanwhile. A worker serves what it waits for and what is below;
   another thread only sleeps. False: the time has come. */
static bool wait_for_news(tg_group *group, bool is_worker, double until)
{
    struct tg__waiter me;
    struct tg__parker parker;
    if (!is_worker)
        return tg__wait(&group->attachment.waiters, &group->wait_lock, TG__LOCK_WAIT, until);
    if (tg_time_now() >= until)
        return false;
    tg__park_init(&parker);
    tg__waiter_join(&group->attachment.waiters, &me, &parker);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    tg__team_help(&group->runq, &parker, until);
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    tg__waiter_leave(&me);
    tg__park_fini(&parker);
    return true;
}

/* Until it has ended (by us: it is to be finished), or until that time. */
static enum waited wait(tg_group *group, double until)
{
    bool is_worker = tg__team_worker() != NULL;
    bool for_ever = until >= TG_FOREVER, waits = true;
    enum waited waited = NOT_YET;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    size_t seen = group->attachment.calls - 1;
    while (group->attachment.state != TG__UNATTACHED && waited == NOT_YET) {
        bool look = group->attachment.state == TG__ATTACHED && seen != group->attachment.calls;
        seen = group->attachment.calls;
        if (look)
            waited = try_to_end(group, is_worker && for_ever);
        else if (waits)
            waits = wait_for_news(group, is_worker, until);
        else
            break;
    }
    if (waited == NOT_YET && group->attachment.state == TG__UNATTACHED)
        waited = ENDED_BY_OTHERS;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    return waited;
}

bool tg__attach_is_on(tg_group *group)
{
    if (!group->lifecycle.started)
        return false;
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    bool attached = group->attachment.state != TG__UNATTACHED;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    return attached;
}

bool tg__attach_is_inside(tg_group *group)
{
    return tg__frame_inside(&group->exec) != NULL && tg__attach_is_on(group);
}

/* What its last run has come to, for a thread that has not ended it. */
static tg_status last_result(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    tg_status status = group->lifecycle.result;
    const tg_error *error = group->lifecycle.result_error;
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    return error != NULL ? tg__error_publish(error) : status;
}

/* A scope's body runs on the calling thread, which does not serve the group: it keeps the group
   open meanwhile. */
tg_status tg__attach_run(tg_group *group, const char *call, tg_scope_fn *body, void *user)
{
    struct tg__pause pause = tg__frame_pause();
    if (body != NULL)
        tg__hold_open(group);
    tg_status status = begin(group, call, host_of(group), false);
    if (body != NULL && status == TG_RUNNING)
        tg__serve_call_body(group, body, user);
    if (body != NULL)
        tg__hold_close(group);
    if (status == TG_RUNNING)
        status = wait(group, (double)INFINITY) == ENDED_BY_US ? finish(group) : last_result(group);
    tg__frame_resume(pause);
    return status;
}

tg_status tg__attach_start(tg_group *group, const char *call, struct tg__host *host)
{
    tg_status status = begin(group, call, host, true);
    return status == TG_RUNNING ? TG_OK : status;
}

void tg__attach_help_begin(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    group->attachment.helpers++;
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

/* While it is just being attached, or its end finished by somebody else, there is nothing to help
 * with. */
bool tg__attach_help(tg_group *group, double until)
{
    bool ended = wait(group, until) == ENDED_BY_US;
    if (ended)
        finish(group);
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    ended |= group->attachment.state == TG__UNATTACHED;
    group->attachment.helpers--;
    notify_all(group);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
    return ended;
}

static void wait_for_helpers(tg_group *group)
{
    tg__mutex_lock(&group->wait_lock, TG__LOCK_WAIT);
    while (group->attachment.helpers > 0)
        tg__wait(&group->attachment.waiters, &group->wait_lock, TG__LOCK_WAIT, (double)INFINITY);
    tg__mutex_unlock(&group->wait_lock, TG__LOCK_WAIT);
}

void tg__attach_finish(tg_group *group)
{
    if (tg__attach_is_on(group))
        tg_context_cancel(&group->context, 0, "the group was destroyed");
    if (wait(group, (double)INFINITY) == ENDED_BY_US)
        finish(group);
    wait_for_helpers(group);
}

tg_status tg_group_wait(tg_group *group, double timeout)
{
    static const char call[] = "tg_group_wait";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    if (!(timeout >= 0))
        return tg__refuse(TG_INVALID, "%s: timeout is %g", call, timeout);
    if (tg__group_is_parents(group))
        return tg__refuse(TG_CLOSED, "%s: the pool belongs to the parent process", call);
    tg__group_adopt(group);
    if (timeout > 0 &&
        tg__frame_inside(&group->exec) != NULL) /* also where a task of its pool runs it */
        return tg__refuse(TG_BUSY, "%s: in a task of the group", call);
    struct tg__pause pause = tg__frame_pause();
    enum waited waited = wait(group, tg_time_now() + timeout);
    tg__frame_resume(pause);
    if (waited == ENDED_BY_US)
        return finish(group);
    if (waited == FOR_ITSELF)
        return tg__refuse(TG_BUSY, "%s: in a task that the group waits for", call);
    if (waited == NOT_YET)
        return TG_RUNNING;
    if (!group->lifecycle.started)
        return tg__refuse(TG_INVALID, "%s: the group was never started", call);
    return last_result(group);
}
