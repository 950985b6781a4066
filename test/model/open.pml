/* SPDX-License-Identifier: MIT */
/*
 * An add beside the start of a run: add.c, and begin() in serve.c. A foreign thread adds a task
 * under the group's lock. Another thread publishes the group's team and calls the team's sleepers.
 * Either the add finds the team and calls a sleeper, or the called sleeper finds the task.
 *
 *   WEAK_BEGIN   the team is published without the group's lock, as it was up to 2ef17ce: the add
 *                finds no team, so it stores the count with release, and neither sees the other
 *   WEAK_LIVE    the same, though the add loads the team with sequential consistency
 */
#define THREADS 3
#define LOCATIONS 3
#define HISTORY 6
#define LOCKS 2
#define STALE 3
#include "memory.inc"

#define WEAK_BEGIN 1
#define WEAK_LIVE  2

#define COUNT 0
#define TEAM 1 /* group->team: 0 is NULL */
#define IDLE 2
#define GROUP 0   /* locks */
#define IN_TEAM 1

#define WITHOUT_LOCK (weak != 0)
#define LIVE (weak == WEAK_LIVE -> SEQ_CST : RELAXED)

bool parked, notified, enlisted, ran;

inline call_sleeper(seen)
{
    load(SEQ_CST, IDLE, seen);
    if
    :: seen > 0 ->
        lock(IN_TEAM);
        if
        :: parked ->
            parked = false;
            fetch_add(SEQ_CST, IDLE, -1, seen);
            notified = true
        :: else
        fi;
        unlock(IN_TEAM)
    :: else
    fi
}

proctype adder()
{
    byte me = 0, live, seen;
    lock(GROUP);
    load(LIVE, TEAM, live); /* tg__group_is_live() */
    if
    :: live == 0 -> store(RELEASE, COUNT, 1)
    :: else -> store(SEQ_CST, COUNT, 1)
    fi;
    load(LIVE, TEAM, live); /* tg__group_pin_to_notify() */
    unlock(GROUP);
    if
    :: live == 1 -> call_sleeper(seen)
    :: else
    fi
}

/* tg__team_attach(): the opener itself does not serve. */
proctype opener()
{
    byte me = 1, seen;
    lock(IN_TEAM);
    enlisted = true;
    if
    :: !WITHOUT_LOCK ->
        lock(GROUP);
        store(SEQ_CST, TEAM, 1);
        unlock(GROUP)
    :: else -> store(SEQ_CST, TEAM, 1)
    fi;
    if
    :: parked ->
        parked = false;
        fetch_add(SEQ_CST, IDLE, -1, seen);
        notified = true
    :: else
    fi;
    unlock(IN_TEAM)
}

proctype helper()
{
    byte me = 2, count, seen;
    lock(IN_TEAM);
    do
    :: true ->
        count = 0;
        if
        :: enlisted -> load(SEQ_CST, COUNT, count)
        :: else
        fi;
        if
        :: count == 1 -> break
        :: else
        fi;
        parked = true;
        fetch_add(SEQ_CST, IDLE, 1, seen);
        if
        :: enlisted -> load(SEQ_CST, COUNT, count)
        :: else
        fi;
        if
        :: count == 0 ->
            unlock(IN_TEAM);
            notified;
            lock(IN_TEAM)
        :: else
        fi;
        notified = false;
        if
        :: parked ->
            parked = false;
            fetch_add(SEQ_CST, IDLE, -1, seen)
        :: else
        fi
    od;
    unlock(IN_TEAM);
    ran = true
}

init {
    atomic {
        choose_variant();
        run adder();
        run opener();
        run helper()
    }
}
