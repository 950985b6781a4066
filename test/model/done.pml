/* SPDX-License-Identifier: MIT */
/*
 * Delivery to on_done: completion.c. Two threads end three tasks. Each leaves its task and delivers what
 * there is, unless the other one delivers; in the order of ending (a list of notes), or in the
 * order of adding (states). Each task is delivered once, one call at a time, none is left behind,
 * and the deliverer sees what the task has left.
 *
 *   WEAK_FREE      `delivering` is cleared with release
 *   WEAK_TOLD      `told` is loaded again with acquire
 *   WEAK_TELL      `told` is advanced with acquire and release
 *   WEAK_AGAIN     the deliverer does not look again
 *   WEAK_NUMBER    `told` is read after the delivery instead of before
 *   WEAK_STATE     a final state is stored relaxed
 *   WEAK_FINISHED  a note is put into the list relaxed
 *   WEAK_ONE       `delivering` is loaded and stored instead of exchanged
 */
#define THREADS 2
#define TASKS 3
#define LOCATIONS 8
#define HISTORY 12
#define LOCKS 1
#define STALE 1
#include "memory.inc"

#define WEAK_FREE     1
#define WEAK_TOLD     2
#define WEAK_TELL     3
#define WEAK_AGAIN    4
#define WEAK_NUMBER   5
#define WEAK_STATE    6
#define WEAK_FINISHED 7
#define WEAK_ONE      8

#define TOLD 0
#define DELIVERING 1
#define FINISHED 2  /* the last one's index + 1, or 0 */
#define DELIVERED 3 /* in order: indices below */
#define NOTES 4     /* three: what a task has left, and the next in the list; not atomic */
#define STATES 4    /* in order: the same three are states, and … */
#define RESULT 7    /* … this is what the first task has left; not atomic */

#define SAY_FREE (weak == WEAK_FREE -> RELEASE : SEQ_CST)
#define LOOK_AGAIN (weak == WEAK_TOLD -> ACQUIRE : SEQ_CST)
#define TELL (weak == WEAK_TELL -> ACQ_REL : SEQ_CST)
#define END (weak == WEAK_STATE -> RELAXED : RELEASE)
#define LEAVE (weak == WEAK_FINISHED -> RELAXED : SEQ_CST)

bool in_order;
byte calls[TASKS], ended;
bool in_call;

inline call(index)
{
    assert(!in_call && calls[index] == 0);
    in_call = true;
    in_call = false;
    calls[index]++
}

inline deliver_as_ended()
{
    exchange(SEQ_CST, FINISHED, 0, at);
    do
    :: at > 0 ->
        data_read(NOTES + at - 1, next);
        call(at - 1);
        at = next
    :: else -> break
    od;
    next = 0
}

inline deliver_in_order()
{
    do
    :: true ->
        load(SEQ_CST, DELIVERED, at);
        if
        :: at < TASKS -> load(SEQ_CST, STATES + at, next)
        :: else -> next = 0
        fi;
        if
        :: next == 1 ->
            if
            :: at == 0 -> data_read(RESULT, next)
            :: else
            fi;
            call(at);
            store(SEQ_CST, DELIVERED, at + 1)
        :: else -> break
        fi
    od;
    at = 0;
    next = 0
}

/* The task number `index` has ended. */
inline end(index)
{
    if
    :: in_order ->
        if
        :: index == 0 -> data_write(RESULT, 1)
        :: else
        fi;
        store(END, STATES + index, 1)
    :: else ->
        load(SEQ_CST, FINISHED, at);
        do
        :: !done ->
            data_write(NOTES + index, at);
            compare_exchange(LEAVE, LEAVE, FINISHED, at, index + 1, done)
        :: else -> break
        od;
        at = 0;
        done = false
    fi;
    fetch_add(TELL, TOLD, 1, now);
    do
    :: true ->
        if
        :: weak != WEAK_ONE -> exchange(SEQ_CST, DELIVERING, 1, now)
        :: else ->
            load(SEQ_CST, DELIVERING, now);
            store(SEQ_CST, DELIVERING, 1)
        fi;
        if
        :: now == 1 -> break /* the other one delivers, and sees `told` */
        :: else
        fi;
        if
        :: weak != WEAK_NUMBER -> load(SEQ_CST, TOLD, seen)
        :: else
        fi;
        if
        :: in_order -> deliver_in_order()
        :: else -> deliver_as_ended()
        fi;
        if
        :: weak == WEAK_NUMBER -> load(SEQ_CST, TOLD, seen)
        :: else
        fi;
        store(SAY_FREE, DELIVERING, 0);
        if
        :: weak == WEAK_AGAIN -> break
        :: else
        fi;
        load(LOOK_AGAIN, TOLD, now);
        if
        :: now == seen -> break
        :: else
        fi
    od;
    now = 0;
    seen = 0
}

proctype ender(byte me)
{
    byte at, next, seen, now;
    bool done;
    if
    :: me == 0 -> end(0)
    :: else -> end(1); end(2)
    fi;
    ended++
}

init {
    atomic {
        choose_variant();
        if
        :: in_order = true
        :: in_order = false
        fi;
        run ender(0);
        run ender(1)
    }
    ended == THREADS;
    assert(calls[0] == 1 && calls[1] == 1 && calls[2] == 1)
}
