/* SPDX-License-Identifier: MIT */
/*
 * Producers that wait for space in a bounded queue: backpressure.c. The queue has one place, and a task has
 * it. A foreign producer waits at the gate; the group's body waits in the team. The task ends; its
 * server gives the place back and looks for both. Both find room.
 *
 *   WEAK_OUTSTANDING  the place is given back relaxed
 *   WEAK_RELEASE      the place is given back with acquire and release
 *   WEAK_PRODUCERS    the server loads `producers` with acquire
 *   WEAK_BODY         the server loads `body_waits` with acquire
 *   WEAK_FULL         those that wait load `outstanding` with acquire
 *   WEAK_WAITS        the body stores `body_waits` with release
 *   WEAK_ORDER        a producer looks for room first and counts itself afterwards
 */
#define THREADS 3
#define LOCATIONS 3
#define HISTORY 4
#define LOCKS 2
#define STALE 3
#include "memory.inc"

#define WEAK_OUTSTANDING 1
#define WEAK_RELEASE     2
#define WEAK_PRODUCERS   3
#define WEAK_BODY        4
#define WEAK_FULL        5
#define WEAK_WAITS       6
#define WEAK_ORDER       7

#define OUTSTANDING 0
#define PRODUCERS 1
#define BODY_WAITS 2
#define GATE 0 /* locks */
#define TEAM 1

#define GIVE_BACK \
    (weak == WEAK_OUTSTANDING -> RELAXED : (weak == WEAK_RELEASE -> ACQ_REL : SEQ_CST))
#define LOOK_AT_GATE (weak == WEAK_PRODUCERS -> ACQUIRE : SEQ_CST)
#define LOOK_AT_BODY (weak == WEAK_BODY -> ACQUIRE : SEQ_CST)
#define IS_FULL (weak == WEAK_FULL -> ACQUIRE : SEQ_CST)
#define SAY (weak == WEAK_WAITS -> RELEASE : SEQ_CST)

bool at_gate, rung;       /* under GATE: a producer sleeps in the condition, and was woken */
bool in_team, called;     /* under TEAM: the body sleeps, and was called */

proctype ender()
{
    byte me = 0, seen;
    fetch_add(GIVE_BACK, OUTSTANDING, -1, seen);
    load(LOOK_AT_BODY, BODY_WAITS, seen);
    if
    :: seen > 0 ->
        lock(TEAM);
        called = called || in_team;
        unlock(TEAM)
    :: else
    fi;
    load(LOOK_AT_GATE, PRODUCERS, seen);
    if
    :: seen > 0 ->
        lock(GATE);
        rung = rung || at_gate;
        unlock(GATE)
    :: else
    fi
}

proctype producer()
{
    byte me = 1, taken, seen;
    lock(GATE);
    if
    :: weak != WEAK_ORDER ->
        fetch_add(SEQ_CST, PRODUCERS, 1, seen);
        load(IS_FULL, OUTSTANDING, taken)
    :: else ->
        load(IS_FULL, OUTSTANDING, taken);
        fetch_add(SEQ_CST, PRODUCERS, 1, seen)
    fi;
    do
    :: taken == 1 ->
        at_gate = true;
        unlock(GATE);
        rung;
        lock(GATE);
        at_gate = false;
        rung = false;
        load(IS_FULL, OUTSTANDING, taken)
    :: else -> break
    od;
    fetch_add(SEQ_CST, PRODUCERS, -1, seen);
    unlock(GATE)
}

proctype body()
{
    byte me = 2, taken;
    store(SAY, BODY_WAITS, 1);
    lock(TEAM);
    do
    :: true ->
        load(IS_FULL, OUTSTANDING, taken);
        if
        :: taken == 0 -> break
        :: else
        fi;
        in_team = true;
        unlock(TEAM);
        called;
        lock(TEAM);
        in_team = false;
        called = false
    od;
    unlock(TEAM);
    store(SEQ_CST, BODY_WAITS, 0)
}

init {
    atomic {
        choose_variant();
        INITIAL(OUTSTANDING, 1);
        run ender();
        run producer();
        run body()
    }
}
