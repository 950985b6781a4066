/* SPDX-License-Identifier: MIT */
/* The k-th system call fails, for pools and groups over them. A pool always ends, also without any thread. */
#include "trial.h"

#include "../oom/failing_malloc.h"
#include "../unit/pools.h"
#include "failing_system.h"

#include <signal.h>

enum { TASKS = 3 };

static tg_status why(struct blame *blame)
{
    expect(blame, tg_error_last()->status == TG_NO_SYSTEM);
    expect(blame, tg_error_last()->message[0] != '\0');
    return tg_error_last()->status;
}

/* Submits; a refused task was not taken, and is submitted once more. Has it been taken? */
static bool submit_stubbornly(
    struct blame *blame, tg_pool *pool, tg_task_fn *function, void *arg, tg_status *status)
{
    for (int i = 0; i < 2; i++) {
        size_t before = numbers_of(pool).submitted;
        tg_task *task = NULL, **handle = before == 0 ? &task : NULL;
        tg_status got = tg_pool_submit(pool, function, arg, TG_TASK(.name = "task"), handle);

        expect(blame, (task != NULL) == (got == TG_OK && handle != NULL));
        expect(blame, numbers_of(pool).submitted == before + (got == TG_OK));
        tg_task_release(task);
        if (got == TG_OK)
            return true;
        expect(blame, i == 0 || trial_forever);
        *status = why(blame);
    }
    return false;
}

/* Closed at once, where threads are missing for ever and nobody would run what is left; else in order. */
static void end_pool(struct blame *blame, tg_pool *pool)
{
    size_t abandoned = 0;
    tg_status status = tg_pool_close(pool, trial_forever ? 0 : TG_FOREVER, &abandoned);
    tg_pool_numbers n = numbers_of(pool);

    expect(blame, status == TG_OK || (trial_forever && status == TG_TIMED_OUT));
    expect(blame, n.abandoned == abandoned && is_over(&n));
}

static tg_status submitting(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    atomic_int runs = 0;
    int taken = 0;
    tg_status status = TG_OK;

    if (pool == NULL)
        return why(blame);
    for (int i = 0; i < TASKS; i++)
        taken += submit_stubbornly(blame, pool, task_count, &runs, &status);
    expect(blame, taken == TASKS || trial_forever);
    end_pool(blame, pool);
    expect(blame, (size_t)runs == numbers_of(pool).ok);
    expect(blame, (size_t)taken == numbers_of(pool).ok + numbers_of(pool).abandoned);
    tg_pool_destroy(pool);
    return status;
}

/* Nothing was ever done with it: then its end needs no thread either. */
static tg_status unused(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .shards = 2)), *other;

    if (pool == NULL)
        return why(blame);
    other = tg_pool_create(NULL);
    expect(blame, tg_pool_resize(pool, 3) == TG_OK);
    expect(blame, tg_pool_pause(pool, 1) == TG_OK);
    expect(blame, tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    expect(blame, tg_pool_reopen(pool) == TG_OK);
    tg_pool_destroy(pool);
    tg_pool_destroy(other);
    return TG_OK;
}

static tg_status reopening(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .shards = 2, .idle = 1e-4));
    atomic_int runs = 0;
    tg_status status = TG_OK;

    if (pool == NULL)
        return why(blame);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TASKS; i++)
            submit_stubbornly(blame, pool, task_count, &runs, &status);
        expect(blame, tg_pool_resize(pool, 1 + round) == TG_OK);
        end_pool(blame, pool);
        expect(blame, tg_pool_reopen(pool) == TG_OK);
    }
    tg_pool_destroy(pool);
    return status;
}

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

/* A pool is guarded, or is not there. */
static tg_status guarding(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1, .flags = TG_GROUP_GUARD));
    tg_status status = TG_OK;

    if (pool == NULL)
        return why(blame);
    if (submit_stubbornly(blame, pool, crash, NULL, &status)) {
        end_pool(blame, pool);
        expect(blame, numbers_of(pool).failed + numbers_of(pool).abandoned == 1);
    }
    tg_pool_destroy(pool);
    return status;
}

static tg_status groups(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .idle = 1e-4));
    tg_status status = TG_OK, got = TG_OK;
    atomic_int runs = 0;

    if (pool == NULL)
        return why(blame);
    for (int i = 0; i < 2; i++) { /* waited for, then run; refused ones once more */
        tg_group *g = tg_group_create(TG_GROUP(.pool = pool, .result_size = 8));
        tg_group_add_many(g, task_count, TASKS, &runs, 0, NULL);
        for (int again = 0; again < 2; again++) {
            got = i % 2 == 0 ? tg_group_start(g) : tg_group_run(g);
            if (i % 2 == 0 && got == TG_OK)
                got = tg_group_wait(g, TG_FOREVER);
            if (got == TG_OK)
                break;
            expect(blame, again == 0 || trial_forever);
            expect(blame, report_of(g).ok == 0);
            status = why(blame);
        }
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        nap_for(3e-4); /* that it goes idle now and then: the next one needs its thread again */
    }
    tg_pool_destroy(pool);
    return status;
}

/* Its tasks wait without a thread, and its context stops it. */
static tg_status stopping(struct blame *blame)
{
    tg_context *context = tg_context_create(NULL);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .context = context));
    tg_pool_numbers n;
    atomic_int runs = 0;
    tg_status status = TG_OK;

    if (pool == NULL) {
        tg_context_destroy(context);
        return why(blame);
    }
    for (int i = 0; i < TASKS; i++) {
        tg_status got = tg_pool_submit(pool, task_count, &runs, TG_TASK(.delay = 1000), NULL);
        expect(blame, got == TG_OK || got == TG_NO_SYSTEM);
        if (got != TG_OK)
            status = got;
    }
    tg_context_cancel(context, 7, "enough");
    tg_pool_close(pool, TG_FOREVER, NULL);
    n = numbers_of(pool);
    expect(blame, is_over(&n) && n.ok == 0 && atomic_load(&runs) == 0);
    tg_pool_destroy(pool);
    tg_context_destroy(context);
    return status;
}

static int destroy_it(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    tg_pool_destroy(arg);
    return 0;
}

/* The last that is heard of it is that its memory and its threads are given back. */
static tg_status from_inside(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(NULL); /* so that there is a waiter */
    tg_status status = TG_OK;
    size_t before;

    if (pool == NULL)
        return why(blame);
    tg_pool_destroy(pool);
    before = failing_malloc_outstanding();
    pool = tg_pool_create(TG_POOL(.threads = 1, .shards = 2));
    expect(blame, pool != NULL);
    if (!trial_forever && tg_pool_submit(pool, destroy_it, pool, NULL, NULL) != TG_OK) {
        status = why(blame);
        expect(blame, tg_pool_submit(pool, destroy_it, pool, NULL, NULL) == TG_OK);
    }
    if (trial_forever) /* else nobody might come to do it */
        tg_pool_destroy(pool);
    wait_until(failing_malloc_outstanding() <= before && failing_system_threads() <= 1);
    return status;
}

static const struct program programs[] = {{"submitting", submitting, SOMETIMES},
    {"unused", unused, SOMETIMES}, {"reopening", reopening, SOMETIMES},
    {"guarding", guarding, SOMETIMES}, {"groups", groups, SOMETIMES},
    {"stopping", stopping, SOMETIMES}, {"from inside", from_inside, SOMETIMES}};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(a_pool_is_refused_what_the_system_has_not_or_waits_for_it_and_always_ends)
{
    try_program(&programs[_i / 2], _i % 2);
}
END_TEST

int main(void)
{
    if (!failing_system_works()) {
        puts("test_faults_pools: skipped, a sanitizer's own definitions are in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("faults of pools");
    TCase *all = add_case(suite, "programs");
    tcase_set_timeout(all, 5 * TEST_TIMEOUT);
    tcase_add_loop_test(all,
        a_pool_is_refused_what_the_system_has_not_or_waits_for_it_and_always_ends, 0, 2 * PROGRAMS);
    return run_suite(suite);
}
