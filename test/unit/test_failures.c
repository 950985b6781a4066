/* SPDX-License-Identifier: MIT */
/* group.h: the errors of a group with many failures. */
#include "tg_test.h"

/* ---- Many failures ------------------------------------------------------------------------- */

/* Tasks that fail, and the hold before them that on_done waits for. */
struct crowd {
    struct blame *blame;
    size_t count;
    tg_task *hold;
    atomic_size_t left;
    size_t told;
};

static int fail_each(tg_task *self, void *arg, void *result)
{
    struct crowd *crowd = arg;
    size_t index = tg_task_index(self);

    (void)result;
    if (atomic_fetch_sub(&crowd->left, 1) == 1) /* the last one: from now on all can be told */
        expect(crowd->blame, tg_task_complete(crowd->hold, 0, NULL) == TG_OK);
    return tg_task_fail(self, 9, "number %zu", index);
}

static int tell_crowd(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct crowd *crowd = user;
    char message[32];

    (void)group;
    snprintf(message, sizeof message, "number %zu", outcome->index);
    expect(crowd->blame, outcome->index == crowd->told);
    expect(crowd->blame, outcome->index == 0 || strcmp(outcome->message, message) == 0);
    crowd->told++;
    return 0;
}

/* Looking each one up in a list of all takes minutes: the test's time limit is the assertion. */
START_TEST(each_of_many_failures_is_found_at_once)
{
    struct blame blame = {0};
    struct crowd crowd = {.blame = &blame, .count = TEST_SANITIZED ? 100000 : 300000};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER | TG_GROUP_KEEP_GOING,
        .on_done = tell_crowd, .user = &crowd));

    crowd.hold = tg_group_hold(g, NULL);
    atomic_store(&crowd.left, crowd.count);
    tg_group_add_many(g, fail_each, crowd.count, &crowd, 0, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    ck_assert_uint_eq(crowd.told, crowd.count + 1);
    for (size_t i = 1; i <= crowd.count; i += 1 + i / 100) /* and afterwards */
        ck_assert_uint_eq((size_t)atoi(outcome_of(g, i).message + strlen("number ")), i);
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("failures");
    TCase *tcase = add_case(suite, "failures");
    tcase_add_test(tcase, each_of_many_failures_is_found_at_once);
    return run_suite(suite);
}
