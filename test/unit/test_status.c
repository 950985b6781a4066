/* SPDX-License-Identifier: MIT */
/* status.h: names, pinned values, and whose last error it is. */
#include "tg_test.h"
#include <signal.h>

static const struct {
    tg_status status;
    int value;
    const char *name;
    const char *message;
} pinned[] = {
    {TG_OK, 0, "OK", "ended well"},
    {TG_FAILED, 1, "FAILED", "the task's function returned a code other than 0"},
    {TG_CRASHED, 2, "CRASHED", "crashed, in a group with a guard"},
    {TG_TIMED_OUT, 3, "TIMED_OUT", "a deadline has passed"},
    {TG_CANCELLED, 4, "CANCELLED", "was told to stop"},
    {TG_SKIPPED, 5, "SKIPPED", "never started, because the group ended before"},
    {TG_FEWER, 6, "FEWER", "fewer tasks succeeded than were needed"},
    {TG_NOT_RUN, 16, "NOT_RUN", "has not started yet"},
    {TG_RUNNING, 17, "RUNNING", "is running now"},
    {TG_PENDING, 18, "PENDING", "waits: for a completion, or for its next attempt"},
    {TG_FULL, 32, "FULL", "there is no room for one more"},
    {TG_BUSY, 33, "BUSY", "cannot be done while the group runs"},
    {TG_CLOSED, 34, "CLOSED", "the group takes no more tasks until it is reset"},
    {TG_DONE, 35, "DONE", "has been completed already"},
    {TG_INVALID, 48, "INVALID", "an argument makes no sense"},
    {TG_DUPLICATE, 49, "DUPLICATE", "a task with this id is in the group already"},
    {TG_TOO_LARGE, 50, "TOO_LARGE", "a count or a size exceeds what can be addressed"},
    {TG_NO_MEMORY, 51, "NO_MEMORY", "out of memory"},
    {TG_NO_SYSTEM, 52, "NO_SYSTEM", "the system has no thread or signal slot left"},
    {TG_UNSUPPORTED, 53, "UNSUPPORTED",
        "this version of the library does not know what was asked for"},
};
enum { PINNED = sizeof pinned / sizeof *pinned };

static int is_pinned(int value)
{
    for (size_t i = 0; i < PINNED; i++)
        if (pinned[i].value == value)
            return 1;
    return 0;
}

START_TEST(every_status_has_its_pinned_value_name_and_meaning)
{
    for (size_t i = 0; i < PINNED; i++) {
        ck_assert_int_eq((int)pinned[i].status, pinned[i].value);
        ck_assert_str_eq(tg_status_name(pinned[i].status), pinned[i].name);
        ck_assert_str_eq(tg_status_message(pinned[i].status), pinned[i].message);
    }
}
END_TEST

START_TEST(a_value_that_is_no_status_is_called_so)
{
    for (int value = 0; value < 300; value++) {
        if (is_pinned(value))
            continue;
        ck_assert_str_eq(tg_status_name((tg_status)value), "?");
        ck_assert_str_eq(tg_status_message((tg_status)value), "not a status");
    }
    ck_assert_str_eq(tg_status_name((tg_status)INT32_MAX), "?");
    ck_assert_str_eq(tg_status_name((tg_status)INT32_MIN), "?");
    ck_assert_str_eq(tg_status_message((tg_status)-1), "not a status");
}
END_TEST

static const char *volatile seen_in_handler;

static void name_in_handler(int signal)
{
    (void)signal;
    seen_in_handler = tg_status_name(TG_BUSY);
}

START_TEST(a_name_can_be_had_in_a_signal_handler)
{
    signal(SIGUSR1, name_in_handler);
    raise(SIGUSR1);
    ck_assert_str_eq(seen_in_handler, "BUSY");
}
END_TEST

/* Looks at this thread's last error where nothing has failed. */
static void *look_at_nothing(void *arg)
{
    struct blame *blame = arg;
    const tg_error *error = tg_error_last();

    expect(blame, error != NULL);
    expect(blame, error->status == TG_OK);
    expect(blame, error->code == 0);
    expect(blame, error->index == TG_NO_INDEX);
    expect(blame, error->id == 0);
    expect(blame, error->name != NULL && error->name[0] == '\0');
    expect(blame, error->message != NULL && error->message[0] == '\0');
    return NULL;
}

START_TEST(where_nothing_has_failed_the_last_error_is_empty)
{
    struct blame blame = {0};
    pthread_t thread;

    look_at_nothing(&blame);
    assert_status(tg_group_run(NULL), TG_INVALID);
    pthread_create(&thread, NULL, look_at_nothing, &blame);
    pthread_join(thread, NULL);
    assert_blameless(&blame, "a thread without a failure");
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
}
END_TEST

START_TEST(a_call_that_answers_ok_leaves_the_last_error_as_it_was)
{
    tg_group *g = tg_group_create(NULL);
    size_t index;
    char message[512];

    assert_status(tg_group_find(g, 77, &index), TG_INVALID);
    ck_assert_msg(strstr(tg_error_last()->message, "77") != NULL, "%s", tg_error_last()->message);
    strcpy(message, tg_error_last()->message);
    assert_status(tg_group_add(g, task_count, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    assert_status(tg_group_reset(g), TG_OK);
    tg_group_destroy(g);
    tg_context_destroy(tg_context_create(NULL));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_str_eq(tg_error_last()->message, message);
}
END_TEST

struct turn {
    struct blame *blame;
    atomic_int *arrived;
    uint64_t id;
};

/* Fails with an id of its own, waits until all have, and finds its own message still there. */
static void *fail_with_own_id(void *arg)
{
    struct turn *turn = arg;
    tg_group *g = tg_group_create(NULL);
    char id[32];
    size_t index;

    expect(turn->blame, tg_group_find(g, turn->id, &index) == TG_INVALID);
    atomic_fetch_add(turn->arrived, 1);
    wait_until(atomic_load(turn->arrived) == 4);
    snprintf(id, sizeof id, "%llu", (unsigned long long)turn->id);
    expect(turn->blame, strstr(tg_error_last()->message, id) != NULL);
    tg_group_destroy(g);
    return NULL;
}

START_TEST(each_thread_has_its_own_last_error)
{
    struct blame blame = {0};
    atomic_int arrived = 0;
    struct turn turns[4];
    pthread_t threads[4];

    for (unsigned i = 0; i < 4; i++) {
        turns[i] = (struct turn){&blame, &arrived, 1111u * (i + 1)};
        pthread_create(&threads[i], NULL, fail_with_own_id, &turns[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_blameless(&blame, "four threads");
    ck_assert_int_eq(tg_error_last()->status, TG_OK);
}
END_TEST

/* Every call on the NULL that a creator answered: INVALID, while the creator's reason stays. */
static void use_null_group(tg_status reason)
{
    char message[512];
    tg_group *g = NULL;
    tg_outcome outcome = {.size = sizeof outcome};
    tg_report report = {.size = sizeof report};
    size_t index;

    ck_assert_int_eq(tg_error_last()->status, reason);
    ck_assert_str_ne(tg_error_last()->message, "");
    strcpy(message, tg_error_last()->message);
    assert_status(tg_group_add(g, task_count, NULL), TG_INVALID);
    ck_assert_str_eq(tg_error_last()->message, message);
    assert_status(tg_group_add_with(g, task_count, NULL, NULL, &index), TG_INVALID);
    assert_status(tg_group_add_many(g, task_count, 3, NULL, 0, NULL), TG_INVALID);
    assert_status(tg_group_run(g), TG_INVALID);
    ck_assert_str_eq(tg_error_last()->message, message);
    assert_status(tg_group_find(g, 1, &index), TG_INVALID);
    assert_status(tg_group_outcome(g, 0, &outcome), TG_INVALID);
    assert_status(tg_group_report(g, &report), TG_INVALID);
    assert_status(tg_group_reset(g), TG_INVALID);
    ck_assert_ptr_null(tg_group_results(g));
    ck_assert_ptr_null(tg_group_result(g, 0));
    ck_assert_ptr_null(tg_group_context(g));
    ck_assert_uint_eq(tg_group_count(g), 0);
    assert_status(tg_context_cancel(tg_group_context(g), 1, NULL), TG_INVALID);
    tg_group_destroy(g);
    ck_assert_int_eq(tg_error_last()->status, reason);
    ck_assert_str_eq(tg_error_last()->message, message);
    ck_assert_ptr_eq(tg_group_error(g), tg_error_last());
}

START_TEST(unchecked_calls_on_null_keep_the_reason_of_the_group_creator)
{
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.threads = -3)));
    use_null_group(TG_INVALID);
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.flags = 1u << 30)));
    use_null_group(TG_UNSUPPORTED);
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.result_size = SIZE_MAX, .capacity = 2)));
    use_null_group(TG_TOO_LARGE);
}
END_TEST

START_TEST(unchecked_calls_on_null_keep_the_reason_of_the_context_creator)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = -2.5));
    char message[512];

    ck_assert_ptr_null(context);
    ck_assert_msg(strstr(tg_error_last()->message, "2.5") != NULL, "%s", tg_error_last()->message);
    strcpy(message, tg_error_last()->message);
    assert_status(tg_context_check(context), TG_INVALID);
    assert_status(tg_context_cancel(context, 1, "x"), TG_INVALID);
    ck_assert_ptr_null(tg_context_cause(context));
    tg_context_destroy(context);
    ck_assert_str_eq(tg_error_last()->message, message);
}
END_TEST

START_TEST(a_null_handle_that_no_creator_answered_is_the_reason_itself)
{
    tg_group *g = tg_group_create(NULL);
    char message[512];
    size_t index;

    ck_assert_ptr_null(tg_group_create(TG_GROUP(.threads = -3))); /* but not just before */
    assert_status(tg_group_find(g, 4711, &index), TG_INVALID);
    strcpy(message, tg_error_last()->message);
    assert_status(tg_group_run(NULL), TG_INVALID);
    ck_assert_str_ne(tg_error_last()->message, message);
    ck_assert_ptr_null(strstr(tg_error_last()->message, "4711"));
    ck_assert_ptr_null(strstr(tg_error_last()->message, "-3"));
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.threads = -3)));
    tg_group_add(g, task_fail_7, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    assert_status(tg_group_run(NULL), TG_INVALID);
    ck_assert_ptr_null(strstr(tg_error_last()->message, "-3"));
    tg_group_destroy(g);
}
END_TEST

enum { LONG_MESSAGE = 2000 };

static int fail_at_length(tg_task *self, void *arg, void *result)
{
    (void)result;
    return tg_task_fail_text(self, 3, arg);
}

START_TEST(a_message_is_cut_at_511_bytes_in_the_last_error_and_whole_in_the_groups)
{
    static char text[LONG_MESSAGE + 1];
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < LONG_MESSAGE; i++)
        text[i] = (char)('a' + i % 23);
    tg_group_add(g, fail_at_length, text);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_uint_eq(strlen(tg_error_last()->message), 511);
    ck_assert_int_eq(strncmp(tg_error_last()->message, text, 511), 0);
    ck_assert_str_eq(tg_group_error(g)->message, text);
    ck_assert_str_eq(outcome_of(g, 0).message, text);
    tg_group_destroy(g);
}
END_TEST

static int fail_with_message(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 33, "no convergence at step %d", 12);
}

START_TEST(after_a_run_the_last_error_is_the_groups_and_outlives_it)
{
    tg_group *g = tg_group_create(NULL);
    char name[] = "the mesh of the eastern half of the wing";
    const tg_error *error;

    tg_group_add(g, task_count, NULL);
    tg_group_add_with(g, fail_with_message, NULL, TG_TASK(.name = name, .id = 99), NULL);
    memset(name, 'x', sizeof name - 1);
    assert_status(tg_group_run(g), TG_FAILED);
    error = tg_group_error(g);
    ck_assert_int_eq(error->status, TG_FAILED);
    ck_assert_int_eq(error->code, 33);
    ck_assert_uint_eq(error->index, 1);
    ck_assert_uint_eq(error->id, 99);
    ck_assert_str_eq(error->name, "the mesh of the eastern half of the wing");
    ck_assert_str_eq(error->message, "no convergence at step 12");
    tg_group_destroy(g);
    error = tg_error_last();
    ck_assert_int_eq(error->status, TG_FAILED);
    ck_assert_int_eq(error->code, 33);
    ck_assert_uint_eq(error->index, 1);
    ck_assert_uint_eq(error->id, 99);
    ck_assert_str_eq(error->name, "the mesh of the eastern half of the wing");
    ck_assert_str_eq(error->message, "no convergence at step 12");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *table = add_case(suite, "table");
    TCase *last = add_case(suite, "last error");

    tcase_add_test(table, every_status_has_its_pinned_value_name_and_meaning);
    tcase_add_test(table, a_value_that_is_no_status_is_called_so);
    tcase_add_test(table, a_name_can_be_had_in_a_signal_handler);
    tcase_add_test(last, where_nothing_has_failed_the_last_error_is_empty);
    tcase_add_test(last, a_call_that_answers_ok_leaves_the_last_error_as_it_was);
    tcase_add_test(last, each_thread_has_its_own_last_error);
    tcase_add_test(last, unchecked_calls_on_null_keep_the_reason_of_the_group_creator);
    tcase_add_test(last, unchecked_calls_on_null_keep_the_reason_of_the_context_creator);
    tcase_add_test(last, a_null_handle_that_no_creator_answered_is_the_reason_itself);
    tcase_add_test(last, a_message_is_cut_at_511_bytes_in_the_last_error_and_whole_in_the_groups);
    tcase_add_test(last, after_a_run_the_last_error_is_the_groups_and_outlives_it);
    return run_suite(suite);
}
