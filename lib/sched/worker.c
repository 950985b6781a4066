/* SPDX-License-Identifier: MIT */
/* What a worker does: serves run queues until it is time to leave, spawns helper tasks, parks,
 * wakes others. */
#include "sched/omp.h"
#include "sched/team_int.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stddef.h>
#include <taskgroup/version.h>

/* initial-exec: one load instead of a call, also in a shared library. It is one pointer. */
static _Thread_local struct tg__worker *own_worker __attribute__((tls_model("initial-exec")));

static void enter_team(struct tg__worker *worker)
{
    const struct tg__team *team = worker->team;
    worker->idle = &team->idle;
    worker->runqs = &team->runqs;
    worker->spawns_helpers = !team->ours && team->size > 1;
    worker->cancellation = team->cancellation;
    worker->previous = own_worker;
    own_worker = worker;
}

static void exit_team(struct tg__worker *worker)
{
    own_worker = worker->previous;
}

/* The worker from which a run joins its team; a task's own parallel region is a team of its own. */
struct tg__worker *tg__team_worker(void)
{
    return own_worker != NULL && own_worker->level == omp_get_level() ? own_worker : NULL;
}

/* ---- at a fork ---- */

/* Of the parent's team only this thread is there: what the child runs now runs beside it. */
static void forget_worker(void)
{
    own_worker = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forget_worker); /* without memory so early nothing works */
}

/* ---- serving ---- */

struct service {
    struct tg__worker *worker;
    struct tg__runq *runq;
};

static void serve(void *user)
{
    const struct service *service = user;
    service->runq->calls->serve(service->runq, service->worker);
}

/* A server stands in a taskgroup that we made, for the cancel: its home's, or one around this call.
   A pool's region stays open: what its tasks have left behind ends with this call. (Not where
   helper tasks are spawned: the server would wait for them, and other threads are there for what is
   left.)
 */
static void serve_in_taskgroup(struct tg__worker *worker, struct tg__runq *runq)
{
    struct service service = {worker, runq};
    tg__rounding rounding = tg__rounding_get();
    tg__rounding_set(runq->rounding);
    struct tg__runq *served = worker->serving; /* in the body of a scope: that */
    worker->serving = runq;
    if (worker->home == runq && (!runq->hosts || worker->spawns_helpers))
        serve(&service);
    else
        tg__omp_taskgroup(serve, &service);
    worker->serving = served; /* it may end now, and we may still run tasks of the user's own */
    tg__rounding_set(rounding);
}

static void call_on_ended(void *user)
{
    struct tg__runq *runq = user;
    runq->on_ended(runq);
}

/* One that is attached may be over. Under the team's lock, which is given back meanwhile. True: it
   was, and is not there any more. What its last callbacks spawn ends here. */
static bool try_to_end(struct tg__worker *worker, struct tg__runq *runq)
{
    struct tg__team *team = worker->team;
    atomic_store(&runq->to_end, false);
    if (!runq->calls->end(runq))
        return false;
    tg__rounding before = tg__rounding_get(), rounding = runq->rounding;
    tg__runq_deactivate(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    tg__rounding_set(rounding);
    tg__omp_taskgroup(call_on_ended, runq);
    tg__rounding_set(before);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    return true;
}

/* Under the team's lock, which is given back meanwhile. True: the run queue was ended, and is not
   there any more. Where help comes by helper tasks, only a server of a run queue sends its next
   helper task. So a thread that can send helper tasks for one run queue (its home), and serves
   another one while the home has something to claim, spawns a helper task first. */
static bool serve_one(struct tg__worker *worker, struct tg__runq *runq)
{
    struct tg__team *team = worker->team;
    if (atomic_load(&runq->to_end) && try_to_end(worker, runq))
        return true;
    struct tg__runq *home = worker->spawns_helpers && worker->home != runq ? worker->home : NULL;
    bool leaves = home != NULL && home->live && tg__runq_admits(home);
    atomic_fetch_add(&runq->active, 1);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    if (leaves)
        tg__team_notify_or_spawn(worker, home);
    serve_in_taskgroup(worker, runq);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    tg__runq_leave(team, runq, true);
    return runq->on_ended != NULL && atomic_load(&runq->active) == 0 && try_to_end(worker, runq);
}

/* Serves what is in scope as long as there is something to do now, first the one for which it was
   woken. Under the lock. */
static void serve_all(
    struct tg__worker *worker, const struct tg__runq *scope, struct tg__runq *handoff)
{
    struct tg__team *team = worker->team;
    struct tg__runq *runq =
        handoff != NULL && tg__runq_admits(handoff) ? handoff : tg__runq_find(team, scope, NULL);
    while (runq != NULL) {
        worker->yielded = false;
        bool gone = serve_one(worker, runq);
        runq = tg__runq_find(team, scope, worker->yielded && !gone ? runq : NULL);
    }
}

/* A helper in a region that we open: serves everything until the region closes. */
void tg__worker_attend(struct tg__worker *worker)
{
    struct tg__team *team = worker->team;
    struct tg__parked me = {0};
    struct tg__runq *handoff = NULL;
    enter_team(worker);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    for (;;) {
        serve_all(worker, NULL, handoff);
        if (team->closing)
            break;
        handoff = tg__runq_park(team, &me, (double)INFINITY);
    }
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    exit_team(worker);
}

/* Those that watch over a run queue at the runtime's barrier may go. */
static void notify_watchers(struct tg__team *team, const struct tg__runq *runq)
{
    for (struct tg__parked **at = &team->parked_workers; runq->watchers > 0 && *at != NULL;)
        if ((*at)->scope == runq && (*at)->owns == NULL)
            tg__runq_wake(team, at, NULL);
        else
            at = &(*at)->next;
}

/* The thread that runs `runq`: serves it and its descendants (and what is attached) until it has
 * ended. */
static void run_to_end(struct tg__worker *worker, struct tg__runq *runq)
{
    struct tg__team *team = worker->team;
    struct tg__parked me = {.scope = runq->hosts ? NULL : runq, .owns = runq};
    struct tg__runq *handoff = NULL;
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    for (;;) {
        serve_all(worker, me.scope, handoff);
        if (runq->calls->end(runq))
            break;
        handoff = tg__runq_park(team, &me, (double)INFINITY);
    }
    tg__runq_deactivate(team, runq);
    notify_watchers(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

static void call_body(void *user)
{
    struct tg__runq *runq = user;
    runq->body(runq);
}

/* The body's own raw tasks must not be dropped by a cancel of the taskgroup that we stand in. */
static void run_body(struct tg__worker *worker, struct tg__runq *runq)
{
    worker->serving = runq;
    if (runq->calls->claimable(runq)) /* added before */
        tg__team_share(worker, runq);
    else
        tg__team_watch(worker, runq);
    if (worker->cancellation) {
        worker->home = NULL;
        tg__omp_taskgroup(call_body, runq);
        worker->home = runq;
    } else {
        call_body(runq);
    }
    worker->serving = NULL;
}

static void run_body_and_tasks(void *user)
{
    const struct service *service = user;
    if (service->runq->body != NULL)
        run_body(service->worker, service->runq);
    run_to_end(service->worker, service->runq);
}

/* Only the join is left to the runtime, and only after the run queue has ended: what is still in
   the taskgroup then is helper tasks, and tasks of the user's own that the task functions left
   behind. */
void tg__worker_own(struct tg__worker *worker, struct tg__runq *runq)
{
    struct service service = {worker, runq};
    enter_team(worker);
    tg__omp_taskgroup(run_body_and_tasks, &service);
    exit_team(worker);
}

static void spawn_helper(struct tg__worker *worker, struct tg__runq *runq);

/* For so long a watcher keeps its thread from other tasks that the user's region may have for it.
 */
static const double watch_time = 10e-3;

/* Under the team's lock, which is free meanwhile. We cannot wake a thread that waits at the
   runtime's barrier, and a helper task can only be spawned by the thread that runs the run queue,
   or by another helper task; so where work may come from elsewhere one thread parks there. False:
   it is time to give the thread back to the runtime, for a moment. */
static bool watch(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__parked me = {.scope = runq};
    runq->watchers++;
    double until = tg_time_now() + watch_time;
    tg__runq_park(team, &me, until);
    runq->watchers--;
    return me.woken || tg_time_now() < until;
}

/* The body of a helper task. Only touches the run queue if it may still be there: a helper task is
   spawned inside its run queue's taskgroup, which ends after it. */
static void run_helper(void *of_team, void *of_runq)
{
    struct tg__team *team = of_team;
    struct tg__runq *runq = of_runq;
    atomic_store(&runq->helper_spawned, false);
    /* On the stack of a server: run inside spawn_helper(), or where a task of the region waits. No
       task of ours starts there. */
    if (tg__team_worker() != NULL)
        return;
    struct tg__worker worker = {
        .team = team, .home = runq, .place = omp_get_thread_num(), .level = omp_get_level()};
    bool stays = true;
    enter_team(&worker);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    while (runq->live && stays) { /* what comes after its end is for its next run */
        struct tg__runq *next = tg__runq_find(team, runq, NULL);
        if (next != NULL)
            serve_one(&worker, next);
        else if (runq->calls->expects != NULL && runq->watchers == 0 && runq->calls->expects(runq))
            stays = watch(team, runq);
        else {
            atomic_store(&runq->wanted, 1);
            break;
        }
    }
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    exit_team(&worker);
    if (!stays) /* the next one watches on */
        spawn_helper(&worker, runq);
}

/* From inside the run queue's home taskgroup; one at a time, each calls the next. */
static void spawn_helper(struct tg__worker *worker, struct tg__runq *runq)
{
    if (!worker->spawns_helpers || worker->home != runq ||
        tg__team_serving(runq) >= atomic_load(&runq->max_workers) ||
        atomic_exchange(&runq->helper_spawned, true))
        return;
    atomic_store(&runq->wanted, 0);
    worker->spawned = true;
    tg__omp_spawn(run_helper, worker->team, runq);
}

void tg__team_spawn_watcher(struct tg__worker *worker, struct tg__runq *runq)
{
    tg__mutex_lock(&worker->team->lock, TG__LOCK_TEAM);
    bool watched = runq->watchers > 0;
    tg__mutex_unlock(&worker->team->lock, TG__LOCK_TEAM);
    if (!watched)
        spawn_helper(worker, runq);
}

/* Was a worker woken? If the run queue admits none more, a worker that leaves it looks again. */
static bool notify(struct tg__team *team, struct tg__runq *runq)
{
    if (atomic_load(&team->idle) == 0 || !tg__runq_admits(runq))
        return false;
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    bool called = tg__runq_admits(runq) && tg__runq_notify_one(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    return called;
}

void tg__team_unpin(struct tg__team *team, struct tg__runq *runq)
{
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    atomic_fetch_sub(&runq->pins, 1);
    tg__runq_leave(team, runq, false);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

void tg__team_notify_or_spawn(struct tg__worker *worker, struct tg__runq *runq)
{
    if (!notify(worker->team, runq))
        spawn_helper(worker, runq);
}

bool tg__team_notify(struct tg__team *team, struct tg__runq *runq)
{
    if (notify(team, runq))
        return true;
    struct tg__worker *worker = tg__team_worker();
    if (worker != NULL &&
        worker->serving == runq) /* in a task of this very run queue, or its body */
        spawn_helper(worker, runq);
    return false;
}

void tg__team_notify_owner(struct tg__team *team, struct tg__runq *runq)
{
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    tg__runq_notify_owner(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

void tg__team_wait(struct tg__runq *runq, bool (*enough)(struct tg__runq *runq))
{
    struct tg__worker *worker = own_worker; /* the caller is one */
    struct tg__team *team = worker->team;
    struct tg__parked me = {.scope = runq, .owns = runq};
    struct tg__runq *handoff = NULL;
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    while (!enough(runq)) {
        struct tg__runq *next =
            handoff != NULL && tg__runq_admits(handoff) ? handoff : tg__runq_find(team, runq, NULL);
        handoff = NULL;
        if (next != NULL) {
            worker->helps = true;
            serve_one(worker, next);
            worker->helps = false;
        } else {
            handoff = tg__runq_park(team, &me, (double)INFINITY);
        }
    }
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

bool tg__team_await(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__runq *around = own_worker->serving; /* the caller is a worker */
    bool itself = false;
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    if (runq->live && around != NULL) {
        itself = tg__runq_is_descendant(runq, around);
        if (!itself && atomic_load(&runq->awaited) == NULL) {
            atomic_store(&runq->awaited, around);
            team->awaited++;
            tg__runq_notify_many(team, runq);
        }
    }
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    return !itself;
}

void tg__team_help(const struct tg__runq *runq, struct tg__parker *parker, double until)
{
    struct tg__worker *worker = own_worker; /* the caller is one */
    struct tg__team *team = worker->team;
    struct tg__parked me = {.scope = runq, .parker = parker};
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    serve_all(worker, runq, NULL);
    struct tg__runq *handoff = tg__runq_park(team, &me, until);
    serve_all(worker, runq, handoff);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}
