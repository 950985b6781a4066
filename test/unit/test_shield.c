/* SPDX-License-Identifier: MIT */
/* group.h, TG_GROUP_SHIELD: tasks that have started finish undisturbed; what waits is skipped still. */
#include "tg_test.h"

/* What a shielded task was told, before and after its group has stopped. */
struct shielded {
    struct blame *blame;
    tg_context *above;  /* what is cancelled; NULL: the group's own context */
    tg_context *own;    /* the task's context */
    tg_status told;     /* by tg_task_check(), after the stop */
    tg_status own_told; /* by tg_context_check() of `own`, if there is one */
    int code;           /* to be returned */
    atomic_int started;
};

static void look(struct shielded *shielded, tg_task *self, void *result)
{
    shielded->own = tg_task_context(self);
    shielded->told = tg_task_check(self);
    shielded->own_told = shielded->own == NULL ? TG_INVALID : tg_context_check(shielded->own);
    if (result != NULL)
        *(int *)result = 77;
}

static int stop_and_go_on(tg_task *self, void *arg, void *result)
{
    struct shielded *shielded = arg;
    tg_context *group = tg_group_context(tg_task_group(self));

    expect(shielded->blame, tg_task_check(self) == TG_OK);
    tg_context_cancel(shielded->above != NULL ? shielded->above : group, 4, "stop");
    expect(shielded->blame, tg_context_check(group) == TG_CANCELLED);
    look(shielded, self, result);
    return shielded->code;
}

static void cancel_shielded(struct blame *blame, bool from_above, int code)
{
    tg_context *above = tg_context_create(NULL);
    tg_group *g = tg_group_create(TG_GROUP(.context = above, .flags = TG_GROUP_SHIELD, .limit = 1,
        .result_size = sizeof(int)));
    struct shielded shielded = {.blame = blame, .above = from_above ? above : NULL, .code = code};
    atomic_int runs = 0;

    tg_group_add(g, stop_and_go_on, &shielded);
    tg_group_add_many(g, task_count, 10, &runs, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, shielded.told == TG_OK);
    expect(blame, shielded.own == NULL);
    expect(blame, *(int *)tg_group_result(g, 0) == 77);
    expect(blame, status_of(g, 0) == (code == 0 ? TG_OK : TG_FAILED)); /* it was not told */
    expect(blame, outcome_of(g, 0).code == code);
    expect(blame, atomic_load(&runs) == 0 && report_of(g).skipped == 10);
    expect(blame, tg_group_error(g)->code == 4 && tg_group_error(g)->index == TG_NO_INDEX);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    tg_context_destroy(above);
}

static void cancel_all_shielded(struct blame *blame)
{
    cancel_shielded(blame, false, 0);
    cancel_shielded(blame, false, 5);
    cancel_shielded(blame, true, 0);
    cancel_shielded(blame, true, 5);
}

START_TEST(a_shielded_task_is_not_told_of_a_cancel_and_what_waits_is_skipped)
{
    at_place(_i, cancel_all_shielded);
}
END_TEST

/* ---- A failed sibling ---------------------------------------------------------------------- */

static int fail_once_started(tg_task *self, void *arg, void *result)
{
    struct shielded *shielded = arg;

    (void)self, (void)result;
    wait_until(atomic_load(&shielded->started) == 1);
    return 6;
}

static int outlive_the_stop(tg_task *self, void *arg, void *result)
{
    struct shielded *shielded = arg;
    tg_context *group = tg_group_context(tg_task_group(self));

    atomic_store(&shielded->started, 1);
    wait_until(tg_context_check(group) != TG_OK);
    look(shielded, self, result);
    return shielded->code;
}

/* A deferred task of a shielded group, completed by a code after the stop, has failed on its own. */
static int defer_then_stop(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_task_group(self);
    (void)arg, (void)result;
    wait_until(status_of(g, 0) == TG_PENDING);
    tg_group_cancel(g, 5, "no matter");
    tg_group_complete(g, 0, 3, "on its own");
    return 0;
}

static int put_off(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

static void complete_shielded(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_SHIELD, .limit = 2));
    tg_group_add(g, put_off, NULL);
    tg_group_add(g, defer_then_stop, NULL);
    tg_group_run(g);
    expect(blame, status_of(g, 0) == TG_FAILED && outcome_of(g, 0).code == 3);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_shielded_task_that_is_completed_after_the_stop_has_failed)
{
    at_place(_i, complete_shielded);
}
END_TEST

static void fail_beside(struct blame *blame)
{
    if (team_size() < 2)
        return;
    for (int code = 0; code < 2; code++) {
        struct shielded shielded = {.blame = blame, .code = code};
        tg_group *g =
            tg_group_create(TG_GROUP(.flags = TG_GROUP_SHIELD, .result_size = sizeof(int)));
        tg_group_add(g, fail_once_started, &shielded);
        tg_group_add(g, outlive_the_stop, &shielded);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 6);
        expect(blame, shielded.told == TG_OK && shielded.own == NULL);
        expect(blame, status_of(g, 1) == (code == 0 ? TG_OK : TG_FAILED));
        expect(blame, *(int *)tg_group_result(g, 1) == 77);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_shielded_task_is_not_told_of_a_failed_sibling)
{
    at_place(_i, fail_beside);
}
END_TEST

/* ---- Time ---------------------------------------------------------------------------------- */

static void pass_the_groups_time(struct blame *blame)
{
    struct shielded shielded = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_SHIELD, .timeout = 5e-3, .limit = 1,
        .result_size = sizeof(int)));

    tg_group_add(g, outlive_the_stop, &shielded);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, tg_group_error(g)->index == TG_NO_INDEX);
    expect(blame, status_of(g, 1) == TG_SKIPPED);
    if (atomic_load(&shielded.started) == 1) { /* else it was late itself */
        expect(blame, shielded.told == TG_OK && shielded.own == NULL);
        expect(blame, status_of(g, 0) == TG_OK);
        expect(blame, *(int *)tg_group_result(g, 0) == 77);
    }
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_shielded_task_is_not_told_that_the_groups_time_is_up)
{
    at_place(_i, pass_the_groups_time);
}
END_TEST

/* Stops its group, is not told of it, and then loops until its own time is up. */
static int stop_and_wait(tg_task *self, void *arg, void *result)
{
    struct shielded *shielded = arg;
    tg_status told;

    atomic_store(&shielded->started, 1);
    tg_context_cancel(tg_group_context(tg_task_group(self)), 4, "stop");
    told = tg_task_check(self);
    expect(shielded->blame, told == TG_OK || told == TG_TIMED_OUT); /* of the group: CANCELLED */
    wait_until(tg_task_check(self) != TG_OK);
    look(shielded, self, result);
    return shielded->code;
}

static void pass_the_own_time(struct blame *blame)
{
    for (int code = 0; code < 2; code++) {
        struct shielded shielded = {.blame = blame, .code = code};
        tg_group *g = tg_group_create(
            TG_GROUP(.flags = TG_GROUP_SHIELD, .limit = 1, .result_size = sizeof(int)));
        tg_group_add_with(g, stop_and_wait, &shielded, TG_TASK(.timeout = 5e-3), NULL);
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect(blame, tg_group_error(g)->code == 4);
        expect(blame, shielded.told == TG_TIMED_OUT);
        expect(blame, shielded.own != NULL && shielded.own != tg_group_context(g));
        expect(blame, shielded.own_told == TG_TIMED_OUT);
        expect(blame, status_of(g, 0) == TG_TIMED_OUT && outcome_of(g, 0).code == code);
        expect(blame, *(int *)tg_group_result(g, 0) == 77);
        expect(blame, status_of(g, 1) == TG_SKIPPED);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_shielded_task_is_told_of_its_own_time_and_of_nothing_else)
{
    at_place(_i, pass_the_own_time);
}
END_TEST

static void end_shielded(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_SHIELD));
    atomic_int runs = 0;

    tg_group_add_many(g, task_count, 100, &runs, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&runs) == 100);
    tg_group_add_with(g, task_fail_7, &runs, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_add(g, task_fail_7, &runs);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == 101);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(what_nobody_stops_runs_as_without_a_shield)
{
    at_place(_i, end_shielded);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shield");
    TCase *all = add_case(suite, "all");

    tcase_add_loop_test(
        all, a_shielded_task_is_not_told_of_a_cancel_and_what_waits_is_skipped, 0, PLACES);
    tcase_add_loop_test(
        all, a_shielded_task_is_not_told_of_a_failed_sibling, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(all, a_shielded_task_is_not_told_that_the_groups_time_is_up, 0, PLACES);
    tcase_add_loop_test(
        all, a_shielded_task_is_told_of_its_own_time_and_of_nothing_else, 0, PLACES);
    tcase_add_loop_test(
        all, a_shielded_task_that_is_completed_after_the_stop_has_failed, 0, PLACES);
    tcase_add_loop_test(all, what_nobody_stops_runs_as_without_a_shield, 0, PLACES);
    return run_suite(suite);
}
