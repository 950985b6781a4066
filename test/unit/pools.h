/* SPDX-License-Identifier: MIT */
#ifndef TG_POOLS_H
#define TG_POOLS_H
/* What tests of pools share: a gate for tasks to stand at, and how a pool adds up. After tg_test.h. */
#include <taskgroup/pool.h>
#include <time.h>

static inline void nap_for(double seconds)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
}

/* For what must not happen to happen. Nothing depends on how long it is. */
static inline void nap(void)
{
    nap_for(0.002);
}

/* ---- Gates --------------------------------------------------------------------------------- */

/* Tasks stand at it, asleep, until it is opened. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int standing; /* at most since it was made, not now */
    bool open;
};

#define GATE {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false}

static inline int stand(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)self, (void)result;
    pthread_mutex_lock(&gate->lock);
    gate->standing++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return 0;
}

static inline void gate_await(struct gate *gate, int standing)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->standing < standing)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static inline int gate_standing(struct gate *gate)
{
    int standing;

    pthread_mutex_lock(&gate->lock);
    standing = gate->standing;
    pthread_mutex_unlock(&gate->lock);
    return standing;
}

/* ---- How many run at once ------------------------------------------------------------------ */

struct crowd {
    atomic_int now, most, ran;
};

/* Counts itself in and out; arg: a struct crowd. */
static inline int join_crowd(tg_task *self, void *arg, void *result)
{
    struct crowd *crowd = arg;
    int now = atomic_fetch_add(&crowd->now, 1) + 1, most = atomic_load(&crowd->most);

    (void)self, (void)result;
    while (most < now && !atomic_compare_exchange_weak(&crowd->most, &most, now))
        ;
    sched_yield();
    atomic_fetch_add(&crowd->ran, 1);
    atomic_fetch_sub(&crowd->now, 1);
    return 0;
}

/* ---- Pools --------------------------------------------------------------------------------- */

/* Without options and handle; the line of who calls is blamed. */
#define submit(blame, pool, function, arg) \
    expect(blame, tg_pool_submit(pool, function, arg, NULL, NULL) == TG_OK)

#define submit_with(blame, pool, function, arg, options, task) \
    expect(blame, tg_pool_submit(pool, function, arg, options, task) == TG_OK)

static inline tg_pool_numbers numbers_of(tg_pool *pool)
{
    tg_pool_numbers numbers = {.size = sizeof numbers};
    if (tg_pool_report(pool, &numbers) != TG_OK)
        numbers.submitted = SIZE_MAX;
    return numbers;
}

/* Nothing is lost: each task that was taken is counted once. For a pool that stands still. */
static inline bool adds_up(const tg_pool_numbers *n)
{
    return n->submitted == (size_t)n->running + n->queued + n->pending + n->ok + n->failed +
                               n->cancelled + n->abandoned + n->dropped;
}

/* Of a pool that is closed. */
static inline bool is_over(const tg_pool_numbers *n)
{
    return adds_up(n) && n->running == 0 && n->queued == 0 && n->pending == 0 && n->waiters == 0;
}

/* All is run, and everybody says so; then the pool is no more. Returns its last numbers. */
static inline tg_pool_numbers finish(struct blame *blame, tg_pool *pool)
{
    size_t abandoned = 99;
    tg_pool_numbers numbers;

    expect(blame, tg_pool_close(pool, TG_FOREVER, &abandoned) == TG_OK);
    expect(blame, abandoned == 0);
    numbers = numbers_of(pool);
    expect(blame, is_over(&numbers));
    expect(blame, numbers.abandoned == 0);
    tg_pool_destroy(pool);
    return numbers;
}

/* ---- Handles ------------------------------------------------------------------------------- */

static inline tg_outcome outcome_of_task(tg_task *task)
{
    tg_outcome outcome = {.size = sizeof outcome};
    tg_status status = tg_task_outcome(task, &outcome);
    if (status != TG_OK)
        outcome.status = status;
    return outcome;
}

/* What became of it, however long that takes; gives the handle back. */
static inline tg_status end_of(tg_task *task)
{
    tg_status status = tg_task_wait(task, TG_FOREVER);
    tg_task_release(task);
    return status;
}

#endif
