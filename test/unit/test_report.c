/* SPDX-License-Identifier: MIT */
/* group.h, tg_group_report(): how a group stands and stood, in numbers; and TASKGROUP_REPORT. */
#include "tg_test.h"
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static size_t sum_of(const tg_report *report)
{
    return report->ok + report->failed + report->crashed + report->timed_out + report->cancelled +
           report->skipped + report->dropped + report->not_run;
}

/* ---- Counts -------------------------------------------------------------------------------- */

static int overstay(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static int succeed_third(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 3;
}

static void count_each(struct blame *blame)
{
    tg_report report;
    tg_status status;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING | TG_GROUP_GUARD));

    tg_group_add_many(g, task_count, 10, NULL, 0, NULL);
    tg_group_add_many(g, task_fail_7, 9, NULL, 0, NULL);
    tg_group_add_many(g, crash, 8, NULL, 0, NULL);
    tg_group_add_many(g, overstay, 3, NULL, 0, TG_TASK(.timeout = 0.001));
    tg_group_add_with(g, succeed_third, NULL, TG_TASK(.attempts = 5), NULL);
    report = report_of(g);
    expect(blame, report.not_run == 31);
    expect(blame, sum_of(&report) == 31);
    expect(blame, report.threads == 0);
    status = tg_group_run(g); /* as the first of them says */
    expect(blame, status == TG_FAILED || status == TG_CRASHED || status == TG_TIMED_OUT);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->status == status);
    report = report_of(g);
    expect(blame, report.added == 31);
    expect(blame, report.ok == 11);
    expect(blame, report.failed == 9);
    expect(blame, report.crashed == 8);
    expect(blame, report.timed_out == 3);
    expect(blame, report.attempts == 3);
    expect(blame, report.pending == 0);
    expect(blame, sum_of(&report) == 31);
    expect(blame, report.threads >= 1);
    expect(blame, report.wall > 0);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(each_status_is_counted_and_all_of_them_are_the_tasks_added)
{
    at_place(_i, count_each);
}
END_TEST

static int cancel_at_30(tg_task *self, void *arg, void *result)
{
    if (tg_task_index(self) == 30)
        return task_cancel(self, arg, result);
    return task_count(self, arg, result);
}

static void count_left(struct blame *blame)
{
    atomic_int started = 0;
    tg_report report;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    tg_group_add_many(g, cancel_at_30, 100, &started, 0, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    report = report_of(g);
    expect(blame, report.ok == 31);
    expect(blame, report.skipped == 69); /* the number left */
    expect(blame, sum_of(&report) == 100);
    tg_group_destroy(g);
}

START_TEST(after_a_cancel_the_number_left_is_known)
{
    at_place(_i, count_left);
}
END_TEST

/* ---- While it runs ------------------------------------------------------------------------- */

struct live {
    struct blame *blame;
    bool alone; /* one task at a time: nothing moves while it looks */
};

static int look_live(tg_task *self, void *arg, void *result)
{
    const struct live *live = arg;
    tg_report report = report_of(tg_task_group(self));

    (void)result;
    expect(live->blame, report.added == 200);
    expect(live->blame, report.pending >= 1);
    expect(live->blame, sum_of(&report) + report.pending == 200);
    if (live->alone) {
        expect(live->blame, report.pending == 1);
        expect(live->blame, report.ok == tg_task_index(self));
        expect(live->blame, report.not_run == 199 - tg_task_index(self));
    }
    return 0;
}

static void report_live(struct blame *blame)
{
    for (long limit = 0; limit < 2; limit++) {
        struct live live = {blame, limit == 1};
        tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
        tg_group_add_many(g, look_live, 200, &live, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == 200);
        tg_group_destroy(g);
    }
}

START_TEST(while_it_runs_each_task_is_counted_where_it_is)
{
    at_place(_i, report_live);
}
END_TEST

/* ---- Times --------------------------------------------------------------------------------- */

static int work(tg_task *self, void *arg, void *result)
{
    double end = tg_time_now() + (tg_task_index(self) == 17 ? 2e-3 : 1e-5);

    (void)arg, (void)result;
    wait_until(tg_time_now() >= end);
    return 0;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 + 1e-6 * fabs(b);
}

static void keep_times(struct blame *blame)
{
    enum { COUNT = 100 };
    double busy = 0, longest = 0, start = tg_time_now(), first = INFINITY, last = 0;
    bool ranks[COUNT + 1] = {false};
    tg_report report;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES));

    tg_group_add_many(g, work, COUNT, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    for (size_t i = 0; i < COUNT; i++) {
        tg_outcome outcome = outcome_of(g, i);
        double took = outcome.end - outcome.start;
        expect(blame, took >= (i == 17 ? 2e-3 : 1e-5));
        expect(blame, outcome.rank >= 1 && outcome.rank <= COUNT);
        if (outcome.rank <= COUNT) {
            expect(blame, !ranks[outcome.rank]);
            ranks[outcome.rank] = true;
        }
        busy += took;
        longest = took > longest ? took : longest;
        first = outcome.start < first ? outcome.start : first;
        last = outcome.end > last ? outcome.end : last;
    }
    report = report_of(g);
    expect(blame, first >= start);
    expect(blame, last <= tg_time_now());
    expect(blame, near(report.busy, busy));
    expect(blame, near(report.longest, longest));
    expect(blame, report.longest_index < COUNT);
    expect(blame,
        near(outcome_of(g, report.longest_index).end - outcome_of(g, report.longest_index).start,
            longest));
    expect(blame, report.busy >= report.longest);
    expect(blame, report.wall >= report.longest);
    expect(blame, report.wall >= last - first);
    expect(blame, report.efficiency > 0);
    expect(blame, report.efficiency <= 1.01);
    expect(blame, near(report.efficiency, report.busy / (report.wall * report.threads)) ||
                      report.efficiency == 1);
    tg_group_destroy(g);
}

START_TEST(times_are_those_of_the_tasks)
{
    at_place(_i, keep_times);
}
END_TEST

static int fail_at_5(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_index(self) == 5 ? 3 : 0;
}

static void rank_in_order(struct blame *blame)
{
    double before = 0;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES, .limit = 1));

    tg_group_add_many(g, fail_at_5, 10, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    for (size_t i = 0; i < 10; i++) {
        tg_outcome outcome = outcome_of(g, i);
        expect(blame, outcome.rank == (i <= 5 ? i + 1 : 0));
        expect(blame, i > 5 || (outcome.start >= before && outcome.end >= outcome.start));
        expect(blame, i <= 5 || (outcome.start == 0 && outcome.end == 0));
        expect(blame, tg_group_success(g, i + 1) == (i < 5 ? i : TG_NO_INDEX));
        before = outcome.end;
    }
    tg_group_destroy(g);
}

START_TEST(tasks_are_ranked_in_the_order_in_which_they_end)
{
    at_place(_i, rank_in_order);
}
END_TEST

static void keep_no_times(struct blame *blame)
{
    tg_report report;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, work, 20, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    report = report_of(g);
    expect(blame, report.busy == 0);
    expect(blame, report.efficiency == 0);
    expect(blame, report.longest == 0);
    expect(blame, report.longest_index == TG_NO_INDEX);
    expect(blame, outcome_of(g, 17).start == 0);
    expect(blame, outcome_of(g, 17).end == 0);
    expect(blame, outcome_of(g, 17).rank == 0);
    expect(blame, tg_group_success(g, 1) == TG_NO_INDEX);
    tg_group_destroy(g);
}

START_TEST(without_the_flag_no_times_are_kept)
{
    unsetenv("TASKGROUP_REPORT");
    at_place(_i, keep_no_times);
}
END_TEST

START_TEST(a_program_of_an_older_version_gets_the_part_that_it_knows)
{
    tg_report report;
    tg_outcome outcome;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES));

    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_run(g), TG_OK);
    memset(&report, 0x5a, sizeof report);
    report.size = offsetof(tg_report, timed_out);
    assert_status((tg_group_report)(g, &report), TG_OK);
    ck_assert_uint_eq(report.ok, 1);
    for (size_t i = offsetof(tg_report, timed_out); i < sizeof report; i++)
        ck_assert_uint_eq(((unsigned char *)&report)[i], 0x5a);
    memset(&outcome, 0x5a, sizeof outcome);
    outcome.size = offsetof(tg_outcome, attempts);
    assert_status((tg_group_outcome)(g, 0, &outcome), TG_OK);
    ck_assert_int_eq(outcome.status, TG_OK);
    for (size_t i = offsetof(tg_outcome, attempts); i < sizeof outcome; i++)
        ck_assert_uint_eq(((unsigned char *)&outcome)[i], 0x5a);
    tg_group_destroy(g);
}
END_TEST

/* ---- To stderr ----------------------------------------------------------------------------- */

static char said[1 << 16]; /* what came to stderr */

static void start_listening(void)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    fflush(stderr);
    ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
}

/* How many lines came, all of them whole and printable. */
static int lines_said(void)
{
    int lines = 0;
    ssize_t length;

    fflush(stderr);
    length = pread(STDERR_FILENO, said, sizeof said - 1, 0);
    ck_assert_int_ge(length, 0);
    said[length] = '\0';
    ck_assert_msg(length == 0 || said[length - 1] == '\n', "\"%s\"", said);
    for (ssize_t i = 0; i < length; i++) {
        lines += said[i] == '\n';
        ck_assert_msg(said[i] == '\n' ? i > 0 && said[i - 1] != '\n' : isprint(said[i]),
            "byte %zd of \"%s\"", i, said);
    }
    return lines;
}

static atomic_int runs;

static void run_some(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < 3; i++) {
        tg_group_add_many(g, i == 2 ? task_fail_7 : task_count, 20, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == (i == 2 ? TG_FAILED : TG_OK));
        atomic_fetch_add(&runs, 1);
    }
    expect(blame, report_of(g).wall > 0);
    tg_group_destroy(g);
}

/* Many reports of a group of many tasks: whoever looks at each task for each of them runs out of Check's time. */
enum { LOOKED_AT = 1000000, LOOKS = 20000 };

static int look_often(tg_task *self, void *arg, void *result)
{
    struct blame *blame = arg;
    (void)result;
    for (int i = 0; i < LOOKS; i++) {
        tg_report report = report_of(tg_task_group(self));
        expect(blame, report.added == LOOKED_AT && sum_of(&report) + report.pending == LOOKED_AT);
    }
    return 0;
}

static void look_at_many(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.grainsize = 100));
    tg_group_add(g, look_often, blame);
    tg_group_add_many(g, task_count, LOOKED_AT - 1, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK && report_of(g).ok == LOOKED_AT);
    tg_group_destroy(g);
}

START_TEST(a_report_of_a_running_group_does_not_look_at_each_task)
{
    at_place(PLACE_SERIAL, look_at_many);
}
END_TEST

START_TEST(with_taskgroup_report_each_run_says_one_line_and_keeps_times)
{
    tg_group *g;

    setenv("TASKGROUP_REPORT", "1", 1);
    start_listening();
    at_place(_i, run_some);
    ck_assert_int_eq(lines_said(), _i == PLACE_IN_TASK ? 1 : runs); /* the outermost group's */
    g = tg_group_create(NULL);
    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert(outcome_of(g, 0).end > 0);
    ck_assert_uint_eq(report_of(g).longest_index, 0);
    tg_group_destroy(g);
}
END_TEST

START_TEST(without_it_nothing_is_ever_said)
{
    tg_group *g;

    unsetenv("TASKGROUP_REPORT");
    start_listening();
    g = tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES));
    setenv("TASKGROUP_REPORT", "1", 1); /* too late for this one */
    tg_group_add(g, task_fail_7, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    tg_group_destroy(g);
    unsetenv("TASKGROUP_REPORT");
    at_place(_i, run_some);
    ck_assert_int_eq(lines_said(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *counts = add_case(suite, "counts");
    TCase *times = add_case(suite, "times");
    TCase *print = add_case(suite, "to stderr");

    tcase_add_loop_test(
        counts, each_status_is_counted_and_all_of_them_are_the_tasks_added, 0, PLACES);
    tcase_add_loop_test(counts, after_a_cancel_the_number_left_is_known, 0, PLACES);
    tcase_add_loop_test(counts, while_it_runs_each_task_is_counted_where_it_is, 0, PLACES);
    tcase_add_test(counts, a_program_of_an_older_version_gets_the_part_that_it_knows);
    tcase_add_loop_test(times, times_are_those_of_the_tasks, 0, PLACES);
    tcase_add_loop_test(times, tasks_are_ranked_in_the_order_in_which_they_end, 0, PLACES);
    tcase_add_loop_test(times, without_the_flag_no_times_are_kept, 0, PLACES);
    tcase_add_loop_test(
        print, with_taskgroup_report_each_run_says_one_line_and_keeps_times, 0, PLACES);
    tcase_add_loop_test(print, without_it_nothing_is_ever_said, 0, PLACES);
    tcase_add_test(print, a_report_of_a_running_group_does_not_look_at_each_task);
    return run_suite(suite);
}
