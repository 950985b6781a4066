/* SPDX-License-Identifier: MIT */
#include "base/heap.h"

#include "sys/memory.h"

#include <string.h>

/* Children of an item: four of 16 bytes are a cache line, and there are half as many levels as with
   two. In a large block each four lie in one line: item 0 has three unused places before it. */
enum { WIDTH = 4, LEAD = WIDTH - 1 };

/* So many no longer fit into a core's own cache: what is looked at next is fetched early. */
enum { MANY = 1 << 16 };

/* Without a branch: on the way down nobody can predict it. */
static bool before(const struct tg__heap_item *a, const struct tg__heap_item *b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 both;
    return ((both)a->key << 64 | a->index) < ((both)b->key << 64 | b->index);
#else
    return (a->key < b->key) | ((a->key == b->key) & (a->index < b->index));
#endif
}

bool tg__heap_find_room(const struct tg__heap *heap, size_t more, struct tg__heap_block *block)
{
    *block = (struct tg__heap_block){.start = NULL};
    if (more > SIZE_MAX / sizeof *heap->items / 4 - heap->reserved)
        return false;
    size_t wanted = heap->reserved + more;
    if (wanted <= heap->room)
        return true;
    block->room = wanted < 16 ? 16 : wanted + wanted / 2;
    block->size = (LEAD + block->room) * sizeof *heap->items;
    block->start = tg__block_new(block->size);
    return block->start != NULL;
}

/* The block is the one that is not needed any more, then. */
void tg__heap_reserve_in(struct tg__heap *heap, size_t more, struct tg__heap_block *block)
{
    heap->reserved += more;
    if (block->start == NULL)
        return;
    struct tg__heap_block before = {heap->block, heap->room, heap->block_size};
    if (heap->count > 0)
        memcpy(block->start + LEAD, heap->items, heap->count * sizeof *heap->items);
    heap->block = block->start;
    heap->block_size = block->size;
    heap->items = block->start + LEAD;
    heap->room = block->room;
    *block = before;
}

void tg__heap_free_block(struct tg__heap_block *block)
{
    tg__block_free(block->start, block->size);
}

bool tg__heap_reserve(struct tg__heap *heap, size_t more)
{
    struct tg__heap_block block;
    if (!tg__heap_find_room(heap, more, &block))
        return false;
    tg__heap_reserve_in(heap, more, &block);
    tg__heap_free_block(&block);
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

static size_t smaller(const struct tg__heap *heap, size_t a, size_t b)
{
    size_t b_is = before(&heap->items[b], &heap->items[a]);
    return a + ((b - a) & -b_is);
}

/* Whether it is there or not. */
static void fetch(const struct tg__heap *heap, size_t at)
{
    __builtin_prefetch((void *)((uintptr_t)heap->items + at * sizeof *heap->items));
}

/* The smallest child of `at`, or the count. */
static size_t smallest_child(const struct tg__heap *heap, size_t at)
{
    size_t first = WIDTH * at + 1;
    if (first >= heap->count)
        return heap->count;
    if (heap->count - first >= WIDTH) {
        for (size_t child = first; heap->count > MANY && child < first + WIDTH; child++)
            fetch(heap, WIDTH * child + 1);
        return smaller(heap, smaller(heap, first, first + 1), smaller(heap, first + 2, first + 3));
    }
    size_t least = first;
    for (size_t child = first + 1; child < heap->count; child++)
        least = smaller(heap, least, child);
    return least;
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
    tg__block_free(heap->block, heap->block_size);
    *heap = (struct tg__heap){0};
}
