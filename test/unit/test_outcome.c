/* SPDX-License-Identifier: MIT */
/* task.h, outcome.h: what an outcome, a message and a report say of a task and its group. */
#include "tg_test.h"
#include "pools.h"

#include <signal.h>
#include <unistd.h>

/* ---- Why a task has not been run to its end ------------------------------------------------ */

static int add_two(tg_group *group, void *user)
{
    (void)user;
    tg_group_add_with(group, task_count, NULL, TG_TASK(.when_full = TG_FULL_DROP), NULL);
    return 0;
}

static void say_why(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    tg_group_add(g, task_fail_7, NULL);
    tg_group_add(g, task_count, NULL);
    tg_group_cancel_task(g, 1);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, outcome_of(g, 0).cause == TG_OK);
    expect(
        blame, outcome_of(g, 1).status == TG_CANCELLED && outcome_of(g, 1).cause == TG_CANCELLED);
    expect(blame, outcome_of(g, 2).status == TG_SKIPPED && outcome_of(g, 2).cause == TG_FAILED);
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.limit = 1, .deadline = 1e-9));
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, outcome_of(g, 0).status == TG_SKIPPED && outcome_of(g, 0).cause == TG_TIMED_OUT);
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.limit = 1, .need = 1));
    tg_group_add(g, task_count, NULL);
    tg_group_add(g, task_count, NULL);
    tg_group_add_with(
        g, task_count, NULL, TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = 3600), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, outcome_of(g, 1).status == TG_SKIPPED && outcome_of(g, 1).cause == TG_OK);
    expect(blame, outcome_of(g, 2).status == TG_SKIPPED && outcome_of(g, 2).cause == TG_OK);
    expect(blame, tg_group_success(g, 1) == 0 && tg_group_success(g, 0) == TG_NO_INDEX);
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE, .threads = 1));
    expect(blame, tg_group_scope(g, add_two, NULL) == TG_OK);
    expect(blame, outcome_of(g, 0).status == TG_SKIPPED && outcome_of(g, 0).cause == TG_FULL);
    tg_group_destroy(g);
}

START_TEST(an_outcome_says_why_a_task_was_not_run_to_its_end)
{
    at_place(_i, say_why);
}
END_TEST

/* ---- Which worker -------------------------------------------------------------------------- */

enum { MANY = 100 };

static int note_worker(tg_task *self, void *arg, void *result)
{
    (void)result;
    ((int *)arg)[tg_task_index(self)] = tg_task_worker(self);
    return 0;
}

static void say_worker(struct blame *blame)
{
    int workers[MANY];
    for (int i = 0; i < 3; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.flags = i ? TG_GROUP_TIMES : 0));
        if (i == 2)
            tg_group_add_many(g, note_worker, MANY, workers, 0, NULL);
        for (int k = 0; i != 2 && k < MANY; k++)
            tg_group_add(g, note_worker, workers);
        expect(blame, tg_group_run(g) == TG_OK);
        for (size_t k = 0; k < MANY; k++) {
            expect(blame, workers[k] >= 0);
            expect(blame, outcome_of(g, k).worker == (i ? workers[k] : -1));
        }
        tg_group_destroy(g);
    }
}

START_TEST(an_outcome_says_which_worker_ran_the_task_where_times_are_kept)
{
    at_place(_i, say_worker);
}
END_TEST

/* ---- Names --------------------------------------------------------------------------------- */

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    raise(SIGFPE);
    return 0;
}

static void name_it(struct blame *blame)
{
    tg_group *g =
        tg_group_create(TG_GROUP(.name = "a group", .flags = TG_GROUP_KEEP_GOING | TG_GROUP_GUARD));
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.name = "mesh"), NULL);
    tg_group_add(g, task_fail_7, NULL);
    tg_group_add_with(g, crash, NULL, TG_TASK(.name = "solver"), NULL);
    expect(blame, tg_group_run(g) == TG_FAILED || tg_group_error(g)->index == 2);
    expect(blame, strcmp(outcome_of(g, 0).message, "task \"mesh\" returned 7") == 0);
    expect(blame, strcmp(outcome_of(g, 1).message, "task 1 returned 7") == 0);
    expect(blame,
        strncmp(outcome_of(g, 2).message, "task \"solver\" crashed with SIGFPE at ", 36) == 0);
    tg_group_destroy(g);
}

START_TEST(messages_name_a_task_by_its_name_and_a_signal_by_its_own)
{
    at_place(_i, name_it);
}
END_TEST

/* The line of a run on stderr. */
static char line[1000];

static void run_and_read(tg_group *g)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    ck_assert(file != NULL && dup2(fileno(file), STDERR_FILENO) >= 0);
    tg_group_run(g);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    line[fread(line, 1, sizeof line - 1, file)] = '\0';
    fclose(file);
}

START_TEST(the_reports_line_has_names_and_no_zeros)
{
    setenv("TASKGROUP_REPORT", "1", 1);
    tg_group *g = tg_group_create(TG_GROUP(.name = "step 12", .limit = 1));
    tg_group_add(g, task_count, NULL);
    run_and_read(g);
    ck_assert_ptr_nonnull(strstr(line, "taskgroup \"step 12\": OK: 1 of 1 tasks ok; "));
    ck_assert_ptr_null(strstr(line, "failed"));
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.name = "mesh"), NULL);
    tg_group_add(g, task_count, NULL);
    run_and_read(g);
    ck_assert_ptr_nonnull(strstr(line, "taskgroup \"step 12\": FAILED (task \"mesh\" returned 7): "
                                       "1 of 3 tasks ok, 1 failed, 1 skipped; "));
    ck_assert_ptr_nonnull(strstr(line, " ms on "));
    tg_group_destroy(g);
}
END_TEST

/* ---- Numbers of the last run --------------------------------------------------------------- */

static int work(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    double until = tg_time_now() + 2e-3;
    while (tg_time_now() < until)
        ;
    return 0;
}

static void run_twice(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES, .limit = 1));
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < (i == 0 ? 10 : 1); k++)
            tg_group_add(g, i == 2 ? task_count : work, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_report r = report_of(g);
        expect(blame, r.busy <= r.wall && r.efficiency <= 1);
        expect(blame, i == 0 || r.longest_index == 9 + (size_t)i);
    }
    tg_task *hold = tg_group_hold(g, NULL);
    expect(blame, report_of(g).pending == 0 && report_of(g).not_run == 1); /* no run goes on */
    tg_task_complete(hold, 0, NULL);
    tg_group_destroy(g);
}

START_TEST(the_times_of_a_report_are_those_of_the_last_run)
{
    at_place(_i, run_twice);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("outcome");
    TCase *everywhere = add_case(s, "everywhere"), *serial = add_case(s, "serial code");
    tcase_add_loop_test(everywhere, an_outcome_says_why_a_task_was_not_run_to_its_end, 0, PLACES);
    tcase_add_loop_test(
        everywhere, an_outcome_says_which_worker_ran_the_task_where_times_are_kept, 0, PLACES);
    tcase_add_loop_test(
        everywhere, messages_name_a_task_by_its_name_and_a_signal_by_its_own, 0, PLACES);
    tcase_add_loop_test(everywhere, the_times_of_a_report_are_those_of_the_last_run, 0, PLACES);
    tcase_add_test(serial, the_reports_line_has_names_and_no_zeros);
    return run_suite(s);
}
