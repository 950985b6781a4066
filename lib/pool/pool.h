/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_POOL_POOL_H
#define TG_LIB_POOL_POOL_H
/* A pool: what pool.c, which submits, and closing.c, which ends it, know of it. */
#include "pool/host.h"

#include <taskgroup/pool.h>

struct tg_pool {
    struct tg__host host; /* first: what groups know of it */
    tg_pool_options options;
    int shards;
    bool is_default; /* the process's own: closed and freed by nobody */
    atomic_uint turn;
    struct tg__lock lock; /* guards what follows */
    bool closed;
    int closers; /* threads that are closing it */
    bool timed_out;
    atomic_int gone; /* shards whose threads have ended, where nobody waits for them */
    struct tg__shard shard[];
};

static inline tg_pool *tg__pool_of(struct tg__host *host)
{
    return (tg_pool *)(void *)host;
}

/* Is the calling thread one of the pool's, at work? */
bool tg__pool_inside(tg_pool *pool);

/* In a child of fork(): its threads, and whatever they hold, are not there. The second: TG_CLOSED,
   with a message. */
bool tg__pool_is_parents(const tg_pool *pool);
tg_status tg__pool_refuse_parents(const char *call);

/* TG_BUSY, with a message: it is the process's own, which this may not end. TG_OK: it is a user's.
 */
tg_status tg__pool_refuse_default(const tg_pool *pool, const char *call);

/* At the end of the process: no region is to be open when the OpenMP runtime ends. Waits for so
 * many seconds at most. */
void tg__pool_quit(tg_pool *pool, double seconds);

/* The last of it: no thread is in it. */
void tg__pool_free_shards(tg_pool *pool);

#endif
