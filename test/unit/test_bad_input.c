/* SPDX-License-Identifier: MIT */
/* Every public function and what it must refuse: status, message, and nothing has changed. */
#include "tg_test.h"
#include <limits.h>

/* Refuses to create, says why with the value, and leaves nothing behind. */
#define assert_not_created(create, expected, value)                           \
    do {                                                                      \
        ck_assert_ptr_null(create);                                           \
        ck_assert_int_eq(tg_error_last()->status, (expected));                \
        ck_assert_msg(strstr(tg_error_last()->message, (value)) != NULL,      \
            "\"%s\" does not say \"%s\"", tg_error_last()->message, (value)); \
    } while (0)

/* ---- Options ------------------------------------------------------------------------------- */

START_TEST(a_context_with_senseless_options_is_not_created)
{
    tg_context_options no_size = {0};

    assert_not_created(tg_context_create(&no_size), TG_INVALID, "size");
    assert_not_created(tg_context_create(TG_CONTEXT(.timeout = -1.25)), TG_INVALID, "-1.25");
    assert_not_created(tg_context_create(TG_CONTEXT(.timeout = -INFINITY)), TG_INVALID, "inf");
    assert_not_created(tg_context_create(TG_CONTEXT(.timeout = NAN)), TG_INVALID, "nan");
}
END_TEST

START_TEST(a_group_with_senseless_options_is_not_created)
{
    int results[4];
    tg_group_options no_size = {0};

    assert_not_created(tg_group_create(&no_size), TG_INVALID, "size");
    assert_not_created(tg_group_create(TG_GROUP(.threads = -7)), TG_INVALID, "-7");
    assert_not_created(tg_group_create(TG_GROUP(.threads = INT_MIN)), TG_INVALID, "-2147483648");
    assert_not_created(tg_group_create(TG_GROUP(.limit = -3)), TG_INVALID, "-3");
    assert_not_created(
        tg_group_create(TG_GROUP(.limit = LONG_MIN)), TG_INVALID, "-9223372036854775808");
    assert_not_created(tg_group_create(TG_GROUP(.grainsize = -2)), TG_INVALID, "-2");
    assert_not_created(tg_group_create(TG_GROUP(.timeout = -0.5)), TG_INVALID, "-0.5");
    assert_not_created(tg_group_create(TG_GROUP(.timeout = NAN)), TG_INVALID, "nan");
    assert_not_created(
        tg_group_create(TG_GROUP(.results = results, .capacity = 4)), TG_INVALID, "result_size");
    assert_not_created(
        tg_group_create(TG_GROUP(.results = results, .result_size = 4)), TG_INVALID, "capacity");
    assert_not_created(tg_group_create(TG_GROUP(.flags = 0x8000)), TG_UNSUPPORTED, "80");
    assert_not_created(tg_group_create(TG_GROUP(.flags = 0x80000001)), TG_UNSUPPORTED, "8000000");
    assert_not_created(
        tg_group_create(TG_GROUP(.result_size = SIZE_MAX / 2, .capacity = 3)), TG_TOO_LARGE, "3");
}
END_TEST

START_TEST(edges_of_options_that_make_sense_are_taken)
{
    static const tg_group_options options[] = {
        {.size = sizeof *options},
        {.size = sizeof *options, .timeout = INFINITY},
        {.size = sizeof *options, .timeout = -0.0},
        {.size = sizeof *options, .limit = LONG_MAX},
        {.size = sizeof *options, .grainsize = LONG_MAX},
        {.size = sizeof *options, .result_size = 1},
        {.size = sizeof *options, .capacity = 12},
        {.size = sizeof *options, .flags = TG_GROUP_KEEP_GOING},
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        tg_group *g = tg_group_create(&options[i]);
        atomic_int runs = 0;
        ck_assert_msg(g != NULL, "case %zu: %s", i, tg_error_last()->message);
        tg_group_add_many(g, task_count, 40, &runs, 0, NULL);
        assert_status(tg_group_run(g), TG_OK);
        ck_assert_int_eq(runs, 40);
        tg_group_destroy(g);
    }
}
END_TEST

/* A struct of a newer version: the library's one, and members that it does not know. */
#define NEWER(type, name)          \
    struct {                       \
        type options;              \
        unsigned char newer[24];   \
    } name;                        \
    memset(&name, 0, sizeof name); \
    name.options.size = sizeof name

START_TEST(options_of_a_newer_version_are_taken_while_they_use_nothing_new)
{
    NEWER(tg_group_options, group);
    NEWER(tg_context_options, context);
    NEWER(tg_task_options, task);
    tg_group *g = tg_group_create(&group.options);
    tg_context *c = tg_context_create(&context.options);

    ck_assert_ptr_nonnull(g);
    ck_assert_ptr_nonnull(c);
    assert_status(tg_group_add_with(g, task_count, NULL, &task.options, NULL), TG_OK);
    assert_status(tg_group_add_many(g, task_count, 2, NULL, 0, &task.options), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    for (size_t i = 0; i < sizeof task.newer; i++) { /* whichever byte of the tail is used */
        memset(group.newer, 0, sizeof group.newer);
        memset(context.newer, 0, sizeof context.newer);
        memset(task.newer, 0, sizeof task.newer);
        group.newer[i] = context.newer[i] = task.newer[i] = 1;
        ck_assert_ptr_null(tg_group_create(&group.options));
        ck_assert_int_eq(tg_error_last()->status, TG_UNSUPPORTED);
        ck_assert_ptr_null(tg_context_create(&context.options));
        ck_assert_int_eq(tg_error_last()->status, TG_UNSUPPORTED);
        assert_status(tg_group_add_with(g, task_count, NULL, &task.options, NULL), TG_UNSUPPORTED);
        assert_status(tg_map_run(1, task_count, NULL, 0, NULL, 0, &group.options), TG_UNSUPPORTED);
    }
    tg_group_destroy(g);
    tg_context_destroy(c);
}
END_TEST

START_TEST(members_beyond_the_size_of_an_older_version_are_not_read)
{
    tg_group_options group = {.size = offsetof(tg_group_options, threads),
        .threads = -1,
        .limit = -1,
        .timeout = NAN,
        .result_size = SIZE_MAX,
        .capacity = SIZE_MAX};
    tg_context_options context = {.size = offsetof(tg_context_options, timeout), .timeout = NAN};
    tg_task_options task = {.size = offsetof(tg_task_options, id), .id = 5};
    tg_group *g = tg_group_create(&group);
    tg_context *c = tg_context_create(&context);
    size_t index;

    ck_assert_ptr_nonnull(g);
    ck_assert_ptr_nonnull(c);
    assert_status(tg_context_check(c), TG_OK);
    assert_status(tg_group_add_with(g, task_count, NULL, &task, NULL), TG_OK);
    assert_status(tg_group_find(g, 5, &index), TG_INVALID);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    tg_context_destroy(c);
}
END_TEST

/* ---- Adding -------------------------------------------------------------------------------- */

typedef tg_status bad_add(tg_group *group, atomic_int *runs);

static tg_status add_nothing(tg_group *g, atomic_int *runs)
{
    return tg_group_add(g, NULL, runs);
}

static tg_status add_nothing_with(tg_group *g, atomic_int *runs)
{
    size_t index = 1;
    tg_status status = tg_group_add_with(g, NULL, runs, NULL, &index);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    return status;
}

static tg_status add_without_size(tg_group *g, atomic_int *runs)
{
    return tg_group_add_with(g, task_count, runs, &(tg_task_options){.size = 0}, NULL);
}

static tg_status add_unknown_flags(tg_group *g, atomic_int *runs)
{
    size_t index = 1;
    tg_status status =
        tg_group_add_with(g, task_count, runs, TG_TASK(.flags = 0x200, .id = 8), &index);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "200"));
    return status;
}

static tg_status add_many_of_nothing(tg_group *g, atomic_int *runs)
{
    return tg_group_add_many(g, NULL, 5, runs, 0, NULL);
}

static tg_status add_many_with_id(tg_group *g, atomic_int *runs)
{
    return tg_group_add_many(g, task_count, 5, runs, 0, TG_TASK(.id = 4));
}

static tg_status add_many_with_result(tg_group *g, atomic_int *runs)
{
    int result;
    return tg_group_add_many(g, task_count, 5, runs, 0, TG_TASK(.result = &result));
}

static tg_status add_many_unknown_flags(tg_group *g, atomic_int *runs)
{
    return tg_group_add_many(g, task_count, 5, runs, 0, TG_TASK(.flags = 1u << 31));
}

static tg_status add_all_there_is(tg_group *g, atomic_int *runs)
{
    return tg_group_add_many(g, task_count, SIZE_MAX, runs, 0, NULL);
}

static tg_status add_beyond_all_there_is(tg_group *g, atomic_int *runs)
{
    tg_group_add(g, task_count, runs);
    return tg_group_add_many(g, task_count, SIZE_MAX - 1, runs, 0, NULL);
}

static tg_status add_beyond_memory(tg_group *g, atomic_int *runs)
{
    return tg_group_add_many(g, task_count, 3, runs, SIZE_MAX / 2, NULL);
}

static const struct {
    bad_add *add;
    tg_status status;
} bad_adds[] = {
    {add_nothing, TG_INVALID},
    {add_nothing_with, TG_INVALID},
    {add_without_size, TG_INVALID},
    {add_unknown_flags, TG_UNSUPPORTED},
    {add_many_of_nothing, TG_INVALID},
    {add_many_with_id, TG_INVALID},
    {add_many_with_result, TG_INVALID},
    {add_many_unknown_flags, TG_UNSUPPORTED},
    {add_all_there_is, TG_TOO_LARGE},
    {add_beyond_all_there_is, TG_TOO_LARGE},
    {add_beyond_memory, TG_TOO_LARGE},
};
enum { BAD_ADDS = sizeof bad_adds / sizeof *bad_adds };

START_TEST(after_a_lost_add_the_run_refuses_with_its_status_until_reset)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int runs = 0;
    size_t count;
    tg_report report;
    char message[512];

    tg_group_add(g, task_count, &runs);
    assert_status(bad_adds[_i].add(g, &runs), bad_adds[_i].status);
    ck_assert_int_eq(tg_error_last()->status, bad_adds[_i].status);
    ck_assert_str_ne(tg_error_last()->message, "");
    strcpy(message, tg_error_last()->message);
    count = tg_group_count(g);
    ck_assert_uint_le(count, 2);
    (void)!tg_group_add(g, task_count, &runs); /* a good one does not make it complete */
    assert_status(tg_group_run(g), bad_adds[_i].status);
    ck_assert_int_eq(tg_error_last()->status, bad_adds[_i].status);
    ck_assert_int_eq(tg_group_error(g)->status, bad_adds[_i].status);
    ck_assert_str_eq(tg_group_error(g)->message, message);
    ck_assert_uint_eq(tg_group_error(g)->index, TG_NO_INDEX);
    assert_status(tg_group_run(g), bad_adds[_i].status);
    ck_assert_int_eq(runs, 0);
    report = report_of(g);
    ck_assert_uint_eq(report.ok + report.failed + report.cancelled, 0);
    ck_assert_uint_eq(report.skipped + report.not_run, report.added);
    ck_assert_uint_eq(report.added, tg_group_count(g));
    assert_status(tg_group_reset(g), TG_OK);
    ck_assert_ptr_null(tg_group_error(g));
    tg_group_add(g, task_count, &runs);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(runs, 1);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_result_size_that_no_memory_has_room_for_is_refused_by_the_run)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = SIZE_MAX / 2 - 100));
    atomic_int runs = 0;
    tg_status status;

    ck_assert_ptr_nonnull(g);
    tg_group_add(g, task_count, &runs);
    status = tg_group_run(g);
    ck_assert_msg(status == TG_NO_MEMORY || status == TG_TOO_LARGE, "%s", tg_status_name(status));
    ck_assert_int_eq(tg_group_error(g)->status, status);
    ck_assert_ptr_null(tg_group_results(g));
    tg_group_add_many(g, task_count, 2, &runs, 0, NULL);
    assert_status(tg_group_run(g), TG_TOO_LARGE);
    ck_assert_int_eq(runs, 0);
    ck_assert_uint_eq(report_of(g).ok, 0);
    tg_group_destroy(g);
}
END_TEST

/* ---- Reading ------------------------------------------------------------------------------- */

START_TEST(an_outcome_of_nothing_is_refused_and_says_nothing)
{
    tg_group *g = tg_group_create(NULL);
    tg_outcome outcome;

    tg_group_add(g, task_count, NULL);
    for (int i = 0; i < 3; i++) {
        memset(&outcome, 0xA5, sizeof outcome);
        outcome.size = sizeof outcome;
        assert_status(
            tg_group_outcome(i == 0 ? NULL : g, i == 2 ? SIZE_MAX : 1, &outcome), TG_INVALID);
        ck_assert_uint_eq(outcome.size, sizeof outcome);
        ck_assert_int_eq(outcome.status, TG_NOT_RUN); /* 0 would mean OK */
        ck_assert_uint_eq(outcome.index, TG_NO_INDEX);
        ck_assert(outcome.code == 0 && outcome.id == 0 && outcome.attempts == 0);
        ck_assert(outcome.arg == NULL && outcome.result == NULL && outcome.rank == 0);
        ck_assert_str_eq(outcome.name, "");
        ck_assert_str_eq(outcome.message, "");
    }
    outcome.size = 0;
    outcome.code = 77;
    assert_status((tg_group_outcome)(g, 0, &outcome), TG_INVALID);
    ck_assert_int_eq(outcome.code, 77);
    assert_status(tg_group_outcome(g, 0, NULL), TG_INVALID);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_report_or_outcome_of_another_size_is_filled_up_to_it)
{
    tg_group *g = tg_group_create(NULL);
    union {
        tg_report report;
        tg_outcome outcome;
        unsigned char bytes[sizeof(tg_report) + sizeof(tg_outcome)];
    } part;

    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    assert_status(tg_group_run(g), TG_OK);
    for (size_t size = sizeof(size_t); size <= sizeof(tg_report); size++) {
        memset(&part, 0xA5, sizeof part);
        part.report.size = size;
        assert_status((tg_group_report)(g, &part.report), TG_OK);
        ck_assert_uint_eq(part.report.size, size);
        for (size_t i = size; i < sizeof part; i++)
            ck_assert_msg(part.bytes[i] == 0xA5, "size %zu: byte %zu was written", size, i);
        if (size >= offsetof(tg_report, ok))
            ck_assert_uint_eq(part.report.added, 1);
    }
    for (size_t size = sizeof(size_t); size <= sizeof(tg_outcome); size++) {
        memset(&part, 0xA5, sizeof part);
        part.outcome.size = size;
        assert_status((tg_group_outcome)(g, 0, &part.outcome), TG_OK);
        ck_assert_uint_eq(part.outcome.size, size);
        for (size_t i = size; i < sizeof part; i++)
            ck_assert_msg(part.bytes[i] == 0xA5, "size %zu: byte %zu was written", size, i);
        if (size >= offsetof(tg_outcome, index))
            ck_assert_int_eq(part.outcome.code, 7);
    }
    memset(&part, 0, sizeof part);
    part.report.size = sizeof part; /* longer than the library knows */
    assert_status((tg_group_report)(g, &part.report), TG_OK);
    ck_assert_uint_eq(part.report.failed, 1);
    ck_assert_uint_eq(part.report.size, sizeof part);
    memset(&part, 0, sizeof part);
    part.outcome.size = sizeof part;
    assert_status((tg_group_outcome)(g, 0, &part.outcome), TG_OK);
    ck_assert_int_eq(part.outcome.code, 7);
    tg_group_destroy(g);
}
END_TEST

START_TEST(no_member_of_a_report_or_outcome_need_be_set_before)
{
    tg_group *g = tg_group_create(NULL);
    tg_pool *p = tg_pool_create(NULL);
    tg_task *task;
    tg_report report;
    tg_outcome outcome;
    tg_pool_numbers numbers;

    memset(&report, 0xA5, sizeof report);
    memset(&numbers, 0xA5, sizeof numbers);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    assert_status(tg_group_run(g), TG_OK);
    assert_status(tg_group_report(g, &report), TG_OK);
    ck_assert(report.size == sizeof report && report.failed == 1 && report.ok == 0);
    memset(&outcome, 0xA5, sizeof outcome);
    assert_status(tg_group_outcome(g, 0, &outcome), TG_OK);
    ck_assert(outcome.size == sizeof outcome && outcome.code == 7);
    assert_status(tg_pool_submit(p, task_fail_7, NULL, NULL, &task), TG_OK);
    assert_status(tg_task_wait(task, TG_FOREVER), TG_FAILED);
    memset(&outcome, 0xA5, sizeof outcome);
    assert_status(tg_task_outcome(task, &outcome), TG_OK);
    ck_assert(outcome.size == sizeof outcome && outcome.code == 7);
    assert_status(tg_pool_report(p, &numbers), TG_OK);
    ck_assert(numbers.size == sizeof numbers && numbers.submitted == 1);
    tg_task_release(task);
    tg_pool_destroy(p);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_report_to_nowhere_and_a_find_of_nothing_are_refused)
{
    tg_group *g = tg_group_create(NULL);
    tg_report report = {.size = 0, .added = 99};
    size_t index = 5;

    assert_status((tg_group_report)(g, &report), TG_INVALID);
    ck_assert_uint_eq(report.added, 99);
    assert_status(tg_group_report(g, NULL), TG_INVALID);
    assert_status(tg_group_find(g, 0, &index), TG_INVALID);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    index = 5;
    assert_refused(tg_group_find(g, 123456789, &index), TG_INVALID, "123456789");
    ck_assert_uint_eq(index, TG_NO_INDEX);
    index = 5;
    assert_status(tg_group_find(NULL, 1, &index), TG_INVALID);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.id = 3), NULL);
    assert_status(tg_group_find(g, 3, NULL), TG_INVALID);
    ck_assert_ptr_null(tg_group_result(g, 17));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_null(tg_group_error_next(NULL, NULL));
    ck_assert_ptr_null(tg_group_error_next(g, NULL));
    tg_group_destroy(g);
}
END_TEST

/* What a creator said is kept for those who go on with its NULL as a handle, and for nobody else. */
START_TEST(after_a_creator_failed_a_null_that_is_no_handle_is_still_named)
{
    tg_group *g = tg_group_create(NULL);
    tg_pool *p = tg_pool_create(NULL);
    tg_task *task;

    assert_status(tg_pool_submit(p, task_count, NULL, NULL, &task), TG_OK);
    assert_not_created(tg_limit_create(0), TG_INVALID, "budget");
    assert_refused(tg_limit_resize(NULL, 1), TG_INVALID, "budget");
    assert_refused(tg_group_find(g, 1, NULL), TG_INVALID, "index");
    assert_not_created(tg_limit_create(0), TG_INVALID, "budget");
    assert_refused(tg_group_outcome(g, 0, NULL), TG_INVALID, "outcome");
    assert_not_created(tg_limit_create(0), TG_INVALID, "budget");
    assert_refused(tg_group_report(g, NULL), TG_INVALID, "report");
    assert_not_created(tg_limit_create(0), TG_INVALID, "budget");
    assert_refused(tg_pool_report(p, NULL), TG_INVALID, "numbers");
    assert_not_created(tg_limit_create(0), TG_INVALID, "budget");
    assert_refused(tg_task_outcome(task, NULL), TG_INVALID, "outcome");
    tg_task_release(task);
    tg_pool_destroy(p);
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_value_without_a_name_is_refused_where_the_compiler_was_not_heard)
{
    tg_group_options o = {.size = sizeof o};
    o.by_name = (const struct tg_by_name *)(uintptr_t)8;
    ck_assert_ptr_null(tg_group_create(&o));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "options: a value has no name"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bad_input");
    TCase *options = add_case(suite, "options");
    TCase *adding = add_case(suite, "adding");
    TCase *reading = add_case(suite, "reading");

    tcase_add_test(options, a_context_with_senseless_options_is_not_created);
    tcase_add_test(options, a_group_with_senseless_options_is_not_created);
    tcase_add_test(options, a_value_without_a_name_is_refused_where_the_compiler_was_not_heard);
    tcase_add_test(options, edges_of_options_that_make_sense_are_taken);
    tcase_add_test(options, options_of_a_newer_version_are_taken_while_they_use_nothing_new);
    tcase_add_test(options, members_beyond_the_size_of_an_older_version_are_not_read);
    tcase_add_loop_test(
        adding, after_a_lost_add_the_run_refuses_with_its_status_until_reset, 0, BAD_ADDS);
    tcase_add_test(adding, a_result_size_that_no_memory_has_room_for_is_refused_by_the_run);
    tcase_add_test(reading, an_outcome_of_nothing_is_refused_and_says_nothing);
    tcase_add_test(reading, a_report_or_outcome_of_another_size_is_filled_up_to_it);
    tcase_add_test(reading, no_member_of_a_report_or_outcome_need_be_set_before);
    tcase_add_test(reading, a_report_to_nowhere_and_a_find_of_nothing_are_refused);
    tcase_add_test(reading, after_a_creator_failed_a_null_that_is_no_handle_is_still_named);
    return run_suite(suite);
}
