/* SPDX-License-Identifier: MIT */
/* task.h: tg_task_sleep(): how long, in which order, beside which policies, and what ends it. */
#include "tg_test.h"

#define AGES 3600.0

/* ---- How long ------------------------------------------------------------------------------ */

struct nap {
    struct blame *blame;
    double seconds, since, until; /* it begins to sleep after `since`, and before `until` */
    atomic_int *woken;            /* counts those that have ended; by on_done */
    int rank;
};

static int sleep_so_long(tg_task *self, void *arg, void *result)
{
    struct nap *nap = arg;

    (void)result;
    nap->since = tg_time_now();
    expect(nap->blame, tg_task_sleep(self, nap->seconds) == 0);
    nap->until = tg_time_now();
    return 99; /* does not count */
}

static int note_woken(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct nap *nap = outcome->arg;
    int *woken = user;

    (void)group;
    expect(nap->blame, outcome->status == TG_OK && outcome->code == 0);
    expect(nap->blame, tg_time_now() - nap->since >= nap->seconds);
    nap->rank = ++*woken;
    return 0;
}

static void sleep_long_enough(struct blame *blame)
{
    int woken = 0;
    struct nap naps[40];
    tg_group *g = tg_group_create(TG_GROUP(.on_done = note_woken, .user = &woken));

    for (int i = 0; i < 40; i++) {
        naps[i] = (struct nap){.blame = blame, .seconds = i % 4 * 1e-3};
        tg_group_add(g, sleep_so_long, &naps[i]);
    }
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, woken == 40);
    expect(blame, report_of(g).ok == 40);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_sleeps_at_least_so_long)
{
    at_place(_i, sleep_long_enough);
}
END_TEST

/* One thread starts them one after another, and wakes them by their times. */
static void wake_in_order(struct blame *blame)
{
    enum { FEW = 6 };
    int woken = 0;
    struct nap naps[FEW];
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1, .on_done = note_woken, .user = &woken));

    for (int i = 0; i < FEW; i++) {
        naps[i] = (struct nap){.blame = blame, .seconds = 1e-3 * (FEW - i)};
        tg_group_add(g, sleep_so_long, &naps[i]);
    }
    expect(blame, tg_group_run(g) == TG_OK);
    for (int i = 0; i < FEW; i++)
        for (int k = 0; k < FEW; k++) {
            double a = naps[i].until + naps[i].seconds, b = naps[k].since + naps[k].seconds;
            if (a < b) /* surely */
                expect(blame, naps[i].rank < naps[k].rank);
        }
    tg_group_destroy(g);
}

START_TEST(who_is_due_first_wakes_first)
{
    at_place(_i, wake_in_order);
}
END_TEST

static int sleep_wrongly(tg_task *self, void *arg, void *result)
{
    (void)result;
    return tg_task_sleep(self, *(double *)arg);
}

static void refuse_times(struct blame *blame)
{
    double wrong[] = {-1, NAN, -INFINITY, -1e-300};

    for (int i = 0; i < 4; i++) {
        tg_group *g = tg_group_create(NULL);
        tg_group_add(g, sleep_wrongly, &wrong[i]);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->code == TG_INVALID);
        expect(blame, strstr(tg_group_error(g)->message, "tg_task_sleep") != NULL);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_time_that_is_negative_or_none_fails_the_task_and_it_says_so)
{
    at_place(_i, refuse_times);
}
END_TEST

/* ---- Cancelled ----------------------------------------------------------------------------- */

static int sleep_for_ages(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_sleep(self, tg_task_index(self) % 3 ? AGES : INFINITY);
}

static int cancel_when_asleep(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_task_group(self);

    (void)arg, (void)result;
    for (size_t i = 0; i < 30; i++)
        wait_until(status_of(g, i) == TG_PENDING);
    tg_context_cancel(tg_group_context(g), 4, "enough");
    return 0;
}

static void *cancel_from_outside(void *arg)
{
    tg_group *g = arg;

    for (size_t i = 0; i < 30; i++)
        wait_until(status_of(g, i) == TG_PENDING);
    tg_context_cancel(tg_group_context(g), 4, "enough");
    return NULL;
}

static int count_all(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group;
    ++((int *)user)[outcome->status == TG_CANCELLED];
    return 0;
}

static void cancel_sleepers(struct blame *blame)
{
    for (int i = 0; i < 8; i++) {
        atomic_int ran = 0;
        int done[2] = {0};
        pthread_t thread;
        tg_limit *limit = tg_limit_create(40);
        bool outside = i % 2, timed = i & 2;
        tg_group *g = tg_group_create(TG_GROUP(.limit = i & 4 ? 31 : 0,
            .shared = i & 4 ? limit : NULL, .on_done = i > 2 ? count_all : NULL, .user = done));
        tg_group_add_many(g, sleep_for_ages, 30, &ran, 0, TG_TASK(.timeout = timed ? AGES : 0));
        if (!outside)
            tg_group_add(g, cancel_when_asleep, NULL);
        else
            expect(blame, pthread_create(&thread, NULL, cancel_from_outside, g) == 0);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        if (outside)
            pthread_join(thread, NULL);
        expect(blame, atomic_load(&ran) == 30);
        expect(blame, report_of(g).cancelled == 30);
        expect(blame, i <= 2 || done[1] == 30);
        expect(blame, tg_limit_used(limit) == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(a_stop_cancels_who_is_asleep_at_once)
{
    at_place(_i, cancel_sleepers);
}
END_TEST

/* ---- Beside other policies ----------------------------------------------------------------- */

struct flight {
    struct blame *blame;
    atomic_long started;
    long most;
};

static int sleep_in_limit(tg_task *self, void *arg, void *result)
{
    struct flight *flight = arg;
    long started = 1 + atomic_fetch_add(&flight->started, 1);

    /* who has ended is counted late, by on_done: so only with the report */
    (void)result;
    tg_report report = report_of(tg_task_group(self));
    expect(flight->blame, report.pending >= 1);
    expect(flight->blame, started - (long)report.ok <= flight->most);
    return tg_task_sleep(self, 1e-5 * (double)(started % 7));
}

static void keep_limit(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct flight flight = {.blame = blame, .most = i % 2 ? 5 : 1};
        tg_group *g = tg_group_create(TG_GROUP(.limit = flight.most, .grainsize = i < 2 ? 1 : 4));
        tg_group_add_many(g, sleep_in_limit, 100, &flight, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == 100);
        tg_group_destroy(g);
    }
}

START_TEST(who_sleeps_keeps_its_slot)
{
    at_place(_i, keep_limit);
}
END_TEST

static int note_times(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_attempt(self) < 3)
        return 5;
    return tg_task_sleep(self, 1e-3);
}

static void sleep_in_retries(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING | TG_GROUP_TIMES));
    double napping[] = {0.02, 0};

    tg_group_add_many(g, note_times, 20, NULL, 0, TG_TASK(.attempts = 3, .timeout = AGES));
    tg_group_add_with(g, sleep_wrongly, &napping[0], TG_TASK(.timeout = 0.001), NULL);
    tg_group_add_with(g, sleep_wrongly, &napping[1], TG_TASK(.timeout = AGES), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, report_of(g).ok == 21 && report_of(g).timed_out == 1);
    expect(blame, status_of(g, 20) == TG_TIMED_OUT);
    for (size_t i = 0; i < 20; i++) {
        expect(blame, outcome_of(g, i).attempts == 3);
        expect(blame, outcome_of(g, i).end - outcome_of(g, i).start >= 1e-3);
    }
    expect(blame, report_of(g).busy < report_of(g).wall * (double)team_size() + 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(tasks_with_attempts_and_timeouts_may_sleep)
{
    at_place(_i, sleep_in_retries);
}
END_TEST

static int sleep_a_little(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return tg_task_sleep(self, (double)(tg_task_index(self) % 5) * 2e-5);
}

static int add_sleepers(tg_group *group, void *user)
{
    for (int i = 0; i < 3000; i++)
        if (tg_group_add(group, sleep_a_little, user) != TG_OK)
            return 1;
    return 0;
}

static void sleep_in_scope(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        atomic_int ran = 0;
        tg_group *g = tg_group_create(
            TG_GROUP(.queue = 6, .limit = i % 2 ? 50 : 0, .flags = i & 2 ? TG_GROUP_RECYCLE : 0));
        expect(blame, tg_group_scope(g, add_sleepers, &ran) == TG_OK);
        expect(blame, atomic_load(&ran) == 3000);
        expect(blame, report_of(g).ok == 3000);
        tg_group_destroy(g);
    }
}

START_TEST(a_stream_of_tasks_may_sleep_recycled_too)
{
    at_place(_i, sleep_in_scope);
}
END_TEST

/* ---- No wake-up is lost -------------------------------------------------------------------- */

static int sleep_or_not(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);

    (void)arg, (void)result;
    return index == 0 ? 0 : tg_task_sleep(self, index == 1 ? 0 : 1e-4);
}

static void *run_rounds(void *arg)
{
    struct blame *blame = arg;
    int rounds = TEST_SANITIZED ? 64 : 1024;

    for (int i = 0; i < rounds; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.threads = 1 + i % 2));
        double delay = i % 2 ? 1e-3 : 0;
        if (i % 4 < 2)
            tg_group_add_many(g, sleep_or_not, 3, NULL, 0, NULL);
        else
            tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = delay), NULL);
        tg_group_add_with(g, task_count, NULL, TG_TASK(.start = tg_time_now() + delay), NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == tg_group_count(g));
        tg_group_destroy(g);
    }
    return NULL;
}

START_TEST(no_wake_up_is_lost)
{
    struct blame blame = {0};
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_rounds, &blame), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_blameless(&blame, "eight pthreads");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sleep");
    TCase *time = add_case(suite, "time");
    TCase *beside = add_case(suite, "beside");

    tcase_add_loop_test(time, a_task_sleeps_at_least_so_long, 0, PLACES);
    tcase_add_loop_test(time, who_is_due_first_wakes_first, 0, PLACES);
    tcase_add_loop_test(
        time, a_time_that_is_negative_or_none_fails_the_task_and_it_says_so, 0, PLACES);
    tcase_add_loop_test(time, a_stop_cancels_who_is_asleep_at_once, 0, PLACES);
    tcase_add_test(time, no_wake_up_is_lost);
    tcase_add_loop_test(beside, who_sleeps_keeps_its_slot, 0, PLACES);
    tcase_add_loop_test(beside, tasks_with_attempts_and_timeouts_may_sleep, 0, PLACES);
    tcase_add_loop_test(beside, a_stream_of_tasks_may_sleep_recycled_too, 0, PLACES);
    return run_suite(suite);
}
