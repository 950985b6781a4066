/* SPDX-License-Identifier: MIT */
/* group.h, tg_group_scope(): a body that adds tasks which start while it goes on. */
#include "tg_test.h"

/* What a body is handed: whom to tell, what ran, and how it is to behave. */
struct script {
    struct blame *blame;
    atomic_int ran;     /* tasks */
    atomic_int arrived; /* a meeting, for who waits … */
    int needed;         /* … and how many come to it */
    int count;          /* tasks to add */
};

static int add_count(tg_group *group, void *user)
{
    struct script *script = user;

    for (int i = 0; i < script->count; i++)
        expect(script->blame, tg_group_add(group, task_count, &script->ran) == TG_OK);
    return 0;
}

static int meet(tg_task *self, void *arg, void *result)
{
    struct script *script = arg;

    (void)self, (void)result;
    atomic_fetch_add(&script->arrived, 1);
    wait_until(atomic_load(&script->arrived) >= script->needed);
    return 0;
}

/* ---- When tasks start ---------------------------------------------------------------------- */

static int add_one_by_one(tg_group *group, void *user)
{
    struct script *script = user;

    wait_until(atomic_load(&script->ran) == script->count); /* what was there before */
    for (int i = 1; i <= 30; i++) {
        expect(script->blame, tg_group_add(group, task_count, &script->ran) == TG_OK);
        wait_until(atomic_load(&script->ran) == script->count + i);
    }
    return 0;
}

static void start_meanwhile(struct blame *blame)
{
    if (team_size() < 2)
        return;
    for (int round = 0; round < 6; round++) {
        struct script script = {.blame = blame, .count = round * 20};
        tg_group *g = tg_group_create(TG_GROUP(.limit = round % 3));
        for (int i = 0; i < script.count; i++)
            tg_group_add(g, task_count, &script.ran);
        expect(blame, tg_group_scope(g, add_one_by_one, &script) == TG_OK);
        expect(blame, report_of(g).ok == (size_t)script.count + 30);
        tg_group_destroy(g);
    }
}

START_TEST(tasks_start_while_the_body_goes_on_and_waits_for_each)
{
    at_place(_i, start_meanwhile);
}
END_TEST

static int add_meeting(tg_group *group, void *user)
{
    struct script *script = user;

    for (int i = 0; i < script->count; i++)
        expect(script->blame, tg_group_add(group, meet, script) == TG_OK);
    if (script->count < script->needed) { /* the body is the last to come */
        atomic_fetch_add(&script->arrived, 1);
        wait_until(atomic_load(&script->arrived) >= script->needed);
    }
    return 0;
}

static void meet_in_scope(struct blame *blame)
{
    int size = (int)team_size();

    for (int round = 0; round < 10; round++) {
        struct script beside = {.blame = blame, .count = size - 1, .needed = size};
        struct script after = {.blame = blame, .count = size, .needed = size};
        tg_group *g = tg_group_create(NULL);
        expect(blame, tg_group_scope(g, add_meeting, &beside) == TG_OK);
        expect(blame, tg_group_scope(g, add_meeting, &after) == TG_OK);
        expect(blame, report_of(g).ok == 2 * (size_t)size - 1);
        tg_group_destroy(g);
    }
}

START_TEST(all_other_threads_serve_beside_the_body_and_its_own_thread_after_it)
{
    at_place(_i, meet_in_scope);
}
END_TEST

static int add_and_see_none_start(tg_group *group, void *user)
{
    struct script *script = user;

    add_count(group, script);
    for (int i = 0; i < 50; i++)
        sched_yield();
    expect(script->blame, atomic_load(&script->ran) == 0);
    expect(script->blame, report_of(group).not_run == (size_t)script->count + 10);
    return 0;
}

static void scope_alone(struct blame *blame)
{
    struct script script = {.blame = blame, .count = 100};
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1));

    tg_group_add_many(g, task_count, 10, &script.ran, 0, NULL);
    expect(blame, tg_group_scope(g, add_and_see_none_start, &script) == TG_OK);
    expect(blame, atomic_load(&script.ran) == 110);
    tg_group_destroy(g);
}

START_TEST(with_one_thread_tasks_start_when_the_body_has_returned)
{
    at_place(PLACE_SERIAL, scope_alone);
    at_place(PLACE_PTHREADS, scope_alone);
}
END_TEST

/* ---- Nothing is lost ----------------------------------------------------------------------- */

static int triple_and_add(tg_task *self, void *arg, void *result)
{
    struct script *script = arg;
    size_t index = tg_task_index(self);

    *(size_t *)result = 3 * index + 1;
    atomic_fetch_add(&script->ran, 1);
    if (index < 200)
        return tg_group_add(tg_task_group(self), triple_and_add, arg) == TG_OK ? 0 : 1;
    return 0;
}

static int add_in_all_ways(tg_group *group, void *user)
{
    struct script *script = user;
    size_t index = 0;

    for (int i = 0; i < 200; i++)
        expect(script->blame, tg_group_add(group, triple_and_add, script) == TG_OK);
    expect(script->blame, tg_group_add_many(group, triple_and_add, 300, script, 0, NULL) == TG_OK);
    expect(script->blame, tg_group_add_with(group, triple_and_add, script,
                              TG_TASK(.id = 77, .name = "last"), &index) == TG_OK);
    expect(script->blame, index >= 600);
    return 0;
}

static void add_before_during_and_from_tasks(struct blame *blame)
{
    static const long grains[] = {1, 5, TG_GRAIN_AUTO};

    for (int round = 0; round < 6; round++) {
        struct script script = {.blame = blame};
        size_t *results, index;
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t), .limit = round % 3,
            .grainsize = grains[round % 3], .capacity = 100));
        tg_group_add_many(g, triple_and_add, 100, &script, 0, NULL);
        expect(blame, tg_group_scope(g, add_in_all_ways, &script) == TG_OK);
        expect(blame, tg_group_count(g) == 801);
        expect(blame, atomic_load(&script.ran) == 801);
        expect(blame, report_of(g).ok == 801);
        expect(blame, tg_group_find(g, 77, &index) == TG_OK);
        expect(blame, strcmp(outcome_of(g, index).name, "last") == 0);
        results = tg_group_results(g);
        expect(blame, results != NULL);
        for (size_t i = 0; results != NULL && i < 801; i++)
            expect(blame, results[i] == 3 * i + 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(what_was_added_before_by_the_body_and_by_tasks_runs_exactly_once)
{
    at_place(_i, add_before_during_and_from_tasks);
}
END_TEST

/* The documents' failing program: 10 000 adds at once to a group of one worker, beside its own task. */
struct crowd {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int left, done, ran;
    int adders;
};
enum { CROWD = 10000 };

static void add_share(struct crowd *crowd)
{
    while (atomic_fetch_sub(&crowd->left, 1) > 0)
        expect(crowd->blame, tg_group_add(crowd->group, task_count, &crowd->ran) == TG_OK);
}

static void *add_from_thread(void *arg)
{
    struct crowd *crowd = arg;

    add_share(crowd);
    if (atomic_fetch_add(&crowd->done, 1) + 1 == crowd->adders)
        expect(crowd->blame, tg_task_complete(crowd->hold, 0, NULL) == TG_OK);
    return NULL;
}

static void add_from_threads(struct blame *blame)
{
    struct crowd crowd = {.blame = blame, .left = CROWD, .adders = 4};
    pthread_t threads[4];

    crowd.group = tg_group_create(TG_GROUP(.limit = 1));
    tg_group_add(crowd.group, task_count, &crowd.ran);
    crowd.hold = tg_group_hold(crowd.group, NULL);
    expect(blame, crowd.hold != NULL);
    for (int i = 0; i < crowd.adders; i++)
        pthread_create(&threads[i], NULL, add_from_thread, &crowd);
    expect(blame, tg_group_run(crowd.group) == TG_OK);
    for (int i = 0; i < crowd.adders; i++)
        pthread_join(threads[i], NULL);
    expect(blame, atomic_load(&crowd.ran) == CROWD + 1);
    expect(blame, report_of(crowd.group).ok == CROWD + 2); /* the hold, too */
    tg_group_destroy(crowd.group);
}

START_TEST(of_10000_adds_of_threads_at_once_to_one_worker_10001_run)
{
    at_place(_i, add_from_threads);
}
END_TEST

static int add_100(tg_task *self, void *arg, void *result)
{
    struct crowd *crowd = arg;

    (void)self, (void)result;
    for (int i = 0; i < 100; i++)
        expect(crowd->blame, tg_group_add(crowd->group, task_count, &crowd->ran) == TG_OK);
    return 0;
}

/* In flight in the group of one worker, and below it the whole team adds to it. */
static int add_from_below(tg_task *self, void *arg, void *result)
{
    struct crowd *crowd = arg;
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, add_100, CROWD / 100, crowd, 0, NULL);
    expect(crowd->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return task_count(self, &crowd->ran, result);
}

static void add_from_tasks(struct blame *blame)
{
    for (int round = 0; round < 2; round++) {
        struct crowd crowd = {.blame = blame};
        crowd.group = tg_group_create(TG_GROUP(.limit = round == 0 ? 1 : TG_UNLIMITED));
        if (round == 0)
            tg_group_add(crowd.group, add_from_below, &crowd);
        else
            tg_group_add_many(crowd.group, add_100, CROWD / 100, &crowd, 0, NULL);
        expect(blame, tg_group_run(crowd.group) == TG_OK);
        expect(blame, atomic_load(&crowd.ran) == (round == 0 ? CROWD + 1 : CROWD));
        expect(blame, report_of(crowd.group).not_run == 0);
        tg_group_destroy(crowd.group);
    }
}

START_TEST(of_10000_adds_of_tasks_at_once_none_is_lost)
{
    at_place(_i, add_from_tasks);
}
END_TEST

static int add_with_the_others(tg_group *group, void *user)
{
    struct crowd *crowd = user;

    (void)group;
    add_share(crowd);
    wait_until(atomic_load(&crowd->done) == crowd->adders - 1);
    return 0;
}

START_TEST(of_10000_adds_of_all_threads_of_a_region_at_once_none_is_lost)
{
    for (long limit = 0; limit < 3; limit++) {
        struct blame blame = {0};
        struct crowd crowd = {.blame = &blame, .left = CROWD};
        crowd.group = tg_group_create(TG_GROUP(.limit = limit));
        tg_group_add(crowd.group, task_count, &crowd.ran);
#pragma omp parallel
        if (omp_get_thread_num() == 0) {
            crowd.adders = omp_get_num_threads();
            expect(&blame, tg_group_scope(crowd.group, add_with_the_others, &crowd) == TG_OK);
        } else {
            add_share(&crowd);
            atomic_fetch_add(&crowd.done, 1);
        }
        assert_blameless(&blame, "a region");
        ck_assert_int_eq(crowd.ran, CROWD + 1);
        ck_assert_uint_eq(report_of(crowd.group).ok, CROWD + 1);
        tg_group_destroy(crowd.group);
    }
}
END_TEST

/* ---- Inside and outside -------------------------------------------------------------------- */

struct level {
    struct blame *blame;
    tg_group *above; /* NULL: the top */
    atomic_int *ran;
    int depth;
};

static int task_runs_scope(tg_task *self, void *arg, void *result);

/* Runs a group, adds to its own and to the one above, and goes down in the body and in a task. */
static int go_down(tg_group *group, void *user)
{
    const struct level *level = user;
    struct blame *blame = level->blame;
    struct level next = {blame, group, level->ran, level->depth - 1};
    tg_task *self = tg_task_current();
    tg_group *g;

    expect(blame, self != NULL);
    expect(blame, tg_task_check(self) == TG_OK);
    g = tg_group_create(NULL);
    tg_group_add_many(g, task_count, 5, level->ran, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_task_current() == self);
    if (level->depth > 0) {
        expect(blame, tg_group_reset(g) == TG_OK);
        expect(blame, tg_group_add(g, task_runs_scope, &next) == TG_OK);
        expect(blame, tg_group_scope(g, go_down, &next) == TG_OK);
        expect(blame, tg_task_current() == self);
    }
    tg_group_destroy(g);
    expect(blame, tg_group_add(group, task_count, level->ran) == TG_OK);
    expect(
        blame, level->above == NULL || tg_group_add(level->above, task_count, level->ran) == TG_OK);
    return 0;
}

static int task_runs_scope(tg_task *self, void *arg, void *result)
{
    const struct level *level = arg;
    struct level next = {level->blame, tg_task_group(self), level->ran, level->depth - 1};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));

    (void)result;
    if (level->depth > 0)
        expect(level->blame, tg_group_scope(g, go_down, &next) == TG_OK);
    expect(level->blame, tg_task_current() == self);
    tg_group_destroy(g);
    return 0;
}

static void nest_scopes(struct blame *blame)
{
    /* Bodies: b(d) = 1 + b(d - 1) + b(d - 2), b(1) = 2, b(0) = 1. Each counts 7, the top one 6. */
    atomic_int ran = 0;
    struct level top = {blame, NULL, &ran, 3};
    tg_task *before = tg_task_current();
    tg_group *g = tg_group_create(NULL);

    expect(blame, tg_group_scope(g, go_down, &top) == TG_OK);
    expect(blame, atomic_load(&ran) == 7 * 7 - 1);
    expect(blame, tg_task_current() == before);
    tg_group_destroy(g);
}

START_TEST(bodies_run_groups_and_scopes_inside_to_any_depth)
{
    at_place(_i, nest_scopes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scope");
    TCase *start = add_case(suite, "when tasks start");
    TCase *lost = add_case(suite, "nothing is lost");
    TCase *nested = add_case(suite, "inside and outside");

    tcase_add_loop_test(
        start, tasks_start_while_the_body_goes_on_and_waits_for_each, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(start, all_other_threads_serve_beside_the_body_and_its_own_thread_after_it,
        0, PLACES_WITH_A_TEAM);
    tcase_add_test(start, with_one_thread_tasks_start_when_the_body_has_returned);
    tcase_add_loop_test(
        lost, what_was_added_before_by_the_body_and_by_tasks_runs_exactly_once, 0, PLACES);
    tcase_add_loop_test(lost, of_10000_adds_of_threads_at_once_to_one_worker_10001_run, 0, PLACES);
    tcase_add_loop_test(lost, of_10000_adds_of_tasks_at_once_none_is_lost, 0, PLACES);
    tcase_add_test(lost, of_10000_adds_of_all_threads_of_a_region_at_once_none_is_lost);
    tcase_add_loop_test(nested, bodies_run_groups_and_scopes_inside_to_any_depth, 0, PLACES);
    return run_suite(suite);
}
