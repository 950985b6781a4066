/* SPDX-License-Identifier: MIT */
/* group.h: result slots: one array in order of adding, that never moves and is zero until written. */
#include "tg_test.h"

/* A slot of this size is neither a power of two nor one that any allocator rounds to. */
struct slot {
    uint64_t number;
    unsigned char bytes[20];
};

static int is_zero(const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        if (byte[i] != 0)
            return 0;
    return 1;
}

struct writer {
    struct blame *blame;
    void *result; /* where the task was told to write */
    size_t more;  /* tasks of the same kind that it adds, writers[1], [2], … */
    int code;
    int keep; /* leave the slot as it is */
};

/* Finds its slot zero, fills it, and adds the writers behind it. */
static int write_slot(tg_task *self, void *arg, void *result)
{
    struct writer *writer = arg;
    struct slot *slot = result;
    tg_group *g = tg_task_group(self);

    writer->result = result;
    expect(writer->blame, is_zero(slot, sizeof *slot));
    expect(writer->blame, tg_group_result(g, tg_task_index(self)) == result);
    if (!writer->keep) {
        slot->number = tg_task_index(self) + 1;
        memset(slot->bytes, 0xEE, sizeof slot->bytes);
    }
    for (size_t i = 1; i <= writer->more; i++)
        expect(writer->blame, tg_group_add(g, write_slot, &writer[i]) == TG_OK);
    return writer->code;
}

static struct writer *new_writers(struct blame *blame, size_t count)
{
    struct writer *writers = calloc(count + 1, sizeof *writers);
    for (size_t i = 0; i < count; i++)
        writers[i].blame = blame;
    return writers;
}

/* All slots are written, in order, and where tg_group_result() says. */
static void expect_written(struct blame *blame, tg_group *g, size_t count)
{
    struct slot *slots = tg_group_results(g);

    expect(blame, slots != NULL);
    expect(blame, tg_group_results(g) == slots);
    expect(blame, tg_group_count(g) == count);
    for (size_t i = 0; slots != NULL && i < count; i++) {
        struct slot *slot = tg_group_result(g, i);
        expect(blame, slots[i].number == i + 1);
        expect(blame, slots[i].bytes[19] == 0xEE);
        expect(blame, slot != NULL && slot->number == i + 1);
    }
}

static void add_during_and_between(struct blame *blame)
{
    enum { FIRST = 50, MORE = 700, THEN = 333, COUNT = FIRST * 2 + MORE + THEN };
    struct writer *writers = new_writers(blame, COUNT);
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(struct slot)));
    void **before = malloc(COUNT * sizeof *before);
    size_t added = 0;

    for (; added < FIRST; added++)
        tg_group_add(g, write_slot, &writers[added]);
    expect(blame, tg_group_run(g) == TG_OK);
    expect_written(blame, g, FIRST);
    writers[added].more = MORE;
    tg_group_add(g, write_slot, &writers[added]);
    added += 1 + MORE;
    expect(blame, tg_group_run(g) == TG_OK);
    for (size_t i = 0; i < added; i++)
        before[i] = tg_group_result(g, i);
    expect_written(blame, g, added);
    for (size_t i = 0; i < added; i++) {
        expect(blame, tg_group_result(g, i) == before[i]);
        expect(blame, ((struct slot *)before[i])->number == i + 1);
    }
    tg_group_add_many(g, write_slot, THEN, &writers[added], sizeof *writers, NULL);
    added += THEN;
    expect(blame, tg_group_run(g) == TG_OK);
    for (size_t i = 0; i < added - THEN; i++)
        expect(blame, tg_group_result(g, i) == before[i]);
    expect_written(blame, g, added);
    tg_group_destroy(g);
    free(before);
    free(writers);
}

START_TEST(results_are_contiguous_after_adds_during_and_between_runs_and_slots_never_move)
{
    at_place(_i, add_during_and_between);
}
END_TEST

static void one_piece(struct blame *blame)
{
    enum { COUNT = 400 };
    struct writer *writers = new_writers(blame, COUNT);
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(struct slot), .capacity = COUNT));
    char *base;

    writers[0].more = COUNT - 1;
    tg_group_add(g, write_slot, writers);
    expect(blame, tg_group_run(g) == TG_OK);
    base = tg_group_results(g);
    expect(blame, tg_group_count(g) == COUNT);
    for (size_t i = 0; i < COUNT; i++)
        expect(blame, tg_group_result(g, i) == base + i * sizeof(struct slot));
    for (size_t i = 0; i < COUNT; i++) /* where the task wrote: nothing was copied */
        expect(blame, writers[i].result >= (void *)base &&
                          writers[i].result < (void *)(base + COUNT * sizeof(struct slot)));
    expect_written(blame, g, COUNT);
    tg_group_destroy(g);
    free(writers);
}

START_TEST(up_to_the_capacity_the_slots_are_in_one_piece_from_the_start)
{
    at_place(_i, one_piece);
}
END_TEST

START_TEST(the_capacity_is_no_bound_for_the_groups_own_array)
{
    enum { COUNT = 3000 };
    struct blame blame = {0};
    struct writer *writers = new_writers(&blame, COUNT);
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(struct slot), .capacity = 10));

    assert_status(
        tg_group_add_many(g, write_slot, COUNT / 2, writers, sizeof *writers, NULL), TG_OK);
    writers[COUNT / 2].more = COUNT / 2 - 1;
    assert_status(tg_group_add(g, write_slot, &writers[COUNT / 2]), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    expect_written(&blame, g, COUNT);
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
    free(writers);
}
END_TEST

static void skip_some(struct blame *blame)
{
    enum { COUNT = 500 };
    struct writer *writers = new_writers(blame, COUNT);
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(struct slot), .limit = 1));

    for (int round = 0; round < 3; round++) { /* after a reset the same memory is used again */
        struct slot *slots;
        writers[100].code = round == 1 ? 0 : 5;
        expect(blame,
            tg_group_add_many(g, write_slot, COUNT, writers, sizeof *writers, NULL) == TG_OK);
        expect(blame, tg_group_run(g) == (round == 1 ? TG_OK : TG_FAILED));
        slots = tg_group_results(g);
        for (size_t i = 0; slots != NULL && i < COUNT; i++) {
            if (round == 1 || i <= 100) /* the failing task's own result is kept */
                expect(blame, slots[i].number == i + 1 && slots[i].bytes[0] == 0xEE);
            else
                expect(blame, is_zero(&slots[i], sizeof slots[i]));
        }
        expect(blame, slots != NULL);
        expect(blame, tg_group_reset(g) == TG_OK);
    }
    tg_group_destroy(g);
    free(writers);
}

START_TEST(slots_in_the_groups_own_array_are_zero_until_written_also_after_a_reset)
{
    at_place(_i, skip_some);
}
END_TEST

static int write_number(tg_task *self, void *arg, void *result)
{
    (void)arg;
    memset(result, 0x11, sizeof(struct slot));
    return tg_task_index(self) == 60 ? 5 : 0;
}

static void skip_in_callers_array(struct blame *blame)
{
    enum { COUNT = 200, LAST = 20 };
    struct slot *slots = malloc((COUNT + 1) * sizeof *slots);
    tg_group *g = tg_group_create(
        TG_GROUP(.result_size = sizeof *slots, .results = slots, .capacity = COUNT, .limit = 1));

    memset(slots, 0x77, (COUNT + 1) * sizeof *slots);
    for (size_t i = 0; i < COUNT - LAST; i++)
        expect(blame, tg_group_add(g, write_number, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_results(g) == slots);
    for (size_t i = 0; i <= COUNT; i++) {
        unsigned char byte = i <= 60 ? 0x11 : 0x77; /* skipped, and never added: untouched */
        expect(blame, slots[i].bytes[0] == byte && slots[i].bytes[19] == byte);
        if (i < COUNT - LAST)
            expect(blame, tg_group_result(g, i) == &slots[i]);
    }
    tg_group_destroy(g);
    for (size_t i = 61; i <= COUNT; i++)
        expect(blame, slots[i].bytes[7] == 0x77);
    free(slots);
}

START_TEST(the_callers_array_is_touched_by_tasks_only)
{
    at_place(_i, skip_in_callers_array);
}
END_TEST

START_TEST(the_callers_array_is_a_bound_and_what_it_refuses_is_missing)
{
    struct slot slots[10];
    tg_group *g =
        tg_group_create(TG_GROUP(.result_size = sizeof *slots, .results = slots, .capacity = 10));
    size_t index = 3;

    assert_status(tg_group_add_many(g, write_number, 8, NULL, 0, NULL), TG_OK);
    assert_status(tg_group_add_many(g, write_number, 3, NULL, 0, NULL), TG_FULL);
    ck_assert_uint_eq(tg_group_count(g), 8); /* all or none */
    assert_status(tg_group_add(g, write_number, NULL), TG_OK);
    assert_status(tg_group_add_many(g, write_number, 1, NULL, 0, NULL), TG_OK);
    assert_refused(tg_group_add(g, write_number, NULL), TG_FULL, "10");
    assert_status(tg_group_add_with(g, write_number, NULL, TG_TASK(.id = 4), &index), TG_FULL);
    ck_assert_uint_eq(index, TG_NO_INDEX);
    assert_status(tg_group_find(g, 4, &index), TG_INVALID);
    ck_assert_uint_eq(tg_group_count(g), 10);
    assert_refused(tg_group_run(g), TG_FULL, "10"); /* the batch is incomplete: nothing runs */
    ck_assert_uint_eq(report_of(g).not_run, 10);
    assert_status(tg_group_reset(g), TG_OK);
    assert_status(tg_group_add_many(g, write_number, 10, NULL, 0, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_uint_eq(report_of(g).ok, 10);
    assert_status(tg_group_add(g, write_number, NULL), TG_FULL);
    assert_status(tg_group_run(g), TG_FULL);
    tg_group_destroy(g);
}
END_TEST

static int write_int(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(int *)result = (int)tg_task_index(self) + 1000;
    return 0;
}

static int expect_no_result(tg_task *self, void *arg, void *result)
{
    (void)self;
    expect((struct blame *)arg, result == NULL);
    return 0;
}

START_TEST(a_tasks_own_result_goes_where_it_says_instead_of_the_array)
{
    int own = -1, first;
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    int *results;

    tg_group_add(g, write_int, NULL);
    tg_group_add_with(g, write_int, NULL, TG_TASK(.result = &own), NULL);
    tg_group_add(g, write_int, NULL);
    assert_status(tg_group_run(g), TG_OK);
    results = tg_group_results(g);
    first = results[0];
    ck_assert_int_eq(first, 1000);
    ck_assert_int_eq(own, 1001);
    ck_assert_int_eq(results[1], 0);
    ck_assert_int_eq(results[2], 1002);
    ck_assert_ptr_eq(tg_group_result(g, 1), &own);
    ck_assert_ptr_eq(tg_group_result(g, 2), &results[2]);
    tg_group_destroy(g);
}
END_TEST

START_TEST(without_results_a_task_gets_its_own_or_none)
{
    struct blame blame = {0};
    int own = -1;
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, expect_no_result, &blame);
    tg_group_add_with(g, write_int, NULL, TG_TASK(.result = &own), NULL);
    tg_group_add_many(g, expect_no_result, 3, &blame, 0, NULL);
    assert_status(tg_group_run(g), TG_OK);
    assert_blameless(&blame, "a group without results");
    ck_assert_int_eq(own, 1001);
    ck_assert_ptr_eq(tg_group_result(g, 1), &own);
    ck_assert_ptr_null(tg_group_result(g, 0));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_null(tg_group_results(g));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    tg_group_destroy(g);
}
END_TEST

static int ask_for_results(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_group_results(tg_task_group(self)) == NULL);
    expect((struct blame *)arg, tg_error_last()->status == TG_BUSY);
    return 0;
}

START_TEST(results_are_refused_before_the_first_run_and_while_it_runs)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));

    tg_group_add(g, ask_for_results, &blame);
    ck_assert_ptr_null(tg_group_results(g));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_null(tg_group_result(g, 0)); /* no run has seen it yet */
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    assert_status(tg_group_run(g), TG_OK);
    assert_blameless(&blame, "the task");
    ck_assert_ptr_nonnull(tg_group_results(g));
    ck_assert_ptr_nonnull(tg_group_result(g, 0));
    ck_assert_ptr_null(tg_group_result(g, 1));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_null(tg_group_result(g, SIZE_MAX));
    tg_group_add(g, task_count, NULL);
    ck_assert_ptr_null(tg_group_result(g, 1)); /* added since */
    tg_group_destroy(g);
}
END_TEST

static int own_misaligned(tg_task *self, void *arg, void *result)
{
    (void)self;
    expect((struct blame *)arg, (uintptr_t)result % _Alignof(max_align_t) == 0);
    return 0;
}

START_TEST(slots_of_a_multiple_of_the_strictest_alignment_have_it)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 3 * _Alignof(max_align_t)));

    for (int round = 0; round < 3; round++) {
        assert_status(tg_group_add_many(g, own_misaligned, 77, &blame, 0, NULL), TG_OK);
        assert_status(tg_group_run(g), TG_OK);
        ck_assert_uint_eq((uintptr_t)tg_group_results(g) % _Alignof(max_align_t), 0);
    }
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("results");
    TCase *own = add_case(suite, "the group's array");
    TCase *callers = add_case(suite, "the caller's array");

    tcase_add_loop_test(own,
        results_are_contiguous_after_adds_during_and_between_runs_and_slots_never_move, 0, PLACES);
    tcase_add_loop_test(
        own, up_to_the_capacity_the_slots_are_in_one_piece_from_the_start, 0, PLACES);
    tcase_add_test(own, the_capacity_is_no_bound_for_the_groups_own_array);
    tcase_add_loop_test(
        own, slots_in_the_groups_own_array_are_zero_until_written_also_after_a_reset, 0, PLACES);
    tcase_add_test(own, results_are_refused_before_the_first_run_and_while_it_runs);
    tcase_add_test(own, slots_of_a_multiple_of_the_strictest_alignment_have_it);
    tcase_add_loop_test(callers, the_callers_array_is_touched_by_tasks_only, 0, PLACES);
    tcase_add_test(callers, the_callers_array_is_a_bound_and_what_it_refuses_is_missing);
    tcase_add_test(callers, a_tasks_own_result_goes_where_it_says_instead_of_the_array);
    tcase_add_test(callers, without_results_a_task_gets_its_own_or_none);
    return run_suite(suite);
}
