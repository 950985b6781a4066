/* SPDX-License-Identifier: MIT */
/*
 * The deadline beside the epoch: `until`, `seen` and `deadline` of context.c. An owner ends a run
 * that has a deadline, while another thread asks, and the waiter wants to know until when it may
 * sleep. Two cases:
 *   - The deadline is the context's own, and has passed: it does not stop the next run.
 *   - The deadline is that of a context above: the waiter never learns that there is none, as it
 *     would sleep beside it.
 * Times are 0, which stands for INFINITY, and 1.
 *
 *   WEAK_EXPIRE   a context that seems late is stopped without another look under the lock
 *   WEAK_REFRESH  what was found above is stored after the lock was given back
 *   WEAK_UNTIL    tg__context_until() takes no lock, as it was up to 49d7786
 *   WEAK_AGAIN    the end of a run forgets the epoch, but not the deadline that was found
 */
#define THREADS 3
#define LOCATIONS 3
#define HISTORY 8
#define LOCKS 1
#define STALE 2
#include "memory.inc"

#define WEAK_EXPIRE  1
#define WEAK_REFRESH 2
#define WEAK_UNTIL   3
#define WEAK_AGAIN   4

#define SEEN_IN 0
#define UNTIL 1
#define DEADLINE 2
#define CONTEXT 0
#define EPOCH 5 /* stands still here: cancel.pml moves it */

bool above;      /* a context above has a deadline */
byte now = 1;    /* the run; under the lock */

inline look_again()
{
    store(RELAXED, SEEN_IN, EPOCH - 1);
    if
    :: weak != WEAK_AGAIN -> store(RELAXED, UNTIL, 0)
    :: else
    fi
}

inline refresh()
{
    lock(CONTEXT);
    load(RELAXED, SEEN_IN, seen);
    if
    :: seen != EPOCH ->
        load(RELAXED, DEADLINE, until);
        until = (above -> 1 : until);
        if
        :: weak == WEAK_REFRESH -> unlock(CONTEXT)
        :: else
        fi;
        store(RELAXED, UNTIL, until);
        store(RELAXED, SEEN_IN, EPOCH);
        if
        :: weak == WEAK_REFRESH -> lock(CONTEXT)
        :: else
        fi
    :: else
    fi;
    unlock(CONTEXT)
}

/* tg__context_ask(), where nothing has stopped; only a deadline of its own has passed. */
inline ask()
{
    load(RELAXED, SEEN_IN, seen);
    if
    :: seen != EPOCH -> refresh()
    :: else
    fi;
    load(RELAXED, UNTIL, until);
    if
    :: until == 1 && !above ->
        lock(CONTEXT);
        if
        :: weak != WEAK_EXPIRE -> load(RELAXED, UNTIL, until)
        :: else
        fi;
        if
        :: until == 1 -> assert(now == 1) /* else it stops the second run */
        :: else
        fi;
        unlock(CONTEXT)
    :: else
    fi;
    seen = 0;
    until = 0
}

proctype owner()
{
    byte me = 0;
    lock(CONTEXT); /* tg__context_leave() */
    store(RELAXED, DEADLINE, 0);
    look_again();
    now = 2;
    unlock(CONTEXT) /* tg__context_start() does the same once more */
}

proctype asker()
{
    byte me = 1, seen, until;
    ask()
}

/* look_at_all() of hook.c: asks, then wants to know until when. */
proctype waiter()
{
    byte me = 2, seen, until;
    bool again = true;
    do
    :: again ->
        ask();
        if
        :: weak != WEAK_UNTIL -> lock(CONTEXT)
        :: else
        fi;
        load(RELAXED, UNTIL, until);
        load(RELAXED, SEEN_IN, seen);
        if
        :: weak != WEAK_UNTIL -> unlock(CONTEXT)
        :: else
        fi;
        again = seen != EPOCH
    :: else -> break
    od;
    assert(!above || until == 1)
}

init {
    atomic {
        choose_variant();
        if
        :: above = true
        :: above = false -> INITIAL(DEADLINE, 1)
        fi;
        INITIAL(SEEN_IN, EPOCH);
        INITIAL(UNTIL, 1);
        run owner();
        run asker();
        run waiter()
    }
}
