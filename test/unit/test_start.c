/* SPDX-License-Identifier: MIT */
/* task.h and group.h: in which order tasks start (priority, required first), and `.copy`. */
#include "tg_test.h"

enum { COUNT = 300 };

/* Who has started, in order. One after another, so that nothing comes in between. */
struct starts {
    struct blame *blame;
    atomic_size_t count;
    size_t order[COUNT];
};

static int start(tg_task *self, void *arg, void *result)
{
    struct starts *starts = arg;
    size_t position = atomic_fetch_add(&starts->count, 1);

    (void)result;
    if (position < COUNT)
        starts->order[position] = tg_task_index(self);
    return 0;
}

/* One after another: by a limit of 1, or with one thread. */
static const tg_group_options *one_by_one(int which, unsigned flags)
{
    static const tg_group_options options[2][2] = {
        {{.size = sizeof(tg_group_options), .limit = 1},
            {.size = sizeof(tg_group_options), .limit = 1, .flags = TG_GROUP_REQUIRED_FIRST}},
        {{.size = sizeof(tg_group_options), .threads = 1},
            {.size = sizeof(tg_group_options), .threads = 1, .flags = TG_GROUP_REQUIRED_FIRST}}};
    return &options[which][flags != 0];
}

/* ---- Priorities ---------------------------------------------------------------------------- */

struct plan {
    int priority;
    bool optional;
};

/* `a` was added before `b`: does it start before it? */
static bool comes_first(struct plan a, struct plan b, unsigned flags)
{
    if (a.priority != b.priority)
        return a.priority > b.priority;
    return flags == 0 || !a.optional || b.optional;
}

/* Each task's place is the number of those that come before it: no sorting that could be wrong. */
static void expect_order(
    struct blame *blame, const struct starts *starts, const struct plan *plans, unsigned flags)
{
    expect(blame, atomic_load(&starts->count) == COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        size_t place = 0;
        for (size_t j = 0; j < COUNT; j++)
            if (j != i)
                place += j < i ? comes_first(plans[j], plans[i], flags)
                               : !comes_first(plans[i], plans[j], flags);
        expect(blame, starts->order[place] == i);
    }
}

static void start_by_priority(struct blame *blame, unsigned flags)
{
    static const int spreads[] = {1, 2, 5, 2001};
    unsigned random = 1;

    for (int i = 0; i < 8; i++) {
        struct starts starts = {.blame = blame};
        struct plan plans[COUNT];
        tg_group *g = tg_group_create(one_by_one(i % 2, flags));
        for (int j = 0; j < COUNT; j++) {
            random = random * 1664525u + 1013904223u;
            plans[j].priority = (int)(random >> 8) % spreads[i / 2] - spreads[i / 2] / 2;
            plans[j].optional = random >> 31;
            tg_group_add_with(g, start, &starts,
                TG_TASK(.priority = plans[j].priority,
                    .flags = plans[j].optional ? TG_TASK_OPTIONAL : 0),
                NULL);
        }
        expect(blame, tg_group_run(g) == TG_OK);
        expect_order(blame, &starts, plans, flags);
        tg_group_destroy(g);
    }
}

static void start_by_priority_alone(struct blame *blame)
{
    start_by_priority(blame, 0);
}

START_TEST(higher_priorities_start_first_and_equal_ones_in_the_order_of_adding)
{
    at_place(_i, start_by_priority_alone);
}
END_TEST

static void start_required_first(struct blame *blame)
{
    start_by_priority(blame, TG_GROUP_REQUIRED_FIRST);
}

START_TEST(with_required_first_these_start_before_optional_ones_of_the_same_priority)
{
    at_place(_i, start_required_first);
}
END_TEST

static void start_loops(struct blame *blame)
{
    static const struct plan loops[] = {
        {0, false}, {-1000, true}, {1000, true}, {0, true}, {1000, false}, {0, false}};
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};

    for (int i = 0; i < 6; i++) {
        struct starts starts = {.blame = blame};
        struct plan plans[COUNT];
        unsigned flags = i < 3 ? 0 : TG_GROUP_REQUIRED_FIRST;
        tg_group *g =
            tg_group_create(TG_GROUP(.limit = 1, .flags = flags, .grainsize = grains[i % 3]));
        for (int j = 0; j < COUNT; j++)
            plans[j] = loops[j / 50];
        for (int j = 0; j < 6; j++)
            tg_group_add_many(g, start, 50, &starts, 0,
                TG_TASK(.priority = loops[j].priority,
                    .flags = loops[j].optional ? TG_TASK_OPTIONAL : 0));
        expect(blame, tg_group_run(g) == TG_OK);
        expect_order(blame, &starts, plans, flags);
        tg_group_destroy(g);
    }
}

START_TEST(loops_have_their_place_too)
{
    at_place(_i, start_loops);
}
END_TEST

/* Adds behind all, before all, and among them; arg as for start(). */
static int start_and_add(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_task_group(self);

    start(self, arg, result);
    tg_group_add_with(g, start, arg, TG_TASK(.priority = -5), NULL);
    tg_group_add(g, start, arg);
    tg_group_add_with(g, start, arg, TG_TASK(.priority = 7), NULL);
    tg_group_add_with(g, start, arg, TG_TASK(.priority = 9, .flags = TG_TASK_OPTIONAL), NULL);
    tg_group_add_with(g, start, arg, TG_TASK(.priority = 7), NULL);
    return 0;
}

static void add_while_running(struct blame *blame)
{
    static const size_t expected[] = {1, 6, 5, 7, 0, 2, 4, 3};

    for (int i = 0; i < 2; i++) {
        struct starts starts = {.blame = blame};
        tg_group *g = tg_group_create(one_by_one(i, 0));
        tg_group_add(g, start, &starts);
        tg_group_add_with(g, start_and_add, &starts, TG_TASK(.priority = 1), NULL);
        tg_group_add(g, start, &starts); /* 3 to 7 come while it runs */
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&starts.count) == 8);
        for (size_t j = 0; j < 8; j++)
            expect(blame, starts.order[j] == expected[j]);
        tg_group_destroy(g);
    }
}

START_TEST(a_higher_priority_that_is_added_while_it_runs_goes_first)
{
    at_place(_i, add_while_running);
}
END_TEST

static void stop_among_priorities(struct blame *blame)
{
    struct starts starts = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    for (int i = 0; i < 200; i++)
        tg_group_add_with(g, start, &starts, TG_TASK(.priority = i), NULL);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.priority = 150), NULL); /* behind 150's own */
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == 200);
    expect(blame, atomic_load(&starts.count) == 50);
    for (size_t i = 0; i < 200; i++)
        expect(blame, status_of(g, i) == (i >= 150 ? TG_OK : TG_SKIPPED));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(what_a_failure_skips_is_what_has_a_lower_priority)
{
    at_place(_i, stop_among_priorities);
}
END_TEST

static void run_each_once(struct blame *blame)
{
    enum { MANY = 5000 };
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    atomic_int runs = 0;

    for (int i = 0; i < MANY; i++)
        tg_group_add_with(g, task_count, &runs, TG_TASK(.priority = i * 37 % 2001 - 1000), NULL);
    tg_group_add_many(g, task_count, MANY, &runs, 0, TG_TASK(.priority = 3));
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&runs) == 2 * MANY);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(with_many_threads_each_runs_once)
{
    at_place(_i, run_each_once);
}
END_TEST

/* ---- Copies -------------------------------------------------------------------------------- */

struct item {
    double value;
    char text[5]; /* an odd size in all: 16 with its padding, 13 used */
};

/* Checks the copy by its index, and spoils it: it is the task's own. */
static int use_item(tg_task *self, void *arg, void *result)
{
    struct item *item = arg;
    double value = item->value;

    item->value = -1;
    *(double *)result = value;
    return (uintptr_t)arg % _Alignof(double) == 0 && strcmp(item->text, "item") == 0 &&
                   value == (double)tg_task_index(self)
               ? 0
               : 1;
}

/* Adds tasks whose arguments are on its stack. */
static int add_copies(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_task_group(self);
    struct item item = {0, "item"};

    for (size_t i = tg_group_count(g); i < 200; i++) {
        item.value = (double)i;
        tg_group_add_with(g, use_item, &item, TG_TASK(.copy = sizeof item), NULL);
    }
    memset(&item, 0, sizeof item);
    (void)arg;
    *(double *)result = 0;
    return 0;
}

static void copy_items(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
    struct item items[100];

    tg_group_add(g, add_copies, NULL);
    for (size_t i = 1; i < 100; i++)
        items[i] = (struct item){(double)i, "item"};
    for (size_t i = 1; i < 50; i++)
        tg_group_add_with(g, use_item, &items[i], TG_TASK(.copy = sizeof *items), NULL);
    tg_group_add_many(g, use_item, 50, &items[50], sizeof *items, TG_TASK(.copy = sizeof *items));
    memset(items, 0, sizeof items); /* they may go away when they were added */
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_count(g) == 200);
    for (size_t i = 1; i < 200; i++) {
        const char *copy = outcome_of(g, i).arg;
        expect(blame, *(double *)tg_group_result(g, i) == (double)i);
        expect(blame, copy < (char *)items || copy >= (char *)(items + 100));
    }
    for (size_t i = 0; i < 100; i++)
        expect(blame, items[i].value == 0); /* and nobody writes to them */
    tg_group_destroy(g);
}

START_TEST(a_task_gets_its_own_copy_of_the_argument)
{
    at_place(_i, copy_items);
}
END_TEST

/* All bytes of a copy of any size, the next one's bytes not among them. */
static int sum_bytes(tg_task *self, void *arg, void *result)
{
    const unsigned char *bytes = arg;
    size_t size = tg_task_index(self) + 1, right = 0;

    (void)result;
    for (size_t i = 0; i < size; i++)
        right += bytes[i] == (unsigned char)(size * 7 + i);
    memset(arg, 0xee, size);
    return right == size ? 0 : 1;
}

static void copy_sizes(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    unsigned char bytes[2000];

    for (size_t size = 1; size <= 2000; size++) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(size * 7 + i);
        tg_group_add_with(g, sum_bytes, bytes, TG_TASK(.copy = size), NULL);
    }
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 2000);
    tg_group_destroy(g);
}

START_TEST(copies_of_all_sizes_do_not_overlap)
{
    at_place(PLACE_SERIAL, copy_sizes);
}
END_TEST

static int find_own_mark(tg_task *self, void *arg, void *result)
{
    int *mark = arg;

    (void)result;
    if (*mark != 40 + tg_task_attempt(self))
        return 99;
    return (*mark)++ == 43 ? 0 : 1;
}

START_TEST(each_attempt_gets_the_same_copy)
{
    tg_group *g = tg_group_create(NULL);
    int mark = 41;

    tg_group_add_with(g, find_own_mark, &mark, TG_TASK(.copy = sizeof mark, .attempts = 3), NULL);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(mark, 41);
    tg_group_destroy(g);
}
END_TEST

/* ---- Bad input ----------------------------------------------------------------------------- */

START_TEST(what_makes_no_sense_is_refused_and_remembered)
{
    static const int wrong[] = {TG_PRIORITY_MOST + 1, -TG_PRIORITY_MOST - 1, INT32_MAX, INT32_MIN};
    struct item items[4] = {{0}};
    atomic_int runs = 0;

    for (int i = 0; i < 7; i++) {
        tg_group *g = tg_group_create(NULL);
        tg_group_add(g, task_count, &runs);
        if (i < 4) {
            const tg_task_options *options = TG_TASK(.priority = wrong[i]);
            assert_status(tg_group_add_with(g, task_count, &runs, options, NULL), TG_INVALID);
            assert_status(tg_group_add_many(g, task_count, 4, &runs, 0, options), TG_INVALID);
        } else { /* a copy is of a whole item */
            const tg_task_options *options = TG_TASK(.copy = i == 4 ? 1 : sizeof *items + 1);
            assert_status(
                tg_group_add_many(g, task_count, 4, items, i == 6 ? 0 : sizeof *items, options),
                TG_INVALID);
        }
        ck_assert_str_ne(tg_error_last()->message, "");
        ck_assert_uint_eq(tg_group_count(g), 1);
        assert_status(tg_group_run(g), TG_INVALID);
        tg_group_destroy(g);
    }
    ck_assert_int_eq(runs, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("start");
    TCase *order = add_case(suite, "order");
    TCase *copy = add_case(suite, "copy");

    tcase_add_loop_test(
        order, higher_priorities_start_first_and_equal_ones_in_the_order_of_adding, 0, PLACES);
    tcase_add_loop_test(order,
        with_required_first_these_start_before_optional_ones_of_the_same_priority, 0, PLACES);
    tcase_add_loop_test(order, loops_have_their_place_too, 0, PLACES);
    tcase_add_loop_test(order, a_higher_priority_that_is_added_while_it_runs_goes_first, 0, PLACES);
    tcase_add_loop_test(order, what_a_failure_skips_is_what_has_a_lower_priority, 0, PLACES);
    tcase_add_loop_test(order, with_many_threads_each_runs_once, 0, PLACES);
    tcase_add_loop_test(copy, a_task_gets_its_own_copy_of_the_argument, 0, PLACES);
    tcase_add_test(copy, copies_of_all_sizes_do_not_overlap);
    tcase_add_test(copy, each_attempt_gets_the_same_copy);
    tcase_add_test(copy, what_makes_no_sense_is_refused_and_remembered);
    return run_suite(suite);
}
