/* SPDX-License-Identifier: MIT */
/*
 * A bit of everything that the library can do, once in each place, with exact accounting: for environments in which
 * something may be odd (odd.sh), and for valgrind. Prints what it has found there, for those who want to look.
 *
 *   odd_run [ROUNDS]
 *
 * Exit status: 0: all was as it should be; 1: something was not, see stderr.
 */
#include "../unit/tg_test.h"

enum { TASKS = 60 };

/* ---- Task functions -------------------------------------------------------------------------- */

static int task_square(tg_task *self, void *arg, void *result)
{
    size_t *square = result, index = tg_task_index(self);

    (void)arg;
    *square = index * index;
    return 0;
}

static int task_sleeps(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-3);
}

static int task_succeeds_at_third(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 3 ? 9 : 0;
}

static int task_fails_at_7(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_index(self) == 7 ? tg_task_fail(self, 77, "seven") : 0;
}

static int task_parallel(tg_task *self, void *arg, void *result)
{
    atomic_int threads = 0;
    struct blame *blame = arg;

    (void)self, (void)result;
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        expect(blame, omp_get_num_threads() <= 2);
        atomic_fetch_add(&threads, 1);
    }
    expect(blame, atomic_load(&threads) >= 1);
    return 0;
}

/* ---- What is run everywhere ------------------------------------------------------------------- */

static void expect_ok(struct blame *blame, tg_group *group, tg_status status, size_t ok)
{
    tg_report report = report_of(group);

    expect(blame, status == TG_OK);
    expect(blame, report.ok == ok);
    expect(blame, report.threads >= 1);
    expect(blame, report.threads <= report.threads_asked);
    expect_exact_accounting(blame, group);
    tg_group_destroy(group);
}

static void run_plain(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t)));
    const size_t *squares;

    tg_group_add_many(g, task_square, TASKS, NULL, 0, NULL);
    tg_group_add(g, task_square, NULL);
    tg_status status = tg_group_run(g);
    squares = tg_group_results(g);
    for (size_t i = 0; i <= TASKS; i++)
        expect(blame, squares != NULL && squares[i] == i * i);
    expect_ok(blame, g, status, TASKS + 1);
}

static int task_nests(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    run_plain(arg);
    return 0;
}

static void run_simple(struct blame *blame, tg_task_fn *function, const tg_task_options *options)
{
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < 10; i++)
        expect(blame, tg_group_add_with(g, function, blame, options, NULL) == TG_OK);
    tg_status status = tg_group_run(g);
    expect_ok(blame, g, status, 10);
}

static void run_failing(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, task_fails_at_7, TASKS, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, tg_group_error(g)->index == 7 && tg_group_error(g)->code == 77);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

/* The group's own, and a task's. */
static void run_timeouts(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 5e-3));

    tg_group_add_many(g, task_until_told, TASKS, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    g = tg_group_create(NULL);
    tg_group_add_with(g, task_until_told, NULL, TG_TASK(.timeout = 2e-3), NULL);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, report_of(g).timed_out == 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static int add_all(tg_group *group, void *blame)
{
    for (int i = 0; i < TASKS; i++)
        expect((struct blame *)blame,
            tg_group_add(group, i % 10 == 0 ? task_sleeps : task_count, NULL) == TG_OK);
    return 0;
}

static void run_scope(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.queue = 4, .limit = 3));
    tg_status status = tg_group_scope(g, add_all, blame);

    expect_ok(blame, g, status, TASKS);
}

static void run_shared(struct blame *blame)
{
    tg_limit *limit = tg_limit_create(5);
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit));

    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(
            g, task_count, NULL, TG_TASK(.weight = 1 + (size_t)i % 5, .priority = i % 7), NULL);
    tg_status status = tg_group_run(g);
    expect(blame, tg_limit_used(limit) == 0);
    tg_limit_destroy(limit);
    expect_ok(blame, g, status, TASKS);
}

static void on_cancel(void *called)
{
    atomic_store((atomic_int *)called, 1);
}

static void run_contexts(struct blame *blame)
{
    atomic_int called = 0;
    tg_context *above = tg_context_create(TG_CONTEXT(.timeout = 3600));
    tg_context *context = tg_context_create(TG_CONTEXT(.parent = above));
    tg_hook *hook = tg_context_hook(context, on_cancel, &called);
    tg_group *g = tg_group_create(TG_GROUP(.context = context));

    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    expect(blame, tg_context_cancel(above, 3, "enough") == TG_OK);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, report_of(g).skipped == TASKS);
    expect_exact_accounting(blame, g);
    wait_until(atomic_load(&called));
    tg_group_destroy(g);
    tg_hook_remove(hook);
    tg_context_destroy(context);
    tg_context_destroy(above);
}

static void run_all(struct blame *blame)
{
    run_plain(blame);
    run_simple(blame, task_nests, NULL);
    run_simple(blame, task_sleeps, NULL);
    run_simple(blame, task_succeeds_at_third, TG_TASK(.attempts = 3, .backoff = 1e-4));
    run_simple(blame, task_parallel, NULL);
    run_failing(blame);
    run_timeouts(blame);
    run_scope(blame);
    run_shared(blame);
    run_contexts(blame);
}

/* ---- Pools ------------------------------------------------------------------------------------ */

static void run_pool(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(NULL);
    tg_pool_numbers numbers = {.size = sizeof numbers};
    tg_task *task = NULL;

    for (int i = 0; i < TASKS; i++)
        expect(blame, tg_pool_submit(
                          pool, i % 10 == 0 ? task_sleeps : task_count, NULL, NULL, NULL) == TG_OK);
    expect(blame, tg_pool_submit(pool, task_nests, blame, NULL, &task) == TG_OK);
    expect(blame, tg_task_wait(task, TG_FOREVER) == TG_OK);
    tg_task_release(task);
    tg_group *g = tg_group_create(TG_GROUP(.pool = pool));
    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    expect_ok(blame, g, tg_group_run(g), TASKS);
    expect(blame, tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    tg_pool_report(pool, &numbers);
    expect(blame, numbers.submitted == TASKS + 1 && numbers.ok == TASKS + 1);
    tg_pool_destroy(pool);
}

/* ---- Teams that are smaller than asked for ----------------------------------------------------- */

static void run_smaller(struct blame *blame)
{
    int dynamic = omp_get_dynamic();
    tg_group *g = tg_group_create(TG_GROUP(.threads = 16));

    omp_set_dynamic(1);
    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    tg_status status = tg_group_run(g);
    omp_set_dynamic(dynamic);
    expect(blame, report_of(g).threads_asked == 16);
    expect_ok(blame, g, status, TASKS);
}

static void describe(void)
{
    tg_info info = {.size = sizeof info};
    tg_group *g = tg_group_create(NULL);

    tg_info_read(&info);
    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    (void)tg_group_run(g);
    printf("runtime %s compiled_for %s cancellation %d threads %d processors %d levels %d bound %d "
           "asked %d got %d\n",
        info.runtime, info.compiled_for, info.cancellation, info.threads, info.processors,
        info.max_active_levels, info.bound, report_of(g).threads_asked, report_of(g).threads);
    tg_group_destroy(g);
}

int main(int count, char **words)
{
    struct blame blame = {0};
    struct place_call call = {run_all, &blame};
    int rounds = count > 1 ? atoi(words[1]) : 1;

    describe();
    for (int round = 0; round < rounds; round++) {
        for (int place = 0; place < PLACES; place++) {
            run_in_place(place, &call);
            if (atomic_load(&blame.line) != 0) {
                fprintf(stderr, "odd_run: in %s, ", place_name(place));
                break;
            }
        }
        run_pool(&blame);
        run_smaller(&blame);
    }
    if (atomic_load(&blame.line) != 0)
        fprintf(stderr, "odd_run: line %d: not %s\n", atomic_load(&blame.line),
            atomic_load(&blame.what));
    return atomic_load(&blame.line) != 0;
}
