/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
/*
 * GLib: a GThreadPool of OMP_NUM_THREADS threads of its own. It knows no groups and no waiting but
 * for its end, so that a group is counted down by hand, in a pool that stays.
 */
#include "../peer.h"

#include <glib.h>

const char *const bench_impls[] = {
    "spawn/glib", "small/glib", "pool/glib", "pool/glib-trip", "pool/glib-idle", NULL};

static GThreadPool *pool;
static uint64_t *results_now;

static GThreadPool *new_pool(GFunc function, int threads)
{
    GError *error = NULL;
    GThreadPool *made = g_thread_pool_new(function, NULL, threads, TRUE, &error);
    if (error)
        bench_wrong("%s", error->message);
    return made;
}

static void body(gpointer data, gpointer unused)
{
    (void)unused;
    uint64_t *result = data;
    *result = (uint64_t)(result - results_now) + 1;
    peer_count();
}

static void tasks(uint64_t *results, size_t n)
{
    results_now = results;
    peer_expect(n);
    for (size_t i = 0; i < n; i++)
        g_thread_pool_push(pool, &results[i], NULL);
    peer_wait();
}

static void count(gpointer data, gpointer unused)
{
    (void)data, (void)unused;
    peer_count();
}

static void submit(size_t n)
{
    for (size_t i = 0; i < n; i++)
        g_thread_pool_push(pool, &pool, NULL); /* NULL is no task */
}

static void finish(void)
{
    g_thread_pool_free(pool, FALSE, TRUE);
    pool = NULL;
}

void bench_run(const bench_args *args)
{
    if (!pool)
        pool = new_pool(peer_is(args, "pool") ? count : body, args->threads);
    const peer_pool functions = {submit, finish};
    if (peer_is(args, "spawn"))
        peer_spawn(args, tasks);
    else if (peer_is(args, "small"))
        peer_small(args, tasks);
    else
        peer_pool_run(args, &functions);
}
