/* SPDX-License-Identifier: MIT */
/* pool.h, tg_task_wait_any(): one of several submitted tasks has ended. */
#include "tg_test.h"

#include "pools.h"

enum { MANY = 40 }; /* more than are waited for without memory */

static tg_status wait_for(struct blame *blame, tg_task *const *tasks, size_t count, size_t *which)
{
    tg_status status = tg_task_wait_any(tasks, count, TG_FOREVER, which);
    expect(blame, *which < count && tasks[*which] != NULL);
    return status;
}

/* ---- As they end ---- */

/* Tasks of two pools: those with an odd number fail. */
static void collect(struct blame *blame)
{
    static const size_t sizes[] = {1, 2, 16, 17, MANY};
    tg_pool *pools[2] = {
        tg_pool_create(TG_POOL(.threads = 2)), tg_pool_create(TG_POOL(.threads = 1))};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        tg_task *tasks[MANY] = {NULL};
        atomic_int ran = 0;
        size_t count = sizes[s], which;
        for (size_t i = 0; i < count; i++)
            submit_with(blame, pools[i % 3 == 0], i % 2 ? task_fail_7 : task_count, &ran,
                TG_TASK(.delay = (double)(count - i) * 1e-5), &tasks[i]);
        for (size_t left = count; left > 0; left--) {
            tg_status status = wait_for(blame, tasks, count, &which);
            expect(blame, status == (which % 2 ? TG_FAILED : TG_OK));
            expect(blame, tg_task_wait(tasks[which], 0) == status);
            tg_task_release(tasks[which]);
            tasks[which] = NULL;
        }
        expect(blame, atomic_load(&ran) == (int)count);
    }
    finish(blame, pools[0]);
    finish(blame, pools[1]);
}

START_TEST(each_of_many_is_told_once_as_it_ends)
{
    at_place(_i, collect);
}
END_TEST

static void wait_alone(struct blame *blame)
{
    struct gate gate = GATE;
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    tg_task *tasks[3] = {NULL, NULL, NULL};
    size_t which = 7;

    submit_with(blame, p, stand, &gate, NULL, &tasks[0]);
    submit_with(blame, p, stand, &gate, NULL, &tasks[2]);
    gate_await(&gate, 2);
    double start = tg_time_now();
    expect(blame, tg_task_wait_any(tasks, 3, 0, &which) == TG_RUNNING && which == TG_NO_INDEX);
    expect(blame, tg_task_wait_any(tasks, 3, 0.003, &which) == TG_RUNNING && which == TG_NO_INDEX);
    expect(blame, tg_time_now() >= start + 0.003);
    gate_open(&gate);
    expect(blame, wait_for(blame, tasks, 3, &which) == TG_OK);
    expect(blame, end_of(tasks[0]) == TG_OK && end_of(tasks[2]) == TG_OK);
    finish(blame, p);
}

START_TEST(it_waits_shortly_for_long_or_not_at_all)
{
    at_place(_i, wait_alone);
}
END_TEST

/* ---- Several that wait ---- */

struct waiter {
    struct blame *blame;
    tg_task **tasks;
    size_t which;
    tg_status status;
    pthread_t thread;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *waiter = arg;
    waiter->status = wait_for(waiter->blame, waiter->tasks, 2, &waiter->which);
    return NULL;
}

/* Of three tasks each thread waits for two, and a last one for the one that they share. */
static void wait_together(struct blame *blame)
{
    for (int round = 0; round < 20; round++) {
        struct gate gate = GATE;
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
        tg_task *tasks[3];
        struct waiter waiters[2];
        for (int i = 0; i < 3; i++)
            submit_with(blame, p, stand, &gate, NULL, &tasks[i]);
        for (int i = 0; i < 2; i++) {
            waiters[i] = (struct waiter){.blame = blame, .tasks = &tasks[i]};
            expect(
                blame, pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]) == 0);
        }
        gate_open(&gate);
        expect(blame, tg_task_wait(tasks[1], TG_FOREVER) == TG_OK);
        for (int i = 0; i < 2; i++) {
            pthread_join(waiters[i].thread, NULL);
            expect(blame, waiters[i].status == TG_OK);
        }
        for (int i = 0; i < 3; i++)
            expect(blame, end_of(tasks[i]) == TG_OK);
        finish(blame, p);
    }
}

START_TEST(several_threads_wait_for_some_of_the_same_tasks)
{
    at_place(_i, wait_together);
}
END_TEST

/* ---- Inside, and without sense ---- */

struct inside {
    tg_task *tasks[2]; /* of another pool, of this one */
    tg_status both, other, look;
    size_t which;
};

static int wait_inside(tg_task *self, void *arg, void *result)
{
    struct inside *inside = arg;
    (void)self, (void)result;
    inside->look = tg_task_wait_any(&inside->tasks[1], 1, 0, &inside->which);
    inside->both = tg_task_wait_any(&inside->tasks[1], 1, TG_FOREVER, &inside->which);
    inside->other = tg_task_wait_any(inside->tasks, 1, TG_FOREVER, &inside->which);
    return 0;
}

static void refuse_inside(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1)), *q = tg_pool_create(TG_POOL(.threads = 1));
    struct inside inside = {.which = 7};
    tg_task *task;

    tg_pool_pause(p, 1);
    submit_with(blame, p, wait_inside, &inside, NULL, &task);
    submit_with(blame, p, task_count, NULL, NULL, &inside.tasks[1]);
    submit_with(blame, q, task_count, NULL, NULL, &inside.tasks[0]);
    tg_pool_pause(p, 0);
    expect(blame, end_of(task) == TG_OK);
    expect(blame, inside.look == TG_RUNNING && inside.both == TG_BUSY);
    expect(blame, inside.other == TG_OK && inside.which == 0);
    expect(blame, end_of(inside.tasks[0]) == TG_OK && end_of(inside.tasks[1]) == TG_OK);
    finish(blame, p);
    finish(blame, q);
}

START_TEST(in_a_task_of_one_of_their_pools_it_does_not_wait)
{
    at_place(_i, refuse_inside);
}
END_TEST

START_TEST(calls_without_sense_are_refused)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    tg_task *tasks[2] = {NULL, NULL};
    size_t which = 7;

    ck_assert_int_eq(tg_task_wait_any(NULL, 1, 0, &which), TG_INVALID);
    ck_assert_uint_eq(which, TG_NO_INDEX);
    ck_assert_int_eq(tg_task_wait_any(tasks, 2, 0, NULL), TG_INVALID);
    ck_assert_int_eq(tg_task_wait_any(tasks, 2, 0, &which), TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "2 tasks, all NULL"));
    ck_assert_int_eq(tg_task_wait_any(tasks, 0, 0, &which), TG_INVALID);
    ck_assert_int_eq(tg_pool_submit(p, task_count, NULL, NULL, &tasks[1]), TG_OK);
    ck_assert_int_eq(tg_task_wait_any(tasks, 2, -1, &which), TG_INVALID);
    ck_assert_int_eq(tg_task_wait_any(tasks, 2, (double)NAN, &which), TG_INVALID);
    ck_assert_int_eq(tg_task_wait_any(tasks, 2, TG_FOREVER, &which), TG_OK);
    ck_assert_uint_eq(which, 1);
    tg_task_release(tasks[1]);
    tg_pool_destroy(p);
}
END_TEST

START_TEST(a_hold_is_no_handle)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *hold = tg_group_hold(g, NULL);
    size_t which;

    ck_assert_int_eq(tg_task_wait_any(&hold, 1, 0, &which), TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "task 0 is not from tg_pool_submit()"));
    tg_task_complete(hold, 0, NULL);
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wait_any");
    TCase *tcase = add_case(suite, "waiting");
    tcase_add_loop_test(tcase, each_of_many_is_told_once_as_it_ends, 0, PLACES);
    tcase_add_loop_test(tcase, it_waits_shortly_for_long_or_not_at_all, 0, PLACES);
    tcase_add_loop_test(tcase, several_threads_wait_for_some_of_the_same_tasks, 0, PLACES);
    tcase = add_case(suite, "refused");
    tcase_add_loop_test(tcase, in_a_task_of_one_of_their_pools_it_does_not_wait, 0, PLACES);
    tcase_add_test(tcase, calls_without_sense_are_refused);
    tcase_add_test(tcase, a_hold_is_no_handle);
    return run_suite(suite);
}
