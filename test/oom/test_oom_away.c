/* SPDX-License-Identifier: MIT */
/*
 * The k-th allocation fails, for tasks that are away from their thread or wait for a time, and for workers:
 * nothing hangs, nothing is kept, and every task is accounted for.
 */
#include "../unit/tg_test.h"
#include "failing_malloc.h"

enum { TASKS = 20 };

/* A little program, from making to freeing: answers what its last important call did. */
typedef tg_status program(void);

static int succeed(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg;
    if (result != NULL)
        *(int *)result = 1;
    return 0;
}

/* The report adds up, whatever was lost. */
static tg_status run_and_destroy(tg_group *g)
{
    tg_status status = tg_group_run(g);
    tg_report r = report_of(g);
    if (g != NULL && r.ok + r.failed + r.timed_out + r.crashed + r.cancelled + r.skipped +
                             r.dropped + r.not_run !=
                         r.added)
        status = TG_BUSY;
    if (g != NULL && status != TG_NO_MEMORY && r.pending > 0)
        status = TG_BUSY;
    if (status == TG_FAILED && tg_group_error(g)->code == (int)TG_NO_MEMORY)
        status = TG_NO_MEMORY; /* tg_task_defer() has said so */
    if (status == TG_FAILED)   /* of a task that there was no memory for */
        status =
            strstr(tg_group_error(g)->message, "out of memory") != NULL ? TG_NO_MEMORY : status;
    tg_group_destroy(g);
    return status;
}

/* ---- deferred ---- */

struct errand {
    atomic_size_t left; /* the index + 1 */
};

/* It may have ended: without memory it is not deferred, and fails. */
static int complete_it(tg_task *self, void *arg, void *result)
{
    struct errand *errand = arg;
    size_t index = atomic_load(&errand->left) - 1;
    tg_status status = tg_group_complete(tg_task_group(self), index, 0, NULL);

    (void)result;
    return status != TG_OK && status != TG_DONE;
}

/* It is completed by another task or, if that could not be added, at once. */
static int defer(tg_task *self, void *arg, void *result)
{
    struct errand *errand = arg;
    tg_group *g = tg_task_group(self);

    (void)result;
    atomic_store(&errand->left, tg_task_index(self) + 1);
    if (tg_group_add(g, complete_it, errand) != TG_OK)
        tg_group_complete(g, tg_task_index(self), 0, NULL);
    return tg_task_defer(self);
}

/* Who was to complete something has failed for memory itself. */
static int rescue(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct errand *errand = outcome->arg;
    size_t left = atomic_load(&errand->left);

    (void)user;
    if (outcome->status != TG_OK && left > 0)
        tg_group_complete(group, left - 1, 0, NULL);
    return 0;
}

static tg_status run_deferred(const tg_group_options *options, const tg_task_options *task)
{
    struct errand errands[TASKS] = {0};
    tg_group *g = tg_group_create(options);
    if (g == NULL)
        return tg_error_last()->status;
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(g, defer, &errands[i], task, NULL);
    return run_and_destroy(g);
}

static tg_status deferred(void)
{
    return run_deferred(TG_GROUP(.flags = TG_GROUP_KEEP_GOING, .result_size = sizeof(int)), NULL);
}

static tg_status deferred_timed(void)
{
    return run_deferred(TG_GROUP(.flags = TG_GROUP_TIMES | TG_GROUP_KEEP_GOING),
        TG_TASK(.timeout = 1000, .attempts = 2));
}

static tg_status deferred_weighed(void)
{
    tg_limit *limit = tg_limit_create(2 * TASKS);
    if (limit == NULL)
        return tg_error_last()->status;
    tg_status status = run_deferred(
        TG_GROUP(.shared = limit, .flags = TG_GROUP_KEEP_GOING, .on_done = rescue), NULL);
    if (tg_limit_used(limit) != 0)
        status = TG_BUSY;
    tg_limit_destroy(limit);
    return status;
}

/* Its text may be lost, never the failure. */
static int fail_early(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    tg_group_complete(tg_task_group(self), tg_task_index(self), 5, "not there");
    return tg_task_defer(self);
}

static tg_status early(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    if (g == NULL)
        return tg_error_last()->status;
    tg_group_add_many(g, fail_early, TASKS, NULL, 0, NULL);
    tg_status status = tg_group_run(g);
    if (status == TG_FAILED && report_of(g).failed == TASKS && tg_group_error(g)->code == 5)
        status = TG_OK;
    tg_group_destroy(g);
    return status;
}

/* ---- asleep ---- */

static int doze(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-5);
}

static tg_status run_asleep(const tg_group_options *options, const tg_task_options *task)
{
    tg_group *g = tg_group_create(options);
    if (g == NULL)
        return tg_error_last()->status;
    tg_group_add_many(g, doze, TASKS, NULL, 0, task);
    return run_and_destroy(g);
}

static tg_status asleep(void)
{
    return run_asleep(NULL, NULL);
}

static tg_status asleep_timed(void)
{
    return run_asleep(TG_GROUP(.limit = 4), TG_TASK(.timeout = 1000, .name = "dozes"));
}

static int add_dozing(tg_group *group, void *user)
{
    (void)user;
    for (int i = 0; i < TASKS; i++)
        tg_group_add(group, doze, NULL);
    return 0;
}

static tg_status asleep_recycled(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 3));
    if (g == NULL)
        return tg_error_last()->status;
    tg_status status = tg_group_scope(g, add_dozing, NULL);
    tg_group_destroy(g);
    return status;
}

/* ---- scheduled ---- */

static int beat(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_attempt(self) == 2)
        tg_task_stop(self);
    return 0;
}

static tg_status scheduled(void)
{
    tg_group *g = tg_group_create(NULL);
    if (g == NULL)
        return tg_error_last()->status;
    size_t far;
    tg_group_add_with(g, succeed, NULL, TG_TASK(.delay = 1000), &far);
    tg_group_add_many(g, succeed, TASKS, NULL, 0, TG_TASK(.delay = 1e-5));
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(g, beat, NULL, TG_TASK(.start = 1, .period = 1e-5), NULL);
    tg_group_add_with(
        g, beat, NULL, TG_TASK(.delay = 1000, .period = 1, .flags = TG_TASK_BACKGROUND), NULL);
    if (far != TG_NO_INDEX && tg_group_cancel_task(g, far) != TG_OK)
        return TG_BUSY;
    return run_and_destroy(g);
}

/* ---- workers ---- */

static int make(int worker, void **state, void *user)
{
    (void)worker, (void)user;
    *state = malloc(100);
    return *state != NULL ? 0 : 12;
}

static void unmake(int worker, void *state, void *user)
{
    (void)worker, (void)user;
    free(state);
}

static int use_state(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_local(self) == NULL)
        return tg_task_fail(self, 12, "out of memory for a worker");
    return 0;
}

static tg_status workers(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.worker_init = make, .worker_fini = unmake));
    if (g == NULL)
        return tg_error_last()->status;
    tg_group_add_many(g, use_state, TASKS, NULL, 0, NULL);
    return run_and_destroy(g);
}

static const struct {
    const char *name;
    program *run;
    bool
        goes_on; /* a failure may cost no more than a text, or time: the thread stays with the task */
} programs[] = {{"deferred", deferred, true}, {"deferred, timed", deferred_timed, true},
    {"deferred, weighed", deferred_weighed, true}, {"early", early, true}, {"asleep", asleep, true},
    {"asleep, timed", asleep_timed, true}, {"asleep, recycled", asleep_recycled, true},
    {"scheduled", scheduled, false}, {"workers", workers, true}};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(a_program_that_runs_out_of_memory_ends_and_keeps_nothing)
{
    size_t before = 0;
    long k, hit;

    ck_assert(failing_malloc_works());
    for (int i = 0; i < 3; i++) { /* what the runtime and the waiter need stays */
        ck_assert_int_eq(programs[_i].run(), TG_OK);
        before = failing_malloc_outstanding();
    }
    for (k = 1, hit = 1; hit; k++) {
        tg_status status;
        failing_malloc_arm(k, false);
        status = programs[_i].run();
        hit = failing_malloc_disarm();
        ck_assert_msg(status == (hit ? TG_NO_MEMORY : TG_OK) ||
                          (hit && status == TG_OK && programs[_i].goes_on),
            "%s, allocation %ld: %s (%s)", programs[_i].name, k, tg_status_name(status),
            tg_error_last()->message);
        ck_assert_msg(failing_malloc_outstanding() == before, "%s, allocation %ld: %zu bytes left",
            programs[_i].name, k, failing_malloc_outstanding() - before);
    }
    ck_assert_msg(k > 2, "no allocation has failed");
}
END_TEST

int main(void)
{
    if (!failing_malloc_works()) {
        puts("test_oom_away: skipped, another allocator is in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("out of memory, away");
    TCase *all = add_case(suite, "programs");
    tcase_add_loop_test(all, a_program_that_runs_out_of_memory_ends_and_keeps_nothing, 0, PROGRAMS);
    return run_suite(suite);
}
