/* SPDX-License-Identifier: MIT */
/*
 * Counts of references: the holds of a context (context.c) or of a limit (limit.c), and what is
 * left of a recycled segment (store.c). Three threads write something each and give their hold
 * back. One of them finds that it was the last, sees what all have written, and frees it, once.
 *
 *   WEAK_RELEASE  a hold is given back without release
 *   WEAK_ACQUIRE  a hold is given back without acquire
 *   WEAK_COUNT    a hold is given back by a load and a store
 */
#define THREADS 3
#define LOCATIONS 4
#define HISTORY 4
#define LOCKS 1
#define STALE 2
#include "memory.inc"

#define WEAK_RELEASE 1
#define WEAK_ACQUIRE 2
#define WEAK_COUNT   3

#define HOLDS 0
#define OWN 1 /* three of them; not atomic */

#define DROP (weak == WEAK_RELEASE -> ACQUIRE : (weak == WEAK_ACQUIRE -> RELEASE : ACQ_REL))

byte freed, ended;

proctype holder(byte me)
{
    byte before;
    data_write(OWN + me, 1);
    if
    :: weak != WEAK_COUNT -> fetch_add(DROP, HOLDS, -1, before)
    :: else ->
        load(ACQUIRE, HOLDS, before);
        store(RELEASE, HOLDS, before - 1)
    fi;
    if
    :: before == 1 ->
        data_write(OWN, 2);
        data_write(OWN + 1, 2);
        data_write(OWN + 2, 2);
        freed++
    :: else
    fi;
    ended++
}

init {
    atomic {
        choose_variant();
        INITIAL(HOLDS, 3);
        run holder(0);
        run holder(1);
        run holder(2)
    }
    ended == THREADS;
    assert(freed == 1)
}
