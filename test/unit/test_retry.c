/* SPDX-License-Identifier: MIT */
/* task.h, `.attempts` and `.backoff`: who is tried again, how often, and when. */
#include "tg_test.h"

/* Fails until its attempt number `good`, with the attempt as its code. */
struct effort {
    struct blame *blame;
    int good;
    int starts;
    void *arg; /* what it was given */
};

static int strive(tg_task *self, void *arg, void *result)
{
    struct effort *effort = arg;

    effort->starts++;
    expect(effort->blame, tg_task_attempt(self) == effort->starts);
    if (result != NULL)
        *(int *)result = effort->starts;
    if (effort->starts == effort->good)
        return 0;
    return tg_task_fail(self, effort->starts, "attempt %d", effort->starts);
}

/* ---- How often ----------------------------------------------------------------------------- */

static void succeed_late(struct blame *blame)
{
    static const struct {
        int attempts, good;
    } cases[] = {{3, 3}, {3, 1}, {10, 2}, {TG_ENDLESS, 40}, {TG_ENDLESS, 1}, {1, 1}, {0, 1}};
    static const double backoffs[] = {0, 1e-5};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int j = 0; j < 2; j++) {
            struct effort effort = {.blame = blame, .good = cases[i].good};
            tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
            tg_group_add_with(g, strive, &effort,
                TG_TASK(.attempts = cases[i].attempts, .backoff = backoffs[j], .backoff_max = 1e-4),
                NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, effort.starts == cases[i].good);
            expect(blame, outcome_of(g, 0).attempts == cases[i].good);
            expect(blame, outcome_of(g, 0).status == TG_OK && outcome_of(g, 0).code == 0);
            expect(blame, *(int *)tg_group_result(g, 0) == cases[i].good);
            expect(blame, report_of(g).ok == 1 && report_of(g).failed == 0);
            expect(blame, tg_group_error(g) == NULL && tg_group_error_next(g, NULL) == NULL);
            expect_exact_accounting(blame, g);
            tg_group_destroy(g);
        }
}

START_TEST(a_task_is_tried_until_it_succeeds)
{
    at_place(_i, succeed_late);
}
END_TEST

static void fail_for_good(struct blame *blame)
{
    static const int attempts[] = {0, 1, 2, 5};

    for (int i = 0; i < 4; i++) {
        int starts = attempts[i] == 0 ? 1 : attempts[i];
        struct effort effort = {.blame = blame, .good = -1};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
        const tg_error *error;
        char message[32];
        snprintf(message, sizeof message, "attempt %d", starts);
        tg_group_add_with(g, strive, &effort,
            TG_TASK(.attempts = attempts[i], .backoff = 1e-5, .name = "pump"), NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, effort.starts == starts);
        expect(blame, outcome_of(g, 0).attempts == starts && outcome_of(g, 0).code == starts);
        error = tg_group_error(g); /* what it says is of the last attempt */
        expect(blame, error->attempts == starts && error->code == starts && error->index == 0);
        expect(blame, strcmp(error->message, message) == 0 && strcmp(error->name, "pump") == 0);
        error = tg_group_error_next(g, NULL);
        expect(blame, error != NULL && error->code == starts);
        expect(blame, error != NULL && tg_group_error_next(g, error) == NULL);
        expect(blame, report_of(g).failed == 1);
        if (attempts[i] > 1)
            expect(blame, report_of(g).attempts == (size_t)starts);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_task_that_fails_each_time_fails_with_its_last_attempt)
{
    at_place(_i, fail_for_good);
}
END_TEST

static int say_it_once(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) == 1 ? tg_task_fail(self, 1, "only the first time") : 2;
}

START_TEST(a_message_is_of_the_attempt_that_said_it)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, say_it_once, NULL, TG_TASK(.attempts = 2), NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_int_eq(tg_group_error(g)->code, 2);
    ck_assert_ptr_null(strstr(tg_group_error(g)->message, "only the first time"));
    ck_assert_str_ne(tg_group_error(g)->message, "");
    tg_group_destroy(g);
}
END_TEST

static void fail_optionally(struct blame *blame)
{
    struct effort good = {.blame = blame, .good = 3}, bad = {.blame = blame, .good = -1};
    tg_group *g = tg_group_create(NULL);
    const tg_error *error;

    tg_group_add_with(g, strive, &bad, TG_TASK(.attempts = 4, .flags = TG_TASK_OPTIONAL), NULL);
    tg_group_add_with(g, strive, &good, TG_TASK(.attempts = 4), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    error = tg_group_error_next(g, NULL);
    expect(blame, error != NULL && error->index == 0 && error->attempts == 4);
    expect(blame, error != NULL && tg_group_error_next(g, error) == NULL);
    expect(blame, report_of(g).ok == 1 && report_of(g).failed == 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(an_attempt_that_is_not_the_last_stops_nothing_nor_does_an_optional_last_one)
{
    at_place(_i, fail_optionally);
}
END_TEST

enum { BEYOND = TG_ATTEMPTS_MOST + 4000 };

/* Fails for as long as attempts can be counted, and somewhat longer. */
static int fail_many_times(tg_task *self, void *arg, void *result)
{
    struct effort *effort = arg;
    int counted = ++effort->starts < TG_ATTEMPTS_MOST ? effort->starts : TG_ATTEMPTS_MOST;

    (void)result;
    expect(effort->blame, tg_task_attempt(self) == counted);
    return effort->starts < BEYOND;
}

START_TEST(as_many_attempts_are_made_as_can_be_counted_and_without_end_more)
{
    struct blame blame = {0};
    struct effort most = {.blame = &blame}, endless = {.blame = &blame};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, fail_many_times, &most,
        TG_TASK(.attempts = TG_ATTEMPTS_MOST, .flags = TG_TASK_OPTIONAL), NULL);
    tg_group_add_with(g, fail_many_times, &endless, TG_TASK(.attempts = TG_ENDLESS), NULL);
    ck_assert_int_eq(tg_group_run(g), TG_OK);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(most.starts, TG_ATTEMPTS_MOST);
    ck_assert_int_eq(status_of(g, 0), TG_FAILED);
    ck_assert_int_eq(tg_group_error_next(g, NULL)->attempts, TG_ATTEMPTS_MOST);
    ck_assert_int_eq(endless.starts, BEYOND);
    ck_assert_int_eq(status_of(g, 1), TG_OK);
    ck_assert_int_eq(outcome_of(g, 1).attempts, TG_ATTEMPTS_MOST);
    tg_group_destroy(g);
}
END_TEST

/* ---- Loops --------------------------------------------------------------------------------- */

static void strive_in_a_loop(struct blame *blame)
{
    enum { COUNT = 200 };
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};
    static const long limits[] = {TG_UNLIMITED, 1, 2};

    for (int i = 0; i < 9; i++) {
        struct effort *efforts = calloc(COUNT, sizeof *efforts);
        tg_group *g = tg_group_create(TG_GROUP(.grainsize = grains[i % 3], .limit = limits[i / 3],
            .result_size = sizeof(int)));
        for (int j = 0; j < COUNT; j++)
            efforts[j] = (struct effort){.blame = blame, .good = 1 + j % 4};
        tg_group_add_many(g, strive, COUNT, efforts, sizeof *efforts,
            TG_TASK(.attempts = 4, .backoff = i % 2 == 0 ? 0 : 1e-5));
        expect(blame, tg_group_run(g) == TG_OK);
        for (int j = 0; j < COUNT; j++) {
            expect(blame, efforts[j].starts == efforts[j].good);
            expect(blame, outcome_of(g, (size_t)j).attempts == efforts[j].good);
            expect(blame, ((int *)tg_group_results(g))[j] == efforts[j].good);
        }
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        free(efforts);
    }
}

START_TEST(each_task_of_a_loop_is_tried_on_its_own)
{
    at_place(_i, strive_in_a_loop);
}
END_TEST

/* ---- Backoff ------------------------------------------------------------------------------- */

struct stamps {
    double end[8], start[8];
};

static int note_times(tg_task *self, void *arg, void *result)
{
    struct stamps *stamps = arg;
    int attempt = tg_task_attempt(self);

    (void)result;
    stamps->start[attempt] = tg_time_now();
    stamps->end[attempt] = tg_time_now();
    return attempt < 5;
}

/* A wait may last as long as it likes on a busy machine, but never less than three quarters. */
START_TEST(the_wait_before_an_attempt_doubles_each_time)
{
    const double backoff = 2e-3;
    struct stamps stamps;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(g, note_times, &stamps, TG_TASK(.attempts = 5, .backoff = backoff), NULL);
    assert_status(tg_group_run(g), TG_OK);
    for (int i = 1; i < 5; i++) {
        double waited = stamps.start[i + 1] - stamps.end[i],
               least = 0.75 * backoff * (1 << (i - 1));
        ck_assert_msg(waited >= 0.999 * least, "attempt %d: %g s, not %g", i + 1, waited, least);
    }
    tg_group_destroy(g);
}
END_TEST

/* If the backoff went on doubling this would take longer than there is. */
START_TEST(the_wait_grows_to_its_bound_and_no_further)
{
    struct blame blame = {0};
    struct effort first = {.blame = &blame, .good = 3}, many = {.blame = &blame, .good = 60};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_with(
        g, strive, &first, TG_TASK(.attempts = 3, .backoff = 1000, .backoff_max = 1e-3), NULL);
    tg_group_add_with(g, strive, &many,
        TG_TASK(.attempts = TG_ENDLESS, .backoff = 1e-5, .backoff_max = 1e-3), NULL);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(first.starts, 3);
    ck_assert_int_eq(many.starts, 60);
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
}
END_TEST

START_TEST(attempts_and_backoffs_that_make_no_sense_are_refused_and_remembered)
{
    static const double times[] = {-1, NAN, -INFINITY};
    tg_group *g;

    ck_assert_int_eq(tg_task_attempt(NULL), 0);
    for (int i = 0; i < 8; i++) {
        double time = times[i % 3];
        const tg_task_options *options = i < 3    ? TG_TASK(.attempts = 2, .backoff = time)
                                         : i < 6  ? TG_TASK(.attempts = 2, .backoff_max = time)
                                         : i == 6 ? TG_TASK(.attempts = -2)
                                                  : TG_TASK(.attempts = TG_ATTEMPTS_MOST + 1);
        atomic_int runs = 0;
        g = tg_group_create(NULL);
        tg_group_add(g, task_count, &runs);
        assert_status(tg_group_add_with(g, task_count, &runs, options, NULL), TG_INVALID);
        assert_status(tg_group_add_many(g, task_count, 5, &runs, 0, options), TG_INVALID);
        ck_assert_str_ne(tg_error_last()->message, "");
        ck_assert_uint_eq(tg_group_count(g), 1);
        assert_status(tg_group_run(g), TG_INVALID);
        ck_assert_int_eq(runs, 0);
        tg_group_destroy(g);
    }
}
END_TEST

struct once {
    struct blame *blame;
    int code;
};

static int run_once(tg_task *self, void *arg, void *result)
{
    const struct once *once = arg;
    (void)result;
    expect(once->blame, tg_task_attempt(self) == 1);
    return once->code;
}

/* On the same thread, one after another. */
static void run_behind(struct blame *blame)
{
    struct effort effort = {.blame = blame, .good = 3};
    struct once ok = {blame, 0}, fails = {blame, 9};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .flags = TG_GROUP_KEEP_GOING));

    tg_group_add_with(g, strive, &effort, TG_TASK(.attempts = 3, .priority = 1), NULL);
    for (int i = 0; i < 5; i++)
        tg_group_add(g, run_once, &ok);
    tg_group_add(g, run_once, &fails);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == 6 && tg_group_error(g)->attempts == 1);
    expect(blame, outcome_of(g, 0).attempts == 3 && outcome_of(g, 1).attempts == 1);
    tg_group_destroy(g);
}

START_TEST(a_task_behind_one_that_was_tried_again_is_in_its_first_attempt)
{
    at_place(_i, run_behind);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retry");
    TCase *often = add_case(suite, "how often");
    TCase *backoff = add_case(suite, "backoff");

    tcase_add_loop_test(often, a_task_is_tried_until_it_succeeds, 0, PLACES);
    tcase_add_loop_test(often, a_task_that_fails_each_time_fails_with_its_last_attempt, 0, PLACES);
    tcase_add_loop_test(
        often, a_task_behind_one_that_was_tried_again_is_in_its_first_attempt, 0, PLACES);
    tcase_add_test(often, as_many_attempts_are_made_as_can_be_counted_and_without_end_more);
    tcase_add_test(often, a_message_is_of_the_attempt_that_said_it);
    tcase_add_loop_test(often,
        an_attempt_that_is_not_the_last_stops_nothing_nor_does_an_optional_last_one, 0, PLACES);
    tcase_add_loop_test(often, each_task_of_a_loop_is_tried_on_its_own, 0, PLACES);
    tcase_add_test(backoff, the_wait_before_an_attempt_doubles_each_time);
    tcase_add_test(backoff, the_wait_grows_to_its_bound_and_no_further);
    tcase_add_test(backoff, attempts_and_backoffs_that_make_no_sense_are_refused_and_remembered);
    return run_suite(suite);
}
