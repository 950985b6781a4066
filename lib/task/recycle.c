/* SPDX-License-Identifier: MIT */
/*
 * A store that recycles: segments of one size, in a sparse array by their first index. One is used
 * again when all of its tasks are gone.
 */
#include "task/segment.h"

#include <stdlib.h>
#include <string.h>

void tg__store_recycle_all(struct tg__store *store)
{
    store->recycles = true;
    store->recycled = (struct tg__sparse){0};
}

/* The new last segment is one that was recycled. It keeps its arrays of attributes, notes and
 * results. */
static bool reuse(struct tg__store *store, size_t count)
{
    struct tg__segment *segment = store->free;
    if (!tg__sparse_put(&store->recycled, count / TG__STORE_RECYCLED, segment))
        return false;
    store->free = (struct tg__segment *)segment->items;
    segment->items = NULL;
    segment->first = count;
    /* Relaxed: no task of it is published yet. */
    atomic_store_explicit(&segment->left, TG__STORE_RECYCLED, memory_order_relaxed);
    store->last = segment;
    return true;
}

tg_status tg__recycle_grow(struct tg__store *store, size_t count)
{
    if (store->free != NULL)
        return reuse(store, count) ? TG_OK : TG_NO_MEMORY;
    store->next_size = TG__STORE_RECYCLED;
    struct tg__segment *new = tg__segment_new(store, count);
    if (new == NULL)
        return TG_NO_MEMORY;
    tg_status status = tg__segment_furnish(store, new);
    if (status == TG_OK && !tg__sparse_put(&store->recycled, count / TG__STORE_RECYCLED, new)) {
        tg__segment_strip(new, count);
        status = TG_NO_MEMORY;
    }
    if (status != TG_OK) {
        tg__segment_free(new);
        return status;
    }
    store->last = new;
    return TG_OK;
}

bool tg__store_release(const struct tg__store *store, size_t index)
{
    struct tg__segment *segment = tg__sparse_get(&store->recycled, index / TG__STORE_RECYCLED);
    /* Each pairs with the others: all are done with their tasks (test/model/last.pml). */
    return atomic_fetch_sub_explicit(&segment->left, 1, memory_order_acq_rel) == 1;
}

void tg__store_recycle(struct tg__store *store, size_t index)
{
    size_t number = index / TG__STORE_RECYCLED;
    struct tg__segment *segment = tg__sparse_get(&store->recycled, number);
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    for (size_t i = 0; attributes_of != NULL && i < TG__STORE_RECYCLED; i++) {
        free(attributes_of[i]);
        attributes_of[i] = NULL;
    }
    tg__segment_forget_kept(segment);
    if (segment->own_results != NULL)
        memset(segment->own_results, 0, segment->own_results_size);
    if (segment->notes != NULL)
        memset(segment->notes, 0, TG__STORE_RECYCLED * sizeof *segment->notes);
    tg__sparse_take(&store->recycled, number);
    if (store->last == segment)
        store->last = NULL;
    segment->items = (unsigned char *)store->free;
    store->free = segment;
}

size_t tg__store_next_recycled(const struct tg__store *store, size_t index, size_t count)
{
    size_t segment = index / TG__STORE_RECYCLED;
    size_t found = tg__sparse_next(&store->recycled, segment, count / TG__STORE_RECYCLED + 1);
    if (found > segment)
        index = found * TG__STORE_RECYCLED;
    return index < count ? index : count;
}

void tg__recycle_clear(struct tg__store *store)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    for (size_t s = 0; (s = tg__sparse_next(&store->recycled, s, SIZE_MAX)) < SIZE_MAX; s++) {
        struct tg__segment *segment = tg__sparse_get(&store->recycled, s);
        tg__segment_strip(segment, count);
        tg__segment_free(segment);
    }
    tg__sparse_free(&store->recycled);
    while (store->free != NULL) {
        struct tg__segment *segment = store->free;
        store->free = (struct tg__segment *)segment->items;
        tg__segment_strip(segment, segment->first);
        tg__segment_free(segment);
    }
}
