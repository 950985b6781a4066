/* SPDX-License-Identifier: MIT */
/*
 * fork() in the middle: the parent goes on as if nothing had happened; the child may exec, exit, and call what
 * needs no threads. What it has of the parent's, and what of its own works: test_fork_pools.c.
 */
#include "../unit/tg_test.h"
#include "children.h"

enum { BY_UNDERSCORE_EXIT, BY_EXIT, BY_EXEC, BY_CALLS, WAYS };
static const char *const ways[WAYS] = {"_exit", "exit", "exec", "calls that need no threads"};
static int way;

/* LeakSanitizer takes what hangs on the stacks of threads that are not there for lost. */
static bool is_child;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_child;
}

/* What a child may call besides exec. */
static int call_harmless(void)
{
    tg_context *context = tg_context_create(NULL);
    bool good = strcmp(tg_status_name(TG_FEWER), "FEWER") == 0 &&
                tg_status_message(TG_OK) != NULL && tg_version_number() == TG_VERSION &&
                tg_version_string()[0] != '\0' && tg_time_now() > 0 &&
                tg_group_run(NULL) == TG_INVALID && tg_error_last()->status == TG_INVALID;

    good = good && tg_context_cancel(context, 3, "in the child") == TG_OK &&
           tg_context_check(context) == TG_CANCELLED && tg_context_cause(context)->code == 3;
    tg_context_destroy(context);
    return good ? SCENE_OK : 1;
}

static void be_child(void)
{
    is_child = true;
    if (way == BY_EXIT)
        exit(SCENE_OK);
    if (way == BY_EXEC)
        execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
    _exit(way == BY_CALLS ? call_harmless() : SCENE_OK);
}

/* Forks here, and waits for the child's end. */
static bool fork_here(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        be_child();
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == SCENE_OK;
}

/* ---- Who forks ------------------------------------------------------------------------------- */

enum { FORKS_EACH = 3 };

static int task_forks(tg_task *self, void *arg, void *result)
{
    (void)result;
    if (tg_task_index(self) % 10 == 5)
        expect((struct blame *)arg, fork_here());
    return 0;
}

static int done_forks(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group;
    if (outcome->index % 10 == 5)
        expect((struct blame *)user, fork_here());
    return 0;
}

static int body_forks(tg_group *group, void *user)
{
    for (int i = 0; i < FORKS_EACH; i++) {
        expect((struct blame *)user, tg_group_add(group, task_count, NULL) == TG_OK);
        expect((struct blame *)user, fork_here());
    }
    return 0;
}

static void fork_in_groups(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.on_done = done_forks, .user = blame));

    tg_group_add_many(g, task_forks, 10 * FORKS_EACH, blame, 0, NULL);
    expect(blame, tg_group_scope(g, body_forks, blame) == TG_OK);
    expect(blame, report_of(g).ok == 11 * FORKS_EACH);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void scene_in_place(int place, int unused)
{
    struct place_call call = {fork_in_groups, &told->blame};

    (void)unused;
    run_in_place(place, &call);
    exit(SCENE_OK);
}

START_TEST(tasks_bodies_and_callbacks_may_fork)
{
    way = _i;
    for (int place = 0; place < PLACES; place++) {
        assert_exits(play_scene(scene_in_place, place, 0), SCENE_OK, place_name(place));
        assert_blameless(&told->blame, ways[way]);
    }
}
END_TEST

/* ---- Beside a pool, the waiter, and a group on another thread ---------------------------------- */

static atomic_int running, forked;

static int task_runs_until_forked(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    atomic_store(&running, 1);
    wait_until(atomic_load(&forked));
    return 0;
}

static void *thread_forks(void *arg)
{
    struct blame *blame = arg;

    wait_until(atomic_load(&running));
    for (int i = 0; i < FORKS_EACH; i++)
        expect(blame, fork_here());
    atomic_store(&forked, 1);
    return NULL;
}

static void hook_forks(void *user)
{
    expect((struct blame *)user, fork_here());
    atomic_fetch_add(&told->number, 1);
}

static int task_sleeps(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-3);
}

static void scene_beside(int unused, int unused_too)
{
    struct blame *blame = &told->blame;
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    tg_context *context = tg_context_create(NULL);
    tg_hook *hook = tg_context_hook(context, hook_forks, blame);
    tg_group *g = tg_group_create(NULL);
    pthread_t thread;

    (void)unused, (void)unused_too;
    expect(blame, pthread_create(&thread, NULL, thread_forks, blame) == 0);
    for (int i = 0; i < 20; i++) {
        expect(blame, tg_pool_submit(pool, task_forks, blame, NULL, NULL) == TG_OK);
        expect(blame, tg_pool_submit(pool, task_sleeps, NULL, NULL, NULL) == TG_OK);
    }
    tg_context_cancel(context, 1, NULL);
    tg_group_add(g, task_runs_until_forked, NULL);
    tg_group_add_many(g, task_sleeps, 20, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 21);
    expect_exact_accounting(blame, g);
    pthread_join(thread, NULL);
    expect(blame, fork_here()); /* with everything still alive */
    wait_until(atomic_load(&told->number) == 1);
    expect(blame, tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    tg_pool_numbers numbers = {.size = sizeof numbers};
    tg_pool_report(pool, &numbers);
    expect(blame, numbers.ok == 40);
    tg_pool_destroy(pool);
    tg_hook_remove(hook);
    tg_context_destroy(context);
    tg_group_destroy(g);
    exit(SCENE_OK);
}

START_TEST(other_threads_hooks_and_tasks_of_pools_may_fork)
{
    way = _i;
    assert_exits(play_scene(scene_beside, 0, 0), SCENE_OK, ways[way]);
    assert_blameless(&told->blame, ways[way]);
}
END_TEST

/* ---- Groups in the child ----------------------------------------------------------------------- */

static void work_in_child(void)
{
    tg_group *g = tg_group_create(TG_GROUP(.threads = 1));
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    tg_task *task = NULL;
    bool good;

    tg_group_add_many(g, task_sleeps, 20, NULL, 0, NULL);
    good = tg_group_run(g) == TG_OK && report_of(g).ok == 20;
    good = good && tg_pool_submit(pool, task_count, NULL, NULL, &task) == TG_OK &&
           tg_task_wait(task, TG_FOREVER) == TG_OK;
    tg_task_release(task);
    tg_pool_destroy(pool);
    tg_group_destroy(g);
    _exit(good ? SCENE_OK : 1);
}

static void scene_work_in_child(int unused, int unused_too)
{
    int status = -1;
    tg_group *g = tg_group_create(NULL);

    (void)unused, (void)unused_too;
    tg_group_add_many(g, task_sleeps, 20, NULL, 0, NULL); /* the waiter is there, too */
    expect(&told->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    pid_t child = fork();
    if (child == 0)
        work_in_child();
    expect(&told->blame, waitpid(child, &status, 0) == child);
    expect(&told->blame, WIFEXITED(status) && WEXITSTATUS(status) == SCENE_OK);
    exit(SCENE_OK);
}

START_TEST(in_the_child_of_a_quiet_process_a_group_of_one_thread_and_a_new_pool_work)
{
    assert_exits(play_scene(scene_work_in_child, 0, 0), SCENE_OK, "a quiet process");
    assert_blameless(&told->blame, "a quiet process");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forks");
    TCase *forks = add_case(suite, "who forks");
    TCase *child = add_case(suite, "the child");

    tcase_add_loop_test(forks, tasks_bodies_and_callbacks_may_fork, 0, WAYS);
    tcase_add_loop_test(forks, other_threads_hooks_and_tasks_of_pools_may_fork, 0, WAYS);
    tcase_add_test(
        child, in_the_child_of_a_quiet_process_a_group_of_one_thread_and_a_new_pool_work);
    return run_suite(suite);
}
