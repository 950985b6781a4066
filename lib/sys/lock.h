/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_LOCK_H
#define TG_LIB_SYS_LOCK_H
/*
 * Locks, and the order in which they are taken. A build with TASKGROUP_CHECK_LOCKS ends the process
 * where a thread takes one out of order.
 *
 * tg__lock: one byte. Taking it costs one exchange, giving it back a store, which halves what a
 * mutex costs on the path of tg_group_add(). A thread that finds it taken spins shortly, then lets
 * others run, then sleeps for some microseconds at a time: there may be more threads than
 * processors, and the holder may have been preempted by a thread that waits for it. A lock that
 * another thread held when the process was forked is free in the child: that thread is not there.
 *
 * Most of these are *short*: a few instructions, no memory, no system call, no loop over tasks
 * (which a build with TASKGROUP_CHECK_LOCKS checks, see lock_check.c). Under the others, and under
 * the mutexes, memory may be allocated: the group's, since an add there finds out how much it
 * needs; that of the handlers of signals, which are set under it.
 *
 * A mutex of pthread's: where a thread may sleep until something changes.
 */
#include "sys/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Every lock of the library, from outer to inner: a thread that has one takes only those further
 * down. */
enum tg__rank {
    TG__LOCK_PIPELINE, /* mutex, of a pipeline: its serial stages; no other is taken under it */
    TG__LOCK_SHARD,    /* mutex, of a team of a pool: its thread, its clients */
    TG__LOCK_TEAM,     /* mutex: the run queues that are active, parked workers */
    TG__LOCK_GROUP,    /* of a group, not short: adding, lifecycle, timers, suspended tasks */
    TG__LOCK_WAIT, /* mutex, of a group: threads that sleep for space, for on_done, for the end of
                      an attached run */
    TG__LOCK_DISPATCH, /* of a group: claims that are made one at a time */
    TG__LOCK_FAILURES, /* mutex, of a group */
    TG__LOCK_HANDLE,   /* mutex, of a handle */
    TG__LOCK_LIMIT,    /* of a shared limit */
    TG__LOCK_POOL,     /* of a pool: threads that close it */
    TG__LOCK_TOLD,     /* of a task: the context by which it is told to stop */
    TG__LOCK_HOOKS,    /* mutex, one for all */
    TG__LOCK_CIRCLES,  /* one for all: a context gets its outer one */
    TG__LOCK_CONTEXT,  /* of a context; a child's before its parents' */
    TG__LOCK_EVENTS,   /* mutex, one for all: timers */
    TG__LOCK_PARK,     /* mutex, of a thread that parks */
    TG__LOCK_LOCALS,   /* of a group: what workers keep */
    TG__LOCK_TIMES,    /* of a group */
    TG__LOCK_SIGNALS,  /* one for all, not short: signals that are bound */
    TG__LOCK_GUARD,    /* one for all, not short: handlers of crash signals */
    TG__LOCK_ERRORS    /* one for all: backtraces of last errors */
};

#ifdef TASKGROUP_CHECK_LOCKS
void tg__rank_enter(enum tg__rank rank);
void tg__rank_leave(enum tg__rank rank);
void tg__rank_check(const char *call); /* may the thread call this now? */
#else
static inline void tg__rank_enter(enum tg__rank rank)
{
    (void)rank;
}
static inline void tg__rank_leave(enum tg__rank rank)
{
    (void)rank;
}
#endif

struct tg__lock {
    atomic_uchar taken; /* the mark of the process of which a thread has it; 0: free */
};

/* Tells the processor that this is a spin loop. */
static inline void tg__pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits until it looks free. */
void tg__lock_wait(const struct tg__lock *lock, unsigned char mark);

/* The acquire pairs with the release in tg__lock_give(). */
static inline void tg__lock_take(struct tg__lock *lock, enum tg__rank rank)
{
    unsigned char mark = tg__process_mark();
    tg__rank_enter(rank);
    while (atomic_exchange_explicit(&lock->taken, mark, memory_order_acquire) == mark)
        tg__lock_wait(lock, mark);
}

/* Pairs with the acquire in tg__lock_take(): the next holder sees all that this one has done. */
static inline void tg__lock_give(struct tg__lock *lock, enum tg__rank rank)
{
    atomic_store_explicit(&lock->taken, 0, memory_order_release);
    tg__rank_leave(rank);
}

/* Did a thread of the parent process hold it at the fork? Then what it guards may be half changed.
 */
static inline bool tg__lock_is_lost(const struct tg__lock *lock)
{
    unsigned char taken = atomic_load_explicit(&lock->taken, memory_order_relaxed);
    return taken != 0 && taken != tg__process_mark();
}

/* A thread that sleeps in a condition still counts as one that has the mutex: it takes none
 * meanwhile. */
static inline void tg__mutex_lock(pthread_mutex_t *mutex, enum tg__rank rank)
{
    tg__rank_enter(rank);
    pthread_mutex_lock(mutex);
}

static inline void tg__mutex_unlock(pthread_mutex_t *mutex, enum tg__rank rank)
{
    pthread_mutex_unlock(mutex);
    tg__rank_leave(rank);
}

#endif
