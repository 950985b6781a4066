/* SPDX-License-Identifier: MIT */
/*
 * The k-th allocation fails, for what a group can do beside running: whatever the program does then
 * ends with TG_NO_MEMORY, unless only a text was lost, and keeps nothing.
 */
#include "../unit/tg_test.h"
#include "failing_malloc.h"

enum { TASKS = 40 };

/* A little program, from making to freeing: answers what its last important call did. */
typedef tg_status program(void);

static int succeed(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg;
    if (result != NULL)
        *(int *)result = 1;
    return 0;
}

static int fail_twice(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) <= 2;
}

static int give_up(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    tg_task_abort(5, "given up at %d", 5);
}

static int note_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    size_t *done = user;
    (void)group;
    *done += outcome->index + 1;
    return 0;
}

static tg_status run_and_destroy(tg_group *g)
{
    tg_status status = tg_group_run(g);
    tg_group_destroy(g);
    return status;
}

static void do_nothing(void *user)
{
    (void)user;
}

static tg_status hook(void)
{
    tg_context *context = tg_context_create(NULL);
    tg_hook *h = tg_context_hook(context, do_nothing, NULL);
    tg_status status = h != NULL ? TG_OK : tg_error_last()->status;
    tg_hook_remove(h);
    tg_context_destroy(context);
    return status;
}

static tg_status budget(void)
{
    tg_limit *limit = tg_limit_create(3);
    if (limit == NULL)
        return tg_error_last()->status;
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit));
    for (size_t i = 0; i < TASKS; i++)
        tg_group_add_with(g, succeed, NULL, TG_TASK(.weight = 1 + i % 3), NULL);
    tg_status status = run_and_destroy(g);
    tg_limit_destroy(limit);
    return status;
}

static tg_status hold(void)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *h = tg_group_hold(g, TG_TASK(.name = "outside", .id = 7));
    if (h != NULL)
        tg_task_complete(h, 0, NULL);
    return run_and_destroy(g);
}

static tg_status priorities(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_REQUIRED_FIRST));
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(g, succeed, NULL, TG_TASK(.priority = i % 5 - 2), NULL);
    tg_group_add_many(g, succeed, TASKS, NULL, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    return run_and_destroy(g);
}

static tg_status attempts(void)
{
    tg_group *g = tg_group_create(NULL);
    tg_group_add_many(
        g, fail_twice, TASKS, NULL, 0, TG_TASK(.attempts = 3, .backoff = 1e-6, .name = "flaky"));
    return run_and_destroy(g);
}

static tg_status copies(void)
{
    int items[TASKS] = {0};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    tg_group_add_many(g, succeed, TASKS, items, sizeof *items, TG_TASK(.copy = sizeof *items));
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(g, succeed, &items[i], TG_TASK(.copy = sizeof *items), NULL);
    return run_and_destroy(g);
}

static tg_status notes(void)
{
    size_t done = 0;
    tg_group *g =
        tg_group_create(TG_GROUP(.flags = TG_GROUP_TIMES, .on_done = note_done, .user = &done));
    for (int i = 0; i < TASKS; i++)
        tg_group_add(g, succeed, NULL);
    tg_status status = tg_group_run(g);
    size_t index = status == TG_OK ? tg_group_success(g, 1) : 0;
    tg_group_destroy(g);
    return status == TG_OK && index == TG_NO_INDEX ? TG_NO_MEMORY : status;
}

static int add_all(tg_group *group, void *user)
{
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(group, succeed, NULL, TG_TASK(.name = "short-lived"), NULL);
    tg_group_add_many(group, succeed, TASKS, user, 1, TG_TASK(.copy = 1));
    return 0;
}

static tg_status recycling(void)
{
    char items[TASKS] = {0};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 3, .result_size = sizeof(int)));
    tg_status status = tg_group_scope(g, add_all, items);
    if (status == TG_OK && tg_group_count(g) < 2 * TASKS)
        status = tg_group_reset(g) == TG_OK ? TG_NO_MEMORY : TG_INVALID; /* adds were refused */
    tg_group_destroy(g);
    return status;
}

static tg_status calls(void)
{
    int results[3];
    tg_call c[3];
    size_t last[2];
    for (int i = 0; i < 3; i++)
        c[i] = (tg_call){.function = succeed, .result = &results[i], .name = "call"};
    tg_status status = tg_all_run(3, c, NULL);
    if (status == TG_OK)
        status = tg_chain_run(3, c, NULL);
    if (status == TG_OK)
        status = tg_race_run(3, c, last, NULL);
    if (status == TG_OK)
        status = tg_last_run(3, c, 2, last, NULL);
    if (status == TG_OK && last[0] == TG_NO_INDEX)
        status = TG_NO_MEMORY;
    return status == TG_OK ? tg_call_run(succeed, NULL, results, NULL, NULL) : status;
}

static tg_status timeouts(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(g, succeed, NULL, TG_TASK(.timeout = 1000), NULL);
    tg_status status = tg_group_run(g);
    if (status == TG_FAILED) /* of a task whose clock there was no memory for */
        status =
            strstr(tg_group_error(g)->message, "out of memory") != NULL ? TG_NO_MEMORY : status;
    tg_group_destroy(g);
    return status;
}

/* Only texts can be lost: the tasks fail all the same. */
static tg_status aborts(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    tg_group_add_many(g, give_up, TASKS, NULL, 0, NULL);
    tg_status status = tg_group_run(g);
    tg_report report = report_of(g);
    if (status == TG_FAILED && tg_group_error(g)->code == 5 && report.failed == TASKS)
        status = TG_OK;
    tg_group_destroy(g);
    return status;
}

static const struct {
    const char *name;
    program *run;
    bool texts; /* a failure may cost no more than a text, or what nobody needs in the end */
} programs[] = {{"hook", hook, false}, {"budget", budget, true}, {"hold", hold, false},
    {"priorities", priorities, false}, {"attempts", attempts, true}, {"copies", copies, false},
    {"notes", notes, true}, {"recycling", recycling, false}, {"calls", calls, true},
    {"timeouts", timeouts, true}, {"aborts", aborts, true}};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(a_program_that_runs_out_of_memory_is_told_so_and_keeps_nothing)
{
    size_t before = 0;
    long k, hit;

    ck_assert(failing_malloc_works());
    for (int i = 0; i < 3; i++) { /* what the runtime and the waiter need stays */
        ck_assert_int_eq(programs[_i].run(), TG_OK);
        before = failing_malloc_outstanding();
    }
    for (int forever = 0; forever < 2; forever++) {
        for (k = 1, hit = 1; hit; k++) {
            tg_status status;
            failing_malloc_arm(k, forever);
            status = programs[_i].run();
            if (status == TG_INVALID) /* of a group that could not be made: the creator's reason */
                status = tg_error_last()->status;
            hit = failing_malloc_disarm();
            ck_assert_msg(status == (hit ? TG_NO_MEMORY : TG_OK) ||
                              (hit && status == TG_OK && programs[_i].texts),
                "%s, allocation %ld%s: %s (%s)", programs[_i].name, k,
                forever ? " and all after it" : "", tg_status_name(status),
                tg_error_last()->message);
            ck_assert_msg(failing_malloc_outstanding() == before,
                "%s, allocation %ld: %zu bytes left", programs[_i].name, k,
                failing_malloc_outstanding() - before);
        }
        ck_assert_msg(k > 2, "no allocation has failed");
    }
}
END_TEST

int main(void)
{
    if (!failing_malloc_works()) {
        puts("test_oom_policies: skipped, another allocator is in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("out of memory, policies");
    TCase *all = add_case(suite, "programs");
    tcase_add_loop_test(
        all, a_program_that_runs_out_of_memory_is_told_so_and_keeps_nothing, 0, PROGRAMS);
    return run_suite(suite);
}
