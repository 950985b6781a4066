/* SPDX-License-Identifier: MIT */
#ifndef RACE_DRD_STDATOMIC_H
#define RACE_DRD_STDATOMIC_H
/*
 * C11's atomics, explained to valgrind's drd, which knows pthread's calls only: it takes an atomic store for a race
 * with the load that it is for. What a release or an acquire orders is told it; what is said of memory_order_relaxed is
 * nothing, so an order that is too weak is reported as the race that it is. The atomic access itself is not looked
 * at. Nothing else is hidden, and there are no suppressions. Only for builds of the tests, with gcc.
 */
#include_next <stdatomic.h>

#include <stdbool.h>
#include <valgrind/drd.h>

static inline bool drd_acquires(memory_order order)
{
    return order != memory_order_relaxed && order != memory_order_release;
}

static inline bool drd_releases(memory_order order)
{
    return order != memory_order_relaxed && order != memory_order_acquire &&
           order != memory_order_consume;
}

/* Before the access, and after it. */
static inline void drd_begin(const volatile void *object, bool releases)
{
    if (releases)
        ANNOTATE_HAPPENS_BEFORE(object);
    ANNOTATE_IGNORE_READS_AND_WRITES_BEGIN();
}

static inline void drd_end(const volatile void *object, bool acquires)
{
    ANNOTATE_IGNORE_READS_AND_WRITES_END();
    if (acquires)
        ANNOTATE_HAPPENS_AFTER(object);
}

#undef atomic_init
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit

#define atomic_init(p, v) atomic_store_explicit(p, v, memory_order_relaxed)

/* The value without its qualifiers, as the real ones have it. */
#define DRD_TYPE(p) __typeof__(((void)0, *(p)))

#define atomic_load_explicit(p, order)                  \
    __extension__({                                     \
        __auto_type drd_p = (p);                        \
        DRD_TYPE(drd_p) drd_value;                      \
        drd_begin(drd_p, false);                        \
        __atomic_load(drd_p, &drd_value, (int)(order)); \
        drd_end(drd_p, drd_acquires(order));            \
        drd_value;                                      \
    })
#define atomic_store_explicit(p, v, order)               \
    __extension__({                                      \
        __auto_type drd_p = (p);                         \
        DRD_TYPE(drd_p) drd_value = (v);                 \
        drd_begin(drd_p, drd_releases(order));           \
        __atomic_store(drd_p, &drd_value, (int)(order)); \
        drd_end(drd_p, false);                           \
    })
#define atomic_exchange_explicit(p, v, order)                         \
    __extension__({                                                   \
        __auto_type drd_p = (p);                                      \
        DRD_TYPE(drd_p) drd_value = (v), drd_old;                     \
        drd_begin(drd_p, drd_releases(order));                        \
        __atomic_exchange(drd_p, &drd_value, &drd_old, (int)(order)); \
        drd_end(drd_p, drd_acquires(order));                          \
        drd_old;                                                      \
    })
#define DRD_FETCH(p, v, order, how)                             \
    __extension__({                                             \
        __auto_type drd_p = (p);                                \
        DRD_TYPE(drd_p) drd_by = (DRD_TYPE(drd_p))(v), drd_old; \
        drd_begin(drd_p, drd_releases(order));                  \
        drd_old = how(drd_p, drd_by, (int)(order));             \
        drd_end(drd_p, drd_acquires(order));                    \
        drd_old;                                                \
    })
#define atomic_fetch_add_explicit(p, v, order) DRD_FETCH(p, v, order, __atomic_fetch_add)
#define atomic_fetch_sub_explicit(p, v, order) DRD_FETCH(p, v, order, __atomic_fetch_sub)
/* Where it fails nothing was released: one order too many, which can only hide. */
#define DRD_COMPARE(p, expected, v, weak, order, failure)                       \
    __extension__({                                                             \
        __auto_type drd_p = (p);                                                \
        DRD_TYPE(drd_p) drd_value = (v);                                        \
        drd_begin(drd_p, drd_releases(order));                                  \
        bool drd_done = __atomic_compare_exchange(                              \
            drd_p, (expected), &drd_value, weak, (int)(order), (int)(failure)); \
        drd_end(drd_p, drd_acquires(drd_done ? (order) : (failure)));           \
        drd_done;                                                               \
    })
#define atomic_compare_exchange_strong_explicit(p, expected, v, order, failure) \
    DRD_COMPARE(p, expected, v, false, order, failure)
#define atomic_compare_exchange_weak_explicit(p, expected, v, order, failure) \
    DRD_COMPARE(p, expected, v, true, order, failure)

#define atomic_load(p) atomic_load_explicit(p, memory_order_seq_cst)
#define atomic_store(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#define atomic_exchange(p, v) atomic_exchange_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_add(p, v) atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_sub(p, v) atomic_fetch_sub_explicit(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_strong(p, expected, v) \
    atomic_compare_exchange_strong_explicit(           \
        p, expected, v, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_compare_exchange_weak(p, expected, v) \
    atomic_compare_exchange_weak_explicit(           \
        p, expected, v, memory_order_seq_cst, memory_order_seq_cst)

#endif
