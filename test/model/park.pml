/* SPDX-License-Identifier: MIT */
/*
 * One thread sleeps, another one notifies it: park.c. The notification is not lost, whether the
 * thread spins, is about to sleep or sleeps, and the thread sees what the notifier did before. The
 * parker lies on the thread's stack. Its frame may go when the notifier has given the list's lock
 * back.
 *
 *   WEAK_LOCK     tg__park_notify() does not take the parker's lock, so it may come between the
 *                 thread's last look and its sleep
 *   WEAK_RELEASE  the flag is stored relaxed
 *   WEAK_ACQUIRE  the flag is loaded relaxed
 *   WEAK_LIST     the thread does not take the list's lock before its frame goes
 */
#define THREADS 2
#define LOCATIONS 3
#define HISTORY 4
#define LOCKS 2
#define STALE 3
#include "memory.inc"

#define WEAK_LOCK    1
#define WEAK_RELEASE 2
#define WEAK_ACQUIRE 3
#define WEAK_LIST    4

#define NOTIFIED 0
#define WORK 1   /* what the notifier has done before; not atomic */
#define ASLEEP 2 /* under the parker's lock */
#define LIST 0   /* locks */
#define PARKER 1

#define NOTIFY (weak == WEAK_RELEASE -> RELAXED : RELEASE)
#define IS_NOTIFIED (weak == WEAK_ACQUIRE -> RELAXED : ACQUIRE)

bool listed = true; /* the parker is in the list */
bool waiting, signalled, gone;

proctype notifier()
{
    byte me = 0, asleep;
    data_write(WORK, 1);
    lock(LIST);
    if
    :: listed ->
        if
        :: weak != WEAK_LOCK -> lock(PARKER)
        :: else
        fi;
        assert(!gone);
        store(NOTIFY, NOTIFIED, 1);
        load(RELAXED, ASLEEP, asleep);
        assert(!gone);
        if
        :: asleep == 1 && waiting -> signalled = true
        :: else
        fi;
        if
        :: weak != WEAK_LOCK ->
            assert(!gone);
            unlock(PARKER)
        :: else
        fi;
    :: else
    fi;
    unlock(LIST)
}

proctype sleeper()
{
    byte me = 1, notified, seen;
    load(IS_NOTIFIED, NOTIFIED, notified); /* while it spins */
    if
    :: notified == 0 ->
        lock(PARKER);
        store(RELAXED, ASLEEP, 1);
        load(IS_NOTIFIED, NOTIFIED, notified);
        do
        :: notified == 0 ->
            atomic { waiting = true };
            unlock(PARKER);
            signalled;
            lock(PARKER);
            waiting = false;
            signalled = false;
            load(IS_NOTIFIED, NOTIFIED, notified)
        :: else -> break
        od;
        store(RELAXED, ASLEEP, 0);
        unlock(PARKER)
    :: else
    fi;
    data_read(WORK, seen);
    if
    :: weak != WEAK_LIST ->
        lock(LIST);
        listed = false;
        unlock(LIST)
    :: else
    fi;
    gone = true
}

init {
    atomic {
        choose_variant();
        run notifier();
        run sleeper()
    }
}
