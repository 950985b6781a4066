/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP */
#include "sched/team_int.h"

#include "sys/lock.h"
#include "base/park.h"
#include "sys/process.h"
#include "sys/thread.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stddef.h>
#include <taskgroup/version.h>

/* About 20 µs: as long as a sleep and a wake-up take. */
enum { SPINS = 400 };

/* The lock is held for a few instructions: a thread that spins for it shortly need not be woken. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define LOCK_INITIALIZER PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
#define LOCK_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#endif

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

/* libgomp would wait for the threads of the team that it knows of, in a region of two threads or more; in one of one
   thread, or outside of its regions, it needs none. (libomp begins anew in a child.) */
static bool is_alone(void)
{
    return tg__process_lost_team() && !tg__libomp_serves();
}

/* ---- serving ---- */

/* A server stands in a taskgroup of ours, for the cancel: its home's, or one around this call. */
static void visit(struct tg__worker *worker, struct tg__runq *runq)
{
    tg__rounding rounding = tg__rounding_get();
    tg__rounding_set(runq->rounding);
    struct tg__runq *served = worker->serving; /* in the body of a scope: that */
    worker->serving = runq;
    if (worker->home == runq && (!runq->hosts || worker->spawns_helpers)) {
        runq->calls->serve(runq, worker);
    } else { /* a pool's region stays open: what its tasks have left behind ends with this call. (Not where helper tasks are
                spawned: the visit would wait for them, and other threads are there for what is left.) */
#pragma omp taskgroup
        runq->calls->serve(runq, worker);
    }
    worker->serving = served; /* it may end now, and we may still run tasks of the user's own */
    tg__rounding_set(rounding);
}

/* Under the team's lock, which is given back meanwhile. Where help comes by helper tasks, only a
   server of a run queue sends its next helper task. So a thread that can send helper tasks for one run queue (its
   home), and serves another one while the home has something to claim, spawns a helper task first. */
static void serve_one(struct tg__worker *worker, struct tg__runq *runq)
{
    struct tg__team *team = worker->team;
    struct tg__runq *home = worker->spawns_helpers && worker->home != runq ? worker->home : NULL;
    bool leaves = home != NULL && home->live && tg__runq_admits(home);
    atomic_fetch_add(&runq->active, 1);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    if (leaves)
        tg__team_notify_or_spawn(worker, home);
    visit(worker, runq);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    tg__runq_leave(team, runq);
}

/* Serves what is in scope as long as there is something to do now, what it was called for first.
   Under the lock. */
static void serve_all(
    struct tg__worker *worker, const struct tg__runq *scope, struct tg__runq *handoff)
{
    struct tg__team *team = worker->team;
    struct tg__runq *runq =
        handoff != NULL && tg__runq_admits(handoff) ? handoff : tg__runq_find(team, scope, NULL);
    while (runq != NULL) {
        worker->yielded = false;
        serve_one(worker, runq);
        runq = tg__runq_find(team, scope, worker->yielded ? runq : NULL);
    }
}

/* A helper in a region of ours: serves everything until the region closes. */
static void attend(struct tg__worker *worker)
{
    struct tg__team *team = worker->team;
    struct tg__parked me = {0};
    struct tg__runq *handoff = NULL;
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    for (;;) {
        serve_all(worker, NULL, handoff);
        if (team->closing)
            break;
        handoff = tg__runq_park(team, &me, (double)INFINITY);
    }
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
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

/* The thread that runs `runq`: serves it and its descendants (and what is attached) until it has ended. */
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
#pragma omp taskgroup
        runq->body(runq);
        worker->home = runq;
    } else {
        runq->body(runq);
    }
    worker->serving = NULL;
}

/* Only the join is left to the runtime, and only after the run queue has ended: what is still in the
   taskgroup then is helper tasks, and tasks of the user's own that the task functions left behind. */
static void own(struct tg__worker *worker, struct tg__runq *runq)
{
    enter_team(worker);
#pragma omp taskgroup
    {
        if (runq->body != NULL)
            run_body(worker, runq);
        run_to_end(worker, runq);
    }
    exit_team(worker);
}

static void spawn_helper(struct tg__worker *worker, struct tg__runq *runq);

/* For so long a watcher keeps its thread from other tasks that the user's region may have for it. */
static const double watch_time = 10e-3;

/* Under the lock: sleeps, at the runtime's barrier, for what may come from elsewhere: nobody there could be woken
   otherwise, since a helper task can only be spawned by the thread that runs the run queue, or by another helper task. False: it is
   time to give the thread back to the runtime, for a moment. */
static bool watch(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__parked me = {.scope = runq};
    runq->watchers++;
    double until = tg_time_now() + watch_time;
    tg__runq_park(team, &me, until);
    runq->watchers--;
    return me.woken || tg_time_now() < until;
}

/* The body of a helper task. Only touches the run queue if it may still be there: a helper task is spawned
   inside its run queue's taskgroup, which ends after it. */
static void run_helper(struct tg__team *team, struct tg__runq *runq)
{
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
    struct tg__team *team = worker->team;
#pragma omp task default(none) firstprivate(team, runq)
    run_helper(team, runq);
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
    tg__runq_leave(team, runq);
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
    struct tg__worker *worker = tg__team_worker();
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
    struct tg__runq *around = tg__team_worker()->serving;
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
    struct tg__worker *worker = tg__team_worker();
    struct tg__team *team = worker->team;
    struct tg__parked me = {.scope = runq, .parker = parker};
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    serve_all(worker, runq, NULL);
    struct tg__runq *handoff = tg__runq_park(team, &me, until);
    serve_all(worker, runq, handoff);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

void tg__team_join(void)
{
#pragma omp taskwait
}

void tg__team_task(struct tg__worker *worker, bool (*body)(void *), void *frame)
{
    bool cancellation = worker != NULL && worker->cancellation;
    bool ran = false;
    if (worker != NULL)
        worker->spawned = false; /* outside of this task: its parent is another one */
#pragma omp task if (0) default(none) shared(ran) firstprivate(body, frame, cancellation)
    {
        bool cancel = false;
        ran = true;
        if (cancellation) {
            /* What the body spawns on its own must not be dropped with our helper tasks. */
#pragma omp taskgroup
            cancel = body(frame);
        } else {
            body(frame);
        }
        if (cancel) {
#pragma omp cancel taskgroup
        }
    }
    /* libgomp keeps an undeferred task on this stack. A helper task that was spawned in it and ends at this moment still
       reads there, with the lock held for tasks, though the task has returned (gomp_task_run_post_remove_parent(), libgomp
       12). Another task takes that lock, from the same frame, before anything else uses the stack. */
    if (worker != NULL && worker->spawned) {
#pragma omp task default(none)
        atomic_signal_fence(memory_order_seq_cst); /* nothing; an empty task may be left out */
    }
    /* libgomp drops even an undeferred task if the user has cancelled something around us. */
    if (!ran)
        body(frame);
}

/* ---- running ---- */

/* A system call on libgomp: asked once. Relaxed: it publishes nothing but itself. */
static int processors(void)
{
    static atomic_int known;
    int count = atomic_load_explicit(&known, memory_order_relaxed);
    if (count == 0) {
        count = omp_get_num_procs();
        atomic_store_explicit(&known, count, memory_order_relaxed);
    }
    return count;
}

static void open_team(struct tg__team *team, bool ours, int size)
{
    *team = (struct tg__team){
        .lock = LOCK_INITIALIZER,
        .ours = ours,
        .size = size,
        .got = size,
        .cancellation = ours && omp_get_cancellation() != 0,
        .spins = size <= processors() ? SPINS : 0,
    };
}

static void close_team(struct tg__team *team)
{
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    team->closing = true;
    while (team->parked_workers != NULL)
        tg__runq_wake(team, &team->parked_workers, NULL);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

/* In the region of ours, on each of its threads. The first is the one that opened it. */
static void take_part(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__worker worker = {
        .team = team, .place = omp_get_thread_num(), .level = omp_get_level()};
    atomic_store(&team->got, omp_get_num_threads()); /* each the same: tasks may start at once */
    if (worker.place == 0) {
        worker.home = runq;
        own(&worker, runq);
        close_team(team);
        return;
    }
    if (runq->raw) /* to the barrier at the region's end, where helper tasks, and raw tasks, find it */
        return;
    enter_team(&worker);
    attend(&worker);
    exit_team(&worker);
}

/* The runtime may give the thread to another region next: it goes back to where it was. */
static void take_part_there(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__processors before = tg__processors_move(runq->processors);
    take_part(team, runq);
    tg__processors_move(&before);
}

static int run_in_our_region(struct tg__runq *runq, int threads)
{
    struct tg__team team;
    open_team(&team, !runq->raw, is_alone() ? 1 : threads);
    tg__runq_activate(&team, runq);
#pragma omp parallel num_threads(team.size) default(none) shared(team, runq)
    take_part_there(&team, runq);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

static int run_in_users_region(struct tg__runq *runq)
{
    struct tg__team team;
    bool alone = is_alone();
    open_team(&team, false, alone ? 1 : omp_get_num_threads());
    tg__runq_activate(&team, runq);
    struct tg__worker worker = {.team = &team,
        .home = runq,
        .place = alone ? 0 : omp_get_thread_num(),
        .level = omp_get_level()};
    own(&worker, runq);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

/* In a task of the team: its other threads serve this run queue too. */
static int run_below(struct tg__worker *under, struct tg__runq *runq)
{
    struct tg__team *team = under->team;
    struct tg__worker worker = {
        .team = team, .home = runq, .place = under->place, .level = under->level};
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    tg__runq_activate(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    own(&worker, runq);
    return team->got;
}

static void prepare(struct tg__runq *runq, struct tg__runq *parent)
{
    /* Published with the team. */
    atomic_store_explicit(&runq->active, 0, memory_order_relaxed);
    atomic_store_explicit(&runq->pins, 0, memory_order_relaxed);
    atomic_store_explicit(&runq->helper_spawned, false, memory_order_relaxed);
    atomic_store_explicit(&runq->wanted, 0, memory_order_relaxed);
    runq->watchers = 0;
    runq->rounding = tg__rounding_get();
    tg__runq_plant(runq, parent);
}

void tg__team_attach(struct tg__team *team, struct tg__runq *runq)
{
    prepare(runq, NULL);
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    tg__runq_activate(team, runq);
    tg__runq_notify_many(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
}

bool tg__team_end(struct tg__team *team, struct tg__runq *runq)
{
    tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    bool ended = runq->calls->end(runq);
    if (ended)
        tg__runq_deactivate(team, runq);
    tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
    return ended;
}

bool tg__team_sleeps(const struct tg__team *team)
{
    return atomic_load(&team->idle) > 0;
}

int tg__team_size(const struct tg__team *team)
{
    return team->size;
}

int tg__team_run(struct tg__runq *runq, int threads)
{
    struct tg__worker *worker = tg__team_worker();
    prepare(runq, worker != NULL ? worker->serving : NULL);
    if (worker != NULL)
        return run_below(worker, runq);
    if (omp_get_level() > 0)
        return run_in_users_region(runq);
    return run_in_our_region(runq, threads);
}

int tg__team_places(int threads)
{
    return is_alone() ? 1 : tg__team_places_elsewhere(threads);
}

int tg__team_places_elsewhere(int threads)
{
    const struct tg__worker *worker = tg__team_worker();
    if (worker != NULL)
        return worker->team->size;
    if (omp_get_level() > 0)
        return omp_get_num_threads();
    return threads > 0 ? threads : omp_get_max_threads();
}
