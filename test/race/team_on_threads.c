/* SPDX-License-Identifier: MIT */
#define tg__team_run tg__team_run_by_openmp
#include "sched/team.c"
#undef tg__team_run

#include "team_on_threads.h"

#include <stdlib.h>

int threads_of_team = 4;

/* ---- what team.c asks OpenMP for ---- */

static _Thread_local struct {
    int level, number, threads;
} here;

int omp_get_level(void)
{
    return here.level;
}

int omp_get_thread_num(void)
{
    return here.number;
}

int omp_get_num_threads(void)
{
    return here.level > 0 ? here.threads : 1;
}

int omp_get_max_threads(void)
{
    return here.level > 0 ? 1 : threads_of_team;
}

int omp_get_num_procs(void)
{
    return threads_of_team; /* parked workers spin before they sleep: the wider window */
}

int omp_get_cancellation(void)
{
    return 0;
}

int omp_get_max_active_levels(void)
{
    return 1;
}

omp_proc_bind_t omp_get_proc_bind(void)
{
    return omp_proc_bind_false;
}

int omp_get_num_places(void)
{
    return 0;
}

int omp_get_place_num_procs(int place)
{
    (void)place;
    return 0;
}

void omp_get_place_proc_ids(int place, int *ids)
{
    (void)place, (void)ids;
}

/* ---- regions ---- */

struct member {
    struct tg__team *team;
    struct tg__runq *runq;
    void (*part)(const struct member *member);
    const atomic_bool *over; /* of a user's region */
    int number, threads;
    pthread_t thread;
};

static void *be_member(void *arg)
{
    const struct member *member = arg;
    here.level = 1;
    here.number = member->number;
    here.threads = member->threads;
    member->part(member);
    return NULL;
}

/* All but the first, which is the caller. */
static struct member *fork_members(const struct member *like)
{
    struct member *members = calloc((size_t)like->threads, sizeof *members);
    for (int i = 0; i < like->threads; i++) {
        members[i] = *like;
        members[i].number = i;
        if (i > 0 && pthread_create(&members[i].thread, NULL, be_member, &members[i]) != 0)
            abort();
    }
    here.level = 1;
    here.number = 0;
    here.threads = like->threads;
    return members;
}

static void join_members(struct member *members)
{
    for (int i = 1; i < here.threads; i++)
        pthread_join(members[i].thread, NULL);
    here.level = 0;
    free(members);
}

static void attend_region(const struct member *member)
{
    take_part(member->team, member->runq);
}

/* As run_in_our_region(). */
static int run_on_threads(struct tg__runq *runq, int threads)
{
    struct tg__team team;
    open_team(&team, true, threads);
    tg__runq_activate(&team, runq);
    struct member *members = fork_members(
        &(struct member){.team = &team, .runq = runq, .part = attend_region, .threads = threads});
    take_part(&team, runq);
    join_members(members);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

int tg__team_run(struct tg__runq *runq, int threads)
{
    struct tg__worker *worker = tg__team_worker();
    prepare(runq, worker != NULL ? worker->serving : NULL);
    if (worker != NULL)
        return run_below(worker, runq);
    if (omp_get_level() > 0)
        return run_in_users_region(runq);
    return run_on_threads(runq, threads);
}

/* ---- a user's region: more helper tasks than would ever be spawned ---- */

static void take_helpers(const struct member *member)
{
    while (!atomic_load(member->over)) {
        run_helper(member->team, member->runq);
        sched_yield();
    }
}

void run_with_helpers(struct tg__runq *runq, int threads, void (*after)(struct tg__runq *runq))
{
    struct tg__team team;
    atomic_bool over = false;
    prepare(runq, NULL);
    here.threads = threads;
    here.level = 1;
    open_team(&team, false, threads);
    tg__runq_activate(&team, runq);
    struct member *members = fork_members(&(struct member){
        .team = &team, .runq = runq, .part = take_helpers, .over = &over, .threads = threads});
    struct tg__worker worker = {.team = &team, .home = runq, .place = 0, .level = 1};
    own(&worker, runq);
    if (after != NULL)
        after(runq);
    atomic_store(&over, true);
    join_members(members);
    pthread_mutex_destroy(&team.lock);
}
