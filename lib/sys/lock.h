/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_LOCK_H
#define TG_LIB_SYS_LOCK_H
/*
 * A lock of one byte for sections of a few instructions: taking it costs one exchange, giving it
 * back a store, which halves what a mutex costs on the path of tg_group_add(). Who finds it taken
 * spins shortly, then lets others run: there may be more threads than processors.
 *
 * A lock that another thread held when the process was forked is free in the child: that thread is not there.
 */
#include "sys/process.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

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

/* The acquire pairs with the release in tg__lock_give(). The relaxed look only waits. */
static inline void tg__lock_take(struct tg__lock *lock)
{
    unsigned char mark = tg__process_mark();
    for (int i = 0; atomic_exchange_explicit(&lock->taken, mark, memory_order_acquire) == mark;
        i++) {
        while (atomic_load_explicit(&lock->taken, memory_order_relaxed) == mark && i < 64) {
            tg__pause();
            i++;
        }
        if (i >= 64)
            sched_yield();
    }
}

/* Pairs with the acquire in tg__lock_take(): the next holder sees all that this one has done. */
static inline void tg__lock_give(struct tg__lock *lock)
{
    atomic_store_explicit(&lock->taken, 0, memory_order_release);
}

/* Did a thread of the parent process hold it at the fork? Then what it guards may be half changed. */
static inline bool tg__lock_is_lost(const struct tg__lock *lock)
{
    unsigned char taken = atomic_load_explicit(&lock->taken, memory_order_relaxed);
    return taken != 0 && taken != tg__process_mark();
}

#endif
