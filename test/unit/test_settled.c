/* SPDX-License-Identifier: MIT */
/* When a run is over: each task has one end, each end was told once, and the answer stays. What random programs have
   found (test/program), each as the smallest group that shows it. */
#include "tg_test.h"

#define AGES 1000.0

/* How often each task was told, and as what; what on_done then does. */
struct told {
    struct blame *blame;
    atomic_int calls[8];
    tg_status status[8];
    int code;    /* that on_done returns */
    size_t adds; /* tasks that it adds when it is called first */
};

static int tell(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct told *told = user;

    for (; told->adds > 0; told->adds--)
        expect(told->blame, tg_group_add(group, task_count, NULL) == TG_OK);
    if (outcome->index < 8) {
        atomic_fetch_add(&told->calls[outcome->index], 1);
        told->status[outcome->index] = outcome->status;
    }
    return told->code;
}

static void expect_told_once(const struct told *told, tg_group *g)
{
    for (size_t i = 0; i < tg_group_count(g); i++) {
        expect(told->blame, atomic_load(&told->calls[i]) == 1);
        expect(told->blame, told->status[i] == status_of(g, i));
    }
    expect_exact_accounting(told->blame, g);
}

/* ---- Told once ----------------------------------------------------------------------------- */

static void stop_before_the_next_attempt(struct blame *blame)
{
    struct told told = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .on_done = tell, .user = &told));

    /* The same priority: their second attempts come after the other one. */
    tg_group_add_many(g, task_fail_7, 3, NULL, 0, TG_TASK(.attempts = 2, .priority = 1));
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.priority = 1), NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = AGES), NULL);
    expect(blame, tg_group_run(g) == TG_FAILED && tg_group_error(g)->index == 3);
    expect(blame, report_of(g).cancelled == 3);
    expect_told_once(&told, g);
    tg_group_destroy(g);
}

START_TEST(who_was_to_be_tried_again_at_once_when_the_group_stopped_is_told_once)
{
    at_place(_i, stop_before_the_next_attempt);
}
END_TEST

static int take_back_and_stop(tg_task *self, void *arg, void *result)
{
    tg_status status = tg_group_cancel_task(tg_task_group(self), tg_task_index(self) + 1);
    atomic_store((atomic_int *)arg, status);
    return task_cancel(self, NULL, result);
}

static void take_back(struct blame *blame)
{
    for (int priority = 0; priority < 2; priority++) {
        struct told told = {.blame = blame};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .on_done = tell, .user = &told));
        atomic_int answer = -1;

        tg_group_add_with(g, take_back_and_stop, &answer, TG_TASK(.priority = priority), NULL);
        tg_group_add_with(g, task_count, NULL, TG_TASK(.attempts = 2, .priority = priority), NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect(blame, atomic_load(&answer) == TG_OK && status_of(g, 1) == TG_CANCELLED);
        expect_told_once(&told, g);
        tg_group_destroy(g);
    }
}

START_TEST(who_was_taken_back_and_then_never_came_up_is_told_once)
{
    at_place(_i, take_back);
}
END_TEST

static void add_late(struct blame *blame)
{
    for (int i = 0; i < 2; i++) {
        struct told told = {.blame = blame, .adds = 3};
        tg_group *g = tg_group_create(TG_GROUP(.need = 2, .on_done = tell, .user = &told,
            .flags = i ? TG_GROUP_IN_ORDER : 0));

        /* It keeps no run open, so that it is told when all is over; the answer closes the group. */
        tg_group_add_with(
            g, task_count, NULL, TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = AGES), NULL);
        expect(blame, tg_group_run(g) == TG_FEWER);
        expect(blame, tg_group_count(g) == 4 && report_of(g).skipped == 4);
        expect_told_once(&told, g);
        expect(blame, tg_group_run(g) == TG_FEWER);
        tg_group_destroy(g);
    }
}

START_TEST(what_was_added_after_the_end_of_a_run_that_closes_the_group_is_told_once)
{
    at_place(_i, add_late);
}
END_TEST

static void complete_before(struct blame *blame)
{
    struct told told = {.blame = blame};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = 1, .on_done = tell, .user = &told));
    tg_task *hold = tg_group_hold(g, NULL);

    expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_OK);
    expect(blame, atomic_load(&told.calls[0]) == 0);
    expect(blame, tg_group_run(g) == TG_OK); /* and does not wait for ever for its turn */
    expect_told_once(&told, g);
    tg_group_destroy(g);
}

START_TEST(a_hold_that_was_completed_before_the_run_is_told_when_it_begins)
{
    at_place(_i, complete_before);
}
END_TEST

struct late {
    struct told told; /* first: on_done's */
    tg_task *hold;
};

/* When the monitor is told that it was skipped the run is over, and not yet closed. */
static int open_late(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct late *late = user;

    if (outcome->status == TG_SKIPPED && late->hold == NULL) {
        late->hold = tg_group_hold(group, NULL);
        expect(late->told.blame, late->hold != NULL);
        expect(late->told.blame, tg_group_add(group, task_count, NULL) == TG_OK);
    }
    return tell(group, outcome, &late->told);
}

static void hold_late(struct blame *blame)
{
    for (unsigned i = 0; i < 2; i++) {
        struct late late = {.told = {.blame = blame}};
        tg_group *g = tg_group_create(TG_GROUP(.on_done = open_late, .user = &late,
            .flags = TG_GROUP_KEEP_GOING | (i > 0 ? TG_GROUP_IN_ORDER : 0)));

        tg_group_add(g, task_fail_7, NULL);
        tg_group_add_with(
            g, task_count, NULL, TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = AGES), NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_count(g) == 4 && report_of(g).skipped == 2);
        expect(blame, atomic_load(&late.told.calls[2]) == 0);
        expect(blame, tg_task_complete(late.hold, 0, NULL) == TG_OK);
        expect(blame, report_of(g).ok == 1);
        expect_told_once(&late.told, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_hold_that_outlives_a_run_that_closes_the_group_is_told_when_it_is_completed)
{
    at_place(_i, hold_late);
}
END_TEST

static void complete_after_reset(struct blame *blame)
{
    struct told told = {.blame = blame, .adds = 1};
    tg_group *g = tg_group_create(TG_GROUP(.need = 2, .on_done = tell, .user = &told));

    tg_group_add_with(
        g, task_count, NULL, TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = AGES), NULL);
    expect(blame, tg_group_run(g) == TG_FEWER); /* closes with one that came late */
    expect(blame, tg_group_reset(g) == TG_OK);
    told = (struct told){.blame = blame};
    expect(blame, tg_task_complete(tg_group_hold(g, NULL), 0, NULL) == TG_OK);
    expect(blame, atomic_load(&told.calls[0]) == 0); /* not before a run */
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect_told_once(&told, g);
    tg_group_destroy(g);
}

START_TEST(after_a_reset_nothing_is_told_before_the_next_run)
{
    at_place(_i, complete_after_reset);
}
END_TEST

/* ---- Its answer ---------------------------------------------------------------------------- */

static void need_one(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.need = 1));

    tg_group_add(g, task_cancel, NULL);
    expect(blame, tg_group_run(g) == TG_OK); /* what it needs it has, and nothing is left undone */
    expect(blame, report_of(g).ok == 1);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_cancel_that_comes_too_late_takes_nothing_from_what_was_needed)
{
    at_place(_i, need_one);
}
END_TEST

static int stop_periodic(tg_task *self, void *arg, void *result)
{
    (void)result;
    return atomic_load((atomic_int *)arg) > 0 &&
                   tg_group_cancel_task(tg_task_group(self), 0) == TG_OK
               ? 0
               : 1;
}

static void need_periodic(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.need = 2));
    atomic_int runs = 0;

    tg_group_add_with(g, task_count, &runs, TG_TASK(.period = AGES), NULL);
    tg_group_add_with(
        g, stop_periodic, &runs, TG_TASK(.attempts = TG_ENDLESS, .backoff = 0.0001), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 2 && tg_group_success(g, 2) != TG_NO_INDEX);
    tg_group_destroy(g);
}

START_TEST(a_task_with_a_period_that_has_run_and_is_taken_back_is_one_of_the_successes)
{
    at_place(_i, need_periodic);
}
END_TEST

static int cancel_and_return_9(tg_group *group, void *user)
{
    (void)user;
    tg_context_cancel(tg_group_context(group), 3, "no matter");
    return 9;
}

static void fail_after_cancel(struct blame *blame)
{
    struct told told = {.blame = blame, .code = 55};
    tg_group *g = tg_group_create(TG_GROUP(.on_done = tell, .user = &told));

    tg_group_add(g, task_cancel, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED && tg_group_error(g)->code == 55);
    expect(blame, tg_group_error(g)->index == TG_NO_INDEX);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect_told_once(&told, g);
    tg_group_destroy(g);

    g = tg_group_create(NULL);
    expect(blame, tg_group_scope(g, cancel_and_return_9, NULL) == TG_FAILED);
    expect(blame, tg_group_error(g)->code == 9);
    tg_group_destroy(g);
}

START_TEST(a_failure_of_on_done_or_of_a_body_counts_after_a_cancel_that_left_nothing_undone)
{
    at_place(_i, fail_after_cancel);
}
END_TEST

static int add_too_heavy(tg_task *self, void *arg, void *result)
{
    tg_status status =
        tg_group_add_with(tg_task_group(self), task_count, NULL, TG_TASK(.weight = 5), NULL);
    (void)arg, (void)result;
    return status == TG_TOO_LARGE ? 7 : 1;
}

static void lose_an_add_and_fail(struct blame *blame)
{
    tg_limit *limit = tg_limit_create(2);
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit));

    tg_group_add(g, add_too_heavy, NULL);
    for (int i = 0; i < 3; i++) {
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->code == 7 && tg_group_error(g)->index == 0);
    }
    tg_group_destroy(g);
    tg_limit_destroy(limit);
}

START_TEST(a_run_that_has_failed_answers_the_same_again_though_an_add_was_refused_too)
{
    at_place(_i, lose_an_add_and_fail);
}
END_TEST

static void refuse_after_the_end(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.need = 2));

    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_FEWER);
    expect(blame, tg_group_add(g, NULL, NULL) == TG_INVALID);
    expect(blame, strstr(tg_group_error(g)->message, "1 of 2") != NULL);
    expect(blame, tg_group_run(g) == TG_FEWER);
    expect(blame, strstr(tg_group_error(g)->message, "1 of 2") != NULL);
    tg_group_destroy(g);
}

START_TEST(what_a_closed_group_refuses_changes_nothing_of_its_error)
{
    at_place(_i, refuse_after_the_end);
}
END_TEST

/* ---- Its order ----------------------------------------------------------------------------- */

struct starts {
    atomic_size_t next;
    atomic_bool wrong;
};

static int start_in_turn(tg_task *self, void *arg, void *result)
{
    struct starts *starts = arg;
    size_t index = tg_task_index(self);

    (void)result;
    if (atomic_fetch_add(&starts->next, 1) != index)
        atomic_store(&starts->wrong, true);
    return index % 3 == 0 ? 0 : tg_task_sleep(self, 0.00002);
}

static void one_at_a_time(struct blame *blame)
{
    static const long grains[] = {1, 8, TG_GRAIN_AUTO};

    for (size_t i = 0; i < sizeof grains / sizeof *grains; i++) {
        struct starts starts = {0};
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1, .grainsize = grains[i]));
        tg_group_add_many(g, start_in_turn, 500, &starts, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, !atomic_load(&starts.wrong) && atomic_load(&starts.next) == 500);
        tg_group_destroy(g);
    }
}

START_TEST(with_a_limit_of_one_tasks_that_leave_their_thread_keep_the_order)
{
    at_place(_i, one_at_a_time);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settled");
    TCase *once = add_case(suite, "told once");
    TCase *answer = add_case(suite, "its answer");
    TCase *order = add_case(suite, "its order");

    tcase_add_loop_test(
        once, who_was_to_be_tried_again_at_once_when_the_group_stopped_is_told_once, 0, PLACES);
    tcase_add_loop_test(once, who_was_taken_back_and_then_never_came_up_is_told_once, 0, PLACES);
    tcase_add_loop_test(
        once, what_was_added_after_the_end_of_a_run_that_closes_the_group_is_told_once, 0, PLACES);
    tcase_add_loop_test(
        once, a_hold_that_was_completed_before_the_run_is_told_when_it_begins, 0, PLACES);
    tcase_add_loop_test(once,
        a_hold_that_outlives_a_run_that_closes_the_group_is_told_when_it_is_completed, 0, PLACES);
    tcase_add_loop_test(once, after_a_reset_nothing_is_told_before_the_next_run, 0, PLACES);
    tcase_add_loop_test(
        answer, what_a_closed_group_refuses_changes_nothing_of_its_error, 0, PLACES);
    tcase_add_loop_test(
        answer, a_cancel_that_comes_too_late_takes_nothing_from_what_was_needed, 0, PLACES);
    tcase_add_loop_test(answer,
        a_task_with_a_period_that_has_run_and_is_taken_back_is_one_of_the_successes, 0, PLACES);
    tcase_add_loop_test(answer,
        a_failure_of_on_done_or_of_a_body_counts_after_a_cancel_that_left_nothing_undone, 0,
        PLACES);
    tcase_add_loop_test(answer,
        a_run_that_has_failed_answers_the_same_again_though_an_add_was_refused_too, 0, PLACES);
    tcase_add_loop_test(
        order, with_a_limit_of_one_tasks_that_leave_their_thread_keep_the_order, 0, PLACES);
    return run_suite(suite);
}
