/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_FINISH_H
#define TG_LIB_TASK_FINISH_H
/*
 * The end of a task. Every final state is stored here, and nowhere else.
 *
 * The order, for a task that has run: its rank among the ends (unless on_done gives it), its code,
 * its counter, its state. The state publishes the rest: it is stored with release or more, and
 * pairs with the acquire in outcome.c. Then on_end, which puts the task into the list of on_done or
 * releases its record; then the group stops, if this end stops it. A failed task does all up to its
 * place in the list of on_done under the lock of the failures, so that rank, place there and place
 * among the failures agree.
 *
 * What needs no order with other tasks is left to the caller: it calls after_end, gives back the
 * slot, the grant and the place in the queue.
 */
#include "task/frame.h"

struct tg__ending {
    tg_task *self;
    const struct tg__view *task;
    tg_status status; /* TG_OK, TG_CANCELLED; TG_FAILED, TG_TIMED_OUT, TG_CRASHED */
    int code;
    bool by_worker; /* on the fast path: counted in `self->counts` */
};

/* True: this end has stopped the group. */
bool tg__finish(const struct tg__ending *ending);

/* A task that no thread runs, and that was in the state `from`: TG_CANCELLED, or TG_OK (of one with
   a period). Its rank is stored after its state, so that a claim meanwhile finds it
   ended. The caller calls on_end. False: it has just been claimed. */
bool tg__finish_unstarted(
    struct tg__exec *exec, const struct tg__view *task, unsigned char from, tg_status status);

/* The same for one that no other thread can claim, and whose end is counted otherwise. */
void tg__finish_skipped(const struct tg__view *task);

/* Successes that nobody counts, ranks or waits for: the caller adds them to a counter. */
static inline void tg__finish_plain(atomic_uchar *state)
{
    atomic_store_explicit(state, TG__STATE(TG_OK), memory_order_release);
}

/* Adds to a counter that only the calling thread writes. Relaxed: a report reads a number, and
 * nothing behind it. */
static inline void tg__finish_count(atomic_size_t *counter, size_t more)
{
    size_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

/* The time that the task has had its thread, until `now`. */
void tg__finish_busy(const tg_task *self, double now);

#endif
