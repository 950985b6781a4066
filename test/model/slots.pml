/* SPDX-License-Identifier: MIT */
/*
 * Slots of a group with `.limit = 1`: slots.h, with the sleepers of worker.c and runq.c. A task that is on no
 * thread has the slot. It ends elsewhere, gives the slot back and looks for sleepers. Two servers
 * each have a task to run and need the slot; a server that gets none looks again and sleeps. Never
 * more than one has the slot, and both tasks run.
 *
 *   WEAK_GIVE    tg__slots_return() and tg__slots_give() subtract with acquire and release
 *   WEAK_SLEEPS  `idle` is loaded with acquire
 *   WEAK_FREE    tg__slots_free() loads with acquire
 *   WEAK_TAKE    tg__slots_take() loads and stores instead of comparing and swapping
 *   WEAK_ONCE    a server that has read a stale `used` sleeps without another look
 */
#define THREADS 3
#define LOCATIONS 2
#define HISTORY 10
#define LOCKS 1
#define STALE 2
#include "memory.inc"

#define WEAK_GIVE   1
#define WEAK_SLEEPS 2
#define WEAK_FREE   3
#define WEAK_TAKE   4
#define WEAK_ONCE   5

#define USED 0
#define IDLE 1
#define TEAM 0 /* the lock */

#define GIVE (weak == WEAK_GIVE -> ACQ_REL : SEQ_CST)
#define SLEEPS (weak == WEAK_SLEEPS -> ACQUIRE : SEQ_CST)
#define FREE (weak == WEAK_FREE -> ACQUIRE : SEQ_CST)

bool parked[THREADS], notified[THREADS]; /* under the lock */
byte holders = 1;

/* call_one() */
inline wake_one(seen)
{
    if
    :: parked[1] ->
        parked[1] = false;
        fetch_add(SEQ_CST, IDLE, -1, seen);
        notified[1] = true
    :: else -> if
        :: parked[2] ->
            parked[2] = false;
            fetch_add(SEQ_CST, IDLE, -1, seen);
            notified[2] = true
        :: else
        fi
    fi
}

proctype ender()
{
    byte me = 0, seen;
    holders--;
    fetch_add(GIVE, USED, -1, seen);
    load(SLEEPS, IDLE, seen);
    if
    :: seen > 0 ->
        lock(TEAM);
        wake_one(seen);
        unlock(TEAM)
    :: else
    fi
}

proctype server(byte me)
{
    byte used, seen;
    bool done, ran;
    do
    :: ran -> break
    :: else ->
        load(RELAXED, USED, used);
        do
        :: used < 1 ->
            if
            :: weak == WEAK_TAKE ->
                store(SEQ_CST, USED, used + 1);
                done = true
            :: else -> compare_exchange(SEQ_CST, SEQ_CST, USED, used, used + 1, done)
            fi;
            if
            :: done -> break
            :: else
            fi
        :: else -> break
        od;
        if
        :: done ->
            done = false;
            holders++;
            assert(holders <= 1);
            ran = true;
            holders--;
            fetch_add(GIVE, USED, -1, seen);
            lock(TEAM); /* depart() */
            wake_one(seen);
            unlock(TEAM)
        :: else ->
            lock(TEAM);
            parked[me] = true;
            fetch_add(SEQ_CST, IDLE, 1, seen);
            if
            :: weak != WEAK_ONCE -> load(FREE, USED, used)
            :: else
            fi;
            if
            :: used >= 1 ->
                unlock(TEAM);
                notified[me];
                lock(TEAM)
            :: else
            fi;
            notified[me] = false;
            if
            :: parked[me] ->
                parked[me] = false;
                fetch_add(SEQ_CST, IDLE, -1, seen)
            :: else
            fi;
            unlock(TEAM)
        fi;
        used = 0;
        seen = 0
    od
}

init {
    atomic {
        choose_variant();
        INITIAL(USED, 1);
        run ender();
        run server(1);
        run server(2)
    }
}
