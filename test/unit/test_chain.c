/* SPDX-License-Identifier: MIT */
/* combine.h: a chain of calls, each with the result of the one before, and one call alone. */
#include "tg_test.h"

enum { LENGTH = 100 };

/* One value on its way; who comes when nobody has come before would find a 0. */
struct stage {
    atomic_int runs;
    long value;
};

static atomic_long astray; /* stages that were called with a wrong argument */

/* arg: the value of the stage before. */
static int add_one(tg_task *self, void *arg, void *result)
{
    const struct stage *before = arg;
    struct stage *mine = result;

    (void)self;
    if (before == NULL)
        atomic_fetch_add(&astray, 1);
    mine->value = before == NULL ? -1 : before->value + 1;
    atomic_fetch_add(&mine->runs, 1);
    return 0;
}

static int add_one_and_fail(tg_task *self, void *arg, void *result)
{
    add_one(self, arg, result);
    return tg_task_fail(self, 13, "this far");
}

static struct stage first = {0, 1000}, wrong = {0, -1000};

static void make_chain(tg_call *calls, struct stage *stages, size_t count)
{
    memset(stages, 0, count * sizeof *stages);
    for (size_t i = 0; i < count; i++)
        calls[i] = (tg_call){.function = add_one,
            .arg = i == 0 ? &first : &wrong, /* only the first one's counts */
            .result = &stages[i],
            .status = TG_BUSY,
            .code = -1};
}

/* The first `ok` have ended well, the next one with `status`, the others were skipped. */
static void expect_chain(struct blame *blame, tg_call *calls, struct stage *stages, size_t count,
    size_t ok, tg_status status)
{
    for (size_t i = 0; i < count; i++) {
        bool ran = i < ok || (i == ok && status != TG_SKIPPED);
        expect(blame, calls[i].status == (i < ok ? TG_OK : i == ok ? status : TG_SKIPPED));
        expect(blame, calls[i].code == (i == ok && status == TG_FAILED ? 13 : 0));
        expect(blame, atomic_load(&stages[i].runs) == ran);
        expect(blame, stages[i].value == (ran ? 1001 + (long)i : 0));
    }
}

static void chain_all(struct blame *blame)
{
    const tg_group_options *const options[] = {NULL, TG_GROUP(.limit = 1), TG_GROUP(.limit = 8),
        TG_GROUP(.threads = 2), TG_GROUP(.grainsize = 7), TG_GROUP(.grainsize = TG_GRAIN_AUTO)};
    static const size_t counts[] = {0, 1, 2, 3, LENGTH};

    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 5; j++) {
            struct stage stages[LENGTH];
            tg_call calls[LENGTH];
            make_chain(calls, stages, counts[j]);
            expect(
                blame, tg_chain_run(counts[j], counts[j] == 0 ? NULL : calls, options[i]) == TG_OK);
            expect_chain(blame, calls, stages, counts[j], counts[j], TG_OK);
        }
    expect(blame, atomic_load(&astray) == 0);
}

START_TEST(each_call_gets_the_result_of_the_one_before)
{
    at_place(_i, chain_all);
}
END_TEST

static void chain_failure(struct blame *blame)
{
    static const size_t failing[] = {0, 1, 57, LENGTH - 1};

    for (size_t i = 0; i < 16; i++) {
        struct stage stages[LENGTH];
        tg_call calls[LENGTH];
        size_t bad = failing[i % 4];
        make_chain(calls, stages, LENGTH);
        calls[bad].function = add_one_and_fail;
        calls[bad].name = "stage";
        if (i / 4 % 2 == 1)
            for (size_t j = 0; j < LENGTH; j++)
                calls[j].flags = TG_TASK_OPTIONAL;
        expect(blame, tg_chain_run(LENGTH, calls,
                          TG_GROUP(.flags = i / 8 == 1 ? TG_GROUP_KEEP_GOING : 0)) == TG_FAILED);
        expect_chain(blame, calls, stages, LENGTH, bad, TG_FAILED);
        expect(blame, tg_error_last()->index == bad && tg_error_last()->code == 13);
        expect(blame, tg_error_last()->status == TG_FAILED);
        expect(blame, strcmp(tg_error_last()->message, "this far") == 0);
        expect(blame, strcmp(tg_error_last()->name, "stage") == 0);
    }
}

START_TEST(the_first_that_fails_ends_it_optional_or_not)
{
    at_place(_i, chain_failure);
}
END_TEST

static int task_nothing(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

static int see_null(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(bool *)result = arg == NULL;
    return 0;
}

/* Two have no result: who comes next gets NULL, whatever its own argument is. */
static void chain_without_result(struct blame *blame)
{
    atomic_int runs = 0;
    bool saw[3] = {false, true, false};
    tg_call calls[] = {{.function = task_count, .arg = &runs},
        {.function = see_null, .arg = &wrong, .result = &saw[0]},
        {.function = see_null, .arg = NULL, .result = &saw[1]}, {.function = task_nothing},
        {.function = see_null, .arg = &wrong, .result = &saw[2]}};

    expect(blame, tg_chain_run(5, calls, NULL) == TG_OK);
    expect(blame, atomic_load(&runs) == 1);
    expect(blame, saw[0] && !saw[1] && saw[2]);
}

START_TEST(a_call_without_result_hands_on_null)
{
    at_place(_i, chain_without_result);
}
END_TEST

static int cancel_chain(tg_task *self, void *arg, void *result)
{
    add_one(self, arg, result);
    tg_context_cancel(tg_group_context(tg_task_group(self)), 8, "cut");
    return 0;
}

static int count_in_order(tg_group *group, const tg_outcome *outcome, void *user)
{
    size_t *next = user;

    (void)group;
    return outcome->index == (*next)++ ? 0 : 1;
}

static void cut_chain(struct blame *blame)
{
    struct stage stages[LENGTH];
    tg_call calls[LENGTH];
    size_t next = 0;

    make_chain(calls, stages, LENGTH);
    calls[20].function = cancel_chain;
    expect(blame, tg_chain_run(LENGTH, calls,
                      TG_GROUP(.flags = TG_GROUP_IN_ORDER, .on_done = count_in_order,
                          .user = &next)) == TG_CANCELLED);
    expect_chain(blame, calls, stages, LENGTH, 21, TG_SKIPPED);
    expect(blame, tg_error_last()->code == 8 && tg_error_last()->index == TG_NO_INDEX);
    expect(blame, next == LENGTH);
}

START_TEST(a_chain_can_be_cut_from_outside_and_options_hold)
{
    at_place(_i, cut_chain);
}
END_TEST

START_TEST(a_chain_that_makes_no_sense_is_refused_and_calls_nothing)
{
    const struct {
        const tg_group_options *options;
        tg_status answer;
    } cases[] = {{TG_GROUP(.need = 1), TG_INVALID}, {TG_GROUP(.result_size = 8), TG_INVALID},
        {TG_GROUP(.capacity = 8), TG_INVALID}, {TG_GROUP(.limit = -1), TG_INVALID},
        {TG_GROUP(.flags = 1u << 20), TG_UNSUPPORTED}, {NULL, TG_INVALID}, {NULL, TG_UNSUPPORTED}};
    struct stage stages[3];
    tg_call calls[3];

    assert_status(tg_chain_run(3, NULL, NULL), TG_INVALID);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_chain(calls, stages, 3);
        if (cases[i].options == NULL && cases[i].answer == TG_INVALID)
            calls[2].function = NULL;
        else if (cases[i].options == NULL)
            calls[2].flags = 1u << 20;
        assert_status(tg_chain_run(3, calls, cases[i].options), cases[i].answer);
        ck_assert_int_eq(tg_error_last()->status, cases[i].answer);
        for (int j = 0; j < 3; j++) {
            ck_assert_int_eq(stages[j].runs, 0);
            ck_assert_int_eq(calls[j].status, TG_NOT_RUN);
            ck_assert_int_eq(calls[j].code, 0);
        }
    }
}
END_TEST

/* ---- One call ------------------------------------------------------------------------------ */

/* Fails until its attempt number `good`, with the attempt as its code. */
struct effort {
    int good, starts;
};

static int strive(tg_task *self, void *arg, void *result)
{
    struct effort *effort = arg;

    effort->starts++;
    if (result != NULL)
        *(int *)result = effort->starts;
    if (effort->starts == effort->good)
        return 0;
    return tg_task_fail(self, effort->starts, "attempt %d", effort->starts);
}

static void call_once(struct blame *blame)
{
    struct effort good = {.good = 3}, bad = {.good = -1};
    tg_context *context = tg_context_create(NULL);
    int result = 0;

    expect(blame, tg_call_run(strive, &good, &result, TG_TASK(.attempts = 5), NULL) == TG_OK);
    expect(blame, good.starts == 3 && result == 3);
    expect(blame, tg_call_run(strive, &bad, &result,
                      TG_TASK(.attempts = 4, .name = "call", .backoff = 1e-5), NULL) == TG_FAILED);
    expect(blame, bad.starts == 4 && result == 4);
    expect(blame, tg_error_last()->code == 4 && tg_error_last()->attempts == 4);
    expect(blame, tg_error_last()->index == 0);
    expect(blame, strcmp(tg_error_last()->name, "call") == 0);
    expect(blame, strcmp(tg_error_last()->message, "attempt 4") == 0);
    bad.starts = 0;
    expect(blame, tg_call_run(strive, &bad, NULL, NULL, NULL) == TG_FAILED);
    expect(blame, bad.starts == 1);
    bad.starts = 0;
    expect(
        blame, tg_call_run(strive, &bad, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL) == TG_OK);
    expect(blame, bad.starts == 1);
    tg_context_cancel(context, 6, "not at all");
    bad.starts = 0;
    expect(blame, tg_call_run(strive, &bad, NULL, TG_TASK(.attempts = 3),
                      TG_GROUP(.context = context)) != TG_OK);
    expect(blame, bad.starts == 0);
    tg_context_destroy(context);
}

START_TEST(one_call_with_attempts_and_a_group_around_it)
{
    at_place(_i, call_once);
}
END_TEST

static void call_in_time(struct blame *blame)
{
    expect(blame, tg_call_run(task_until_told, NULL, NULL, TG_TASK(.timeout = 1e-3),
                      TG_GROUP(.limit = 1)) == TG_TIMED_OUT);
    expect(blame, tg_error_last()->index == 0 && tg_error_last()->code == 9);
    expect(blame,
        tg_call_run(task_fail_7, NULL, NULL, TG_TASK(.attempts = TG_ENDLESS, .backoff = 1000),
            TG_GROUP(.timeout = 0.01)) == TG_TIMED_OUT);
    expect(blame, tg_error_last()->index == TG_NO_INDEX);
}

START_TEST(one_call_with_its_own_time_and_with_the_groups)
{
    at_place(_i, call_in_time);
}
END_TEST

START_TEST(a_call_that_makes_no_sense_is_refused_and_not_made)
{
    atomic_int runs = 0;
    int result = 0;

    assert_status(tg_call_run(NULL, NULL, NULL, NULL, NULL), TG_INVALID);
    assert_status(
        tg_call_run(task_count, &runs, &result, TG_TASK(.result = &result), NULL), TG_INVALID);
    assert_status(tg_call_run(task_count, &runs, NULL, TG_TASK(.attempts = -2), NULL), TG_INVALID);
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_str_ne(tg_error_last()->message, "");
    assert_status(tg_call_run(task_count, &runs, NULL, TG_TASK(.timeout = NAN), NULL), TG_INVALID);
    assert_status(
        tg_call_run(task_count, &runs, NULL, TG_TASK(.flags = 1u << 20), NULL), TG_UNSUPPORTED);
    assert_status(tg_call_run(task_count, &runs, NULL, NULL, TG_GROUP(.threads = -1)), TG_INVALID);
    ck_assert_int_eq(runs, 0);
    assert_status(tg_call_run(task_count, &runs, NULL, NULL, NULL), TG_OK);
    ck_assert_int_eq(runs, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain");
    TCase *chain = add_case(suite, "chain");
    TCase *one = add_case(suite, "one call");

    tcase_add_loop_test(chain, each_call_gets_the_result_of_the_one_before, 0, PLACES);
    tcase_add_loop_test(chain, the_first_that_fails_ends_it_optional_or_not, 0, PLACES);
    tcase_add_loop_test(chain, a_call_without_result_hands_on_null, 0, PLACES);
    tcase_add_loop_test(chain, a_chain_can_be_cut_from_outside_and_options_hold, 0, PLACES);
    tcase_add_test(chain, a_chain_that_makes_no_sense_is_refused_and_calls_nothing);
    tcase_add_loop_test(one, one_call_with_attempts_and_a_group_around_it, 0, PLACES);
    tcase_add_loop_test(one, one_call_with_its_own_time_and_with_the_groups, 0, PLACES);
    tcase_add_test(one, a_call_that_makes_no_sense_is_refused_and_not_made);
    return run_suite(suite);
}
