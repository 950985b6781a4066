/* SPDX-License-Identifier: MIT */
/* pool.h: who may submit, and what. */
#include "tg_test.h"
#include "pools.h"

/* ---- From where ---------------------------------------------------------------------------- */

static void submit_here(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    atomic_int runs = 0;
    tg_pool_numbers n;

    expect(blame, p != NULL);
    for (int i = 0; i < 100; i++)
        submit(blame, p, task_count, &runs);
    n = finish(blame, p);
    expect(blame, atomic_load(&runs) == 100);
    expect(blame, n.submitted == 100 && n.ok == 100);
}

START_TEST(what_is_submitted_runs_once_from_wherever_it_comes)
{
    at_place(_i, submit_here);
}
END_TEST

static void submit_with_defaults(struct blame *blame)
{
    tg_pool *p = tg_pool_create(NULL);
    atomic_int runs = 0;
    int threads = omp_get_max_threads();

    expect(blame, omp_in_parallel() || numbers_of(p).threads == threads);
    for (int i = 0; i < 100; i++)
        submit(blame, p, task_count, &runs);
    finish(blame, p);
    expect(blame, atomic_load(&runs) == 100);
}

START_TEST(a_pool_has_as_many_threads_as_a_group_would_get)
{
    at_place(PLACE_SERIAL, submit_with_defaults);
    at_place(PLACE_IN_TASK, submit_with_defaults);
}
END_TEST

/* One pool, to which all at once submit. */
struct shared {
    struct blame *blame;
    tg_pool *pool;
    atomic_int runs;
};

enum { EACH = 50, PTHREADS = 3 };

static void submit_each(struct shared *shared)
{
    for (int i = 0; i < EACH; i++)
        submit(shared->blame, shared->pool, task_count, &shared->runs);
}

static void *submit_in_thread(void *arg)
{
    submit_each(arg);
    return NULL;
}

static int submit_in_task(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    submit_each(arg);
    return 0;
}

static int submit_from_everywhere(struct shared *shared)
{
    pthread_t threads[PTHREADS];
    tg_group *g = tg_group_create(NULL);
    int submitters = PTHREADS + 20 + 5;

    for (int i = 0; i < PTHREADS; i++)
        pthread_create(&threads[i], NULL, submit_in_thread, shared);
#pragma omp parallel reduction(+ : submitters)
    {
        submit_each(shared);
        submitters++;
    }
    tg_group_add_many(g, submit_in_task, 20, shared, 0, NULL);
    for (int i = 0; i < 5; i++)
        submit(shared->blame, shared->pool, submit_in_task, shared);
    expect(shared->blame, tg_group_run(g) == TG_OK);
    for (int i = 0; i < PTHREADS; i++)
        pthread_join(threads[i], NULL);
    tg_group_destroy(g);
    return submitters * EACH;
}

START_TEST(threads_regions_groups_and_the_pool_itself_submit_to_one_pool)
{
    struct blame blame = {0};

    for (int threads = 1; threads <= 4; threads++) {
        struct shared shared = {.blame = &blame};
        tg_pool_numbers n;
        int count;
        shared.pool = tg_pool_create(TG_POOL(.threads = threads));
        count = submit_from_everywhere(&shared);
        /* The last of the pool's own submitters may only just have begun. */
        wait_until(numbers_of(shared.pool).ok == (size_t)count + 5);
        n = finish(&blame, shared.pool);
        assert_blameless(&blame, "main");
        ck_assert_int_eq(atomic_load(&shared.runs), count);
        ck_assert_uint_eq(n.submitted, (size_t)count + 5);
    }
}
END_TEST

/* A thread that has submitted and is gone leaves nothing of the pool on it. */
START_TEST(a_thread_may_submit_the_first_task_and_end)
{
    struct blame blame = {0};
    struct shared shared = {.blame = &blame, .pool = tg_pool_create(TG_POOL(.threads = 2))};

    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, submit_in_thread, &shared);
        pthread_join(thread, NULL);
    }
    finish(&blame, shared.pool);
    assert_blameless(&blame, "main");
    ck_assert_int_eq(atomic_load(&shared.runs), 20 * EACH);
}
END_TEST

/* ---- From the pool's own tasks ------------------------------------------------------------- */

struct tree {
    struct blame *blame;
    tg_pool *pool;
    atomic_int nodes, chain;
};

static int grow(tg_task *self, void *arg, void *result)
{
    struct tree *tree = arg;

    (void)self, (void)result;
    if (atomic_fetch_add(&tree->nodes, 1) < 500)
        for (int i = 0; i < 2; i++)
            submit(tree->blame, tree->pool, grow, tree);
    return 0;
}

static int next_link(tg_task *self, void *arg, void *result)
{
    struct tree *tree = arg;

    (void)self, (void)result;
    if (atomic_fetch_add(&tree->chain, 1) < 2000)
        submit(tree->blame, tree->pool, next_link, tree);
    return 0;
}

/* Nobody else makes room: who waited for it would wait for ever. */
static void submit_own(struct blame *blame)
{
    static const long queues[] = {0, 1, TG_QUEUE_NONE};

    for (int i = 0; i < 6; i++) {
        struct tree tree = {.blame = blame};
        tree.pool = tg_pool_create(
            TG_POOL(.threads = 1 + i % 2, .queue = queues[i / 2], .limit = i % 2 ? 1 : 0));
        submit(blame, tree.pool, grow, &tree);
        submit(blame, tree.pool, next_link, &tree);
        wait_until(atomic_load(&tree.nodes) == 1001 && atomic_load(&tree.chain) == 2001);
        expect(blame, finish(blame, tree.pool).ok == 1001 + 2001);
    }
}

START_TEST(the_pools_own_tasks_submit_trees_and_chains_and_never_wait_for_room)
{
    at_place(_i, submit_own);
}
END_TEST

/* ---- Without sense ------------------------------------------------------------------------- */

static void expect_not_created(struct blame *blame, const tg_pool_options *options, tg_status why)
{
    tg_pool *p = tg_pool_create(options);

    expect(blame, p == NULL);
    expect(blame, tg_error_last()->status == why);
    tg_pool_destroy(p);
}

START_TEST(a_pool_without_sense_is_refused)
{
    struct blame blame = {0};

    expect_not_created(&blame, TG_POOL(.threads = -1), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.limit = -1), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.queue = -2), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.waiters = -1), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.shards = -1), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.shards = 1025), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.balance = -1), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.balance = 2), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.idle = -0.5), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.idle = NAN), TG_INVALID);
    expect_not_created(&blame, TG_POOL(.flags = TG_GROUP_KEEP_GOING), TG_UNSUPPORTED);
    expect_not_created(&blame, TG_POOL(.flags = 1u << 30), TG_UNSUPPORTED);
    assert_blameless(&blame, "main");
}
END_TEST

START_TEST(a_task_without_sense_is_not_taken)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    tg_task *handle = (tg_task *)p;

    assert_status(tg_pool_submit(NULL, task_count, NULL, NULL, &handle), TG_INVALID);
    ck_assert_ptr_null(handle);
    handle = (tg_task *)p;
    assert_status(tg_pool_submit(p, NULL, NULL, NULL, &handle), TG_INVALID);
    ck_assert_ptr_null(handle);
    assert_status(tg_pool_submit(p, task_count, NULL, TG_TASK(.priority = 1001), NULL), TG_INVALID);
    assert_status(tg_pool_submit(p, task_count, NULL, TG_TASK(.timeout = -1), NULL), TG_INVALID);
    assert_status(tg_pool_submit(p, task_count, NULL, TG_TASK(.patience = NAN), NULL), TG_INVALID);
    assert_status(tg_pool_submit(p, task_count, NULL, TG_TASK(.attempts = -2), NULL), TG_INVALID);
    assert_status(tg_pool_submit(p, task_count, NULL, TG_TASK(.when_full = 9), NULL), TG_INVALID);
    assert_status(
        tg_pool_submit(p, task_count, NULL, TG_TASK(.start = 1, .delay = 1), NULL), TG_INVALID);
    assert_status(
        tg_pool_submit(p, task_count, NULL, TG_TASK(.flags = 0x80), NULL), TG_UNSUPPORTED);
    ck_assert_uint_eq(numbers_of(p).submitted, 0);
    assert_status(tg_pool_close(p, TG_FOREVER, NULL), TG_OK);
    ck_assert_uint_eq(numbers_of(p).submitted, 0);
    tg_pool_destroy(p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_submit");
    TCase *from = add_case(suite, "from where");
    TCase *sense = add_case(suite, "without sense");

    tcase_add_loop_test(from, what_is_submitted_runs_once_from_wherever_it_comes, 0, PLACES);
    tcase_add_test(from, a_pool_has_as_many_threads_as_a_group_would_get);
    tcase_add_test(from, threads_regions_groups_and_the_pool_itself_submit_to_one_pool);
    tcase_add_test(from, a_thread_may_submit_the_first_task_and_end);
    tcase_add_loop_test(
        from, the_pools_own_tasks_submit_trees_and_chains_and_never_wait_for_room, 0, 2);
    tcase_add_test(sense, a_pool_without_sense_is_refused);
    tcase_add_test(sense, a_task_without_sense_is_not_taken);
    return run_suite(suite);
}
