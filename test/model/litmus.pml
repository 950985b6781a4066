/* SPDX-License-Identifier: MIT */
/*
 * The memory of memory.inc itself, by the programs that tell memory models apart. Each variant shows
 * an outcome that weak orders allow and strong ones do not.
 *
 *   WEAK_BUFFER   two threads store, then load what the other one stores: both load the old value
 *   WEAK_MESSAGE  a thread sees a flag, but not what was stored before the flag
 *   WEAK_FORWARD  the same through a third thread, which has seen the first flag and sets another
 *   WEAK_VIEWS    two readers see the stores of two writers in different orders
 *   WEAK_DELAY    a store waits while its thread loads; another thread's exchange finds the value
 *                 before
 *   WEAK_MIXED    a sequentially consistent store, then a relaxed flag: a thread sees the flag, but
 *                 not the store
 */
#define THREADS 4
#define LOCATIONS 3
#define HISTORY 3
#define LOCKS 1
#define STALE 9
#include "memory.inc"

#define WEAK_BUFFER  1
#define WEAK_MESSAGE 2
#define WEAK_FORWARD 3
#define WEAK_VIEWS   4
#define WEAK_DELAY   5
#define WEAK_MIXED   6

#define X 0
#define Y 1
#define Z 2

#define BUFFER_STORE (weak == WEAK_BUFFER -> RELEASE : SEQ_CST)
#define MESSAGE_STORE (weak == WEAK_MESSAGE -> RELAXED : RELEASE)
#define FORWARD_LOAD (weak == WEAK_FORWARD -> RELAXED : ACQUIRE)
#define VIEWS (weak == WEAK_VIEWS -> ACQUIRE : SEQ_CST)
#define MIXED_FLAG (weak == WEAK_MIXED -> RELAXED : RELEASE)

#define DELAY_STORE (weak == WEAK_DELAY -> RELEASE : SEQ_CST)

byte program, r[6], ended;

proctype thread(byte me)
{
    if
    :: program == 0 && me < 2 -> /* X and Y crosswise */
        store(BUFFER_STORE, me, 1);
        load(SEQ_CST, 1 - me, r[me])
    :: program == 1 && me == 0 ->
        data_write(X, 1);
        store(MESSAGE_STORE, Y, 1)
    :: program == 1 && me == 1 ->
        load(ACQUIRE, Y, r[0]);
        if
        :: r[0] == 1 -> data_read(X, r[1])
        :: else
        fi
    :: program == 2 && me == 0 ->
        store(RELAXED, X, 1);
        store(RELEASE, Y, 1)
    :: program == 2 && me == 1 ->
        load(FORWARD_LOAD, Y, r[0]);
        store(RELEASE, Z, r[0])
    :: program == 2 && me == 2 ->
        load(ACQUIRE, Z, r[1]);
        load(RELAXED, X, r[2])
    :: program == 3 && me < 2 ->
        store(SEQ_CST, me, 1)
    :: program == 3 && me >= 2 ->
        load(VIEWS, me - 2, r[2 * me - 4]);
        load(VIEWS, 3 - me, r[2 * me - 3])
    :: program == 4 && me == 0 ->
        store(SEQ_CST, X, 1);
        store(MIXED_FLAG, Y, 1)
    :: program == 4 && me == 1 ->
        load(ACQUIRE, Y, r[0]);
        load(SEQ_CST, X, r[1])
    :: program == 5 && me == 0 ->
        store(DELAY_STORE, X, 1);
        load(SEQ_CST, Y, r[0])
    :: program == 5 && me == 1 ->
        fetch_add(SEQ_CST, Y, 1, r[1]);
        exchange(SEQ_CST, X, 2, r[1])
    :: else
    fi;
    ended++
}

init {
    atomic {
        choose_variant();
        select(program : 0 .. 5);
        run thread(0);
        run thread(1);
        run thread(2);
        run thread(3)
    }
    ended == THREADS;
    assert(program != 0 || r[0] == 1 || r[1] == 1);
    assert(program != 2 || r[1] == 0 || r[2] == 1);
    assert(program != 3 || !(r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0));
    assert(program != 4 || r[0] == 0 || r[1] == 1);
    assert(program != 5 || r[0] == 1 || r[1] == 1)
}
