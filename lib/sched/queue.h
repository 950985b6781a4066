/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SCHED_QUEUE_H
#define TG_LIB_SCHED_QUEUE_H
/*
 * Which worker runs which task: each index is handed out once, in order. One head index for all
 * would be one cache line that every thread writes for every task; so a thread takes up to 32
 * indices at a time into a *chunk* of its own, and from there one by one. Nobody is stuck behind a
 * long task: when the head index has reached the end, the others take from the chunks. Knows
 * nothing of tasks.
 */
#include "sys/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TG__CHUNK = 32, TG__CLAIM_MOST = 8192 };

/*
 * Orders. A task's record is published with the store's count (release or more, in store.c), and a
 * claim loads the count with acquire. An index may also come from the chunk of another thread: the
 * owner's store of the chunk pairs with the acquire of the compare-and-swap that takes from it. The
 * head index publishes nothing. What is sequentially consistent is so for the look at sleepers: the
 * owner stores its chunk, then loads `idle`; a sleeper counts itself in `idle`, then calls
 * tg__queue_any() (test/model/queue.pml, wake.pml).
 */

/*
 * first << 16 | how many. The whole content is one word, so each move is one compare-and-swap, and
 * a word that comes back means the same set of indices again.
 */
struct tg__chunk {
    _Alignas(TG__CACHE_LINE) _Atomic uint64_t indices;
    /* What the thread at this place has run so far. Only it writes, so it needs no
     * read-modify-write; others look. */
    struct tg__counts {
        atomic_size_t ok, failed, cancelled;
        atomic_bool busy; /* it is in a task */
    } counts;
};

struct tg__queue {
    _Alignas(TG__CACHE_LINE)
        atomic_size_t head; /* all indices below have been handed out, or are in a chunk */
    _Alignas(TG__CACHE_LINE) int places;
    bool splits; /* bundles have no fixed size: half of a chunk is taken, whatever that is */
    struct tg__chunk *chunks; /* one for each place (a thread of the team), in … */
    void *block;
};

/* Makes chunks for `places` threads; what was handed out stays so. False: out of memory. */
bool tg__queue_open(struct tg__queue *queue, int places);
void tg__queue_free(struct tg__queue *queue);

/* Nothing handed out, nothing run. */
void tg__queue_reset(struct tg__queue *queue);

/* The sums of all places. */
struct tg__sums {
    size_t ok, failed, cancelled, busy;
};
struct tg__sums tg__queue_sums(const struct tg__queue *queue);

/*
 * Up to `want` (1 … TG__CLAIM_MOST) consecutive indices below `end` for the thread at `place`:
 * their number, 0 if there are none left. `ahead`: it may take a chunk; else the order is exact.
 */
size_t tg__queue_claim(
    struct tg__queue *queue, int place, size_t want, size_t end, bool ahead, size_t *first);

/* Puts back what the thread at `place` has claimed and not begun; nobody else fills its chunk. */
void tg__queue_unclaim(struct tg__queue *queue, int place, size_t first, size_t many);

/* The head index goes from `first` to `end`, if that is where it is: nobody will claim these. */
bool tg__queue_pass(struct tg__queue *queue, size_t first, size_t end);

/* What would be claimed next, if nobody has a chunk: an index, not below `end` if there is none.
   For claims that are made in turn: that lock orders it. */
static inline size_t tg__queue_next(const struct tg__queue *queue)
{
    return atomic_load_explicit(&queue->head, memory_order_acquire);
}

/*
 * May the index still be claimed? True: a claim of it that comes after this sees all that the
 * caller has stored before this. False: it has been claimed, or is just going from one chunk to
 * another.
 */
bool tg__queue_has(struct tg__queue *queue, size_t index);

/* Is there anything to claim? */
bool tg__queue_any(const struct tg__queue *queue, size_t end);

/* The same, looking only where it costs nothing: at the head index and at one's own chunk. Relaxed,
   as it is a hint: the own chunk is exact, or others have taken from it; a thread that adds calls.
 */
static inline bool tg__queue_more(const struct tg__queue *queue, int place, size_t end)
{
    return (atomic_load_explicit(&queue->chunks[place].indices, memory_order_relaxed) & 0xffff) !=
               0 ||
           atomic_load_explicit(&queue->head, memory_order_relaxed) < end;
}

/* Nothing is left, because nothing will run any more: empties head index and chunks. */
void tg__queue_drop(struct tg__queue *queue, size_t end);

#endif
