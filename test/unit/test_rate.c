/* SPDX-License-Identifier: MIT */
/* group.h, pool.h: so many starts in a second; TG_GROUP_FIRST_INDEX; TG_ADD. */
#include "tg_test.h"
#include "pools.h"

/* ---- A rate -------------------------------------------------------------------------------- */

enum { STARTS = 40 };

struct pace {
    atomic_int count;
    _Atomic double starts[STARTS];
};

static int note_start(tg_task *self, void *arg, void *result)
{
    struct pace *pace = arg;
    (void)result;
    int number = atomic_fetch_add(&pace->count, 1);
    if (number < STARTS)
        atomic_store(&pace->starts[number], tg_time_now());
    return tg_task_attempt(self) < 0;
}

/* However slow the machine is: the start number n is not before its time, counted from the first. */
static void expect_pace(struct blame *blame, struct pace *pace, int many, double rate, int burst)
{
    double first = atomic_load(&pace->starts[0]);
    expect(blame, atomic_load(&pace->count) == many);
    for (int n = 0; n < many; n++)
        first = atomic_load(&pace->starts[n]) < first ? atomic_load(&pace->starts[n]) : first;
    double last = first;
    for (int n = 0; n < many; n++)
        last = atomic_load(&pace->starts[n]) > last ? atomic_load(&pace->starts[n]) : last;
    /* A task's function begins some time after its claim, the first one's, too. */
    expect(blame, last - first >= (many - burst) / rate - 0.5 / rate - 2e-3);
}

static void keep_pace(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct pace pace = {0};
        int burst = i % 2 ? 5 : 0;
        tg_pool *p = i == 5 ? tg_pool_create(TG_POOL(.threads = 2)) : NULL;
        tg_group *g =
            tg_group_create(TG_GROUP(.rate = 1000, .burst = burst, .pool = p, .limit = i == 2,
                .grainsize = i == 3   ? TG_GRAIN_AUTO
                             : i == 4 ? 8
                                      : 0));
        if (i & 1)
            tg_group_add_many(g, note_start, STARTS, &pace, 0, NULL);
        for (int k = 0; !(i & 1) && k < STARTS; k++)
            tg_group_add_with(
                g, note_start, &pace, k % 5 == 0 ? TG_TASK(.priority = 1) : NULL, NULL);
        double begun = tg_time_now();
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, tg_time_now() - begun >= (STARTS - (burst > 0 ? burst : 1)) / 1000.);
        expect_pace(blame, &pace, STARTS, 1000, burst > 0 ? burst : 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        tg_pool_destroy(p);
    }
}

START_TEST(no_more_tasks_start_in_a_second_than_the_rate)
{
    at_place(_i, keep_pace);
}
END_TEST

static int cancel_after_one(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    tg_group_cancel(tg_task_group(self), 9, NULL);
    return 0;
}

/* One start in an hour: a cancel, a failure and a deadline end the wait at once. */
static void stop_waiting(struct blame *blame)
{
    for (int i = 0; i < 3; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.rate = 1. / 3600, .timeout = i == 2 ? 2e-3 : 0));
        tg_group_add(g, i == 0 ? cancel_after_one : i == 1 ? task_fail_7 : task_count, NULL);
        tg_group_add(g, task_count, NULL);
        tg_status status = tg_group_run(g);
        expect(blame, status == (i == 0 ? TG_CANCELLED : i == 1 ? TG_FAILED : TG_TIMED_OUT));
        expect(blame, status_of(g, 1) == TG_SKIPPED);
        tg_group_destroy(g);
    }
}

START_TEST(a_group_that_waits_for_its_rate_can_be_stopped)
{
    at_place(_i, stop_waiting);
}
END_TEST

static void pace_pool(struct blame *blame)
{
    struct pace pace = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 3, .rate = 1000, .burst = 3, .idle = 1e-4));
    double begun = tg_time_now();
    for (int k = 0; k < STARTS; k++)
        expect(blame, tg_pool_submit(p, note_start, &pace, NULL, NULL) == TG_OK);
    tg_pool_close(p, TG_FOREVER, NULL);
    expect(blame, tg_time_now() - begun >= (STARTS - 3) / 1000.);
    expect_pace(blame, &pace, STARTS, 1000, 3);
    tg_pool_destroy(p);
}

START_TEST(a_pool_has_a_rate_too)
{
    at_place(_i, pace_pool);
}
END_TEST

/* Attempts are starts, too. */
static void pace_attempts(struct blame *blame)
{
    atomic_int runs = 0;
    tg_group *g = tg_group_create(TG_GROUP(.rate = 1000, .flags = TG_GROUP_KEEP_GOING));
    double begun = tg_time_now();
    tg_group_add_with(g, task_fail_7, &runs, TG_TASK(.attempts = 10), NULL);
    expect(blame, tg_group_run(g) == TG_FAILED && atomic_load(&runs) == 10);
    expect(blame, tg_time_now() - begun >= 9e-3);
    tg_group_destroy(g);
}

START_TEST(each_attempt_counts)
{
    at_place(_i, pace_attempts);
}
END_TEST

START_TEST(rates_that_make_no_sense_are_refused)
{
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.rate = -1)));
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "rate is -1 (at least 1e-06)"));
    ck_assert_ptr_null(tg_group_create(TG_GROUP(.burst = 3)));
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "burst is 3 without rate"));
    ck_assert_ptr_null(tg_pool_create(TG_POOL(.burst = 3)));
    ck_assert_ptr_null(tg_pool_create(TG_POOL(.rate = NAN)));
}
END_TEST

/* ---- The lowest index ---------------------------------------------------------------------- */

struct order {
    atomic_int ran[STARTS];
    int fails[4], failing;
};

static int fail_some(tg_task *self, void *arg, void *result)
{
    struct order *order = arg;
    int index = (int)tg_task_index(self);
    (void)result;
    atomic_store(&order->ran[index], 1);
    for (int i = 0; i < order->failing; i++)
        if (order->fails[i] == index) {
            for (int k = 0; k < (index * 37) % 5; k++)
                sched_yield();
            return 100 + index;
        }
    return 0;
}

static int count_ends(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome;
    atomic_fetch_add((atomic_int *)user, 1);
    return 0;
}

static void find_lowest(struct blame *blame)
{
    for (int i = 0; i < 24; i++) {
        struct order order = {.fails = {9, 25, 12, 30}, .failing = 4};
        atomic_int done = 0;
        bool all = i & 8;
        tg_group *g = tg_group_create(
            TG_GROUP(.flags = TG_GROUP_FIRST_INDEX | (all ? TG_GROUP_KEEP_GOING : 0) |
                              (i & 4 ? TG_GROUP_IN_ORDER : 0),
                .on_done = i & 6 ? count_ends : NULL, .user = &done));
        if (i & 1)
            tg_group_add_many(g, fail_some, STARTS, &order, 0, NULL);
        for (int k = 0; !(i & 1) && k < STARTS; k++)
            tg_group_add_with(g, fail_some, &order,
                k == 3 || k == 30 ? TG_TASK(.priority = 1)
                : k == 2          ? TG_TASK(.flags = TG_TASK_OPTIONAL, .attempts = 2)
                                  : NULL,
                NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->index == 9 && tg_group_error(g)->code == 109);
        for (size_t k = 0; k < STARTS; k++) {
            expect(blame, k > 9 || atomic_load(&order.ran[k]));
            expect(blame, !all || atomic_load(&order.ran[k]));
            expect(blame, (status_of(g, k) == TG_SKIPPED) == !atomic_load(&order.ran[k]));
            expect(blame, status_of(g, k) != TG_SKIPPED || outcome_of(g, k).cause == TG_FAILED);
        }
        expect(blame, !(i & 6) || atomic_load(&done) == STARTS);
        expect_exact_accounting(blame, g);
        order.failing = 0;
        expect(blame, tg_group_rerun(g) == TG_OK && report_of(g).ok == STARTS);
        tg_group_destroy(g);
    }
}

START_TEST(the_error_is_that_of_the_lowest_index_with_any_number_of_threads)
{
    at_place(_i, find_lowest);
}
END_TEST

/* ---- TG_ADD -------------------------------------------------------------------------------- */

struct block {
    int i, j;
};

static int use_block(tg_task *self, void *arg, void *result)
{
    const struct block *block = arg;
    (void)self;
    *(int *)result = 10 * block->i + block->j;
    return 0;
}

static void add_copies(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    struct block last = {4, 2};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            expect(blame, TG_ADD(g, use_block, (struct block){i, j}) == TG_OK);
    expect(blame, TG_ADD(g, use_block, last) == TG_OK);
    last.i = 9; /* no matter */
    expect(blame, tg_group_run(g) == TG_OK);
    const int *results = tg_group_results(g);
    for (int i = 0; i < 9; i++)
        expect(blame, results[i] == 10 * (i / 3) + i % 3);
    expect(blame, results[9] == 42);
    tg_group_destroy(g);
}

START_TEST(an_argument_is_copied_where_it_is_written)
{
    at_place(_i, add_copies);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rate");
    TCase *rate = add_case(s, "rate"), *others = add_case(s, "others");
    tcase_add_loop_test(rate, no_more_tasks_start_in_a_second_than_the_rate, 0, PLACES);
    tcase_add_loop_test(rate, a_group_that_waits_for_its_rate_can_be_stopped, 0, PLACES);
    tcase_add_loop_test(rate, a_pool_has_a_rate_too, 0, PLACES);
    tcase_add_loop_test(rate, each_attempt_counts, 0, PLACES);
    tcase_add_test(rate, rates_that_make_no_sense_are_refused);
    tcase_add_loop_test(
        others, the_error_is_that_of_the_lowest_index_with_any_number_of_threads, 0, PLACES);
    tcase_add_loop_test(others, an_argument_is_copied_where_it_is_written, 0, PLACES);
    return run_suite(s);
}
