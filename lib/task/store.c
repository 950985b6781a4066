/* SPDX-License-Identifier: MIT */
#include "task/store.h"

#include "sys/memory.h"

#include <stdlib.h>
#include <string.h>

/*
 * Orders. Adds are serialised by their caller, so all relaxed loads below are of what the same lock
 * guards, or of what only one thread has. Finders take no lock: `count` and `segments` are stored
 * with release after all that they publish, and loaded with acquire by tg__store_count() and
 * tg__store_find(); `extras` likewise by tg__store_view() (test/model/store.pml).
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

void tg__store_recycle_all(struct tg__store *store)
{
    store->recycles = true;
    store->recycled = (struct tg__sparse){0};
}

static struct tg__segment *segment_at(const struct tg__store *store, size_t s)
{
    unsigned page = tg__page_of(&s);
    return store->page[page][s];
}

/* Owners of the store change a segment's size under their lock; finders only read it. Relaxed: the
   count that is published next makes it visible. */
static size_t size_of(const struct tg__segment *segment)
{
    return atomic_load_explicit(&segment->count, memory_order_relaxed);
}

static void cut(struct tg__segment *segment, size_t count)
{
    if (count < size_of(segment))
        atomic_store_explicit(&segment->count, count, memory_order_relaxed);
}

/* How many of its tasks exist, of `count` in all. */
static size_t used(const struct tg__segment *segment, size_t count)
{
    size_t left = count - segment->first;
    return left < size_of(segment) ? left : size_of(segment);
}

static void forget_kept(struct tg__segment *segment)
{
    for (size_t i = 0; segment->kept != NULL && i < size_of(segment); i++) {
        free(segment->kept[i]);
        segment->kept[i] = NULL;
    }
}

/* Frees what hangs on a segment, but not the segment. */
static void strip(struct tg__segment *segment, size_t count)
{
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    for (size_t i = 0; attributes_of != NULL && i < used(segment, count); i++)
        free(attributes_of[i]);
    free(attributes_of);
    free(segment->notes);
    forget_kept(segment);
    free(segment->kept);
    tg__block_free(segment->own_results, segment->own_results_size);
    free(segment->attributes);
}

static void free_segment(struct tg__segment *segment)
{
    if (segment != NULL)
        tg__block_free(segment, segment->block_size);
}

/* Frees all but `kept` (or NULL); answers how many records there were. */
static size_t clear(struct tg__store *store, const struct tg__segment *kept)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed), records = 0;
    for (size_t s = atomic_load_explicit(&store->segments, memory_order_relaxed); s-- > 0;) {
        struct tg__segment *segment = segment_at(store, s);
        records += segment->records != NULL ? used(segment, count) : 0;
        strip(segment, count);
        if (kept == NULL || segment != kept)
            free_segment(segment);
    }
    for (unsigned p = 1; p < TG__STORE_PAGES && store->page[p] != NULL; p++)
        free(store->page[p]);
    free(store->gathered);
    return records;
}

/* Where records are recycled. A segment may have been made by an add that then failed. */
static void clear_recycled(struct tg__store *store)
{
    size_t count = atomic_load_explicit(&store->count, memory_order_relaxed);
    for (size_t s = 0; (s = tg__sparse_next(&store->recycled, s, SIZE_MAX)) < SIZE_MAX; s++) {
        struct tg__segment *segment = tg__sparse_get(&store->recycled, s);
        strip(segment, count);
        free_segment(segment);
    }
    tg__sparse_free(&store->recycled);
    while (store->free != NULL) {
        struct tg__segment *segment = store->free;
        store->free = (struct tg__segment *)segment->items;
        strip(segment, segment->first);
        free_segment(segment);
    }
}

static void free_spare(const struct tg__store *store)
{
    free_segment(store->spare.segment);
    tg__block_free(store->spare.base, store->spare.base_slots * store->result_size);
}

void tg__store_free(struct tg__store *store)
{
    if (store->recycles)
        clear_recycled(store);
    else
        clear(store, NULL);
    free_spare(store);
    if (store->base_is_own)
        tg__block_free(store->base, store->base_slots * store->result_size);
}

static void reset_recycled(struct tg__store *store)
{
    bool noted = store->noted;
    clear_recycled(store);
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
        free_segment(spare.segment);
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

/* Gives a new segment its slots, as far as they are known. */
static tg_status give_slots(struct tg__store *store, struct tg__segment *segment)
{
    if (store->result_size == 0 || (store->base == NULL && !store->recycles))
        return TG_OK; /* never, or when the first run starts */
    if (store->base != NULL && segment->first < store->base_slots) {
        size_t left = store->base_slots - segment->first;
        if (segment->records != NULL)
            cut(segment, left); /* the records after it get a segment of their own */
        if (size_of(segment) <= left) {
            segment->results = store->base + segment->first * store->result_size;
            return TG_OK;
        }
    }
    if (size_of(segment) > SIZE_MAX / store->result_size)
        return TG_TOO_LARGE;
    segment->own_results_size = size_of(segment) * store->result_size;
    segment->own_results = tg__block_new(segment->own_results_size);
    segment->results = segment->own_results;
    return segment->results != NULL ? TG_OK : TG_NO_MEMORY;
}

/* Result slots and notes, as far as a new segment needs them. */
static tg_status furnish(struct tg__store *store, struct tg__segment *segment)
{
    tg_status status = give_slots(store, segment);
    if (status != TG_OK || !store->noted)
        return status;
    segment->notes = calloc(size_of(segment), sizeof *segment->notes);
    if (segment->notes != NULL)
        return TG_OK;
    tg__block_free(segment->own_results, segment->own_results_size);
    return TG_NO_MEMORY;
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
    tg_status status = furnish(store, segment);
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

/* An empty segment of records, at the size that is next or at the one that a reset has kept. */
static struct tg__segment *new_records(struct tg__store *store, size_t count)
{
    size_t size = sizeof(struct tg__segment) + store->next_size * sizeof(struct tg__record);
    struct tg__segment *new = store->spare.segment;
    store->spare.segment = NULL;
    if (new != NULL) {
        size = new->block_size;
        memset(new, 0, sizeof *new); /* adding writes the records whole */
    } else if ((new = tg__block_new(size)) == NULL) {
        return NULL;
    }
    new->block_size = size;
    new->first = count;
    new->records = (struct tg__record *)(void *)(new + 1);
    atomic_init(&new->count, (size - sizeof(struct tg__segment)) / sizeof(struct tg__record));
    atomic_init(&new->left, TG__STORE_RECYCLED);
    return new;
}

/* The new last segment is one that was recycled. It keeps its arrays of extras, notes and results. */
static bool reuse(struct tg__store *store, size_t count)
{
    struct tg__segment *segment = store->free;
    if (!tg__sparse_put(&store->recycled, count / TG__STORE_RECYCLED, segment))
        return false;
    store->free = (struct tg__segment *)segment->items;
    segment->items = NULL;
    segment->first = count;
    /* Relaxed: no task of it is published yet. */
    atomic_store_explicit(&segment->left, TG__STORE_RECYCLED, memory_order_relaxed);
    store->last = segment;
    return true;
}

/* A new last segment where they are recycled. */
static tg_status grow_recycled(struct tg__store *store, size_t count)
{
    if (store->free != NULL)
        return reuse(store, count) ? TG_OK : TG_NO_MEMORY;
    store->next_size = TG__STORE_RECYCLED;
    struct tg__segment *new = new_records(store, count);
    if (new == NULL)
        return TG_NO_MEMORY;
    tg_status status = furnish(store, new);
    if (status == TG_OK && !tg__sparse_put(&store->recycled, count / TG__STORE_RECYCLED, new)) {
        strip(new, count);
        status = TG_NO_MEMORY;
    }
    if (status != TG_OK) {
        free_segment(new);
        return status;
    }
    store->last = new;
    return TG_OK;
}

/* A new last segment, of records. */
static tg_status grow(struct tg__store *store, size_t count)
{
    tg_status status = check_room(store, count, 1);
    if (status != TG_OK)
        return status;
    if (store->recycles)
        return grow_recycled(store, count);
    struct tg__segment *new = new_records(store, count);
    if (new == NULL)
        return TG_NO_MEMORY;
    size_t records = size_of(new);
    if ((status = append(store, new)) != TG_OK) {
        free_segment(new);
        return status;
    }
    store->next_size = 2 * records;
    return TG_OK;
}

/* Into the segment's side table. Readers look at tasks before this one meanwhile. The release pairs
   with the acquire in tg__store_view(): they see that the new table is empty. */
static bool put_extra(struct tg__segment *segment, size_t at, struct tg__attributes *attributes)
{
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    if (attributes_of == NULL) {
        attributes_of = calloc(size_of(segment), sizeof(struct tg__attributes *));
        if (attributes_of == NULL)
            return false;
        atomic_store_explicit(&segment->attributes_of, attributes_of, memory_order_release);
    }
    attributes_of[at] = attributes;
    return true;
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

/* The segment that has room for record number `count`; NULL: none. Where records are recycled, an
   add that failed may have left later segments behind it. */
static inline struct tg__segment *tail(const struct tg__store *store, size_t count)
{
    struct tg__segment *segment = store->last;
    if (segment != NULL && segment->records != NULL && count - segment->first < size_of(segment))
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
    if (attributes != NULL && !put_extra(segment, count - segment->first, attributes))
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
        if (attributes != NULL && !put_extra(segment, i - segment->first, attributes)) {
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

bool tg__store_release(const struct tg__store *store, size_t index)
{
    struct tg__segment *segment = tg__sparse_get(&store->recycled, index / TG__STORE_RECYCLED);
    /* Each pairs with the others: all are done with their tasks (test/model/last.pml). */
    return atomic_fetch_sub_explicit(&segment->left, 1, memory_order_acq_rel) == 1;
}

void tg__store_recycle(struct tg__store *store, size_t index)
{
    size_t number = index / TG__STORE_RECYCLED;
    struct tg__segment *segment = tg__sparse_get(&store->recycled, number);
    struct tg__attributes **attributes_of =
        atomic_load_explicit(&segment->attributes_of, memory_order_relaxed);
    for (size_t i = 0; attributes_of != NULL && i < TG__STORE_RECYCLED; i++) {
        free(attributes_of[i]);
        attributes_of[i] = NULL;
    }
    forget_kept(segment);
    if (segment->own_results != NULL)
        memset(segment->own_results, 0, segment->own_results_size);
    if (segment->notes != NULL)
        memset(segment->notes, 0, TG__STORE_RECYCLED * sizeof *segment->notes);
    tg__sparse_take(&store->recycled, number);
    if (store->last == segment)
        store->last = NULL;
    segment->items = (unsigned char *)store->free;
    store->free = segment;
}

bool tg__store_keep_room(struct tg__store *store, size_t index)
{
    struct tg__segment *segment = tg__store_find(store, index);
    if (segment->kept == NULL)
        segment->kept = calloc(size_of(segment), sizeof *segment->kept);
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

/* Of the cache: who writes states does not disturb who looks the segment up. */
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
        free_segment(new);
        return status;
    }
    new->attributes = attributes;
    if (last != NULL && last->records != NULL) {
        cut(last, count - last->first);
        store->next_size = 2 * size_of(last) > FIRST_SIZE ? 2 * size_of(last) : FIRST_SIZE;
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
        cut(segment, slots - segment->first);
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
        memcpy(all + segment->first * size, segment->results, used(segment, count) * size);
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
    /* From the end, by longer and longer steps: segments double, so the last ones have most of the tasks. */
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

size_t tg__store_next_recycled(const struct tg__store *store, size_t index, size_t count)
{
    size_t segment = index / TG__STORE_RECYCLED;
    size_t found = tg__sparse_next(&store->recycled, segment, count / TG__STORE_RECYCLED + 1);
    if (found > segment)
        index = found * TG__STORE_RECYCLED;
    return index < count ? index : count;
}
