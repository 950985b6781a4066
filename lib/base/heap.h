/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_HEAP_H
#define TG_LIB_BASE_HEAP_H
/*
 * A heap of (key, index): the smallest key on top; of equal keys, the smaller index. Room is
 * reserved when a task is added, so that a push, in the middle of a run, cannot fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg__heap {
    struct tg__heap_item {
        uint64_t key;
        size_t index;
    } *items;
    size_t count, room;
    size_t reserved;             /* pushes that have been promised space at once */
    struct tg__heap_item *block; /* where the items lie */
    size_t block_size;
};

/* Room for `more` pushes beyond all that were reserved before; false: out of memory, unchanged. */
bool tg__heap_reserve(struct tg__heap *heap, size_t more);

/*
 * The same in three steps, of which only the second is done under the lock of the heap, since the
 * others take and free memory. Reservations are serialised by another lock.
 */
struct tg__heap_block {
    struct tg__heap_item *start; /* NULL: none */
    size_t room, size;
};
bool tg__heap_find_room(const struct tg__heap *heap, size_t more, struct tg__heap_block *block);
void tg__heap_reserve_in(struct tg__heap *heap, size_t more, struct tg__heap_block *block);
void tg__heap_free_block(struct tg__heap_block *block);

/* Promised space that will not be used. */
static inline void tg__heap_unreserve(struct tg__heap *heap, size_t many)
{
    heap->reserved -= many;
}

void tg__heap_push(struct tg__heap *heap, uint64_t key, size_t index);

/* Takes the top away; there must be one. */
struct tg__heap_item tg__heap_pop(struct tg__heap *heap);

/* Throws out those for which `stays` returns false. */
void tg__heap_filter(struct tg__heap *heap, bool (*stays)(size_t index, void *user), void *user);

/* Frees it, and forgets what was reserved. */
void tg__heap_free(struct tg__heap *heap);

#endif
