/* SPDX-License-Identifier: MIT */
#include "omp_on_threads.h"

#include "sched/omp.h"
#include "sched/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#include <stdlib.h>

int threads_of_team = 4;

/* ---- what the library asks OpenMP's runtime for ---- */

static _Thread_local struct {
    int level, number, threads, taskgroups;
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
    void (*part)(void *user);
    void *user;
    int number, threads;
    pthread_t thread;
};

static void *be_member(void *arg)
{
    const struct member *member = arg;
    here.level = 1;
    here.number = member->number;
    here.threads = member->threads;
    member->part(member->user);
    return NULL;
}

/* All but the first, which is the caller. */
static struct member *fork_members(int threads, void (*part)(void *user), void *user)
{
    struct member *members = calloc((size_t)threads, sizeof *members);
    for (int i = 1; i < threads; i++) {
        members[i] = (struct member){.part = part, .user = user, .number = i, .threads = threads};
        if (pthread_create(&members[i].thread, NULL, be_member, &members[i]) != 0)
            abort();
    }
    here.level = 1;
    here.number = 0;
    here.threads = threads;
    return members;
}

static void join_members(struct member *members)
{
    for (int i = 1; i < here.threads; i++)
        pthread_join(members[i].thread, NULL);
    here.level = 0;
    free(members);
}

void tg__omp_parallel(int threads, void (*body)(void *user), void *user)
{
    struct member *members = fork_members(threads, body, user);
    body(user);
    join_members(members);
}

/* ---- tasks ---- */

void tg__omp_call(bool (*body)(void *frame), void *frame, bool cancels, const bool *spawned)
{
    (void)cancels, (void)spawned;
    body(frame);
}

void tg__omp_wait(void)
{
}

/* The deferred task of a user's region that was spawned last. The other threads call it again and again, until its taskgroup
   ends: more often than it would ever be spawned. */
static struct {
    pthread_mutex_t lock; /* guards the rest */
    void (*body)(void *first, void *second);
    void *first, *second;
    int running;
    bool closed; /* the taskgroup has ended: what is spawned now is of the next run */
    bool over;   /* the region */
} helper = {.lock = PTHREAD_MUTEX_INITIALIZER};

void tg__omp_spawn(void (*body)(void *first, void *second), void *first, void *second)
{
    pthread_mutex_lock(&helper.lock);
    helper.body = helper.closed ? NULL : body;
    helper.first = first;
    helper.second = second;
    pthread_mutex_unlock(&helper.lock);
}

static void help(void *user)
{
    (void)user;
    pthread_mutex_lock(&helper.lock);
    while (!helper.over) {
        if (helper.body != NULL) {
            void (*body)(void *first, void *second) = helper.body;
            void *first = helper.first, *second = helper.second;
            helper.running++;
            pthread_mutex_unlock(&helper.lock);
            body(first, second);
            pthread_mutex_lock(&helper.lock);
            helper.running--;
        }
        pthread_mutex_unlock(&helper.lock);
        sched_yield();
        pthread_mutex_lock(&helper.lock);
    }
    pthread_mutex_unlock(&helper.lock);
}

static void wait_for_helpers(void)
{
    pthread_mutex_lock(&helper.lock);
    helper.body = NULL;
    helper.closed = true;
    while (helper.running > 0) {
        pthread_mutex_unlock(&helper.lock);
        sched_yield();
        pthread_mutex_lock(&helper.lock);
    }
    pthread_mutex_unlock(&helper.lock);
}

static struct tg__runq *runq_of_region;
static void (*call_late)(struct tg__runq *runq);

void tg__omp_taskgroup(void (*body)(void *user), void *user)
{
    bool last = here.number == 0 && here.taskgroups++ == 0;
    body(user);
    if (last && call_late != NULL)
        call_late(runq_of_region);
    if (last)
        wait_for_helpers();
    here.taskgroups -= here.number == 0;
}

void run_with_helpers(struct tg__runq *runq, int threads, void (*late)(struct tg__runq *runq))
{
    runq_of_region = runq;
    call_late = late;
    helper.over = helper.closed = false;
    struct member *members = fork_members(threads, help, NULL);
    tg__team_run(runq, 0);
    pthread_mutex_lock(&helper.lock);
    helper.over = true;
    pthread_mutex_unlock(&helper.lock);
    join_members(members);
    call_late = NULL;
}
