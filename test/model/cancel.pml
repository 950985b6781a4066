/* SPDX-License-Identifier: MIT */
/*
 * Everything below finds a cancel: context.c and context.h. One thread cancels a context. Two
 * threads ask another context, which hangs below, and remember the epoch in which they found
 * nothing. In the end every thread that asks finds the cancel, with its cause. (That the epoch must
 * be loaded with sequential consistency is shown in events.pml.)
 *
 *   WEAK_EPOCH     the epoch is advanced relaxed
 *   WEAK_ASK       the epoch is loaded relaxed
 *   WEAK_FIRST     the epoch is advanced before the state is touched
 *   WEAK_STATE     the state is stored relaxed
 *   WEAK_SETTLED   the state is loaded relaxed
 *   WEAK_REMEMBER  the remembered epoch is loaded after the look at the tree
 */
#define THREADS 4
#define LOCATIONS 7
#define HISTORY 4
#define LOCKS 2
#define STALE 2
#include "memory.inc"

#define WEAK_EPOCH    1
#define WEAK_ASK      2
#define WEAK_FIRST    3
#define WEAK_STATE    4
#define WEAK_SETTLED  5
#define WEAK_REMEMBER 6

#define EPOCH 0
#define STATE 1 /* of the lower one: 0, WRITING, CANCELLED */
#define SEEN_IN 2
#define CAUSE 3 /* not atomic */
#define ABOVE 3 /* further on: the same of the upper one */
#define LOWER 0 /* locks */
#define UPPER 1
#define WRITING 1
#define CANCELLED 2

#define ADVANCE (weak == WEAK_EPOCH -> RELAXED : SEQ_CST)
#define ASK (weak == WEAK_ASK -> RELAXED : SEQ_CST)
#define SET (weak == WEAK_STATE -> RELAXED : RELEASE)
#define SETTLED (weak == WEAK_SETTLED -> RELAXED : ACQUIRE)

byte ended;

/* tg__context_stop() of one of the two: 0, or ABOVE. */
inline stop(offset)
{
    if
    :: weak == WEAK_FIRST -> fetch_add(ADVANCE, EPOCH, 1, seen)
    :: else
    fi;
    seen = 0;
    compare_exchange(ACQ_REL, RELAXED, STATE + offset, seen, WRITING, done);
    if
    :: done ->
        data_write(CAUSE + offset, 1);
        store(SET, STATE + offset, CANCELLED);
        if
        :: weak != WEAK_FIRST -> fetch_add(ADVANCE, EPOCH, 1, seen)
        :: else
        fi;
    :: else
    fi;
    done = false;
    seen = 0
}

inline look_up(epoch)
{
    lock(LOWER);
    await_not(SETTLED, STATE, WRITING, state);
    load(RELAXED, SEEN_IN, seen);
    if
    :: state == 0 && seen != epoch ->
        lock(UPPER);
        await_not(SETTLED, STATE + ABOVE, WRITING, state);
        if
        :: state == CANCELLED -> data_read(CAUSE + ABOVE, seen)
        :: else -> store(RELAXED, SEEN_IN + ABOVE, epoch)
        fi;
        unlock(UPPER);
        if
        :: state == CANCELLED -> stop(0)
        :: else -> if
            :: weak == WEAK_REMEMBER ->
                load(ASK, EPOCH, epoch)
            :: else
            fi;
            store(RELAXED, SEEN_IN, epoch)
        fi
    :: else
    fi;
    unlock(LOWER)
}

/* tg__context_status(): what it says is in `state`. */
inline ask()
{
    load(SETTLED, STATE, state);
    load(RELAXED, SEEN_IN, seen);
    load(ASK, EPOCH, now);
    if
    :: state == 0 && seen == now /* live */
    :: else ->
        load(ASK, EPOCH, now);
        await_not(SETTLED, STATE, WRITING, state);
        load(RELAXED, SEEN_IN, seen);
        if
        :: state == 0 && seen != now -> look_up(now)
        :: else
        fi;
        await_not(SETTLED, STATE, WRITING, state)
    fi;
    if
    :: state == CANCELLED -> data_read(CAUSE, seen)
    :: else
    fi;
    seen = 0;
    now = 0
}

proctype canceller()
{
    byte me = 0, seen;
    bool done;
    stop(ABOVE);
    ended++
}

proctype asker(byte me)
{
    byte state, seen, now;
    bool done;
    ask();
    ended++
}

init {
    byte me = 3, state, seen, now;
    bool done;
    atomic {
        choose_variant();
        INITIAL(EPOCH, 1); /* a new context has seen the one before */
        run canceller();
        run asker(1);
        run asker(2)
    }
    ended == 3 && NOTHING_WAITS;
    join_all();
    ask();
    assert(state == CANCELLED)
}
