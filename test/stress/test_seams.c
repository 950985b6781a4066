/* SPDX-License-Identifier: MIT */
/*
 * Where a group, its pool and a handle meet: a cancel beside the close, a start beside an add, handles that are used
 * beside the end of the pool that they came from. More rounds: TG_STRESS_ROUNDS.
 */
#include "../unit/tg_test.h"
#include "../unit/pools.h"
#include <time.h>

static int rounds(int usual)
{
    const char *wanted = getenv("TG_STRESS_ROUNDS");
    return wanted != NULL ? atoi(wanted) : TEST_SANITIZED ? usual / 4 : usual;
}

/* ---- A slow allocator: what an add does under the group's lock takes as long as wanted ---- */

static _Thread_local bool slow;

#if !TEST_SANITIZED
extern void *__libc_calloc(size_t count, size_t size); // NOLINT(bugprone-reserved-identifier)

void *calloc(size_t count, size_t size)
{
    if (slow)
        nap_for(0.005);
    return __libc_calloc(count, size);
}
#endif

struct start_add {
    struct blame *blame;
    tg_group *group;
    atomic_bool go;
    atomic_int ran;
};

static void *add_slowly(void *arg)
{
    struct start_add *pair = arg;
    wait_until(atomic_load(&pair->go));
    slow = true;
    expect(pair->blame, tg_group_add(pair->group, task_count, &pair->ran) == TG_OK);
    slow = false;
    return NULL;
}

/* The 17th needs a new block: the add has seen that no team is there, and publishes its task when the team has looked. */
START_TEST(an_add_beside_a_start_is_run_or_kept)
{
    struct blame blame = {0};
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .idle = TG_FOREVER));
    for (int i = 0; i < rounds(300); i++) {
        struct start_add pair = {.blame = &blame, .group = tg_group_create(TG_GROUP(.pool = p))};
        pthread_t thread;
        for (int k = 0; k < 16; k++)
            tg_group_add(pair.group, task_count, &pair.ran);
        ck_assert(pthread_create(&thread, NULL, add_slowly, &pair) == 0);
        atomic_store(&pair.go, true);
        for (volatile int n = i * 37 % 8000; n > 0; n--)
            ;
        ck_assert_int_eq(tg_group_start(pair.group), TG_OK);
        ck_assert_int_eq(tg_group_wait(pair.group, TG_FOREVER), TG_OK);
        pthread_join(thread, NULL);
        ck_assert_int_eq(tg_group_run(pair.group), TG_OK); /* what came late */
        ck_assert_int_eq(atomic_load(&pair.ran), 17);
        tg_group_destroy(pair.group);
    }
    finish(&blame, p);
    assert_blameless(&blame, "a start");
}
END_TEST

/* ---- Cancel and close ---- */

static int sleep_long(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    return tg_task_sleep(self, 1000);
}

static int sleep_short(tg_task *self, void *arg, void *result)
{
    (void)result;
    atomic_fetch_add((atomic_int *)arg, 1);
    return tg_task_sleep(self, 0.0001);
}

enum { HANDLES = 4000 };

struct handles {
    tg_task *task[HANDLES];
    atomic_bool go;
    bool backward, releases;
};

static void *cancel_all(void *arg)
{
    struct handles *handles = arg;
    wait_until(atomic_load(&handles->go));
    for (int i = 0; i < HANDLES; i++) {
        tg_task *task = handles->task[handles->backward ? HANDLES - 1 - i : i];
        tg_outcome outcome = {.size = sizeof outcome};
        (void)tg_task_cancel(task);
        (void)tg_task_outcome(task, &outcome);
        (void)tg_task_wait(task, 0);
        if (handles->releases)
            tg_task_release(task);
    }
    return NULL;
}

/* All of them sleep, wait for their time, or lie in the queue when both come. */
static void fill(tg_pool *p, struct handles *handles, atomic_int *started)
{
    int asleep = 0;
    for (int i = 0; i < HANDLES; i++) {
        tg_status status;
        if (i % 8 == 6)
            status =
                tg_pool_submit(p, task_count, started, TG_TASK(.delay = 1000), &handles->task[i]);
        else if (i % 8 == 7)
            status = tg_pool_submit(
                p, sleep_short, started, TG_TASK(.period = 0.0001), &handles->task[i]);
        else
            status =
                tg_pool_submit(p, sleep_long, started, TG_TASK(.timeout = 5000), &handles->task[i]);
        ck_assert_int_eq(status, TG_OK);
        asleep += i % 8 < 6;
    }
    wait_until(atomic_load(started) >= asleep);
}

START_TEST(a_cancel_beside_a_close_takes_each_task_once)
{
    for (int i = 0; i < rounds(12); i++) {
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .limit = 1000000));
        static struct handles handles;
        atomic_int started = 0;
        size_t abandoned;
        pthread_t thread;
        handles = (struct handles){.backward = i % 2};
        fill(p, &handles, &started);
        ck_assert(pthread_create(&thread, NULL, cancel_all, &handles) == 0);
        atomic_store(&handles.go, true);
        for (volatile int n = i * 20011 % 300000; n > 0; n--)
            ;
        tg_pool_close(p, 0, &abandoned);
        pthread_join(thread, NULL);
        tg_pool_numbers n = numbers_of(p);
        ck_assert_msg(is_over(&n) && n.submitted == HANDLES,
            "submitted %zu, ok %zu, failed %zu, cancelled %zu, abandoned %zu, pending %zu, queued "
            "%zu",
            n.submitted, n.ok, n.failed, n.cancelled, n.abandoned, n.pending, n.queued);
        for (int k = 0; k < HANDLES; k++)
            tg_task_release(handles.task[k]);
        tg_pool_destroy(p);
    }
}
END_TEST

/* A handle outlives its pool: whatever is asked of it beside the destroy is answered. */
START_TEST(handles_are_used_beside_the_end_of_their_pool)
{
    for (int i = 0; i < rounds(12); i++) {
        tg_pool *p = tg_pool_create(TG_POOL(.threads = 2, .limit = 1000000));
        static struct handles handles;
        atomic_int started = 0;
        pthread_t thread;
        handles = (struct handles){.backward = i % 2, .releases = true};
        fill(p, &handles, &started);
        ck_assert(pthread_create(&thread, NULL, cancel_all, &handles) == 0);
        atomic_store(&handles.go, true);
        for (volatile int n = i * 20011 % 300000; n > 0; n--)
            ;
        tg_pool_destroy(p);
        pthread_join(thread, NULL);
    }
}
END_TEST

/* ---- Numbers ---- */

static int stand_at_gate(tg_task *self, void *arg, void *result)
{
    return stand(self, arg, result);
}

START_TEST(a_sleeping_task_that_is_cancelled_after_its_pool_has_stopped_counts_once)
{
    struct gate gate = GATE;
    tg_context *c = tg_context_create(NULL);
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 4, .context = c));
    tg_task *sleeper, *standing;
    atomic_int started = 0;
    ck_assert_int_eq(tg_pool_submit(p, sleep_long, &started, NULL, &sleeper), TG_OK);
    ck_assert_int_eq(tg_pool_submit(p, stand_at_gate, &gate, NULL, &standing), TG_OK);
    gate_await(&gate, 1);
    wait_until(numbers_of(p).pending == 1);
    tg_context_cancel(c, 0, NULL);
    for (int i = 0; i < 5; i++) /* its threads look */
        nap();
    tg_task_cancel(sleeper);
    tg_pool_numbers n = numbers_of(p);
    ck_assert_msg(n.pending == 0, "pending %zu", n.pending);
    ck_assert(n.queued == 0 && n.cancelled == 1);
    gate_open(&gate);
    ck_assert_int_eq(end_of(standing), TG_OK);
    ck_assert_int_eq(end_of(sleeper), TG_CANCELLED);
    tg_pool_destroy(p);
    tg_context_destroy(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seams");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, an_add_beside_a_start_is_run_or_kept);
    tcase_add_test(tcase, a_cancel_beside_a_close_takes_each_task_once);
    tcase_add_test(tcase, handles_are_used_beside_the_end_of_their_pool);
    tcase_add_test(tcase, a_sleeping_task_that_is_cancelled_after_its_pool_has_stopped_counts_once);
    return run_suite(suite);
}
