/* SPDX-License-Identifier: MIT */
/* group.h, tg_group_scope(): how a scope ends: well, by its body, a task, a cancel; what is refused. */
#include "tg_test.h"

/* What a body is handed: whom to tell, what ran, and how it is to behave. */
struct script {
    struct blame *blame;
    atomic_int ran, bodies; /* tasks, and calls of the body */
    int threads;            /* of the team */
    int count;              /* tasks to add */
    int code;               /* what to return … */
    const char *message;    /* … and what to say then */
};

static int add_count(tg_group *group, void *user)
{
    struct script *script = user;

    atomic_fetch_add(&script->bodies, 1);
    for (int i = 0; i < script->count; i++)
        expect(script->blame, tg_group_add(group, task_count, &script->ran) == TG_OK);
    if (script->message != NULL)
        return tg_task_fail(tg_task_current(), script->code, "%s", script->message);
    return script->code;
}

static void expect_error(
    struct blame *blame, tg_group *g, tg_status status, int code, size_t index, const char *message)
{
    const tg_error *error = tg_group_error(g);

    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == status);
    expect(blame, error->code == code);
    expect(blame, error->index == index);
    expect(blame, error->message[0] != '\0');
    expect(blame, message == NULL || strcmp(error->message, message) == 0);
    expect(blame, tg_error_last()->status == status);
    expect(blame, tg_error_last()->code == code);
}

/* ---- By its body and by its tasks ------------------------------------------------------------ */

static void fail_in_body(struct blame *blame)
{
    static const char *const messages[] = {NULL, "no input after line 12"};

    for (int round = 0; round < 4; round++) {
        const char *message = messages[round % 2];
        struct script script = {.blame = blame, .count = 100, .code = 17, .message = message};
        tg_report report;
        tg_group *g = tg_group_create(TG_GROUP(.flags = round < 2 ? 0 : TG_GROUP_KEEP_GOING));
        expect(blame, tg_group_scope(g, add_count, &script) == TG_FAILED);
        expect_error(blame, g, TG_FAILED, 17, TG_NO_INDEX, message);
        expect(blame, tg_group_error_next(g, NULL) == NULL); /* no task has failed */
        report = report_of(g);
        expect(blame, report.ok + report.skipped == 100);
        expect(blame, report.ok == (size_t)atomic_load(&script.ran));
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
        expect(blame, tg_group_scope(g, add_count, &script) == TG_FAILED);
        expect(blame, atomic_load(&script.bodies) == 1);
        expect(blame, tg_group_reset(g) == TG_OK);
        script.code = 0, script.message = NULL;
        expect(blame, tg_group_scope(g, add_count, &script) == TG_OK);
        expect(blame, report_of(g).ok == 100);
        tg_group_destroy(g);
    }
}

START_TEST(a_body_that_fails_stops_the_group_with_its_code_and_message)
{
    at_place(_i, fail_in_body);
}
END_TEST

static void fail_in_body_alone(struct blame *blame)
{
    struct script script = {.blame = blame, .count = 100, .code = -1};
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1));

    expect(blame, tg_group_scope(g, add_count, &script) == TG_FAILED);
    expect(blame, atomic_load(&script.ran) == 0);
    expect(blame, report_of(g).skipped == 100);
    tg_group_destroy(g);
}

START_TEST(when_the_body_has_failed_nothing_starts_any_more)
{
    at_place(PLACE_SERIAL, fail_in_body_alone);
    at_place(PLACE_PTHREADS, fail_in_body_alone);
}
END_TEST

static int fail_beside_a_task(tg_group *group, void *user)
{
    struct script *script = user;

    tg_group_add(group, task_until_told, &script->ran);
    wait_until(atomic_load(&script->ran) == 1);
    return 6;
}

static void tell_tasks(struct blame *blame)
{
    struct script script = {.blame = blame};
    tg_group *g = tg_group_create(NULL);

    if (team_size() >= 2) {
        expect(blame, tg_group_scope(g, fail_beside_a_task, &script) == TG_FAILED);
        expect(blame, status_of(g, 0) == TG_CANCELLED);
        expect_error(blame, g, TG_FAILED, 6, TG_NO_INDEX, NULL);
    }
    tg_group_destroy(g);
}

START_TEST(tasks_in_flight_are_told_that_the_body_has_failed)
{
    at_place(_i, tell_tasks);
}
END_TEST

static int see_task_fail(tg_group *group, void *user)
{
    struct script *script = user;

    tg_group_add(group, task_fail_7, &script->ran);
    if (script->threads >= 2) {
        wait_until(tg_task_check(tg_task_current()) != TG_OK);
        expect(script->blame, tg_task_check(tg_task_current()) == TG_FAILED);
        expect(script->blame, tg_group_add(group, task_count, NULL) == TG_CLOSED);
        return tg_task_fail(tg_task_current(), 3, "the body comes too late");
    }
    tg_group_add_many(group, task_count, 10, &script->ran, 0, NULL);
    return 0;
}

static void fail_in_task(struct blame *blame)
{
    struct script script = {.blame = blame, .threads = (int)team_size()};
    tg_group *g = tg_group_create(NULL);

    expect(blame, tg_group_scope(g, see_task_fail, &script) == TG_FAILED);
    expect_error(blame, g, TG_FAILED, 7, 0, NULL);
    expect(blame, atomic_load(&script.ran) == 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(the_body_is_told_that_a_task_has_failed_and_does_not_replace_its_error)
{
    at_place(_i, fail_in_task);
}
END_TEST

static int add_until_told(tg_group *group, void *user)
{
    struct script *script = user;

    tg_group_add_many(group, task_until_told, 100, &script->ran, 0, NULL);
    atomic_fetch_add(&script->bodies, 1);
    wait_until(tg_task_check(tg_task_current()) != TG_OK);
    return script->code;
}

struct canceller {
    tg_group *group;
    struct script *script;
};

static void *cancel_from_outside(void *arg)
{
    struct canceller *canceller = arg;

    wait_until(atomic_load(&canceller->script->bodies) == 1);
    tg_context_cancel(tg_group_context(canceller->group), 42, "enough");
    return NULL;
}

static void stop_from_outside(struct blame *blame)
{
    for (int round = 0; round < 4; round++) {
        struct script script = {.blame = blame, .code = round % 2};
        tg_group *g = tg_group_create(TG_GROUP(.timeout = round < 2 ? 0 : 0.1));
        struct canceller canceller = {g, &script};
        tg_status expected = round < 2 ? TG_CANCELLED : TG_TIMED_OUT;
        pthread_t thread;

        if (round < 2)
            pthread_create(&thread, NULL, cancel_from_outside, &canceller);
        expect(blame, tg_group_scope(g, add_until_told, &script) == expected);
        if (round < 2)
            pthread_join(thread, NULL);
        expect_error(blame, g, expected, round < 2 ? 42 : 0, TG_NO_INDEX, NULL);
        expect(blame, report_of(g).cancelled == (size_t)atomic_load(&script.ran));
        expect(blame, report_of(g).skipped + report_of(g).cancelled == 100);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(the_body_is_told_of_a_cancel_and_of_a_timeout)
{
    at_place(_i, stop_from_outside);
}
END_TEST

static int destroy_own_group(tg_group *group, void *user)
{
    struct script *script = user;

    tg_group_add_many(group, task_count, 50, &script->ran, 0, NULL);
    tg_group_destroy(group);
    return 0;
}

static void destroy_in_body(struct blame *blame)
{
    struct script script = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));

    expect(blame, tg_group_scope(g, destroy_own_group, &script) == TG_CANCELLED);
    expect(blame, atomic_load(&script.ran) <= 50);
}

START_TEST(a_body_may_destroy_its_group)
{
    at_place(_i, destroy_in_body);
}
END_TEST

static int fail_inside(tg_group *group, void *user)
{
    struct script *script = user, inner = {.blame = script->blame, .count = 5, .code = 4};
    tg_group *g = tg_group_create(NULL);

    expect(script->blame, tg_group_scope(g, add_count, &inner) == TG_FAILED);
    tg_group_destroy(g);
    expect(script->blame, tg_task_check(tg_task_current()) == TG_OK);
    return add_count(group, script);
}

static void fail_only_inside(struct blame *blame)
{
    struct script script = {.blame = blame, .count = 20};
    tg_group *g = tg_group_create(NULL);

    expect(blame, tg_group_scope(g, fail_inside, &script) == TG_OK);
    expect(blame, atomic_load(&script.ran) == 20);
    tg_group_destroy(g);
}

START_TEST(a_body_that_fails_inside_another_stops_only_its_own_group)
{
    at_place(_i, fail_only_inside);
}
END_TEST

/* ---- What is refused ----------------------------------------------------------------------- */

static int call_while_busy(tg_group *group, void *user)
{
    struct script *script = user;

    expect(script->blame, tg_group_run(group) == TG_BUSY);
    expect(script->blame, tg_group_scope(group, add_count, script) == TG_BUSY);
    expect(script->blame, tg_group_reset(group) == TG_BUSY);
    expect(script->blame, tg_group_results(group) == NULL);
    expect(script->blame, tg_error_last()->status == TG_BUSY);
    return 0;
}

static void refuse_in_body(struct blame *blame)
{
    struct script script = {.blame = blame, .count = 3};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 4));

    expect(blame, tg_group_scope(g, call_while_busy, &script) == TG_OK);
    expect(blame, atomic_load(&script.bodies) == 0);
    expect(blame, tg_group_scope(g, add_count, &script) == TG_OK);
    expect(blame, atomic_load(&script.ran) == 3);
    tg_group_destroy(g);
}

START_TEST(in_the_body_its_group_is_busy)
{
    at_place(_i, refuse_in_body);
}
END_TEST

START_TEST(without_group_or_body_nothing_runs)
{
    struct script script = {.count = 1};
    atomic_int ran = 0;
    tg_group *g = tg_group_create(NULL);

    assert_refused(tg_group_scope(NULL, add_count, &script), TG_INVALID, "group");
    tg_group_add(g, task_count, &ran);
    assert_refused(tg_group_scope(g, NULL, &script), TG_INVALID, "body");
    ck_assert_int_eq(script.bodies, 0);
    ck_assert_int_eq(ran, 0);
    assert_status(tg_group_run(g), TG_OK); /* nothing has changed */
    ck_assert_int_eq(ran, 1);
    assert_status(tg_group_add(g, NULL, NULL), TG_INVALID);
    assert_status(tg_group_scope(g, add_count, &script), TG_INVALID); /* the lost add */
    ck_assert_int_eq(script.bodies, 0);
    tg_group_destroy(g);
}
END_TEST

START_TEST(an_empty_body_is_called_each_time)
{
    struct script script = {.count = 0};
    tg_group *g = tg_group_create(NULL);

    for (int i = 1; i <= 50; i++) {
        assert_status(tg_group_scope(g, add_count, &script), TG_OK);
        ck_assert_int_eq(script.bodies, i);
    }
    ck_assert_uint_eq(report_of(g).added, 0);
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scope_end");
    TCase *ends = add_case(suite, "how it ends");
    TCase *refused = add_case(suite, "what is refused");

    tcase_add_loop_test(
        ends, a_body_that_fails_stops_the_group_with_its_code_and_message, 0, PLACES);
    tcase_add_test(ends, when_the_body_has_failed_nothing_starts_any_more);
    tcase_add_loop_test(
        ends, tasks_in_flight_are_told_that_the_body_has_failed, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(ends,
        the_body_is_told_that_a_task_has_failed_and_does_not_replace_its_error, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_loop_test(ends, the_body_is_told_of_a_cancel_and_of_a_timeout, 0, PLACES);
    tcase_add_loop_test(ends, a_body_may_destroy_its_group, 0, PLACES);
    tcase_add_loop_test(ends, a_body_that_fails_inside_another_stops_only_its_own_group, 0, PLACES);
    tcase_add_loop_test(refused, in_the_body_its_group_is_busy, 0, PLACES);
    tcase_add_test(refused, without_group_or_body_nothing_runs);
    tcase_add_test(refused, an_empty_body_is_called_each_time);
    return run_suite(suite);
}
