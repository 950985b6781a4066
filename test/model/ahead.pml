/* SPDX-License-Identifier: MIT */
/*
 * Servers that run ahead of on_done sleep: sleep_until_low() in completion.c. Three ended tasks wait for
 * on_done, and more than 2 are too many. One thread delivers; it may stop after one of them, as the
 * others may have come later. A server has ended a task and finds the backlog too long: it
 * sleeps until the backlog is 1, or until nobody delivers, and then delivers itself. It does not
 * sleep for ever.
 *
 *   WEAK_AHEAD   a server counts itself in `ahead` with acquire and release
 *   WEAK_WAKE    wake_servers() loads `ahead` with acquire
 *   WEAK_FREE    `delivering` is cleared with release
 *   WEAK_LOOK    a server loads `backlog` and `delivering` with acquire
 *   WEAK_ORDER   a server looks first and counts itself afterwards
 *   WEAK_UNTOLD  the end of a delivery does not wake
 */
#define THREADS 2
#define LOCATIONS 3
#define HISTORY 8
#define LOCKS 1
#define STALE 3
#include "memory.inc"

#define WEAK_AHEAD  1
#define WEAK_WAKE   2
#define WEAK_FREE   3
#define WEAK_LOOK   4
#define WEAK_ORDER  5
#define WEAK_UNTOLD 6

#define BACKLOG 0
#define DELIVERING 1
#define AHEAD 2
#define GATE 0 /* the lock */
#define MOST 2
#define LOW 1

#define COUNT_AHEAD (weak == WEAK_AHEAD -> ACQ_REL : SEQ_CST)
#define LOAD_AHEAD (weak == WEAK_WAKE -> ACQUIRE : SEQ_CST)
#define SAY_FREE (weak == WEAK_FREE -> RELEASE : SEQ_CST)
#define LOOK (weak == WEAK_LOOK -> ACQUIRE : SEQ_CST)

bool asleep, woken; /* in the condition; under the lock */
byte left = 3;      /* in the list */

inline wake_servers()
{
    load(LOAD_AHEAD, AHEAD, seen);
    if
    :: seen > 0 ->
        lock(GATE);
        woken = woken || asleep;
        unlock(GATE)
    :: else
    fi;
    seen = 0
}

/* Delivers until `until` are left, then is free. */
inline deliver(until)
{
    do
    :: left > until ->
        left--;
        fetch_add(SEQ_CST, BACKLOG, -1, seen);
        if
        :: seen == LOW + 1 -> wake_servers()
        :: else
        fi
    :: else -> break
    od;
    store(SAY_FREE, DELIVERING, 0);
    if
    :: weak != WEAK_UNTOLD -> wake_servers()
    :: else
    fi
}

proctype deliverer()
{
    byte me = 0, seen, until;
    if
    :: until = 0
    :: until = 2
    fi;
    deliver(until)
}

proctype server()
{
    byte me = 1, seen, backlog, delivering;
    do
    :: true ->
        load(SEQ_CST, BACKLOG, backlog);
        if
        :: backlog <= MOST -> break
        :: else
        fi;
        lock(GATE);
        if
        :: weak != WEAK_ORDER -> fetch_add(COUNT_AHEAD, AHEAD, 1, seen)
        :: else
        fi;
        do
        :: true ->
            load(LOOK, BACKLOG, backlog);
            load(LOOK, DELIVERING, delivering);
            if
            :: backlog <= LOW || delivering == 0 -> break
            :: else
            fi;
            if
            :: weak == WEAK_ORDER -> fetch_add(SEQ_CST, AHEAD, 1, seen)
            :: else
            fi;
            asleep = true;
            unlock(GATE);
            woken;
            lock(GATE);
            asleep = false;
            woken = false;
            if
            :: weak == WEAK_ORDER -> fetch_add(SEQ_CST, AHEAD, -1, seen)
            :: else
            fi
        od;
        if
        :: weak != WEAK_ORDER -> fetch_add(SEQ_CST, AHEAD, -1, seen)
        :: else
        fi;
        unlock(GATE);
        exchange(SEQ_CST, DELIVERING, 1, delivering);
        if
        :: delivering == 0 -> deliver(0)
        :: else
        fi;
        seen = 0
    od
}

init {
    atomic {
        choose_variant();
        INITIAL(BACKLOG, 3);
        INITIAL(DELIVERING, 1);
        run deliverer();
        run server()
    }
}
