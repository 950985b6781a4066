/* SPDX-License-Identifier: MIT */
/* group.h, "Crashes": the program's own signal handlers, and crashes that no guard covers. */
#include "tg_test.h"
#include "crashes.h"

static const int guarded[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { GUARDED = sizeof guarded / sizeof *guarded };

/* The program's own handlers, and what they have seen. */
static atomic_int caught, caught_signal;
static _Atomic(void *) caught_info;

static void catch_info(int number, siginfo_t *info, void *context)
{
    atomic_fetch_add(&caught, 1);
    atomic_store(&caught_signal, number);
    atomic_store(&caught_info, info != NULL && info->si_signo == number ? context : NULL);
}

static void catch_plain(int number)
{
    atomic_fetch_add(&caught, 1);
    atomic_store(&caught_signal, number);
}

/* All five signals have a handler of the program's, of one kind or the other. */
static void install_own(void)
{
    for (int i = 0; i < GUARDED; i++) {
        struct sigaction action = {.sa_flags = i % 2 ? SA_NODEFER : SA_SIGINFO | SA_RESTART};
        if (i % 2)
            action.sa_handler = catch_plain;
        else
            action.sa_sigaction = catch_info;
        sigemptyset(&action.sa_mask);
        sigaddset(&action.sa_mask, SIGWINCH);
        ck_assert_int_eq(sigaction(guarded[i], &action, NULL), 0);
    }
}

/* Whether the program's own handler stands there, with all that it was installed with. */
static bool is_own(int i)
{
    struct sigaction now;

    if (sigaction(guarded[i], NULL, &now) != 0)
        return false;
    if (sigismember(&now.sa_mask, SIGWINCH) != 1 || sigismember(&now.sa_mask, SIGUSR1) != 0)
        return false;
    if (i % 2)
        return now.sa_handler == catch_plain && (now.sa_flags & SA_NODEFER) &&
               !(now.sa_flags & (SA_SIGINFO | SA_ONSTACK));
    return now.sa_sigaction == catch_info && (now.sa_flags & SA_SIGINFO) &&
           (now.sa_flags & SA_RESTART) && !(now.sa_flags & (SA_NODEFER | SA_ONSTACK));
}

static int count_own(void)
{
    int own = 0;

    for (int i = 0; i < GUARDED; i++)
        own += is_own(i);
    return own;
}

struct look {
    struct blame *blame;
    int own; /* handlers that must be the program's while a task runs */
};

static int look_at_handlers(tg_task *self, void *arg, void *result)
{
    const struct look *look = arg;

    (void)self, (void)result;
    expect(look->blame, count_own() == look->own);
    return 0;
}

/* ---- Without and with a guard -------------------------------------------------------------- */

static void look_unguarded(struct blame *blame)
{
    struct look look = {blame, GUARDED};
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, look_at_handlers, 20, &look, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, count_own() == GUARDED);
    tg_group_destroy(g);
}

START_TEST(without_a_guard_the_programs_handlers_are_not_touched)
{
    install_own();
    at_place(_i, look_unguarded);
    ck_assert_int_eq(count_own(), GUARDED);
}
END_TEST

static int crash_at_random(tg_task *self, void *arg, void *result)
{
    const size_t *kinds = arg;
    size_t index = tg_task_index(self);

    (void)result;
    if (index % 3 == 0)
        crashes[index / 3 % *kinds].function();
    return 0;
}

static size_t kinds;

static void crash_guarded(struct blame *blame)
{
    struct look look = {blame, 0};

    for (int round = 0; round < 5; round++) {
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));
        tg_group_add_many(g, look_at_handlers, 10, &look, 0, NULL);
        tg_group_add_many(g, crash_at_random, 30, &kinds, 0, NULL);
        expect(blame, tg_group_run(g) == TG_CRASHED);
        expect(blame, report_of(g).crashed == 10);
        tg_group_destroy(g);
    }
}

START_TEST(after_the_last_guarded_run_the_programs_handlers_stand_again)
{
    kinds = crashes_prepare();
    install_own();
    at_place(_i, crash_guarded);
    ck_assert_int_eq(count_own(), GUARDED);
    ck_assert_int_eq(caught, 0); /* no task's crash has come to them */
    at_place(_i, look_unguarded);
}
END_TEST

/* ---- What is no task's ---------------------------------------------------------------------- */

/* A thread that is no task's raises all of them while a guarded group runs. */
struct raiser {
    struct blame *blame;
    atomic_int running, done;
};

static void *raise_all(void *arg)
{
    struct raiser *raiser = arg;

    wait_until(atomic_load(&raiser->running));
    for (int i = 0; i < GUARDED; i++) {
        atomic_store(&caught_info, NULL);
        expect(raiser->blame, raise(guarded[i]) == 0);
        expect(raiser->blame, atomic_load(&caught) == i + 1);
        expect(raiser->blame, atomic_load(&caught_signal) == guarded[i]);
        if (i % 2 == 0)
            expect(raiser->blame, atomic_load(&caught_info) != NULL);
    }
    atomic_store(&raiser->done, 1);
    return NULL;
}

static int run_until_raised(tg_task *self, void *arg, void *result)
{
    struct raiser *raiser = arg;

    (void)self, (void)result;
    expect(raiser->blame, count_own() == 0); /* the library's stand there */
    atomic_store(&raiser->running, 1);
    wait_until(atomic_load(&raiser->done));
    return 0;
}

START_TEST(what_other_threads_raise_comes_to_the_programs_handlers)
{
    struct blame blame = {0};
    struct raiser raiser = {.blame = &blame};
    pthread_t thread;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));

    install_own();
    tg_group_add(g, run_until_raised, &raiser);
    ck_assert_int_eq(pthread_create(&thread, NULL, raise_all, &raiser), 0);
    assert_status(tg_group_run(g), TG_OK);
    pthread_join(thread, NULL);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(caught, GUARDED);
    ck_assert_int_eq(count_own(), GUARDED);
    tg_group_destroy(g);
}
END_TEST

static int raise_in_body(tg_group *group, void *user)
{
    (void)group;
    for (int i = 0; i < GUARDED; i++)
        expect((struct blame *)user, raise(guarded[i]) == 0);
    return 0;
}

static int raise_in_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)outcome;
    return raise_in_body(group, user);
}

START_TEST(bodies_and_callbacks_are_not_guarded)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_GUARD, .on_done = raise_in_done, .user = &blame));

    install_own();
    tg_group_add_many(g, task_count, 3, NULL, 0, NULL);
    assert_status(tg_group_scope(g, raise_in_body, &blame), TG_OK);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(caught, 4 * GUARDED);
    ck_assert_int_eq(count_own(), GUARDED);
    tg_group_destroy(g);
}
END_TEST

static int raise_unguarded(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    expect((struct blame *)arg, raise(SIGFPE) == 0);
    return 0;
}

START_TEST(a_crash_in_a_group_without_guard_comes_to_the_programs_handler)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(NULL);

    install_own();
    tg_group_add(g, raise_unguarded, &blame);
    assert_status(tg_group_run(g), TG_OK);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(caught, 1);
    tg_group_destroy(g);
}
END_TEST

static int raise_ignored(tg_group *group, void *user)
{
    (void)group;
    expect((struct blame *)user, raise(SIGFPE) == 0);
    return 0;
}

START_TEST(what_the_program_ignores_is_ignored_outside_of_tasks)
{
    struct blame blame = {0};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));

    signal(SIGFPE, SIG_IGN);
    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_scope(g, raise_ignored, &blame), TG_OK);
    assert_blameless(&blame, "serial code");
    ck_assert(signal(SIGFPE, SIG_DFL) == SIG_IGN);
    tg_group_destroy(g);
}
END_TEST

/* A thread that has an alternate signal stack keeps it. */
static void crash_with_stack(struct blame *blame)
{
    static _Thread_local char own[1 << 16];
    stack_t mine = {.ss_sp = own, .ss_size = sizeof own}, before, after;

    expect(blame, sigaltstack(&mine, &before) == 0);
    crash_guarded(blame);
    expect(blame, sigaltstack(&before, &after) == 0);
    expect(blame, after.ss_sp == own);
    expect(blame, after.ss_size == sizeof own);
}

START_TEST(a_thread_keeps_the_signal_stack_that_it_has)
{
    kinds = crashes_prepare();
    at_place(PLACE_SERIAL, crash_with_stack);
    at_place(PLACE_PTHREADS, crash_with_stack);
}
END_TEST

/* ---- The end of the process ---------------------------------------------------------------- */

static int crash_0(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return crashes[0].function();
}

static int body_crashes(tg_group *group, void *user)
{
    (void)group, (void)user;
    return crashes[0].function();
}

static int done_crashes(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome, (void)user;
    return crashes[0].function();
}

static void *thread_crashes(void *arg)
{
    (void)arg;
    crashes[0].function();
    return NULL;
}

static int task_crashes_in_thread(tg_task *self, void *arg, void *result)
{
    pthread_t thread;

    (void)self, (void)arg, (void)result;
    pthread_create(&thread, NULL, thread_crashes, NULL);
    pthread_join(thread, NULL);
    return 0;
}

/* By default: each of these ends the process, by its signal. */
START_TEST(a_crash_that_no_guard_covers_ends_the_process)
{
    unsigned flags = _i == 0 ? 0 : TG_GROUP_GUARD;
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = flags | TG_GROUP_KEEP_GOING, .on_done = _i == 2 ? done_crashes : NULL));

    crashes_prepare();
    signal(SIGABRT, SIG_DFL);
    if (_i == 0)
        tg_group_add(g, crash_0, NULL);
    if (_i == 2)
        tg_group_add(g, task_count, NULL);
    if (_i == 3)
        tg_group_add(g, task_crashes_in_thread, NULL);
    if (_i == 1)
        (void)tg_group_scope(g, body_crashes, NULL);
    else
        (void)tg_group_run(g);
}
END_TEST
enum { UNCOVERED = 4 };

int main(void)
{
    Suite *suite = suite_create("crash_handlers");
    TCase *handlers = add_case(suite, "handlers");
    TCase *others = add_case(suite, "what is no task's");
    TCase *ends = add_case(suite, "the end of the process");

    tcase_add_loop_test(handlers, without_a_guard_the_programs_handlers_are_not_touched, 0, PLACES);
    tcase_add_loop_test(
        handlers, after_the_last_guarded_run_the_programs_handlers_stand_again, 0, PLACES);
    tcase_add_test(others, what_other_threads_raise_comes_to_the_programs_handlers);
    tcase_add_test(others, bodies_and_callbacks_are_not_guarded);
    tcase_add_test(others, a_crash_in_a_group_without_guard_comes_to_the_programs_handler);
    tcase_add_test(others, what_the_program_ignores_is_ignored_outside_of_tasks);
    tcase_add_test(others, a_thread_keeps_the_signal_stack_that_it_has);
    tcase_add_loop_test_raise_signal(
        ends, a_crash_that_no_guard_covers_ends_the_process, SIGABRT, 0, UNCOVERED);
    return run_suite(suite);
}
