/* SPDX-License-Identifier: MIT */
/*
 * A cancel wakes the waiter: tg__context_stop(), tg__events_nudge() and tg__events_wake(), against
 * the waiter's loop and tg__hook_set(). One thread cancels. One starts the waiter, wakes it for an
 * alarm (so that `called` is set for another reason, too), and sets a hook on the context. The
 * third one is the waiter. Whatever comes first, the hook is called: the waiter does not sleep
 * beside it.
 *
 *   WEAK_EPOCH   the waiter loads the epoch with acquire, as it did up to 49d7786
 *   WEAK_STOP    the epoch is advanced with acquire and release
 *   WEAK_CALLED  the waiter clears `called` with release
 *   WEAK_FIRST   the waiter clears `called` after its look
 *   WEAK_WATCH   tg__hook_set() counts in `watching` with acquire and release
 *   WEAK_NUDGE   tg__events_nudge() loads `watching` with acquire
 *   WEAK_READY   `ready` and `watching` are relaxed: the cancel finds no waiter
 */
#define THREADS 3
#define LOCATIONS 4
#define HISTORY 9
#define LOCKS 2
#define STALE 3
#include "memory.inc"

#define WEAK_EPOCH  1
#define WEAK_STOP   2
#define WEAK_CALLED 3
#define WEAK_FIRST  4
#define WEAK_WATCH  5
#define WEAK_NUDGE  6
#define WEAK_READY  7

#define EPOCH 0
#define CALLED 1
#define READY 2
#define WATCHING 3
#define HOOKS 0 /* the hooks' lock */

#define ASK (weak == WEAK_EPOCH -> ACQUIRE : SEQ_CST)
#define ADVANCE (weak == WEAK_STOP -> ACQ_REL : SEQ_CST)
#define CLEAR (weak == WEAK_CALLED -> RELEASE : SEQ_CST)
#define WATCH (weak == WEAK_WATCH -> ACQ_REL : (weak == WEAK_READY -> RELAXED : SEQ_CST))
#define NUDGE (weak == WEAK_NUDGE -> ACQUIRE : (weak == WEAK_READY -> RELAXED : SEQ_CST))
#define IS_READY (weak == WEAK_READY -> RELAXED : SEQ_CST)

bool set;     /* the hook; under the lock */
bool called;  /* it has been called */
bool started; /* the waiter's thread is there: pthread_create() */
byte posted;  /* the semaphore; a wait sees what was done before the post */

inline wake(seen)
{
    load(IS_READY, READY, seen);
    if
    :: seen == 1 ->
        exchange(SEQ_CST, CALLED, 1, seen);
        if
        :: seen == 0 ->
            d_step {
                drain(me);
                i = 0;
                do
                :: i < LOCATIONS ->
                    if
                    :: SEEN(me, i) > leaves[LOCATIONS + i] -> leaves[LOCATIONS + i] = SEEN(me, i)
                    :: else
                    fi;
                    i++
                :: else -> break
                od;
                i = 0;
                posted++
            }
        :: else
        fi
    :: else
    fi
}

proctype canceller()
{
    byte me = 0, seen;
    fetch_add(ADVANCE, EPOCH, 1, seen);
    load(NUDGE, WATCHING, seen);
    if
    :: seen > 0 -> wake(seen)
    :: else
    fi
}

proctype owner()
{
    byte me = 1, seen;
    started = true;
    store(IS_READY, READY, 1);
    wake(seen); /* an alarm */
    lock(HOOKS);
    set = true;
    fetch_add(WATCH, WATCHING, 1, seen);
    unlock(HOOKS);
    wake(seen)
}

proctype waiter()
{
    byte me = 2, seen;
    started;
    do
    :: !called ->
        if
        :: weak != WEAK_FIRST -> store(CLEAR, CALLED, 0)
        :: else
        fi;
        lock(HOOKS);
        if
        :: set ->
            load(ASK, EPOCH, seen);
            if
            :: seen == 1 -> called = true
            :: else
            fi
        :: else
        fi;
        unlock(HOOKS);
        if
        :: weak == WEAK_FIRST -> store(CLEAR, CALLED, 0)
        :: else
        fi;
        if
        :: called
        :: else ->
            atomic { posted > 0 -> posted--; d_step { JOIN(leaves[LOCATIONS + i]) } }
        fi
    :: else -> break
    od
}

init {
    atomic {
        choose_variant();
        run canceller();
        run owner();
        run waiter()
    }
}
