/* SPDX-License-Identifier: MIT */
/* context.h: hooks: once when the context ends, whatever ends it. */
#include "tg_test.h"
#include "bell.h"
#include <signal.h>
#include <time.h>

/* ---- Once ---------------------------------------------------------------------------------- */

START_TEST(a_hook_fires_once_on_the_first_cancel)
{
    struct bell bell = BELL;
    tg_context *context = tg_context_create(NULL);
    tg_hook *hook = tg_context_hook(context, ring, &bell);

    ck_assert_ptr_nonnull(hook);
    flush();
    ck_assert_int_eq(rings_of(&bell), 0);
    tg_context_cancel(context, 1, "the first");
    await(&bell, 1);
    tg_context_cancel(context, 2, "the second");
    flush();
    ck_assert_int_eq(rings_of(&bell), 1);
    tg_hook_remove(hook);
    ck_assert_int_eq(rings_of(&bell), 1);
    tg_context_destroy(context);
}
END_TEST

START_TEST(a_hook_fires_at_the_deadline_though_nobody_asks)
{
    struct bell own = BELL, above = BELL;
    tg_context *parent = tg_context_create(TG_CONTEXT(.timeout = 0.02));
    tg_context *child = tg_context_create(TG_CONTEXT(.parent = parent, .timeout = 1000));
    tg_hook *first = tg_context_hook(child, ring, &above);
    tg_hook *second = tg_context_hook(parent, ring, &own);

    await(&above, 1);
    await(&own, 1);
    assert_status(tg_context_check(child), TG_TIMED_OUT);
    tg_context_cancel(parent, 1, "too late");
    flush();
    ck_assert_int_eq(rings_of(&own), 1);
    ck_assert_int_eq(rings_of(&above), 1);
    tg_hook_remove(first);
    tg_hook_remove(second);
    tg_context_destroy(child);
    tg_context_destroy(parent);
}
END_TEST

START_TEST(deadlines_fire_their_hooks_whatever_the_order_they_were_made_in)
{
    static const double times[] = {1000, 0.03, 0.01, 1e-9, 0.02, INFINITY, 0.01};
    enum { COUNT = sizeof times / sizeof *times };
    struct bell bells[COUNT];
    tg_context *contexts[COUNT];
    tg_hook *hooks[COUNT];

    for (int i = 0; i < COUNT; i++) {
        bells[i] = (struct bell)BELL;
        contexts[i] = tg_context_create(TG_CONTEXT(.timeout = times[i]));
        hooks[i] = tg_context_hook(contexts[i], ring, &bells[i]);
        ck_assert_ptr_nonnull(hooks[i]);
    }
    for (int i = 0; i < COUNT; i++)
        if (times[i] < 1)
            await(&bells[i], 1);
    flush();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(rings_of(&bells[i]), times[i] < 1);
        tg_hook_remove(hooks[i]);
        tg_context_destroy(contexts[i]);
    }
}
END_TEST

START_TEST(a_cancel_above_fires_it_and_one_below_or_aside_does_not)
{
    struct bell bells[4] = {BELL, BELL, BELL, BELL};
    tg_context *root = tg_context_create(NULL);
    tg_context *middle = tg_context_create(TG_CONTEXT(.parent = root));
    tg_context *leaf = tg_context_create(TG_CONTEXT(.parent = middle));
    tg_context *aside = tg_context_create(TG_CONTEXT(.parent = root));
    tg_hook *hooks[] = {tg_context_hook(root, ring, &bells[0]),
        tg_context_hook(middle, ring, &bells[1]), tg_context_hook(leaf, ring, &bells[2]),
        tg_context_hook(aside, ring, &bells[3])};

    tg_context_cancel(middle, 1, NULL);
    await(&bells[1], 1);
    await(&bells[2], 1);
    flush();
    ck_assert_int_eq(rings_of(&bells[0]), 0);
    ck_assert_int_eq(rings_of(&bells[3]), 0);
    tg_context_cancel(root, 2, NULL);
    await(&bells[0], 1);
    await(&bells[3], 1);
    flush();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(rings_of(&bells[i]), 1);
        tg_hook_remove(hooks[i]);
    }
    tg_context_destroy(leaf);
    tg_context_destroy(middle);
    tg_context_destroy(aside);
    tg_context_destroy(root);
}
END_TEST

START_TEST(a_cancel_fires_all_hooks_and_each_with_its_own_user)
{
    enum { COUNT = 500 };
    static struct bell bells[COUNT];
    static tg_hook *hooks[COUNT];
    tg_context *root = tg_context_create(NULL);
    tg_context *leaf = tg_context_create(TG_CONTEXT(.parent = root));

    for (int i = 0; i < COUNT; i++) {
        bells[i] = (struct bell)BELL;
        hooks[i] = tg_context_hook(i % 2 == 0 ? root : leaf, ring, &bells[i]);
    }
    tg_context_cancel(root, 1, NULL);
    for (int i = 0; i < COUNT; i++)
        await(&bells[i], 1);
    flush();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(rings_of(&bells[i]), 1);
        tg_hook_remove(hooks[i]);
    }
    tg_context_destroy(leaf);
    tg_context_destroy(root);
}
END_TEST

START_TEST(a_hook_on_a_cancelled_context_fires_at_once_and_once)
{
    struct bell bell = BELL, late = BELL;
    tg_context *root = tg_context_create(NULL), *leaf, *past;
    tg_hook *hook, *other;

    tg_context_cancel(root, 1, NULL);
    leaf = tg_context_create(TG_CONTEXT(.parent = root));
    hook = tg_context_hook(leaf, ring, &bell);
    await(&bell, 1);
    past = tg_context_create(TG_CONTEXT(.timeout = 1e-9));
    wait_until(tg_context_check(past) == TG_TIMED_OUT);
    other = tg_context_hook(past, ring, &late);
    await(&late, 1);
    flush();
    ck_assert_int_eq(rings_of(&bell), 1);
    ck_assert_int_eq(rings_of(&late), 1);
    tg_hook_remove(hook);
    tg_hook_remove(other);
    tg_context_destroy(leaf);
    tg_context_destroy(root);
    tg_context_destroy(past);
}
END_TEST

static tg_context *to_cancel;

static void cancel_in_handler(int signal)
{
    tg_context_cancel(to_cancel, signal, "a signal came");
}

START_TEST(a_cancel_in_a_signal_handler_fires_hooks)
{
    struct bell bell = BELL;
    tg_hook *hook;

    to_cancel = tg_context_create(NULL);
    hook = tg_context_hook(to_cancel, ring, &bell);
    signal(SIGUSR1, cancel_in_handler);
    raise(SIGUSR1);
    await(&bell, 1);
    tg_hook_remove(hook);
    tg_context_destroy(to_cancel);
}
END_TEST

/* What a hook sees: never on the thread that cancels, signals blocked, in no task. */
struct sight {
    struct bell bell;
    tg_context *context;
    tg_task *task;
    tg_status status;
    int code;
    bool blocked;
};

static void look(void *user)
{
    struct sight *sight = user;
    const tg_error *cause = tg_context_cause(sight->context);
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    sight->blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1 &&
                     sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGALRM) == 1;
    sight->task = tg_task_current();
    sight->status = tg_context_check(sight->context);
    sight->code = cause == NULL ? 0 : cause->code;
    ring(&sight->bell);
}

static int cancel_what_is_seen(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    tg_context_cancel(((struct sight *)arg)->context, 8, NULL);
    return 0;
}

START_TEST(hooks_run_on_the_one_waiter_thread_with_signals_blocked_and_in_no_task)
{
    struct sight first = {.bell = BELL}, second = {.bell = BELL};
    struct sight *sights[] = {&first, &second};
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < 2; i++) {
        tg_hook *hook;
        sights[i]->context = tg_context_create(NULL);
        hook = tg_context_hook(sights[i]->context, look, sights[i]);
        tg_group_add(g, cancel_what_is_seen, sights[i]);
        assert_status(tg_group_run(g), TG_OK);
        await(&sights[i]->bell, 1);
        tg_hook_remove(hook);
        tg_context_destroy(sights[i]->context);
        ck_assert_ptr_null(sights[i]->task);
        ck_assert_int_eq(sights[i]->status, TG_CANCELLED);
        ck_assert_int_eq(sights[i]->code, 8);
        ck_assert(sights[i]->blocked);
        ck_assert(!pthread_equal(sights[i]->bell.thread, pthread_self()));
    }
    ck_assert(pthread_equal(first.bell.thread, second.bell.thread));
    tg_group_destroy(g);
}
END_TEST

static double processor_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The processor's time, not the clock's: a busy machine does not add to it. */
START_TEST(nobody_spins_while_a_deadline_is_far_away)
{
    static const double times[] = {1000, 1e9, 1e18, 1e300, INFINITY};
    const struct timespec a_moment = {0, 200000000};
    struct bell bell = BELL;
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = times[_i]));
    tg_hook *hook = tg_context_hook(context, ring, &bell);
    double before = processor_time();

    nanosleep(&a_moment, NULL);
    ck_assert(processor_time() - before < 0.1);
    ck_assert_int_eq(rings_of(&bell), 0);
    tg_context_cancel(context, 1, NULL);
    await(&bell, 1);
    tg_hook_remove(hook);
    tg_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hooks");
    TCase *once = add_case(suite, "once");

    tcase_add_test(once, a_hook_fires_once_on_the_first_cancel);
    tcase_add_test(once, a_hook_fires_at_the_deadline_though_nobody_asks);
    tcase_add_test(once, deadlines_fire_their_hooks_whatever_the_order_they_were_made_in);
    tcase_add_loop_test(once, nobody_spins_while_a_deadline_is_far_away, 0, 5);
    tcase_add_test(once, a_cancel_above_fires_it_and_one_below_or_aside_does_not);
    tcase_add_test(once, a_cancel_fires_all_hooks_and_each_with_its_own_user);
    tcase_add_test(once, a_hook_on_a_cancelled_context_fires_at_once_and_once);
    tcase_add_test(once, a_cancel_in_a_signal_handler_fires_hooks);
    tcase_add_test(once, hooks_run_on_the_one_waiter_thread_with_signals_blocked_and_in_no_task);
    return run_suite(suite);
}
