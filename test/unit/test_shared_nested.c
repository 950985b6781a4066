/* SPDX-License-Identifier: MIT */
/* limit.h: groups below a task that holds a part of the budget. */
#include "tg_test.h"
#include <time.h>

/* What is in flight as the tasks see it, but for those that wait for a group of their own. */
struct scale {
    struct blame *blame;
    tg_limit *limit;
    size_t budget;
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

/* A task's argument. A task of weight 0 is in a group without the limit, and holds nothing. */
struct load {
    struct scale *scale;
    size_t weight;
    int depth;
    bool gaps; /* every second level is a group without the limit */
};

static tg_group *make_group(const struct scale *scale, const struct load *load)
{
    return tg_group_create(TG_GROUP(.shared = load->weight > 0 ? scale->limit : NULL));
}

static void add_load(tg_group *g, tg_task_fn *function, const struct load *load)
{
    expect(load->scale->blame,
        tg_group_add_with(g, function, load, TG_TASK(.weight = load->weight), NULL) == TG_OK);
}

/* ---- Groups below -------------------------------------------------------------------------- */

static int lend(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;
    struct load next[3];
    tg_group *g;

    (void)self, (void)result;
    scale_enter(scale, load->weight);
    atomic_fetch_add(&scale->ran, 1);
    if (load->depth > 0) {
        for (size_t i = 0; i < 3; i++) {
            /* Below a gap it is the weight of the task above the gap that bounds what may follow. */
            size_t weight = load->weight > 0 ? 1 + i % load->weight : 1;
            next[i] = *load;
            next[i].depth--;
            next[i].weight = load->gaps && load->depth % 2 == 1 ? 0 : weight;
        }
        g = make_group(scale, &next[0]);
        for (int i = 0; i < 3; i++)
            add_load(g, lend, &next[i]);
        scale_leave(scale, load->weight);
        expect(scale->blame, tg_group_run(g) == TG_OK);
        scale_enter(scale, load->weight);
        tg_group_destroy(g);
    }
    expect(scale->blame, tg_limit_used(scale->limit) <= scale->budget);
    scale_leave(scale, load->weight);
    return 0;
}

static void nest(struct blame *blame)
{
    for (size_t budget = 1; budget <= 4; budget++)
        for (int gaps = 0; gaps < 2; gaps++) {
            struct scale scale = {.blame = blame, .budget = budget};
            struct load loads[4];
            tg_group *g;
            scale.limit = tg_limit_create(budget);
            g = tg_group_create(TG_GROUP(.shared = scale.limit));
            for (size_t i = 0; i < 4; i++) {
                loads[i] = (struct load){&scale, 1 + i % budget, 3, gaps == 1};
                add_load(g, lend, &loads[i]);
            }
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, atomic_load(&scale.ran) == 4 * (1 + 3 + 9 + 27));
            expect(blame, atomic_load(&scale.most) <= budget);
            expect(blame, tg_limit_used(scale.limit) == 0);
            tg_group_destroy(g);
            tg_limit_destroy(scale.limit);
        }
}

START_TEST(groups_on_the_limit_of_the_task_around_them_never_deadlock)
{
    at_place(_i, nest);
}
END_TEST

static int count_load(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;

    (void)self, (void)result;
    atomic_fetch_add(&load->scale->ran, 1);
    return 0;
}

/* Holds 2, and runs groups of heavier and of other tasks. */
static int run_heavier(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;
    struct blame *blame = scale->blame;
    struct load same = {.scale = scale, .weight = 2}, more = {.scale = scale, .weight = 3};
    tg_limit *other = tg_limit_create(100);
    tg_group *g = make_group(scale, &same);

    (void)self, (void)result;
    add_load(g, count_load, &same);
    add_load(g, count_load, &more);
    expect(blame, tg_group_run(g) == TG_INVALID);
    expect(blame, tg_error_last()->status == TG_INVALID);
    expect(blame, atomic_load(&scale->ran) == 0);
    expect(blame, tg_group_reset(g) == TG_OK);
    add_load(g, count_load, &same);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale->ran) == 1);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.shared = other)); /* what it holds is of another budget */
    add_load(g, count_load, &more);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale->ran) == 2);
    tg_group_destroy(g);
    tg_limit_destroy(other);
    return 0;
}

static void refuse_heavier(struct blame *blame)
{
    struct scale scale = {.blame = blame};
    struct load load = {.scale = &scale, .weight = 2};
    tg_group *g;

    scale.limit = tg_limit_create(4);
    g = tg_group_create(TG_GROUP(.shared = scale.limit));
    add_load(g, run_heavier, &load);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_limit_used(scale.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(below_a_task_nothing_heavier_runs_on_the_same_limit)
{
    at_place(_i, refuse_heavier);
}
END_TEST

static int count_run(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add(&((struct scale *)arg)->ran, 1);
    return 0;
}

static int add_too_heavy(tg_group *group, void *user)
{
    const struct scale *scale = user;

    expect(scale->blame,
        tg_group_add_with(group, count_run, user, TG_TASK(.weight = 2), NULL) == TG_OK);
    expect(scale->blame,
        tg_group_add_with(group, count_run, user, TG_TASK(.weight = 3), NULL) == TG_INVALID);
    expect(scale->blame, strstr(tg_error_last()->message, "weight 3") != NULL);
    return 0;
}

static int scope_on_the_limit(tg_task *self, void *arg, void *result)
{
    struct scale *scale = arg;
    tg_group *g = tg_group_create(TG_GROUP(.shared = scale->limit));

    (void)self, (void)result;
    expect(scale->blame, tg_group_scope(g, add_too_heavy, scale) == TG_INVALID);
    expect(scale->blame, report_of(g).ok == 1); /* what could be had has run */
    tg_group_destroy(g);
    return 0;
}

static void add_below(struct blame *blame)
{
    struct scale scale = {.limit = tg_limit_create(3), .blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.shared = scale.limit));

    tg_group_add_with(g, scope_on_the_limit, &scale, TG_TASK(.weight = 2), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&scale.ran) == 1);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(below_a_task_nothing_heavier_is_added_while_its_group_runs)
{
    at_place(_i, add_below);
}
END_TEST

static void *run_beside(void *arg)
{
    struct scale *scale = arg;
    struct load load = {.scale = scale, .weight = 1};
    tg_group *g = make_group(scale, &load);

    wait_until(atomic_load(&scale->flag));
    add_load(g, lend, &load);
    atomic_fetch_add(&scale->arrived, 1);
    expect(scale->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return NULL;
}

/* While another thread's group is first in the line for the slot that this task holds. */
static int lend_past_line(tg_task *self, void *arg, void *result)
{
    const struct load *load = arg;
    struct scale *scale = load->scale;
    struct load inner = {.scale = scale, .weight = 1, .depth = 1};
    tg_group *g = make_group(scale, &inner);

    (void)self, (void)result;
    atomic_store(&scale->flag, 1);
    wait_until(atomic_load(&scale->arrived) == 1);
    nap();
    for (int i = 0; i < 5; i++)
        add_load(g, lend, &inner);
    expect(scale->blame, tg_group_run(g) == TG_OK);
    expect(scale->blame, atomic_load(&scale->ran) == 5 * 4); /* and nothing of the other group */
    tg_group_destroy(g);
    return 0;
}

static void lend_only_below(struct blame *blame)
{
    struct scale scale = {.blame = blame, .budget = 1};
    struct load load = {.scale = &scale, .weight = 1};
    tg_group *g;
    pthread_t thread;

    scale.limit = tg_limit_create(1);
    g = make_group(&scale, &load);
    add_load(g, lend_past_line, &load);
    pthread_create(&thread, NULL, run_beside, &scale);
    expect(blame, tg_group_run(g) == TG_OK);
    pthread_join(thread, NULL);
    expect(blame, atomic_load(&scale.ran) == 5 * 4 + 1);
    tg_group_destroy(g);
    tg_limit_destroy(scale.limit);
}

START_TEST(what_a_task_holds_is_lent_to_its_own_groups_only)
{
    at_place(_i, lend_only_below);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared_nested");
    TCase *below = add_case(suite, "groups below");

    tcase_add_loop_test(
        below, groups_on_the_limit_of_the_task_around_them_never_deadlock, 0, PLACES);
    tcase_add_loop_test(below, below_a_task_nothing_heavier_runs_on_the_same_limit, 0, PLACES);
    tcase_add_loop_test(
        below, below_a_task_nothing_heavier_is_added_while_its_group_runs, 0, PLACES);
    tcase_add_loop_test(below, what_a_task_holds_is_lent_to_its_own_groups_only, 0, PLACES);
    return run_suite(suite);
}
