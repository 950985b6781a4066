/* SPDX-License-Identifier: MIT */
/* pool.h: a pool's own tasks, and the groups that run over it, take turns. */
#include "tg_test.h"
#include "pools.h"
#include <fenv.h>
#include <signal.h>

/* ---- Turns ---- */

struct endless {
    struct blame *blame;
    tg_pool *pool;
    atomic_bool stop;
};

static int submit_itself(tg_task *self, void *arg, void *result)
{
    struct endless *endless = arg;
    (void)self, (void)result;
    if (atomic_load(&endless->stop))
        return 0;
    tg_status status = tg_pool_submit(endless->pool, submit_itself, endless, NULL, NULL);
    expect(endless->blame, status == TG_OK || atomic_load(&endless->stop)); /* closed by then */
    return 0;
}

static int add_itself(tg_task *self, void *arg, void *result)
{
    struct endless *endless = arg;
    (void)result;
    if (!atomic_load(&endless->stop))
        expect(endless->blame, tg_group_add(tg_task_group(self), add_itself, arg) == TG_OK);
    return 0;
}

static void take_turns(struct blame *blame)
{
    for (int threads = 1; threads <= 2; threads++) {
        tg_pool *p = tg_pool_create(TG_POOL(.threads = threads));
        struct endless endless = {.blame = blame, .pool = p};
        atomic_int ran = 0;
        tg_task *task;
        for (int i = 0; i < 2 * threads; i++)
            submit(blame, p, submit_itself, &endless);
        /* A group beside the pool's own tasks … */
        tg_group *g = tg_group_create(TG_GROUP(.pool = p));
        tg_group_add(g, task_count, &ran);
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 1);
        tg_group_destroy(g);
        /* … a second one beside an endless one, and a submitted task beside both. */
        tg_group *other = tg_group_create(TG_GROUP(.pool = p));
        for (int i = 0; i < 2 * threads; i++)
            tg_group_add(other, add_itself, &endless);
        expect(blame, tg_group_start(other) == TG_OK);
        submit_with(blame, p, task_count, &ran, TG_TASK(.priority = 100), &task);
        expect(blame, end_of(task) == TG_OK);
        g = tg_group_create(TG_GROUP(.pool = p));
        tg_group_add(g, task_count, &ran);
        expect(blame, tg_group_run(g) == TG_OK && atomic_load(&ran) == 3);
        tg_group_destroy(g);
        atomic_store(&endless.stop, true);
        expect(blame, tg_group_wait(other, TG_FOREVER) == TG_OK);
        tg_group_destroy(other);
        finish(blame, p);
    }
}

START_TEST(a_pools_tasks_and_groups_over_it_take_turns)
{
    at_place(_i, take_turns);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_turns");
    TCase *tcase = add_case(suite, "pool turns");
    tcase_add_loop_test(tcase, a_pools_tasks_and_groups_over_it_take_turns, 0, PLACES);
    return run_suite(suite);
}
