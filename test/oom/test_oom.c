/* SPDX-License-Identifier: MIT */
/*
 * The k-th allocation fails, k = 1, 2, … until a call needs no more: each public call answers
 * TG_NO_MEMORY, has changed nothing and kept nothing, and succeeds when it is called again.
 *
 * Check needs memory for each assertion, so there is none between arming and disarming.
 */
#include "../unit/tg_test.h"
#include "failing_malloc.h"

/* Of each pair of loops of a test, in the first one allocation fails, in the second all from then. */

/* An allocation must have failed at least once, or the test has tried nothing. */
#define assert_tried(k) ck_assert_msg((k) > 2, "no allocation has failed")

/* The runtime's threads and the library's first use cost memory that stays: before we count. */
static void warm_up(void)
{
    atomic_int runs = 0;

    ck_assert(failing_malloc_works());
    for (int i = 0; i < 3; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));
        tg_group_add_many(g, task_count, 500, &runs, 0, NULL);
        tg_group_add(g, task_fail_7, &runs);
        assert_status(tg_group_run(g), TG_FAILED);
        tg_group_destroy(g);
    }
}

static void assert_no_memory_said(void)
{
    ck_assert_int_eq(tg_error_last()->status, TG_NO_MEMORY);
    ck_assert_str_ne(tg_error_last()->message, "");
}

/* ---- Creating ------------------------------------------------------------------------------ */

START_TEST(creating_a_context)
{
    size_t before = failing_malloc_outstanding();
    long k, hit;

    for (k = 1, hit = 1; hit; k++) {
        tg_context *parent = tg_context_create(NULL), *context;
        failing_malloc_arm(k, _i);
        context = tg_context_create(TG_CONTEXT(.parent = parent, .timeout = 1000));
        hit = failing_malloc_disarm();
        ck_assert_int_eq(context == NULL, hit);
        if (hit) {
            assert_no_memory_said();
            context = tg_context_create(TG_CONTEXT(.parent = parent));
        }
        assert_status(tg_context_check(context), TG_OK);
        tg_context_destroy(context);
        tg_context_destroy(parent);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

START_TEST(creating_a_group)
{
    size_t before = failing_malloc_outstanding();
    long k, hit;

    for (k = 1, hit = 1; hit; k++) {
        tg_context *parent = tg_context_create(NULL);
        tg_group *g;
        failing_malloc_arm(k, _i);
        g = tg_group_create(
            TG_GROUP(.context = parent, .result_size = 8, .capacity = 50, .limit = 2));
        hit = failing_malloc_disarm();
        ck_assert_int_eq(g == NULL, hit);
        if (hit) {
            assert_no_memory_said();
            assert_status(tg_group_add(g, task_count, NULL), TG_INVALID);
            assert_no_memory_said(); /* the creator's reason */
            g = tg_group_create(NULL);
        }
        assert_status(tg_group_run(g), TG_OK);
        tg_group_destroy(g);
        tg_context_destroy(parent);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

/* ---- Adding -------------------------------------------------------------------------------- */

enum { SINGLES = 100, LARGE = 400000 };

/* Adds tasks in one of several ways; how many of the calls were refused, each as if not called. */
static int add_in_some_way(struct blame *blame, tg_group *g, int way, atomic_int *runs)
{
    int refused = 0;

    for (uint64_t i = 1; i <= (way == 3 ? 1 : SINGLES); i++) {
        size_t before = tg_group_count(g), added = way < 2 ? 1 : way == 2 ? 7 : LARGE, index = 0;
        tg_status status;
        if (way == 0) {
            status = tg_group_add(g, task_count, runs);
        } else if (way == 1) {
            status = tg_group_add_with(g, task_count, runs, TG_TASK(.id = i, .name = "x"), &index);
            expect(blame, index == (status == TG_OK ? before : TG_NO_INDEX));
        } else {
            status = tg_group_add_many(g, task_count, added, runs, 0, TG_TASK(.name = "range"));
        }
        expect(blame, tg_group_count(g) == before + (status == TG_OK ? added : 0));
        if (status == TG_OK)
            continue;
        expect(blame, status == TG_NO_MEMORY && tg_error_last()->status == TG_NO_MEMORY);
        expect(blame, tg_error_last()->message[0] != '\0');
        if (way == 1) /* neither is the id taken */
            expect(blame, tg_group_find(g, i, &index) == TG_INVALID);
        refused++;
    }
    return refused;
}

START_TEST(adding_tasks)
{
    struct blame blame = {0};
    int way = _i / 2;
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding();
        tg_group *g = tg_group_create(NULL);
        atomic_int runs = 0;
        int refused;
        failing_malloc_arm(k, _i % 2);
        refused = add_in_some_way(&blame, g, way, &runs);
        hit = failing_malloc_disarm();
        assert_blameless(&blame, "an add");
        ck_assert_int_eq(refused > 0, hit);
        ck_assert(_i % 2 || refused <= 1);
        if (hit) { /* an incomplete batch never runs */
            tg_report report;
            assert_status(tg_group_run(g), TG_NO_MEMORY);
            ck_assert_int_eq(tg_group_error(g)->status, TG_NO_MEMORY);
            assert_status(tg_group_run(g), TG_NO_MEMORY);
            ck_assert_int_eq(runs, 0);
            report = report_of(g);
            ck_assert_uint_eq(report.ok + report.failed + report.cancelled, 0);
            assert_status(tg_group_reset(g), TG_OK);
            ck_assert_int_eq(add_in_some_way(&blame, g, way, &runs), 0);
        }
        assert_status(tg_group_run(g), TG_OK);
        ck_assert_uint_eq((size_t)runs, tg_group_count(g));
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

/* ---- Running ------------------------------------------------------------------------------- */

static int write_index(tg_task *self, void *arg, void *result)
{
    *(size_t *)result = tg_task_index(self) + 1;
    return task_count(self, arg, NULL);
}

START_TEST(running_and_gathering_results)
{
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding();
        atomic_int runs = 0;
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t)));
        const size_t *results;
        tg_status status;
        tg_group_add_many(g, write_index, 300, &runs, 0, NULL);
        failing_malloc_arm(k, _i);
        status = tg_group_run(g);
        hit = failing_malloc_disarm();
        if (hit) {
            ck_assert_int_eq(status, TG_NO_MEMORY);
            assert_no_memory_said();
            ck_assert_int_eq(tg_group_error(g)->status, TG_NO_MEMORY);
            ck_assert_int_eq(runs, 0);
            ck_assert_int_eq(status_of(g, 0), TG_NOT_RUN);
            assert_status(tg_group_add(g, write_index, &runs), TG_OK);
            status = tg_group_run(g); /* it may be tried again */
            ck_assert_ptr_null(tg_group_error(g));
        }
        assert_status(status, TG_OK);
        ck_assert_int_eq(runs, hit ? 301 : 300);
        results = tg_group_results(g);
        for (size_t i = 0; i < (size_t)runs; i++)
            ck_assert_uint_eq(results[i], i + 1);
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

START_TEST(gathering_results_in_one_piece)
{
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding();
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t)));
        const size_t *results;
        for (int round = 0; round < 3; round++) { /* in several pieces */
            tg_group_add_many(g, write_index, 300, NULL, 0, NULL);
            assert_status(tg_group_run(g), TG_OK);
        }
        failing_malloc_arm(k, _i);
        results = tg_group_results(g);
        hit = failing_malloc_disarm();
        ck_assert_int_eq(results == NULL, hit);
        if (hit) {
            assert_no_memory_said();
            results = tg_group_results(g);
        }
        ck_assert_ptr_nonnull(results);
        for (size_t i = 0; i < 900; i++)
            ck_assert_uint_eq(results[i], i + 1);
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

/* ---- In tasks ------------------------------------------------------------------------------ */

struct adder {
    atomic_int runs, taken, refused;
};

static int add_from_task(tg_task *self, void *arg, void *result)
{
    struct adder *adder = arg;

    (void)result;
    for (int i = 0; i < 40; i++) {
        tg_status status = tg_group_add(tg_task_group(self), task_count, &adder->runs);
        atomic_fetch_add(status == TG_OK ? &adder->taken : &adder->refused, 1);
        if (status != TG_OK && status != TG_NO_MEMORY)
            return 1;
    }
    return 0;
}

START_TEST(adding_from_tasks)
{
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding();
        struct adder adder = {0};
        tg_group *g = tg_group_create(NULL);
        tg_status status;
        tg_group_add(g, task_count, NULL);
        assert_status(tg_group_run(g), TG_OK); /* so that the run itself needs nothing */
        tg_group_add_many(g, add_from_task, 20, &adder, 0, NULL);
        failing_malloc_arm(k, _i);
        status = tg_group_run(g);
        hit = failing_malloc_disarm();
        assert_status(
            status, hit ? TG_NO_MEMORY : TG_OK); /* all ran that was taken, but not all was */
        ck_assert_int_eq(adder.taken + adder.refused, 800);
        ck_assert_int_eq(adder.refused > 0, hit);
        ck_assert_int_eq(adder.runs, adder.taken);
        ck_assert_uint_eq(report_of(g).ok, 21 + (size_t)adder.taken);
        assert_status(tg_group_run(g), hit ? TG_NO_MEMORY : TG_OK); /* and the next run refuses */
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

static int fail_at_length(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 1000 + (int)tg_task_index(self), "%0*d", 600, 7);
}

static int fail_with_text(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail_text(self, 1000 + (int)tg_task_index(self), "what happened");
}

/* Whatever could not be remembered: statuses, codes and numbers are right, and the error is there. */
static void assert_failures(tg_group *g, size_t count, bool required)
{
    size_t errors = 0;

    ck_assert_uint_eq(report_of(g).failed, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(status_of(g, i), TG_FAILED);
        ck_assert_int_eq(outcome_of(g, i).code, 1000 + (int)i);
        ck_assert_str_ne(outcome_of(g, i).message, "");
    }
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++) {
        ck_assert_int_eq(e->code, 1000 + (int)e->index);
        ck_assert_str_ne(e->message, "");
        ck_assert_ptr_eq(outcome_of(g, e->index).message, e->message); /* found by its index */
    }
    ck_assert_uint_le(errors, count);
    if (required) {
        ck_assert_ptr_nonnull(tg_group_error(g));
        ck_assert_int_eq(tg_group_error(g)->code, 1000 + (int)tg_group_error(g)->index);
        ck_assert_str_ne(tg_group_error(g)->message, "");
        ck_assert_uint_ge(errors, 1);
    }
}

enum { FAILING = 25 }; /* so many need a table to be found by their indices */

START_TEST(failing_with_a_message)
{
    bool required = _i / 2 % 2;
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding();
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
        tg_status status;
        tg_group_add(g, task_count, NULL);
        assert_status(tg_group_run(g), TG_OK);
        assert_status(tg_group_reset(g), TG_OK);
        for (int i = 0; i < FAILING; i++)
            tg_group_add_with(g, i % 2 ? fail_at_length : fail_with_text, NULL,
                TG_TASK(.flags = required ? 0 : TG_TASK_OPTIONAL), NULL);
        failing_malloc_arm(k, _i % 2);
        status = tg_group_run(g);
        hit = failing_malloc_disarm();
        assert_status(status, required ? TG_FAILED : TG_OK);
        failing_malloc_arm(1, true); /* nor does reading it need memory that it must have */
        for (size_t i = 0; i < FAILING; i++)
            (void)outcome_of(g, i);
        (void)failing_malloc_disarm();
        assert_failures(g, FAILING, required);
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

START_TEST(a_message_that_there_was_no_memory_for_is_replaced_by_one_that_says_so)
{
    tg_group *g = tg_group_create(NULL);
    tg_status status;

    warm_up();
    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_run(g), TG_OK); /* so that the next run itself needs nothing */
    tg_group_add(g, fail_at_length, NULL);
    failing_malloc_arm(1, true);
    status = tg_group_run(g);
    ck_assert(failing_malloc_disarm());
    assert_status(status, TG_FAILED);
    ck_assert_int_eq(tg_group_error(g)->status, TG_FAILED);
    ck_assert_ptr_nonnull(strstr(tg_group_error(g)->message, "memory"));
    tg_group_destroy(g);
}
END_TEST

/* ---- All in one ---------------------------------------------------------------------------- */

START_TEST(mapping)
{
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding(), results[200] = {0};
        atomic_int runs = 0;
        tg_status status;
        failing_malloc_arm(k, _i);
        status = tg_map_run(200, write_index, &runs, 0, results, sizeof *results, NULL);
        hit = failing_malloc_disarm();
        ck_assert_int_eq(status, hit ? TG_NO_MEMORY : TG_OK);
        ck_assert_int_eq(runs, hit ? 0 : 200);
        if (hit) {
            assert_no_memory_said();
            assert_status(
                tg_map_run(200, write_index, &runs, 0, results, sizeof *results, NULL), TG_OK);
        }
        for (size_t i = 0; i < 200; i++)
            ck_assert_uint_eq(results[i], i + 1);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

/* Returns 0 if all went well below, 2 if there was no memory, 1 for anything else. */
static int run_group_below(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));
    tg_status status = TG_OK;
    int code = 0;

    (void)self, (void)result;
    for (int i = 0; i < 30; i++)
        (void)!tg_group_add(g, write_index, arg);
    status = tg_group_run(g);
    if (status != TG_OK)
        code = tg_error_last()->status == TG_NO_MEMORY ? 2 : 1;
    tg_group_destroy(g);
    return code;
}

START_TEST(running_groups_below_tasks)
{
    long k, hit;

    warm_up();
    for (k = 1, hit = 1; hit; k++) {
        size_t before = failing_malloc_outstanding(), failed = 0;
        atomic_int runs = 0;
        tg_group *g = tg_group_create(NULL);
        tg_status status;
        tg_group_add(g, task_count, NULL);
        assert_status(tg_group_run(g), TG_OK);
        tg_group_add_many(g, run_group_below, 4, &runs, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
        failing_malloc_arm(k, _i);
        status = tg_group_run(g);
        hit = failing_malloc_disarm();
        assert_status(status, TG_OK);
        for (size_t i = 1; i < 5; i++) {
            ck_assert_int_ne(outcome_of(g, i).code, 1);
            failed += status_of(g, i) == TG_FAILED;
        }
        ck_assert_uint_eq((size_t)runs, (4 - failed) * 30);
        tg_group_destroy(g);
        ck_assert_uint_eq(failing_malloc_outstanding(), before);
    }
    assert_tried(k);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *creating = add_case(suite, "creating");
    TCase *adding = add_case(suite, "adding");
    TCase *running = add_case(suite, "running");

    if (!failing_malloc_works()) {
        puts("test_oom: skipped, another allocator is in the way");
        return EXIT_SUCCESS;
    }
    tcase_add_loop_test(creating, creating_a_context, 0, 2);
    tcase_add_loop_test(creating, creating_a_group, 0, 2);
    tcase_add_loop_test(adding, adding_tasks, 0, 8);
    tcase_add_loop_test(adding, adding_from_tasks, 0, 2);
    tcase_add_loop_test(running, running_and_gathering_results, 0, 2);
    tcase_add_loop_test(running, gathering_results_in_one_piece, 0, 2);
    tcase_add_loop_test(running, failing_with_a_message, 0, 4);
    tcase_add_test(running, a_message_that_there_was_no_memory_for_is_replaced_by_one_that_says_so);
    tcase_add_loop_test(running, mapping, 0, 2);
    tcase_add_loop_test(running, running_groups_below_tasks, 0, 2);
    return run_suite(suite);
}
