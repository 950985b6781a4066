/* SPDX-License-Identifier: MIT */
#include "sys/lock.h"

#include "sys/clock.h"

#include <sched.h>

/* Relaxed: a look only; tg__lock_take() decides. Adding a task is no cancellation point of the
   calling thread's, and leaves errno alone. */
void tg__lock_wait(const struct tg__lock *lock, unsigned char mark)
{
    enum { SPINS = 64, YIELDS = 16 };
    for (int i = 0; atomic_load_explicit(&lock->taken, memory_order_relaxed) == mark; i++)
        if (i < SPINS)
            tg__pause();
        else if (i < SPINS + YIELDS)
            sched_yield();
        else
            tg__nap(20e-6);
}

/* ---- does each thread take its locks in order, and do little under the short ones? ---- */

#ifdef TASKGROUP_CHECK_LOCKS
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MOST = 32 };

/* What the thread has, in the order in which it took it. Of the contexts on the way up only their
 * number. */
static _Thread_local struct {
    int depth, contexts;
    enum tg__rank held[DEPTH_MOST];
} own;

static void fail(const char *what, enum tg__rank rank)
{
    fprintf(stderr, "taskgroup: lock %d %s; held:", (int)rank, what);
    for (int i = 0; i < own.depth; i++)
        fprintf(stderr, " %d", (int)own.held[i]);
    fputc('\n', stderr);
    abort();
}

void tg__rank_enter(enum tg__rank rank)
{
    if (rank == TG__LOCK_CONTEXT && own.contexts++ > 0)
        return; /* deep trees: a child's before its parent's, by construction */
    for (int i = 0; i < own.depth; i++)
        if (own.held[i] >= rank)
            fail("is taken out of order", rank);
    if (own.depth == DEPTH_MOST)
        fail("is one too many", rank);
    own.held[own.depth++] = rank;
}

void tg__rank_leave(enum tg__rank rank)
{
    if (rank == TG__LOCK_CONTEXT && --own.contexts > 0)
        return;
    int at = own.depth;
    while (at > 0 && own.held[at - 1] != rank)
        at--;
    if (at == 0)
        fail("is given back and not held", rank);
    for (; at < own.depth; at++)
        own.held[at - 1] = own.held[at];
    own.depth--;
}

void tg__rank_check(const char *call)
{
    static const bool is_short[TG__LOCK_ERRORS + 1] = {
        [TG__LOCK_DISPATCH] = true,
        [TG__LOCK_LIMIT] = true,
        [TG__LOCK_POOL] = true,
        [TG__LOCK_TOLD] = true,
        [TG__LOCK_CIRCLES] = true,
        [TG__LOCK_CONTEXT] = true,
        [TG__LOCK_LOCALS] = true,
        [TG__LOCK_TIMES] = true,
        [TG__LOCK_ERRORS] = true,
    };
    for (int i = 0; i < own.depth; i++)
        if (is_short[own.held[i]]) {
            fprintf(stderr, "taskgroup: %s() under a lock that is to be held shortly\n", call);
            fail("is held", own.held[i]);
        }
}
#endif
