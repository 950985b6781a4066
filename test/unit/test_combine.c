/* SPDX-License-Identifier: MIT */
/* combine.h: all and race: what each call becomes, what stops the rest, and whose error it is. */
#include "tg_test.h"
#include "works.h"

/* ---- All ----------------------------------------------------------------------------------- */

static void all_ok(struct blame *blame)
{
    static const char *const plans[] = {"o", "oo", "ooooo", "oooooooo"};

    for (int i = 0; i < 4; i++) {
        struct works works;
        char expected[WORKS + 1] = "";
        size_t count = make_works(&works, plans[i]);
        memset(expected, 'O', count);
        expect(blame, tg_all_run(count, works.calls, NULL) == TG_OK);
        expect_works(blame, &works, expected);
    }
}

START_TEST(all_runs_every_call_with_its_argument_and_its_result)
{
    at_place(_i, all_ok);
}
END_TEST

struct table {
    const char *plan, *expected;
    unsigned flags;
    tg_status answer;
    size_t index; /* of the error */
};

static void all_in_order(struct blame *blame)
{
    static const struct table tables[] = {
        {"ofo", "OFS", 0, TG_FAILED, 1},
        {"fff", "FSS", 0, TG_FAILED, 0},
        {"opo", "OFO", 0, TG_OK, 0},
        {"ppp", "FFF", 0, TG_OK, 0},
        {"opfo", "OFFS", 0, TG_FAILED, 2},
        {"ofofo", "OFOFO", TG_GROUP_KEEP_GOING, TG_FAILED, 1},
        {"pof", "FOF", TG_GROUP_KEEP_GOING, TG_FAILED, 2},
        {"pop", "FOF", TG_GROUP_KEEP_GOING, TG_OK, 0},
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct works works;
        size_t count = make_works(&works, tables[i].plan);
        works.calls[tables[i].index].name = "culprit";
        expect(blame, tg_all_run(count, works.calls,
                          TG_GROUP(.limit = 1, .flags = tables[i].flags)) == tables[i].answer);
        expect_works(blame, &works, tables[i].expected);
        if (tables[i].answer != TG_OK) {
            expect_error_of(blame, tables[i].index);
            expect(blame, tg_error_last()->status == TG_FAILED);
            expect(blame, strcmp(tg_error_last()->name, "culprit") == 0);
            expect(blame, strncmp(tg_error_last()->message, "code 1", 6) == 0);
        }
    }
}

START_TEST(all_stops_at_the_first_required_failure_unless_it_keeps_going)
{
    at_place(_i, all_in_order);
}
END_TEST

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group;
    atomic_fetch_add(&((atomic_int *)user)[outcome->index], 1);
    return 0;
}

static void all_options(struct blame *blame)
{
    struct works works;
    size_t count = make_works(&works, "ofo");
    atomic_int done[3] = {0};
    tg_context *context = tg_context_create(NULL);

    expect(blame, tg_all_run(count, works.calls,
                      TG_GROUP(.limit = 1, .on_done = count_done, .user = done)) == TG_FAILED);
    for (int i = 0; i < 3; i++)
        expect(blame, atomic_load(&done[i]) == 1); /* the skipped one too */
    tg_context_cancel(context, 5, "not at all");
    make_works(&works, "ooo");
    expect(blame, tg_all_run(count, works.calls, TG_GROUP(.context = context)) == TG_CANCELLED);
    expect(blame, tg_error_last()->code == 5 && tg_error_last()->index == TG_NO_INDEX);
    for (int i = 0; i < 3; i++) {
        expect(blame, atomic_load(&works.work[i].runs) == 0 && works.calls[i].code == 0);
        expect(blame, works.calls[i].status == TG_NOT_RUN || works.calls[i].status == TG_SKIPPED);
    }
    make_works(&works, "ooo");
    works.calls[1].function = task_until_told;
    works.calls[1].arg = NULL;
    expect(blame,
        tg_all_run(count, works.calls, TG_GROUP(.limit = 1, .timeout = 0.01)) == TG_TIMED_OUT);
    expect(blame, works.calls[1].status == TG_CANCELLED || works.calls[1].status == TG_SKIPPED);
    expect(blame, works.calls[2].status == TG_SKIPPED);
    tg_context_destroy(context);
}

START_TEST(options_hold_as_for_a_group)
{
    at_place(_i, all_options);
}
END_TEST

/* ---- Race ---------------------------------------------------------------------------------- */

static void race_in_order(struct blame *blame)
{
    static const struct {
        const char *plan, *expected;
        tg_status answer;
        size_t winner, last; /* the last failure, if nobody wins */
    } tables[] = {
        {"o", "O", TG_OK, 0, 0},
        {"ooo", "OSS", TG_OK, 0, 0},
        {"ffoo", "FFOS", TG_OK, 2, 0},
        {"pfo", "FFO", TG_OK, 2, 0},
        {"fff", "FFF", TG_FEWER, TG_NO_INDEX, 2},
        {"fpf", "FFF", TG_FEWER, TG_NO_INDEX, 2},
        {"p", "F", TG_FEWER, TG_NO_INDEX, 0},
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (int wanted = 0; wanted < 2; wanted++) {
            struct works works;
            size_t count = make_works(&works, tables[i].plan), winner = 77;
            expect(blame, tg_race_run(count, works.calls, wanted ? &winner : NULL,
                              TG_GROUP(.limit = 1)) == tables[i].answer);
            expect(blame, winner == (wanted ? tables[i].winner : 77));
            expect_works(blame, &works, tables[i].expected);
            if (tables[i].answer != TG_OK)
                expect_error_of(blame, tables[i].last);
        }
}

START_TEST(the_first_success_wins_and_failures_before_it_do_not_matter)
{
    at_place(_i, race_in_order);
}
END_TEST

/* The others start first, and are told when one has won. */
struct start {
    atomic_int started;
    int needed, code;
};

static int lose(tg_task *self, void *arg, void *result)
{
    struct start *start = arg;

    (void)result;
    atomic_fetch_add(&start->started, 1);
    wait_until(tg_task_check(self) != TG_OK);
    return start->code;
}

static int win(tg_task *self, void *arg, void *result)
{
    struct start *start = arg;

    (void)self, (void)result;
    wait_until(atomic_load(&start->started) >= start->needed);
    return 0;
}

static void race_in_flight(struct blame *blame)
{
    size_t count = team_size() < WORKS ? team_size() : WORKS;

    for (int code = 0; code < 2; code++) { /* who ends well after the first has not won */
        struct start start = {.needed = (int)count - 1, .code = code};
        tg_call calls[WORKS + 1];
        size_t winner = 77;
        for (size_t i = 0; i <= count; i++)
            calls[i] = (tg_call){.function = i == count - 1 ? win : lose, .arg = &start};
        expect(blame, tg_race_run(count + 1, calls, &winner, NULL) == TG_OK);
        expect(blame, winner == count - 1 && calls[winner].status == TG_OK);
        for (size_t i = 0; i < count - 1; i++) {
            expect(blame, calls[i].status == (code == 0 ? TG_OK : TG_CANCELLED));
            expect(blame, calls[i].code == code);
        }
        if (count == team_size()) /* there was no thread for the last one before */
            expect(blame, calls[count].status == TG_SKIPPED);
    }
}

START_TEST(who_runs_when_another_wins_is_told_and_never_wins)
{
    at_place(_i, race_in_flight);
}
END_TEST

static void race_at_once(struct blame *blame)
{
    for (int round = 0; round < 50; round++) {
        struct works works;
        size_t count = make_works(&works, "ooofoofo"), winner = TG_NO_INDEX, ok = 0;
        expect(blame, tg_race_run(count, works.calls, &winner, NULL) == TG_OK);
        expect(blame, winner < count && works.calls[winner].status == TG_OK);
        for (size_t i = 0; i < count; i++) {
            ok += works.calls[i].status == TG_OK;
            expect(blame, atomic_load(&works.work[i].runs) == (works.results[i] != 0));
            expect(blame, (works.calls[i].status == TG_SKIPPED) == (works.results[i] == 0));
        }
        expect(blame, ok >= 1);
    }
}

START_TEST(of_many_that_succeed_at_once_one_wins)
{
    at_place(_i, race_at_once);
}
END_TEST

static void race_without_winner(struct blame *blame)
{
    tg_call call = {.function = task_until_told};
    tg_context *context = tg_context_create(NULL);
    size_t winner = 77;

    expect(blame, tg_race_run(1, &call, &winner, TG_GROUP(.timeout = 5e-3)) == TG_TIMED_OUT);
    expect(blame, winner == TG_NO_INDEX);
    expect(blame, call.status == TG_CANCELLED || call.status == TG_SKIPPED);
    tg_context_cancel(context, 6, "not at all");
    winner = 77;
    expect(blame, tg_race_run(1, &call, &winner, TG_GROUP(.context = context)) == TG_CANCELLED);
    expect(blame, winner == TG_NO_INDEX && tg_error_last()->code == 6);
    expect(blame, call.status == TG_NOT_RUN || call.status == TG_SKIPPED);
    expect(blame, call.code == 0);
    tg_context_destroy(context);
}

START_TEST(a_race_that_is_stopped_from_outside_has_no_winner)
{
    at_place(_i, race_without_winner);
}
END_TEST

/* ---- None, and bad input ------------------------------------------------------------------- */

START_TEST(of_no_calls_all_are_well_and_none_wins)
{
    size_t winner = 77;

    assert_status(tg_all_run(0, NULL, NULL), TG_OK);
    assert_status(tg_all_run(0, NULL, TG_GROUP(.limit = 3)), TG_OK);
    assert_status(tg_race_run(0, NULL, &winner, NULL), TG_FEWER);
    ck_assert_uint_eq(winner, TG_NO_INDEX);
    ck_assert_uint_eq(tg_error_last()->index, TG_NO_INDEX);
    ck_assert_str_ne(tg_error_last()->message, "");
    assert_status(tg_race_run(0, NULL, NULL, NULL), TG_FEWER);
}
END_TEST

static tg_status all_or_race(
    int which, size_t count, tg_call *calls, const tg_group_options *options)
{
    size_t winner = 77;
    tg_status status;

    if (which == 0)
        return tg_all_run(count, calls, options);
    status = tg_race_run(count, calls, &winner, options);
    ck_assert_uint_eq(winner, TG_NO_INDEX);
    return status;
}

START_TEST(what_makes_no_sense_is_refused_and_calls_nothing)
{
    int slots[3];
    const struct {
        const tg_group_options *options;
        tg_status answer;
    } wrong[] = {
        {TG_GROUP(.result_size = 4), TG_INVALID},
        {TG_GROUP(.capacity = 3), TG_INVALID},
        {TG_GROUP(.results = slots, .capacity = 3, .result_size = 4), TG_INVALID},
        {TG_GROUP(.need = 1), TG_INVALID},
        {TG_GROUP(.timeout = -1), TG_INVALID},
        {TG_GROUP(.threads = -1), TG_INVALID},
        {TG_GROUP(.ahead = 2), TG_INVALID},
        {TG_GROUP(.flags = 1u << 20), TG_UNSUPPORTED},
    };
    struct blame blame = {0};
    struct works works;
    size_t count;

    for (int which = 0; which < 2; which++) {
        assert_status(all_or_race(which, 3, NULL, NULL), TG_INVALID);
        ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            count = make_works(&works, "ooo");
            assert_status(
                all_or_race(which, count, works.calls, wrong[i].options), wrong[i].answer);
            ck_assert_int_eq(tg_error_last()->status, wrong[i].answer);
            ck_assert_str_ne(tg_error_last()->message, "");
            expect_works(&blame, &works, "NNN");
        }
        count = make_works(&works, "ooo");
        works.calls[1].function = NULL;
        assert_refused(all_or_race(which, count, works.calls, NULL), TG_INVALID, "function");
        expect_works(&blame, &works, "NNN");
        count = make_works(&works, "ooo");
        works.calls[2].flags = 1u << 20;
        assert_refused(all_or_race(which, count, works.calls, NULL), TG_UNSUPPORTED, "flags");
        expect_works(&blame, &works, "NNN");
    }
    assert_blameless(&blame, "serial code");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("combine");
    TCase *all = add_case(suite, "all");
    TCase *race = add_case(suite, "race");
    TCase *none = add_case(suite, "none, and bad input");

    tcase_add_loop_test(all, all_runs_every_call_with_its_argument_and_its_result, 0, PLACES);
    tcase_add_loop_test(
        all, all_stops_at_the_first_required_failure_unless_it_keeps_going, 0, PLACES);
    tcase_add_loop_test(all, options_hold_as_for_a_group, 0, PLACES);
    tcase_add_loop_test(
        race, the_first_success_wins_and_failures_before_it_do_not_matter, 0, PLACES);
    tcase_add_loop_test(
        race, who_runs_when_another_wins_is_told_and_never_wins, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(race, of_many_that_succeed_at_once_one_wins, 0, PLACES);
    tcase_add_loop_test(race, a_race_that_is_stopped_from_outside_has_no_winner, 0, PLACES);
    tcase_add_test(none, of_no_calls_all_are_well_and_none_wins);
    tcase_add_test(none, what_makes_no_sense_is_refused_and_calls_nothing);
    return run_suite(suite);
}
