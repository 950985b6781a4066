/* SPDX-License-Identifier: MIT */
/*
 * Groups in tasks of groups, thousands deep: what one level costs does not depend on how many there are. Whatever visits
 * all levels for each level makes these tests run out of Check's time; there is no other clock here.
 */
#include "tg_test.h"

/* ---- a long chain ---- */

/* ThreadSanitizer keeps 65536 frames a thread, does not look whether there are more, and writes on; a level has some
   fifteen. */
enum { DEPTH = TEST_SANITIZED ? 2000 : 6000 };

/* The group of one level: `wide` tasks, the first of which has the next level below it. */
struct level {
    struct blame *blame;
    int left, wide;
};

static int descend(tg_task *self, void *arg, void *result)
{
    const struct level *level = arg;
    (void)self, (void)result;
    if (level->left == 0)
        return 0;
    struct level next = {level->blame, level->left - 1, level->wide};
    struct level leaf = {level->blame, 0, 0};
    tg_group *g = tg_group_create(NULL);
    for (int i = 0; i < level->wide; i++)
        expect(level->blame, tg_group_add(g, descend, i == 0 ? &next : &leaf) == TG_OK);
    expect(level->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return 0;
}

static void *run_deep(void *arg)
{
    tg_group *g = tg_group_create(NULL);
    struct level *level = arg;
    expect(level->blame, tg_group_add(g, descend, level) == TG_OK);
    expect(level->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return NULL;
}

/* On a stack that is large enough; OMP_STACKSIZE says the same of the others. */
static void assert_deep(int depth, int wide)
{
    struct blame blame = {0};
    struct level level = {&blame, depth, wide};
    pthread_attr_t attributes;
    pthread_t thread;
    ck_assert(pthread_attr_init(&attributes) == 0);
    ck_assert(pthread_attr_setstacksize(&attributes, (size_t)256 << 20) == 0);
    ck_assert(pthread_create(&thread, &attributes, run_deep, &level) == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_blameless(&blame, "a deep tree");
}

START_TEST(a_chain_of_nested_groups_costs_the_same_at_every_depth)
{
    assert_deep(DEPTH, 1);
}
END_TEST

START_TEST(so_does_a_deep_tree_whose_levels_have_work_for_others)
{
    assert_deep(DEPTH / 2, 4);
}
END_TEST

/* ---- contexts that several paths lead to ---- */

enum { PATHS = 40 }; /* 2 to that power, if each path is walked */

static int descend_with_context(tg_task *self, void *arg, void *result)
{
    const struct level *level = arg;
    (void)result;
    if (level->left == 0) { /* a cancel elsewhere: everybody looks up again */
        tg_context *other = tg_context_create(NULL);
        tg_context_cancel(other, 0, NULL);
        tg_context_destroy(other);
        expect(level->blame, tg_task_check(self) == TG_OK);
        return 0;
    }
    struct level next = {level->blame, level->left - 1, 1};
    tg_group *g = tg_group_create(TG_GROUP(.context = tg_task_context(self)));
    tg_context *below = tg_context_create(TG_CONTEXT(.parent = tg_group_context(g)));
    expect(level->blame, tg_group_add(g, descend_with_context, &next) == TG_OK);
    expect(level->blame, tg_group_run(g) == TG_OK);
    tg_context_destroy(below);
    tg_group_destroy(g);
    return 0;
}

START_TEST(a_context_that_is_parent_and_surroundings_at_once_is_asked_once)
{
    struct blame blame = {0};
    struct level level = {&blame, PATHS, 1};
    tg_group *g = tg_group_create(NULL);
    expect(&blame, tg_group_add(g, descend_with_context, &level) == TG_OK);
    ck_assert_int_eq(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    assert_blameless(&blame, "contexts on two paths");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deep");
    TCase *tcase = add_case(suite, "depth");
    tcase_add_test(tcase, a_chain_of_nested_groups_costs_the_same_at_every_depth);
    tcase_add_test(tcase, so_does_a_deep_tree_whose_levels_have_work_for_others);
    tcase_add_test(tcase, a_context_that_is_parent_and_surroundings_at_once_is_asked_once);
    return run_suite(suite);
}
