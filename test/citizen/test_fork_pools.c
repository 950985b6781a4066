/* SPDX-License-Identifier: MIT */
/*
 * What a child of fork() has of its parent's pools, groups, hooks and limits, and what of its own works: whatever it
 * calls answers. Nothing hangs, whoever forks and whatever other threads of the parent were doing.
 */
#include "../unit/tg_test.h"

#include "../unit/pools.h"
#include "children.h"

#include <sys/stat.h>

/* LeakSanitizer takes what hangs on the stacks of threads that are not there for lost. */
static bool is_child;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_child;
}

typedef void child_fn(struct blame *blame);

/* Plays it in a child, which is killed if it hangs. */
static void fork_and_play(child_fn *play)
{
    struct blame *blame = &told->blame;
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        is_child = true;
        signal(SIGALRM, SIG_DFL); /* Check's own would end us all */
        alarm(TEST_SANITIZED ? 60 : 20);
        play(blame);
        _exit(SCENE_OK);
    }
    expect(blame, child > 0 && waitpid(child, &status, 0) == child);
    expect(blame, !WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM); /* it has not hung */
    expect(blame, WIFEXITED(status) && WEXITSTATUS(status) == SCENE_OK);
}

#define expect_closed(call)                                                        \
    do {                                                                           \
        expect(blame, (call) == TG_CLOSED);                                        \
        expect(blame, strstr(tg_error_last()->message, "parent process") != NULL); \
    } while (0)

/* ---- A pool of the parent's ------------------------------------------------------------------- */

static tg_pool *pool;
static tg_task *ended, *unended, *unended_too; /* handles */
static tg_group *running, *idle, *over;        /* groups over it */
static tg_context *context;
static tg_hook *hook;
static atomic_int hooked;
static struct gate gate = GATE;

static int task_sleeps(tg_task *self, void *arg, void *result)
{
    (void)result;
    return tg_task_sleep(self, arg != NULL ? *(const double *)arg : 1e-3);
}

static int task_fails(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 5, "on purpose");
}

static int task_defers(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

static void note_hook(void *unused)
{
    (void)unused;
    atomic_fetch_add(&hooked, 1);
}

static const double an_hour = 3600;

static void call_pool(struct blame *blame)
{
    tg_pool_numbers numbers;
    size_t abandoned = 99;
    tg_task *task = (tg_task *)blame;

    expect_closed(tg_pool_submit(pool, task_count, NULL, NULL, NULL));
    expect_closed(tg_pool_submit(pool, task_count, NULL, TG_TASK(.delay = 1), &task));
    expect(blame, task == NULL);
    expect_closed(tg_pool_pause(pool, 1));
    expect_closed(tg_pool_pause(pool, 0));
    expect_closed(tg_pool_resize(pool, 5));
    expect_closed(tg_pool_reopen(pool));
    expect_closed(tg_pool_close(pool, 0, &abandoned));
    expect(blame, abandoned == 0);
    expect_closed(tg_pool_close(pool, TG_FOREVER, NULL));
    memset(&numbers, 1, sizeof numbers);
    numbers.size = sizeof numbers;
    expect_closed(tg_pool_report(pool, &numbers));
    expect(blame, numbers.threads == 0 && numbers.submitted == 0 && numbers.pending == 0);
}

static void call_handles(struct blame *blame)
{
    tg_outcome outcome = {.size = sizeof outcome};

    expect_closed(tg_task_wait(unended, TG_FOREVER));
    expect_closed(tg_task_wait(unended_too, 0));
    expect_closed(tg_task_outcome(unended, &outcome));
    expect(blame, outcome.status == TG_NOT_RUN && outcome.message[0] == '\0');
    expect_closed(tg_task_cancel(unended));
    expect(blame, tg_task_wait(ended, TG_FOREVER) == TG_FAILED);
    expect(blame, tg_task_outcome(ended, &outcome) == TG_OK && outcome.code == 5);
    expect(blame, strcmp(outcome.message, "on purpose") == 0);
    expect(blame, tg_task_cancel(ended) == TG_DONE);
    tg_task_release(unended);
    tg_task_release(unended_too);
    tg_task_release(ended);
}

static void call_groups(struct blame *blame)
{
    tg_outcome outcome = {.size = sizeof outcome};

    expect_closed(tg_group_run(idle));
    expect_closed(tg_group_start(idle));
    expect_closed(tg_group_start(running));
    expect_closed(tg_group_run(running));
    expect_closed(tg_group_wait(running, 0));
    expect_closed(tg_group_wait(running, TG_FOREVER));
    expect_closed(tg_group_add(running, task_count, NULL));
    expect_closed(tg_group_add_with(running, task_count, NULL, TG_TASK(.name = "late"), NULL));
    expect_closed(tg_group_add_many(running, task_count, 3, NULL, 0, NULL));
    expect_closed(tg_group_complete(running, 0, 0, NULL));
    expect_closed(tg_group_cancel_task(running, 0));
    expect_closed(tg_group_open(running));
    expect_closed(tg_group_close(running));
    expect(blame, tg_group_hold(running, NULL) == NULL && tg_error_last()->status == TG_CLOSED);
    expect(blame, tg_group_outcome(running, 0, &outcome) == TG_OK);
    expect(blame, tg_group_wait(over, TG_FOREVER) == TG_OK); /* that one had ended */
    expect_closed(tg_group_run(over));
    tg_group_destroy(over);
    tg_group_destroy(idle);
    tg_group_destroy(running);
}

static void call_everything(struct blame *blame)
{
    call_pool(blame);
    call_handles(blame);
    call_groups(blame);
    tg_pool_destroy(pool);
    expect(blame, atomic_load(&hooked) == 0);
    tg_hook_remove(hook);
    tg_context_destroy(context);
}

/* What other threads of the parent do: each waits for something of the pool's, in a lock or a condition of it. */
static void *wait_for_handle(void *arg)
{
    expect((struct blame *)arg, tg_task_wait(unended, TG_FOREVER) != TG_CLOSED);
    return NULL;
}

static void *wait_for_group(void *arg)
{
    expect((struct blame *)arg, tg_group_wait(running, TG_FOREVER) == TG_OK);
    return NULL;
}

static atomic_bool fork_now, has_forked;

/* For room: a task that ends only now still gives some. */
static void *wait_for_room(void *arg)
{
    do
        expect((struct blame *)arg, tg_pool_submit(pool, task_count, NULL, NULL, NULL) == TG_OK);
    while (!atomic_load(&has_forked));
    return NULL;
}

enum { WAITERS = 3 };
static void *(*const waiters[WAITERS])(void *) = {wait_for_handle, wait_for_group, wait_for_room};
static pthread_t waiting[WAITERS];

/* ---- Who forks -------------------------------------------------------------------------------- */

static child_fn *play;

static void fork_when_told(void)
{
    wait_until(atomic_load(&fork_now));
    fork_and_play(play);
    atomic_store(&has_forked, true);
}

static int task_forks(tg_task *self, void *arg, void *result)
{
    fork_when_told();
    return stand(self, arg, result);
}

static int done_forks(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome, (void)user;
    fork_when_told();
    return 0;
}

static int body_forks(tg_group *group, void *user)
{
    (void)group, (void)user;
    fork_when_told();
    return 0;
}

static void *thread_forks(void *unused)
{
    (void)unused;
    fork_when_told();
    return NULL;
}

static void hook_forks(void *unused)
{
    (void)unused;
    fork_when_told();
}

enum {
    BY_MAIN,
    BY_POOL_TASK,
    BY_GUEST_TASK,
    BY_THREAD,
    BY_HOOK,
    BY_REGION,
    BY_DONE,
    BY_BODY,
    WAYS
};
static const char *const ways[WAYS] = {"main", "a task of the pool", "a task of a group over it",
    "another thread", "a hook", "a thread of a region", "on_done", "a body"};

/* gcc 12's sanitizers have locks of their own, which are left taken in a child if another thread has just allocated: with
   them only those that fork while all other threads stand still. */
enum { WAYS_HERE = TEST_SANITIZED ? BY_REGION : WAYS };

/* On the thread that is to do so, with everything else as it stands. */
static void fork_by(int way)
{
    tg_context *stopped = NULL;
    tg_hook *forker = NULL;
    pthread_t thread;
    tg_group *g = tg_group_create(TG_GROUP(.on_done = way == BY_DONE ? done_forks : NULL));

    atomic_store(&fork_now, true);
    switch (way) {
    case BY_MAIN:
        fork_when_told();
        break;
    case BY_THREAD:
        pthread_create(&thread, NULL, thread_forks, NULL);
        pthread_join(thread, NULL);
        break;
    case BY_HOOK:
        stopped = tg_context_create(NULL);
        forker = tg_context_hook(stopped, hook_forks, NULL);
        tg_context_cancel(stopped, 1, NULL);
        wait_until(atomic_load(&has_forked));
        break;
    case BY_REGION:
#pragma omp parallel num_threads(3)
        if (omp_get_thread_num() == omp_get_num_threads() - 1)
            fork_when_told();
        break;
    case BY_DONE:
        tg_group_add(g, task_count, NULL);
        expect(&told->blame, tg_group_run(g) == TG_OK);
        break;
    case BY_BODY:
        expect(&told->blame, tg_group_scope(g, body_forks, NULL) == TG_OK);
        break;
    default:
        wait_until(atomic_load(&has_forked));
    }
    tg_hook_remove(forker);
    tg_context_destroy(stopped);
    tg_group_destroy(g);
}

/* ---- A pool in which everything stands that can ---------------------------------------------------- */

static tg_group *guest;

/* Running, queued, asleep, deferred, delayed, and waited for; and a team of main's. */
static void make_busy(struct blame *blame, int way)
{
    tg_group *first = tg_group_create(TG_GROUP(.threads = 3));

    tg_group_add_many(first, task_sleeps, 10, NULL, 0, NULL);
    expect(blame, tg_group_run(first) == TG_OK);
    tg_group_destroy(first);
    pool = tg_pool_create(TG_POOL(.threads = 2, .queue = 4, .flags = TG_GROUP_GUARD));
    context = tg_context_create(NULL);
    hook = tg_context_hook(context, note_hook, NULL);
    submit_with(blame, pool, task_fails, NULL, NULL, &ended);
    expect(blame, tg_task_wait(ended, TG_FOREVER) == TG_FAILED);
    over = tg_group_create(TG_GROUP(.pool = pool));
    idle = tg_group_create(TG_GROUP(.pool = pool));
    running = tg_group_create(TG_GROUP(.pool = pool));
    guest = tg_group_create(TG_GROUP(.pool = pool));
    tg_group_add(over, task_count, NULL);
    expect(blame, tg_group_run(over) == TG_OK);
    tg_group_add(idle, task_count, NULL);
    tg_group_add(running, task_defers, NULL);
    expect(blame, tg_group_start(running) == TG_OK);
    wait_until(status_of(running, 0) == TG_PENDING);
    submit_with(blame, pool, task_sleeps, &an_hour, NULL, &unended_too);
    wait_until(numbers_of(pool).pending == 1); /* from now on it takes no place in the queue */
    submit(blame, pool, stand, &gate);
    gate_await(&gate, 1);
    tg_group_add(guest, task_forks, &gate);
    if (way == BY_GUEST_TASK) {
        expect(blame, tg_group_start(guest) == TG_OK);
        wait_until(status_of(guest, 0) == TG_RUNNING); /* the other thread */
    }
    submit_with(blame, pool, way == BY_POOL_TASK ? task_forks : stand, &gate, NULL, &unended);
    if (way != BY_POOL_TASK && way != BY_GUEST_TASK)
        gate_await(&gate, 2); /* both threads */
    submit_with(blame, pool, task_count, NULL, TG_TASK(.delay = 3600), NULL);
    while (
        tg_pool_submit(pool, task_count, NULL, TG_TASK(.when_full = TG_FULL_REFUSE), NULL) == TG_OK)
        ;
    for (int i = 0; i < WAITERS; i++)
        expect(blame, pthread_create(&waiting[i], NULL, waiters[i], blame) == 0);
    wait_until(numbers_of(pool).waiters == 1);
}

/* The parent goes on as if nothing had happened. */
static void end_busy(struct blame *blame, int way)
{
    tg_pool_numbers n;

    expect(blame, tg_task_cancel(unended_too) == TG_OK);
    gate_open(&gate);
    expect(blame, tg_group_complete(running, 0, 0, NULL) == TG_OK);
    for (int i = 0; i < WAITERS; i++)
        expect(blame, pthread_join(waiting[i], NULL) == 0);
    if (way == BY_GUEST_TASK)
        expect(blame, tg_group_wait(guest, TG_FOREVER) == TG_OK);
    expect(blame, tg_pool_close(pool, 0, NULL) == TG_TIMED_OUT); /* there is one for in an hour */
    n = numbers_of(pool);
    expect(blame, is_over(&n) && n.failed == 1 && n.cancelled == 1);
    tg_task_release(unended);
    tg_task_release(unended_too);
    tg_task_release(ended);
    tg_group_destroy(over);
    tg_group_destroy(idle);
    tg_group_destroy(running);
    tg_group_destroy(guest);
    tg_pool_destroy(pool);
    expect(blame, atomic_load(&hooked) == 0);
    tg_hook_remove(hook);
    tg_context_destroy(context);
}

static void scene_busy(int way, int unused)
{
    (void)unused;
    make_busy(&told->blame, way);
    fork_by(way);
    end_busy(&told->blame, way);
    exit(SCENE_OK);
}

static void play_in(scene_fn *scene, int way, const char *what)
{
    assert_exits(play_scene(scene, way, 0), SCENE_OK, what);
    assert_blameless(&told->blame, what);
}

static void call_everything_and_exit(struct blame *blame)
{
    call_everything(blame);
    exit(SCENE_OK);
}

START_TEST(a_pool_of_the_parents_says_so_and_is_freed)
{
    play = call_everything_and_exit;
    play_in(scene_busy, _i, ways[_i]);
}
END_TEST

/* ---- What works in the child -------------------------------------------------------------------- */

enum { WIDE = 3 };

/* Returns when all of them are in it at once. */
static int task_meets(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    wait_until(atomic_load((atomic_int *)arg) >= WIDE);
    return 0;
}

static bool is_libgomp(void)
{
    tg_info info = {.size = sizeof info};
    tg_info_read(&info);
    return strcmp(info.runtime, "libgomp") == 0;
}

static int task_runs_group(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_group_create(NULL);
    tg_status status;

    (void)self, (void)result;
    tg_group_add_many(g, task_sleeps, 5, NULL, 0, NULL);
    tg_group_add(g, task_count, arg);
    status = tg_group_run(g);
    tg_group_destroy(g);
    return status != TG_OK;
}

static int succeed_at_third(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 3;
}

/* Asleep, tried again, delayed, nested; then one that is stopped by its deadline. Returns its threads. */
static int run_group(struct blame *blame)
{
    atomic_int count = 0;
    tg_group *g = tg_group_create(TG_GROUP(.threads = WIDE));
    tg_report report;

    tg_group_add_many(g, task_sleeps, 20, NULL, 0, NULL);
    tg_group_add_many(g, task_runs_group, 5, &count, 0, NULL);
    tg_group_add_with(g, succeed_at_third, NULL, TG_TASK(.attempts = 3, .backoff = 1e-3), NULL);
    tg_group_add_with(g, task_count, &count, TG_TASK(.delay = 1e-3), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    report = report_of(g);
    expect(blame, report.ok == 27 && atomic_load(&count) == 6);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.timeout = 5e-3));
    tg_group_add(g, task_sleeps, &an_hour);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    tg_group_destroy(g);
    return report.threads;
}

static tg_status meet(tg_pool *where)
{
    atomic_int there = 0;
    tg_group *g = tg_group_create(TG_GROUP(.threads = WIDE, .pool = where));
    tg_status status;

    tg_group_add_many(g, task_meets, WIDE, &there, 0, NULL);
    status = tg_group_run(g);
    tg_group_destroy(g);
    return status;
}

static void run_pool(struct blame *blame)
{
    tg_pool *new = tg_pool_create(TG_POOL(.threads = WIDE));
    tg_task *task = NULL;

    submit_with(blame, new, task_fails, NULL, TG_TASK(.delay = 1e-3), &task);
    expect(blame, end_of(task) == TG_FAILED);
    expect(blame, meet(new) == TG_OK);
    expect(blame, finish(blame, new).failed == 1);
}

/* A thread of the child's own has a team of its own. */
static void *run_on_thread(void *arg)
{
    expect((struct blame *)arg, meet(NULL) == TG_OK);
    return NULL;
}

static void call_hook(struct blame *blame)
{
    tg_context *c = tg_context_create(NULL), *below = tg_context_create(TG_CONTEXT(.parent = c));
    tg_hook *h = tg_context_hook(below, note_hook, NULL);

    expect(blame, h != NULL && atomic_load(&hooked) == 0);
    tg_context_cancel(c, 1, NULL);
    wait_until(atomic_load(&hooked) == 1);
    tg_hook_remove(h);
    tg_context_destroy(below);
    tg_context_destroy(c);
}

static void work_anew(struct blame *blame, int threads)
{
    pthread_t thread;

    expect(blame, run_group(blame) == threads);
    run_pool(blame);
    expect(blame, run_group(blame) == threads);
    expect(blame, pthread_create(&thread, NULL, run_on_thread, blame) == 0);
    expect(blame, pthread_join(thread, NULL) == 0);
    call_hook(blame);
}

/* Beside everything of the parent's, and when that is freed. What hooks and alarms it had set stay silent: its context is
   cancelled here, its sleepers' time does not come. */
static void work_and_exit(struct blame *blame)
{
    int threads = is_libgomp() ? 1 : WIDE;

    tg_context_cancel(context, 1, NULL);
    work_anew(blame, threads);
    atomic_store(&hooked, 0);
    call_everything(blame);
    work_anew(blame, threads);
    exit(SCENE_OK);
}

START_TEST(groups_pools_and_hooks_of_its_own_work_in_the_child)
{
    play = work_and_exit;
    play_in(scene_busy, _i, ways[_i]);
}
END_TEST

/* ---- A process without other threads -------------------------------------------------------------- */

static void work_widely(struct blame *blame)
{
    work_anew(blame, WIDE);
}

static bool is_by_itself(void)
{
    struct stat folder;
    return stat("/proc/self/task", &folder) == 0 && folder.st_nlink == 3;
}

/* 0: nothing was used before; 1: a team, which was given back. */
static void scene_by_itself(int paused, int unused)
{
    (void)unused;
    if (paused) {
        expect(&told->blame, meet(NULL) == TG_OK);
        expect(&told->blame, omp_pause_resource_all(omp_pause_hard) == 0);
        while (is_libgomp() && !is_by_itself())
            sched_yield();
    }
    fork_and_play(work_widely);
    exit(SCENE_OK);
}

START_TEST(a_child_of_a_process_without_other_threads_has_a_whole_team)
{
    play_in(scene_by_itself, _i, _i == 0 ? "nothing used" : "after omp_pause_resource_all()");
}
END_TEST

static void fork_again(struct blame *blame)
{
    expect(blame, run_group(blame) == (is_libgomp() ? 1 : WIDE));
    play = work_and_exit;
    fork_and_play(play);
    exit(SCENE_OK);
}

START_TEST(a_child_of_a_child_works_too)
{
    play = fork_again;
    play_in(scene_busy, BY_MAIN, "a child of a child");
}
END_TEST

/* ---- A static pool --------------------------------------------------------------------------------- */

static void destroy_at_exit(void)
{
    tg_pool_destroy(pool);
}

static void only_exit(struct blame *unused)
{
    (void)unused;
    exit(SCENE_OK);
}

/* 0: never used; 1: used, its region open; 2: its region closed. */
static void scene_static(int use, int unused)
{
    tg_task *task = NULL;

    (void)unused;
    pool = tg_pool_create(TG_POOL(.threads = 2, .idle = use == 2 ? 1e-3 : TG_FOREVER));
    atexit(destroy_at_exit);
    if (use > 0) {
        submit_with(&told->blame, pool, task_count, NULL, NULL, &task);
        expect(&told->blame, end_of(task) == TG_OK);
    }
    if (use == 2)
        nap_for(0.02);
    fork_and_play(only_exit);
    exit(SCENE_OK);
}

START_TEST(a_static_pool_is_destroyed_at_exit_in_both_processes)
{
    play_in(scene_static, _i, "a static pool");
}
END_TEST

/* ---- A shared limit ---------------------------------------------------------------------------------- */

static tg_limit *limit;

static void take_limit(struct blame *blame)
{
    atomic_int count = 0;
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit));

    tg_group_add_with(g, task_count, &count, TG_TASK(.weight = 3), NULL);
    tg_group_add_with(g, task_count, &count, TG_TASK(.weight = 2), NULL);
    expect(blame, tg_group_run(g) == TG_OK && atomic_load(&count) == 2);
    expect(blame, tg_limit_used(limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(limit);
}

static void *hold_limit(void *arg)
{
    expect((struct blame *)arg, tg_group_run(running) == TG_OK);
    return NULL;
}

static void scene_limit(int unused, int unused_too)
{
    pthread_t thread;

    (void)unused, (void)unused_too;
    limit = tg_limit_create(3);
    running = tg_group_create(TG_GROUP(.threads = 1, .shared = limit));
    tg_group_add_with(running, stand, &gate, TG_TASK(.weight = 3), NULL);
    tg_group_add_with(running, task_count, NULL, TG_TASK(.weight = 1), NULL);
    expect(&told->blame, pthread_create(&thread, NULL, hold_limit, &told->blame) == 0);
    gate_await(&gate, 1);
    fork_and_play(take_limit);
    gate_open(&gate);
    pthread_join(thread, NULL);
    tg_group_destroy(running);
    tg_limit_destroy(limit);
    exit(SCENE_OK);
}

START_TEST(what_the_parents_groups_hold_of_a_limit_is_free_in_the_child)
{
    play_in(scene_limit, 0, "a shared limit");
}
END_TEST

/* ---- At any moment ----------------------------------------------------------------------------------- */

enum { FORKS = 20, BUSY_THREADS = 3 };
static atomic_bool over_now;

/* Keeps all of the library's locks and lists in motion. */
static void *keep_busy(void *arg)
{
    struct blame *blame = arg;
    tg_context *parent = tg_context_create(NULL);

    for (int i = 0; !atomic_load(&over_now); i++) {
        tg_context *below = tg_context_create(TG_CONTEXT(.parent = parent, .timeout = 1e-3));
        tg_hook *h = tg_context_hook(below, note_hook, NULL);
        tg_task *task = NULL;
        tg_group *g = tg_group_create(TG_GROUP(.pool = pool, .context = below));
        submit_with(blame, pool, task_fails, NULL, TG_TASK(.delay = i % 2 * 1e-4), &task);
        submit(blame, pool, task_sleeps, NULL);
        tg_group_add_many(g, task_fails, 20, NULL, 0, NULL);
        (void)tg_group_run(g);
        (void)end_of(task);
        tg_group_destroy(g);
        tg_hook_remove(h);
        tg_context_destroy(below);
    }
    tg_context_destroy(parent);
    return NULL;
}

static void free_and_work(struct blame *blame)
{
    tg_status status = tg_context_check(context);

    expect(blame, status == TG_OK);
    tg_pool_destroy(pool);
    run_group(blame);
    run_pool(blame);
    atomic_store(&hooked, 0);
    call_hook(blame);
    exit(SCENE_OK);
}

static void scene_any_moment(int unused, int unused_too)
{
    pthread_t threads[BUSY_THREADS];

    (void)unused, (void)unused_too;
    pool = tg_pool_create(TG_POOL(.threads = 2, .idle = 2e-3));
    context = tg_context_create(NULL);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_create(&threads[i], NULL, keep_busy, &told->blame);
    for (int i = 0; i < FORKS && atomic_load(&told->blame.line) == 0; i++)
        fork_and_play(free_and_work);
    atomic_store(&over_now, true);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_join(threads[i], NULL);
    tg_pool_destroy(pool);
    tg_context_destroy(context);
    exit(SCENE_OK);
}

START_TEST(at_any_moment)
{
    play_in(scene_any_moment, 0, "at any moment");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork pools");
    TCase *parents = add_case(suite, "the parent's");
    TCase *own = add_case(suite, "the child's own");

    tcase_add_loop_test(parents, a_pool_of_the_parents_says_so_and_is_freed, 0, WAYS_HERE);
    tcase_add_loop_test(parents, a_static_pool_is_destroyed_at_exit_in_both_processes, 0, 3);
    tcase_add_test(parents, what_the_parents_groups_hold_of_a_limit_is_free_in_the_child);
    tcase_add_loop_test(own, groups_pools_and_hooks_of_its_own_work_in_the_child, 0, WAYS_HERE);
    tcase_add_loop_test(own, a_child_of_a_process_without_other_threads_has_a_whole_team, 0, 2);
    tcase_add_test(own, a_child_of_a_child_works_too);
    if (!TEST_SANITIZED)
        tcase_add_test(own, at_any_moment);
    return run_suite(suite);
}
