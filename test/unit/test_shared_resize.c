/* SPDX-License-Identifier: MIT */
/* limit.h: changing the budget while tasks run; what is refused; what is left. */
#include "tg_test.h"
#include <time.h>

/* What is in flight as the tasks see it. */
struct scale {
    struct blame *blame;
    tg_limit *limit;
    atomic_size_t weight, most; /* now, and the most that it ever was */
    atomic_int arrived, ran, flag;
};

static void scale_enter(struct scale *scale, size_t weight)
{
    size_t now = atomic_fetch_add(&scale->weight, weight) + weight,
           most = atomic_load(&scale->most);

    while (now > most && !atomic_compare_exchange_weak(&scale->most, &most, now))
        ;
}

static void scale_leave(struct scale *scale, size_t weight)
{
    atomic_fetch_sub(&scale->weight, weight);
}

/* For what must not happen to happen. Nothing depends on how long it is. */
static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* A task's argument. */
struct load {
    struct scale *scale;
    size_t weight;
    bool alone;   /* it is heavier than the budget */
    bool outside; /* somebody else changes the budget */
};

static void add_load(tg_group *g, tg_task_fn *function, const struct load *load)
{
    expect(load->scale->blame,
        tg_group_add_with(g, function, load, TG_TASK(.weight = load->weight), NULL) == TG_OK);
}

/* ---- Changing the budget ------------------------------------------------------------------- */

static int meet_two(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;

    (void)self, (void)result;
    if (atomic_fetch_add(&scale->arrived, 1) == 0 && !load->outside)
        expect(scale->blame, tg_limit_resize(scale->limit, 2) == TG_OK);
    wait_until(atomic_load(&scale->arrived) >= 2);
    return 0;
}

static void *resize_from_outside(void *arg)
{
    struct scale *scale = arg;

    wait_until(atomic_load(&scale->arrived) >= 1);
    nap(); /* the others are asleep */
    expect(scale->blame, tg_limit_resize(scale->limit, 2) == TG_OK);
    return NULL;
}

static void enlarge(struct blame *blame, bool outside)
{
    struct scale scale = {.blame = blame};
    struct load load = {.scale = &scale, .weight = 1, .outside = outside};
    tg_group *g;
    pthread_t thread;

    if (team_size() < 2)
        return;
    scale.limit = tg_limit_create(1);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    add_load(g, meet_two, &load);
    add_load(g, meet_two, &load);
    if (outside)
        pthread_create(&thread, NULL, resize_from_outside, &scale);
    expect(blame, tg_group_run(g) == TG_OK);
    if (outside)
        pthread_join(thread, NULL);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

static void enlarge_in_task(struct blame *blame)
{
    enlarge(blame, false);
}

static void enlarge_outside(struct blame *blame)
{
    enlarge(blame, true);
}

START_TEST(a_task_that_enlarges_the_budget_lets_the_next_one_start_at_once)
{
    at_place(_i, enlarge_in_task);
}
END_TEST

/* In a user's region nobody comes back to help who has found nothing, unless a task calls. */
START_TEST(another_thread_that_enlarges_the_budget_lets_the_next_one_start_at_once)
{
    at_place(PLACE_SERIAL, enlarge_outside);
    at_place(PLACE_IN_TASK, enlarge_outside);
    at_place(PLACE_PTHREADS, enlarge_outside);
}
END_TEST

/* From here on it is alone in flight, since it holds all that there is. */
static int shrink(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;

    (void)self, (void)result;
    scale_enter(scale, 1);
    expect(scale->blame, tg_limit_resize(scale->limit, 1) == TG_OK);
    wait_until(tg_limit_used(scale->limit) <= 1);
    nap();
    expect(scale->blame, tg_limit_used(scale->limit) == 1);
    expect(scale->blame, atomic_load(&scale->weight) == 1);
    atomic_store(&scale->most, 1);
    scale_leave(scale, 1);
    return 0;
}

static int weigh(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)self, (void)result;
    scale_enter(load->scale, load->weight);
    sched_yield();
    if (load->alone) /* heavier than the budget: alone */
        expect(load->scale->blame, atomic_load(&load->scale->weight) == load->weight);
    scale_leave(load->scale, load->weight);
    atomic_fetch_add(&load->scale->ran, 1);
    return 0;
}

static void reduce(struct blame *blame)
{
    struct scale scale = {.blame = blame};
    struct load one = {.scale = &scale, .weight = 1};
    struct load heavy = {.scale = &scale, .weight = 3, .alone = true};
    tg_group *g;

    scale.limit = tg_limit_create(4);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    for (int i = 0; i < 60; i++)
        add_load(g, i == 20 ? shrink : weigh, &one);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale.most) == 1); /* since it was shrunk */
    expect(blame, tg_limit_resize(scale.limit, 4) == TG_OK);
    for (int i = 0; i < 30; i++)
        add_load(g, weigh, i % 3 == 1 ? &heavy : &one);
    expect(blame, tg_limit_resize(scale.limit, 2) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale.ran) == 59 + 30);
    expect(blame, atomic_load(&scale.most) == 3);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(a_smaller_budget_holds_at_once_and_what_is_heavier_runs_alone)
{
    at_place(_i, reduce);
}
END_TEST

static void *resize_often(void *arg)
{
    struct scale *scale = arg;

    for (size_t i = 0; !atomic_load(&scale->flag); i++) {
        expect(scale->blame, tg_limit_resize(scale->limit, 1 + i % 6) == TG_OK);
        sched_yield();
    }
    return NULL;
}

static void resize_while_it_runs(struct blame *blame)
{
    struct scale scale = {.blame = blame};
    struct load loads[6];
    tg_group *g;
    pthread_t thread;

    scale.limit = tg_limit_create(6);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    for (size_t i = 0; i < 600; i++) {
        loads[i % 6] = (struct load){.scale = &scale, .weight = 1 + i % 6};
        add_load(g, weigh, &loads[i % 6]);
    }
    pthread_create(&thread, NULL, resize_often, &scale);
    expect(blame, tg_group_run(g) == TG_OK);
    atomic_store(&scale.flag, 1);
    pthread_join(thread, NULL);
    expect(blame, atomic_load(&scale.ran) == 600);
    expect(blame, atomic_load(&scale.most) <= 6);
    expect(blame, tg_limit_used(scale.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(the_budget_may_change_all_the_time)
{
    at_place(_i, resize_while_it_runs);
}
END_TEST

/* ---- What is refused, and what is left ----------------------------------------------------- */

START_TEST(a_limit_without_sense_is_refused)
{
    tg_limit *limit;

    ck_assert_ptr_null(tg_limit_create(0));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    assert_refused(tg_limit_resize(NULL, 1), TG_INVALID, "limit");
    ck_assert_uint_eq(tg_limit_used(NULL), 0);
    tg_limit_destroy(NULL);
    limit = tg_limit_create(3);
    assert_refused(tg_limit_resize(limit, 0), TG_INVALID, "0");
    ck_assert_uint_eq(tg_limit_used(limit), 0);
    tg_limit_destroy(limit);
}
END_TEST

START_TEST(a_weight_without_limit_or_beyond_it_is_refused_and_remembered)
{
    atomic_int ran = 0;
    size_t index = 0;
    tg_limit *limit = tg_limit_create(10);
    tg_group *g = tg_group_create(NULL);

    assert_refused(
        tg_group_add_with(g, task_count, &ran, TG_TASK(.weight = 1), &index), TG_INVALID, "weight");
    ck_assert_uint_eq(index, TG_NO_INDEX);
    assert_status(tg_group_run(g), TG_INVALID);
    tg_group_destroy(g);

    g = tg_group_create(TG_GROUP(.shared = limit));
    assert_status(tg_group_add_with(g, task_count, &ran, TG_TASK(.weight = 10), NULL), TG_OK);
    assert_refused(
        tg_group_add_with(g, task_count, &ran, TG_TASK(.weight = 11), NULL), TG_TOO_LARGE, "11");
    assert_status(tg_group_run(g), TG_TOO_LARGE);
    ck_assert_int_eq(ran, 0);
    assert_status(tg_group_reset(g), TG_OK);
    assert_refused(tg_group_add_many(g, task_count, 5, &ran, 0, TG_TASK(.weight = SIZE_MAX)),
        TG_TOO_LARGE, "18446744073709551615");
    assert_status(tg_group_reset(g), TG_OK);
    assert_status(tg_limit_resize(limit, 11), TG_OK);
    assert_status(tg_group_add_with(g, task_count, &ran, TG_TASK(.weight = 11), NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    ck_assert_int_eq(ran, 1);
    tg_group_destroy(g);
    tg_limit_destroy(limit);
}
END_TEST

static int destroy_limit(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    tg_limit_destroy(arg);
    return 0;
}

static void destroy_in_any_order(struct blame *blame)
{
    for (int round = 0; round < 3; round++) {
        tg_limit *limit = tg_limit_create(2);
        tg_group *first = tg_group_create(TG_GROUP(.shared = limit));
        tg_group *second = tg_group_create(TG_GROUP(.shared = limit));
        if (round == 0)
            tg_limit_destroy(limit);
        else if (round == 1)
            tg_group_add(first, destroy_limit, limit);
        tg_group_add_many(first, task_count, 20, NULL, 0, NULL);
        tg_group_add_many(second, task_count, 20, NULL, 0, NULL);
        expect(blame, tg_group_run(first) == TG_OK);
        tg_group_destroy(first);
        expect(blame, tg_group_run(second) == TG_OK);
        tg_group_destroy(second);
        if (round == 2)
            tg_limit_destroy(limit);
    }
}

START_TEST(limit_and_groups_may_be_destroyed_in_any_order)
{
    at_place(_i, destroy_in_any_order);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared_resize");
    TCase *resize = add_case(suite, "changing the budget");
    TCase *refused = add_case(suite, "what is refused and what is left");

    tcase_add_loop_test(resize, a_task_that_enlarges_the_budget_lets_the_next_one_start_at_once, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_test(resize, another_thread_that_enlarges_the_budget_lets_the_next_one_start_at_once);
    tcase_add_loop_test(
        resize, a_smaller_budget_holds_at_once_and_what_is_heavier_runs_alone, 0, PLACES);
    tcase_add_loop_test(resize, the_budget_may_change_all_the_time, 0, PLACES);
    tcase_add_test(refused, a_limit_without_sense_is_refused);
    tcase_add_test(refused, a_weight_without_limit_or_beyond_it_is_refused_and_remembered);
    tcase_add_loop_test(refused, limit_and_groups_may_be_destroyed_in_any_order, 0, PLACES);
    return run_suite(suite);
}
