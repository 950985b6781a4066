/* SPDX-License-Identifier: MIT */
/*
 * The hands of queue.c. Claims, thefts, returns and passes hand out each index once, and lose none;
 * a thread that gets an index sees the task's record.
 *
 * Two threads have a hand each; the first one's has two indices in it. They claim, which may fill
 * the hand with more, and one of them may give back what it has claimed, to its hand. The first
 * thread has also added the last task, whose record is data: the other thread may get it from that
 * hand without another look at the count. Or the first thread passes it by, if the cursor is there.
 *
 *   WEAK_TAKE     the owner loads and stores its hand instead of comparing and swapping
 *   WEAK_STEAL    a thief does so
 *   WEAK_RETURN   tg__queue_unclaim() does so
 *   WEAK_PASS     tg__queue_pass() looks at the cursor and stores it, without a comparison
 *   WEAK_FILL     the owner fills its hand relaxed
 *   WEAK_ACQUIRE  a thief takes without acquire
 *   WEAK_COUNT    the count is published relaxed
 */
#define THREADS 2
#define LOCATIONS 5
#define HISTORY 9
#define LOCKS 1
#define STALE 1
#include "memory.inc"

#define WEAK_TAKE    1
#define WEAK_STEAL   2
#define WEAK_RETURN  3
#define WEAK_PASS    4
#define WEAK_FILL    5
#define WEAK_ACQUIRE 6
#define WEAK_COUNT   7

#define COUNT 0
#define CURSOR 1
#define HANDS 2  /* two of them: first * 8 + how many */
#define RECORD 4 /* of the last task; not atomic */
#define TASKS 4

#define FILL (weak == WEAK_FILL -> RELAXED : SEQ_CST)
#define STEAL (weak == WEAK_ACQUIRE -> RELEASE : ACQ_REL)
#define STEAL_LOAD (weak == WEAK_ACQUIRE -> RELAXED : ACQUIRE)
#define PUBLISH (weak == WEAK_COUNT -> RELAXED : RELEASE)

byte claimed[TASKS]; /* how often it is claimed now */
byte given_back, ended;

#define MANY(hand) ((hand) & 7)
#define FIRST(hand) ((hand) >> 3)

inline has_claimed(first, many)
{
    d_step {
        assert(claimed[first] == 0);
        claimed[first] = 1;
        assert(many < 2 || claimed[first + 1] == 0);
        if
        :: many > 1 -> claimed[first + 1] = 1
        :: else
        fi
    }
    if
    :: first + many == TASKS -> data_read(RECORD, seen)
    :: else
    fi
}

/* The first of its own hand. */
inline take(own)
{
    load(RELAXED, HANDS + own, has);
    do
    :: got == 0 && MANY(has) > 0 ->
        if
        :: weak == WEAK_TAKE ->
            first = FIRST(has);
            store(ACQ_REL, HANDS + own, (first + 1) << 3 | (MANY(has) - 1));
            got = 1
        :: else ->
            first = FIRST(has);
            compare_exchange(
                ACQ_REL, RELAXED, HANDS + own, has, (first + 1) << 3 | (MANY(has) - 1), done);
            if
            :: done -> got = 1
            :: else
            fi
        fi
    :: else -> break
    od
}

/* The later half, or all if it is one. */
inline steal(from)
{
    load(STEAL_LOAD, HANDS + from, has);
    do
    :: got == 0 && MANY(has) > 0 ->
        half = MANY(has) - MANY(has) / 2;
        if
        :: weak == WEAK_STEAL ->
            first = FIRST(has) + MANY(has) - half;
            store(STEAL, HANDS + from, FIRST(has) << 3 | (MANY(has) - half));
            got = half
        :: else ->
            first = FIRST(has) + MANY(has) - half;
            compare_exchange(STEAL, STEAL_LOAD, HANDS + from, has,
                FIRST(has) << 3 | (MANY(has) - half), done);
            if
            :: done -> got = half
            :: else
            fi
        fi
    :: else -> break
    od;
    half = 0
}

/* A chunk of two, or of one. */
inline draw(end)
{
    load(RELAXED, CURSOR, has);
    do
    :: got == 0 && has < end ->
        first = has;
        if
        :: half = 1
        :: has + 1 < end -> half = 2
        fi;
        compare_exchange(ACQ_REL, RELAXED, CURSOR, has, first + half, done);
        if
        :: done -> got = half
        :: else
        fi
    :: else -> break
    od;
    half = 0
}

/* tg__queue_pass() of one task */
inline pass(index)
{
    if
    :: weak == WEAK_PASS ->
        load(SEQ_CST, CURSOR, has);
        done = has == index;
        if
        :: done -> store(SEQ_CST, CURSOR, index + 1)
        :: else
        fi
    :: else ->
        has = index;
        compare_exchange(SEQ_CST, SEQ_CST, CURSOR, has, index + 1, done)
    fi;
    if
    :: done -> has_claimed(index, 1)
    :: else
    fi;
    done = false;
    has = 0
}

proctype server(byte me)
{
    byte count, has, first, got, half, seen, rounds;
    bool done;
    if
    :: me == 0 ->
        data_write(RECORD, 1);
        store(PUBLISH, COUNT, TASKS);
        if
        :: pass(TASKS - 1)
        :: true
        fi
    :: else
    fi;
    load(ACQUIRE, COUNT, count);
    do
    :: rounds + me < 3 ->
        rounds++;
        got = 0;
        take(me);
        if
        :: got == 0 -> draw(count)
        :: else
        fi;
        if
        :: got == 0 -> steal(1 - me)
        :: else
        fi;
        if
        :: got == 2 -> /* only the owner fills its hand, which is empty */
            store(FILL, HANDS + me, (first + 1) << 3 | 1);
            got = 1
        :: else
        fi;
        done = false;
        if
        :: got > 0 -> has_claimed(first, got)
        :: else
        fi;
        if
        :: got == 1 && given_back == 0 -> /* tg__queue_unclaim() */
            given_back++;
            d_step { claimed[first] = 0 };
            load(SEQ_CST, HANDS + me, has);
            do
            :: !done ->
                if
                :: weak == WEAK_RETURN ->
                    store(SEQ_CST, HANDS + me, first << 3 | (1 + MANY(has)));
                    done = true
                :: else ->
                    compare_exchange(
                        SEQ_CST, SEQ_CST, HANDS + me, has, first << 3 | (1 + MANY(has)), done)
                fi;
            :: else -> break
            od
        :: true
        fi;
        done = false;
        has = 0;
        first = 0
    :: else -> break
    od;
    ended++
}

/* Is it in a hand? */
#define IN_HAND(index, hand) \
    ((index) >= FIRST(FINALLY(HANDS + hand)) && \
        (index) < FIRST(FINALLY(HANDS + hand)) + MANY(FINALLY(HANDS + hand)))

init {
    byte index;
    atomic {
        choose_variant();
        INITIAL(COUNT, TASKS - 1);
        INITIAL(HANDS, 0 << 3 | 2);
        INITIAL(CURSOR, 2);
        run server(0);
        run server(1)
    }
    ended == THREADS && NOTHING_WAITS;
    d_step { /* each is somewhere, and only there */
        for (index : 0 .. TASKS - 1) {
            assert(claimed[index] + (index >= FINALLY(CURSOR) -> 1 : 0) +
                       (IN_HAND(index, 0) -> 1 : 0) + (IN_HAND(index, 1) -> 1 : 0) == 1)
        }
    }
}
