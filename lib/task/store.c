/* SPDX-License-Identifier: MIT */
#include "task/store.h"

#include "sys/memory.h"
#include "task/segment.h"

#include <stdlib.h>
#include <string.h>

/*
 * Orders. Adds are serialised by their caller, so all relaxed loads below are of what the same lock
 * guards, or of what only one thread has. Finders take no lock: `count` and `segments` are stored
 * with release after all that they publish, and loaded with acquire by tg__store_count() and
 * tg__store_find(); `attributes_of` likewise by tg__store_view() (test/model/store.pml).
 */

enum { FIRST_SIZE = 16 };

/* The queue packs an index into 48 bits. */
static const size_t most_tasks = SIZE_MAX >> 16;

void tg__store_init(struct tg__store *store, size_t result_size, void *results, size_t capacity)
{
    *store = (struct tg__store){
        .next_size = FIRST_SIZE,
        .result_size = result_size,
        .base = results,
        .base_slots = results != NULL ? capacity : 0,
        .capacity = capacity,
    };
    store->page[0] = store->first_page;
}

static struct tg__segment *segment_at(const struct tg__store *store, size_t s)
{
    unsigned page = tg__page_of(&s);
    return store->page[page][s];
}

/* Frees all but `kept` (or NULL); returns how many records there were. */
static size_t clear(struct tg__store *store, const struct tg__segment *kept)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed), records = 0;
    for (size_t s = atomic_load_explicit(&store->segments, memory_order_relaxed); s-- > 0;) {
        struct tg__segment *segment = segment_at(store, s);
        records += segment->records != NULL ? tg__segment_used(segment, count) : 0;
        tg__segment_strip(segment, count);
        if (kept == NULL || segment != kept)
            tg__segment_free(segment);
    }
    for (unsigned p = 1; p < TG__STORE_PAGES && store->page[p] != NULL; p++)
        free(store->page[p]);
    free(store->gathered);
    return records;
}

static void free_spare(const struct tg__store *store)
{
    tg__segment_free(store->spare.segment);
    tg__block_free(store->spare.base, store->spare.base_slots * store->result_size);
}

void tg__store_free(struct tg__store *store)
{
    if (store->recycles)
        tg__recycle_clear(store);
    else
        clear(store, NULL);
    free_spare(store);
    if (store->base_is_own)
        tg__block_free(store->base, store->base_slots * store->result_size);
}

static void reset_recycled(struct tg__store *store)
{
    bool noted = store->noted;
    tg__recycle_clear(store);
    tg__store_init(store, store->result_size, NULL, 0);
    tg__store_recycle_all(store);
    store->noted = noted;
}

void tg__store_reset(struct tg__store *store)
{
    if (store->recycles) {
        reset_recycled(store);
        return;
    }
    struct tg__spare spare = store->spare;
    struct tg__segment *first = NULL;
    if (atomic_load_explicit(&store->segments, memory_order_relaxed) == 1 &&
        segment_at(store, 0)->records != NULL) {
        first = segment_at(store, 0);
        tg__segment_free(spare.segment);
        spare.segment = first; /* else, next time, all records go into one segment */
    }
    if (store->base_is_own) {
        size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
        tg__block_free(spare.base, spare.base_slots * store->result_size);
        spare.base = store->base;
        spare.base_slots = store->base_slots;
        spare.dirty = count < spare.base_slots ? count : spare.base_slots;
    }
    size_t records = clear(store, first);
    bool own = store->base_is_own, noted = store->noted;
    tg__store_init(store, store->result_size, own ? NULL : store->base, store->capacity);
    store->noted = noted;
    if (records > store->next_size)
        store->next_size = records;
    store->spare = spare;
}

static void rewind_attributes(struct tg__attributes *attributes)
{
    if (attributes == NULL)
        return;
    atomic_store(&attributes->last, false);
    atomic_store(&attributes->told, false);
    attributes->timed_out = false;
}

static void rewind_cell(struct tg__cell *cell)
{
    atomic_store_explicit(&cell->attempts, 0, memory_order_relaxed);
    atomic_store_explicit(&cell->code, 0, memory_order_relaxed);
}

static void rewind_records(struct tg__segment *segment, size_t many)
{
    struct tg__attributes **of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    for (size_t i = 0; i < many; i++) {
        struct tg__cell *cell = &segment->records[i].cell;
        if ((cell->flags & TG__DROPPED) != 0)
            continue;
        atomic_store_explicit(&cell->state, 0, memory_order_relaxed);
        rewind_cell(cell);
        if (of != NULL)
            rewind_attributes(of[i]);
    }
}

/* Relaxed: the run that follows publishes it. */
void tg__store_rewind(struct tg__store *store, bool all)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    size_t segments = atomic_load_explicit(&store->segments, memory_order_relaxed);
    for (size_t s = 0; s < segments; s++) {
        struct tg__segment *segment = segment_at(store, s);
        size_t many = tg__segment_used(segment, count);
        tg__segment_forget_kept(segment);
        if (segment->notes != NULL)
            memset(segment->notes, 0, many * sizeof *segment->notes);
        if (segment->records != NULL) {
            rewind_records(segment, many);
            continue;
        }
        rewind_attributes(segment->attributes);
        for (size_t i = 0; i < many; i++)
            atomic_store_explicit(&segment->states[i], 0, memory_order_relaxed);
        for (size_t i = 0; all && i < many; i++)
            rewind_cell(&segment->cells[i]);
    }
}

/* Appends a segment, whose memory is the store's from here on, if all goes well. */
static tg_status append(struct tg__store *store, struct tg__segment *segment)
{
    size_t number = atomic_load_explicit(&store->segments, memory_order_relaxed);
    size_t at = number;
    unsigned page = tg__page_of(&at);
    if (store->page[page] == NULL)
        store->page[page] =
            malloc(((size_t)TG__STORE_FIRST_PAGE << page) * sizeof(struct tg__segment *));
    if (store->page[page] == NULL)
        return TG_NO_MEMORY;
    tg_status status = tg__segment_furnish(store, segment);
    if (status != TG_OK)
        return status;
    store->page[page][at] = segment;
    store->last = segment;
    /* Pairs with the acquire in tg__store_find(), which begins with the last segments whatever it
       looks for. */
    atomic_store_explicit(&store->segments, number + 1, memory_order_release);
    return TG_OK;
}

/* May `more` tasks be added? */
static tg_status check_room(const struct tg__store *store, size_t count, size_t more)
{
    if (more > most_tasks - count)
        return TG_TOO_LARGE;
    if (store->base != NULL && !store->base_is_own && more > store->capacity - count)
        return TG_FULL;
    return TG_OK;
}

/* A new last segment, of records. */
static tg_status grow(struct tg__store *store, size_t count)
{
    tg_status status = check_room(store, count, 1);
    if (status != TG_OK)
        return status;
    if (store->recycles)
        return tg__recycle_grow(store, count);
    struct tg__segment *new = tg__segment_new(store, count);
    if (new == NULL)
        return TG_NO_MEMORY;
    size_t records = tg__segment_size(new);
    if ((status = append(store, new)) != TG_OK) {
        tg__segment_free(new);
        return status;
    }
    store->next_size = 2 * records;
    return TG_OK;
}

/* The release pairs with the acquire in tg__store_count(). Live: sequentially consistent, as an add
   loads the team's `idle` next; a sleeper counts itself there, then calls tg__store_count_now(). */
static void publish(struct tg__store *store, size_t count, bool live)
{
    if (live)
        atomic_store(&store->count, count);
    else
        atomic_store_explicit(&store->count, count, memory_order_release);
}

static inline void write_record(
    struct tg__record *record, tg_task_fn *function, void *arg, unsigned flags)
{
    *record = (struct tg__record){
        .cell = {.flags = (unsigned char)flags}, .function = function, .arg = arg};
}

/* The segment that has space for record number `count`; NULL: none. Where records are recycled, an
   add that failed may have left later segments behind it. */
static inline struct tg__segment *tail(const struct tg__store *store, size_t count)
{
    struct tg__segment *segment = store->last;
    if (segment != NULL && segment->records != NULL &&
        count - segment->first < tg__segment_size(segment))
        return segment;
    return store->recycles ? tg__store_find(store, count) : NULL;
}

/* Extras of tasks that are not published, `from` to before `to`, are the caller's again. */
static void withdraw(struct tg__store *store, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct tg__segment *segment = tg__store_find(store, i);
        struct tg__attributes **attributes_of =
            atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
        if (attributes_of != NULL)
            attributes_of[i - segment->first] = NULL;
    }
}

tg_status tg__store_add(struct tg__store *store, tg_task_fn *function, void *arg, unsigned flags,
    struct tg__attributes *attributes, bool live)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    struct tg__segment *segment = tail(store, count);
    if (segment == NULL) {
        tg_status status = grow(store, count);
        if (status != TG_OK)
            return status;
        segment = store->last;
    }
    if (attributes != NULL &&
        !tg__segment_put_attributes(segment, count - segment->first, attributes))
        return TG_NO_MEMORY;
    write_record(&segment->records[count - segment->first], function, arg, flags);
    if ((flags & TG__APART) != 0) /* relaxed: before the task is published */
        atomic_fetch_add_explicit(&segment->left, 1, memory_order_relaxed);
    publish(store, count + 1, live);
    return TG_OK;
}

tg_status tg__store_add_each(struct tg__store *store, tg_task_fn *function, size_t many,
    void *items, size_t stride, unsigned flags, struct tg__attributes *const *attributes_of,
    bool live)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    tg_status status = check_room(store, count, many);
    unsigned char *item = items;
    size_t i = count;
    for (; i < count + many && status == TG_OK; i++, item += item != NULL ? stride : 0) {
        struct tg__segment *segment = tail(store, i);
        if (segment == NULL) {
            if ((status = grow(store, i)) != TG_OK)
                break; /* what has been written is not published, and is written again */
            segment = store->last;
        }
        struct tg__attributes *attributes = attributes_of != NULL ? attributes_of[i - count] : NULL;
        if (attributes != NULL &&
            !tg__segment_put_attributes(segment, i - segment->first, attributes)) {
            status = TG_NO_MEMORY;
            break;
        }
        void *arg =
            attributes != NULL && attributes->copy != NULL ? attributes->copy : (void *)item;
        write_record(&segment->records[i - segment->first], function, arg, flags);
    }
    if (status != TG_OK) {
        withdraw(store, count, i);
        return status;
    }
    /* As in tg__store_add(). */
    for (size_t apart = count; (flags & TG__APART) != 0 && apart < count + many; apart++)
        atomic_fetch_add_explicit(&tg__store_find(store, apart)->left, 1, memory_order_relaxed);
    publish(store, count + many, live);
    return TG_OK;
}

bool tg__store_keep_room(struct tg__store *store, size_t index)
{
    struct tg__segment *segment = tg__store_find(store, index);
    if (segment->kept == NULL)
        segment->kept = calloc(tg__segment_size(segment), sizeof *segment->kept);
    return segment->kept != NULL;
}

bool tg__store_keep(struct tg__store *store, size_t index, void *what)
{
    if (!tg__store_keep_room(store, index))
        return false;
    struct tg__segment *segment = tg__store_find(store, index);
    free(segment->kept[index - segment->first]);
    segment->kept[index - segment->first] = what;
    return true;
}

void *tg__store_take(struct tg__store *store, size_t index)
{
    struct tg__segment *segment = tg__store_find(store, index);
    void *what = segment->kept != NULL ? segment->kept[index - segment->first] : NULL;
    if (what != NULL)
        segment->kept[index - segment->first] = NULL;
    return what;
}

/* Of the cache: a thread that writes states does not disturb one that looks the segment up. */
static size_t whole_lines(size_t size)
{
    return (size + TG__CACHE_LINE - 1) / TG__CACHE_LINE * TG__CACHE_LINE;
}

tg_status tg__store_add_range(struct tg__store *store, tg_task_fn *function, size_t many,
    void *items, size_t stride, unsigned flags, struct tg__attributes *attributes, bool live)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    tg_status status = check_room(store, count, many);
    if (status != TG_OK)
        return status;
    if (many > (SIZE_MAX - sizeof(struct tg__segment)) / (sizeof(struct tg__cell) + 1) -
                   2 * (size_t)TG__CACHE_LINE)
        return TG_TOO_LARGE;
    struct tg__segment *last = store->last;
    size_t states = whole_lines(sizeof(struct tg__segment)), cells = states + whole_lines(many);
    size_t size = cells + many * sizeof(struct tg__cell);
    struct tg__segment *new = tg__block_new(size); /* all zero: untouched */
    if (new == NULL)
        return TG_NO_MEMORY;
    new->block_size = size;
    new->first = count;
    atomic_init(&new->count, many);
    new->states = (atomic_uchar *)(void *)((char *)new + states);
    new->cells = (struct tg__cell *)(void *)((char *)new + cells);
    new->function = function;
    new->items = items;
    new->stride = stride;
    new->flags = (unsigned char)flags;
    if ((status = append(store, new)) != TG_OK) {
        tg__segment_free(new);
        return status;
    }
    new->attributes = attributes;
    if (last != NULL && last->records != NULL) {
        tg__segment_cut(last, count - last->first);
        store->next_size =
            2 * tg__segment_size(last) > FIRST_SIZE ? 2 * tg__segment_size(last) : FIRST_SIZE;
    }
    publish(store, count + many, live);
    return TG_OK;
}

tg_status tg__store_open(struct tg__store *store)
{
    store->gathered_count = 0;
    if (store->result_size == 0 || store->base != NULL || store->recycles)
        return TG_OK;
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    size_t slots = count > store->capacity ? count : store->capacity;
    if (slots > SIZE_MAX / store->result_size)
        return TG_TOO_LARGE;
    if (store->spare.base != NULL && store->spare.base_slots >= slots) {
        store->base = store->spare.base;
        slots = store->spare.base_slots;
        memset(store->base, 0, store->spare.dirty * store->result_size);
        store->spare.base = NULL;
    } else {
        store->base = tg__block_new(slots * store->result_size);
    }
    if (store->base == NULL)
        return TG_NO_MEMORY;
    store->base_is_own = true;
    store->base_slots = slots;
    size_t segments = atomic_load_explicit(&store->segments, memory_order_relaxed);
    for (size_t s = 0; s < segments; s++) {
        struct tg__segment *segment = segment_at(store, s);
        segment->results = store->base + segment->first * store->result_size;
        tg__segment_cut(segment, slots - segment->first);
    }
    store->next_size = FIRST_SIZE;
    return TG_OK;
}

void *tg__store_results(struct tg__store *store)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    size_t size = store->result_size;
    if (count <= store->base_slots)
        return store->base;
    if (count == store->gathered_count)
        return store->gathered;
    if (count > SIZE_MAX / size)
        return NULL;
    unsigned char *all = malloc(count * size);
    if (all == NULL)
        return NULL;
    size_t segments = atomic_load_explicit(&store->segments, memory_order_relaxed);
    for (size_t s = 0; s < segments; s++) {
        const struct tg__segment *segment = segment_at(store, s);
        memcpy(
            all + segment->first * size, segment->results, tg__segment_used(segment, count) * size);
    }
    free(store->gathered);
    store->gathered = all;
    store->gathered_count = count;
    return all;
}

struct tg__segment *tg__store_find(const struct tg__store *store, size_t index)
{
    if (store->recycles)
        return tg__sparse_get(&store->recycled, index / TG__STORE_RECYCLED);
    /* From the end, by longer and longer steps: segments double, so the last ones have most of the
     * tasks. */
    /* Pairs with the release in append(): the pages and segments up to there are seen. */
    size_t high = atomic_load_explicit(&store->segments, memory_order_acquire);
    if (high == 0)
        return NULL;
    size_t low = high - 1;
    for (size_t step = 1; segment_at(store, low)->first > index; step *= 2) {
        high = low;
        low = low > step ? low - step : 0;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (segment_at(store, middle)->first <= index)
            low = middle;
        else
            high = middle;
    }
    return segment_at(store, low);
}
