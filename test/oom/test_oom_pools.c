/* SPDX-License-Identifier: MIT */
/*
 * The k-th allocation fails, for pools, handles and groups over pools; and for what else is not in the other files
 * here: streams, guards, take. Nothing hangs, nothing is kept, and every task that was taken is accounted for.
 */
#include "../unit/tg_test.h"

#include "../unit/pools.h"
#include "failing_malloc.h"

#include <signal.h>

enum { TASKS = 6 };

/* A little program, from making to freeing: answers TG_OK, or what it was refused with. */
typedef tg_status oom_fn(struct blame *blame);

static bool forever; /* no memory comes back while the program goes on */

static tg_status no_memory(struct blame *blame)
{
    expect(blame, tg_error_last()->status == TG_NO_MEMORY);
    expect(blame, tg_error_last()->message[0] != '\0');
    return TG_NO_MEMORY;
}

/* ---- Pools --------------------------------------------------------------------------------- */

/* In order; but without memory it would wait for some to run what is left. */
static tg_status end_pool(struct blame *blame, tg_pool *pool, size_t taken, tg_status status)
{
    tg_status closed = tg_pool_close(pool, forever ? 0 : TG_FOREVER, NULL);
    tg_pool_numbers n = numbers_of(pool);

    expect(blame, closed == TG_OK || (forever && closed == TG_TIMED_OUT));
    expect(blame, is_over(&n) && n.submitted == taken);
    tg_pool_destroy(pool);
    return status;
}

static int fail_in_words(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 3, "%0*d", 100, 7);
}

static tg_status submitting(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .shards = 2));
    tg_status status = TG_OK;
    tg_task *tasks[TASKS];
    size_t taken = 0;
    char item[10] = {0};

    if (pool == NULL)
        return no_memory(blame);
    for (int i = 0; i < TASKS; i++) {
        tg_status got =
            tg_pool_submit(pool, i % 2 == 0 ? task_count : fail_in_words, i % 2 == 0 ? NULL : item,
                TG_TASK(.name = "named", .copy = i % 2 == 0 ? 0 : 10, .priority = i), &tasks[i]);
        expect(blame, (tasks[i] != NULL) == (got == TG_OK));
        taken += got == TG_OK;
        if (got != TG_OK)
            status = no_memory(blame);
    }
    for (int i = 0; i < TASKS; i++) {
        tg_status end = forever ? TG_OK : tg_task_wait(tasks[i], TG_FOREVER);
        if (tasks[i] != NULL && !forever) {
            expect(blame, end == (i % 2 == 0 ? TG_OK : TG_FAILED));
            expect(blame, outcome_of_task(tasks[i]).code == (i % 2 == 0 ? 0 : 3));
        }
        tg_task_release(tasks[i]);
    }
    return end_pool(blame, pool, taken, status);
}

static int doze(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-5);
}

/* Tasks that wait for a time, sleep, are taken back; and a pool that is opened again. */
static tg_status waiting(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1, .limit = 2));
    tg_status status = TG_OK;
    size_t taken = 0;

    if (pool == NULL)
        return no_memory(blame);
    for (int round = 0; round < 2; round++) {
        tg_task *far = NULL;
        const tg_task_options *options[] = {TG_TASK(.delay = 1e-5), TG_TASK(.timeout = 1000),
            TG_TASK(.attempts = 2, .backoff = 1e-5), NULL};
        taken = tg_pool_submit(pool, task_count, NULL, TG_TASK(.delay = 1000), &far) == TG_OK;
        for (int i = 0; i < 4; i++)
            taken += tg_pool_submit(pool, doze, NULL, options[i], NULL) == TG_OK;
        if (taken < 5)
            status = no_memory(blame);
        expect(blame, far == NULL || tg_task_cancel(far) == TG_OK);
        tg_task_release(far);
        if (round == 0) {
            tg_pool_close(pool, forever ? 0 : TG_FOREVER, NULL);
            expect(blame, tg_pool_reopen(pool) == TG_OK);
        }
    }
    return end_pool(blame, pool, taken, status);
}

static int make_state(int worker, void **state, void *user)
{
    (void)worker, (void)user;
    *state = malloc(50);
    return *state == NULL;
}

static void free_state(int worker, void *state, void *user)
{
    (void)worker, (void)user;
    free(state);
}

static int use_state(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_local(self) == NULL || tg_task_worker(self) < 0;
}

/* Groups over it: started and waited for, and run; a refused one can be run again. */
static tg_status groups(struct blame *blame)
{
    tg_pool *pool =
        tg_pool_create(TG_POOL(.threads = 2, .worker_init = make_state, .worker_fini = free_state));
    tg_status status = TG_OK;

    if (pool == NULL)
        return no_memory(blame);
    for (int i = 0; i < 2; i++) {
        tg_group *g = tg_group_create(TG_GROUP(.pool = pool, .result_size = 8,
            .flags = TG_GROUP_TIMES, .worker_init = make_state, .worker_fini = free_state));
        tg_status got =
            g == NULL ? TG_NO_MEMORY : tg_group_add_many(g, use_state, TASKS, NULL, 0, NULL);
        if (got == TG_OK && i == 0)
            got = tg_group_start(g) == TG_OK ? tg_group_wait(g, TG_FOREVER) : TG_NO_MEMORY;
        else if (got == TG_OK)
            got = tg_group_run(g);
        if (g != NULL)
            expect_exact_accounting(blame, g);
        status = got == TG_OK ? status : TG_NO_MEMORY;
        tg_group_destroy(g);
    }
    return end_pool(blame, pool, 0, status);
}

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static tg_status guarded_pool(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1, .flags = TG_GROUP_GUARD));
    bool taken;

    if (pool == NULL)
        return no_memory(blame);
    taken = tg_pool_submit(pool, crash, NULL, NULL, NULL) == TG_OK;
    return end_pool(blame, pool, taken, taken ? TG_OK : TG_NO_MEMORY);
}

/* What changes or looks at something that is there needs no memory. */
static tg_status looking(struct blame *blame)
{
    tg_limit *limit = tg_limit_create(1);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1));
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit, .result_size = 8));
    tg_status status = TG_NO_MEMORY;

    if (limit != NULL && pool != NULL && g != NULL) {
        status = TG_OK;
        expect(blame, tg_limit_resize(limit, 5) == TG_OK && tg_limit_used(limit) == 0);
        expect(blame, tg_pool_resize(pool, 3) == TG_OK && numbers_of(pool).threads == 3);
        expect(blame, tg_pool_pause(pool, 1) == TG_OK && tg_pool_pause(pool, 0) == TG_OK);
        expect(blame, tg_context_cancel(tg_group_context(g), 5, "why") == TG_OK);
        expect(blame, tg_context_cause(tg_group_context(g))->code == 5);
        expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED && report_of(g).added == 0);
        expect(blame, tg_group_reset(g) == TG_OK);
        expect(blame, tg_context_check(tg_group_context(g)) == TG_OK);
    }
    tg_group_destroy(g);
    tg_limit_destroy(limit);
    tg_pool_destroy(pool);
    return status;
}

/* ---- Groups -------------------------------------------------------------------------------- */

static tg_status guarded(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));
    tg_status status;

    if (g == NULL)
        return no_memory(blame);
    for (int i = 0; i < TASKS; i++)
        tg_group_add(g, i % 2 == 0 ? crash : task_count, NULL);
    status = tg_group_run(g);
    expect(blame, status == TG_CRASHED || status == TG_NO_MEMORY);
    expect(blame, status != TG_CRASHED || report_of(g).crashed == TASKS / 2);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    return status == TG_CRASHED ? TG_OK : status;
}

static int note_order(tg_group *group, const tg_outcome *outcome, void *user)
{
    size_t *next = user;
    (void)group;
    return outcome->index != (*next)++;
}

static int add_all(tg_group *group, void *user)
{
    (void)user;
    for (int i = 0; i < 50; i++)
        tg_group_add(group, task_count, NULL);
    return 0;
}

static tg_status stream(struct blame *blame)
{
    size_t next = 0;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE | TG_GROUP_IN_ORDER,
        .ahead = 4, .queue = 4, .on_done = note_order, .user = &next, .result_size = 8));
    tg_status status;

    if (g == NULL)
        return no_memory(blame);
    status = tg_group_scope(g, add_all, NULL);
    expect(blame, status == TG_OK || status == TG_NO_MEMORY);
    expect(blame, status != TG_OK || (next == 50 && report_of(g).ok == 50));
    tg_group_destroy(g);
    return status;
}

static tg_status take(struct blame *blame)
{
    tg_call calls[TASKS];
    size_t winners[2];
    tg_status status;

    for (int i = 0; i < TASKS; i++)
        calls[i] = (tg_call){.function = task_count};
    status = tg_take_run(TASKS, calls, 2, winners, NULL);
    expect(blame, status == TG_OK || status == TG_NO_MEMORY);
    expect(blame, (winners[0] != TG_NO_INDEX) == (status == TG_OK));
    return status;
}

static tg_status signals(struct blame *blame)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1));
    if (context == NULL)
        return no_memory(blame);
    tg_context_destroy(context);
    return TG_OK;
}

static const struct {
    const char *name;
    oom_fn *run;
    bool goes_on; /* a failure may cost no more than a text, or time */
} programs[] = {{"submitting", submitting, true}, {"waiting", waiting, true},
    {"groups", groups, true}, {"guarded pool", guarded_pool, true}, {"guarded", guarded, true},
    {"stream", stream, false}, {"looking", looking, true}, {"take", take, true},
    {"signals", signals, false}};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(a_program_that_runs_out_of_memory_ends_and_keeps_nothing)
{
    const char *name = programs[_i / 2].name;
    struct blame blame = {0};
    size_t before = 0;
    long k, hit;

    ck_assert(failing_malloc_works());
    for (int i = 0; i < 3; i++) { /* what the runtime and the waiter need stays */
        ck_assert_int_eq(programs[_i / 2].run(&blame), TG_OK);
        before = failing_malloc_outstanding();
    }
    forever = _i % 2;
    for (k = 1, hit = 1; hit; k++) {
        tg_status status;
        failing_malloc_arm(k, forever);
        status = programs[_i / 2].run(&blame);
        hit = failing_malloc_disarm();
        assert_blameless(&blame, name);
        ck_assert_msg(status == (hit ? TG_NO_MEMORY : TG_OK) ||
                          (hit && status == TG_OK && programs[_i / 2].goes_on),
            "%s, allocation %ld: %s (%s)", name, k, tg_status_name(status),
            tg_error_last()->message);
        ck_assert_msg(failing_malloc_outstanding() == before, "%s, allocation %ld: %zu bytes left",
            name, k, failing_malloc_outstanding() - before);
    }
    ck_assert_msg(k > 2, "no allocation has failed");
}
END_TEST

int main(void)
{
    if (!failing_malloc_works()) {
        puts("test_oom_pools: skipped, another allocator is in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("out of memory, pools");
    TCase *all = add_case(suite, "programs");
    tcase_set_timeout(all, 2 * TEST_TIMEOUT);
    tcase_add_loop_test(
        all, a_program_that_runs_out_of_memory_ends_and_keeps_nothing, 0, 2 * PROGRAMS);
    return run_suite(suite);
}
