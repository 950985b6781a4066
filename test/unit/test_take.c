/* SPDX-License-Identifier: MIT */
/* combine.h and group.h, `.need`: enough successes, the last ones, and their order of completion. */
#include "tg_test.h"
#include "works.h"

/* `expected` digits, then TG_NO_INDEX, then what was there before. */
static void expect_indices(
    struct blame *blame, const size_t *got, size_t wanted, const char *expected)
{
    for (size_t i = 0; i < wanted; i++)
        expect(blame, got[i] == (i < strlen(expected) ? (size_t)(expected[i] - '0') : TG_NO_INDEX));
    expect(blame, got[wanted] == 77);
}

static void fill_indices(size_t *indices)
{
    for (int i = 0; i < 10; i++)
        indices[i] = 77;
}

struct table {
    const char *plan, *expected; /* see works.h */
    size_t many;
    const char *indices;
    tg_status answer;
    size_t index; /* of the error */
};

/* ---- Take ---------------------------------------------------------------------------------- */

static void take_in_order(struct blame *blame)
{
    static const struct table tables[] = {
        {"ooooo", "OOOSS", 3, "012", TG_OK, 0}, {"popoo", "FOFOS", 2, "13", TG_OK, 0},
        {"ooo", "OOO", 3, "012", TG_OK, 0},
        {"oof", "OOS", 2, "01", TG_OK, 0},        /* enough before it could fail */
        {"ofo", "OFS", 2, "0", TG_FAILED, 1},     /* a required one ends it */
        {"popop", "FOFOF", 3, "13", TG_FEWER, 4}, /* the last failure */
        {"pp", "FF", 1, "", TG_FEWER, 1},
        {"opo", "OFO", 5, "02", TG_FEWER, 1}, /* more than there are: all run */
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (int wanted = 0; wanted < 2; wanted++) {
            const struct table *t = &tables[i];
            struct works works;
            size_t count = make_works(&works, t->plan), winners[10];
            fill_indices(winners);
            expect(blame, tg_take_run(count, works.calls, t->many, wanted ? winners : NULL,
                              TG_GROUP(.limit = 1)) == t->answer);
            expect_works(blame, &works, t->expected);
            if (wanted)
                expect_indices(blame, winners, t->many, t->indices);
            if (t->answer != TG_OK)
                expect_error_of(blame, t->index);
        }
}

START_TEST(take_ends_with_the_first_successes_in_order_of_completion)
{
    at_place(_i, take_in_order);
}
END_TEST

static void take_none(struct blame *blame)
{
    struct works works;
    size_t count = make_works(&works, "ofo"), winners[10];

    fill_indices(winners);
    expect(blame, tg_take_run(count, works.calls, 0, winners, NULL) == TG_OK);
    expect_works(blame, &works, "NNN");
    expect_indices(blame, winners, 0, "");
    expect(blame, tg_take_run(count, works.calls, 0, NULL, NULL) == TG_OK);
    expect(blame, tg_take_run(0, NULL, 0, NULL, NULL) == TG_OK);
    expect(blame, tg_take_run(0, NULL, 2, winners, NULL) == TG_FEWER);
    expect_indices(blame, winners, 2, "");
    make_works(&works, "ooo");
    fill_indices(winners);
    expect(blame, tg_take_run(count, works.calls, 4, winners, NULL) == TG_FEWER); /* none failed */
    expect_works(blame, &works, "OOO");
    expect(blame, winners[3] == TG_NO_INDEX && winners[4] == 77);
    expect(blame, winners[0] + winners[1] + winners[2] == 3);
}

START_TEST(who_needs_none_calls_none_and_who_needs_too_many_calls_all)
{
    at_place(_i, take_none);
}
END_TEST

static void take_in_reverse(struct blame *blame)
{
    for (size_t need = 1; need <= WORKS; need++) {
        struct relay relay;
        struct runner runners[WORKS];
        tg_call calls[WORKS];
        size_t winners[10], count = make_relay(&relay, runners, calls);
        if (need > count)
            break;
        fill_indices(winners);
        expect(blame, tg_take_run(count, calls, need, winners,
                          TG_GROUP(.on_done = note_end, .user = &relay)) == TG_OK);
        for (size_t i = 0; i < need; i++)
            expect(blame, winners[i] == count - 1 - i);
        expect(blame, winners[need] == 77);
    }
}

START_TEST(the_order_is_that_of_completion_not_of_the_calls)
{
    at_place(_i, take_in_reverse);
}
END_TEST

/* ---- Last ---------------------------------------------------------------------------------- */

static void last_in_order(struct blame *blame)
{
    static const struct table tables[] = {
        {"ooooo", "OOOOO", 2, "34", TG_OK, 0},
        {"ooooo", "OOOOO", 5, "01234", TG_OK, 0},
        {"ooopp", "OOOFF", 2, "12", TG_OK, 0},
        {"popop", "FOFOF", 1, "3", TG_OK, 0},
        {"popop", "FOFOF", 3, "13", TG_FEWER, 4},
        {"oo", "OO", 0, "", TG_OK, 0},
        {"pp", "FF", 0, "", TG_OK, 0},
        {"p", "F", 1, "", TG_FEWER, 0},
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (int wanted = 0; wanted < 2; wanted++) {
            const struct table *t = &tables[i];
            struct works works;
            size_t count = make_works(&works, t->plan), last[10];
            fill_indices(last);
            expect(blame, tg_last_run(count, works.calls, t->many, wanted ? last : NULL,
                              TG_GROUP(.limit = 1)) == t->answer);
            expect_works(blame, &works, t->expected);
            if (wanted)
                expect_indices(blame, last, t->many, t->indices);
            if (t->answer != TG_OK)
                expect_error_of(blame, t->index);
        }
}

START_TEST(last_runs_all_and_tells_who_ended_last_in_order_of_completion)
{
    at_place(_i, last_in_order);
}
END_TEST

static void last_in_reverse(struct blame *blame)
{
    struct relay relay;
    struct runner runners[WORKS];
    tg_call calls[WORKS];
    size_t last[10], count = make_relay(&relay, runners, calls), many = (count + 1) / 2;

    fill_indices(last);
    expect(blame, tg_last_run(count, calls, many, last,
                      TG_GROUP(.on_done = note_end, .user = &relay)) == TG_OK);
    for (size_t i = 0; i < many; i++)
        expect(blame, last[i] == many - 1 - i);
    expect(blame, last[many] == 77);
}

START_TEST(the_last_are_those_that_ended_last_not_those_of_the_last_calls)
{
    at_place(_i, last_in_reverse);
}
END_TEST

static void last_with_failure(struct blame *blame)
{
    struct works works;
    size_t count = make_works(&works, "ofoo"), last[10];

    fill_indices(last);
    expect(blame, tg_last_run(count, works.calls, 2, last, TG_GROUP(.limit = 1)) == TG_FAILED);
    expect_works(blame, &works, "OFSS");
    expect_error_of(blame, 1);
    expect(blame, last[2] == 77);
    expect(blame, tg_last_run(0, NULL, 0, NULL, NULL) == TG_OK);
    expect(blame, tg_last_run(0, NULL, 3, last, NULL) == TG_FEWER);
    fill_indices(last);
    make_works(&works, "oo");
    expect(blame, tg_last_run(2, works.calls, 3, last, TG_GROUP(.limit = 1)) == TG_FEWER);
    expect_indices(blame, last, 3, "01");
}

START_TEST(last_stops_at_a_required_failure_and_says_if_there_are_fewer)
{
    at_place(_i, last_with_failure);
}
END_TEST

/* ---- Groups -------------------------------------------------------------------------------- */

static int fail_if_odd(tg_task *self, void *arg, void *result)
{
    (void)arg;
    *(int *)result = 5;
    return tg_task_index(self) % 2 == 1 ? 10 + (int)tg_task_index(self) : 0;
}

static void need_some(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.need = 3, .limit = 1, .result_size = sizeof(int)));

    for (int round = 0; round < 2; round++) {
        tg_group_add_many(g, fail_if_odd, 100, NULL, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
        expect(blame, tg_group_run(g) == TG_OK);
        for (size_t i = 0; i < 3; i++)
            expect(blame, tg_group_success(g, i + 1) == 2 * i);
        expect(blame, tg_group_success(g, 4) == TG_NO_INDEX);
        for (size_t i = 0; i < 100; i++) {
            expect(blame, status_of(g, i) == (i > 4 ? TG_SKIPPED : i % 2 == 0 ? TG_OK : TG_FAILED));
            expect(blame, ((int *)tg_group_results(g))[i] == (i > 4 ? 0 : 5));
        }
        expect(blame, report_of(g).ok == 3 && report_of(g).failed == 2);
        expect(blame, report_of(g).skipped == 95);
        expect(blame, tg_group_error(g) == NULL);
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_run(g) == TG_OK); /* the same answer */
        expect(blame, tg_group_reset(g) == TG_OK);
        expect(blame, tg_group_success(g, 1) == TG_NO_INDEX);
    }
    tg_group_destroy(g);
}

START_TEST(a_group_that_has_what_it_needs_stops_and_is_ok)
{
    at_place(_i, need_some);
}
END_TEST

static void need_too_many(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.need = 6, .limit = 1, .result_size = sizeof(int)));

    tg_group_add_many(g, fail_if_odd, 10, NULL, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    expect(blame, tg_group_run(g) == TG_FEWER);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->index == 9);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->code == 19);
    expect(blame, report_of(g).ok == 5 && report_of(g).failed == 5);
    expect(blame, tg_group_success(g, 5) == 8 && tg_group_success(g, 6) == TG_NO_INDEX);
    expect(blame, tg_group_run(g) == TG_FEWER);
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add_many(g, fail_if_odd, 10, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED); /* a required one ends it */
    expect(blame, tg_group_error(g)->index == 1 && tg_group_error(g)->code == 11);
    expect(blame, report_of(g).skipped == 8);
    expect_exact_accounting(blame, g);
    expect(blame, tg_group_reset(g) == TG_OK);
    tg_group_add_many(g, task_count, 4, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FEWER); /* though nothing has failed */
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->message[0] != '\0');
    expect(blame, report_of(g).ok == 4);
    tg_group_destroy(g);
}

START_TEST(fewer_than_it_needs_is_told_with_the_failure_that_ended_last)
{
    at_place(_i, need_too_many);
}
END_TEST

static int succeed_beside(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    wait_until(atomic_load((atomic_int *)arg) == 1);
    return 0;
}

static int fail_late_unasked(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    wait_until(tg_context_check(tg_group_context(tg_task_group(self))) != TG_OK);
    return 6;
}

static void need_in_flight(struct blame *blame)
{
    static const struct {
        tg_task_fn *other;
        tg_status status;
    } cases[] = {{task_until_told, TG_CANCELLED}, {fail_late_unasked, TG_CANCELLED}};

    for (size_t i = 0; team_size() >= 2 && i < 2; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.need = 1));
        atomic_int started = 0;
        tg_group_add(g, cases[i].other, &started);
        tg_group_add(g, succeed_beside, &started);
        expect(blame, tg_group_run(g) == TG_OK); /* what comes late changes nothing */
        expect(blame, tg_group_success(g, 1) == 1);
        expect(blame, status_of(g, 0) == cases[i].status);
        expect(blame, tg_group_error(g) == NULL);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(who_is_in_flight_when_there_are_enough_is_told_and_changes_nothing)
{
    at_place(_i, need_in_flight);
}
END_TEST

static void success_by_times(struct blame *blame)
{
    tg_group *g =
        tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES, .limit = 1, .result_size = sizeof(int)));

    tg_group_add_many(g, fail_if_odd, 6, NULL, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    expect(blame, tg_group_run(g) == TG_OK);
    for (size_t i = 0; i < 4; i++)
        expect(blame, tg_group_success(g, i + 1) == (i < 3 ? 2 * i : TG_NO_INDEX));
    tg_group_destroy(g);
    g = tg_group_create(NULL); /* neither */
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_success(g, 1) == TG_NO_INDEX);
    tg_group_destroy(g);
    expect(blame, tg_group_success(NULL, 0) == TG_NO_INDEX);
}

START_TEST(successes_are_also_told_where_times_are_kept)
{
    at_place(_i, success_by_times);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused_and_calls_nothing)
{
    struct blame blame = {0};
    struct works works;
    size_t count = make_works(&works, "ooo"), out[10];

    fill_indices(out);
    assert_status(tg_take_run(3, NULL, 1, out, NULL), TG_INVALID);
    assert_status(tg_take_run(count, works.calls, 2, out, TG_GROUP(.need = 1)), TG_INVALID);
    expect_works(&blame, &works, "NNN");
    expect_indices(&blame, out, 2, "");
    make_works(&works, "ooo");
    assert_status(tg_take_run(count, works.calls, 2, out, TG_GROUP(.capacity = 3)), TG_INVALID);
    assert_status(tg_last_run(3, NULL, 1, out, NULL), TG_INVALID);
    make_works(&works, "ooo");
    assert_status(tg_last_run(count, works.calls, 2, out, TG_GROUP(.need = 1)), TG_INVALID);
    expect_works(&blame, &works, "NNN");
    make_works(&works, "ooo");
    works.calls[0].function = NULL;
    assert_refused(tg_last_run(count, works.calls, 2, out, NULL), TG_INVALID, "function");
    assert_refused(tg_take_run(count, works.calls, 2, out, NULL), TG_INVALID, "function");
    expect_works(&blame, &works, "NNN");
    expect_indices(&blame, out, 2, "");
    assert_blameless(&blame, "serial code");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("take");
    TCase *take = add_case(suite, "take");
    TCase *last = add_case(suite, "last");
    TCase *groups = add_case(suite, "groups");

    tcase_add_loop_test(take, take_ends_with_the_first_successes_in_order_of_completion, 0, PLACES);
    tcase_add_loop_test(
        take, who_needs_none_calls_none_and_who_needs_too_many_calls_all, 0, PLACES);
    tcase_add_loop_test(
        take, the_order_is_that_of_completion_not_of_the_calls, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(take, what_makes_no_sense_is_refused_and_calls_nothing);
    tcase_add_loop_test(
        last, last_runs_all_and_tells_who_ended_last_in_order_of_completion, 0, PLACES);
    tcase_add_loop_test(last, the_last_are_those_that_ended_last_not_those_of_the_last_calls, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        last, last_stops_at_a_required_failure_and_says_if_there_are_fewer, 0, PLACES);
    tcase_add_loop_test(groups, a_group_that_has_what_it_needs_stops_and_is_ok, 0, PLACES);
    tcase_add_loop_test(
        groups, fewer_than_it_needs_is_told_with_the_failure_that_ended_last, 0, PLACES);
    tcase_add_loop_test(groups, who_is_in_flight_when_there_are_enough_is_told_and_changes_nothing,
        0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(groups, successes_are_also_told_where_times_are_kept, 0, PLACES);
    return run_suite(suite);
}
