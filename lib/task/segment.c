/* SPDX-License-Identifier: MIT */
#include "task/segment.h"

#include "sys/memory.h"

#include <stdlib.h>
#include <string.h>

struct tg__segment *tg__segment_new(struct tg__store *store, size_t count)
{
    size_t size = sizeof(struct tg__segment) + store->next_size * sizeof(struct tg__record);
    struct tg__segment *new = store->spare.segment;
    store->spare.segment = NULL;
    if (new != NULL) {
        size = new->block_size;
        memset(new, 0, sizeof *new); /* adding writes the records whole */
    } else if ((new = tg__block_new(size)) == NULL) {
        return NULL;
    }
    new->block_size = size;
    new->first = count;
    new->records = (struct tg__record *)(void *)(new + 1);
    atomic_init(&new->count, (size - sizeof(struct tg__segment)) / sizeof(struct tg__record));
    atomic_init(&new->left, TG__STORE_RECYCLED);
    return new;
}

/* Gives a new segment its slots, as far as they are known. */
static tg_status give_slots(struct tg__store *store, struct tg__segment *segment)
{
    if (store->result_size == 0 || (store->base == NULL && !store->recycles))
        return TG_OK; /* never, or when the first run starts */
    if (store->base != NULL && segment->first < store->base_slots) {
        size_t left = store->base_slots - segment->first;
        if (segment->records != NULL)
            tg__segment_cut(segment, left); /* the records after it get a segment of their own */
        if (tg__segment_size(segment) <= left) {
            segment->results = store->base + segment->first * store->result_size;
            return TG_OK;
        }
    }
    if (tg__segment_size(segment) > SIZE_MAX / store->result_size)
        return TG_TOO_LARGE;
    segment->own_results_size = tg__segment_size(segment) * store->result_size;
    segment->own_results = tg__block_new(segment->own_results_size);
    segment->results = segment->own_results;
    return segment->results != NULL ? TG_OK : TG_NO_MEMORY;
}

tg_status tg__segment_furnish(struct tg__store *store, struct tg__segment *segment)
{
    tg_status status = give_slots(store, segment);
    if (status != TG_OK || !store->noted)
        return status;
    segment->notes = calloc(tg__segment_size(segment), sizeof *segment->notes);
    if (segment->notes != NULL)
        return TG_OK;
    tg__block_free(segment->own_results, segment->own_results_size);
    return TG_NO_MEMORY;
}

/* Into the segment's side table. Readers look at tasks before this one meanwhile. The release pairs
   with the acquire in tg__store_view(): they see that the new table is empty. */
bool tg__segment_put_attributes(
    struct tg__segment *segment, size_t at, struct tg__attributes *attributes)
{
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    if (attributes_of == NULL) {
        attributes_of = calloc(tg__segment_size(segment), sizeof(struct tg__attributes *));
        if (attributes_of == NULL)
            return false;
        atomic_store_explicit(&segment->attributes_of, attributes_of, memory_order_release);
    }
    attributes_of[at] = attributes;
    return true;
}

void tg__segment_forget_kept(struct tg__segment *segment)
{
    for (size_t i = 0; segment->kept != NULL && i < tg__segment_size(segment); i++) {
        free(segment->kept[i]);
        segment->kept[i] = NULL;
    }
}

void tg__segment_strip(struct tg__segment *segment, size_t count)
{
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    for (size_t i = 0; attributes_of != NULL && i < tg__segment_used(segment, count); i++)
        free(attributes_of[i]);
    free(attributes_of);
    free(segment->notes);
    tg__segment_forget_kept(segment);
    free(segment->kept);
    tg__block_free(segment->own_results, segment->own_results_size);
    free(segment->attributes);
}

void tg__segment_free(struct tg__segment *segment)
{
    if (segment != NULL)
        tg__block_free(segment, segment->block_size);
}
