/* SPDX-License-Identifier: MIT */
/* The process's own pool: for groups that are started without one. */
#include "group/group.h"
#include "pool/pool.h"

#include "base/status.h"

#include <pthread.h>
#include <stdlib.h>

/* Made at the first use, and kept for good: its threads are given back while it is idle. */
static tg_pool *_Atomic own;

/* libomp does not bear a region of another thread's that is open while it ends. It was there before
   the pool, and so ends after this. Tasks that do not ask are not waited for. */
static void quit_at_exit(void)
{
    tg_pool *pool = atomic_load(&own);
    if (pool != NULL)
        tg__pool_quit(pool, 0.2);
}

static void watch_exit(void)
{
    (void)atexit(quit_at_exit); /* without memory the runtime ends as it can */
}

/* Of several threads that make one at the same time the first wins. In a child of fork() that of
   the parent is replaced. */
tg_pool *tg_pool_default(void)
{
    tg_pool *pool = atomic_load(&own);
    if (pool != NULL && !tg__pool_is_parents(pool))
        return pool;
    tg_pool *mine = tg_pool_create(NULL), *before = pool;
    if (mine == NULL)
        return NULL;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_exit);
    mine->is_default = true;
    if (atomic_compare_exchange_strong(&own, &pool, mine)) {
        tg_pool_destroy(before);
        return mine;
    }
    mine->is_default = false;
    tg_pool_destroy(mine);
    return pool;
}

tg_status tg_group_start(tg_group *group)
{
    static const char call[] = "tg_group_start";
    if (group == NULL)
        return tg__refuse_null(call, "group");
    tg_status status = tg__group_refuse_owned(group, call);
    if (status != TG_OK)
        return status;
    tg_pool *pool = group->options.pool != NULL ? group->options.pool : tg_pool_default();
    return pool != NULL ? tg__attach_start(group, call, &pool->host) : tg_error_last()->status;
}
