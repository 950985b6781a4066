/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_SEGMENT_H
#define TG_LIB_TASK_SEGMENT_H
/* The segments of a store: for store.c and recycle.c only. All calls are serialised as adding is.
 */
#include "task/store.h"

/* Owners of the store change a segment's size under their lock; finders only read it. Relaxed: the
   count that is published next makes it visible. */
static inline size_t tg__segment_size(const struct tg__segment *segment)
{
    return atomic_load_explicit(&segment->count, memory_order_relaxed);
}

static inline void tg__segment_cut(struct tg__segment *segment, size_t count)
{
    if (count < tg__segment_size(segment))
        atomic_store_explicit(&segment->count, count, memory_order_relaxed);
}

/* How many of its tasks exist, of `count` in all. */
static inline size_t tg__segment_used(const struct tg__segment *segment, size_t count)
{
    size_t left = count - segment->first;
    return left < tg__segment_size(segment) ? left : tg__segment_size(segment);
}

/* An empty segment of records from index `count` on, at the size that is next or at the one that a
   reset has kept. NULL: out of memory. */
struct tg__segment *tg__segment_new(struct tg__store *store, size_t count);

/* Gives a new segment the result slots and notes that it needs. TG_OK, TG_TOO_LARGE or
 * TG_NO_MEMORY. */
tg_status tg__segment_furnish(struct tg__store *store, struct tg__segment *segment);

/* Into the side table of the task at place `at`. False: out of memory. */
bool tg__segment_put_attributes(
    struct tg__segment *segment, size_t at, struct tg__attributes *attributes);

/* Frees what tg__store_keep() has put beside its tasks. */
void tg__segment_forget_kept(struct tg__segment *segment);

/* Frees all that it leads to, of `count` tasks in the store, but not the segment. */
void tg__segment_strip(struct tg__segment *segment, size_t count);

/* Frees its memory. NULL is harmless. */
void tg__segment_free(struct tg__segment *segment);

/* ---- recycle.c: where records are recycled ---- */

/* A new last segment for record number `count`. */
tg_status tg__recycle_grow(struct tg__store *store, size_t count);

/* Frees all segments. */
void tg__recycle_clear(struct tg__store *store);

#endif
