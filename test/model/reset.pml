/* SPDX-License-Identifier: MIT */
/*
 * A reset beside cancels: context.c. A context is live or cancelled. Its owner resets it; two
 * threads cancel it, each with a cause of its own; a thread that asks from below copies the cause
 * under the lock. No cause is written while another one is written or while it is copied, and the
 * copy is whole.
 *
 *   WEAK_RESET   tg__context_reset() stores 0 without claiming the state by WRITING
 *   WEAK_LIVE    tg__context_reset() stores 0 relaxed
 *   WEAK_STOP    tg__context_stop() claims the state without acquire
 *   WEAK_LOCK    tg__context_reset() does not take the lock
 *   WEAK_COPY    the copy is made without the lock
 *   WEAK_STATE   tg__context_stop() stores the state relaxed
 */
#define THREADS 4
#define LOCATIONS 4
#define HISTORY 9
#define LOCKS 1
#define STALE 1
#include "memory.inc"

#define WEAK_RESET 1
#define WEAK_LIVE  2
#define WEAK_STOP  3
#define WEAK_LOCK  4
#define WEAK_COPY  5
#define WEAK_STATE 6

#define STATE 0  /* 0, WRITING, CANCELLED */
#define CAUSE 1  /* two halves; not atomic */
#define COPIED 3 /* marks of copies: a write of the cause must be ordered behind them */
#define CONTEXT 0
#define WRITING 1
#define CANCELLED 2

#define SET_LIVE (weak == WEAK_LIVE -> RELAXED : RELEASE)
#define TAKE (weak == WEAK_STOP -> RELEASE : ACQ_REL)
#define SET (weak == WEAK_STATE -> RELAXED : RELEASE)

proctype canceller(byte me)
{
    byte seen;
    bool done;
    compare_exchange(TAKE, RELAXED, STATE, seen, WRITING, done);
    if
    :: done ->
        assert(SEEN(me, COPIED) == last[COPIED]); /* else it is copied meanwhile */
        data_write(CAUSE, me + 1);
        data_write(CAUSE + 1, me + 1);
        store(SET, STATE, CANCELLED)
    :: else
    fi
}

proctype owner()
{
    byte me = 2, state;
    bool done;
    if
    :: weak != WEAK_LOCK -> lock(CONTEXT)
    :: else
    fi;
    await_not(ACQUIRE, STATE, WRITING, state);
    if
    :: weak != WEAK_RESET ->
        compare_exchange(ACQ_REL, RELAXED, STATE, state, WRITING, done);
        do
        :: done -> break
        :: else ->
            await_not(ACQUIRE, STATE, WRITING, state);
            compare_exchange(ACQ_REL, RELAXED, STATE, state, WRITING, done)
        od
    :: else
    fi;
    store(SET_LIVE, STATE, 0);
    if
    :: weak != WEAK_LOCK -> unlock(CONTEXT)
    :: else
    fi
}

proctype asker()
{
    byte me = 3, state, cause, half;
    if
    :: weak != WEAK_COPY -> lock(CONTEXT)
    :: else
    fi;
    await_not(ACQUIRE, STATE, WRITING, state);
    if
    :: state == CANCELLED ->
        data_read(CAUSE, cause);
        append(RELAXED, COPIED, 1, false);
        data_read(CAUSE + 1, half);
        assert(cause == half)
    :: else
    fi;
    if
    :: weak != WEAK_COPY -> unlock(CONTEXT)
    :: else
    fi
}

init {
    atomic {
        choose_variant();
        if
        :: INITIAL(STATE, CANCELLED)
        :: true
        fi;
        run canceller(0);
        run canceller(1);
        run owner();
        run asker()
    }
}
