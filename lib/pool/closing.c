/* SPDX-License-Identifier: MIT */
/* The end of a pool: closing it, opening it again, destroying it. */
#include "pool/pool.h"

#include "base/status.h"

#include <stdlib.h>
#include <taskgroup/version.h>

/* False: it is closed. */
static bool note_closer(tg_pool *pool, double timeout, double *until)
{
    *until = tg_time_now() + timeout;
    tg__lock_take(&pool->lock, TG__LOCK_POOL);
    bool closes = !pool->closed;
    pool->closers += closes;
    tg__lock_give(&pool->lock, TG__LOCK_POOL);
    return closes;
}

/* Each closer waits for as long as it likes; the first whose time is up stops all. */
static void close_shards(tg_pool *pool, double until)
{
    for (int i = 0; i < pool->shards; i++)
        tg__shard_shut(&pool->shard[i]);
    bool drained = true, late = false;
    for (int i = 0; i < pool->shards; i++)
        drained &= tg__shard_drain(&pool->shard[i], until);
    if (drained)
        return;
    for (int i = 0; i < pool->shards; i++)
        late |= tg__shard_stop(&pool->shard[i]);
    tg__lock_take(&pool->lock, TG__LOCK_POOL);
    pool->timed_out |= late;
    tg__lock_give(&pool->lock, TG__LOCK_POOL);
}

static size_t count_abandoned(const tg_pool *pool)
{
    size_t abandoned = 0;
    for (int i = 0; i < pool->shards; i++)
        abandoned += pool->shard[i].resident.abandoned;
    return abandoned;
}

/* False: not all were run. */
static bool close_pool(tg_pool *pool, double timeout, size_t *left)
{
    double until;
    *left = 0;
    if (!note_closer(pool, timeout, &until))
        return true;
    close_shards(pool, until);
    *left = count_abandoned(pool);
    tg__lock_take(&pool->lock, TG__LOCK_POOL);
    pool->closers--;
    pool->closed = true;
    bool timed_out = pool->timed_out || *left > 0;
    tg__lock_give(&pool->lock, TG__LOCK_POOL);
    return !timed_out;
}

/* A closer that does not wait. The pool is not closed before somebody has waited. */
tg_status tg_pool_shut(tg_pool *pool)
{
    static const char call[] = "tg_pool_shut";
    double until;
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    tg_status status = tg__pool_refuse_default(pool, call);
    if (status != TG_OK)
        return status;
    if (!note_closer(pool, 0, &until))
        return TG_OK;
    for (int i = 0; i < pool->shards; i++)
        tg__shard_shut(&pool->shard[i]);
    tg__lock_take(&pool->lock, TG__LOCK_POOL);
    pool->closers--;
    tg__lock_give(&pool->lock, TG__LOCK_POOL);
    return TG_OK;
}

tg_status tg_pool_close(tg_pool *pool, double timeout, size_t *abandoned)
{
    static const char call[] = "tg_pool_close";
    if (abandoned != NULL)
        *abandoned = 0;
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (!(timeout >= 0))
        return tg__refuse(TG_INVALID, "%s: timeout is %g", call, timeout);
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    if (tg__pool_inside(pool))
        return tg__refuse(TG_BUSY, "%s: called in a task of the pool", call);
    tg_status status = tg__pool_refuse_default(pool, call);
    if (status != TG_OK)
        return status;
    size_t left;
    bool drained = close_pool(pool, timeout, &left);
    if (abandoned != NULL)
        *abandoned = left;
    return drained ? TG_OK : tg__refuse(TG_TIMED_OUT, "%s: %zu tasks were abandoned", call, left);
}

void tg__pool_quit(tg_pool *pool, double seconds)
{
    double until = tg_time_now() + seconds;
    if (tg__pool_is_parents(pool) || tg__pool_inside(pool))
        return;
    for (int i = 0; i < pool->shards; i++)
        tg__shard_shut(&pool->shard[i]);
    for (int i = 0; i < pool->shards; i++)
        tg__shard_quit(&pool->shard[i], until);
}

tg_status tg_pool_reopen(tg_pool *pool)
{
    static const char call[] = "tg_pool_reopen";
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    tg__lock_take(&pool->lock, TG__LOCK_POOL);
    bool opens = pool->closed && pool->closers == 0;
    if (opens) {
        pool->closed = pool->timed_out = false;
    }
    tg__lock_give(&pool->lock, TG__LOCK_POOL);
    if (!opens)
        return tg__refuse(TG_BUSY, "%s: the pool is not closed", call);
    for (int i = 0; i < pool->shards; i++)
        tg__shard_reopen(&pool->shard[i]);
    return TG_OK;
}

/* The last thread of a pool that was destroyed in one of its own tasks. */
static void on_gone(struct tg__host *host)
{
    tg_pool *pool = tg__pool_of(host);
    int shards = pool->options.shards; /* first: the last one frees the pool */
    if (atomic_fetch_add(&pool->gone, 1) + 1 < shards)
        return;
    tg__pool_free_shards(pool);
}

/* The thread that is in a task of it still uses it: then it stays. */
static void free_parents(tg_pool *pool)
{
    for (int i = 0; i < pool->shards; i++)
        if (tg__frame_inside(&pool->shard[i].group->exec) != NULL)
            return;
    for (int i = 0; i < pool->shards; i++)
        tg__shard_free_parents(&pool->shard[i]);
    free(pool);
}

void tg_pool_destroy(tg_pool *pool)
{
    if (pool == NULL || (pool->is_default && !tg__pool_is_parents(pool)))
        return;
    if (tg__pool_is_parents(pool)) {
        free_parents(pool);
        return;
    }
    if (!tg__pool_inside(pool)) {
        size_t left;
        close_pool(pool, 0, &left);
        tg__pool_free_shards(pool);
        return;
    }
    for (int i = 0, shards = pool->shards; i < shards; i++) /* the last one frees the pool */
        tg__shard_orphan(&pool->shard[i], on_gone);
}
