/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdlib.h>

static bool before(const struct tg__heap_item *a, const struct tg__heap_item *b)
{
    return a->key < b->key || (a->key == b->key && a->index < b->index);
}

bool tg__heap_reserve(struct tg__heap *heap, size_t more)
{
    if (more > SIZE_MAX / sizeof *heap->items / 4 - heap->reserved)
        return false;
    size_t wanted = heap->reserved + more;
    if (wanted > heap->room) {
        size_t room = wanted < 16 ? 16 : wanted + wanted / 2;
        struct tg__heap_item *items = realloc(heap->items, room * sizeof *items);
        if (items == NULL)
            return false;
        heap->items = items;
        heap->room = room;
    }
    heap->reserved = wanted;
    return true;
}

void tg__heap_push(struct tg__heap *heap, uint64_t key, size_t index)
{
    struct tg__heap_item new = {key, index};
    size_t at = heap->count++;
    while (at > 0 && before(&new, &heap->items[(at - 1) / 2])) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = new;
}

struct tg__heap_item tg__heap_pop(struct tg__heap *heap)
{
    struct tg__heap_item top = heap->items[0], last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (child >= heap->count || !before(&heap->items[child], &last))
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = last;
    return top;
}

void tg__heap_free(struct tg__heap *heap)
{
    free(heap->items);
    *heap = (struct tg__heap){0};
}
