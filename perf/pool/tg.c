/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
/*
 * pool: `limit` foreign threads (1 or 4) submit n empty tasks to a pool; from the first submit until all have run.
 * `tg-trip`: one at a time with a handle, submitted and waited for. `tg-idle`: what a pool costs that has
 * nothing to do, after its idle time.
 */
#include "bench_tg.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

const char *const bench_impls[] = {"tg", "tg-trip", "tg-idle", NULL};

static atomic_size_t ran;

static int count(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    atomic_fetch_add_explicit(&ran, 1, memory_order_relaxed);
    return 0;
}

struct submitter {
    tg_pool *pool;
    size_t n;
};

static void *submit_all(void *arg)
{
    const struct submitter *submitter = arg;
    for (size_t i = 0; i < submitter->n; i++)
        bench_must_be_ok(tg_pool_submit(submitter->pool, count, NULL, NULL, NULL));
    return NULL;
}

static void time_submit(tg_pool *pool, const bench_args *args)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    const size_t parts = args->limit > 0 && args->limit < MOST ? (size_t)args->limit : 1;
    struct submitter submitter = {pool, args->n / parts};
    const double start = bench_now();
    for (size_t i = 0; i < parts; i++)
        pthread_create(&threads[i], NULL, submit_all, &submitter);
    for (size_t i = 0; i < parts; i++)
        pthread_join(threads[i], NULL);
    bench_must_be_ok(tg_pool_close(pool, TG_FOREVER, NULL));
    const size_t n = submitter.n * parts;
    bench_report("ns_per_task", 1e9 * (bench_now() - start) / (double)n);
    if (atomic_load(&ran) != n)
        bench_wrong("%zu of %zu ran", atomic_load(&ran), n);
}

static void time_trip(tg_pool *pool, size_t n)
{
    double *trips = bench_alloc(n, sizeof *trips);
    for (size_t i = 0; i < n; i++) {
        tg_task *task;
        const double start = bench_now();
        bench_must_be_ok(tg_pool_submit(pool, count, NULL, NULL, &task));
        bench_must_be_ok(tg_task_wait(task, TG_FOREVER));
        trips[i] = 1e6 * (bench_now() - start);
        tg_task_release(task);
    }
    bench_report("us_per_trip", bench_median(trips, n));
    free(trips);
}

static double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* libomp's threads spin for 200 ms when their region has closed. */
static void time_idle(tg_pool *pool, double seconds)
{
    const struct timespec settle = {.tv_nsec = 500000000};
    const struct timespec rest = {
        (time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    bench_must_be_ok(tg_pool_submit(pool, count, NULL, NULL, NULL));
    nanosleep(&settle, NULL);
    const double before = processor_time();
    nanosleep(&rest, NULL);
    bench_report("cpu_ms_per_s", 1e3 * (processor_time() - before) / seconds);
}

void bench_run(const bench_args *args)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.idle = 0.1));
    if (pool == NULL)
        bench_wrong("%s", tg_error_last()->message);
    atomic_store(&ran, 0);
    if (strcmp(args->impl, "tg-trip") == 0)
        time_trip(pool, args->n);
    else if (strcmp(args->impl, "tg-idle") == 0)
        time_idle(pool, (double)args->n / 1000);
    else
        time_submit(pool, args);
    tg_pool_destroy(pool);
}
