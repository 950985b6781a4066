/* SPDX-License-Identifier: MIT */
/* group.h: what a failure stops, what it does not, whose error it is, and exact accounting. */
#include "tg_test.h"

/* ---- A required failure -------------------------------------------------------------------- */

static int fail_with_message(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, NULL);
    if (result != NULL)
        *(int *)result = 1234;
    return tg_task_fail(self, 71, "the root cause");
}

/* All but the first wait until they are told: no more can start than there are threads. */
static void fail_first_others_wait(struct blame *blame)
{
    enum { COUNT = 3000 };
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    atomic_int started = 0;
    const tg_error *error;
    tg_report report;

    tg_group_add_with(g, fail_with_message, &started, TG_TASK(.name = "root", .id = 17), NULL);
    for (int i = 1; i < COUNT; i++)
        tg_group_add(g, task_until_told, &started);
    expect(blame, tg_group_run(g) == TG_FAILED);
    report = report_of(g);
    expect(blame, atomic_load(&started) >= 1 && (size_t)atomic_load(&started) <= team_size());
    expect(blame, report.failed == 1);
    expect(blame, report.cancelled == (size_t)atomic_load(&started) - 1);
    expect(blame, report.skipped == COUNT - (size_t)atomic_load(&started));
    expect_exact_accounting(blame, g);
    error = tg_group_error(g); /* no cancelled sibling has replaced it */
    expect(blame, error != NULL && error->status == TG_FAILED && error->code == 71);
    expect(blame, error->index == 0 && error->id == 17);
    expect(blame, strcmp(error->name, "root") == 0);
    expect(blame, strcmp(error->message, "the root cause") == 0);
    expect(blame, *(int *)tg_group_result(g, 0) == 1234);
    expect(blame, tg_context_check(tg_group_context(g)) == TG_FAILED);
    for (size_t i = 1; i < COUNT; i++) {
        tg_outcome outcome = outcome_of(g, i);
        expect(blame, outcome.status == TG_SKIPPED || outcome.status == TG_CANCELLED);
        expect(blame, outcome.code == (outcome.status == TG_SKIPPED ? 0 : 9));
        expect(blame, outcome.message != NULL && outcome.message[0] != '\0');
    }
    tg_group_destroy(g);
}

START_TEST(a_required_failure_stops_the_group_and_is_its_error)
{
    at_place(_i, fail_first_others_wait);
}
END_TEST

/* The first failure stops the group while the others are in flight: they are all started. */
struct flight {
    atomic_int started;
    int needed;
    struct blame *blame;
};

static int fail_when_all_fly(tg_task *self, void *arg, void *result)
{
    struct flight *flight = arg;

    (void)self, (void)result;
    atomic_fetch_add(&flight->started, 1);
    wait_until(atomic_load(&flight->started) == flight->needed);
    return 5;
}

/* One task on each thread: all are told, nothing else has started, nothing else starts. */
static void fail_when_all_threads_fly(struct blame *blame)
{
    enum { COUNT = 3000 };
    tg_group *g = tg_group_create(NULL);
    struct flight flight = {.needed = (int)team_size()};
    tg_report report;

    tg_group_add(g, fail_when_all_fly, &flight);
    for (int i = 1; i < COUNT; i++)
        tg_group_add(g, task_until_told, &flight.started);
    expect(blame, tg_group_run(g) == TG_FAILED);
    report = report_of(g);
    expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 5);
    expect(blame, report.failed == 1 && report.ok == 0);
    expect(blame, report.cancelled == team_size() - 1);
    expect(blame, report.skipped == COUNT - team_size());
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(who_was_in_flight_and_is_told_is_cancelled_and_all_others_are_skipped)
{
    at_place(_i, fail_when_all_threads_fly);
}
END_TEST

struct entry {
    atomic_int started;
    atomic_int told_at_once; /* claimed before the stop, started after it */
    size_t failing;
};

static int look_on_entry(tg_task *self, void *arg, void *result)
{
    struct entry *entry = arg;

    (void)result;
    atomic_fetch_add(&entry->started, 1);
    if (tg_task_check(self) != TG_OK)
        atomic_fetch_add(&entry->told_at_once, 1);
    return tg_task_index(self) == entry->failing ? 5 : 0;
}

/* A task that finds the group stopped when it starts was claimed before: one a thread at most. */
static void count_late_starts(struct blame *blame, size_t failing, long grainsize)
{
    enum { COUNT = 20000 };
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = grainsize));
    struct entry entry = {.failing = failing};
    tg_report report;

    tg_group_add_many(g, look_on_entry, COUNT, &entry, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, (size_t)atomic_load(&entry.told_at_once) <= team_size() - 1);
    expect(blame, tg_group_error(g)->index == failing);
    report = report_of(g);
    expect(blame, report.ok + report.failed == (size_t)atomic_load(&entry.started));
    expect(blame, report.failed == 1 && report.cancelled == 0);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void count_all_late_starts(struct blame *blame)
{
    static const size_t failing[] = {0, 1, 31, 32, 100, 5000, 19999};
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        count_late_starts(blame, failing[i], 1);
        count_late_starts(blame, failing[i], 24);
        count_late_starts(blame, failing[i], TG_GRAIN_AUTO);
    }
}

START_TEST(after_the_stop_each_thread_starts_at_most_what_it_had_claimed)
{
    at_place(_i, count_all_late_starts);
}
END_TEST

static void fail_in_order(struct blame *blame)
{
    enum { COUNT = 300, FAILING = 170 };
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    struct entry entry = {.failing = FAILING};

    for (size_t i = 0; i < COUNT; i++)
        tg_group_add(g, look_on_entry, &entry);
    expect(blame, tg_group_run(g) == TG_FAILED);
    for (size_t i = 0; i < COUNT; i++)
        expect(blame, status_of(g, i) == (i < FAILING      ? TG_OK
                                             : i > FAILING ? TG_SKIPPED
                                                           : TG_FAILED));
    expect(blame, atomic_load(&entry.started) == FAILING + 1);
    expect(blame, atomic_load(&entry.told_at_once) == 0);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(one_after_another_what_is_behind_a_failure_is_skipped_exactly)
{
    at_place(_i, fail_in_order);
}
END_TEST

/* ---- Failures that stop nothing ------------------------------------------------------------ */

static int fail_every_third(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_index(self) % 3 == 0 ? (int)tg_task_index(self) + 1 : 0;
}

static void fail_optionally(struct blame *blame)
{
    enum { COUNT = 900 };
    tg_group *g = tg_group_create(NULL);
    atomic_int started = 0;
    size_t errors = 0;

    tg_group_add_many(g, fail_every_third, COUNT, &started, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&started) == COUNT);
    expect(blame, tg_group_error(g) == NULL);
    expect(blame, tg_context_check(tg_group_context(g)) == TG_OK);
    expect(blame, report_of(g).failed == COUNT / 3);
    expect(blame, report_of(g).ok == COUNT - COUNT / 3);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++) {
        expect(blame, e->status == TG_FAILED);
        expect(blame, e->code == (int)e->index + 1 && e->index % 3 == 0);
    }
    expect(blame, errors == COUNT / 3);
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_add(g, task_count, &started) == TG_OK); /* not closed */
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&started) == COUNT + 1);
    tg_group_destroy(g);
}

START_TEST(optional_failures_are_kept_and_stop_nothing)
{
    at_place(_i, fail_optionally);
}
END_TEST

static void keep_going(struct blame *blame)
{
    enum { COUNT = 900 };
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    atomic_int started = 0;
    char seen[COUNT] = {0};
    size_t errors = 0;
    const tg_error *first;

    for (int i = 0; i < COUNT; i++)
        tg_group_add(g, fail_every_third, &started);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, atomic_load(&started) == COUNT);
    expect(blame, report_of(g).failed == COUNT / 3 && report_of(g).ok == COUNT - COUNT / 3);
    first = tg_group_error_next(g, NULL);
    expect(blame, first != NULL && tg_group_error(g)->index == first->index);
    expect(blame, tg_group_error(g)->code == first->code);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++) {
        expect(blame, e->index % 3 == 0 && seen[e->index]++ == 0);
        expect(blame, e->code == (int)e->index + 1);
    }
    expect(blame, errors == COUNT / 3);
    expect(blame, tg_group_add(g, task_count, &started) == TG_CLOSED);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(with_keep_going_every_task_runs_and_every_error_is_kept)
{
    at_place(_i, keep_going);
}
END_TEST

static void keep_going_optional(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING, .limit = 1));

    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    tg_group_add(g, fail_with_message, NULL);
    tg_group_add(g, task_fail_7, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == 1); /* the first required, not the first */
    expect(blame, tg_group_error_next(g, NULL)->index == 0);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(the_error_is_the_first_required_failure_also_behind_an_optional_one)
{
    at_place(_i, keep_going_optional);
}
END_TEST

/* ---- Order of completion ------------------------------------------------------------------- */

struct chain {
    tg_group *group;
    size_t behind; /* fails only once this one's failure is visible; TG_NO_INDEX: at once */
};

static int fail_behind(tg_task *self, void *arg, void *result)
{
    struct chain *chain = arg;

    (void)result;
    if (chain->behind != TG_NO_INDEX)
        wait_until(status_of(chain->group, chain->behind) == TG_FAILED);
    return (int)tg_task_index(self) + 1;
}

/* As many tasks as threads, which end in reverse order of adding. */
static void fail_in_reverse(struct blame *blame, unsigned group_flags)
{
    size_t count = team_size() < 8 ? team_size() : 8;
    tg_group *g = tg_group_create(TG_GROUP(.flags = group_flags));
    struct chain chains[8];
    const tg_error *e = NULL;

    for (size_t i = 0; i < count; i++) {
        chains[i] = (struct chain){g, i + 1 < count ? i + 1 : TG_NO_INDEX};
        tg_group_add(g, fail_behind, &chains[i]);
    }
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == count - 1);
    for (size_t i = count; i-- > 0;) {
        e = tg_group_error_next(g, e);
        expect(blame, e != NULL && e->index == i);
        if (e == NULL)
            break;
        expect(blame, status_of(g, i) == TG_FAILED); /* nobody has asked, nobody was told */
    }
    if (e != NULL)
        expect(blame, tg_group_error_next(g, e) == NULL);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void fail_in_reverse_going_on(struct blame *blame)
{
    fail_in_reverse(blame, TG_GROUP_KEEP_GOING);
}

START_TEST(errors_come_in_order_of_completion_and_the_first_is_the_groups)
{
    at_place(_i, fail_in_reverse_going_on);
}
END_TEST

static int finish_when_told(tg_task *self, void *arg, void *result)
{
    struct flight *flight = arg;

    atomic_fetch_add(&flight->started, 1);
    wait_until(tg_task_check(self) != TG_OK);
    expect(flight->blame, tg_task_check(self) == TG_FAILED);
    *(int *)result = 55;
    return 0;
}

static int fail_late_unasked(tg_task *self, void *arg, void *result)
{
    struct flight *flight = arg;

    (void)result;
    atomic_fetch_add(&flight->started, 1);
    wait_until(tg_context_check(tg_task_context(self)) != TG_OK);
    return 6;
}

static void finish_in_flight(struct blame *blame)
{
    struct flight flight = {.needed = 2, .blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));

    if (team_size() >= 2) {
        tg_group_add(g, fail_when_all_fly, &flight);
        tg_group_add(g, finish_when_told, &flight);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 5);
        expect(blame, status_of(g, 1) == TG_OK);
        expect(blame, *(int *)tg_group_result(g, 1) == 55);
        expect_exact_accounting(blame, g);
    }
    tg_group_destroy(g);
}

START_TEST(who_was_in_flight_and_finishes_after_the_stop_is_ok_with_its_result)
{
    at_place(_i, finish_in_flight);
}
END_TEST

static void fail_in_flight(struct blame *blame)
{
    struct flight flight = {.needed = 2, .blame = blame};
    tg_group *g = tg_group_create(NULL);
    const tg_error *e;

    if (team_size() >= 2) {
        tg_group_add(g, fail_when_all_fly, &flight);
        tg_group_add(g, fail_late_unasked, &flight);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 5);
        expect(blame, status_of(g, 1) == TG_CANCELLED && outcome_of(g, 1).code == 6);
        expect(blame, report_of(g).failed == 1 && report_of(g).cancelled == 1);
        e = tg_group_error_next(g, NULL);
        expect(blame, e != NULL && e->index == 0 && tg_group_error_next(g, e) == NULL);
    }
    tg_group_destroy(g);
}

START_TEST(what_fails_after_the_stop_is_cancelled_and_never_replaces_the_first_failure)
{
    at_place(_i, fail_in_flight);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_stop");
    TCase *required = add_case(suite, "required");
    TCase *others = add_case(suite, "optional and keep going");
    TCase *order = add_case(suite, "order of completion");

    tcase_add_loop_test(required, a_required_failure_stops_the_group_and_is_its_error, 0, PLACES);
    tcase_add_loop_test(required,
        who_was_in_flight_and_is_told_is_cancelled_and_all_others_are_skipped, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        required, after_the_stop_each_thread_starts_at_most_what_it_had_claimed, 0, PLACES);
    tcase_add_loop_test(
        required, one_after_another_what_is_behind_a_failure_is_skipped_exactly, 0, PLACES);
    tcase_add_loop_test(others, optional_failures_are_kept_and_stop_nothing, 0, PLACES);
    tcase_add_loop_test(others, with_keep_going_every_task_runs_and_every_error_is_kept, 0, PLACES);
    tcase_add_loop_test(
        others, the_error_is_the_first_required_failure_also_behind_an_optional_one, 0, PLACES);
    tcase_add_loop_test(order, errors_come_in_order_of_completion_and_the_first_is_the_groups, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_loop_test(order, who_was_in_flight_and_finishes_after_the_stop_is_ok_with_its_result,
        0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(order,
        what_fails_after_the_stop_is_cancelled_and_never_replaces_the_first_failure, 0,
        PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
