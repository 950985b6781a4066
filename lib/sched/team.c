/* SPDX-License-Identifier: MIT */
/* Where a run queue runs: in a region that is opened here, in the user's, in a task's team, in a
 * pool's. */
#define _GNU_SOURCE /* PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP */
#include "sched/omp.h"
#include "sched/team_int.h"

#include "sys/process.h"
#include "sys/thread.h"

#include <omp.h>
#include <pthread.h>

/* About 20 µs: as long as a sleep and a wake-up take. */
enum { SPINS = 400 };

/* The lock is held for a few instructions: a thread that spins for it shortly need not be woken. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define LOCK_INITIALIZER PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
#define LOCK_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#endif

/* libgomp would wait for the threads of the team that it knows of, in a region of two threads or
   more; in one of one thread, or outside of its regions, it needs none. (libomp begins anew in a
   child.) */
static bool is_alone(void)
{
    return tg__process_lost_team() && !tg__libomp_serves();
}

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

/* On each thread of a region that was opened here. The first is the one that opened it. */
static void take_part(struct tg__team *team, struct tg__runq *runq)
{
    struct tg__worker worker = {
        .team = team, .place = omp_get_thread_num(), .level = omp_get_level()};
    atomic_store(&team->got, omp_get_num_threads()); /* each the same: tasks may start at once */
    if (worker.place == 0) {
        worker.home = runq;
        tg__worker_own(&worker, runq);
        close_team(team);
        return;
    }
    if (runq->raw) /* to the barrier at the region's end, where helper tasks, and raw tasks, find it
                    */
        return;
    tg__worker_attend(&worker);
}

struct region {
    struct tg__team *team;
    struct tg__runq *runq;
};

/* The runtime may give the thread to another region next: it goes back to where it was. */
static void take_part_there(void *user)
{
    const struct region *region = user;
    struct tg__processors before = tg__processors_move(region->runq->processors);
    take_part(region->team, region->runq);
    tg__processors_move(&before);
}

static int run_in_our_region(struct tg__runq *runq, int threads)
{
    struct tg__team team;
    open_team(&team, !runq->raw, is_alone() ? 1 : threads);
    tg__runq_activate(&team, runq);
    tg__omp_parallel(team.size, take_part_there, &(struct region){&team, runq});
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
    tg__worker_own(&worker, runq);
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
    tg__worker_own(&worker, runq);
    return team->got;
}

static void prepare(struct tg__runq *runq, struct tg__runq *parent)
{
    /* Published with the team. */
    atomic_store_explicit(&runq->active, 0, memory_order_relaxed);
    atomic_store_explicit(&runq->pins, 0, memory_order_relaxed);
    atomic_store_explicit(&runq->helper_spawned, false, memory_order_relaxed);
    atomic_store_explicit(&runq->wanted, 0, memory_order_relaxed);
    atomic_store_explicit(&runq->to_end, false, memory_order_relaxed);
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
    bool ended = runq->live && runq->calls->end(runq); /* a worker may have been first */
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
