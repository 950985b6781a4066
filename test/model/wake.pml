/* SPDX-License-Identifier: MIT */
/*
 * "Publish work, then look for sleepers": worker.c, with what queue.c and store.c publish. No wake-up
 * is lost.
 *
 * A server draws two tasks from the cursor, runs the first and keeps the second in its hand. A
 * foreign thread adds a third task. The first task waits for both others, so a helper must run
 * them. The helper claims; when it finds nothing, it enters the list of sleepers under the team's
 * lock, looks once more, and parks. A thread that publishes work, in a hand or by an add, loads
 * `idle` next, without the lock.
 *
 *   WEAK_COUNT   tg__store_add() publishes the count with release
 *   WEAK_HAND    tg__queue_claim() publishes the rest of a chunk with release
 *   WEAK_SLEEPS  tg__team_sleeps() and tg__team_share() load `idle` with acquire
 *   WEAK_IDLE    wait_for_call() counts the thread in `idle` with acquire and release
 *   WEAK_LOOK    tg__queue_any() and tg__store_count_now() load with acquire
 *   WEAK_ONCE    wait_for_call() does not look once more
 *   WEAK_BARE    the count that publishes a record is relaxed
 */
#define THREADS 3
#define LOCATIONS 5
#define HISTORY 10
#define LOCKS 1
#define STALE 2
#include "memory.inc"

#define WEAK_COUNT  1
#define WEAK_HAND   2
#define WEAK_SLEEPS 3
#define WEAK_IDLE   4
#define WEAK_LOOK   5
#define WEAK_ONCE   6
#define WEAK_BARE   7

#define COUNT 0  /* tasks added */
#define CURSOR 1 /* the next index to claim */
#define HAND 2   /* the server's: 0, or 1: the task number 1 is in it */
#define IDLE 3
#define RECORD 4 /* of the third task; not atomic */
#define TEAM 0   /* the lock */

#define PUBLISH_COUNT (weak == WEAK_COUNT -> RELEASE : (weak == WEAK_BARE -> RELAXED : SEQ_CST))
#define PUBLISH_HAND (weak == WEAK_HAND -> RELEASE : SEQ_CST)
#define SLEEPS (weak == WEAK_SLEEPS -> ACQUIRE : SEQ_CST)
#define ENTER (weak == WEAK_IDLE -> ACQ_REL : SEQ_CST)
#define LOOK (weak == WEAK_LOOK -> ACQUIRE : SEQ_CST)

bool parked, notified; /* the helper is in the list of sleepers, and was called; under the lock */
bool ran[3];

/* tg__team_notify(), if `idle` says that a thread sleeps. */
inline call_sleeper(seen)
{
    load(SLEEPS, IDLE, seen);
    if
    :: seen > 0 ->
        lock(TEAM);
        if
        :: parked ->
            parked = false;
            fetch_add(SEQ_CST, IDLE, -1, seen);
            notified = true
        :: else
        fi;
        unlock(TEAM)
    :: else
    fi
}

inline run_task(index)
{
    atomic {
        assert(!ran[index]); /* each once */
        ran[index] = true
    }
}

proctype adder()
{
    byte me = 0, seen;
    data_write(RECORD, 1);
    store(PUBLISH_COUNT, COUNT, 3);
    call_sleeper(seen)
}

proctype server()
{
    byte me = 1, seen;
    bool done;
    compare_exchange(ACQ_REL, RELAXED, CURSOR, seen, 2, done);
    if
    :: done ->
        store(PUBLISH_HAND, HAND, 1);
        call_sleeper(seen);
        run_task(0);
        ran[1] && ran[2] /* the task waits for them */
    :: else -> assert(false) /* the helper finds nothing else before that: see below */
    fi
}

proctype helper()
{
    byte me = 2, count, at, hand;
    bool done;
    do
    :: ran[1] && ran[2] -> break
    :: else ->
        /* The cursor first, then the other's hand: tg__queue_claim(). */
        load(ACQUIRE, COUNT, count);
        load(RELAXED, CURSOR, at);
        done = false;
        if
        :: at == 2 && count == 3 ->
            compare_exchange(ACQ_REL, RELAXED, CURSOR, at, 3, done);
            if
            :: done -> data_read(RECORD, at); run_task(2)
            :: else
            fi
        :: else -> /* at 0 the server claims: it was here first */
            load(ACQUIRE, HAND, hand);
            if
            :: hand == 1 ->
                compare_exchange(ACQ_REL, ACQUIRE, HAND, hand, 0, done);
                if
                :: done -> run_task(1)
                :: else
                fi
            :: else
            fi
        fi;
        if
        :: done
        :: else ->
            lock(TEAM);
            parked = true;
            fetch_add(ENTER, IDLE, 1, hand);
            if
            :: weak != WEAK_ONCE ->
                load(LOOK, COUNT, count);
                load(LOOK, CURSOR, at);
                load(LOOK, HAND, hand)
            :: else ->
                hand = 0;
                at = count
            fi;
            if
            :: hand == 0 && (at == count || at == 0) ->
                unlock(TEAM);
                notified || (ran[1] && ran[2]); /* it would be called when the run ends */
                lock(TEAM)
            :: else
            fi;
            notified = false;
            if
            :: parked ->
                parked = false;
                fetch_add(SEQ_CST, IDLE, -1, hand)
            :: else
            fi;
            unlock(TEAM)
        fi;
        count = 0;
        at = 0;
        hand = 0
    od
}

init {
    atomic {
        choose_variant();
        INITIAL(COUNT, 2);
        run adder();
        run server();
        run helper()
    }
}
