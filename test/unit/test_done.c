/* SPDX-License-Identifier: MIT */
/* group.h, `.on_done`: once for every task, one at a time, whatever became of it. */
#include "tg_test.h"

enum { MOST = 400 };

/* What on_done was told: how often and of what, by index; and in which order. */
struct log {
    struct blame *blame;
    tg_group *group;
    atomic_int inside;
    int calls[MOST];
    tg_outcome told[MOST];
    size_t order[MOST], count;
    size_t failing; /* on_done fails here … */
    int code;       /* … with this */
    void *task;     /* what tg_task_current() answered */
};

static int note(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct log *log = user;
    size_t index = outcome->index;

    expect(log->blame, atomic_fetch_add(&log->inside, 1) == 0); /* one at a time */
    expect(log->blame, group == log->group);
    expect(log->blame, index < MOST && log->count < MOST);
    if (index < MOST && log->count < MOST) {
        log->calls[index]++;
        log->told[index] = *outcome;
        log->order[log->count++] = index;
    }
    log->task = tg_task_current();
    if (index % 8 == 0)
        sched_yield();
    atomic_fetch_sub(&log->inside, 1);
    return log->code != 0 && index == log->failing ? log->code : 0;
}

static struct log *new_log(struct blame *blame)
{
    struct log *log = calloc(1, sizeof *log);
    log->blame = blame;
    return log;
}

/* Once for each, and with what the group says of it afterwards. */
static void expect_log(struct blame *blame, const struct log *log, tg_group *g)
{
    expect(blame, log->count == tg_group_count(g));
    for (size_t i = 0; i < tg_group_count(g); i++) {
        tg_outcome outcome = outcome_of(g, i);
        const tg_outcome *told = &log->told[i];
        expect(blame, log->calls[i] == 1);
        expect(blame, told->size >= sizeof *told);
        expect(blame, told->status == outcome.status && told->code == outcome.code);
        expect(blame, told->index == i && told->id == outcome.id);
        expect(blame, told->arg == outcome.arg && told->result == outcome.result);
        expect(blame, told->attempts == outcome.attempts && told->signal == 0);
        expect(blame, told->rank == outcome.rank);
        expect(blame, told->start == outcome.start && told->end == outcome.end);
    }
}

/* ---- Once ---------------------------------------------------------------------------------- */

static void end_well(struct blame *blame)
{
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};
    static const unsigned flags[] = {0, TG_GROUP_IN_ORDER, TG_GROUP_TIMES};

    for (int i = 0; i < 9; i++) {
        struct log *log = new_log(blame);
        tg_group *g = log->group = tg_group_create(TG_GROUP(.grainsize = grains[i % 3],
            .flags = flags[i / 3], .on_done = note, .user = log));
        for (int j = 0; j < 50; j++)
            tg_group_add(g, task_count, NULL);
        tg_group_add_many(g, task_count, 300, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, log->count == 350);
        expect_log(blame, log, g);
        tg_group_add_many(g, task_count, 20, NULL, 0, NULL); /* a second run: only for the new */
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, log->count == 370);
        expect_log(blame, log, g);
        expect(blame, tg_group_run(g) == TG_OK && log->count == 370);
        tg_group_destroy(g);
        expect(blame, log->count == 370);
        free(log);
    }
}

START_TEST(on_done_is_called_once_for_each_task_and_one_at_a_time)
{
    at_place(_i, end_well);
}
END_TEST

static int cancel_and_be_told(tg_task *self, void *arg, void *result)
{
    task_cancel(self, arg, result);
    return tg_task_check(self) == TG_OK ? 0 : 6;
}

static int fail_until_third(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 3;
}

static void end_in_all_ways(struct blame *blame)
{
    static const unsigned flags[] = {0, TG_GROUP_IN_ORDER};

    for (int i = 0; i < 2; i++) {
        struct log *log = new_log(blame);
        const unsigned optional = TG_TASK_OPTIONAL;
        tg_group *g = log->group =
            tg_group_create(TG_GROUP(.limit = 1, .flags = flags[i], .on_done = note, .user = log));
        tg_group_add(g, task_count, NULL);
        tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = optional), NULL);
        tg_group_add_with(
            g, task_until_told, NULL, TG_TASK(.flags = optional, .timeout = 1e-3), NULL);
        tg_group_add_with(g, fail_until_third, NULL, TG_TASK(.attempts = 3), NULL);
        tg_group_add_with(
            g, fail_until_third, NULL, TG_TASK(.flags = optional, .attempts = 2), NULL);
        tg_group_add(g, cancel_and_be_told, NULL);
        tg_group_add_many(g, task_count, 50, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect_log(blame, log, g);
        expect(blame, log->told[0].status == TG_OK);
        expect(blame, log->told[1].status == TG_FAILED && log->told[1].code == 7);
        expect(blame, log->told[2].status == TG_TIMED_OUT && log->told[2].code == 9);
        expect(blame, log->told[3].attempts <= 3); /* tried again it may come after the cancel */
        expect(blame, log->told[5].status == TG_CANCELLED && log->told[5].code == 6);
        for (size_t j = 6; j < 56; j++)
            expect(blame, log->told[j].status == TG_SKIPPED && log->told[j].attempts == 0);
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_reset(g) == TG_OK && log->count == 56);
        tg_group_destroy(g);
        free(log);
    }
}

START_TEST(also_for_failed_timed_out_cancelled_and_skipped_ones)
{
    at_place(_i, end_in_all_ways);
}
END_TEST

static void cancel_first(struct blame *blame)
{
    struct log *log = new_log(blame);
    tg_group *g = log->group = tg_group_create(TG_GROUP(.on_done = note, .user = log));

    tg_group_add_many(g, task_count, 100, NULL, 0, NULL);
    tg_context_cancel(tg_group_context(g), 1, NULL);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED); /* not for what was refused */
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, log->count == 100 && log->told[99].status == TG_SKIPPED);
    expect_log(blame, log, g);
    expect(blame, tg_group_run(g) == TG_CANCELLED && log->count == 100);
    expect(blame, tg_group_reset(g) == TG_OK);
    memset(log->calls, 0, sizeof log->calls);
    log->count = 0;
    tg_group_add_many(g, task_count, 10, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect_log(blame, log, g);
    tg_group_destroy(g);
    free(log);
}

START_TEST(a_group_that_never_starts_calls_it_for_all_its_skipped_tasks)
{
    at_place(_i, cancel_first);
}
END_TEST

static int add_and_drop(tg_group *group, void *user)
{
    (void)user;
    for (int i = 0; i < 100; i++)
        if (tg_group_add_with(group, task_count, NULL, TG_TASK(.when_full = TG_FULL_DROP), NULL) !=
            TG_OK)
            return 1;
    return 0;
}

static void drop_some(struct blame *blame)
{
    struct log *log = new_log(blame);
    tg_group *g = log->group = tg_group_create(TG_GROUP(.queue = 1, .on_done = note, .user = log));
    size_t skipped = 0;

    expect(blame, tg_group_scope(g, add_and_drop, NULL) == TG_OK);
    expect(blame, tg_group_count(g) == 100);
    expect_log(blame, log, g);
    for (size_t i = 0; i < 100; i++)
        skipped += log->told[i].status == TG_SKIPPED;
    expect(blame, report_of(g).dropped == skipped && report_of(g).skipped == 0);
    if (team_size() == 1) /* nothing starts before the body has ended */
        expect(blame, skipped == 99);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    free(log);
}

START_TEST(also_for_tasks_that_a_full_queue_has_dropped)
{
    at_place(_i, drop_some);
}
END_TEST

/* ---- What it is told ----------------------------------------------------------------------- */

static int write_result(tg_task *self, void *arg, void *result)
{
    *(double *)result = *(double *)arg + 0.5;
    return tg_task_index(self) == 2 ? tg_task_fail(self, 4, "told so") : 0;
}

static int note_contents(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct log *log = user;

    if (outcome->result != NULL && outcome->arg != NULL)
        expect(log->blame, *(double *)outcome->result == *(double *)outcome->arg + 0.5);
    expect(log->blame, strcmp(outcome->name, outcome->index == 2 ? "pump" : "") == 0);
    expect(log->blame, strcmp(outcome->message, outcome->index == 2 ? "told so" : "") == 0);
    expect(log->blame, outcome->id == (outcome->index == 2 ? 17 : 0));
    return note(group, outcome, user);
}

static void tell_everything(struct blame *blame)
{
    static const unsigned flags[] = {0, TG_GROUP_TIMES};

    for (int i = 0; i < 2; i++) {
        double args[30], own = 0, before = tg_time_now();
        bool ranks[31] = {false};
        struct log *log = new_log(blame);
        tg_group *g = log->group = tg_group_create(TG_GROUP(.result_size = sizeof(double),
            .flags = flags[i], .on_done = note_contents, .user = log));
        for (int j = 0; j < 30; j++)
            args[j] = j;
        tg_group_add_many(g, write_result, 2, args, sizeof *args, NULL);
        tg_group_add_with(g, write_result, &args[2],
            TG_TASK(.name = "pump", .id = 17, .flags = TG_TASK_OPTIONAL, .result = &own), NULL);
        tg_group_add_many(g, write_result, 27, &args[3], sizeof *args, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_log(blame, log, g);
        for (size_t j = 0; j < 30; j++) {
            const tg_outcome *told = &log->told[j];
            expect(blame, told->arg == &args[j] && told->attempts == 1);
            expect(blame, told->result == (j == 2 ? &own : tg_group_result(g, j)));
            if (flags[i] == 0) /* may be kept all the same, or not */
                continue;
            expect(blame, before <= told->start && told->start <= told->end);
            expect(blame, told->end <= tg_time_now());
            expect(blame, told->rank >= 1 && told->rank <= 30 && !ranks[told->rank % 31]);
            ranks[told->rank % 31] = true;
            expect(blame, log->told[log->order[j]].rank == j + 1); /* in order of ending */
        }
        expect(blame, own == 2.5);
        tg_group_destroy(g);
        free(log);
    }
}

START_TEST(it_is_told_argument_result_name_and_with_times_when_and_as_which_it_ended)
{
    at_place(_i, tell_everything);
}
END_TEST

START_TEST(it_is_not_inside_a_task)
{
    struct blame blame = {0};
    struct log *log = new_log(&blame);
    tg_group *g = log->group = tg_group_create(TG_GROUP(.on_done = note, .user = log));

    log->task = g;
    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_ptr_null(log->task);
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
    free(log);
}
END_TEST

/* ---- What it answers ----------------------------------------------------------------------- */

static void fail_on_done(struct blame *blame)
{
    static const unsigned flags[] = {0, TG_GROUP_IN_ORDER};

    for (int i = 0; i < 2; i++) {
        struct log *log = new_log(blame);
        tg_group *g = log->group =
            tg_group_create(TG_GROUP(.limit = 1, .flags = flags[i], .on_done = note, .user = log));
        log->failing = 3;
        log->code = 33;
        tg_group_add_many(g, task_count, MOST, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->status == TG_FAILED && tg_group_error(g)->code == 33);
        expect(blame, tg_group_error(g)->message[0] != '\0');
        expect(blame, tg_context_check(tg_group_context(g)) != TG_OK);
        expect_log(blame, log, g); /* for all others still */
        expect(blame, log->told[3].status == TG_OK);
        if (team_size() == 1)
            expect(blame, report_of(g).skipped == MOST - 4);
        expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        free(log);
    }
}

START_TEST(if_it_fails_the_group_fails_with_its_code)
{
    at_place(_i, fail_on_done);
}
END_TEST

/* Also for the last one, when everything else has ended well. */
static void fail_last(struct blame *blame)
{
    static const unsigned flags[] = {0, TG_GROUP_IN_ORDER};

    for (int i = 0; i < 4; i++) {
        struct log *log = new_log(blame);
        tg_group *g = log->group = tg_group_create(
            TG_GROUP(.limit = i / 2, .flags = flags[i % 2], .on_done = note, .user = log));
        log->failing = 49;
        log->code = 34;
        tg_group_add_many(g, task_count, 49, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->code == 34);
        expect(blame, report_of(g).ok == 50);
        expect_log(blame, log, g);
        tg_group_destroy(g);
        free(log);
    }
}

START_TEST(also_if_it_fails_for_the_very_last_task)
{
    at_place(_i, fail_last);
}
END_TEST

static void fail_both(struct blame *blame)
{
    struct log *log = new_log(blame);
    tg_group *g = log->group = tg_group_create(TG_GROUP(.limit = 1, .on_done = note, .user = log));

    log->failing = 1; /* of the very task that has failed: it was first */
    log->code = 33;
    tg_group_add(g, task_count, NULL);
    tg_group_add(g, task_fail_7, NULL);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->code == 7 && tg_group_error(g)->index == 1);
    expect_log(blame, log, g);
    tg_group_destroy(g);
    free(log);
}

START_TEST(its_failure_never_replaces_an_earlier_one)
{
    at_place(_i, fail_both);
}
END_TEST

/* ---- What it may call ---------------------------------------------------------------------- */

static int note_and_destroy(tg_group *group, const tg_outcome *outcome, void *user)
{
    if (outcome->index == 4) {
        expect(((struct log *)user)->blame, tg_group_run(group) == TG_BUSY);
        expect(((struct log *)user)->blame, tg_group_reset(group) == TG_BUSY);
    } else if (outcome->index == 5) {
        tg_group_destroy(group);
    }
    return note(group, outcome, user);
}

static int destroy_own(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    tg_group_destroy(tg_task_group(self));
    return 0;
}

/* Nobody can ask the group any more: what was told is all there is, and arguments are freed by it. */
static void destroy_while_running(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct log *log = new_log(blame);
        tg_group *g = log->group =
            tg_group_create(TG_GROUP(.limit = 1, .flags = i < 2 ? 0 : TG_GROUP_IN_ORDER,
                .on_done = i % 2 == 0 ? note_and_destroy : note, .user = log));
        tg_group_add_many(g, task_count, 20, NULL, 0, NULL);
        if (i % 2 == 1)
            tg_group_add(g, destroy_own, NULL);
        tg_group_add_many(g, task_count, 300, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect(blame, log->count == (i % 2 == 0 ? 320 : 321));
        for (size_t j = 0; j < log->count; j++)
            expect(blame, log->calls[j] == 1);
        expect(blame, log->told[5].status == TG_OK);
        if (i % 2 == 1)
            expect(blame, log->told[20].status == TG_OK && log->told[21].status == TG_SKIPPED);
        free(log);
    }
}

START_TEST(a_group_that_is_destroyed_while_it_runs_calls_it_for_the_rest_still)
{
    at_place(_i, destroy_while_running);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("done");
    TCase *once = add_case(suite, "once");
    TCase *told = add_case(suite, "what it is told");
    TCase *answers = add_case(suite, "what it answers");

    tcase_add_loop_test(once, on_done_is_called_once_for_each_task_and_one_at_a_time, 0, PLACES);
    tcase_add_loop_test(once, also_for_failed_timed_out_cancelled_and_skipped_ones, 0, PLACES);
    tcase_add_loop_test(
        once, a_group_that_never_starts_calls_it_for_all_its_skipped_tasks, 0, PLACES);
    tcase_add_loop_test(once, also_for_tasks_that_a_full_queue_has_dropped, 0, PLACES);
    tcase_add_loop_test(
        told, it_is_told_argument_result_name_and_with_times_when_and_as_which_it_ended, 0, PLACES);
    tcase_add_test(told, it_is_not_inside_a_task);
    tcase_add_loop_test(answers, if_it_fails_the_group_fails_with_its_code, 0, PLACES);
    tcase_add_loop_test(answers, also_if_it_fails_for_the_very_last_task, 0, PLACES);
    tcase_add_loop_test(answers, its_failure_never_replaces_an_earlier_one, 0, PLACES);
    tcase_add_loop_test(
        answers, a_group_that_is_destroyed_while_it_runs_calls_it_for_the_rest_still, 0, PLACES);
    return run_suite(suite);
}
