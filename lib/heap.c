/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdlib.h>

/* Children of an item: four of 16 bytes lie in one or two cache lines, and there are half as many levels as with two. */
enum { WIDTH = 4 };

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
    while (at > 0 && before(&new, &heap->items[(at - 1) / WIDTH])) {
        heap->items[at] = heap->items[(at - 1) / WIDTH];
        at = (at - 1) / WIDTH;
    }
    heap->items[at] = new;
}

/* The smallest child of `at`, or the count. */
static size_t smallest_child(const struct tg__heap *heap, size_t at)
{
    size_t first = WIDTH * at + 1, end = first + WIDTH < heap->count ? first + WIDTH : heap->count;
    if (first >= heap->count)
        return heap->count;
    for (size_t child = first + 1; child < end; child++)
        if (before(&heap->items[child], &heap->items[first]))
            first = child;
    return first;
}

/* An item whose place is free, and whose subtrees are heaps, sinks to where it belongs. */
static void sink(struct tg__heap *heap, size_t at, struct tg__heap_item item)
{
    for (;;) {
        size_t child = smallest_child(heap, at);
        if (child >= heap->count || !before(&heap->items[child], &item))
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = item;
}

struct tg__heap_item tg__heap_pop(struct tg__heap *heap)
{
    struct tg__heap_item top = heap->items[0];
    heap->count--;
    sink(heap, 0, heap->items[heap->count]);
    return top;
}

void tg__heap_filter(struct tg__heap *heap, bool (*stays)(size_t index, void *user), void *user)
{
    size_t count = 0;
    for (size_t i = 0; i < heap->count; i++)
        if (stays(heap->items[i].index, user))
            heap->items[count++] = heap->items[i];
    heap->count = count;
    for (size_t i = count; i-- > 0;)
        sink(heap, i, heap->items[i]);
}

void tg__heap_free(struct tg__heap *heap)
{
    free(heap->items);
    *heap = (struct tg__heap){0};
}
