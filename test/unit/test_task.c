/* SPDX-License-Identifier: MIT */
/* task.h: what a task can ask and say while it runs. */
#include "tg_test.h"

struct asked {
    struct blame *blame;
    tg_group *group;
    size_t index;
};

static int ask_everything(tg_task *self, void *arg, void *result)
{
    struct asked *asked = arg;
    tg_outcome own = outcome_of(asked->group, asked->index);

    (void)result;
    expect(asked->blame, self != NULL);
    expect(asked->blame, tg_task_current() == self);
    expect(asked->blame, tg_task_check(self) == TG_OK);
    expect(asked->blame, tg_task_index(self) == asked->index);
    expect(asked->blame, tg_task_group(self) == asked->group);
    expect(asked->blame, tg_task_context(self) == tg_group_context(asked->group));
    expect(asked->blame, tg_context_check(tg_task_context(self)) == TG_OK);
    expect(asked->blame, own.status == TG_RUNNING);
    return 0;
}

static void ask(struct blame *blame)
{
    enum { COUNT = 100 };
    struct asked asked[COUNT];
    tg_task *before = tg_task_current();
    tg_group *g = tg_group_create(NULL);

    for (size_t i = 0; i < COUNT; i++) {
        asked[i] = (struct asked){blame, g, i};
        tg_group_add(g, ask_everything, &asked[i]);
    }
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_task_current() == before);
    tg_group_destroy(g);
}

START_TEST(a_task_knows_itself_its_place_its_group_and_its_context)
{
    at_place(_i, ask);
}
END_TEST

static int ask_id(tg_task *self, void *arg, void *result)
{
    struct asked *asked = tg_group_user(tg_task_group(self));

    (void)result;
    expect(asked->blame, tg_task_id(self) == *(const uint64_t *)arg);
    return 0;
}

/* Most have none: others of the group have. */
static void ask_for_ids(struct blame *blame)
{
    static const uint64_t ids[] = {0, 7, 0, UINT64_MAX};
    struct asked asked = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.user = &asked));

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        tg_group_add_with(g, ask_id, &ids[i], TG_TASK(.id = ids[i]), NULL);
    tg_group_add_many(g, ask_id, 100, &ids[0], 0, NULL);
    tg_task *hold = tg_group_hold(g, TG_TASK(.id = 9));
    expect(blame, tg_task_id(hold) == 9);
    expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_user(g) == &asked);
    tg_group_destroy(g);
}

START_TEST(a_task_knows_its_id_and_the_groups_user)
{
    at_place(_i, ask_for_ids);
}
END_TEST

START_TEST(outside_of_a_task_there_is_no_current_one)
{
    struct blame blame = {0};
    int elsewhere = 0;

    ck_assert_ptr_null(tg_task_current());
    ask(&blame);
    ck_assert_ptr_null(tg_task_current());
#pragma omp parallel reduction(+ : elsewhere)
    elsewhere += tg_task_current() != NULL;
    ck_assert_int_eq(elsewhere, 0);
    assert_blameless(&blame, "serial code");
}
END_TEST

static int run_below(tg_task *self, void *arg, void *result)
{
    struct blame *blame = arg;

    (void)result;
    expect(blame, tg_task_current() == self);
    ask(blame);
    expect(blame, tg_task_current() == self);
    return 0;
}

START_TEST(the_current_task_is_the_innermost_and_the_outer_one_again_afterwards)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < 10; i++)
        tg_group_add(g, run_below, &blame);
    assert_status(tg_group_run(g), TG_OK);
    assert_blameless(&blame, "a task");
    tg_group_destroy(g);
}
END_TEST

START_TEST(no_task_is_answered_by_what_means_nothing)
{
    assert_status(tg_task_check(NULL), TG_INVALID);
    ck_assert_uint_eq(tg_task_index(NULL), TG_NO_INDEX);
    ck_assert_uint_eq(tg_task_id(NULL), 0);
    ck_assert_ptr_null(tg_task_group(NULL));
    ck_assert_ptr_null(tg_group_user(NULL));
    ck_assert_ptr_null(tg_task_context(NULL));
    ck_assert_int_eq(tg_task_fail(NULL, 5, "nobody %s", "listens"), 5);
    ck_assert_int_eq(tg_task_fail(NULL, 0, NULL), -1);
    ck_assert_int_eq(tg_task_fail_text(NULL, 6, "nobody listens"), 6);
    ck_assert_int_eq(tg_task_fail_text(NULL, 0, "nobody listens"), -1);
}
END_TEST

/* ---- Failing ------------------------------------------------------------------------------- */

static int fail_plainly(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 4242;
}

static int fail_with_zero(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 0, "zero would mean success");
}

static int fail_with_format(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 33, "%s at x = %g, step %d", "diverged", 0.5, 12);
}

static int fail_with_text(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail_text(self, -9, "100 %s %n of nothing");
}

static int fail_twice(tg_task *self, void *arg, void *result)
{
    int first = tg_task_fail(self, 1, "the first message, which is quite a bit longer");
    (void)arg, (void)result;
    return tg_task_fail(self, first + 1, "the second");
}

static int fail_and_keep_message(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    (void)tg_task_fail(self, 1, "the message");
    (void)tg_task_fail_text(self, 2, NULL);
    return tg_task_fail(self, 3, NULL);
}

static int fail_otherwise(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    (void)tg_task_fail(self, 5, "said 5");
    return 6;
}

static int fail_at_length(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 7, "%s%0*d", "long: ", 20000, 7);
}

static const struct {
    tg_task_fn *function;
    int code;
    const char *message; /* all of it, or its beginning */
} failures[] = {
    {fail_with_zero, -1, "zero would mean success"},
    {fail_with_format, 33, "diverged at x = 0.5, step 12"},
    {fail_with_text, -9, "100 %s %n of nothing"},
    {fail_twice, 2, "the second"},
    {fail_and_keep_message, 3, "the message"},
    {fail_otherwise, 6, "said 5"},
};
enum { FAILURES = sizeof failures / sizeof *failures };

START_TEST(a_failure_has_the_code_and_the_message_that_the_task_gave)
{
    for (size_t i = 0; i < FAILURES; i++) {
        tg_group *g = tg_group_create(NULL);
        tg_outcome outcome;
        tg_group_add(g, failures[i].function, NULL);
        assert_status(tg_group_run(g), TG_FAILED);
        ck_assert_int_eq(tg_group_error(g)->code, failures[i].code);
        ck_assert_str_eq(tg_group_error(g)->message, failures[i].message);
        ck_assert_str_eq(tg_group_error_next(g, NULL)->message, failures[i].message);
        outcome = outcome_of(g, 0);
        ck_assert_int_eq(outcome.status, TG_FAILED);
        ck_assert_int_eq(outcome.code, failures[i].code);
        ck_assert_str_eq(outcome.message, failures[i].message);
        tg_group_destroy(g);
    }
}
END_TEST

START_TEST(a_failure_without_a_message_gets_one_that_names_the_code)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, fail_plainly, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_int_eq(tg_group_error(g)->code, 4242);
    ck_assert_ptr_nonnull(strstr(tg_group_error(g)->message, "4242"));
    ck_assert_ptr_nonnull(strstr(outcome_of(g, 0).message, "4242"));
    tg_group_destroy(g);
}
END_TEST

START_TEST(a_message_may_be_of_any_length)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, fail_at_length, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_uint_eq(strlen(tg_group_error(g)->message), 20006);
    ck_assert_uint_eq(strlen(outcome_of(g, 0).message), 20006);
    tg_group_destroy(g);
}
END_TEST

static int say_and_succeed(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    (void)tg_task_fail(self, 5, "this does not count");
    return 0;
}

START_TEST(a_message_of_a_task_that_succeeds_is_forgotten)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    tg_group_add(g, say_and_succeed, NULL);
    tg_group_add_with(g, fail_plainly, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(status_of(g, 0), TG_OK);
    ck_assert_int_eq(outcome_of(g, 0).code, 0);
    ck_assert_str_eq(outcome_of(g, 0).message, "");
    ck_assert_ptr_null(strstr(outcome_of(g, 1).message, "does not count"));
    ck_assert_uint_eq(tg_group_error_next(g, NULL)->index, 1);
    tg_group_destroy(g);
}
END_TEST

/* Fails with a message of its own; some run a group that fails between saying and returning. */
static int fail_with_index(tg_task *self, void *arg, void *result)
{
    tg_group *inner = arg;

    (void)result;
    (void)tg_task_fail(self, 1, "message of task %zu", tg_task_index(self));
    if (inner != NULL) {
        tg_group_add(inner, fail_with_index, NULL);
        (void)tg_group_run(inner);
    }
    return 1;
}

static void fail_all(struct blame *blame)
{
    enum { COUNT = 300 };
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    tg_group *inner[COUNT] = {NULL};
    char seen[COUNT] = {0};
    size_t errors = 0;

    for (size_t i = 0; i < COUNT; i++) {
        if (i % 50 == 0)
            inner[i] = tg_group_create(NULL);
        tg_group_add(g, fail_with_index, inner[i]);
    }
    expect(blame, tg_group_run(g) == TG_FAILED);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++) {
        char message[64];
        snprintf(message, sizeof message, "message of task %zu", e->index);
        expect(blame, strcmp(e->message, message) == 0);
        expect(blame, e->index < COUNT && seen[e->index] == 0);
        seen[e->index % COUNT] = 1;
    }
    expect(blame, errors == COUNT);
    tg_group_destroy(g);
    for (size_t i = 0; i < COUNT; i++)
        tg_group_destroy(inner[i]);
}

START_TEST(each_failure_is_tied_to_its_task)
{
    at_place(_i, fail_all);
}
END_TEST

/* ---- Being told ---------------------------------------------------------------------------- */

/* How a task behaves once its group has been cancelled, and what becomes of it. */
struct told {
    int asks_task;    /* tg_task_check(self) */
    int asks_context; /* tg_context_check() of its context */
    int asks_before;  /* before the cancel: it was told to go on */
    int code;
    tg_status status;
};

static const struct told tolds[] = {
    {1, 0, 0, 0, TG_OK},
    {1, 0, 0, 3, TG_CANCELLED},
    {1, 0, 0, -3, TG_CANCELLED},
    {0, 0, 0, 0, TG_OK},
    {0, 0, 0, 3, TG_CANCELLED},
    {0, 1, 0, 3, TG_CANCELLED},
    {0, 0, 1, 3, TG_CANCELLED},
    {1, 0, 1, 3, TG_CANCELLED},
};
enum { TOLDS = sizeof tolds / sizeof *tolds };
static struct blame told_blame;

static int behave(tg_task *self, void *arg, void *result)
{
    const struct told *told = arg;

    *(int *)result = 77;
    if (told->asks_before)
        expect(&told_blame, tg_task_check(self) == TG_OK);
    tg_context_cancel(tg_task_context(self), 1, "now");
    if (told->asks_context)
        expect(&told_blame, tg_context_check(tg_task_context(self)) == TG_CANCELLED);
    if (told->asks_task)
        expect(&told_blame, tg_task_check(self) == TG_CANCELLED);
    return told->code;
}

START_TEST(
    a_task_that_fails_after_the_stop_is_cancelled_whether_it_asked_or_not_and_one_that_finishes_is_ok)
{
    for (size_t i = 0; i < TOLDS; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
        tg_outcome outcome;
        tg_group_add_with(
            g, behave, &tolds[i], TG_TASK(.flags = TG_TASK_OPTIONAL, .name = "b"), NULL);
        tg_group_add(g, task_count, NULL); /* is left undone, unless it has begun already */
        (void)!tg_group_run(g);
        outcome = outcome_of(g, 0);
        ck_assert_msg(outcome.status == tolds[i].status, "case %zu: %s, not %s", i,
            tg_status_name(outcome.status), tg_status_name(tolds[i].status));
        ck_assert_int_eq(outcome.code, tolds[i].code);
        ck_assert_int_eq(*(int *)tg_group_result(g, 0), 77);
        ck_assert_int_eq(outcome.message[0] == '\0', tolds[i].status == TG_OK);
        tg_group_destroy(g);
    }
    assert_blameless(&told_blame, "a task");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task");
    TCase *asking = add_case(suite, "asking");
    TCase *failing = add_case(suite, "failing");
    TCase *told = add_case(suite, "being told");

    tcase_add_loop_test(asking, a_task_knows_itself_its_place_its_group_and_its_context, 0, PLACES);
    tcase_add_loop_test(asking, a_task_knows_its_id_and_the_groups_user, 0, PLACES);
    tcase_add_test(asking, outside_of_a_task_there_is_no_current_one);
    tcase_add_test(asking, the_current_task_is_the_innermost_and_the_outer_one_again_afterwards);
    tcase_add_test(asking, no_task_is_answered_by_what_means_nothing);
    tcase_add_test(failing, a_failure_has_the_code_and_the_message_that_the_task_gave);
    tcase_add_test(failing, a_failure_without_a_message_gets_one_that_names_the_code);
    tcase_add_test(failing, a_message_may_be_of_any_length);
    tcase_add_test(failing, a_message_of_a_task_that_succeeds_is_forgotten);
    tcase_add_loop_test(failing, each_failure_is_tied_to_its_task, 0, PLACES);
    tcase_add_test(told,
        a_task_that_fails_after_the_stop_is_cancelled_whether_it_asked_or_not_and_one_that_finishes_is_ok);
    return run_suite(suite);
}
