/* SPDX-License-Identifier: MIT */
/*
 * C11's atomics for Promela, with weak orders made explicit. A model defines, then includes this:
 *
 *   THREADS    processes that access memory, 4 at most; each has `me`, its number from 0 on
 *   LOCATIONS  variables in memory, numbered from 0 on
 *   HISTORY    values that one of them has in a run, at most; check.sh says if that is too few
 *   LOCKS      numbered from 0 on
 *   STALE      how often a thread may read an old value where a newer one is there. This bounds
 *              loops: without it a thread could read the old value for ever, which no machine does
 *
 * How it works. Each location keeps all values that it has had, each with what its writer had seen
 * when it stored with release. Each thread knows how far it has seen each location, and may read
 * any value from there on; so it may see any mixture of old and new values. An acquire adds what
 * came with the value. A read-modify-write reads the last value, and passes on what came with that.
 * A store that is not sequentially consistent may wait in its thread's buffer, which has one place,
 * while the thread goes on to load. Sequentially consistent accesses agree on one order: a store
 * takes its place in it at the latest before its thread's next sequentially consistent access, and
 * loads with a later place do not read older values.
 *
 * What it shows: a store that is delayed beyond a later load (x86's store buffer), stores that
 * become visible in another order, early loads, threads that see two stores in different orders
 * (POWER), lost and doubled updates.
 *
 * What it does not show: a load that sees a store which its own thread's later store has caused
 * (load buffering, values out of thin air); two racing plain stores to one location that take
 * effect against the order of execution, but for the one in the buffer (2+2W): where two threads
 * store to one location, lib/ has a lock or a read-modify-write; more than one store in a buffer,
 * or one that its own thread loads from there; sequentially consistent fences, which lib/ does not
 * use. Where sequentially consistent and relaxed accesses are mixed, the letter of C11 allows a
 * little more than this.
 *
 * Data that is not atomic is a location, too. data_read() and data_write() fail if a write is not
 * ordered before them, which would be a data race. A write that races with an earlier read is found
 * only where a model looks for it (reset.pml).
 */

/* Orders are sets of bits. */
#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3
#define SEQ_CST 7

#define AT(where, which) ((where) * HISTORY + (which))
#define SEEN(thread, where) sees[(thread) * LOCATIONS + (where)]

/* The variant that is searched; 0: the model itself. From outside, so that it is compiled once. */
byte weak;

inline choose_variant()
{
    c_code { now.weak = (unsigned char)atoi(getenv("WEAK")); }
}

byte last[LOCATIONS];                           /* the newest value of each location */
byte value[LOCATIONS * HISTORY];                /* all of its values */
byte brings[LOCATIONS * HISTORY * LOCATIONS];   /* what its writer had seen of each location */
byte ordered[LOCATIONS * HISTORY];              /* the newest SEQ_CST store up to this one */
byte sees[THREADS * LOCATIONS];                 /* how far each thread has seen each location */
byte agreed[LOCATIONS];                         /* how far each location is in the SEQ_CST order */
byte owes[THREADS], owes_where[THREADS];        /* a store that has no place in that order yet */
byte stale[THREADS];                            /* old values read so far */
byte buffered[THREADS];                         /* a store that waits: its location + 1, or 0 … */
byte buffered_value[THREADS];
bool buffered_release[THREADS];
byte buffered_sees[THREADS * LOCATIONS];        /* … and what its thread had seen */
bool held[LOCKS];                               /* locks, and … */
byte leaves[LOCKS * LOCATIONS];                 /* … what the last holder had seen */
byte which, i, was;                             /* used inside of one access only */

/* At the start, before the threads. */
#define INITIAL(where, what) value[AT(where, 0)] = what

/* The value that `where` has in the end, for assertions about the whole. */
#define FINALLY(where) value[AT(where, last[where])]

/* No store is in a buffer. */
#define NOTHING_WAITS \
    (buffered[0] == 0 && buffered[1 % THREADS] == 0 && buffered[2 % THREADS] == 0 && \
        buffered[3 % THREADS] == 0)

/* The thread's last sequentially consistent store takes its place in the order. */
inline settle(order)
{
    if
    :: (order & 4) != 0 && owes[me] > 0 ->
        if
        :: owes[me] > agreed[owes_where[me]] -> agreed[owes_where[me]] = owes[me]
        :: else
        fi;
        owes[me] = 0;
        owes_where[me] = 0
    :: else
    fi
}

/* The thread has seen, from now on, what came with a value, or what was left at a lock. */
#define JOIN(from)                          \
    i = 0;                                  \
    do                                      \
    :: i < LOCATIONS ->                     \
        if                                  \
        :: from > SEEN(me, i) -> SEEN(me, i) = from \
        :: else                             \
        fi;                                 \
        i++                                 \
    :: else -> break                        \
    od;                                     \
    i = 0

/* The store that waits in a thread's buffer takes place. */
inline drain(thread)
{
    if
    :: buffered[thread] > 0 ->
        i = 0;
        was = buffered[thread] - 1;
        assert(last[was] + 1 < HISTORY);
        last[was]++;
        value[AT(was, last[was])] = buffered_value[thread];
        ordered[AT(was, last[was])] = ordered[AT(was, last[was] - 1)];
        SEEN(thread, was) = last[was];
        do
        :: i < LOCATIONS ->
            if
            :: i == was -> brings[AT(was, last[was]) * LOCATIONS + i] = last[was]
            :: i != was && buffered_release[thread] ->
                brings[AT(was, last[was]) * LOCATIONS + i] = buffered_sees[thread * LOCATIONS + i]
            :: else
            fi;
            buffered_sees[thread * LOCATIONS + i] = 0;
            i++
        :: else -> break
        od;
        i = 0;
        was = 0;
        buffered[thread] = 0;
        buffered_value[thread] = 0;
        buffered_release[thread] = false
    :: else
    fi
}

/* The store waits in the buffer. */
inline buffer(order, where, what)
{
    d_step {
        buffered[me] = where + 1;
        buffered_value[me] = what;
        buffered_release[me] = (order & 2) != 0;
        i = 0;
        do
        :: i < LOCATIONS && (order & 2) != 0 -> buffered_sees[me * LOCATIONS + i] = SEEN(me, i); i++
        :: else -> break
        od;
        i = 0
    }
}

/* Empties the buffers at any time. */
active proctype drainer()
{
end:
    do
    :: buffered[0] > 0 -> d_step { drain(0) }
    :: THREADS > 1 && buffered[1 % THREADS] > 0 -> d_step { drain(1 % THREADS) }
    :: THREADS > 2 && buffered[2 % THREADS] > 0 -> d_step { drain(2 % THREADS) }
    :: THREADS > 3 && buffered[3 % THREADS] > 0 -> d_step { drain(3 % THREADS) }
    od
}

/* Sets `which` to the oldest value that the thread may read. */
inline begin_read(order, where)
{
    d_step {
        if
        :: buffered[me] == where + 1 -> drain(me)
        :: else
        fi;
        settle(order);
        which = SEEN(me, where);
        if
        :: (order & 4) != 0 && agreed[where] > which -> which = agreed[where]
        :: else
        fi;
        if
        :: stale[me] >= STALE -> which = last[where]
        :: else
        fi
    }
}

/* The thread has read the value number `which`. */
inline end_read(order, where)
{
    d_step {
        if
        :: which < last[where] -> stale[me]++
        :: else
        fi;
        if
        :: which > SEEN(me, where) -> SEEN(me, where) = which
        :: else
        fi;
        if
        :: (order & 1) != 0 -> JOIN(brings[AT(where, which) * LOCATIONS + i])
        :: else
        fi;
        if
        :: (order & 4) != 0 && ordered[AT(where, which)] > agreed[where] ->
            agreed[where] = ordered[AT(where, which)]
        :: else
        fi;
        which = 0
    }
}

/* Appends a value. That of a read-modify-write (`passes_on`) brings what the one before brought. */
#define BROUGHT(where, which_value) brings[AT(where, which_value) * LOCATIONS + i]
inline append(order, where, what, passes_on)
{
    d_step {
        assert(last[where] + 1 < HISTORY); /* else HISTORY is too small for this model */
        was = last[where];
        last[where]++;
        value[AT(where, last[where])] = what;
        SEEN(me, where) = last[where];
        ordered[AT(where, last[where])] = ordered[AT(where, was)];
        i = 0;
        do
        :: i < LOCATIONS ->
            if
            :: (order & 2) != 0 -> brings[AT(where, last[where]) * LOCATIONS + i] = SEEN(me, i)
            :: else
            fi;
            if
            :: passes_on && BROUGHT(where, was) > BROUGHT(where, last[where]) ->
                BROUGHT(where, last[where]) = BROUGHT(where, was)
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        was = 0;
        if
        :: (order & 4) != 0 ->
            ordered[AT(where, last[where])] = last[where];
            owes[me] = last[where];
            owes_where[me] = where
        :: else
        fi
    }
}

inline load(order, where, into)
{
    atomic {
        begin_read(order, where);
        do
        :: which < last[where] -> which++
        :: break
        od;
        into = value[AT(where, which)];
        end_read(order, where)
    }
}

inline store(order, where, what)
{
    atomic {
        d_step { drain(me); settle(order) };
        if
        :: append(order, where, what, false)
        :: (order & 4) == 0 -> buffer(order, where, what)
        fi
    }
}

inline exchange(order, where, what, into)
{
    atomic {
        d_step { drain(me); settle(order); which = last[where] };
        into = value[AT(where, which)];
        end_read(order, where);
        append(order, where, what, true)
    }
}

/* Adds, and says what was there before. */
inline fetch_add(order, where, much, into)
{
    atomic {
        d_step { drain(me); settle(order); which = last[where] };
        into = value[AT(where, which)];
        end_read(order, where);
        append(order, where, into + much, true)
    }
}

/* `done` says whether it was; if not, `expected` is what it has read. */
inline compare_exchange(order, failure, where, expected, what, done)
{
    atomic {
        d_step { drain(me) };
        begin_read(order, where);
        do
        :: which < last[where] -> which++
        :: which == last[where] || value[AT(where, which)] != expected -> break
        od;
        if
        :: value[AT(where, which)] == expected ->
            end_read(order, where);
            append(order, where, what, true);
            done = true
        :: else ->
            expected = value[AT(where, which)];
            end_read(failure, where);
            done = false
        fi
    }
}

/* A loop that loads until it finds something else than `what`. */
inline await_not(order, where, what, into)
{
    atomic {
        value[AT(where, last[where])] != what;
        begin_read(order, where);
        do
        :: which < last[where] -> which++
        :: value[AT(where, which)] != what -> break
        od;
        into = value[AT(where, which)];
        end_read(order, where)
    }
}

inline data_read(where, into)
{
    d_step {
        assert(SEEN(me, where) == last[where]); /* else a data race with a write */
        into = value[AT(where, last[where])]
    }
}

inline data_write(where, what)
{
    atomic {
        d_step {
            drain(me);
            assert(SEEN(me, where) == last[where]) /* else a data race with a write */
        };
        append(RELAXED, where, what, false)
    }
}

inline lock(which_lock)
{
    atomic {
        !held[which_lock] -> d_step {
            held[which_lock] = true;
            JOIN(leaves[(which_lock) * LOCATIONS + i])
        }
    }
}

inline unlock(which_lock)
{
    d_step {
        drain(me);
        i = 0;
        do
        :: i < LOCATIONS -> leaves[(which_lock) * LOCATIONS + i] = SEEN(me, i); i++
        :: else -> break
        od;
        i = 0;
        held[which_lock] = false
    }
}

/* All that has happened is before what this thread does next: it has joined the others. */
inline join_all()
{
    d_step {
        drain(0);
        drain(1 % THREADS);
        drain(2 % THREADS);
        drain(3 % THREADS);
        i = 0;
        do
        :: i < LOCATIONS -> SEEN(me, i) = last[i]; i++
        :: else -> break
        od;
        i = 0
    }
}
