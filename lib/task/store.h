/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_STORE_H
#define TG_LIB_TASK_STORE_H
/*
 * Where tasks and their results lie. Tasks are kept in segments that never move: records (24 bytes
 * each, doubling) for single tasks, a range for a loop (one byte each, and 8 more that are
 * not touched as long as tasks go the fast path and succeed). Adding is serialised by the
 * caller; finding is not, and may go on meanwhile.
 *
 * Result slots: the caller's array; or one contiguous block, made when the first run starts and so
 * as large as the group then is (or `capacity`); for tasks that come later, a block of each
 * segment.
 *
 * A store that *recycles* has records only, in segments of one size; each has its own result slots,
 * and is used again when all of its tasks are gone. Its memory is that of the segments that have
 * tasks: a task that stays for ever keeps its own segment, not those that came and went after it.
 *
 * Which lock: a look-up without the lock under which tasks are added is right only for a task that
 * was not released yet (tg__store_release()), and that stays so until the caller is done with it: a
 * thread that has claimed the task, ends it, delivers it, or is to let the head index pass by it.
 * Every other look-up, of a task that may have been recycled, belongs under that lock, and so does
 * whatever it finds. Where nothing is recycled, any task below the count may be looked up anywhere.
 */
#include "base/sparse.h"
#include "sys/lock.h"

#include <taskgroup/task.h>

#include <stdatomic.h>
#include <stdbool.h>

/* What is known of every task. State: 0 is untouched, else TG__STATE(status) or one of those below.
 */
struct tg__cell {
    atomic_uchar state;
    unsigned char flags;    /* TG_TASK_…, and those below */
    atomic_ushort attempts; /* counted on the slow path only, up to 65535 */
    atomic_int code;        /* valid once the state is final */
};
enum {
    TG__MARKED = 1u << 3,  /* somebody may take it out of the queue, or waits for it */
    TG__APART = 1u << 4,   /* the head index passes it by: it is claimed otherwise, or never */
    TG__SLOW = 1u << 5,    /* takes the slow path through the runner */
    TG__DROPPED = 1u << 6, /* skipped when it was added */
    TG__TIMED = 1u << 7    /* may have to wait for a time: space for that is reserved */
};
#define TG__STATE(status) ((unsigned char)((status) + 1))
/* More than a status says. Those that end in _TIME are in the heap of what is due. */
enum {
    TG__TAKEN_BACK = 0xef, /* CANCELLED in the queue: a thread that claims it next, or the end of
                              the run, delivers it */
    TG__START_TIME,        /* has not started, and waits for that */
    TG__AGAIN_TIME,        /* waits for its next attempt or period … */
    TG__AGAIN,             /* … no more: claims find it */
    TG__SLEEP_TIME,        /* in flight on no thread, until it is time … */
    TG__DEFERRED,          /* … or until somebody completes it, as holds do */
    TG__ENDING /* completed; its function, or the caller that completes it, is still at work */
};

static inline tg_status tg__status_of(unsigned char state)
{
    if (state < TG__TAKEN_BACK)
        return state != 0 ? (tg_status)(state - 1) : TG_NOT_RUN;
    if (state == TG__TAKEN_BACK)
        return TG_CANCELLED;
    return state == TG__START_TIME ? TG_NOT_RUN : state == TG__ENDING ? TG_RUNNING : TG_PENDING;
}

/* What most tasks do not have. */
struct tg__attributes {
    uint64_t id;
    void *result;
    const char *name; /* "" if none; in the same block, as is … */
    void *copy;       /* … the copied argument, or NULL */
    size_t weight;
    double timeout, deadline, backoff, backoff_max; /* 0: none */
    double period, next_start;         /* due: of a task with a period, when it was to start */
    atomic_bool last;                  /* and is not to start again */
    struct tg__handle *_Atomic handle; /* whose user waits for its end; or NULL */
    int attempts, priority;
    bool single;          /* of one task, not of a range */
    bool timed_out;       /* its last attempt was */
    struct tg__lock lock; /* guards the next, and `told` while that is set */
    tg_context *own;      /* of the attempt that is in flight, which can be told to stop; or NULL */
    atomic_bool told;     /* it was told to stop, and is not started again */
};

/* What is kept of a task where somebody asks for it. */
struct tg__note {
    double start, end;
    atomic_size_t rank; /* of its end, from 1 on; 0: none yet */
    int worker;         /* that ran it last; 0: none, else its id + 1 */
    size_t next; /* the one that ended before it and waits for on_done too: its index + 1, or 0; or
                    TG__DELIVERED */
};
#define TG__DELIVERED SIZE_MAX /* on_done has been called */

struct tg__record {
    struct tg__cell cell;
    tg_task_fn *function;
    void *arg;
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct tg__record) == 24, "24 bytes a single task");

struct tg__segment {
    size_t first;            /* indices first … first + count - 1, not all of them used yet */
    atomic_size_t count;     /* cut when the next segment begins */
    size_t block_size;       /* bytes of this segment */
    unsigned char *results;  /* the slot of `first`; NULL: none (yet) */
    void *own_results;       /* to be freed with the segment, or NULL */
    size_t own_results_size; /* bytes */
    _Atomic(struct tg__attributes **) attributes_of; /* of the records, if any has one */
    struct tg__note *notes;                          /* NULL: not kept */
    void **kept;                                     /* see tg__store_keep(); NULL: nothing */
    atomic_size_t left;                              /* releases until it can be used again */
    struct tg__record *records;                      /* NULL: a range, which is … */
    atomic_uchar *states;                            /* one byte for each task, and … */
    struct tg__cell
        *cells; /* … the rest, which the fast path does not touch as long as all goes well */
    tg_task_fn *function;
    unsigned char *items;
    size_t stride;
    struct tg__attributes *attributes; /* its name, or NULL */
    unsigned char flags;
};

enum {
    TG__STORE_PAGES = 40,
    TG__STORE_FIRST_PAGE = TG__SPARSE_FIRST_PAGE,
    TG__STORE_RECYCLED = 1024
};

struct tg__store {
    atomic_size_t count;    /* tasks, published */
    atomic_size_t segments; /* of them; not counted where they are recycled */
    union {
        struct { /* page p holds 8 << p segments; pages never move */
            struct tg__segment **page[TG__STORE_PAGES];
            struct tg__segment *first_page[TG__STORE_FIRST_PAGE];
        };
        struct tg__sparse recycled; /* segments by `first` / TG__STORE_RECYCLED */
    };
    struct tg__segment *last;        /* or NULL */
    struct tg__spare {               /* what a reset has kept */
        struct tg__segment *segment; /* a block for records, or NULL */
        unsigned char *base;         /* for result slots, or NULL */
        size_t base_slots, dirty;    /* the first `dirty` are not zero */
    } spare;
    struct tg__segment *free; /* recycled, not in use */
    bool recycles;            /* see tg__store_recycle_all() */
    bool noted;               /* set once, after init */
    size_t next_size;         /* records of the next segment */
    size_t result_size;
    unsigned char *base; /* the contiguous slots; NULL before the first run */
    size_t base_slots;
    size_t capacity;
    bool base_is_own;
    void *gathered;        /* a contiguous copy, if the slots are in pieces … */
    size_t gathered_count; /* … of so many; 0: out of date */
};

/* A view of one task. */
struct tg__view {
    atomic_uchar *state;
    struct tg__cell *cell; /* of a range's task: without its state and flags */
    tg_task_fn *function;
    void *arg, *result;
    struct tg__attributes *attributes;
    struct tg__note *note; /* or NULL */
    unsigned flags;
};

void tg__store_init(struct tg__store *store, size_t result_size, void *results, size_t capacity);
void tg__store_free(struct tg__store *store);

/* Records are recycled from now on. Once, before the first task is added. */
void tg__store_recycle_all(struct tg__store *store);

/*
 * Empty, with memory kept for as many tasks as there were: a group that is filled step after step
 * soon allocates nothing.
 */
void tg__store_reset(struct tg__store *store);

/* For the same tasks again, but for those that were dropped. `all`: what the fast path does not
 * touch, too. */
void tg__store_rewind(struct tg__store *store, bool all);

/*
 * TG_OK, and `attributes` are the store's; TG_FULL (the caller's array ends); TG_TOO_LARGE;
 * TG_NO_MEMORY. With `live` the count is published sequentially consistently: an add then looks for
 * sleepers.
 */
tg_status tg__store_add(struct tg__store *store, tg_task_fn *function, void *arg, unsigned flags,
    struct tg__attributes *attributes, bool live);
tg_status tg__store_add_range(struct tg__store *store, tg_task_fn *function, size_t count,
    void *items, size_t stride, unsigned flags, struct tg__attributes *attributes, bool live);

/*
 * The same as records, each with the attributes of its own that `attributes_of` (or NULL) has. All
 * or none: then they are still the caller's.
 */
tg_status tg__store_add_each(struct tg__store *store, tg_task_fn *function, size_t count,
    void *items, size_t stride, unsigned flags, struct tg__attributes *const *attributes_of,
    bool live);

/*
 * Where tasks are recycled: no thread needs this one any more. To be called twice for one that
 * stands apart: when it has ended, and when the head index has passed it. From any thread; true: it
 * was the last of its segment, which the caller gives back then, serialised as adding is.
 */
bool tg__store_release(const struct tg__store *store, size_t index);
void tg__store_recycle(struct tg__store *store, size_t index);

/*
 * A block (of malloc's) beside a task, until it is taken away; else freed with the store, or by the
 * next. Keeping returns false if there is no memory. Both serialised as adding is.
 */
bool tg__store_keep(struct tg__store *store, size_t index, void *what);
/* From now on keeping something beside this task does not fail. */
bool tg__store_keep_room(struct tg__store *store, size_t index);
void *tg__store_take(struct tg__store *store, size_t index);

/* Before a run: every task gets its slot. TG_OK, TG_TOO_LARGE or TG_NO_MEMORY (nothing changed). */
tg_status tg__store_open(struct tg__store *store);

/* All slots in one piece; NULL if there is no memory for a copy, or if there are none. */
void *tg__store_results(struct tg__store *store);

/* The segment of a task that has been added. NULL: recycled. */
struct tg__segment *tg__store_find(const struct tg__store *store, size_t index);

/*
 * The first index from `index` on, below `count` (or it), whose record is there: what a loop over
 * all tasks goes by, so that it takes time for what is there and not for what was. Under the lock.
 */
size_t tg__store_next_recycled(const struct tg__store *store, size_t index, size_t count);
static inline size_t tg__store_next(const struct tg__store *store, size_t index, size_t count)
{
    return store->recycles ? tg__store_next_recycled(store, index, count)
           : index < count ? index
                           : count;
}

/* The same, which most likely is the one before. A recycled one may be other tasks' by now. */
static inline struct tg__segment *tg__store_find_near(
    const struct tg__store *store, size_t index, struct tg__segment *hint)
{
    /* Relaxed: the index comes from a count that was published after the segment was cut. */
    bool here = hint != NULL && !store->recycles &&
                index - hint->first < atomic_load_explicit(&hint->count, memory_order_relaxed);
    return here ? hint : tg__store_find(store, index);
}

/* Pairs with the release in publish(), store.c: all that these tasks consist of is seen. */
static inline size_t tg__store_count(const struct tg__store *store)
{
    return atomic_load_explicit(&store->count, memory_order_acquire);
}

/* The same for a thread that sleeps next: sequentially consistent, as adding to a live store is. */
static inline size_t tg__store_count_now(const struct tg__store *store)
{
    return atomic_load(&store->count);
}

/* The index after its last task. Relaxed: as for the hint above. */
static inline size_t tg__store_end(const struct tg__segment *segment)
{
    return segment->first + atomic_load_explicit(&segment->count, memory_order_relaxed);
}

static inline void tg__store_view(const struct tg__store *store, const struct tg__segment *segment,
    size_t index, struct tg__view *view)
{
    size_t at = index - segment->first;
    view->result =
        segment->results != NULL ? segment->results + at * store->result_size : (void *)NULL;
    if (segment->records == NULL) {
        view->state = &segment->states[at];
        view->cell = &segment->cells[at];
        view->function = segment->function;
        view->arg = segment->items != NULL ? segment->items + at * segment->stride : (void *)NULL;
        view->attributes = segment->attributes;
        view->note = segment->notes != NULL ? &segment->notes[at] : NULL;
        view->flags = segment->flags;
        return;
    }
    struct tg__record *record = &segment->records[at];
    view->state = &record->cell.state;
    view->cell = &record->cell;
    view->function = record->function;
    view->arg = record->arg;
    view->note = segment->notes != NULL ? &segment->notes[at] : NULL;
    view->flags = record->cell.flags;
    /* Pairs with the release in put_extra(): the place of an older task in a new table must be seen
       as NULL. */
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_acquire);
    view->attributes = attributes_of != NULL ? attributes_of[at] : NULL;
    if (view->attributes != NULL && view->attributes->result != NULL)
        view->result = view->attributes->result;
}

/* Somebody will soon look at this task, which nobody has looked at for long. */
static inline void tg__store_expect(const struct tg__store *store, size_t index)
{
    const struct tg__segment *segment = tg__store_find(store, index);
    if (segment == NULL)
        return;
    size_t at = index - segment->first;
    if (segment->records != NULL)
        __builtin_prefetch(&segment->records[at], 1);
    else
        __builtin_prefetch((void *)&segment->states[at], 1);
    if (segment->results != NULL)
        __builtin_prefetch(segment->results + at * store->result_size, 1);
}

/* The view of a task that has not been recycled. */
static inline struct tg__view tg__store_get(const struct tg__store *store, size_t index)
{
    struct tg__view view;
    tg__store_view(store, tg__store_find(store, index), index, &view);
    return view;
}

/* The same of one that may have been: then false. */
static inline bool tg__store_look(
    const struct tg__store *store, size_t index, struct tg__view *view)
{
    const struct tg__segment *segment = tg__store_find(store, index);
    if (segment != NULL)
        tg__store_view(store, segment, index, view);
    return segment != NULL;
}

#endif
