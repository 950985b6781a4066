/* SPDX-License-Identifier: MIT */
/* TASKGROUP_CHECK_LOCKS: does each thread take its locks in order? Else this file is empty. */
#include "sys/lock.h"

#ifdef TASKGROUP_CHECK_LOCKS
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MOST = 32 };

/* What the thread has, in the order in which it took it. Of the contexts on the way up only their number. */
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
#else
typedef int tg__lock_has_no_code; /* C wants a file not to be empty */
#endif
