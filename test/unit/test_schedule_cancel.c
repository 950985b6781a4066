/* SPDX-License-Identifier: MIT */
/* group.h: tg_group_cancel_task(): what waits for its time is taken back, one by one or all. */
#include "tg_test.h"
#include <time.h>

#define AGES 3600.0

/* on_done, once for each, and what it said. */
struct ends {
    int *times;
    struct blame *blame;
};

static int note_end(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct ends *ends = user;

    (void)group;
    ends->times[outcome->index]++;
    return 0;
}

/* ---- One by one ---------------------------------------------------------------------------- */

enum { SCHEDULED, PERIODIC, SLEEPING, RETRYING, RUNNING, DEFERRED, ENDED, ORDINARY, KINDS };

struct kinds {
    struct blame *blame;
    atomic_int starts[KINDS];
};

static int be_of_kind(tg_task *self, void *arg, void *result)
{
    struct kinds *kinds = arg;
    size_t index = tg_task_index(self);

    (void)result;
    atomic_fetch_add(&kinds->starts[index], 1);
    switch (index) {
    case SLEEPING:
        return tg_task_sleep(self, AGES);
    case RETRYING:
        return 5;
    case RUNNING:
        expect(kinds->blame, tg_group_cancel_task(tg_task_group(self), RUNNING) == TG_BUSY);
        return 0;
    case DEFERRED:
        return tg_task_defer(self);
    default:
        return 0;
    }
}

static int cancel_kinds(tg_task *self, void *arg, void *result)
{
    struct kinds *kinds = arg;
    struct blame *blame = kinds->blame;
    tg_group *g = tg_task_group(self);

    (void)result;
    for (int k = PERIODIC; k <= ENDED; k++) /* it may be the only thread: comes again */
        if (status_of(g, (size_t)k) != (k == RUNNING || k == ENDED ? TG_OK : TG_PENDING))
            return 1;
    expect(blame, status_of(g, SCHEDULED) == TG_NOT_RUN);
    expect(blame, tg_group_cancel_task(g, SCHEDULED) == TG_OK);
    expect(blame, tg_group_cancel_task(g, PERIODIC) == TG_OK);
    expect(blame, tg_group_cancel_task(g, SLEEPING) == TG_OK);
    expect(blame, tg_group_cancel_task(g, RETRYING) == TG_OK);
    expect(blame, tg_group_cancel_task(g, DEFERRED) == TG_BUSY);
    expect(blame, tg_group_cancel_task(g, ENDED) == TG_DONE);
    expect(blame, tg_group_cancel_task(g, tg_task_index(self)) == TG_BUSY);
    for (size_t i = SCHEDULED; i <= RETRYING; i++)
        expect(blame, tg_group_cancel_task(g, i) == TG_DONE);
    expect(blame, tg_group_complete(g, SLEEPING, 0, NULL) == TG_DONE);
    expect(blame, tg_group_complete(g, DEFERRED, 0, NULL) == TG_OK);
    return 0;
}

static void cancel_each_kind(struct blame *blame)
{
    for (int i = 0; i < 8; i++) {
        int times[KINDS + 1] = {0};
        struct ends ends = {.times = times, .blame = blame};
        struct kinds kinds = {.blame = blame};
        tg_group *g =
            tg_group_create(TG_GROUP(.limit = i & 1 ? 3 : 0, .on_done = i & 2 ? note_end : NULL,
                .user = &ends, .flags = i & 4 ? TG_GROUP_TIMES : 0));
        const tg_task_options *const options[KINDS] = {[SCHEDULED] = TG_TASK(.delay = AGES),
            [PERIODIC] = TG_TASK(.period = AGES),
            [RETRYING] = TG_TASK(.attempts = 3, .backoff = AGES),
            [RUNNING] = TG_TASK(.attempts = 2)};
        for (int k = 0; k < KINDS; k++)
            tg_group_add_with(g, be_of_kind, &kinds, options[k], NULL);
        tg_group_add_with(
            g, cancel_kinds, &kinds, TG_TASK(.attempts = TG_ENDLESS, .backoff = 1e-4), NULL);
        expect(blame, tg_group_cancel_task(g, KINDS + 1) == TG_INVALID);
        expect(blame, tg_group_cancel_task(NULL, 0) == TG_INVALID);
        if (i & 1) /* asleep and deferred, they keep two of three slots */
            expect(blame, tg_group_count(g) == KINDS + 1);
        tg_status status = tg_group_run(g);
        expect(blame, status == TG_OK);
        expect(blame, status_of(g, SCHEDULED) == TG_CANCELLED);
        expect(blame, status_of(g, PERIODIC) == TG_OK);
        expect(blame, status_of(g, SLEEPING) == TG_CANCELLED);
        expect(blame, status_of(g, RETRYING) == TG_CANCELLED);
        expect(blame, status_of(g, DEFERRED) == TG_OK);
        for (int k = 0; k < KINDS; k++)
            expect(blame, atomic_load(&kinds.starts[k]) == (k != SCHEDULED));
        for (int k = 0; k <= KINDS; k++)
            expect(blame, !(i & 2) || times[k] == 1);
        expect(blame, report_of(g).skipped == 0 && report_of(g).cancelled == 3);
        expect(blame, tg_group_cancel_task(g, SCHEDULED) == TG_DONE);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_cancel_answers_what_became_of_the_task)
{
    at_place(_i, cancel_each_kind);
}
END_TEST

/* A task with attempts in the queue: not started, or to be started again at once. */
static void cancel_queued(struct blame *blame)
{
    for (int i = 0; i < 2; i++) { /* with 1 the last one has a priority */
        atomic_int ran = 0;
        tg_group *g = tg_group_create(NULL);
        size_t tried, plain;
        tg_group_add(g, task_count, &ran);
        tg_group_add_with(g, task_count, &ran, TG_TASK(.attempts = 2), &tried);
        tg_group_add_with(g, task_count, &ran, TG_TASK(.priority = i ? -1 : 0), &plain);
        expect(blame, tg_group_cancel_task(g, tried) == TG_OK);
        expect(blame, tg_group_cancel_task(g, plain) == TG_OK);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&ran) == 1);
        expect(blame, status_of(g, tried) == TG_CANCELLED);
        expect(blame, report_of(g).ok == 1 && report_of(g).cancelled == 2);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(what_is_queued_can_be_taken_back_whatever_options_it_has)
{
    at_place(_i, cancel_queued);
}
END_TEST

/* ---- All ----------------------------------------------------------------------------------- */

static void cancel_all_of_many(struct blame *blame)
{
    size_t many = TEST_SANITIZED ? 10000 : 100000;
    for (int i = 0; i < 4; i++) {
        atomic_int ran = 0;
        tg_group *g = tg_group_create(NULL);
        if (i & 1)
            expect(blame,
                tg_group_add_many(g, task_count, many, &ran, 0, TG_TASK(.delay = AGES)) == TG_OK);
        else
            for (size_t k = 0; k < many; k++)
                tg_group_add_with(
                    g, task_count, &ran, TG_TASK(.delay = AGES + (double)(k * 7 % 1000)), NULL);
        if (i & 2) {
            tg_group_add(g, task_cancel, NULL);
            expect(blame, tg_group_run(g) == TG_CANCELLED);
        } else {
            for (size_t k = 0; k < many; k++)
                expect(blame, tg_group_cancel_task(g, k) == TG_OK);
            expect(blame, tg_group_run(g) == TG_OK);
        }
        expect(blame, atomic_load(&ran) == 0);
        expect(blame, (i & 2 ? report_of(g).skipped : report_of(g).cancelled) == many);
        expect(blame, report_of(g).pending == 0);
        tg_group_destroy(g);
    }
}

START_TEST(a_hundred_thousand_timers_can_be_taken_back)
{
    at_place(_i, cancel_all_of_many);
}
END_TEST

/* ---- Races --------------------------------------------------------------------------------- */

/* Each timer counts its starts; who has cancelled one knows that it never starts again. */
enum { TIMERS = 400 };

struct race {
    struct blame *blame;
    tg_group *group;
    atomic_int starts[TIMERS];
    atomic_bool gone[TIMERS];
    size_t index[TIMERS];
};

struct racer {
    struct race *race;
    int i;
};

static int start_timer(tg_task *self, void *arg, void *result)
{
    struct racer *racer = arg;

    (void)self, (void)result;
    expect(racer->race->blame, !atomic_load(&racer->race->gone[racer->i]));
    atomic_fetch_add(&racer->race->starts[racer->i], 1);
    return 0;
}

static void *race_to_cancel(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < TIMERS; i++) {
        bool periodic = i % 4 == 0;
        tg_status status;
        while ((status = tg_group_cancel_task(race->group, race->index[i])) == TG_BUSY && periodic)
            expect(race->blame, !periodic); /* never busy, and else it would go on for ever */
        expect(race->blame, status == TG_OK || status == TG_DONE || status == TG_BUSY);
        if (status == TG_OK && !periodic)
            atomic_store(&race->gone[i], true);
    }
    return NULL;
}

static void race_with_timers(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct race race = {.blame = blame};
        struct racer racers[TIMERS];
        pthread_t thread;
        int times[TIMERS] = {0}, ends_seen = 0;
        struct ends ends = {.times = times, .blame = blame};
        tg_group *g = race.group =
            tg_group_create(TG_GROUP(.on_done = i % 2 ? note_end : NULL, .user = &ends));
        for (int k = 0; k < TIMERS; k++) {
            racers[k] = (struct racer){&race, k};
            tg_group_add_with(g, start_timer, &racers[k],
                TG_TASK(.delay = 1e-6 * k + 1e-9, .period = k % 4 == 0 ? 5e-5 : 0), &race.index[k]);
        }
        expect(blame, pthread_create(&thread, NULL, race_to_cancel, &race) == 0);
        expect(blame, tg_group_run(g) == TG_OK);
        pthread_join(thread, NULL);
        for (int k = 0; k < TIMERS; k++) {
            tg_status status = status_of(g, race.index[k]);
            int starts = atomic_load(&race.starts[k]);
            expect(blame, status == (starts > 0 ? TG_OK : TG_CANCELLED));
            expect(blame, starts <= 1 || k % 4 == 0);
            ends_seen += times[k];
        }
        expect(blame, ends_seen == (i % 2 ? TIMERS : 0));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(after_a_cancel_nothing_starts_however_close_it_was)
{
    at_place(_i, race_with_timers);
}
END_TEST

/* ---- While the run ends -------------------------------------------------------------------- */

static int cancel_next(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct ends *ends = user;
    size_t next = outcome->index + 1;

    ends->times[outcome->index]++;
    if (outcome->status != TG_OK && next < tg_group_count(group)) {
        tg_status status = tg_group_cancel_task(group, next);
        expect(ends->blame, status == TG_OK || status == TG_DONE);
    }
    return 0;
}

static void cancel_while_it_ends(struct blame *blame)
{
    int times[10] = {0};
    struct ends ends = {.times = times, .blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.on_done = cancel_next, .user = &ends));

    tg_group_add(g, task_count, NULL);
    for (int i = 1; i < 10; i++)
        tg_group_add_with(
            g, task_count, NULL, TG_TASK(.delay = AGES, .flags = TG_TASK_BACKGROUND), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    for (int i = 0; i < 10; i++)
        expect(blame, times[i] == 1);
    expect(blame, report_of(g).ok == 1 && report_of(g).skipped + report_of(g).cancelled == 9);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(on_done_comes_once_also_for_what_is_cancelled_while_the_run_ends)
{
    at_place(_i, cancel_while_it_ends);
}
END_TEST

/* ---- Recycled ------------------------------------------------------------------------------ */

static int cancel_first(tg_task *self, void *arg, void *result)
{
    tg_status status = tg_group_cancel_task(tg_task_group(self), 0);

    (void)result;
    expect((struct blame *)arg, status == TG_OK || status == TG_DONE || status == TG_BUSY);
    return 0;
}

static int add_behind_low(tg_group *group, void *user)
{
    tg_group_add_with(group, task_count, NULL, TG_TASK(.priority = -1, .attempts = 2), NULL);
    tg_group_add(group, cancel_first, user);
    for (int i = 0; i < 3000; i++)
        tg_group_add(group, task_count, NULL);
    return 0;
}

static void recycle_cancelled(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        tg_limit *limit = tg_limit_create(2);
        tg_group *g = tg_group_create(
            TG_GROUP(.flags = TG_GROUP_RECYCLE, .threads = i % 2, .shared = i & 2 ? limit : NULL));
        expect(blame, tg_group_scope(g, add_behind_low, blame) == TG_OK);
        tg_report report = report_of(g);
        expect(blame, report.added == 3002 && report.ok + report.cancelled == 3002);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(what_was_cancelled_may_be_recycled)
{
    at_place(_i, recycle_cancelled);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule_cancel");
    TCase *one = add_case(suite, "one");
    TCase *all = add_case(suite, "all");

    tcase_add_loop_test(one, a_cancel_answers_what_became_of_the_task, 0, PLACES);
    tcase_add_loop_test(one, what_is_queued_can_be_taken_back_whatever_options_it_has, 0, PLACES);
    tcase_add_loop_test(
        one, on_done_comes_once_also_for_what_is_cancelled_while_the_run_ends, 0, PLACES);
    tcase_add_loop_test(one, what_was_cancelled_may_be_recycled, 0, PLACES);
    tcase_add_loop_test(all, after_a_cancel_nothing_starts_however_close_it_was, 0, PLACES);
    tcase_add_loop_test(all, a_hundred_thousand_timers_can_be_taken_back, 0, 2);
    return run_suite(suite);
}
