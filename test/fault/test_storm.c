/* SPDX-License-Identifier: MIT */
/*
 * Signals all the time, and all that groups and pools do meanwhile: everything ends, and ends as it would without
 * them. One handler cancels contexts. More rounds: TG_FAULT_ROUNDS=10000.
 */
#include "../unit/tg_test.h"

#include "../unit/pools.h"
#include "storm.h"

#include <semaphore.h>

enum { TASKS = 24, KINDS = 8 };

/* ---- Who completes tasks ------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        tg_group *group;
        size_t index;
    } left[4 * TASKS];
    size_t count;
    bool over;
} desk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int leave_it(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    pthread_mutex_lock(&desk.lock);
    desk.left[desk.count].group = tg_task_group(self);
    desk.left[desk.count++].index = tg_task_index(self);
    pthread_cond_signal(&desk.changed);
    pthread_mutex_unlock(&desk.lock);
    return tg_task_defer(self);
}

static void *complete_all(void *arg)
{
    struct blame *blame = arg;

    storm_stand_in_it();
    pthread_mutex_lock(&desk.lock);
    while (!desk.over) {
        while (desk.count > 0) {
            tg_group *group = desk.left[--desk.count].group;
            size_t index = desk.left[desk.count].index;
            pthread_mutex_unlock(&desk.lock);
            expect(blame, tg_group_complete(group, index, 0, NULL) == TG_OK);
            pthread_mutex_lock(&desk.lock);
        }
        if (!desk.over)
            pthread_cond_wait(&desk.changed, &desk.lock);
    }
    pthread_mutex_unlock(&desk.lock);
    return NULL;
}

/* ---- Tasks --------------------------------------------------------------------------------- */

static int stand_in_it(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    storm_stand_in_it();
    return 0;
}

static int doze(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-4);
}

/* As a user's code has to: a call that was interrupted goes on with the rest. */
static int nap_whole(tg_task *self, void *arg, void *result)
{
    struct timespec left = {.tv_nsec = 300000};

    (void)self, (void)arg, (void)result;
    storm_stand_in_it();
    while (nanosleep(&left, &left) != 0)
        if (errno != EINTR)
            return 1;
    return 0;
}

static int fail_once(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) == 1;
}

static int until_late(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static int run_below(tg_task *self, void *arg, void *result)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 2));
    tg_status status;

    (void)self, (void)arg, (void)result;
    tg_group_add_many(g, stand_in_it, 5, NULL, 0, NULL);
    tg_group_add_many(g, doze, 5, NULL, 0, NULL);
    status = tg_group_run(g);
    tg_group_destroy(g);
    return status != TG_OK;
}

/* ---- What goes on meanwhile ---------------------------------------------------------------- */

static void add_kind(struct blame *blame, tg_group *g, int kind)
{
    static const struct {
        tg_task_fn *function;
        tg_task_options options;
    } kinds[KINDS] = {{stand_in_it, {.size = sizeof(tg_task_options)}},
        {doze, {.size = sizeof(tg_task_options), .timeout = 1000}},
        {nap_whole, {.size = sizeof(tg_task_options)}},
        {fail_once, {.size = sizeof(tg_task_options), .attempts = 2, .backoff = 1e-4}},
        {leave_it, {.size = sizeof(tg_task_options)}},
        {stand_in_it, {.size = sizeof(tg_task_options), .delay = 2e-4}},
        {run_below, {.size = sizeof(tg_task_options)}},
        {until_late,
            {.size = sizeof(tg_task_options), .timeout = 2e-4, .flags = TG_TASK_OPTIONAL}}};

    expect(blame,
        tg_group_add_with(g, kinds[kind].function, NULL, &kinds[kind].options, NULL) == TG_OK);
}

static void expect_all_kinds(struct blame *blame, tg_group *g, tg_status status)
{
    tg_report report = report_of(g);

    expect(blame, status == TG_OK);
    expect(blame, report.timed_out == TASKS / KINDS && report.ok == TASKS - TASKS / KINDS);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void mixed(struct blame *blame)
{
    tg_limit *limit = tg_limit_create(5);
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit, .flags = TG_GROUP_TIMES));

    for (int i = 0; i < TASKS; i++)
        add_kind(blame, g, i % KINDS);
    expect_all_kinds(blame, g, tg_group_run(g));
    expect(blame, tg_limit_used(limit) == 0);
    tg_limit_destroy(limit);
}

static int add_in_body(tg_group *group, void *user)
{
    for (int i = 0; i < TASKS; i++)
        add_kind(user, group, i % KINDS);
    return 0;
}

static void scope(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.queue = 3));
    expect_all_kinds(blame, g, tg_group_scope(g, add_in_body, blame));
}

static void guarded(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));

    for (int i = 0; i < TASKS; i++)
        tg_group_add(g, i % 4 == 0 ? crash : nap_whole, NULL);
    expect(blame, tg_group_run(g) == TG_CRASHED);
    expect(blame, report_of(g).crashed == TASKS / 4 && report_of(g).ok == TASKS - TASKS / 4);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

/* The handler cancels it; all its tasks wait for that, and one for its hook. */
static void post(void *user)
{
    sem_post(user);
}

static int wait_for_hook(tg_task *self, void *arg, void *result)
{
    sem_t unblocked;
    tg_hook *hook;

    (void)arg, (void)result;
    sem_init(&unblocked, 0, 0);
    hook = tg_context_hook(tg_task_context(self), post, &unblocked);
    while (hook != NULL && sem_wait(&unblocked) != 0)
        if (errno != EINTR)
            return 1;
    tg_hook_remove(hook);
    sem_destroy(&unblocked);
    return hook == NULL || tg_task_check(self) != TG_CANCELLED;
}

static void cancelled(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_context *context = tg_group_context(g);

    tg_group_add(g, wait_for_hook, NULL);
    tg_group_add_many(g, task_until_told, TASKS, NULL, 0, NULL);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = 1000), NULL);
    storm_aim_at(context);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    storm_aim_at(NULL);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->code == 77);
    expect(blame, report_of(g).failed == 0);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void pool(struct blame *blame)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .queue = 4, .idle = 1e-3));
    tg_group *g = tg_group_create(TG_GROUP(.pool = pool));
    tg_task *tasks[TASKS];

    for (int i = 0; i < TASKS; i++)
        add_kind(blame, g, i % KINDS);
    expect(blame, tg_group_start(g) == TG_OK);
    for (int i = 0; i < TASKS; i++)
        submit_with(blame, pool, i % 2 == 0 ? doze : nap_whole, NULL, NULL, &tasks[i]);
    for (int i = 0; i < TASKS; i++)
        expect(blame, end_of(tasks[i]) == TG_OK);
    expect_all_kinds(blame, g, tg_group_wait(g, TG_FOREVER));
    expect(blame, finish(blame, pool).ok == TASKS);
}

static void (*const activities[])(struct blame *) = {mixed, scope, guarded, cancelled, pool};
enum { ACTIVITIES = sizeof activities / sizeof *activities };

START_TEST(in_a_storm_of_signals_everything_ends_as_it_would_without)
{
    const char *wanted = getenv("TG_FAULT_ROUNDS");
    long rounds = wanted != NULL ? strtol(wanted, NULL, 10) : 8;
    struct blame blame = {0};
    pthread_t completer;
    bool blown = false;

    storm_begin();
    ck_assert_int_eq(pthread_create(&completer, NULL, complete_all, &blame), 0);
    for (long i = 0; i < rounds || !blown; i++) {
        storm_have_child();
        activities[_i](&blame);
        blown = storm_alarms >= 20 && storm_children > 0 && storm_echoes > 0;
    }
    pthread_mutex_lock(&desk.lock);
    desk.over = true;
    pthread_cond_signal(&desk.changed);
    pthread_mutex_unlock(&desk.lock);
    pthread_join(completer, NULL);
    storm_end();
    assert_blameless(&blame, "a storm");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storm");
    TCase *all = add_case(suite, "activities");

    if (getenv("TG_FAULT_ROUNDS") != NULL)
        tcase_set_timeout(all, 600);
    tcase_add_loop_test(
        all, in_a_storm_of_signals_everything_ends_as_it_would_without, 0, ACTIVITIES);
    return run_suite(suite);
}
