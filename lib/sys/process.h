/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_PROCESS_H
#define TG_LIB_SYS_PROCESS_H
/*
 * Which process this is. A child of fork() has the memory of its parent and only the thread that
 * called it: what other threads of the parent were to run, to end or to give back stays as it was.
 * So whatever needs threads notes the number of its process, and is left alone where that is
 * another one.
 *
 * The parts that have lists or a thread of their own put these in order at a fork, each with its
 * own handlers.
 */
#include <stdatomic.h>
#include <stdbool.h>

extern atomic_uint tg__process_number_now;
extern atomic_uchar tg__process_mark_now;

/* Another one in a child than in its parent. */
static inline unsigned tg__process_number(void)
{
    return atomic_load_explicit(&tg__process_number_now, memory_order_relaxed);
}

/* The same in one byte, never 0; for locks, which are held so shortly that a number may come again.
 */
static inline unsigned char tg__process_mark(void)
{
    return atomic_load_explicit(&tg__process_mark_now, memory_order_relaxed);
}

/* Has the calling thread come through a fork that threads of its OpenMP team, if it had one, have
 * not? */
bool tg__process_lost_team(void);

/* A thread of the library's that is in no team, and stays. */
void tg__process_count_thread(void);

#endif
