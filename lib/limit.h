/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_LIMIT_H
#define TG_LIB_LIMIT_H
/* Slots: the right to have one task in flight. Whoever serves a limited group holds one meanwhile.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

struct tg__limit {
    long slots; /* fixed while somebody holds one */
    atomic_long used;
};

static inline bool tg__limit_take(struct tg__limit *limit)
{
    long used = atomic_load_explicit(&limit->used, memory_order_relaxed);
    while (used < limit->slots)
        if (atomic_compare_exchange_weak(&limit->used, &used, used + 1))
            return true;
    return false;
}

/* Sequentially consistent: the giver looks for work, and for sleepers, next. */
static inline void tg__limit_give(struct tg__limit *limit)
{
    atomic_fetch_sub(&limit->used, 1);
}

static inline bool tg__limit_free(struct tg__limit *limit)
{
    return atomic_load(&limit->used) < limit->slots;
}

#endif
