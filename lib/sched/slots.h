/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_SLOTS_H
#define TG_LIB_SCHED_SLOTS_H
/* Slots: the right to have one task in flight. A server of a group with `.limit` holds one while it
   serves; a task that is suspended keeps it. */
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct tg__slots {
    atomic_long most; /* 0: no limit, which stays so while somebody is in flight */
    atomic_long used;
    atomic_long suspended; /* of them: kept by tasks on no thread */
};

static inline bool tg__slots_take(struct tg__slots *slots)
{
    /* Relaxed: the compare-and-swap decides. A stale "none" sends the thread to sleep, and before
       that it looks again by tg__slots_free(), which pairs with tg__slots_give(). */
    long used = atomic_load_explicit(&slots->used, memory_order_relaxed);
    long most = atomic_load_explicit(&slots->most, memory_order_relaxed);
    while (used < most)
        if (atomic_compare_exchange_weak(&slots->used, &used, used + 1))
            return true;
    return false;
}

/* Sequentially consistent, as is tg__slots_free(): the giver looks for work, and for sleepers,
   next; a thread that counts itself as a sleeper looks for a slot next (test/model/slots.pml). */
static inline void tg__slots_give(struct tg__slots *slots)
{
    atomic_fetch_sub(&slots->used, 1);
}

/* A task leaves its thread with its slot; `many` of those have ended. */
static inline void tg__slots_leave(struct tg__slots *slots)
{
    atomic_fetch_add(&slots->suspended, 1);
}
static inline void tg__slots_return(struct tg__slots *slots, size_t many)
{
    atomic_fetch_sub(&slots->suspended, (long)many);
    atomic_fetch_sub(&slots->used, (long)many);
}

/* Is there a limit at all? */
static inline bool tg__slots_bounded(const struct tg__slots *slots)
{
    return atomic_load_explicit(&slots->most, memory_order_relaxed) != 0;
}

static inline bool tg__slots_free(struct tg__slots *slots)
{
    return atomic_load(&slots->used) < atomic_load(&slots->most);
}

#endif
