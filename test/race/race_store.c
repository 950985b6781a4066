/* SPDX-License-Identifier: MIT */
/* store.c: tasks are found while others are added, and records are used again when all of a segment are gone. */
#include "race.h"

#include "sys/lock.h"
#include "task/store.h"

enum { TASKS = RACE_PART > 1 ? 1500 : 20000, FLAG = TG__SLOW };

struct shelf {
    struct blame blame;
    struct tg__store store;
    struct tg__lock lock;
    atomic_bool full;
    atomic_size_t head, gone; /* recycling: handed out, and released */
};

/* What is stored of each task tells its index. */
static int function(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

static void *number(size_t index)
{
    return (void *)(uintptr_t)(index + 1);
}

static struct tg__attributes *extra_of(size_t index)
{
    struct tg__attributes *attributes = calloc(1, sizeof *attributes);
    if (attributes == NULL)
        abort();
    attributes->id = index + 1;
    return attributes;
}

static bool is_right(const struct tg__view *task, size_t index)
{
    return task->function == function && task->arg == number(index) && task->flags == FLAG &&
           task->result != NULL && (task->attributes == NULL || task->attributes->id == index + 1);
}

/* ---- finding while others add ---- */

static void add_some(struct shelf *shelf, uint32_t *random)
{
    struct tg__store *store = &shelf->store;
    size_t count = tg__store_count(store), many = draw_from(random) % 50;
    bool live = draw_from(random) % 2 == 0;
    tg_status status = TG_OK;
    switch (draw_from(random) % 8) {
    case 0: /* a range shares its extra, which names no single task */
        status = tg__store_add_range(store, function, many, number(count), 1, FLAG, NULL, live);
        break;
    case 1:
        status = tg__store_add_each(store, function, many, number(count), 1, FLAG, NULL, live);
        break;
    case 2:
        status = tg__store_add(store, function, number(count), FLAG, extra_of(count), live);
        break;
    default:
        status = tg__store_add(store, function, number(count), FLAG, NULL, live);
    }
    expect(&shelf->blame, status == TG_OK);
}

/* Looks at any; its own share it writes to, as the one does who runs a task. */
static void find_some(struct shelf *shelf, int number, uint32_t *random)
{
    static _Thread_local struct tg__segment *hint;
    size_t count = tg__store_count(&shelf->store);
    if (count == 0)
        return;
    size_t index = draw_from(random) % 4 == 0 ? count - 1 : draw_from(random) % count;
    struct tg__view task;
    hint = tg__store_find_near(&shelf->store, index, hint);
    tg__store_view(&shelf->store, hint, index, &task);
    expect(&shelf->blame, is_right(&task, index));
    if (index % RACERS == (size_t)number)
        memcpy(task.result, &index, sizeof index);
    atomic_store_explicit(task.state, TG__STATE(TG_OK), memory_order_release);
}

static void add_or_find(void *what, int number)
{
    struct shelf *shelf = what;
    uint32_t random = (uint32_t)number;
    while (number == 0 && tg__store_count(&shelf->store) < TASKS)
        add_some(shelf, &random);
    if (number == 0)
        atomic_store(&shelf->full, true);
    while (!atomic_load(&shelf->full))
        find_some(shelf, number, &random);
}

START_TEST(every_task_is_found_while_others_are_added)
{
    double until = race_until();
    do {
        struct shelf shelf = {.full = false};
        tg__store_init(&shelf.store, sizeof(size_t), NULL, 0);
        ck_assert_int_eq(tg__store_open(&shelf.store), TG_OK);
        race(add_or_find, &shelf);
        assert_blameless(&shelf.blame, "a race for tasks");
        size_t count = tg__store_count(&shelf.store);
        const size_t *results = tg__store_results(&shelf.store);
        for (size_t i = 0; i < count; i++) {
            struct tg__view task = tg__store_get(&shelf.store, i);
            ck_assert(is_right(&task, i));
            ck_assert(results[i] == i || results[i] == 0);
        }
        tg__store_free(&shelf.store);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- the first one of a segment that has more to tell ---- */

enum { SHELVES = 256 / RACE_PART };

static void begin_pair(void *what)
{
    struct shelf *shelf = what;
    tg__store_free(&shelf->store);
    tg__store_init(&shelf->store, 0, NULL, 0);
    expect(&shelf->blame, tg__store_add(&shelf->store, function, NULL, 0, NULL, true) == TG_OK);
}

static void add_second(void *what)
{
    struct shelf *shelf = what;
    expect(
        &shelf->blame, tg__store_add(&shelf->store, function, NULL, 0, extra_of(1), true) == TG_OK);
}

static void look_at_first(void *what)
{
    struct shelf *shelf = what;
    for (int i = 0; i < 20; i++) {
        struct tg__view task = tg__store_get(&shelf->store, 0);
        expect(&shelf->blame, task.attributes == NULL && task.function == function);
    }
}

static void judge_pair(void *what)
{
    struct shelf *shelf = what;
    struct tg__view task = tg__store_get(&shelf->store, 1);
    expect(&shelf->blame, task.attributes != NULL && task.attributes->id == 2);
}

START_TEST(a_task_without_extras_is_looked_at_while_the_first_extra_comes)
{
    static struct shelf shelves[SHELVES];
    struct duel duel = DUEL(shelves, begin_pair, add_second, look_at_first, judge_pair);
    for (int i = 0; i < SHELVES; i++)
        tg__store_init(&shelves[i].store, 0, NULL, 0);
    run_duel(&duel);
    for (int i = 0; i < SHELVES; i++) {
        assert_blameless(&shelves[i].blame, "the first extra");
        tg__store_free(&shelves[i].store);
    }
}
END_TEST

/* ---- recycling ---- */

static bool stands_apart(size_t index)
{
    return index % 16 == 5;
}

/* Under the lock, as adding is; not too far ahead of who releases. */
static void add_recycled(struct shelf *shelf)
{
    size_t count = tg__store_count(&shelf->store);
    if (count - atomic_load(&shelf->gone) > 3 * TG__STORE_RECYCLED) {
        sched_yield();
        return;
    }
    unsigned flags = stands_apart(count) ? FLAG | TG__APART : FLAG;
    struct tg__attributes *attributes = count % 8 == 0 ? extra_of(count) : NULL;
    tg__lock_take(&shelf->lock, TG__LOCK_GROUP);
    expect(&shelf->blame,
        tg__store_add(&shelf->store, function, number(count), flags, attributes, true) == TG_OK);
    tg__lock_give(&shelf->lock, TG__LOCK_GROUP);
}

static void release(struct shelf *shelf, size_t index)
{
    if (!tg__store_release(&shelf->store, index))
        return;
    tg__lock_take(&shelf->lock, TG__LOCK_GROUP);
    tg__store_recycle(&shelf->store, index);
    tg__lock_give(&shelf->lock, TG__LOCK_GROUP);
}

/* The next one: its result slot must be as new. What stands apart is released once more, later. */
static bool use_next(struct shelf *shelf, size_t *apart)
{
    size_t index = atomic_load(&shelf->head);
    if (index >= tg__store_count(&shelf->store) ||
        !atomic_compare_exchange_strong(&shelf->head, &index, index + 1))
        return false;
    struct tg__view task = tg__store_get(&shelf->store, index);
    size_t result;
    task.flags &= ~(unsigned)TG__APART;
    expect(&shelf->blame, is_right(&task, index));
    expect(&shelf->blame, (index % 8 == 0) == (task.attributes != NULL));
    memcpy(&result, task.result, sizeof result);
    expect(&shelf->blame, result == 0);
    memcpy(task.result, &index, sizeof index);
    if (stands_apart(index)) {
        if (*apart != SIZE_MAX)
            release(shelf, *apart);
        *apart = index;
    }
    release(shelf, index);
    atomic_fetch_add(&shelf->gone, 1);
    return true;
}

static void add_or_use(void *what, int number)
{
    struct shelf *shelf = what;
    size_t apart = SIZE_MAX;
    while (number == 0 && tg__store_count(&shelf->store) < TASKS)
        add_recycled(shelf);
    if (number == 0)
        atomic_store(&shelf->full, true);
    while (!atomic_load(&shelf->full) || atomic_load(&shelf->head) < tg__store_count(&shelf->store))
        if (!use_next(shelf, &apart))
            sched_yield();
    if (apart != SIZE_MAX)
        release(shelf, apart);
}

static size_t segments_made(const struct shelf *shelf)
{
    size_t made = 0;
    for (const struct tg__segment *s = shelf->store.free; s != NULL;
        s = (const struct tg__segment *)(const void *)s->items)
        made++;
    return made;
}

START_TEST(records_are_used_again_when_all_of_a_segment_are_gone)
{
    double until = race_until();
    do {
        struct shelf shelf = {.full = false};
        tg__store_init(&shelf.store, sizeof(size_t), NULL, 0);
        tg__store_recycle_all(&shelf.store);
        race(add_or_use, &shelf);
        assert_blameless(&shelf.blame, "recycled records");
        ck_assert_uint_eq(atomic_load(&shelf.gone), TASKS);
        ck_assert_uint_ge(segments_made(&shelf), 1);
        ck_assert_uint_le(segments_made(&shelf), 8);
        tg__store_free(&shelf.store);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- nodes that come and go ---- */

/* Numbers that are a leaf's and a node's of lib/sparse.h apart, in tasks. */
static const size_t leaf = (size_t)TG__STORE_RECYCLED << TG__SPARSE_BITS;
static const size_t node = (size_t)TG__STORE_RECYCLED << 2 * TG__SPARSE_BITS;

enum { HELD = 50 };

/* Tasks whose indices leap over leaves and nodes, as if all those between had come and gone. */
struct trail {
    struct shelf shelf;
    size_t index[TASKS];
    atomic_size_t added;
};

static size_t later(size_t count, size_t unit, uint32_t *random)
{
    size_t next = (count / unit + 1) * unit, back = draw_from(random) % 2 * TG__STORE_RECYCLED;
    return next - back > count ? next - back : next;
}

/* Where a segment is full, the next one may be far away. */
static void leap(struct tg__store *store, uint32_t *random)
{
    size_t count = tg__store_count(store);
    if (count % TG__STORE_RECYCLED != 0 || count == 0)
        return;
    switch (draw_from(random) % 4) {
    case 0:
        atomic_store(&store->count, later(count, leaf, random));
        break;
    case 1:
        atomic_store(&store->count, later(count, node, random));
        break;
    default:
        break;
    }
}

static void add_to_trail(struct trail *trail, uint32_t *random)
{
    struct shelf *shelf = &trail->shelf;
    struct tg__store *store = &shelf->store;
    size_t n = atomic_load(&trail->added);
    if (n - atomic_load(&shelf->gone) > 2 * TG__STORE_RECYCLED) {
        sched_yield();
        return;
    }
    tg__lock_take(&shelf->lock, TG__LOCK_GROUP);
    leap(store, random);
    size_t index = trail->index[n] = tg__store_count(store);
    expect(&shelf->blame, tg__store_add(store, function, number(index), FLAG, NULL, true) == TG_OK);
    tg__lock_give(&shelf->lock, TG__LOCK_GROUP);
    atomic_store(&trail->added, n + 1);
}

/* Looks at those that it keeps, without the lock, then lets the oldest of them go. */
static void keep(struct trail *trail, size_t kept[HELD], size_t *keeps, size_t index)
{
    struct shelf *shelf = &trail->shelf;
    for (size_t i = 0; i < *keeps; i++) {
        struct tg__view task = tg__store_get(&shelf->store, kept[i]);
        expect(&shelf->blame, is_right(&task, kept[i]));
    }
    if (*keeps == HELD || index == SIZE_MAX) {
        release(shelf, kept[0]);
        atomic_fetch_add(&shelf->gone, 1);
        memmove(kept, kept + 1, --*keeps * sizeof *kept);
    }
    if (index != SIZE_MAX)
        kept[(*keeps)++] = index;
}

static void walk_trail(void *what, int number)
{
    struct trail *trail = what;
    struct shelf *shelf = &trail->shelf;
    size_t kept[HELD], keeps = 0, n = 0;
    uint32_t random = (uint32_t)number + 1;
    while (number == 0 && atomic_load(&trail->added) < TASKS)
        add_to_trail(trail, &random);
    while (n < TASKS) {
        n = atomic_load(&shelf->head);
        if (n < atomic_load(&trail->added) &&
            atomic_compare_exchange_strong(&shelf->head, &n, n + 1))
            keep(trail, kept, &keeps, trail->index[n]);
        else if (keeps > 0)
            keep(trail, kept, &keeps, SIZE_MAX);
        else
            sched_yield();
    }
    while (keeps > 0)
        keep(trail, kept, &keeps, SIZE_MAX);
}

START_TEST(nodes_come_and_go_beside_those_who_look_at_their_tasks)
{
    static struct trail trail;
    double until = race_until();
    do {
        struct tg__store *store = &trail.shelf.store;
        tg__store_init(store, sizeof(size_t), NULL, 0);
        tg__store_recycle_all(store);
        atomic_store(&trail.added, 0);
        atomic_store(&trail.shelf.head, 0);
        atomic_store(&trail.shelf.gone, 0);
        race(walk_trail, &trail);
        assert_blameless(&trail.shelf.blame, "tasks far apart");
        size_t count = tg__store_count(store), first = tg__store_next(store, 0, count);
        ck_assert_uint_ge(count, TASKS);
        /* All that is left is the segment where adding would go on. */
        ck_assert_uint_ge(first, count - count % TG__STORE_RECYCLED);
        tg__store_free(store);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- who adds, and who lies down ---- */

struct meeting {
    struct tg__store store;
    atomic_int idle;
    bool saw_idler, saw_task, wrong;
    size_t before;
};

static void begin_meeting(void *what)
{
    struct meeting *meeting = what;
    if (tg__store_count(&meeting->store) >= 4096)
        tg__store_reset(&meeting->store);
    meeting->before = tg__store_count(&meeting->store);
    atomic_store(&meeting->idle, 0);
}

static void add_and_look(void *what)
{
    struct meeting *meeting = what;
    meeting->wrong |= tg__store_add(&meeting->store, function, NULL, 0, NULL, true) != TG_OK;
    meeting->saw_idler = atomic_load(&meeting->idle) > 0;
}

static void lie_down(void *what)
{
    struct meeting *meeting = what;
    atomic_fetch_add(&meeting->idle, 1);
    meeting->saw_task = tg__store_count_now(&meeting->store) > meeting->before;
}

static void judge_meeting(void *what)
{
    struct meeting *meeting = what;
    meeting->wrong |= !meeting->saw_idler && !meeting->saw_task;
}

START_TEST(who_lies_down_sees_a_new_task_or_is_seen)
{
    static struct meeting meetings[SHELVES];
    struct duel duel = DUEL(meetings, begin_meeting, add_and_look, lie_down, judge_meeting);
    for (int i = 0; i < SHELVES; i++)
        tg__store_init(&meetings[i].store, 0, NULL, 0);
    run_duel(&duel);
    for (int i = 0; i < SHELVES; i++) {
        ck_assert(!meetings[i].wrong);
        tg__store_free(&meetings[i].store);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, every_task_is_found_while_others_are_added);
    tcase_add_test(tcase, a_task_without_extras_is_looked_at_while_the_first_extra_comes);
    tcase_add_test(tcase, records_are_used_again_when_all_of_a_segment_are_gone);
    tcase_add_test(tcase, nodes_come_and_go_beside_those_who_look_at_their_tasks);
    tcase_add_test(tcase, who_lies_down_sees_a_new_task_or_is_seen);
    return run_suite(suite);
}
