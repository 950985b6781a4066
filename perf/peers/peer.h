/* SPDX-License-Identifier: MIT */
#ifndef PEER_H
#define PEER_H
/*
 * What the peers share: of each workload, the part around what is measured, and the checks. C17 and
 * C++17. The program of a peer gives the functions that make its tasks.
 */
#include "bench.h"
#include "../grain/grain.h"
#include "../map/map.h"
#include "../spawn/spawn.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int peer_is(const bench_args *args, const char *workload)
{
    return strcmp(args->workload, workload) == 0;
}

static inline uint64_t *peer_array(size_t n)
{
    return (uint64_t *)bench_alloc(n, sizeof(uint64_t));
}

/* Tasks that are counted: whoever waits is woken by the last one. */

static size_t peer_ran;
static size_t peer_wanted;
static sem_t peer_all;

static inline void peer_expect(size_t n)
{
    static int ready;
    if (!ready++)
        sem_init(&peer_all, 0, 0);
    __atomic_store_n(&peer_ran, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&peer_wanted, n, __ATOMIC_RELAXED);
}

static inline void peer_count(void)
{
    const size_t wanted = __atomic_load_n(&peer_wanted, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&peer_ran, 1, __ATOMIC_ACQ_REL) == wanted)
        sem_post(&peer_all);
}

static inline void peer_wait(void)
{
    while (sem_wait(&peer_all) != 0)
        ;
}

/* Groups of tasks. `tasks` makes n tasks, task i's result is i + 1, and waits for all of them. */

static inline void peer_spawn(const bench_args *args, void (*tasks)(uint64_t *results, size_t n))
{
    const double start = bench_now();
    uint64_t *results = peer_array(args->n);
    tasks(results, args->n);
    spawn_check(results, args->n);
    free(results);
    spawn_report(start, args->n);
}

static inline void peer_small(const bench_args *args, void (*tasks)(uint64_t *results, size_t n))
{
    enum { MOST = 64 };
    if (args->n > MOST || args->region)
        bench_wrong("a small group has at most %d tasks and is not inside a region", MOST);
    double *times = (double *)bench_alloc(args->groups, sizeof *times);
    for (size_t i = 0; i < args->groups; i++) {
        const double start = bench_now();
        uint64_t results[MOST] = {0};
        tasks(results, args->n);
        spawn_check(results, args->n);
        times[i] = 1e6 * (bench_now() - start);
    }
    bench_report("us_per_group", bench_median(times, args->groups));
    free(times);
}

static inline void peer_grain(
    const bench_args *args, void (*bodies)(uint64_t *results, size_t n, uint64_t loops))
{
    const uint64_t loops = bench_loops(args);
    const double start = bench_now();
    uint64_t *results = peer_array(args->n);
    bodies(results, args->n, loops);
    bench_work_check(results, args->n, loops);
    free(results);
    grain_report(args, start);
}

/*
 * pool, as in ../pool/tg.c: the impl's name ends in -trip or -idle, or submitting is timed. Each
 * task calls peer_count().
 */

typedef struct peer_pool {
    void (*submit)(size_t n); /**< submits n tasks, from any thread */
    void (*close)(void);      /**< when all have run */
} peer_pool;

typedef struct peer_submitter {
    const peer_pool *pool;
    size_t n;
} peer_submitter;

static inline void *peer_submit_all(void *arg)
{
    const peer_submitter *submitter = (const peer_submitter *)arg;
    submitter->pool->submit(submitter->n);
    return NULL;
}

static inline void peer_time_submit(const bench_args *args, const peer_pool *pool)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    const size_t parts = args->limit > 0 && args->limit < MOST ? (size_t)args->limit : 1;
    peer_submitter submitter = {pool, args->n / parts};
    const size_t n = submitter.n * parts;
    peer_expect(n);
    const double start = bench_now();
    for (size_t i = 0; i < parts; i++)
        pthread_create(&threads[i], NULL, peer_submit_all, &submitter);
    for (size_t i = 0; i < parts; i++)
        pthread_join(threads[i], NULL);
    peer_wait();
    pool->close();
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    if (__atomic_load_n(&peer_ran, __ATOMIC_RELAXED) != n)
        bench_wrong("%zu of %zu ran", peer_ran, n);
}

static inline void peer_time_trip(size_t n, const peer_pool *pool)
{
    double *trips = (double *)bench_alloc(n, sizeof *trips);
    for (size_t i = 0; i < n; i++) {
        peer_expect(1);
        const double start = bench_now();
        pool->submit(1);
        peer_wait();
        trips[i] = 1e6 * (bench_now() - start);
    }
    pool->close();
    bench_report("us_per_trip", bench_median(trips, n));
    free(trips);
}

static inline double peer_processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void peer_time_idle(double seconds, const peer_pool *pool)
{
    const time_t whole = (time_t)seconds;
    const struct timespec settle = {0, 500000000};
    const struct timespec rest = {whole, (long)(1e9 * (seconds - (double)whole))};
    peer_expect(1);
    pool->submit(1);
    peer_wait();
    nanosleep(&settle, NULL);
    const double before = peer_processor_time();
    nanosleep(&rest, NULL);
    bench_report("cpu_ms_per_s", 1e3 * (peer_processor_time() - before) / seconds);
    pool->close();
}

static inline void peer_pool_run(const bench_args *args, const peer_pool *pool)
{
    if (strstr(args->impl, "-trip"))
        peer_time_trip(args->n, pool);
    else if (strstr(args->impl, "-idle"))
        peer_time_idle((double)args->n / 1000, pool);
    else
        peer_time_submit(args, pool);
}

#endif
