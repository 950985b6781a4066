/* SPDX-License-Identifier: MIT */
/* `.deadline` of contexts, groups, tasks and a pool's tasks: a time on tg_time_now()'s clock, after which nothing starts. */
#include "tg_test.h"

#include "pools.h"

static int wait_until_told(tg_task *self, void *arg, void *result)
{
    (void)result;
    if (arg != NULL)
        atomic_fetch_add((atomic_int *)arg, 1);
    wait_until(tg_task_check(self) != TG_OK);
    return 3;
}

/* ---- Contexts and groups ---- */

static void pass_of_context(struct blame *blame)
{
    double now = tg_time_now();
    tg_context *past = tg_context_create(TG_CONTEXT(.deadline = now - 1));
    tg_context *soon = tg_context_create(TG_CONTEXT(.deadline = now + 5e-3, .timeout = 60));
    tg_context *sooner = tg_context_create(TG_CONTEXT(.deadline = now + 60, .timeout = 5e-3));
    tg_context *later = tg_context_create(TG_CONTEXT(.deadline = now + 60));

    expect(blame, tg_context_check(past) == TG_TIMED_OUT);
    expect(blame, tg_context_check(later) == TG_OK);
    wait_until(tg_context_check(soon) != TG_OK && tg_context_check(sooner) != TG_OK);
    expect(blame, tg_context_check(soon) == TG_TIMED_OUT && tg_time_now() >= now + 5e-3);
    expect(blame, tg_context_check(sooner) == TG_TIMED_OUT);
    tg_context_destroy(past);
    tg_context_destroy(soon);
    tg_context_destroy(sooner);
    tg_context_destroy(later);
}

START_TEST(a_context_is_timed_out_at_its_deadline_or_after_its_timeout)
{
    at_place(_i, pass_of_context);
}
END_TEST

static void pass_of_group(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.deadline = tg_time_now() - 1));

    tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT && atomic_load(&ran) == 0);
    expect(blame, report_of(g).skipped == 1);
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.deadline = tg_time_now() + 0.05, .timeout = 60));
    tg_group_add(g, wait_until_told, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, report_of(g).cancelled + report_of(g).skipped == 1); /* a slow start */
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.deadline = tg_time_now() + 60));
    tg_group_add(g, task_count, &ran);
    expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 1);
    tg_group_destroy(g);
}

START_TEST(a_run_stops_at_the_deadline_of_its_group)
{
    at_place(_i, pass_of_group);
}
END_TEST

/* ---- Tasks ---- */

static void pass_in_task(struct blame *blame)
{
    double deadline = tg_time_now() + 0.05;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, wait_until_told, NULL, TG_TASK(.deadline = deadline, .timeout = 60), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, tg_time_now() >= deadline && status_of(g, 0) == TG_TIMED_OUT);
    int attempts =
        outcome_of(g, 0).attempts; /* 0: the machine is so busy that it had not started */
    expect(blame, attempts == 0 || (attempts == 1 && outcome_of(g, 0).code == 3));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_that_runs_is_told_at_its_deadline)
{
    at_place(_i, pass_in_task);
}
END_TEST

/* Optional, so that the others go on: of each kind of group. */
static void pass_in_queue(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        atomic_int ran = 0;
        tg_group *g =
            tg_group_create(TG_GROUP(.limit = i % 2, .flags = i / 2 ? TG_GROUP_TIMES : 0));
        tg_group_add_with(g, task_count, &ran,
            TG_TASK(.deadline = tg_time_now() - 1, .flags = TG_TASK_OPTIONAL), NULL);
        tg_group_add_with(g, task_count, &ran, TG_TASK(.deadline = tg_time_now() + 60), NULL);
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 1);
        expect(blame, status_of(g, 0) == TG_TIMED_OUT && status_of(g, 1) == TG_OK);
        expect(blame, outcome_of(g, 0).attempts == 0);
        expect(blame, report_of(g).timed_out == 1 && report_of(g).ok == 1);
        const tg_error *error = tg_group_error_next(g, NULL);
        expect(blame, error != NULL && error->status == TG_TIMED_OUT && error->attempts == 0);
        expect(blame, error != NULL && strstr(error->message, "had not started") != NULL);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_task_that_has_not_started_by_then_is_timed_out_without_a_call)
{
    at_place(_i, pass_in_queue);
}
END_TEST

static void stop_the_rest(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    tg_group_add_with(g, task_count, NULL, TG_TASK(.deadline = 1e-9), NULL);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT && status_of(g, 1) == TG_SKIPPED);
    tg_group_destroy(g);
}

START_TEST(it_stops_the_group_as_any_failure)
{
    at_place(_i, stop_the_rest);
}
END_TEST

static int fail_and_count(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    return tg_task_fail(self, 7, "not yet");
}

/* Its backoff would end after it. */
static void try_no_more(struct blame *blame)
{
    atomic_int starts = 0;
    double deadline = tg_time_now() + 30;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, fail_and_count, &starts,
        TG_TASK(.deadline = deadline, .attempts = TG_ENDLESS, .backoff = 60), NULL);
    expect(blame, tg_group_run(g) == TG_FAILED && tg_time_now() < deadline);
    expect(blame, atomic_load(&starts) == 1 && status_of(g, 0) == TG_FAILED);
    expect(blame, outcome_of(g, 0).code == 7 && strcmp(tg_group_error(g)->message, "not yet") == 0);
    tg_group_destroy(g);

    atomic_store(&starts, 0);
    g = tg_group_create(NULL);
    tg_group_add_with(g, fail_and_count, &starts,
        TG_TASK(.deadline = tg_time_now() + 5e-3, .attempts = TG_ENDLESS), NULL);
    tg_status status = tg_group_run(g);
    expect(blame, status == TG_FAILED || status == TG_TIMED_OUT);
    expect(blame, atomic_load(&starts) >= outcome_of(g, 0).attempts);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(no_attempt_begins_after_it)
{
    at_place(_i, try_no_more);
}
END_TEST

static int wait_for_time(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    wait_until(tg_time_now() > *(const double *)arg);
    return 0;
}

struct repeated {
    int starts, code;
    double end; /* of the last one */
};

static int repeat(tg_task *self, void *arg, void *result)
{
    struct repeated *repeated = arg;
    (void)self, (void)result;
    repeated->starts++;
    repeated->end = tg_time_now();
    return repeated->code;
}

/* One at a time: the next attempt, or period, comes when the other task has ended, which is too late. */
static void repeat_until_then(struct blame *blame)
{
    for (int fails = 0; fails < 2; fails++) {
        struct repeated repeated = {.code = fails ? 7 : 0};
        double deadline = tg_time_now() + 0.03, later = deadline + 0.005;
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .flags = TG_GROUP_KEEP_GOING));
        tg_group_add_with(g, repeat, &repeated,
            fails ? TG_TASK(.deadline = deadline, .attempts = TG_ENDLESS, .backoff = 1e-3)
                  : TG_TASK(.deadline = deadline, .period = 1e-3),
            NULL);
        tg_group_add(g, wait_for_time, &later);
        tg_status status = tg_group_run(g);
        bool on_the_way =
            repeated.starts == 0 || repeated.end > deadline - 1e-3; /* a slow machine */
        tg_status expected = fails ? TG_FAILED : TG_OK;
        expect(blame, status == expected || (on_the_way && status == TG_TIMED_OUT));
        expect(blame, status_of(g, 0) == status);
        expect(blame, outcome_of(g, 0).attempts == repeated.starts);
        expect(blame, outcome_of(g, 0).code == (repeated.starts > 0 ? repeated.code : 0));
        expect(blame, status_of(g, 1) == TG_OK);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

static int be_late(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    wait_until(tg_task_check(self) == TG_TIMED_OUT);
    return 9;
}

/* Its first attempt is past its timeout; the next one would begin after its deadline. */
static void time_out_before(struct blame *blame)
{
    for (int i = 0; i < 2; i++) {
        double deadline = tg_time_now() + 0.03, later = deadline + 0.005;
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .flags = TG_GROUP_KEEP_GOING));
        const tg_task_options *o =
            TG_TASK(.timeout = 1e-3, .deadline = deadline, .attempts = 2, .backoff = 1e-3);
        if (i == 0)
            tg_group_add_with(g, be_late, NULL, o, NULL);
        else
            tg_group_add_many(g, be_late, 1, NULL, 0, o);
        tg_group_add(g, wait_for_time, &later);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT && status_of(g, 0) == TG_TIMED_OUT);
        tg_group_destroy(g);
    }
}

START_TEST(an_attempt_that_timed_out_stays_so_when_there_is_no_next_one)
{
    at_place(_i, time_out_before);
}
END_TEST

START_TEST(the_last_attempt_or_period_says_how_it_ended)
{
    at_place(_i, repeat_until_then);
}
END_TEST

static int sleep_long(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 3600);
}

/* It ends neither an hour too late nor too early. */
static void wait_no_longer(struct blame *blame)
{
    for (int i = 0; i < 3; i++) {
        double deadline = tg_time_now() + 0.01;
        const tg_task_options *options = i == 0   ? TG_TASK(.deadline = deadline)
                                         : i == 1 ? TG_TASK(.timeout = 0.01)
                                                  : TG_TASK(.deadline = deadline, .delay = 3600);
        tg_group *g = tg_group_create(NULL);
        tg_group_add_with(g, sleep_long, NULL, options, NULL);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT && status_of(g, 0) == TG_TIMED_OUT);
        expect(blame, tg_time_now() >= deadline);
        expect(blame, i < 2 || outcome_of(g, 0).attempts == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_sleep_and_a_delay_end_at_its_own_time)
{
    at_place(_i, wait_no_longer);
}
END_TEST

static void pass_in_pool(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    atomic_int ran = 0;
    tg_task *late, *task;
    tg_outcome outcome = {.size = sizeof outcome};

    submit_with(blame, p, task_count, &ran, TG_TASK(.deadline = tg_time_now() - 1), &late);
    submit_with(blame, p, task_count, &ran, TG_TASK(.deadline = tg_time_now() + 60), &task);
    expect(blame, tg_task_wait(late, TG_FOREVER) == TG_TIMED_OUT);
    expect(blame, tg_task_outcome(late, &outcome) == TG_OK && outcome.attempts == 0);
    expect(blame, strstr(outcome.message, "had not started") != NULL);
    tg_task_release(late);
    expect(blame, end_of(task) == TG_OK && atomic_load(&ran) == 1);
    finish(blame, p);
}

START_TEST(a_pools_task_has_one_too)
{
    at_place(_i, pass_in_pool);
}
END_TEST

/* ---- Senseless ---- */

START_TEST(deadlines_that_make_no_sense_are_refused)
{
    static const double wrong[] = {-1, (double)NAN};

    for (int i = 0; i < 2; i++) {
        tg_group *g = tg_group_create(NULL);
        ck_assert_ptr_null(tg_context_create(TG_CONTEXT(.deadline = wrong[i])));
        ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
        ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "deadline is"));
        ck_assert_ptr_null(tg_group_create(TG_GROUP(.deadline = wrong[i])));
        ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "deadline is"));
        ck_assert_int_eq(
            tg_group_add_with(g, task_count, NULL, TG_TASK(.deadline = wrong[i]), NULL),
            TG_INVALID);
        ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "deadline is"));
        ck_assert_int_eq(tg_group_run(g), TG_INVALID);
        tg_group_destroy(g);
    }
}
END_TEST

START_TEST(a_hold_has_none)
{
    tg_group *g = tg_group_create(NULL);
    ck_assert_ptr_null(tg_group_hold(g, TG_TASK(.deadline = 1)));
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "deadline 1"));
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deadline");
    TCase *tcase = add_case(suite, "contexts and groups");
    tcase_add_loop_test(
        tcase, a_context_is_timed_out_at_its_deadline_or_after_its_timeout, 0, PLACES);
    tcase_add_loop_test(tcase, a_run_stops_at_the_deadline_of_its_group, 0, PLACES);
    tcase = add_case(suite, "tasks");
    tcase_add_loop_test(tcase, a_task_that_runs_is_told_at_its_deadline, 0, PLACES);
    tcase_add_loop_test(
        tcase, a_task_that_has_not_started_by_then_is_timed_out_without_a_call, 0, PLACES);
    tcase_add_loop_test(tcase, it_stops_the_group_as_any_failure, 0, PLACES);
    tcase_add_loop_test(tcase, no_attempt_begins_after_it, 0, PLACES);
    tcase_add_loop_test(tcase, the_last_attempt_or_period_says_how_it_ended, 0, PLACES);
    tcase_add_loop_test(
        tcase, an_attempt_that_timed_out_stays_so_when_there_is_no_next_one, 0, PLACES);
    tcase_add_loop_test(tcase, a_sleep_and_a_delay_end_at_its_own_time, 0, PLACES);
    tcase_add_loop_test(tcase, a_pools_task_has_one_too, 0, PLACES);
    tcase_add_test(tcase, deadlines_that_make_no_sense_are_refused);
    tcase_add_test(tcase, a_hold_has_none);
    return run_suite(suite);
}
