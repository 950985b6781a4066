/* SPDX-License-Identifier: MIT */
#include "sched/queue.h"

#include <stdlib.h>

static uint64_t pack(size_t first, size_t many)
{
    return (uint64_t)first << 16 | many;
}

static size_t first_of(uint64_t indices)
{
    return (size_t)(indices >> 16);
}

static size_t many_of(uint64_t indices)
{
    return (size_t)(indices & 0xffff);
}

bool tg__queue_open(struct tg__queue *queue, int places)
{
    if (places <= queue->places)
        return true;
    void *block = calloc((size_t)places + 1, sizeof(struct tg__chunk));
    if (block == NULL)
        return false;
    struct tg__chunk *chunks = tg__memory_align(block);
    for (int p = 0; p < queue->places; p++) { /* of a run that ended early, and what was run */
        struct tg__chunk *old = &queue->chunks[p];
        atomic_init(&chunks[p].indices, atomic_load(&old->indices));
        atomic_init(&chunks[p].counts.ok, atomic_load(&old->counts.ok));
        atomic_init(&chunks[p].counts.failed, atomic_load(&old->counts.failed));
        atomic_init(&chunks[p].counts.cancelled, atomic_load(&old->counts.cancelled));
    }
    free(queue->block);
    queue->block = block;
    queue->chunks = chunks;
    queue->places = places;
    return true;
}

void tg__queue_free(struct tg__queue *queue)
{
    free(queue->block);
}

void tg__queue_reset(struct tg__queue *queue)
{
    tg__queue_drop(queue, 0);
    for (int p = 0; p < queue->places; p++) {
        struct tg__counts *counts = &queue->chunks[p].counts;
        atomic_store_explicit(&counts->ok, 0, memory_order_relaxed);
        atomic_store_explicit(&counts->failed, 0, memory_order_relaxed);
        atomic_store_explicit(&counts->cancelled, 0, memory_order_relaxed);
    }
}

/* Relaxed, as are the writers: exact after the run, which ends under the team's lock after its
   servers have left under it; before that, numbers and nothing behind them. */
struct tg__sums tg__queue_sums(const struct tg__queue *queue)
{
    struct tg__sums sums = {0};
    for (int p = 0; p < queue->places; p++) {
        const struct tg__counts *counts = &queue->chunks[p].counts;
        sums.ok += atomic_load_explicit(&counts->ok, memory_order_relaxed);
        sums.failed += atomic_load_explicit(&counts->failed, memory_order_relaxed);
        sums.cancelled += atomic_load_explicit(&counts->cancelled, memory_order_relaxed);
        sums.busy += atomic_load_explicit(&counts->busy, memory_order_relaxed);
    }
    return sums;
}

/* Relaxed: no thread claims now. The team, or a lock, hands the queue to those that claim next. */
void tg__queue_drop(struct tg__queue *queue, size_t end)
{
    atomic_store_explicit(&queue->head, end, memory_order_relaxed);
    for (int p = 0; p < queue->places; p++)
        atomic_store_explicit(&queue->chunks[p].indices, 0, memory_order_relaxed);
}

/* The first `want` of a chunk, for its owner, which has filled it: so the load may be relaxed. The
   release hands on what the fill has published, to the thief that takes from this value. */
static size_t take(struct tg__chunk *chunk, size_t want, size_t *first)
{
    uint64_t has = atomic_load_explicit(&chunk->indices, memory_order_relaxed);
    for (;;) {
        size_t many = many_of(has);
        size_t got = many < want ? many : want;
        if (got == 0)
            return 0;
        if (atomic_compare_exchange_weak_explicit(&chunk->indices, &has,
                pack(first_of(has) + got, many - got), memory_order_acq_rel,
                memory_order_relaxed)) {
            *first = first_of(has);
            return got;
        }
    }
}

/* The later half of a chunk, or more: its owner goes on in order, with whole bundles of `want`. The
   acquire of the compare-and-swap pairs with the owner's store of its chunk, which comes after the
   owner has seen the tasks: the thief may have loaded an older count. */
static size_t steal(struct tg__chunk *chunk, size_t want, size_t *first)
{
    uint64_t has = atomic_load_explicit(&chunk->indices, memory_order_acquire);
    for (;;) {
        size_t many = many_of(has);
        if (many == 0)
            return 0;
        size_t got = many - many / 2 / want * want;
        if (atomic_compare_exchange_weak_explicit(&chunk->indices, &has,
                pack(first_of(has), many - got), memory_order_acq_rel, memory_order_acquire)) {
            *first = first_of(has) + (many - got);
            return got;
        }
    }
}

/* A chunk from the head index: shorter towards the end, so that each thread gets some. */
static size_t refill(struct tg__queue *queue, size_t want, size_t end, bool ahead, size_t *first)
{
    /* Relaxed: `end` comes from a count that was loaded with acquire, so these tasks are seen. */
    size_t at = atomic_load_explicit(&queue->head, memory_order_relaxed);
    for (;;) {
        if (at >= end)
            return 0;
        size_t left = end - at;
        size_t size = ahead ? left / (4 * (size_t)queue->places) : 0;
        if (size > TG__CHUNK)
            size = TG__CHUNK;
        size = size / want * want; /* whole bundles */
        if (size == 0)
            size = want < left ? want : left;
        /* Compared and swapped, not added: the head index never runs past tasks that come later. */
        if (atomic_compare_exchange_weak_explicit(
                &queue->head, &at, at + size, memory_order_acq_rel, memory_order_relaxed)) {
            *first = at;
            return size;
        }
    }
}

size_t tg__queue_claim(
    struct tg__queue *queue, int place, size_t want, size_t end, bool ahead, size_t *first)
{
    struct tg__chunk *own = &queue->chunks[place];
    size_t got = take(own, want, first);
    if (got > 0)
        return got;
    got = refill(queue, want, end, ahead, first);
    for (int i = 1; got == 0 && i < queue->places; i++)
        got = steal(&queue->chunks[(place + i) % queue->places], queue->splits ? 1 : want, first);
    if (got <= want)
        return got;
    /* Only the owner fills an empty chunk. Published for threads that look for work: sequentially
       consistent, as the owner looks for sleepers next. */
    atomic_store(&own->indices, pack(*first + want, got - want));
    return want;
}

void tg__queue_unclaim(struct tg__queue *queue, int place, size_t first, size_t many)
{
    struct tg__chunk *own = &queue->chunks[place];
    uint64_t has = atomic_load(&own->indices);
    /* What is in it comes next, unless others have taken all of that. */
    while (!atomic_compare_exchange_weak(&own->indices, &has, pack(first, many + many_of(has))))
        ;
}

bool tg__queue_pass(struct tg__queue *queue, size_t first, size_t end)
{
    return atomic_compare_exchange_strong(&queue->head, &first, end);
}

/* Read by adding nothing: a claim that comes later reads what this has written, or what has
   followed it, and so is after it. */
bool tg__queue_has(struct tg__queue *queue, size_t index)
{
    if (atomic_fetch_add(&queue->head, 0) <= index)
        return true;
    for (int p = 0; p < queue->places; p++) {
        uint64_t has = atomic_fetch_add(&queue->chunks[p].indices, 0);
        if (index - first_of(has) < many_of(has))
            return true;
    }
    return false;
}

bool tg__queue_any(const struct tg__queue *queue, size_t end)
{
    if (atomic_load(&queue->head) < end)
        return true;
    for (int p = 0; p < queue->places; p++)
        if (many_of(atomic_load(&queue->chunks[p].indices)) != 0)
            return true;
    return false;
}
