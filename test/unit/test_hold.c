/* SPDX-License-Identifier: MIT */
/* group.h, tg_group_hold(): what is done elsewhere keeps a group open, and can fail it. */
#include "tg_test.h"
#include <time.h>

/* A group with a hold, and another thread that completes it. */
struct held {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int running; /* the run has begun: a task was started */
    atomic_int over;    /* what was done elsewhere is done */
    int code;           /* to complete with … */
    const char *message;
};

/* For what must not happen to happen. Nothing depends on how long it is. */
static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void *complete_later(void *arg)
{
    struct held *held = arg;

    wait_until(atomic_load(&held->running));
    nap();
    atomic_store(&held->over, 1);
    expect(held->blame, tg_task_complete(held->hold, held->code, held->message) == TG_OK);
    return NULL;
}

/* Runs the group; the thread beside it does its part as soon as a task has counted. */
static tg_status run_beside(struct held *held, void *(*thread_function)(void *))
{
    pthread_t thread;
    tg_status status;

    pthread_create(&thread, NULL, thread_function, held);
    status = tg_group_run(held->group);
    expect(held->blame, atomic_load(&held->over)); /* not before the hold was completed */
    pthread_join(thread, NULL);
    return status;
}

/* ---- When it is made, and completed -------------------------------------------------------- */

static void complete_before(struct blame *blame)
{
    double result = 0;
    size_t index;
    tg_outcome outcome;
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));
    tg_task *hold = tg_group_hold(g, TG_TASK(.id = 12, .name = "halo", .result = &result));

    expect(blame, hold != NULL);
    expect(blame, tg_group_count(g) == 1);
    tg_group_add(g, task_count, NULL);
    result = 2.5;
    expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 2);
    expect(blame, tg_group_find(g, 12, &index) == TG_OK && index == 0);
    outcome = outcome_of(g, 0);
    expect(blame, outcome.status == TG_OK);
    expect(blame, outcome.code == 0);
    expect(blame, outcome.id == 12);
    expect(blame, strcmp(outcome.name, "halo") == 0);
    expect(blame, outcome.message[0] == '\0');
    expect(blame, outcome.arg == NULL);
    expect(blame, outcome.result == &result);
    expect(blame, tg_group_result(g, 0) == &result);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_hold_may_be_completed_before_the_run)
{
    at_place(_i, complete_before);
}
END_TEST

static void hold_before(struct blame *blame)
{
    struct held held = {.blame = blame, .group = tg_group_create(NULL)};

    held.hold = tg_group_hold(held.group, NULL);
    tg_group_add(held.group, task_count, &held.running);
    expect(blame, run_beside(&held, complete_later) == TG_OK);
    expect(blame, report_of(held.group).ok == 2);
    expect(blame, report_of(held.group).pending == 0);
    expect_exact_accounting(blame, held.group);
    tg_group_destroy(held.group);
}

START_TEST(a_run_returns_when_the_last_hold_is_completed)
{
    at_place(_i, hold_before);
}
END_TEST

static int hold_open(tg_task *self, void *arg, void *result)
{
    struct held *held = arg;

    (void)result;
    held->hold = tg_group_hold(tg_task_group(self), NULL);
    expect(held->blame, held->hold != NULL);
    atomic_store(&held->running, 1);
    return 0;
}

static void hold_during(struct blame *blame)
{
    struct held held = {.blame = blame, .group = tg_group_create(NULL)};

    tg_group_add(held.group, hold_open, &held);
    expect(blame, run_beside(&held, complete_later) == TG_OK);
    expect(blame, tg_group_count(held.group) == 2);
    expect(blame, status_of(held.group, 1) == TG_OK);
    tg_group_destroy(held.group);
}

START_TEST(a_task_may_hold_its_group_open)
{
    at_place(_i, hold_during);
}
END_TEST

static int wait_until_over(tg_task *self, void *arg, void *result)
{
    struct held *held = arg;

    (void)self, (void)result;
    atomic_store(&held->running, 1);
    wait_until(atomic_load(&held->over));
    return 0;
}

static void *hold_and_complete(void *arg)
{
    struct held *held = arg;
    tg_task *hold;

    wait_until(atomic_load(&held->running));
    hold = tg_group_hold(held->group, TG_TASK(.name = "elsewhere"));
    expect(held->blame, hold != NULL);
    atomic_store(&held->over, 1); /* the task ends; the group does not */
    nap();
    expect(held->blame, tg_group_run(held->group) == TG_BUSY);
    expect(held->blame, tg_group_add(held->group, task_count, &held->running) == TG_OK);
    expect(held->blame, tg_task_complete(hold, 0, NULL) == TG_OK);
    return NULL;
}

static void hold_from_outside(struct blame *blame)
{
    struct held held = {.blame = blame, .group = tg_group_create(NULL)};

    tg_group_add(held.group, wait_until_over, &held);
    expect(blame, run_beside(&held, hold_and_complete) == TG_OK);
    expect(blame, report_of(held.group).ok == 3);
    expect(blame, atomic_load(&held.running) == 2); /* what was added meanwhile has run */
    tg_group_destroy(held.group);
}

START_TEST(another_thread_may_hold_the_group_open_add_to_it_and_let_it_go)
{
    at_place(_i, hold_from_outside);
}
END_TEST

/* No thread and no slot: with all of them open everything else runs, and one of that completes them. */
enum { MANY = 100 };

struct many {
    struct blame *blame;
    tg_task *holds[MANY];
    atomic_int ran;
};

static int complete_all(tg_task *self, void *arg, void *result)
{
    struct many *many = arg;
    tg_report report = report_of(tg_task_group(self));

    (void)result;
    expect(many->blame, atomic_load(&many->ran) == 50); /* the limit is 1 */
    expect(many->blame, report.pending == MANY + 1);
    expect(many->blame, report.ok == 50);
    expect(many->blame, status_of(tg_task_group(self), 3) == TG_PENDING);
    for (int i = 0; i < MANY; i++)
        expect(many->blame, tg_task_complete(many->holds[i], 0, NULL) == TG_OK);
    expect(many->blame, report_of(tg_task_group(self)).pending == 1);
    return 0;
}

static void hold_many(struct blame *blame)
{
    for (int round = 0; round < 2; round++) {
        struct many many = {.blame = blame};
        tg_limit *limit = tg_limit_create(1);
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .shared = round ? limit : NULL));
        for (int i = 0; i < MANY; i++)
            expect(blame, (many.holds[i] = tg_group_hold(g, NULL)) != NULL);
        tg_group_add_many(g, task_count, 50, &many.ran, 0, NULL);
        tg_group_add(g, complete_all, &many);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == MANY + 51);
        expect(blame, tg_limit_used(limit) == 0);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(holds_take_neither_a_thread_nor_a_slot)
{
    at_place(_i, hold_many);
}
END_TEST

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    int *done = user; /* one call at a time */

    (void)group;
    done[strcmp(outcome->name, "held") == 0]++;
    return 0;
}

static void be_done(struct blame *blame)
{
    int done[2] = {0};
    struct held held = {.blame = blame};
    tg_group *g = held.group = tg_group_create(TG_GROUP(.on_done = count_done, .user = done));

    held.hold = tg_group_hold(g, TG_TASK(.name = "held"));
    tg_group_add(g, task_count, &held.running);
    expect(blame, run_beside(&held, complete_later) == TG_OK);
    expect(blame, done[0] == 1);
    expect(blame, done[1] == 1);
    tg_group_destroy(g);
}

START_TEST(on_done_is_called_for_a_hold_as_for_a_task)
{
    at_place(_i, be_done);
}
END_TEST

/* ---- Errors from elsewhere ----------------------------------------------------------------- */

static void expect_hold_error(struct blame *blame, const tg_error *error)
{
    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == TG_FAILED);
    expect(blame, error->code == 5);
    expect(blame, error->index == 0);
    expect(blame, error->id == 3);
    expect(blame, strcmp(error->name, "disk") == 0);
    expect(blame, strcmp(error->message, "the disk is full") == 0);
}

static void fail_from_outside(struct blame *blame)
{
    struct held held = {.blame = blame, .code = 5, .message = "the disk is full"};
    tg_group *g = held.group = tg_group_create(NULL);

    held.hold = tg_group_hold(g, TG_TASK(.id = 3, .name = "disk"));
    tg_group_add_many(g, task_until_told, 100, &held.running, 0, NULL);
    expect(blame, run_beside(&held, complete_later) == TG_FAILED);
    expect_hold_error(blame, tg_group_error(g));
    expect_hold_error(blame, tg_group_error_next(g, NULL));
    expect(blame, status_of(g, 0) == TG_FAILED);
    expect(blame, outcome_of(g, 0).code == 5);
    expect(blame, strcmp(outcome_of(g, 0).message, "the disk is full") == 0);
    expect(blame, report_of(g).failed == 1);
    expect(blame, report_of(g).cancelled == (size_t)atomic_load(&held.running));
    expect(blame, report_of(g).cancelled + report_of(g).skipped == 100);
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_hold(g, NULL) == NULL);
    expect(blame, tg_error_last()->status == TG_CLOSED);
    tg_group_destroy(g);
}

START_TEST(a_hold_that_fails_stops_the_group)
{
    at_place(_i, fail_from_outside);
}
END_TEST

static void fail_optionally(struct blame *blame)
{
    struct held held = {.blame = blame, .code = 5, .message = "the disk is full"};
    tg_group *g = held.group = tg_group_create(NULL);

    held.hold = tg_group_hold(g, TG_TASK(.id = 3, .name = "disk", .flags = TG_TASK_OPTIONAL));
    tg_group_add_many(g, task_count, 100, &held.running, 0, NULL);
    expect(blame, run_beside(&held, complete_later) == TG_OK);
    expect(blame, tg_group_error(g) == NULL);
    expect_hold_error(blame, tg_group_error_next(g, NULL));
    expect(blame, report_of(g).ok == 100);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(an_optional_hold_that_fails_stops_nothing)
{
    at_place(_i, fail_optionally);
}
END_TEST

static void fail_before(struct blame *blame)
{
    atomic_int ran = 0;
    char message[] = "the disk is full";
    tg_group *g = tg_group_create(NULL);
    tg_task *hold = tg_group_hold(g, TG_TASK(.id = 3, .name = "disk"));

    tg_group_add_many(g, task_count, 100, &ran, 0, NULL);
    expect(blame, tg_task_complete(hold, 5, message) == TG_OK);
    memset(message, 'x', sizeof message - 1); /* it was copied */
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect_hold_error(blame, tg_group_error(g));
    expect(blame, atomic_load(&ran) == 0);
    expect(blame, report_of(g).skipped == 100);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_hold_that_has_failed_before_the_run_lets_nothing_start)
{
    at_place(_i, fail_before);
}
END_TEST

static int complete_itself(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_task_complete(self, 0, NULL) == TG_INVALID);
    expect((struct blame *)arg, tg_task_complete(self, 7, "no") == TG_INVALID);
    return 0;
}

static void complete_twice(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *good = tg_group_hold(g, NULL);
    tg_task *bad = tg_group_hold(g, TG_TASK(.flags = TG_TASK_OPTIONAL));

    expect(blame, tg_task_complete(good, 0, NULL) == TG_OK);
    expect(blame, tg_task_complete(good, 5, "too late") == TG_DONE);
    expect(blame, tg_task_complete(good, 0, NULL) == TG_DONE);
    expect(blame, tg_task_complete(bad, 6, "first") == TG_OK);
    expect(blame, tg_task_complete(bad, 0, NULL) == TG_DONE);
    tg_group_add(g, complete_itself, blame);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_task_complete(good, 5, "much too late") == TG_DONE);
    expect(blame, status_of(g, 0) == TG_OK);
    expect(blame, status_of(g, 1) == TG_FAILED);
    expect(blame, outcome_of(g, 1).code == 6);
    expect(blame, strcmp(outcome_of(g, 1).message, "first") == 0);
    expect(blame, report_of(g).ok == 2);
    tg_group_destroy(g);
}

START_TEST(a_hold_is_completed_once_and_a_task_never)
{
    at_place(_i, complete_twice);
}
END_TEST

START_TEST(a_hold_without_sense_is_refused)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *hold;

    ck_assert_ptr_null(tg_group_hold(NULL, NULL));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    assert_refused(tg_task_complete(NULL, 0, NULL), TG_INVALID, "task");
    hold = tg_group_hold(g, TG_TASK(.id = 8));
    ck_assert_ptr_nonnull(hold);
    ck_assert_ptr_null(tg_group_hold(g, TG_TASK(.id = 8)));
    ck_assert_int_eq(tg_error_last()->status, TG_DUPLICATE);
    ck_assert_uint_eq(tg_group_count(g), 1);
    assert_status(tg_task_complete(hold, 0, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_ptr_null(tg_group_hold(g, TG_TASK(.flags = 0x80)));
    ck_assert_int_eq(tg_error_last()->status, TG_UNSUPPORTED);
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hold");
    TCase *when = add_case(suite, "when");
    TCase *errors = add_case(suite, "errors");

    tcase_add_loop_test(when, a_hold_may_be_completed_before_the_run, 0, PLACES);
    tcase_add_loop_test(when, a_run_returns_when_the_last_hold_is_completed, 0, PLACES);
    tcase_add_loop_test(when, a_task_may_hold_its_group_open, 0, PLACES);
    tcase_add_loop_test(
        when, another_thread_may_hold_the_group_open_add_to_it_and_let_it_go, 0, PLACES);
    tcase_add_loop_test(when, holds_take_neither_a_thread_nor_a_slot, 0, PLACES);
    tcase_add_loop_test(when, on_done_is_called_for_a_hold_as_for_a_task, 0, PLACES);
    tcase_add_loop_test(errors, a_hold_that_fails_stops_the_group, 0, PLACES);
    tcase_add_loop_test(errors, an_optional_hold_that_fails_stops_nothing, 0, PLACES);
    tcase_add_loop_test(
        errors, a_hold_that_has_failed_before_the_run_lets_nothing_start, 0, PLACES);
    tcase_add_loop_test(errors, a_hold_is_completed_once_and_a_task_never, 0, PLACES);
    tcase_add_test(errors, a_hold_without_sense_is_refused);
    return run_suite(suite);
}
