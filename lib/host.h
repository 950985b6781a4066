/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_HOST_H
#define TG_LIB_HOST_H
/*
 * One team of a pool: a kept group, and the thread that opens a region for it whenever there is something to do.
 * The region is closed when nothing was done for a while; with libgomp the thread then ends, since that is when
 * libgomp gives its threads back. (libomp keeps them, and does not survive threads that come and go and
 * that used deferred tasks: there it sleeps.)
 */
#include "kept.h"

struct tg__shard {
    tg_group *group;
    int threads;
    double idle;
    bool gives_back; /* its thread ends when the region does */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool called; /* there is something to do, or to end */
    bool there;  /* the thread */
    bool joins;  /* it has ended, and nobody has joined it */
    bool open;   /* the region */
    bool closing, quits;
    size_t count; /* tasks, when the alarm rang last */
    pthread_t thread;
    struct tg__alarm alarm;
    tg_hook hook;             /* its context has stopped */
    void (*gone)(void *pool); /* the thread's last call, if nobody waits for it; or NULL */
    void *pool;
};

/* The group is the shard's from then on. */
void tg__shard_init(
    struct tg__shard *shard, tg_group *group, int threads, double idle, int waiters);

/* When nothing of it runs any more. */
void tg__shard_free(struct tg__shard *shard);

/* Makes sure that there is a thread to do what comes next. False: the system has none left. */
bool tg__shard_ready(struct tg__shard *shard);

/* Takes a source in: its team, or NULL: closed. Until tg__kept_part(). */
struct tg__team *tg__shard_enter(struct tg__shard *shard);

void tg__shard_resize(struct tg__shard *shard, int threads);

/* Takes no more. Then: has everything ended by that time? If not, stops it. At last nothing of it runs. */
void tg__shard_shut(struct tg__shard *shard);
bool tg__shard_drain(struct tg__shard *shard, double until);
void tg__shard_stop(struct tg__shard *shard);

/* Stops it, and nobody waits: its thread calls `gone` at last, and then touches nothing. */
void tg__shard_orphan(struct tg__shard *shard, void (*gone)(void *pool), void *pool);

/* As new. */
void tg__shard_reopen(struct tg__shard *shard);

#endif
