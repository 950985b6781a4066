/* SPDX-License-Identifier: MIT */
/*
 * Tasks are found while others are added: store.c. The store has one segment with one task. An
 * adder, under the group's lock, adds a task with an extra to that segment; then it adds a range:
 * it appends a segment, on a new page, and cuts the first one. A finder takes no lock. It looks at
 * the first task, and at all tasks that the count covers.
 *
 *   WEAK_COUNT     the count is published relaxed
 *   WEAK_SEGMENTS  the number of segments is stored relaxed
 *   WEAK_FIND      tg__store_find() loads it relaxed
 *   WEAK_EXTRAS    the table of extras is stored relaxed
 *   WEAK_VIEW      tg__store_view() loads it relaxed
 *   WEAK_CUT       the segment is cut after the count is published
 */
#define THREADS 2
#define LOCATIONS 9
#define HISTORY 3
#define LOCKS 1
#define STALE 6
#include "memory.inc"

#define WEAK_COUNT    1
#define WEAK_SEGMENTS 2
#define WEAK_FIND     3
#define WEAK_EXTRAS   4
#define WEAK_VIEW     5
#define WEAK_CUT      6

#define COUNT 0
#define SEGMENTS 1
#define EXTRAS 2 /* of the first segment; 0: NULL */
#define SIZE 3   /* of the first segment */
/* Not atomic: */
#define PAGE 4   /* store->page[1] and the segment's place there */
#define FIRST 5  /* of the second segment, and what it says of its tasks */
#define RECORD 6 /* of the second task */
#define TABLE 7  /* the extras of the first segment: what calloc has written */
#define EXTRA 8  /* the second task's place there */

#define PUBLISH (weak == WEAK_COUNT -> RELAXED : RELEASE)
#define APPEND (weak == WEAK_SEGMENTS -> RELAXED : RELEASE)
#define FIND (weak == WEAK_FIND -> RELAXED : ACQUIRE)
#define PUT_EXTRAS (weak == WEAK_EXTRAS -> RELAXED : RELEASE)
#define VIEW (weak == WEAK_VIEW -> RELAXED : ACQUIRE)

proctype adder()
{
    byte me = 0;
    data_write(TABLE, 1);
    store(PUT_EXTRAS, EXTRAS, 1);
    data_write(EXTRA, 1);
    data_write(RECORD, 1);
    store(PUBLISH, COUNT, 2);

    data_write(PAGE, 1);
    data_write(FIRST, 1);
    store(APPEND, SEGMENTS, 2);
    if
    :: weak != WEAK_CUT ->
        store(RELAXED, SIZE, 2);
        store(PUBLISH, COUNT, 3)
    :: else ->
        store(PUBLISH, COUNT, 3);
        store(RELAXED, SIZE, 2)
    fi
}

/* tg__store_find(): the last segments first. */
inline find()
{
    load(FIND, SEGMENTS, segments);
    if
    :: segments == 2 -> data_read(PAGE, seen); data_read(FIRST, seen)
    :: else
    fi
}

proctype finder()
{
    byte me = 1, count, segments, extras, size, seen;
    find(); /* the first task */
    load(VIEW, EXTRAS, extras);
    if
    :: extras == 1 -> data_read(TABLE, seen)
    :: else
    fi;
    load(ACQUIRE, COUNT, count);
    if
    :: count > 1 -> /* the second */
        data_read(RECORD, seen);
        load(VIEW, EXTRAS, extras);
        assert(extras == 1);
        data_read(EXTRA, seen)
    :: else
    fi;
    if
    :: count > 2 -> /* the third: tg__store_find_near(), with the first segment as the hint */
        load(RELAXED, SIZE, size);
        assert(size == 2); /* else it would be looked for there */
        find();
        assert(segments == 2)
    :: else
    fi
}

init {
    atomic {
        choose_variant();
        INITIAL(COUNT, 1);
        INITIAL(SEGMENTS, 1);
        INITIAL(SIZE, 16);
        run adder();
        run finder()
    }
}
