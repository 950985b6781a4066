/* SPDX-License-Identifier: MIT */
/* group.h: adding, running, what became of each task, running again, reset. */
#include "tg_test.h"

/* Around every power of two up to where records, hands and chunks have changed over. */
static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127,
    128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097,
    10000};
enum { SIZES = sizeof sizes / sizeof *sizes };

struct cell {
    atomic_int runs;
    size_t index; /* as the task saw it */
    double x;
};

static int square(tg_task *self, void *arg, void *result)
{
    struct cell *cell = arg;

    atomic_fetch_add(&cell->runs, 1);
    cell->index = tg_task_index(self);
    if (result != NULL)
        *(double *)result = cell->x * cell->x;
    return 0;
}

static struct cell *new_cells(size_t count)
{
    struct cell *cells = calloc(count + 1, sizeof *cells);
    for (size_t i = 0; i < count; i++)
        cells[i].x = (double)i + 0.5;
    return cells;
}

/* Every cell has run once, as the task with its index, and the group says so. */
static void expect_all_ran(struct blame *blame, tg_group *g, struct cell *cells, size_t count)
{
    const double *squares = tg_group_results(g);

    for (size_t i = 0; i < count; i++) {
        tg_outcome outcome = outcome_of(g, i);
        expect(blame, atomic_load(&cells[i].runs) == 1);
        expect(blame, cells[i].index == i);
        expect(blame, squares != NULL && squares[i] == cells[i].x * cells[i].x);
        expect(blame, outcome.status == TG_OK);
        expect(blame, outcome.code == 0);
        expect(blame, outcome.index == i);
        expect(blame, outcome.message != NULL && outcome.message[0] == '\0');
    }
    expect(blame, report_of(g).ok == count);
    expect(blame, tg_group_error(g) == NULL);
    expect(blame, tg_group_error_next(g, NULL) == NULL);
    expect_exact_accounting(blame, g);
}

static void add_one_by_one(struct blame *blame)
{
    for (size_t s = 0; s < SIZES; s++) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
        struct cell *cells = new_cells(sizes[s]);
        for (size_t i = 0; i < sizes[s]; i++)
            expect(blame, tg_group_add(g, square, &cells[i]) == TG_OK);
        expect(blame, tg_group_count(g) == sizes[s]);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_all_ran(blame, g, cells, sizes[s]);
        tg_group_destroy(g);
        free(cells);
    }
}

static void add_by_one_call(struct blame *blame)
{
    for (size_t s = 0; s < SIZES; s++) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
        struct cell *cells = new_cells(sizes[s]);
        expect(blame, tg_group_add_many(g, square, sizes[s], cells, sizeof *cells, NULL) == TG_OK);
        expect(blame, tg_group_count(g) == sizes[s]);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_all_ran(blame, g, cells, sizes[s]);
        tg_group_destroy(g);
        free(cells);
    }
}

/* Singles, and ranges of all lengths, in turns. */
static void add_mixed(struct blame *blame)
{
    for (size_t longest = 1; longest < 300; longest = longest * 3 + 1) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
        size_t count = 2000, added = 0;
        struct cell *cells = new_cells(count + longest);
        for (size_t length = 0; added < count; length = (length + 1) % (longest + 1)) {
            size_t index = 0;
            if (length == 0)
                continue;
            expect(blame,
                tg_group_add_many(g, square, length, &cells[added], sizeof *cells, NULL) == TG_OK);
            added += length;
            expect(blame, tg_group_add_with(g, square, &cells[added], NULL, &index) == TG_OK);
            expect(blame, index == added);
            added++;
            if (added + longest + 1 > count + longest)
                break;
        }
        expect(blame, tg_group_count(g) == added);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_all_ran(blame, g, cells, added);
        tg_group_destroy(g);
        free(cells);
    }
}

START_TEST(every_added_task_runs_once_with_its_argument_and_index)
{
    at_place(_i, add_one_by_one);
}
END_TEST

START_TEST(every_task_of_a_range_runs_once_with_its_argument_and_index)
{
    at_place(_i, add_by_one_call);
}
END_TEST

START_TEST(ranges_and_single_tasks_mix)
{
    at_place(_i, add_mixed);
}
END_TEST

struct shared {
    atomic_int runs;
    atomic_int odd; /* tasks with another argument than expected */
    void *expected;
};
static struct shared shared;

static int look_at_argument(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add(&shared.runs, 1);
    if (arg != shared.expected)
        atomic_fetch_add(&shared.odd, 1);
    return 0;
}

START_TEST(a_range_without_items_or_stride_hands_the_same_to_all)
{
    tg_group *g = tg_group_create(NULL);

    shared.expected = &shared;
    assert_status(tg_group_add_many(g, look_at_argument, 50, &shared, 0, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    shared.expected = NULL;
    assert_status(tg_group_add_many(g, look_at_argument, 30, NULL, 8, NULL), TG_OK);
    assert_status(tg_group_add_many(g, look_at_argument, 20, NULL, 0, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(shared.runs, 100);
    ck_assert_int_eq(shared.odd, 0);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_range_of_none_adds_nothing)
{
    tg_group *g = tg_group_create(NULL);

    assert_status(tg_group_add_many(g, task_count, 0, NULL, 0, NULL), TG_OK);
    ck_assert_uint_eq(tg_group_count(g), 0);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
}
END_TEST

static void run_empty(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).added == 0);
    expect(blame, tg_group_error(g) == NULL);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(an_empty_group_is_ok)
{
    at_place(_i, run_empty);
}
END_TEST

START_TEST(an_empty_group_is_ok_even_under_a_cancelled_context)
{
    tg_context *context = tg_context_create(NULL);
    tg_group *g = tg_group_create(TG_GROUP(.context = context));

    tg_context_cancel(context, 1, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    tg_context_destroy(context);
}
END_TEST

START_TEST(before_a_run_every_task_is_not_run)
{
    tg_group *g = tg_group_create(NULL);
    tg_report report;

    tg_group_add(g, task_count, NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.name = "n", .id = 5), NULL);
    ck_assert_int_eq(status_of(g, 0), TG_NOT_RUN);
    ck_assert_int_eq(outcome_of(g, 1).status, TG_NOT_RUN);
    ck_assert_str_eq(outcome_of(g, 0).name, "");
    ck_assert_str_eq(outcome_of(g, 1).name, "n");
    ck_assert_uint_eq(outcome_of(g, 1).id, 5);
    ck_assert_uint_eq(outcome_of(g, 0).id, 0);
    ck_assert_ptr_null(tg_group_error(g));
    report = report_of(g);
    ck_assert_uint_eq(report.added, 2);
    ck_assert_uint_eq(report.not_run, 2);
    ck_assert_int_eq(report.threads, 0);
    tg_group_destroy(g);
}
END_TEST

static void run_again(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
    struct cell *cells = new_cells(700);
    size_t added = 0;

    for (size_t round = 1; added + round < 700; round = round * 2 + 1) {
        for (size_t i = 0; i < round; i++, added++)
            expect(blame, tg_group_add(g, square, &cells[added]) == TG_OK);
        expect(blame, report_of(g).not_run == round);
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_all_ran(blame, g, cells, added);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_all_ran(blame, g, cells, added);
    }
    tg_group_destroy(g);
    free(cells);
}

START_TEST(after_ok_a_run_takes_only_the_tasks_added_since)
{
    at_place(_i, run_again);
}
END_TEST

START_TEST(after_a_failure_the_group_is_closed_and_answers_the_same_until_reset)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int runs = 0;
    const tg_error *error;
    size_t index = 5;

    tg_group_add(g, task_fail_7, &runs);
    assert_status(tg_group_run(g), TG_FAILED);
    error = tg_group_error(g);
    ck_assert_ptr_nonnull(error);
    assert_status(tg_group_add(g, task_count, &runs), TG_CLOSED);
    assert_status(tg_group_add_with(g, task_count, &runs, NULL, &index), TG_CLOSED);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    assert_status(tg_group_add_many(g, task_count, 4, NULL, 0, NULL), TG_CLOSED);
    ck_assert_uint_eq(tg_group_count(g), 1);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_int_eq(tg_error_last()->code, 7);
    ck_assert_int_eq(runs, 1);
    ck_assert_int_eq(tg_group_error(g)->code, 7);
    ck_assert_uint_eq(tg_group_error(g)->index, 0);
    assert_status(tg_group_reset(g), TG_OK);
    ck_assert_ptr_null(tg_group_error(g));
    assert_status(tg_group_add(g, task_count, &runs), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(runs, 2);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_failure_in_a_later_run_leaves_the_earlier_tasks_as_they_were)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
    struct cell *cells = new_cells(100);
    tg_report report;

    tg_group_add_many(g, square, 100, cells, sizeof *cells, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_add(g, task_fail_7, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_uint_eq(tg_group_error(g)->index, 100);
    report = report_of(g);
    ck_assert_uint_eq(report.ok, 100);
    ck_assert_uint_eq(report.failed, 1);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(status_of(g, i), TG_OK);
        ck_assert_double_eq(*(double *)tg_group_result(g, i), cells[i].x * cells[i].x);
    }
    tg_group_destroy(g);
    free(cells);
}
END_TEST

static void reset_after_all_sorts(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));

    for (int round = 0; round < 12; round++) {
        struct cell *cells = new_cells(300);
        size_t index;
        for (size_t i = 0; i < 300; i++) {
            tg_task_options options = {.size = sizeof options, .id = i + 1, .name = "x"};
            expect(blame, tg_group_add_with(g, square, &cells[i], &options, &index) == TG_OK);
            expect(blame, index == i);
        }
        if (round % 3 == 1)
            expect(blame, tg_group_add(g, task_fail_7, NULL) == TG_OK);
        if (round % 3 == 2)
            tg_context_cancel(tg_group_context(g), 1, "not this time");
        tg_status status = tg_group_run(g);
        if (round % 3 == 0) {
            expect(blame, status == TG_OK);
            expect_all_ran(blame, g, cells, 300);
        } else {
            expect(blame, status == (round % 3 == 1 ? TG_FAILED : TG_CANCELLED));
            expect_exact_accounting(blame, g);
        }
        expect(blame, tg_group_reset(g) == TG_OK);
        expect(blame, tg_group_count(g) == 0);
        expect(blame, report_of(g).added == 0);
        expect(blame, tg_group_error(g) == NULL);
        expect(blame, tg_group_error_next(g, NULL) == NULL);
        expect(blame, tg_group_find(g, 1, &index) == TG_INVALID);
        expect(blame, tg_group_result(g, 0) == NULL);
        expect(blame, tg_context_check(tg_group_context(g)) == TG_OK);
        expect_exact_accounting(blame, g);
        free(cells);
    }
    tg_group_destroy(g);
}

START_TEST(reset_makes_the_group_as_new)
{
    at_place(_i, reset_after_all_sorts);
}
END_TEST

START_TEST(an_id_finds_its_task_among_many)
{
    tg_group *g = tg_group_create(NULL);
    size_t index = 0;

    for (size_t i = 0; i < 5000; i++) {
        uint64_t id = (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
        assert_status(tg_group_add_with(g, task_count, NULL, TG_TASK(.id = id), &index), TG_OK);
        ck_assert_uint_eq(index, i);
    }
    assert_status(tg_group_add_with(g, task_count, NULL, TG_TASK(.id = UINT64_MAX), NULL), TG_OK);
    for (int after = 0; after < 2; after++) {
        for (size_t i = 0; i < 5000; i++) {
            uint64_t id = (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
            assert_status(tg_group_find(g, id, &index), TG_OK);
            ck_assert_uint_eq(index, i);
            ck_assert_uint_eq(outcome_of(g, i).id, id);
        }
        assert_status(tg_group_find(g, UINT64_MAX, &index), TG_OK);
        ck_assert_uint_eq(index, 5000);
        assert_status(tg_group_find(g, 3, &index), TG_INVALID);
        ck_assert_uint_eq(index, TG_NO_INDEX);
        assert_status(tg_group_run(g), TG_OK);
    }
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_duplicate_id_is_refused_and_changes_nothing)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int runs = 0, wrong = 0;
    size_t index = 0;

    assert_status(tg_group_add_with(g, task_count, &runs, TG_TASK(.id = 31), NULL), TG_OK);
    assert_status(tg_group_add_with(g, task_count, &runs, TG_TASK(.id = 0), NULL), TG_OK);
    assert_status(tg_group_add_with(g, task_count, &runs, TG_TASK(.id = 0), NULL), TG_OK);
    assert_refused(
        tg_group_add_with(g, task_count, &wrong, TG_TASK(.id = 31), &index), TG_DUPLICATE, "31");
    ck_assert_uint_eq(index, TG_NO_INDEX);
    ck_assert_uint_eq(tg_group_count(g), 3);
    assert_status(tg_group_run(g), TG_OK); /* the batch is complete: not remembered */
    assert_status(tg_group_add_with(g, task_count, &wrong, TG_TASK(.id = 31), NULL), TG_DUPLICATE);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(runs, 3);
    ck_assert_int_eq(wrong, 0);
    assert_status(tg_group_find(g, 31, &index), TG_OK);
    ck_assert_uint_eq(index, 0);
    tg_group_destroy(g);
}
END_TEST

START_TEST(options_of_a_range_hold_for_each_of_its_tasks)
{
    tg_group *g = tg_group_create(NULL);
    char name[] = "cell";
    size_t failures = 0;

    assert_status(tg_group_add_many(g, task_fail_7, 40, NULL, 0,
                      TG_TASK(.flags = TG_TASK_OPTIONAL, .name = name)),
        TG_OK);
    name[0] = 'b'; /* it was copied */
    assert_status(tg_group_run(g), TG_OK);
    for (size_t i = 0; i < 40; i++) {
        ck_assert_str_eq(outcome_of(g, i).name, "cell");
        ck_assert_int_eq(status_of(g, i), TG_FAILED);
    }
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; failures++)
        ck_assert_str_eq(e->name, "cell");
    ck_assert_uint_eq(failures, 40);
    tg_group_destroy(g);
}
END_TEST

static void read_report(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    double start = tg_time_now(), wall;
    tg_report report;

    for (int i = 0; i < 100; i++)
        tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    wall = tg_time_now() - start;
    report = report_of(g);
    expect(blame, report.size == sizeof report);
    expect(blame, report.wall > 0 && report.wall <= wall);
    expect(blame, report.threads_asked == (int)team_size());
    expect(blame, report.threads == (int)team_size());
    tg_group_destroy(g);
}

START_TEST(the_report_tells_time_and_threads)
{
    at_place(_i, read_report);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_basic");
    TCase *adding = add_case(suite, "adding");
    TCase *again = add_case(suite, "again");
    TCase *reading = add_case(suite, "reading");

    tcase_add_loop_test(adding, every_added_task_runs_once_with_its_argument_and_index, 0, PLACES);
    tcase_add_loop_test(
        adding, every_task_of_a_range_runs_once_with_its_argument_and_index, 0, PLACES);
    tcase_add_loop_test(adding, ranges_and_single_tasks_mix, 0, PLACES);
    tcase_add_test(adding, a_range_without_items_or_stride_hands_the_same_to_all);
    tcase_add_test(adding, a_range_of_none_adds_nothing);
    tcase_add_test(adding, a_duplicate_id_is_refused_and_changes_nothing);
    tcase_add_test(adding, options_of_a_range_hold_for_each_of_its_tasks);
    tcase_add_loop_test(again, an_empty_group_is_ok, 0, PLACES);
    tcase_add_test(again, an_empty_group_is_ok_even_under_a_cancelled_context);
    tcase_add_loop_test(again, after_ok_a_run_takes_only_the_tasks_added_since, 0, PLACES);
    tcase_add_test(again, after_a_failure_the_group_is_closed_and_answers_the_same_until_reset);
    tcase_add_test(again, a_failure_in_a_later_run_leaves_the_earlier_tasks_as_they_were);
    tcase_add_loop_test(again, reset_makes_the_group_as_new, 0, PLACES);
    tcase_add_test(reading, before_a_run_every_task_is_not_run);
    tcase_add_test(reading, an_id_finds_its_task_among_many);
    tcase_add_loop_test(reading, the_report_tells_time_and_threads, 0, PLACES);
    return run_suite(suite);
}
