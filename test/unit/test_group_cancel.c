/* SPDX-License-Identifier: MIT */
/* group.h: stopping a group from outside: by hand, by a signal, by time, by what is above it. */
#include "tg_test.h"
#include <signal.h>

enum { COUNT = 500 };

static void expect_cause(
    struct blame *blame, tg_group *g, tg_status status, int code, const char *message)
{
    const tg_error *error = tg_group_error(g);

    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == status);
    expect(blame, error->code == code);
    expect(blame, error->index == TG_NO_INDEX);
    expect(blame, error->name[0] == '\0');
    expect(blame, message == NULL || strcmp(error->message, message) == 0);
    expect(blame, error->message[0] != '\0');
}

/* ---- By hand ------------------------------------------------------------------------------- */

static void cancel_first(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int started = 0;

    tg_group_add_many(g, task_count, COUNT, &started, 0, NULL);
    expect(blame, tg_context_cancel(tg_group_context(g), 4, "not at all") == TG_OK);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, atomic_load(&started) == 0);
    expect(blame, report_of(g).skipped == COUNT);
    expect(blame, report_of(g).added == COUNT);
    expect(blame, status_of(g, COUNT - 1) == TG_SKIPPED);
    expect_cause(blame, g, TG_CANCELLED, 4, "not at all");
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, tg_group_error_next(g, NULL) == NULL); /* no task has failed */
    expect(blame, tg_group_reset(g) == TG_OK);
    expect(blame, tg_group_add(g, task_count, &started) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_group_cancelled_before_the_run_starts_nothing)
{
    at_place(_i, cancel_first);
}
END_TEST

struct canceller {
    tg_context *context;
    atomic_int *started;
};

static void *cancel_once_started(void *arg)
{
    struct canceller *canceller = arg;

    wait_until(atomic_load(canceller->started) > 0);
    tg_context_cancel(canceller->context, 21, "from another thread");
    return NULL;
}

static void cancel_from_outside(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int started = 0;
    struct canceller canceller = {tg_group_context(g), &started};
    pthread_t thread;

    tg_group_add_many(g, task_until_told, COUNT, &started, 0, NULL);
    pthread_create(&thread, NULL, cancel_once_started, &canceller);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    pthread_join(thread, NULL);
    expect(blame, (size_t)atomic_load(&started) <= team_size());
    expect(blame, report_of(g).cancelled == (size_t)atomic_load(&started));
    expect(blame, report_of(g).skipped == COUNT - (size_t)atomic_load(&started));
    expect_cause(blame, g, TG_CANCELLED, 21, "from another thread");
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(another_thread_can_cancel_a_group_that_runs)
{
    at_place(_i, cancel_from_outside);
}
END_TEST

static void cancel_from_inside(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    atomic_int started = 0;

    tg_group_add(g, task_count, &started);
    tg_group_add(g, task_cancel, &started);
    tg_group_add(g, task_count, &started);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, atomic_load(&started) == 2);
    expect(blame, status_of(g, 0) == TG_OK && status_of(g, 1) == TG_OK);
    expect(blame, status_of(g, 2) == TG_SKIPPED);
    expect_cause(blame, g, TG_CANCELLED, 42, "enough");
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_can_cancel_its_own_group)
{
    at_place(_i, cancel_from_inside);
}
END_TEST

static void cancel_in_vain(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    tg_group_add(g, task_count, NULL);
    tg_group_add(g, task_cancel, NULL); /* the last one, and it ends well */
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 2);
    expect(blame, tg_group_error(g) == NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_context_cancel(tg_group_context(g), 1, "too late");
    expect(blame, tg_group_run(g) == TG_OK); /* no new tasks: the same answer */
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    tg_group_destroy(g);
}

START_TEST(a_cancel_that_leaves_nothing_undone_changes_nothing)
{
    at_place(_i, cancel_in_vain);
}
END_TEST

static int cancel_then_fail(tg_task *self, void *arg, void *result)
{
    task_cancel(self, arg, result);
    return tg_task_check(self) == TG_CANCELLED ? 5 : 0;
}

static void cancel_and_fail(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, cancel_then_fail, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, status_of(g, 0) == TG_CANCELLED);
    expect(blame, outcome_of(g, 0).code == 5);
    expect_cause(blame, g, TG_CANCELLED, 42, "enough");
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_that_was_told_and_fails_leaves_the_cause_as_it_is)
{
    at_place(_i, cancel_and_fail);
}
END_TEST

static tg_context *signalled;

static void cancel_in_handler(int signal)
{
    (void)signal;
    tg_context_cancel(signalled, 99, "interrupted");
}

static int raise_signal(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    raise(SIGUSR1);
    return 0;
}

START_TEST(a_signal_in_a_task_can_cancel_the_group)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    atomic_int started = 0;

    signalled = tg_group_context(g);
    signal(SIGUSR1, cancel_in_handler);
    tg_group_add(g, raise_signal, &started);
    tg_group_add(g, task_count, &started);
    assert_status(tg_group_run(g), TG_CANCELLED);
    ck_assert_int_eq(started, 1);
    expect_cause(&blame, g, TG_CANCELLED, 99, "interrupted");
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
}
END_TEST

/* ---- By time ------------------------------------------------------------------------------- */

static void time_out(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 1e-3));
    atomic_int started = 0;

    tg_group_add_many(g, task_until_told, COUNT, &started, 0, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, report_of(g).cancelled == (size_t)atomic_load(&started));
    expect(blame, report_of(g).skipped == COUNT - (size_t)atomic_load(&started));
    expect(blame, (size_t)atomic_load(&started) <= team_size());
    expect_cause(blame, g, TG_TIMED_OUT, 0, NULL);
    expect(blame, tg_context_check(tg_group_context(g)) == TG_TIMED_OUT);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_group_past_its_time_starts_nothing_more)
{
    at_place(_i, time_out);
}
END_TEST

static int finish_in_overtime(tg_task *self, void *arg, void *result)
{
    task_until_told(self, arg, result);
    return tg_task_check(self) == TG_TIMED_OUT ? 0 : 1;
}

static void finish_late(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 1e-3));

    tg_group_add(g, finish_in_overtime, NULL);
    tg_status status = tg_group_run(g);
    /* OK, unless this thread was away for so long that the task has never started. */
    expect(blame, status_of(g, 0) == (status == TG_OK ? TG_OK : TG_SKIPPED));
    expect(blame, status == TG_OK || status == TG_TIMED_OUT);
    tg_group_destroy(g);
}

START_TEST(a_task_that_finishes_in_overtime_is_ok_and_so_is_the_group)
{
    at_place(_i, finish_late);
}
END_TEST

static void run_in_time(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 0.2));
    double start = tg_time_now();

    tg_group_add(g, task_count, NULL);
    wait_until(tg_time_now() > start + 0.2); /* the time runs from the start of a run */
    expect(blame, tg_group_run(g) == TG_OK || tg_time_now() > start + 0.4);
    if (tg_group_error(g) == NULL) {
        tg_group_add(g, task_count, NULL);
        wait_until(tg_time_now() > start + 0.5);
        start = tg_time_now();
        expect(blame, tg_group_run(g) == TG_OK || tg_time_now() > start + 0.2);
    }
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.timeout = INFINITY));
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(the_time_of_a_group_runs_from_the_start_of_each_run)
{
    at_place(PLACE_SERIAL, run_in_time);
}
END_TEST

/* ---- From above ---------------------------------------------------------------------------- */

static void time_out_from_above(struct blame *blame)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 1e-9));
    tg_group *g = tg_group_create(TG_GROUP(.context = context, .timeout = 1000));
    atomic_int started = 0;

    wait_until(tg_context_check(context) != TG_OK);
    tg_group_add(g, task_count, &started); /* closed or not: nobody has told the group yet */
    tg_status status = tg_group_run(g);
    expect(blame, atomic_load(&started) == 0);
    expect(blame, status == (report_of(g).added == 0 ? TG_OK : TG_TIMED_OUT));
    tg_group_destroy(g);
    tg_context_destroy(context);
}

START_TEST(a_deadline_above_has_passed_for_the_group_too)
{
    at_place(_i, time_out_from_above);
}
END_TEST

static void cancel_from_above(struct blame *blame)
{
    tg_context *root = tg_context_create(NULL);
    tg_context *middle = tg_context_create(TG_CONTEXT(.parent = root));
    tg_group *g = tg_group_create(TG_GROUP(.context = middle));
    atomic_int started = 0;
    struct canceller canceller = {root, &started};
    pthread_t thread;

    tg_group_add_many(g, task_until_told, COUNT, &started, 0, NULL);
    pthread_create(&thread, NULL, cancel_once_started, &canceller);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    pthread_join(thread, NULL);
    expect(blame, (size_t)atomic_load(&started) <= team_size());
    expect_cause(blame, g, TG_CANCELLED, 21, "from another thread");
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    tg_context_destroy(middle);
    tg_context_destroy(root);
}

START_TEST(what_a_group_hangs_on_cancels_it)
{
    at_place(_i, cancel_from_above);
}
END_TEST

struct inner {
    struct blame *blame;
    tg_context *outer;
    tg_group *above;
    atomic_int started;
    tg_status answer;
    tg_report report;
};

static int cancel_outer(tg_task *self, void *arg, void *result)
{
    struct inner *inner = arg;

    (void)result;
    atomic_fetch_add(&inner->started, 1);
    tg_context_cancel(inner->outer, 61, "everything");
    expect(inner->blame, tg_task_check(self) == TG_CANCELLED); /* told through two groups */
    return 5;
}

static int run_inner(tg_task *self, void *arg, void *result)
{
    struct inner *inner = arg;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1)); /* hangs on nothing by option */

    (void)result;
    for (int i = 0; i < 10; i++)
        tg_group_add(g, cancel_outer, inner);
    inner->answer = tg_group_run(g);
    inner->report = report_of(g);
    if (tg_group_error(g) != NULL)
        expect(inner->blame, tg_group_error(g)->code == 61);
    tg_group_destroy(g);
    expect(inner->blame, tg_task_check(self) == TG_CANCELLED);
    return 6;
}

static void cancel_across_levels(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    struct inner inner = {.blame = blame, .outer = tg_group_context(g)};

    tg_group_add(g, run_inner, &inner);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, inner.answer == TG_CANCELLED);
    expect(blame, atomic_load(&inner.started) == 1);
    expect(blame, inner.report.cancelled == 1 && inner.report.skipped == 9);
    expect_cause(blame, g, TG_CANCELLED, 61, "everything");
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_group_in_a_task_stops_with_the_tasks_group)
{
    at_place(_i, cancel_across_levels);
}
END_TEST

static int run_waiting_inner(tg_task *self, void *arg, void *result)
{
    struct inner *inner = arg;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    (void)self, (void)result;
    tg_group_add_many(g, task_until_told, 100, &inner->started, 0, NULL);
    inner->answer = tg_group_run(g);
    inner->report = report_of(g);
    tg_group_destroy(g);
    return 0;
}

static int defer(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

/* Fails the deferred task: any thread of the team may be in the group below, or wait for its end. */
static void *fail_once_inner_runs(void *arg)
{
    struct inner *inner = arg;

    wait_until(atomic_load(&inner->started) > 0);
    wait_until(tg_group_complete(inner->above, 0, 8, "no") == TG_OK);
    return NULL;
}

static void fail_beside_inner(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    struct inner inner = {.blame = blame, .above = g};
    pthread_t thread;

    tg_group_add(g, defer, NULL);
    tg_group_add(g, run_waiting_inner, &inner);
    pthread_create(&thread, NULL, fail_once_inner_runs, &inner);
    expect(blame, tg_group_run(g) == TG_FAILED);
    pthread_join(thread, NULL);
    expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 8);
    expect(blame, status_of(g, 1) == TG_OK); /* it says itself that it has finished */
    expect(blame, inner.answer == TG_CANCELLED);
    expect(blame, inner.report.cancelled == 1 && inner.report.skipped == 99);
    expect(blame, inner.report.failed == 0);
    tg_group_destroy(g);
}

START_TEST(a_failure_above_stops_the_groups_below)
{
    at_place(_i, fail_beside_inner);
}
END_TEST

/* Each is above the other: the one by option, the other by running in its task. */
static int run_what_is_above(tg_task *self, void *arg, void *result)
{
    tg_group *g = arg;

    (void)self, (void)result;
    tg_group_add(g, task_count, NULL);
    return tg_group_run(g) == TG_OK ? 0 : 1;
}

static void run_in_a_circle(struct blame *blame)
{
    tg_group *above = tg_group_create(NULL);
    tg_context *between = tg_context_create(TG_CONTEXT(.parent = tg_group_context(above)));
    tg_group *g = tg_group_create(TG_GROUP(.context = between));

    tg_group_add(g, run_what_is_above, above);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_add(g, task_until_told, NULL);
    tg_context_cancel(tg_group_context(above), 8, "from the circle");
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    tg_group_destroy(above);
    tg_group_destroy(g);
    tg_context_destroy(between);
}

START_TEST(a_group_may_run_in_a_task_of_a_group_that_hangs_on_it)
{
    at_place(_i, run_in_a_circle);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_cancel");
    TCase *hand = add_case(suite, "by hand");
    TCase *time = add_case(suite, "by time");
    TCase *above = add_case(suite, "from above");

    tcase_add_loop_test(hand, a_group_cancelled_before_the_run_starts_nothing, 0, PLACES);
    tcase_add_loop_test(hand, another_thread_can_cancel_a_group_that_runs, 0, PLACES);
    tcase_add_loop_test(hand, a_task_can_cancel_its_own_group, 0, PLACES);
    tcase_add_loop_test(hand, a_cancel_that_leaves_nothing_undone_changes_nothing, 0, PLACES);
    tcase_add_loop_test(hand, a_task_that_was_told_and_fails_leaves_the_cause_as_it_is, 0, PLACES);
    tcase_add_test(hand, a_signal_in_a_task_can_cancel_the_group);
    tcase_add_loop_test(time, a_group_past_its_time_starts_nothing_more, 0, PLACES);
    tcase_add_loop_test(
        time, a_task_that_finishes_in_overtime_is_ok_and_so_is_the_group, 0, PLACES);
    tcase_add_test(time, the_time_of_a_group_runs_from_the_start_of_each_run);
    tcase_add_loop_test(above, a_deadline_above_has_passed_for_the_group_too, 0, PLACES);
    tcase_add_loop_test(above, what_a_group_hangs_on_cancels_it, 0, PLACES);
    tcase_add_loop_test(above, a_group_in_a_task_stops_with_the_tasks_group, 0, PLACES);
    tcase_add_loop_test(above, a_failure_above_stops_the_groups_below, 0, PLACES);
    tcase_add_loop_test(above, a_group_may_run_in_a_task_of_a_group_that_hangs_on_it, 0, PLACES);
    return run_suite(suite);
}
