/* SPDX-License-Identifier: MIT */
/* pool.h: in which order what was submitted starts. */
#include "tg_test.h"
#include "pools.h"

enum { COUNT = 300 };

/* Who has started, in order. */
struct starts {
    atomic_int count;
    int order[COUNT];
};

struct entry {
    struct starts *starts;
    int number, priority;
};

static int start(tg_task *self, void *arg, void *result)
{
    const struct entry *entry = arg;
    int position = atomic_fetch_add(&entry->starts->count, 1);

    (void)self, (void)result;
    if (position < COUNT)
        entry->starts->order[position] = entry->number;
    return 0;
}

/* Submits all while the only thread is busy, and runs them. */
static void start_behind_gate(
    struct blame *blame, struct starts *starts, struct entry *entries, bool limited)
{
    struct gate gate = GATE;
    tg_pool *p =
        tg_pool_create(limited ? TG_POOL(.threads = 3, .limit = 1) : TG_POOL(.threads = 1));

    submit(blame, p, stand, &gate);
    gate_await(&gate, 1);
    for (int i = 0; i < COUNT; i++) {
        entries[i].starts = starts;
        entries[i].number = i;
        submit_with(blame, p, start, &entries[i], TG_TASK(.priority = entries[i].priority), NULL);
    }
    wait_until(numbers_of(p).queued == COUNT); /* a thread that only looks may count as running */
    gate_open(&gate);
    expect(blame, finish(blame, p).ok == COUNT + 1);
    expect(blame, atomic_load(&starts->count) == COUNT);
}

static void start_in_order(struct blame *blame)
{
    for (int limited = 0; limited < 2; limited++) {
        struct starts starts = {0};
        struct entry entries[COUNT] = {{0}};
        start_behind_gate(blame, &starts, entries, limited);
        for (int i = 0; i < COUNT; i++)
            expect(blame, starts.order[i] == i);
    }
}

START_TEST(what_was_submitted_first_starts_first)
{
    at_place(_i, start_in_order);
}
END_TEST

/* One thread stands in the first task, the other runs all the rest, in order. */
static void start_beside_a_long_one(struct blame *blame)
{
    struct gate gates[2] = {GATE, GATE};
    struct starts starts = {0};
    struct entry entries[COUNT];
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));

    for (int i = 0; i < 2; i++)
        submit(blame, p, stand, &gates[0]);
    gate_await(&gates[0], 2);
    submit(blame, p, stand, &gates[1]);
    for (int i = 0; i < COUNT; i++) {
        entries[i] = (struct entry){&starts, i, 0};
        submit(blame, p, start, &entries[i]);
    }
    gate_open(&gates[0]);
    gate_await(&gates[1], 1);
    wait_until(atomic_load(&starts.count) == COUNT);
    gate_open(&gates[1]);
    finish(blame, p);
    for (int i = 0; i < COUNT; i++)
        expect(blame, starts.order[i] == i);
}

START_TEST(a_long_task_holds_up_nobody_behind_it)
{
    at_place(_i, start_beside_a_long_one);
}
END_TEST

/* Each one's place is the number of those that come before it: no sorting that could be wrong. */
static int place_of(const struct entry *entries, int number)
{
    int place = 0;

    for (int i = 0; i < COUNT; i++)
        if (entries[i].priority != entries[number].priority)
            place += entries[i].priority > entries[number].priority;
        else
            place += i < number;
    return place;
}

static void start_by_priority(struct blame *blame)
{
    static const int spreads[] = {2, 5, 2001};
    unsigned random = 1;

    for (int round = 0; round < 6; round++) {
        struct starts starts = {0};
        struct entry entries[COUNT];
        int spread = spreads[round / 2];
        for (int i = 0; i < COUNT; i++) {
            random = random * 1664525u + 1013904223u;
            entries[i].priority = (int)(random >> 8) % spread - spread / 2;
        }
        start_behind_gate(blame, &starts, entries, round % 2);
        for (int i = 0; i < COUNT; i++)
            expect(blame, starts.order[place_of(entries, i)] == i);
    }
}

START_TEST(higher_priorities_start_first_and_equal_ones_as_they_were_submitted)
{
    at_place(_i, start_by_priority);
}
END_TEST

/* Priorities among tasks of a pool that has never known any, and when they are gone again. */
static void change_to_priorities(struct blame *blame)
{
    static const int priorities[] = {0, 0, 5, -1000, 0, 1000, 5, 0};
    static const int expected[] = {5, 2, 6, 0, 1, 4, 7, 3};
    struct entry entries[8];
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));

    for (int round = 0; round < 20; round++) {
        struct gate gate = GATE;
        struct starts starts = {0};
        submit(blame, p, stand, &gate);
        gate_await(&gate, 1);
        for (int i = 0; i < 8; i++) {
            entries[i] = (struct entry){&starts, i, round % 2 ? priorities[i] : 0};
            submit_with(
                blame, p, start, &entries[i], TG_TASK(.priority = entries[i].priority), NULL);
        }
        gate_open(&gate);
        wait_until(atomic_load(&starts.count) == 8 && numbers_of(p).running == 0);
        for (int i = 0; i < 8; i++)
            expect(blame, starts.order[i] == (round % 2 ? expected[i] : i));
    }
    finish(blame, p);
}

START_TEST(priorities_may_come_and_go)
{
    at_place(_i, change_to_priorities);
}
END_TEST

/* Several submit at once: of each one's tasks the order is kept. */
struct lane {
    struct blame *blame;
    tg_pool *pool;
    atomic_int next;
};

struct step {
    struct lane *lane;
    int number;
};

static int take_step(tg_task *self, void *arg, void *result)
{
    const struct step *step = arg; /* a copy */

    (void)self, (void)result;
    expect(step->lane->blame, atomic_fetch_add(&step->lane->next, 1) == step->number);
    return 0;
}

static void *submit_steps(void *arg)
{
    struct lane *lane = arg;

    for (int i = 0; i < 200; i++) {
        struct step step = {lane, i};
        submit_with(lane->blame, lane->pool, take_step, &step, TG_TASK(.copy = sizeof step), NULL);
    }
    return NULL;
}

START_TEST(each_submitter_sees_its_own_order)
{
    struct blame blame = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    struct lane lanes[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        lanes[i] = (struct lane){.blame = &blame, .pool = p};
        pthread_create(&threads[i], NULL, submit_steps, &lanes[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    finish(&blame, p);
    assert_blameless(&blame, "main");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(atomic_load(&lanes[i].next), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_order");
    TCase *order = add_case(suite, "order");

    tcase_add_loop_test(order, what_was_submitted_first_starts_first, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(order, a_long_task_holds_up_nobody_behind_it, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(order, higher_priorities_start_first_and_equal_ones_as_they_were_submitted);
    tcase_add_test(order, priorities_may_come_and_go);
    tcase_add_test(order, each_submitter_sees_its_own_order);
    return run_suite(suite);
}
