/* SPDX-License-Identifier: MIT */
/* limit.h: a budget that groups share: never exceeded, used up, in turn, given back. */
#include "tg_test.h"

/* What is in flight as the tasks see it: between a task's first and last line. */
struct scale {
    struct blame *blame;
    tg_limit *limit;
    size_t budget;
    atomic_size_t weight, most; /* now, and the most that it ever was */
    atomic_int arrived, needed; /* a meeting, for who waits */
    atomic_int ran, flag;
    atomic_int waiting; /* 1 since a heavy task waits */
};

/* A task's argument: what it weighs, and where it is counted. */
struct load {
    struct scale *scale;
    size_t weight;
};

static void scale_enter(struct scale *scale, size_t weight)
{
    size_t now = atomic_fetch_add(&scale->weight, weight) + weight;
    size_t most = atomic_load(&scale->most), used = tg_limit_used(scale->limit);

    while (now > most && !atomic_compare_exchange_weak(&scale->most, &most, now))
        ;
    expect(scale->blame, used >= weight); /* its own is in there */
    expect(scale->blame, used <= scale->budget);
}

static void scale_leave(struct scale *scale, size_t weight)
{
    atomic_fetch_sub(&scale->weight, weight);
    atomic_fetch_add(&scale->ran, 1);
}

static int weigh(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)self, (void)result;
    scale_enter(load->scale, load->weight);
    for (int i = 0; i < 3; i++)
        sched_yield();
    scale_leave(load->scale, load->weight);
    return 0;
}

static int weigh_and_meet(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;

    (void)self, (void)result;
    scale_enter(scale, load->weight);
    atomic_fetch_add(&scale->arrived, 1);
    wait_until(atomic_load(&scale->arrived) >= atomic_load(&scale->needed));
    scale_leave(scale, load->weight);
    return 0;
}

static void add_load(tg_group *g, tg_task_fn *function, const struct load *load)
{
    expect(load->scale->blame,
        tg_group_add_with(g, function, load, TG_TASK(.weight = load->weight), NULL) == TG_OK);
}

/* ---- Never more, and as much as there is --------------------------------------------------- */

enum { HEAVIEST = 6 };

static void stay_within(struct blame *blame)
{
    static const size_t budgets[] = {1, 2, 3, 6, 20};

    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 2; j++) {
            struct scale scale = {.blame = blame, .budget = budgets[i]};
            struct load loads[HEAVIEST];
            size_t heaviest = budgets[i] < HEAVIEST ? budgets[i] : HEAVIEST;
            tg_group *g;
            scale.limit = tg_limit_create(budgets[i]);
            g = tg_group_create(TG_GROUP(.shared = scale.limit, .limit = j * 2));
            for (size_t k = 0; k < heaviest; k++)
                loads[k] = (struct load){&scale, k + 1};
            for (size_t k = 0; k < 60; k++)
                add_load(g, weigh, &loads[k * k % 7 % heaviest]);
            expect(blame, tg_group_add_many(g, weigh, 15, &loads[heaviest - 1], 0,
                              TG_TASK(.weight = heaviest)) == TG_OK);
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, atomic_load(&scale.ran) == 75);
            expect(blame, atomic_load(&scale.most) >= heaviest);
            expect(blame, atomic_load(&scale.most) <= budgets[i]);
            expect(blame, tg_limit_used(scale.limit) == 0);
            tg_group_destroy(g);
            tg_limit_destroy(scale.limit);
        }
}

START_TEST(never_is_more_in_use_than_the_budget)
{
    at_place(_i, stay_within);
}
END_TEST

static void use_up(struct blame *blame)
{
    for (size_t round = 0; round < 16; round++) {
        size_t weight = 1 + round / 8, slots = 1 + round % 8;
        size_t fits = slots < team_size() ? slots : team_size();
        struct scale scale = {.blame = blame, .needed = (int)fits, .budget = slots * weight};
        struct load load = {&scale, weight};
        tg_group *g;
        scale.limit = tg_limit_create(scale.budget);
        g = tg_group_create(TG_GROUP(.shared = scale.limit));
        for (size_t i = 0; i < fits + 10; i++)
            add_load(g, weigh_and_meet, &load);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&scale.most) >= fits * weight);
        expect(blame, atomic_load(&scale.most) <= scale.budget);
        tg_group_destroy(g);
        tg_limit_destroy(scale.limit);
    }
}

START_TEST(as_much_is_in_use_as_budget_and_threads_allow)
{
    at_place(_i, use_up);
}
END_TEST

/* Two of them together would be 0, if the sum wrapped around. */
static void weigh_bytes(struct blame *blame)
{
    struct scale scale = {.blame = blame, .budget = SIZE_MAX};
    struct load load = {&scale, SIZE_MAX / 2 + 1};
    tg_group *g;

    scale.limit = tg_limit_create(SIZE_MAX);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    for (int i = 0; i < 50; i++)
        add_load(g, weigh, &load);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale.ran) == 50);
    expect(blame, atomic_load(&scale.most) == load.weight);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(weights_as_large_as_memory_do_not_wrap_around)
{
    at_place(_i, weigh_bytes);
}
END_TEST

static int weigh_in_order(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    size_t number = (size_t)atomic_fetch_add(&load->scale->arrived, 1);

    expect(load->scale->blame, number == tg_task_index(self));
    return weigh(self, arg, result);
}

static void take_one_each(struct blame *blame)
{
    struct scale scale = {.blame = blame, .budget = 1};
    struct load load = {&scale, 1};
    tg_group *g;

    scale.limit = tg_limit_create(1);
    g = tg_group_create(TG_GROUP(.shared = scale.limit, .grainsize = 8));
    tg_group_add_many(g, weigh_in_order, 100, &load, 0, NULL);
    for (int i = 0; i < 100; i++)
        tg_group_add(g, weigh_in_order, &load);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale.ran) == 200);
    expect(blame, atomic_load(&scale.most) == 1);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(tasks_without_weight_take_one_and_start_in_order_of_adding)
{
    at_place(_i, take_one_each);
}
END_TEST

/* ---- Several groups ------------------------------------------------------------------------ */

/* A group of one thread's own, beside others on the same limit. */
struct member {
    struct scale *scale;
    tg_task_fn *function;
    size_t weight;
    int count, threads;
};

static void *run_member(void *arg)
{
    const struct member *member = arg;
    struct scale *scale = member->scale;
    struct load load = {scale, member->weight};
    tg_group *g = tg_group_create(TG_GROUP(.shared = scale->limit, .threads = member->threads));

    for (int i = 0; i < member->count; i++)
        add_load(g, member->function, &load);
    expect(scale->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return NULL;
}

static void run_members(struct scale *scale, struct member *members, int count)
{
    pthread_t threads[8];

    scale->limit = tg_limit_create(scale->budget);
    for (int i = 0; i < count; i++) {
        members[i].scale = scale;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_member, &members[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    assert_blameless(scale->blame, "several pthreads");
    ck_assert_uint_le(scale->most, scale->budget);
    ck_assert_uint_eq(tg_limit_used(scale->limit), 0);
    tg_limit_destroy(scale->limit);
}

START_TEST(groups_of_several_threads_share_one_budget)
{
    for (size_t budget = 4; budget <= 9; budget += 5) {
        struct blame blame = {0};
        struct scale scale = {.blame = &blame, .budget = budget};
        struct member members[] = {{.function = weigh, .weight = 1, .count = 300},
            {.function = weigh, .weight = 2, .count = 200},
            {.function = weigh, .weight = 3, .count = 100},
            {.function = weigh, .weight = 4, .count = 80, .threads = 1}};
        run_members(&scale, members, 4);
        ck_assert_int_eq(scale.ran, 680);
        ck_assert_uint_ge(scale.most, 4);
    }
}
END_TEST

START_TEST(what_one_group_leaves_another_can_use_at_the_same_time)
{
    for (int round = 0; round < 20; round++) {
        struct blame blame = {0};
        struct scale scale = {.blame = &blame, .budget = 7, .needed = 3};
        struct member members[] = {
            {.function = weigh_and_meet, .weight = 1, .count = 1, .threads = 1},
            {.function = weigh_and_meet, .weight = 2, .count = 1, .threads = 1},
            {.function = weigh_and_meet, .weight = 4, .count = 1, .threads = 1}};
        run_members(&scale, members, 3);
        ck_assert_uint_eq(scale.most, 7);
    }
}
END_TEST

/*
 * Each light task adds one and stays until another light one has come, or some time, so that there is
 * always one in flight: without turns the heavy one starts when the light ones run out. When it is in
 * line, no light one comes any more, and the last ones leave when their time is up.
 */
enum { LIGHT_MOST = 100000 };

static int stay_light(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;
    int number = atomic_fetch_add(&scale->arrived, 1);
    double end = tg_time_now() + 2e-3;

    (void)result;
    scale_enter(scale, load->weight);
    if (!atomic_load(&scale->flag) && atomic_load(&scale->ran) < LIGHT_MOST)
        add_load(tg_task_group(self), stay_light, load);
    wait_until(atomic_load(&scale->arrived) > number + 1 || tg_time_now() > end);
    atomic_fetch_add(&scale->ran, atomic_load(&scale->waiting)); /* it has passed the heavy one */
    atomic_fetch_sub(&scale->weight, load->weight);
    return 0;
}

static int come_heavy(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)self, (void)result;
    scale_enter(load->scale, load->weight);
    expect(load->scale->blame, atomic_load(&load->scale->weight) == load->weight);
    atomic_store(&load->scale->flag, 1);
    atomic_fetch_sub(&load->scale->weight, load->weight);
    return 0;
}

static void *run_heavy(void *arg)
{
    const struct member *member = arg;

    wait_until(atomic_load(&member->scale->arrived) > 10);
    atomic_store(&member->scale->waiting, 1);
    return run_member(arg);
}

START_TEST(a_heavy_task_is_not_starved_by_light_ones)
{
    struct blame blame = {0};
    struct scale scale = {.blame = &blame, .budget = 4};
    struct member light = {&scale, stay_light, 1, 2, 2};
    struct member heavy = {&scale, come_heavy, 4, 1, 1};
    pthread_t thread;

    scale.limit = tg_limit_create(scale.budget);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_heavy, &heavy), 0);
    run_member(&light);
    pthread_join(thread, NULL);
    assert_blameless(&blame, "two threads");
    ck_assert_int_eq(scale.flag, 1);
    ck_assert_int_lt(scale.ran, LIGHT_MOST);
    ck_assert_uint_eq(tg_limit_used(scale.limit), 0);
    tg_limit_destroy(scale.limit);
}
END_TEST

/* ---- Given back ---------------------------------------------------------------------------- */

static int give_up(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)result;
    if (tg_task_index(self) % 3 == 2)
        tg_task_abort(5, "index %zu", tg_task_index(self));
    return tg_task_index(self) % 3 == 1 ? 6 : atomic_load(&load->scale->needed);
}

static int cancel_loaded(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    tg_context_cancel(tg_task_context(self), 1, NULL);
    return 0;
}

/* Runs what ends badly, and then something that needs the whole budget. */
static void give_back(struct blame *blame)
{
    static const unsigned flags[] = {0, TG_GROUP_KEEP_GOING};

    for (int round = 0; round < 20; round++) {
        struct scale scale = {.blame = blame, .budget = 5, .needed = round % 5};
        struct load load = {&scale, 1 + (size_t)round % 5}, all = {&scale, 5};
        tg_group *g;
        tg_status status;
        scale.limit = tg_limit_create(5);
        g = tg_group_create(TG_GROUP(.shared = scale.limit, .flags = flags[round % 2]));
        if (round % 4 == 3)
            add_load(g, cancel_loaded, &load);
        for (int i = 0; i < 40; i++)
            add_load(g, give_up, &load);
        status = tg_group_run(g);
        expect(blame, status == TG_FAILED || (status == TG_CANCELLED && round % 4 == 3));
        expect(blame, tg_limit_used(scale.limit) == 0);
        expect_exact_accounting(blame, g);
        expect(blame, tg_group_reset(g) == TG_OK);
        add_load(g, weigh, &all);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, tg_limit_used(scale.limit) == 0);
        tg_group_destroy(g);
        tg_limit_destroy(scale.limit);
    }
}

START_TEST(what_a_task_took_is_given_back_however_it_ends)
{
    at_place(_i, give_back);
}
END_TEST

/* Fails until the other one has run, which needs what it holds. */
static int fail_until_flag(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)self, (void)result;
    return atomic_load(&load->scale->flag) ? 0 : 1;
}

static void wait_for_attempt(struct blame *blame)
{
    struct scale scale = {.blame = blame, .budget = 3};
    struct load load = {&scale, 3};
    tg_group *g;

    scale.limit = tg_limit_create(3);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    expect(
        blame, tg_group_add_with(g, fail_until_flag, &load,
                   TG_TASK(.weight = 3, .attempts = TG_ENDLESS, .backoff = 0.001), NULL) == TG_OK);
    add_load(g, come_heavy, &load);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_limit_used(scale.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(a_task_that_waits_for_its_next_attempt_holds_nothing)
{
    at_place(_i, wait_for_attempt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared_limit");
    TCase *bound = add_case(suite, "the budget");
    TCase *several = add_case(suite, "several groups");
    TCase *back = add_case(suite, "given back");

    tcase_add_loop_test(bound, never_is_more_in_use_than_the_budget, 0, PLACES);
    tcase_add_loop_test(
        bound, as_much_is_in_use_as_budget_and_threads_allow, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(bound, weights_as_large_as_memory_do_not_wrap_around, 0, PLACES);
    tcase_add_loop_test(
        bound, tasks_without_weight_take_one_and_start_in_order_of_adding, 0, PLACES);
    tcase_add_test(several, groups_of_several_threads_share_one_budget);
    tcase_add_test(several, what_one_group_leaves_another_can_use_at_the_same_time);
    tcase_add_test(several, a_heavy_task_is_not_starved_by_light_ones);
    tcase_add_loop_test(back, what_a_task_took_is_given_back_however_it_ends, 0, PLACES);
    tcase_add_loop_test(back, a_task_that_waits_for_its_next_attempt_holds_nothing, 0, PLACES);
    return run_suite(suite);
}
