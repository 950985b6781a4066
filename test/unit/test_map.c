/* SPDX-License-Identifier: MIT */
/* combine.h: a loop in one call. */
#include "tg_test.h"

struct item {
    double x;
    int runs;
    size_t index;
};

static int cube(tg_task *self, void *arg, void *result)
{
    struct item *item = arg;

    item->runs++;
    item->index = tg_task_index(self);
    if (result != NULL)
        *(double *)result = item->x * item->x * item->x;
    return 0;
}

static struct item *new_items(size_t count)
{
    struct item *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i].x = (double)i - 3;
    return items;
}

static void map_sizes(struct blame *blame)
{
    static const size_t counts[] = {0, 1, 2, 3, 31, 32, 33, 1000, 4096, 20001};

    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        size_t count = counts[c];
        struct item *items = new_items(count);
        double *results = calloc(count + 1, sizeof *results);
        results[count] = -1.5;
        expect(blame, TG_MAP(count, cube, struct item, items, double, results, NULL) == TG_OK);
        for (size_t i = 0; i < count; i++) {
            expect(blame, items[i].runs == 1 && items[i].index == i);
            expect(blame, results[i] == items[i].x * items[i].x * items[i].x);
        }
        expect(blame, results[count] == -1.5);
        expect(blame, items[count].runs == 0);
        free(items);
        free(results);
    }
}

START_TEST(map_fills_the_callers_array_in_order)
{
    at_place(_i, map_sizes);
}
END_TEST

static void for_each(struct blame *blame)
{
    struct item *items = new_items(3000);

    expect(blame, tg_map_run(3000, cube, items, sizeof *items, NULL, 0, NULL) == TG_OK);
    for (size_t i = 0; i < 3000; i++)
        expect(blame, items[i].runs == 1);
    free(items);
}

START_TEST(without_results_it_is_a_for_each)
{
    at_place(_i, for_each);
}
END_TEST

static int square_in_place(tg_task *self, void *arg, void *result)
{
    double x = *(const double *)arg;

    (void)self;
    *(double *)result = x * x;
    return arg == result ? 0 : 1;
}

static void map_in_place(struct blame *blame)
{
    double values[500];

    for (int i = 0; i < 500; i++)
        values[i] = i;
    expect(blame, tg_map_run(500, square_in_place, values, sizeof *values, values, sizeof *values,
                      NULL) == TG_OK);
    for (int i = 0; i < 500; i++)
        expect(blame, values[i] == (double)i * i);
}

START_TEST(results_may_be_the_items)
{
    at_place(_i, map_in_place);
}
END_TEST

static int write_index(tg_task *self, void *arg, void *result)
{
    *(size_t *)result = tg_task_index(self) + (arg == NULL ? 1000 : *(const size_t *)arg);
    return 0;
}

START_TEST(without_items_or_stride_each_gets_the_same)
{
    size_t results[40], base = 7;

    assert_status(tg_map_run(40, write_index, NULL, 16, results, sizeof *results, NULL), TG_OK);
    for (size_t i = 0; i < 40; i++)
        ck_assert_uint_eq(results[i], i + 1000);
    assert_status(tg_map_run(40, write_index, &base, 0, results, sizeof *results, NULL), TG_OK);
    for (size_t i = 0; i < 40; i++)
        ck_assert_uint_eq(results[i], i + 7);
}
END_TEST

static int fail_at_negative(tg_task *self, void *arg, void *result)
{
    struct item *item = arg;

    if (item->x >= 0)
        return cube(self, arg, result);
    return tg_task_fail(self, 12, "x = %g", item->x);
}

static void fail_one(struct blame *blame)
{
    enum { COUNT = 1000, BAD = 600 };
    struct item *items = new_items(COUNT);
    double results[COUNT];
    const tg_error *error;

    for (size_t i = 0; i < COUNT; i++) {
        items[i].x = i == BAD ? -4 : 4;
        results[i] = -1;
    }
    expect(blame, tg_map_run(COUNT, fail_at_negative, items, sizeof *items, results,
                      sizeof *results, NULL) == TG_FAILED);
    error = tg_error_last();
    expect(blame, error->status == TG_FAILED && error->code == 12 && error->index == BAD);
    expect(blame, strcmp(error->message, "x = -4") == 0);
    for (size_t i = 0; i < COUNT; i++)
        expect(blame, results[i] == (items[i].runs == 1 ? 64 : -1));
    free(items);
}

START_TEST(the_first_failure_stops_it_and_is_the_last_error)
{
    at_place(_i, fail_one);
}
END_TEST

static void stop_early(struct blame *blame)
{
    enum { COUNT = 1000, BAD = 600 };
    struct item *items = new_items(COUNT);
    size_t ran = 0;

    for (size_t i = 0; i < COUNT; i++)
        items[i].x = i == BAD ? -4 : 4;
    expect(blame, tg_map_run(COUNT, fail_at_negative, items, sizeof *items, NULL, 0,
                      TG_GROUP(.limit = 1)) == TG_FAILED);
    for (size_t i = 0; i < COUNT; i++)
        ran += (size_t)items[i].runs;
    expect(blame, ran == BAD);
    ran = 0;
    for (size_t i = 0; i < COUNT; i++)
        items[i].runs = 0;
    expect(blame, tg_map_run(COUNT, fail_at_negative, items, sizeof *items, NULL, 0,
                      TG_GROUP(.flags = TG_GROUP_KEEP_GOING)) == TG_FAILED);
    for (size_t i = 0; i < COUNT; i++)
        ran += (size_t)items[i].runs;
    expect(blame, ran == COUNT - 1);
    expect(blame, tg_error_last()->index == BAD);
    free(items);
}

START_TEST(limit_and_flags_hold_as_for_a_group)
{
    at_place(_i, stop_early);
}
END_TEST

START_TEST(context_timeout_and_grainsize_hold_as_for_a_group)
{
    tg_context *context = tg_context_create(NULL);
    struct item *items = new_items(100);

    tg_context_cancel(context, 77, "no");
    assert_status(
        tg_map_run(100, cube, items, sizeof *items, NULL, 0, TG_GROUP(.context = context)),
        TG_CANCELLED);
    ck_assert_int_eq(tg_error_last()->code, 77);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(items[i].runs, 0);
    tg_context_destroy(context);
    assert_status(tg_map_run(100, task_until_told, NULL, 0, NULL, 0, TG_GROUP(.timeout = 1e-3)),
        TG_TIMED_OUT);
    ck_assert_int_eq(tg_error_last()->status, TG_TIMED_OUT);
    assert_status(tg_map_run(100, cube, items, sizeof *items, NULL, 0,
                      TG_GROUP(.grainsize = 13, .threads = 2, .timeout = 1000)),
        TG_OK);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(items[i].runs, 1);
    free(items);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused_and_calls_nothing)
{
    double results[10] = {0};
    atomic_int runs = 0;
    size_t huge = SIZE_MAX / 4 + 1;

    assert_status(tg_map_run(10, NULL, &runs, 0, NULL, 0, NULL), TG_INVALID);
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    assert_status(tg_map_run(10, task_count, &runs, 0, results, 0, NULL), TG_INVALID);
    assert_status(tg_map_run(10, task_count, &runs, 0, NULL, 8, NULL), TG_INVALID);
    assert_status(
        tg_map_run(10, task_count, &runs, 0, NULL, 0, TG_GROUP(.result_size = 8)), TG_INVALID);
    assert_status(
        tg_map_run(10, task_count, &runs, 0, NULL, 0, TG_GROUP(.capacity = 8)), TG_INVALID);
    assert_status(tg_map_run(10, task_count, &runs, 0, NULL, 0,
                      TG_GROUP(.results = results, .capacity = 10, .result_size = 8)),
        TG_INVALID);
    assert_status(
        tg_map_run(10, task_count, &runs, 0, NULL, 0, TG_GROUP(.threads = -1)), TG_INVALID);
    assert_status(
        tg_map_run(10, task_count, &runs, 0, NULL, 0, TG_GROUP(.timeout = -1)), TG_INVALID);
    assert_status(
        tg_map_run(10, task_count, &runs, 0, NULL, 0, TG_GROUP(.flags = 0x8000)), TG_UNSUPPORTED);
    assert_status(tg_map_run(huge, task_count, &runs, 0, results, 8, NULL), TG_TOO_LARGE);
    ck_assert_int_eq(tg_error_last()->status, TG_TOO_LARGE);
    ck_assert_int_eq(runs, 0);
    assert_status(tg_map_run(10, task_count, &runs, 0, NULL, 0, NULL), TG_OK);
    ck_assert_int_eq(runs, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *all = add_case(suite, "all");
    TCase *stop = add_case(suite, "stop");

    tcase_add_loop_test(all, map_fills_the_callers_array_in_order, 0, PLACES);
    tcase_add_loop_test(all, without_results_it_is_a_for_each, 0, PLACES);
    tcase_add_loop_test(all, results_may_be_the_items, 0, PLACES);
    tcase_add_test(all, without_items_or_stride_each_gets_the_same);
    tcase_add_loop_test(stop, the_first_failure_stops_it_and_is_the_last_error, 0, PLACES);
    tcase_add_loop_test(stop, limit_and_flags_hold_as_for_a_group, 0, PLACES);
    tcase_add_test(stop, context_timeout_and_grainsize_hold_as_for_a_group);
    tcase_add_test(stop, what_makes_no_sense_is_refused_and_calls_nothing);
    return run_suite(suite);
}
