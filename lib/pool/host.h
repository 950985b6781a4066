/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_POOL_HOST_H
#define TG_LIB_POOL_HOST_H
/*
 * One team of a pool: a persistent group, and the thread that opens a region for it whenever there
 * is something to do. The region is closed when nothing was done for a while; with libgomp the
 * thread then ends, since that is when libgomp gives its threads back. (libomp keeps them, and does
 * not survive threads that come and go and that used deferred tasks: there it sleeps.)
 */
#include "pool/resident.h"
#include "sys/thread.h"

struct tg__shard {
    struct tg__resident resident;
    tg_group *group; /* the same */
    int threads;
    int opened; /* of them, when the region was */
    double idle;
    bool gives_back;                  /* its thread ends when the region does */
    struct tg__processors processors; /* of its threads */

    pthread_mutex_t lock;
    struct tg__link *waiters; /* until one of these has changed */
    bool called;              /* there is something to do, or to end */
    bool there;               /* the thread */
    bool joins;               /* it has ended, and nobody has joined it */
    bool open;                /* the region */
    bool failed;              /* there was no memory to open it */
    bool closing, quits;
    struct tg__link *clients; /* groups that run over it */
    size_t count;             /* tasks, when the timer rang last */
    pthread_t thread;
    struct tg__timer timer;
    tg_hook hook;                        /* its context has stopped */
    void (*gone)(struct tg__host *pool); /* its last call, if nobody waits for it; or NULL */
    struct tg__host *pool;
};

/*
 * The group is the shard's from then on. Its threads run on `processors`, unless OMP_PROC_BIND
 * gives each of them a place. False: it cannot be guarded, and nothing has changed.
 */
bool tg__shard_init(struct tg__shard *shard, struct tg__host *pool, tg_group *group, int threads,
    double idle, int waiters, const struct tg__processors *processors);

/* When nothing of it runs any more. */
void tg__shard_free(struct tg__shard *shard);

/* The same in a child of fork(), of the parent's: what its threads have or held is left alone. */
void tg__shard_free_parents(struct tg__shard *shard);

/* Makes sure that there is a thread to do what comes next. False: the system has none left. */
bool tg__shard_ready(struct tg__shard *shard);

/* Takes a group in, to run over its team. TG_CLOSED; TG_NO_SYSTEM, TG_NO_MEMORY: there is no thread
   for it, or no memory to open its region. */
tg_status tg__shard_enter(struct tg__shard *shard, tg_group *client, struct tg__team **team);
void tg__shard_leave(struct tg__shard *shard, tg_group *client);

void tg__shard_resize(struct tg__shard *shard, int threads);

/* shut: takes no task any more. drain: waits until that time; true: everything has ended. stop:
   cancels what is left, and waits for it; true: there was something. */
void tg__shard_shut(struct tg__shard *shard);
bool tg__shard_drain(struct tg__shard *shard, double until);
bool tg__shard_stop(struct tg__shard *shard);

/* Stops it, and nobody waits: its thread calls `gone` at last, and then touches nothing. */
void tg__shard_orphan(struct tg__shard *shard, void (*gone)(struct tg__host *pool));

/* At the end of the process: the same, but waits until that time at most; then its thread is
 * joined. */
void tg__shard_quit(struct tg__shard *shard, double until);

/* As new. */
void tg__shard_reopen(struct tg__shard *shard);

#endif
