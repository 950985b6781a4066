/* SPDX-License-Identifier: MIT */
/* group.h, TG_GROUP_GUARD: a task that crashes ends alone. */
#include "tg_test.h"
#include "crashes.h"

static size_t kinds; /* of crashes that can be had here */

/* What a task is to do. */
struct part {
    struct blame *blame;
    const struct crash *crash; /* NULL: end well */
    atomic_int started;
    int good_from; /* the attempt that ends well; 0: none */
};

static int play(tg_task *self, void *arg, void *result)
{
    struct part *part = arg;

    atomic_fetch_add(&part->started, 1);
    if (result != NULL)
        *(size_t *)result = 1000 + tg_task_index(self);
    if (part->crash == NULL || (part->good_from > 0 && tg_task_attempt(self) >= part->good_from))
        return 0;
    part->crash->function();
    blame_set(part->blame, "the task has crashed", __LINE__);
    return 0;
}

static void expect_crash(
    struct blame *blame, const tg_error *error, size_t index, const struct crash *crash)
{
    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == TG_CRASHED);
    expect(blame, error->index == index);
    expect(blame, error->code == 0);
    expect(blame, error->signal == crash->signal);
    expect(blame, error->message[0] != '\0');
    expect(blame, error->backtrace[0] != '\0');
    if (crash->page != NULL)
        expect(blame, error->address == *crash->page + crash->offset);
}

/* ---- One task ------------------------------------------------------------------------------ */

static void crash_beside(struct blame *blame)
{
    for (size_t i = 0; i < kinds; i++) {
        struct part good = {.blame = blame}, bad = {.blame = blame, .crash = &crashes[i]};
        size_t index = 0, *results;
        tg_task *before = tg_task_current();
        tg_outcome outcome;
        tg_group *g = tg_group_create(
            TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING, .result_size = sizeof(size_t)));
        tg_group_add_many(g, play, 10, &good, 0, NULL);
        tg_group_add_with(g, play, &bad, TG_TASK(.name = crashes[i].name, .id = 9), &index);
        tg_group_add_many(g, play, 10, &good, 0, NULL);
        expect(blame, tg_group_run(g) == TG_CRASHED);
        expect(blame, tg_error_last()->status == TG_CRASHED);
        expect(blame, tg_task_current() == before);
        expect(blame, atomic_load(&bad.started) == 1);
        expect(blame, report_of(g).crashed == 1);
        expect(blame, report_of(g).ok == 20);
        expect_crash(blame, tg_group_error(g), index, &crashes[i]);
        expect_crash(blame, tg_group_error_next(g, NULL), index, &crashes[i]);
        expect(blame, strcmp(tg_group_error(g)->name, crashes[i].name) == 0);
        expect(blame, tg_group_error(g)->id == 9);
        expect(blame, tg_group_error(g)->attempts == 1);
        outcome = outcome_of(g, index);
        expect(blame, outcome.status == TG_CRASHED);
        expect(blame, outcome.signal == crashes[i].signal);
        expect(blame, outcome.code == 0);
        expect(blame, outcome.message[0] != '\0');
        results = tg_group_results(g);
        for (size_t j = 0; j < 21; j++) /* also what it had written itself */
            expect(blame, results != NULL && results[j] == 1000 + j);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_crash_ends_its_task_with_signal_address_and_backtrace_and_no_other)
{
    kinds = crashes_prepare();
    at_place(_i, crash_beside);
}
END_TEST

static void crash_and_stop(struct blame *blame)
{
    for (int optional = 0; optional < 2; optional++) {
        struct part good = {.blame = blame}, bad = {.blame = blame, .crash = &crashes[1]};
        size_t index = 0;
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD, .limit = 1));
        tg_group_add_many(g, play, 10, &good, 0, NULL);
        tg_group_add_with(
            g, play, &bad, TG_TASK(.flags = optional ? TG_TASK_OPTIONAL : 0u), &index);
        tg_group_add_many(g, play, 20, &good, 0, NULL);
        expect(blame, tg_group_run(g) == (optional ? TG_OK : TG_CRASHED));
        expect(blame, report_of(g).ok == (optional ? 30 : 10));
        expect(blame, report_of(g).skipped == (optional ? 0 : 20));
        expect_crash(blame, tg_group_error_next(g, NULL), index, &crashes[1]);
        expect(blame, (tg_group_error(g) == NULL) == optional);
        expect_exact_accounting(blame, g);
        if (!optional)
            expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
        tg_group_destroy(g);
    }
}

START_TEST(a_crash_stops_the_group_unless_the_task_is_optional)
{
    kinds = crashes_prepare();
    at_place(_i, crash_and_stop);
}
END_TEST

static void crash_and_try_again(struct blame *blame)
{
    for (size_t i = 0; i < kinds; i++)
        for (int attempts = 2; attempts <= 3; attempts++) {
            struct part part = {.blame = blame, .crash = &crashes[i], .good_from = 3};
            tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));
            tg_group_add_with(g, play, &part, TG_TASK(.attempts = attempts), NULL);
            expect(blame, tg_group_run(g) == (attempts == 2 ? TG_CRASHED : TG_OK));
            expect(blame, atomic_load(&part.started) == attempts);
            expect(blame, outcome_of(g, 0).attempts == attempts);
            if (attempts == 2) {
                expect_crash(blame, tg_group_error(g), 0, &crashes[i]);
                expect(blame, tg_group_error(g)->attempts == 2);
            }
            tg_group_destroy(g);
        }
}

START_TEST(a_task_that_has_crashed_is_tried_again)
{
    kinds = crashes_prepare();
    at_place(_i, crash_and_try_again);
}
END_TEST

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    int *done = user; /* one call at a time */

    (void)group;
    done[outcome->status == TG_CRASHED && outcome->signal == SIGABRT]++;
    return 0;
}

static void crash_and_be_done(struct blame *blame)
{
    int done[2] = {0};
    struct part good = {.blame = blame}, bad = {.blame = blame, .crash = &crashes[0]};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING,
        .on_done = count_done, .user = done));

    tg_group_add_many(g, play, 30, &good, 0, NULL);
    tg_group_add_many(g, play, 10, &bad, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CRASHED);
    expect(blame, done[0] == 30);
    expect(blame, done[1] == 10);
    tg_group_destroy(g);
}

START_TEST(on_done_sees_the_crash)
{
    kinds = crashes_prepare();
    at_place(_i, crash_and_be_done);
}
END_TEST

/* ---- Many ---------------------------------------------------------------------------------- */

enum { CRASHES = 1000 };
static long grainsize;
static size_t crowd; /* tasks; every second one crashes */

static int crash_at_odd_places(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);

    task_count(self, arg, result);
    if (index % 2 == 1)
        crashes[index / 2 % kinds].function();
    return 0;
}

static void crash_often(struct blame *blame)
{
    atomic_int started = 0;
    size_t errors = 0;
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING, .grainsize = grainsize));

    tg_group_add_many(g, crash_at_odd_places, crowd, &started, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CRASHED);
    expect(blame, atomic_load(&started) == (int)crowd);
    expect(blame, report_of(g).crashed == crowd / 2);
    expect(blame, report_of(g).ok == crowd / 2);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++)
        expect_crash(blame, e, e->index, &crashes[e->index / 2 % kinds]);
    expect(blame, errors == crowd / 2);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(of_2000_tasks_1000_crash_and_the_others_are_ok)
{
    static const long grains[] = {1, 16, TG_GRAIN_AUTO};
    bool several = _i >= PLACE_PTHREADS; /* groups at once: fewer tasks each */

    kinds = crashes_prepare();
    grainsize = grains[_i % 3];
    crowd = several ? 2 * CRASHES / 5 : 2 * CRASHES;
    at_place(_i, crash_often);
}
END_TEST

/* ---- Nested -------------------------------------------------------------------------------- */

struct nest {
    struct blame *blame;
    const struct crash *crash;
    unsigned flags;   /* of the inner group */
    bool crashes_too; /* the outer task, when the inner group is over */
    atomic_int ended;
};

static int crash_below(tg_task *self, void *arg, void *result)
{
    struct nest *nest = arg;
    struct part good = {.blame = nest->blame};
    struct part bad = {.blame = nest->blame, .crash = nest->crash};
    tg_group *g = tg_group_create(TG_GROUP(.flags = nest->flags | TG_GROUP_KEEP_GOING));

    (void)result;
    tg_group_add_many(g, play, 5, &good, 0, NULL);
    tg_group_add(g, play, &bad);
    tg_group_add_many(g, play, 5, &good, 0, NULL);
    expect(nest->blame, tg_group_run(g) == TG_CRASHED);
    expect_crash(nest->blame, tg_group_error(g), 5, nest->crash);
    expect(nest->blame, report_of(g).ok == 10);
    tg_group_destroy(g);
    expect(nest->blame, tg_task_current() == self);
    expect(nest->blame, tg_task_check(self) == TG_OK);
    if (nest->crashes_too)
        nest->crash->function();
    atomic_fetch_add(&nest->ended, 1);
    return 0;
}

static void crash_nested(struct blame *blame)
{
    for (size_t i = 0; i < kinds; i++)
        for (int round = 0; round < 3; round++) {
            bool too = round == 1, inherited = round < 2;
            struct nest nest = {.blame = blame,
                .crash = &crashes[i],
                .flags = inherited ? 0 : TG_GROUP_GUARD,
                .crashes_too = too};
            tg_group *g = tg_group_create(
                TG_GROUP(.flags = TG_GROUP_KEEP_GOING | (inherited ? TG_GROUP_GUARD : 0)));
            tg_group_add_many(g, crash_below, 3, &nest, 0, NULL);
            expect(blame, tg_group_run(g) == (too ? TG_CRASHED : TG_OK));
            expect(blame, atomic_load(&nest.ended) == (too ? 0 : 3));
            expect(blame, report_of(g).crashed == (too ? 3 : 0));
            tg_group_destroy(g);
        }
}

START_TEST(the_innermost_task_ends_and_the_groups_around_it_go_on)
{
    kinds = crashes_prepare();
    at_place(_i, crash_nested);
}
END_TEST

/* Three levels of guarded groups, each ends a task by a crash after the one below it has. */
static int crash_at_each_level(tg_task *self, void *arg, void *result)
{
    struct nest *nest = arg;
    static _Thread_local int depth;
    int here = depth;

    (void)result;
    if (tg_task_index(self) == 0 && here < 3) {
        tg_group *g = tg_group_create(NULL);
        tg_status status;
        tg_group_add_with(g, crash_at_each_level, nest, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
        tg_group_add_with(g, play, &(struct part){.blame = nest->blame}, NULL, NULL);
        depth = here + 1;
        status = tg_group_run(g);
        depth = here;
        expect(nest->blame, status == TG_OK);
        expect(nest->blame, report_of(g).crashed == 1);
        tg_group_destroy(g);
    }
    atomic_fetch_add(&nest->ended, 1);
    nest->crash->function();
    return 0;
}

static void crash_alone(struct blame *blame)
{
    struct nest nest = {.blame = blame, .crash = &crashes[0]};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD, .threads = 1));

    tg_group_add(g, crash_at_each_level, &nest);
    expect(blame, tg_group_run(g) == TG_CRASHED);
    expect(blame, atomic_load(&nest.ended) == 4);
    tg_group_destroy(g);
}

START_TEST(a_crash_at_each_of_four_levels_ends_one_task_each)
{
    kinds = crashes_prepare();
    at_place(PLACE_SERIAL, crash_alone);
    at_place(PLACE_PTHREADS, crash_alone);
}
END_TEST

static int start_and_crash(tg_group *group, void *user)
{
    struct part *part = user;

    for (int i = 0; i < 20; i++)
        expect(part->blame,
            tg_group_add_with(group, play, part, TG_TASK(.when_full = TG_FULL_RUN), NULL) == TG_OK);
    expect(part->blame, tg_task_check(tg_task_current()) == TG_OK);
    return 0;
}

static void crash_in_scope(struct blame *blame)
{
    struct part part = {.blame = blame, .crash = &crashes[0]};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING, .queue = TG_QUEUE_NONE));

    expect(blame, tg_group_scope(g, start_and_crash, &part) == TG_CRASHED);
    expect(blame, report_of(g).crashed == 20);
    tg_group_destroy(g);
}

START_TEST(a_task_that_crashes_within_an_add_ends_alone_too)
{
    kinds = crashes_prepare();
    at_place(_i, crash_in_scope);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crash");
    TCase *one = add_case(suite, "one task");
    TCase *many = add_case(suite, "many");
    TCase *nested = add_case(suite, "nested");

    tcase_add_loop_test(
        one, a_crash_ends_its_task_with_signal_address_and_backtrace_and_no_other, 0, PLACES);
    tcase_add_loop_test(one, a_crash_stops_the_group_unless_the_task_is_optional, 0, PLACES);
    tcase_add_loop_test(one, a_task_that_has_crashed_is_tried_again, 0, PLACES);
    tcase_add_loop_test(one, on_done_sees_the_crash, 0, PLACES);
    tcase_add_loop_test(many, of_2000_tasks_1000_crash_and_the_others_are_ok, 0, PLACES);
    tcase_add_loop_test(nested, the_innermost_task_ends_and_the_groups_around_it_go_on, 0, PLACES);
    tcase_add_test(nested, a_crash_at_each_of_four_levels_ends_one_task_each);
    tcase_add_loop_test(nested, a_task_that_crashes_within_an_add_ends_alone_too, 0, PLACES);
    return run_suite(suite);
}
