/* SPDX-License-Identifier: MIT */
/* task.h, `.timeout`: a task's own time, from the start of each attempt; and who is told of it. */
#include "tg_test.h"

/* What a task was told, and by whom. */
struct seen {
    tg_status check, context; /* tg_task_check(), and tg_context_check() of the task's context */
    tg_context *own;
    int code; /* to be returned */
    atomic_int starts;
};

static int loop_until_told(tg_task *self, void *arg, void *result)
{
    struct seen *seen = arg;

    seen->own = tg_task_context(self);
    atomic_fetch_add(&seen->starts, 1);
    wait_until(tg_task_check(self) != TG_OK);
    seen->check = tg_task_check(self);
    seen->context = seen->own == NULL ? TG_INVALID : tg_context_check(seen->own);
    if (result != NULL)
        *(int *)result = 55;
    return seen->code;
}

static void spin(double seconds)
{
    double end = tg_time_now() + seconds;
    wait_until(tg_time_now() > end);
}

static int spin_for(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    spin(*(const double *)arg);
    return 0;
}

/* ---- Past its time ------------------------------------------------------------------------- */

static void expect_timed_out(struct blame *blame, tg_group *g, size_t index, int code)
{
    const tg_error *error = tg_group_error(g);

    expect(blame, status_of(g, index) == TG_TIMED_OUT);
    expect(blame, outcome_of(g, index).code == code);
    expect(blame, outcome_of(g, index).message[0] != '\0');
    expect(blame, report_of(g).timed_out == 1 && report_of(g).failed == 0);
    expect(blame, error != NULL && error->status == TG_TIMED_OUT);
    expect(blame, error != NULL && error->index == index && error->code == code);
    expect(blame, error != NULL && error->attempts == 1 && error->message[0] != '\0');
    error = tg_group_error_next(g, NULL);
    expect(blame, error != NULL && error->status == TG_TIMED_OUT && error->index == index);
    expect_exact_accounting(blame, g);
}

static void time_out(struct blame *blame)
{
    static const int codes[] = {0, 9};

    for (int i = 0; i < 2; i++) {
        struct seen seen = {.code = codes[i]};
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
        tg_group_add_with(
            g, loop_until_told, &seen, TG_TASK(.timeout = 2e-3, .name = "slow"), NULL);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT);
        expect_timed_out(blame, g, 0, codes[i]);
        expect(blame, strcmp(tg_group_error(g)->name, "slow") == 0);
        expect(blame, seen.check == TG_TIMED_OUT && seen.context == TG_TIMED_OUT);
        expect(blame, *(int *)tg_group_result(g, 0) == 55);
        expect(blame, tg_context_check(tg_group_context(g)) != TG_OK);
        expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
        tg_group_destroy(g);
    }
}

START_TEST(past_its_own_time_a_task_is_timed_out_whatever_it_returns)
{
    at_place(_i, time_out);
}
END_TEST

static void time_out_unasked(struct blame *blame)
{
    const double seconds = 3e-3;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, spin_for, &seconds, TG_TASK(.timeout = 1e-3), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect_timed_out(blame, g, 0, 0);
    tg_group_destroy(g);
}

START_TEST(also_if_it_never_asks)
{
    at_place(_i, time_out_unasked);
}
END_TEST

static void end_in_time(struct blame *blame)
{
    static const double times[] = {0, 1000, 1e300, INFINITY};
    tg_group *g = tg_group_create(NULL);
    atomic_int runs = 0;

    for (int i = 0; i < 4; i++)
        tg_group_add_with(g, task_count, &runs, TG_TASK(.timeout = times[i]), NULL);
    tg_group_add_many(g, task_count, 100, &runs, 0, TG_TASK(.timeout = 1000));
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&runs) == 104);
    expect(blame, report_of(g).ok == 104 && tg_group_error_next(g, NULL) == NULL);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.timeout = 1000), NULL);
    tg_group_add_many(g, task_until_told, 3, NULL, 0, TG_TASK(.timeout = 1000));
    expect(blame, tg_group_run(g) == TG_FAILED); /* a failure in time is no timeout */
    expect(blame, tg_group_error(g)->index == 104 && tg_group_error(g)->code == 7);
    expect(blame, report_of(g).timed_out == 0);
    tg_group_destroy(g);
}

START_TEST(who_ends_in_time_is_as_without)
{
    at_place(_i, end_in_time);
}
END_TEST

/* ---- What it stops ------------------------------------------------------------------------- */

static void stop_others(struct blame *blame)
{
    static const struct {
        unsigned group_flags, task_flags;
        tg_status answer, next;
    } cases[] = {{0, 0, TG_TIMED_OUT, TG_SKIPPED}, {0, TG_TASK_OPTIONAL, TG_OK, TG_OK},
        {TG_GROUP_KEEP_GOING, 0, TG_TIMED_OUT, TG_OK},
        {TG_GROUP_KEEP_GOING, TG_TASK_OPTIONAL, TG_OK, TG_OK}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .flags = cases[i].group_flags));
        struct seen seen = {0};
        const tg_error *error;
        tg_group_add(g, task_count, NULL);
        tg_group_add_with(g, loop_until_told, &seen,
            TG_TASK(.timeout = 1e-3, .flags = cases[i].task_flags, .id = 9), NULL);
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_run(g) == cases[i].answer);
        expect(blame, status_of(g, 0) == TG_OK);
        expect(blame, status_of(g, 1) == TG_TIMED_OUT);
        expect(blame, status_of(g, 2) == cases[i].next);
        error = tg_group_error_next(g, NULL);
        expect(blame, error != NULL && error->status == TG_TIMED_OUT && error->id == 9);
        expect(blame, (tg_group_error(g) != NULL) == (cases[i].answer != TG_OK));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(it_stops_what_a_failure_would_stop)
{
    at_place(_i, stop_others);
}
END_TEST

static int time_out_beside(tg_task *self, void *arg, void *result)
{
    atomic_int *others = arg;

    (void)result;
    wait_until(atomic_load(others) == 1);
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static void tell_sibling(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    struct seen seen = {.code = 9};

    if (team_size() >= 2) {
        tg_group_add_with(g, time_out_beside, &seen.starts, TG_TASK(.timeout = 1e-3), NULL);
        tg_group_add(g, loop_until_told, &seen);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT);
        expect_timed_out(blame, g, 0, 0);
        expect(blame, status_of(g, 1) == TG_CANCELLED);
        expect(blame, seen.own == tg_group_context(g));
    }
    tg_group_destroy(g);
}

START_TEST(who_was_in_flight_is_told_and_is_cancelled)
{
    at_place(_i, tell_sibling);
}
END_TEST

/* ---- From when ----------------------------------------------------------------------------- */

/* Together they take twice as long as each may, one after another. */
static void time_each(struct blame *blame)
{
    static const long grains[] = {1, 8, TG_GRAIN_AUTO};
    const double timeout = 0.03, seconds = 0.4 * timeout;

    for (int i = 0; i < 3; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .grainsize = grains[i],
            .flags = TG_GROUP_TIMES | TG_GROUP_KEEP_GOING));
        tg_group_add_many(g, spin_for, 5, &seconds, 0, TG_TASK(.timeout = timeout));
        tg_group_run(g);
        for (size_t j = 0; j < 5; j++) { /* unless this thread was away for long */
            tg_outcome outcome = outcome_of(g, j);
            expect(blame, outcome.status == TG_OK || outcome.end - outcome.start >= timeout);
            expect(blame, outcome.end - outcome.start >= seconds);
        }
        tg_group_destroy(g);
    }
}

START_TEST(the_time_in_the_queue_does_not_count)
{
    at_place(_i, time_each);
}
END_TEST

/* Four attempts take longer than one may; if the time ran on there would be no end to them. */
static int spin_and_fail(tg_task *self, void *arg, void *result)
{
    tg_status *first_check = arg;

    (void)result;
    if (tg_task_check(self) == TG_OK)
        *first_check = TG_OK;
    spin(8e-3);
    return tg_task_attempt(self) < 4;
}

static void time_attempts(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    tg_status first_check = TG_INVALID;

    tg_group_add_with(
        g, spin_and_fail, &first_check, TG_TASK(.timeout = 0.02, .attempts = TG_ENDLESS), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, outcome_of(g, 0).attempts >= 4);
    expect(blame, first_check == TG_OK);
    tg_group_destroy(g);
}

START_TEST(each_attempt_has_its_time_anew)
{
    at_place(_i, time_attempts);
}
END_TEST

/* The first attempt goes on until it is told; the second one is not told, and has not been. */
static int be_told_once(tg_task *self, void *arg, void *result)
{
    struct seen *seen = arg;

    if (tg_task_attempt(self) == 1)
        return loop_until_told(self, arg, result);
    if (tg_task_check(self) == TG_OK && tg_context_check(tg_task_context(self)) == TG_OK)
        seen->code = 0;
    return seen->code;
}

static void try_again(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    struct seen seen = {.code = 9};

    tg_group_add_with(
        g, be_told_once, &seen, TG_TASK(.timeout = 0.01, .attempts = 10, .backoff = 1e-4), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, seen.check == TG_TIMED_OUT && seen.context == TG_TIMED_OUT);
    expect(blame, outcome_of(g, 0).attempts >= 2 && status_of(g, 0) == TG_OK);
    expect(blame, report_of(g).timed_out == 0 && tg_group_error_next(g, NULL) == NULL);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(an_attempt_past_its_time_is_tried_again_as_any_failure)
{
    at_place(_i, try_again);
}
END_TEST

/* ---- Contexts ------------------------------------------------------------------------------ */

/* Cancels its group and expects to be told through its own context, long before its own time. */
static int cancel_above(tg_task *self, void *arg, void *result)
{
    tg_context_cancel(tg_group_context(tg_task_group(self)), 3, "above");
    return loop_until_told(self, arg, result);
}

static void own_context(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    struct seen plain = {.code = 9}, timed = {.code = 9};

    tg_group_add_with(g, cancel_above, &plain, NULL, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, plain.own == tg_group_context(g));
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add_with(g, cancel_above, &timed, TG_TASK(.timeout = 1000), NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, timed.own != tg_group_context(g) && timed.own != NULL);
    expect(blame, timed.check == TG_CANCELLED && timed.context == TG_CANCELLED);
    expect(blame, status_of(g, 0) == TG_CANCELLED);
    expect(blame, tg_group_error(g)->index == TG_NO_INDEX && tg_group_error(g)->code == 3);
    tg_group_destroy(g);
}

START_TEST(a_task_with_a_timeout_has_a_context_of_its_own_below_the_groups)
{
    at_place(_i, own_context);
}
END_TEST

static int run_inner(tg_task *self, void *arg, void *result)
{
    tg_group *inner = tg_group_create(NULL);
    struct seen *seen = arg;
    tg_status status;

    (void)self, (void)result;
    tg_group_add(inner, loop_until_told, seen);
    status = tg_group_run(inner);
    tg_group_destroy(inner);
    return status == TG_TIMED_OUT ? 0 : 1;
}

static void time_out_inner(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    struct seen seen = {.code = 9};

    tg_group_add_with(g, run_inner, &seen, TG_TASK(.timeout = 0.01), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect_timed_out(blame, g, 0, 0);
    expect(blame, atomic_load(&seen.starts) == 0 || seen.check == TG_TIMED_OUT);
    tg_group_destroy(g);
}

START_TEST(a_group_that_a_task_runs_stops_at_the_tasks_time)
{
    at_place(_i, time_out_inner);
}
END_TEST

/* ---- The group's time ---------------------------------------------------------------------- */

static void groups_time(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 0.01, .limit = 1));
    struct seen seen = {.code = 9};

    tg_group_add_with(g, loop_until_told, &seen, TG_TASK(.timeout = 1000), NULL);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, tg_group_error(g)->index == TG_NO_INDEX);
    expect(blame, tg_group_error(g)->attempts == 0);
    expect(blame, status_of(g, 1) == TG_SKIPPED && report_of(g).timed_out == 0);
    if (atomic_load(&seen.starts) == 1) {
        expect(blame, seen.check == TG_TIMED_OUT && seen.context == TG_TIMED_OUT);
        expect(blame, status_of(g, 0) == TG_CANCELLED);
    }
    expect(blame, tg_group_error_next(g, NULL) == NULL);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_that_the_groups_time_has_stopped_is_cancelled_not_timed_out)
{
    at_place(_i, groups_time);
}
END_TEST

/* ---- Bad input ----------------------------------------------------------------------------- */

START_TEST(times_that_make_no_sense_are_refused_and_remembered)
{
    static const double times[] = {-1, -1e-300, NAN, -INFINITY};

    for (int i = 0; i < 4; i++) {
        tg_group *g = tg_group_create(NULL);
        atomic_int runs = 0;
        size_t index = 5;
        tg_group_add(g, task_count, &runs);
        assert_status(tg_group_add_with(g, task_count, &runs, TG_TASK(.timeout = times[i]), &index),
            TG_INVALID);
        ck_assert_uint_eq(index, TG_NO_INDEX);
        ck_assert_uint_eq(tg_group_count(g), 1);
        assert_status(tg_group_add_many(g, task_count, 3, &runs, 0, TG_TASK(.timeout = times[i])),
            TG_INVALID);
        ck_assert_str_ne(tg_error_last()->message, "");
        assert_status(tg_group_run(g), TG_INVALID);
        ck_assert_int_eq(runs, 0);
        tg_group_destroy(g);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeout");
    TCase *past = add_case(suite, "past its time");
    TCase *when = add_case(suite, "from when");
    TCase *contexts = add_case(suite, "contexts");

    tcase_add_loop_test(past, past_its_own_time_a_task_is_timed_out_whatever_it_returns, 0, PLACES);
    tcase_add_loop_test(past, also_if_it_never_asks, 0, PLACES);
    tcase_add_loop_test(past, who_ends_in_time_is_as_without, 0, PLACES);
    tcase_add_loop_test(past, it_stops_what_a_failure_would_stop, 0, PLACES);
    tcase_add_loop_test(past, who_was_in_flight_is_told_and_is_cancelled, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(when, the_time_in_the_queue_does_not_count, 0, PLACES);
    tcase_add_loop_test(when, each_attempt_has_its_time_anew, 0, PLACES);
    tcase_add_loop_test(when, an_attempt_past_its_time_is_tried_again_as_any_failure, 0, PLACES);
    tcase_add_loop_test(
        contexts, a_task_with_a_timeout_has_a_context_of_its_own_below_the_groups, 0, PLACES);
    tcase_add_loop_test(contexts, a_group_that_a_task_runs_stops_at_the_tasks_time, 0, PLACES);
    tcase_add_loop_test(
        contexts, a_task_that_the_groups_time_has_stopped_is_cancelled_not_timed_out, 0, PLACES);
    tcase_add_test(past, times_that_make_no_sense_are_refused_and_remembered);
    return run_suite(suite);
}
