/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_LOCK_H
#define TG_LIB_LOCK_H
/*
 * A lock of one byte for sections of a few instructions: taking it costs one exchange, giving it
 * back a store, which halves what a mutex costs on the path of tg_group_add(). Who finds it taken
 * spins shortly, then lets others run: there may be more threads than processors.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct tg__lock {
    atomic_bool taken;
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
    for (int i = 0; atomic_exchange_explicit(&lock->taken, true, memory_order_acquire); i++) {
        while (atomic_load_explicit(&lock->taken, memory_order_relaxed) && i < 64) {
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
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
