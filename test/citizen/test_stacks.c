/* SPDX-License-Identifier: MIT */
/*
 * A task of a pool has the stack that OpenMP's own threads have, on the pool's host thread, too. Run with each
 * variable that sets it; TEST_STACK says how many bytes that is.
 */
#include "../unit/tg_test.h"

static size_t own_stack(void)
{
    pthread_attr_t attributes;
    void *lowest;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    return size;
}

/* Of a thread that OpenMP has made. */
static size_t openmp_stack(void)
{
    size_t size = 0;

#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 1)
        size = own_stack();
    return size;
}

enum { THREADS = 2, FRAME = 16 << 20, ROUNDING = 64 << 10 };

struct meeting {
    size_t wanted;
    atomic_int there, smaller;
};

/* On each of the threads. */
static int task_looks(tg_task *self, void *arg, void *result)
{
    struct meeting *meeting = arg;

    (void)self, (void)result;
    if (own_stack() + ROUNDING < meeting->wanted)
        atomic_fetch_add(&meeting->smaller, 1);
    atomic_fetch_add(&meeting->there, 1);
    wait_until(atomic_load(&meeting->there) >= THREADS);
    return 0;
}

static int task_digs(tg_task *self, void *arg, void *result)
{
    volatile char frame[FRAME];

    (void)self, (void)result;
    for (size_t i = 0; i < FRAME; i += 4096)
        frame[i] = 1;
    atomic_fetch_add((atomic_int *)arg, 1);
    wait_until(atomic_load((atomic_int *)arg) >= THREADS);
    return frame[0] != 1;
}

static tg_status run_over(tg_pool *pool, tg_task_fn *function, void *arg)
{
    tg_group *g = tg_group_create(TG_GROUP(.pool = pool));
    tg_status status;

    tg_group_add_many(g, function, THREADS, arg, 0, NULL);
    status = tg_group_run(g);
    tg_group_destroy(g);
    return status;
}

START_TEST(each_thread_of_a_pool_has_the_stack_of_an_openmp_thread)
{
    const char *stack = getenv("TEST_STACK");
    struct meeting meeting = {.wanted = openmp_stack()};
    atomic_int digs = 0;
    int smaller;
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = THREADS));

    if (stack != NULL)
        ck_assert_uint_ge(meeting.wanted, strtoul(stack, NULL, 10));
    assert_status(run_over(pool, task_looks, &meeting), TG_OK);
    smaller = atomic_load(&meeting.smaller);
    ck_assert_int_eq(smaller, 0);
    if (meeting.wanted >= 2 * FRAME)
        assert_status(run_over(pool, task_digs, &digs), TG_OK);
    tg_pool_destroy(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stacks");
    TCase *stacks = add_case(suite, "stacks");

    tcase_add_test(stacks, each_thread_of_a_pool_has_the_stack_of_an_openmp_thread);
    return run_suite(suite);
}
