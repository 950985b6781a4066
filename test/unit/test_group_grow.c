/* SPDX-License-Identifier: MIT */
/* group.h: tasks that are added while the group runs, by its tasks and from elsewhere. */
#include "tg_test.h"

/* ---- Tasks that add tasks ------------------------------------------------------------------ */

static _Thread_local int tasks_on_stack;
static _Thread_local int inside_add;
static _Thread_local uintptr_t stack_low, stack_high;

struct growth {
    struct blame *blame;
    atomic_long ran;
    long length;
    int wide; /* tasks that each task adds */
};

/* Neither does a task start inside an add, nor does the stack grow with the number of tasks. */
static void look_at_stack(struct growth *growth)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    expect(growth->blame, !inside_add);
    expect(growth->blame, tasks_on_stack == 0);
    if (stack_low == 0 || here < stack_low)
        stack_low = here;
    if (here > stack_high)
        stack_high = here;
    expect(growth->blame, stack_high - stack_low < 64 * 1024);
}

static int grow(tg_task *self, void *arg, void *result)
{
    struct growth *growth = arg;

    (void)result;
    look_at_stack(growth);
    tasks_on_stack++;
    atomic_fetch_add(&growth->ran, 1);
    if ((long)tg_task_index(self) * growth->wide + 1 < growth->length)
        for (int i = 0; i < growth->wide; i++) {
            inside_add = 1;
            if (tg_group_count(tg_task_group(self)) < (size_t)growth->length)
                expect(growth->blame, tg_group_add(tg_task_group(self), grow, arg) == TG_OK);
            inside_add = 0;
        }
    tasks_on_stack--;
    return 0;
}

static void grow_with(struct blame *blame, long length, int wide, const tg_group_options *options)
{
    struct growth growth = {.blame = blame, .length = length, .wide = wide};
    tg_group *g = tg_group_create(options);

    stack_low = stack_high = 0; /* this thread stands elsewhere than in the last place */
    tg_group_add(g, grow, &growth);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, (size_t)atomic_load(&growth.ran) == tg_group_count(g));
    expect(blame, report_of(g).ok == tg_group_count(g));
    expect(blame, tg_group_count(g) >= (size_t)length);
    tg_group_destroy(g);
}

static void chain(struct blame *blame)
{
    grow_with(blame, 100000, 1, NULL);
}

START_TEST(a_chain_of_100000_tasks_neither_recurses_nor_stalls)
{
    at_place(_i, chain);
}
END_TEST

static void trees(struct blame *blame)
{
    grow_with(blame, 20000, 2, NULL);
    grow_with(blame, 20000, 200, NULL);
    grow_with(blame, 20000, 20000, NULL);
    grow_with(blame, 5000, 2, TG_GROUP(.limit = 1));
    grow_with(blame, 5000, 1, TG_GROUP(.limit = 2, .grainsize = 16));
    grow_with(blame, 5000, 3, TG_GROUP(.grainsize = TG_GRAIN_AUTO));
}

START_TEST(wide_and_binary_trees_of_tasks_run_to_the_last_leaf)
{
    at_place(_i, trees);
}
END_TEST

/* ---- Adds from elsewhere ------------------------------------------------------------------- */

struct foreign {
    struct blame *blame;
    tg_group *group;
    atomic_int started, done, ran;
};
enum { FOREIGN = 2000 };

static int keep_running(tg_task *self, void *arg, void *result)
{
    struct foreign *foreign = arg;

    (void)self, (void)result;
    atomic_store(&foreign->started, 1);
    wait_until(atomic_load(&foreign->done) == 3);
    return 0;
}

static void *add_from_outside(void *arg)
{
    struct foreign *foreign = arg;

    wait_until(atomic_load(&foreign->started));
    for (int i = 0; i < FOREIGN; i++)
        expect(foreign->blame, tg_group_add(foreign->group, task_count, &foreign->ran) == TG_OK);
    atomic_fetch_add(&foreign->done, 1);
    return NULL;
}

static void add_while_it_runs(struct blame *blame)
{
    struct foreign foreign = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t threads[3];

    tg_group_add(foreign.group, keep_running, &foreign);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, add_from_outside, &foreign);
    expect(blame, tg_group_run(foreign.group) == TG_OK);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    expect(blame, atomic_load(&foreign.ran) == 3 * FOREIGN);
    expect(blame, report_of(foreign.group).ok == 3 * FOREIGN + 1);
    expect(blame, report_of(foreign.group).not_run == 0);
    tg_group_destroy(foreign.group);
}

START_TEST(what_other_threads_add_while_the_group_runs_runs_too)
{
    at_place(_i, add_while_it_runs);
}
END_TEST

/* Another thread's add wakes a team that has nothing to do: the task in flight waits for it. */
static int wait_for_added(tg_task *self, void *arg, void *result)
{
    struct foreign *foreign = arg;

    (void)self, (void)result;
    atomic_store(&foreign->started, 1);
    wait_until(atomic_load(&foreign->ran) == FOREIGN);
    return 0;
}

static void add_to_idle_team(struct blame *blame)
{
    struct foreign foreign = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t thread;

    if (team_size() >= 2) {
        tg_group_add(foreign.group, wait_for_added, &foreign);
        pthread_create(&thread, NULL, add_from_outside, &foreign);
        expect(blame, tg_group_run(foreign.group) == TG_OK);
        pthread_join(thread, NULL);
    }
    tg_group_destroy(foreign.group);
}

START_TEST(what_another_thread_adds_starts_as_soon_as_a_thread_is_free)
{
    at_place(PLACE_SERIAL, add_to_idle_team);
    at_place(PLACE_IN_TASK, add_to_idle_team);
    at_place(PLACE_PTHREADS, add_to_idle_team);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group_grow");
    TCase *tcase = add_case(suite, "group grow");
    tcase_add_loop_test(tcase, a_chain_of_100000_tasks_neither_recurses_nor_stalls, 0, PLACES);
    tcase_add_loop_test(tcase, wide_and_binary_trees_of_tasks_run_to_the_last_leaf, 0, PLACES);
    tcase_add_loop_test(tcase, what_other_threads_add_while_the_group_runs_runs_too, 0, PLACES);
    tcase_add_test(tcase, what_another_thread_adds_starts_as_soon_as_a_thread_is_free);
    return run_suite(suite);
}
