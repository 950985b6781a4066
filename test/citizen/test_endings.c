/* SPDX-License-Identifier: MIT */
/*
 * The process ends in the middle: by exit(), _exit() and quick_exit() of whoever calls them, with everything
 * that the library can have alive; and by abort() where somebody leaves a function as nobody may.
 */
#include "../unit/tg_test.h"
#include "children.h"

/* ---- A busy process -------------------------------------------------------------------------- */

static tg_pool *pool; /* static: what is not freed at the end is no leak */
static tg_context *context;
static tg_hook *hook;
static tg_group *held;

static void no_hook(void *unused)
{
    (void)unused;
}

static int task_sleep(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 3600);
}

static void *run_held(void *unused)
{
    (void)unused;
    (void)tg_group_run(held); /* until the process ends */
    return NULL;
}

/* A pool with tasks in flight and to come, the waiter with a hook and a deadline, and another thread that waits for
   the end of its group. */
static void be_busy(void)
{
    pthread_t thread;
    tg_outcome outcome = {.size = sizeof outcome};
    tg_report report = {.size = sizeof report};

    context = tg_context_create(TG_CONTEXT(.timeout = 3600));
    hook = tg_context_hook(context, no_hook, NULL);
    pool = tg_pool_create(TG_POOL(.threads = 2));
    for (int i = 0; i < 4; i++)
        tg_pool_submit(pool, task_sleep, NULL, TG_TASK(.delay = i == 3 ? 3600 : 0), NULL);
    held = tg_group_create(TG_GROUP(.threads = 2));
    if (tg_group_hold(held, NULL) == NULL)
        _exit(1);
    tg_group_add(held, task_sleep, NULL);
    pthread_create(&thread, NULL, run_held, NULL);
    pthread_detach(thread);
    do { /* its task sleeps, so its region is open */
        tg_group_report(held, &report);
        tg_group_outcome(held, 1, &outcome);
    } while (outcome.status != TG_PENDING);
}

/* ---- Who ends it, and how -------------------------------------------------------------------- */

enum { BY_EXIT, BY_UNDERSCORE_EXIT, BY_QUICK_EXIT, WAYS };
static const char *const ways[WAYS] = {"exit", "_exit", "quick_exit"};
static int way;

static void count_at_exit(void)
{
    atomic_fetch_add(&told->at_exit, 1);
}

static void end_process(void)
{
    if (way == BY_EXIT)
        exit(SCENE_OK);
    if (way == BY_QUICK_EXIT)
        quick_exit(SCENE_OK);
    _exit(SCENE_OK);
}

static int task_ends(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_index(self) == 20)
        end_process();
    return 0;
}

static int done_ends(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)user;
    if (outcome->index == 20)
        end_process();
    return 0;
}

static int body_ends(tg_group *group, void *user)
{
    (void)group, (void)user;
    end_process();
    return 0;
}

static void hook_ends(void *unused)
{
    (void)unused;
    end_process();
}

static tg_group *group;

static void run_ending(struct blame *unused)
{
    (void)unused;
    group = tg_group_create(NULL);
    tg_group_add_many(group, task_ends, 60, NULL, 0, NULL);
    (void)tg_group_run(group);
}

/* A struct blame as an address to write to: the scene ends before anybody looks. */
static void in_place(int place)
{
    static struct blame blame;
    struct place_call call = {run_ending, &blame};

    run_in_place(place, &call);
}

enum { MAIN_ENDS, BODY_ENDS, DONE_ENDS, HOOK_ENDS, POOL_TASK_ENDS, MAIN_ENDS_BESIDE_HOOK, WHOLES };

static atomic_int in_hook;

static void hook_stays(void *unused)
{
    (void)unused;
    atomic_store(&in_hook, 1);
    for (;;)
        pause();
}

/* Cancels a context with this hook. */
static void call_hook(tg_hook_fn *function)
{
    context = tg_context_create(NULL);
    hook = tg_context_hook(context, function, NULL);
    tg_context_cancel(context, 1, NULL);
}

static void other_ends(int who)
{
    group = tg_group_create(TG_GROUP(.on_done = who == DONE_ENDS ? done_ends : NULL));
    tg_group_add_many(group, task_count, 60, NULL, 0, NULL);
    if (who == MAIN_ENDS)
        end_process();
    if (who == BODY_ENDS)
        (void)tg_group_scope(group, body_ends, NULL);
    if (who == DONE_ENDS)
        (void)tg_group_run(group);
    if (who == HOOK_ENDS) {
        call_hook(hook_ends);
        for (;;)
            pause();
    }
    if (who == MAIN_ENDS_BESIDE_HOOK) {
        call_hook(hook_stays);
        wait_until(atomic_load(&in_hook));
        end_process();
    }
    if (who == POOL_TASK_ENDS) {
        pool = tg_pool_create(TG_POOL(.threads = 2));
        for (int i = 0; i < 60; i++)
            tg_pool_submit(pool, task_ends, NULL, NULL, NULL);
        for (;;)
            pause();
    }
}

static void ending(int who, int busy)
{
    atexit(count_at_exit);
    at_quick_exit(count_at_exit);
    if (busy)
        be_busy();
    if (who < PLACES)
        in_place(who);
    else
        other_ends(who - PLACES);
}

static void assert_ending(int who, int busy, const char *where)
{
    char what[100];

    snprintf(what, sizeof what, "%s by %s%s", ways[way], where, busy ? " while others run" : "");
    assert_exits(play_scene(ending, who, busy), SCENE_OK, what);
    ck_assert_int_eq(told->at_exit, way != BY_UNDERSCORE_EXIT);
}

/* Where several would call exit() at once, which C leaves undefined, is left out. */
START_TEST(a_task_may_end_the_process_with_its_exit_status)
{
    way = _i;
    for (int place = 0; place < PLACE_PTHREADS; place++)
        for (int busy = 0; busy < 2; busy++)
            assert_ending(place, busy, place_name(place));
}
END_TEST

START_TEST(so_may_main_bodies_callbacks_hooks_and_tasks_of_pools)
{
    static const char *const names[WHOLES] = {"main", "a scope's body", "on_done", "a hook",
        "a task of a pool", "main beside a hook that does not return"};

    way = _i;
    for (int who = 0; who < WHOLES; who++)
        for (int busy = 0; busy < 2; busy++)
            assert_ending(PLACES + who, busy, names[who]);
}
END_TEST

/* ---- Who leaves a function as nobody may ------------------------------------------------------ */

enum { THREAD_EXITS, THREAD_IS_CANCELLED, LEAVES };

static void leave_thread(int how)
{
    if (how == THREAD_EXITS)
        pthread_exit(NULL);
    pthread_cancel(pthread_self());
    for (;;)
        pthread_testcancel();
}

static int how_to_leave;

static int task_leaves(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_index(self) == 5)
        leave_thread(how_to_leave);
    return 0;
}

static int done_leaves(tg_group *unused, const tg_outcome *outcome, void *user)
{
    (void)unused, (void)user;
    if (outcome->index == 5)
        leave_thread(how_to_leave);
    return 0;
}

static int body_leaves(tg_group *unused, void *user)
{
    (void)unused, (void)user;
    leave_thread(how_to_leave);
    return 0;
}

static int init_worker(int worker, void **state, void *unused)
{
    (void)worker, (void)state, (void)unused;
    return 0;
}

static void fini_leaves(int worker, void *state, void *unused)
{
    (void)worker, (void)state, (void)unused;
    leave_thread(how_to_leave);
}

static int task_has_local(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    (void)tg_task_local(self);
    return 0;
}

static void hook_leaves(void *unused)
{
    (void)unused;
    leave_thread(how_to_leave);
}

enum {
    IN_TASK,
    IN_GUARDED_TASK,
    IN_CAREFUL_TASK,
    IN_DONE,
    IN_BODY,
    IN_FINI,
    IN_HOOK,
    IN_POOL_TASK,
    INSIDES
};
static const char *const insides[INSIDES] = {"a task", "a guarded task", "a task with a timeout",
    "on_done", "a body", "worker_fini", "a hook", "a task of a pool"};

static void leave_group(int where)
{
    unsigned flags = where == IN_GUARDED_TASK ? TG_GROUP_GUARD : 0;

    group =
        tg_group_create(TG_GROUP(.flags = flags, .on_done = where == IN_DONE ? done_leaves : NULL,
            .worker_init = init_worker, .worker_fini = where == IN_FINI ? fini_leaves : NULL));
    tg_task_fn *function = where == IN_DONE || where == IN_BODY ? task_count
                           : where == IN_FINI                   ? task_has_local
                                                                : task_leaves;
    tg_group_add_many(
        group, function, 20, NULL, 0, where == IN_CAREFUL_TASK ? TG_TASK(.timeout = 3600) : NULL);
    if (where == IN_BODY)
        (void)tg_group_scope(group, body_leaves, NULL);
    else
        (void)tg_group_run(group);
}

static void leaving(int where, int how)
{
    signal(SIGABRT, SIG_DFL); /* Check has one of its own */
    how_to_leave = how;
    if (!freopen("/dev/null", "w", stderr))
        _exit(1);
    if (where == IN_HOOK) {
        call_hook(hook_leaves);
    } else if (where == IN_POOL_TASK) {
        pool = tg_pool_create(TG_POOL(.threads = 2));
        for (int i = 0; i < 20; i++)
            tg_pool_submit(pool, task_leaves, NULL, NULL, NULL);
    } else {
        leave_group(where);
        return;
    }
    for (;;)
        pause();
}

START_TEST(who_ends_the_thread_that_runs_a_task_ends_the_process_by_abort)
{
    for (int where = 0; where < INSIDES; where++)
        assert_killed(play_scene(leaving, where, _i), SIGABRT, insides[where]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endings");
    TCase *ends = add_case(suite, "the end of the process");
    TCase *leaves = add_case(suite, "the end of a thread");

    tcase_add_loop_test(ends, a_task_may_end_the_process_with_its_exit_status, 0, WAYS);
    tcase_add_loop_test(ends, so_may_main_bodies_callbacks_hooks_and_tasks_of_pools, 0, WAYS);
    tcase_add_loop_test(
        leaves, who_ends_the_thread_that_runs_a_task_ends_the_process_by_abort, 0, LEAVES);
    return run_suite(suite);
}
