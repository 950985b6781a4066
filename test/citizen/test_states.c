/* SPDX-License-Identifier: MIT */
/*
 * What a thread has beside its stack, in tasks that change it: rounding and flush to zero, signal mask, handlers and
 * signal stack, errno, working directory, the C library's random numbers. The group goes on; who runs it finds
 * floating point as it was.
 */
#include "../unit/tg_test.h"
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <signal.h>
#include <unistd.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

enum { TASKS = 200 };

/* ---- Floating point ---------------------------------------------------------------------------- */

/* Modes, and what arithmetic says of the calling thread's: fegetround() looks at the x87 unit on x86-64. */
enum mode { NEAREST, UPWARD, DOWNWARD, TO_ZERO, FLUSHING, MODES };

static void set_mode(enum mode mode)
{
    static const int rounding[MODES] = {
        FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};

    fesetround(rounding[mode]);
#ifdef __SSE__
    _mm_setcsr((_mm_getcsr() & ~0x8000u) | (mode == FLUSHING ? 0x8000u : 0));
#endif
}

/* A tenth is rounded up to the nearest. */
static enum mode mode_now(void)
{
    volatile double one = 1, minus_one = -1, ten = 10, tiny = DBL_MIN, two = 2;
    bool up = one / ten == 0x1.999999999999ap-4, away = minus_one / ten == -0x1.999999999999ap-4;

    if (up && away)
        return tiny / two == 0 ? FLUSHING : NEAREST;
    return up ? UPWARD : away ? DOWNWARD : TO_ZERO;
}

static bool has_mode(enum mode mode)
{
#ifndef __SSE__
    mode = mode == FLUSHING ? NEAREST : mode; /* not known how */
#endif
    return mode_now() == mode;
}

struct look {
    struct blame *blame;
    enum mode wanted, left; /* a task finds the one, and leaves the other behind */
};

static int task_looks(tg_task *self, void *arg, void *result)
{
    const struct look *look = arg;

    (void)self, (void)result;
    expect(look->blame, has_mode(look->wanted));
    return 0;
}

static int task_nests(tg_task *self, void *arg, void *result)
{
    struct look *look = arg, inner = {look->blame, (look->wanted + 1) % MODES, NEAREST};
    tg_group *g = tg_group_create(NULL);

    (void)self, (void)result;
    set_mode(inner.wanted);
    tg_group_add_many(g, task_looks, 20, &inner, 0, NULL);
    expect(look->blame, tg_group_run(g) == TG_OK);
    expect(look->blame, has_mode(inner.wanted));
    tg_group_destroy(g);
    set_mode(look->wanted); /* as a task must: others follow on this thread */
    return 0;
}

static void run_looks(struct blame *blame, tg_task_fn *function, enum mode mode)
{
    struct look look = {blame, mode, mode};
    tg_group *g = tg_group_create(NULL);

    set_mode(mode);
    tg_group_add_many(g, function, TASKS, &look, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, has_mode(mode));
    tg_group_destroy(g);
    set_mode(NEAREST);
}

/* All one after another: the team's threads are there from the second on. */
static void look_at_modes(struct blame *blame)
{
    for (enum mode mode = 0; mode < MODES; mode++) {
        run_looks(blame, task_looks, mode);
        run_looks(blame, task_nests, mode);
    }
}

START_TEST(rounding_and_flush_to_zero_of_who_runs_a_group_hold_in_its_tasks)
{
    at_place(_i, look_at_modes);
}
END_TEST

START_TEST(they_hold_over_a_pool_too)
{
    struct blame blame = {0};
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));

    for (enum mode mode = 0; mode < MODES; mode++) {
        struct look look = {&blame, mode, mode};
        tg_group *g = tg_group_create(TG_GROUP(.pool = pool));
        set_mode(mode);
        tg_group_add_many(g, task_looks, TASKS, &look, 0, NULL);
        assert_status(tg_group_run(g), TG_OK);
        ck_assert(has_mode(mode));
        set_mode(NEAREST);
        tg_group_destroy(g);
    }
    tg_pool_destroy(pool);
    assert_blameless(&blame, "a pool");
}
END_TEST

/* Others that follow in the same group on the same thread may see it: nobody looks there. */
static int task_leaves_mode(tg_task *self, void *arg, void *result)
{
    const struct look *look = arg;

    (void)self, (void)result;
    set_mode(look->left);
    return 0;
}

static void leave_modes(struct blame *blame)
{
    for (enum mode mode = 0; mode < MODES; mode++) {
        struct look look = {blame, NEAREST, mode};
        tg_group *g = tg_group_create(NULL);
        tg_group_add_many(g, task_leaves_mode, TASKS, &look, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, has_mode(NEAREST));
        tg_group_destroy(g);
        run_looks(blame, task_looks, NEAREST);
    }
}

START_TEST(what_tasks_leave_behind_does_not_reach_the_caller_nor_the_next_group)
{
    at_place(_i, leave_modes);
}
END_TEST

/* ---- Signals ----------------------------------------------------------------------------------- */

static atomic_int caught;

static void catch (int number)
{
    (void)number;
    atomic_fetch_add(&caught, 1);
}

static void install(int number, void (*handler)(int), struct sigaction *before)
{
    struct sigaction action = {.sa_handler = handler};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, before);
}

static struct sigaction library;

static int task_puts_its_own(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    install(SIGFPE, SIG_IGN, &library);
    return 0;
}

static int body_raises(tg_group *group, void *user)
{
    (void)group, (void)user;
    return raise(SIGFPE);
}

static int task_raises(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

/* Libraries do that: keep the handler that they find, put their own in its place, later put it back. */
START_TEST(who_puts_the_librarys_handler_back_after_the_run_gets_his_own_signals_all_the_same)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));

    install(SIGFPE, catch, NULL);
    tg_group_add(g, task_puts_its_own, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    sigaction(SIGFPE, &library, NULL); /* the library's, which has gone meanwhile */
    ck_assert_int_eq(raise(SIGFPE), 0);
    ck_assert_int_eq(atomic_load(&caught), 1);
    for (int round = 0; round < 3; round++) {
        atomic_store(&caught, 0);
        g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));
        tg_group_add(g, task_raises, NULL);
        assert_status(tg_group_scope(g, body_raises, NULL), TG_CRASHED);
        ck_assert_uint_eq(report_of(g).crashed, 1);
        ck_assert_int_eq(atomic_load(&caught), 1); /* the body's */
        tg_group_destroy(g);
    }
    ck_assert_int_eq(raise(SIGFPE), 0);
    ck_assert_int_eq(atomic_load(&caught), 2);
}
END_TEST

/* The same with signals that stop a context. */
START_TEST(who_puts_the_librarys_handler_for_sigusr1_back_gets_his_own_signals_all_the_same)
{
    tg_context *context;

    install(SIGUSR1, catch, NULL);
    context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1));
    install(SIGUSR1, SIG_IGN, &library);
    tg_context_destroy(context);
    sigaction(SIGUSR1, &library, NULL);
    for (int round = 0; round < 3; round++) {
        atomic_store(&caught, 0);
        context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1));
        ck_assert_int_eq(raise(SIGUSR1), 0);
        assert_status(tg_context_check(context), TG_CANCELLED);
        ck_assert_int_eq(atomic_load(&caught), 0);
        ck_assert_int_eq(raise(SIGUSR1), 0);
        ck_assert_int_eq(atomic_load(&caught), 1); /* nobody is live any more */
        tg_context_destroy(context);
    }
}
END_TEST

static char own_stack[1 << 16];

static int task_makes_a_stack(tg_task *self, void *arg, void *result)
{
    stack_t mine = {.ss_sp = own_stack, .ss_size = sizeof own_stack};

    (void)self, (void)result;
    expect((struct blame *)arg, sigaltstack(&mine, NULL) == 0);
    return 0;
}

START_TEST(a_thread_keeps_the_signal_stack_that_a_task_has_made)
{
    struct blame blame = {0};
    stack_t now, none = {.ss_flags = SS_DISABLE};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD, .threads = 1));

    sigaltstack(&none, NULL); /* sanitizers have made one */
    tg_group_add(g, task_makes_a_stack, &blame);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(sigaltstack(NULL, &now), 0);
    ck_assert_ptr_eq(now.ss_sp, own_stack);
    ck_assert_int_eq(now.ss_flags & SS_DISABLE, 0);
    sigaltstack(&none, NULL);
}
END_TEST

/* ---- And the rest ------------------------------------------------------------------------------- */

/* All that a task can leave behind on its thread and in its process, and still return. */
static int task_is_nasty(tg_task *self, void *arg, void *result)
{
    sigset_t all;

    (void)result;
    errno = EIO;
    sigfillset(&all);
    sigdelset(&all, SIGALRM); /* with it Check kills a test that hangs */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    expect((struct blame *)arg, chdir("/") == 0);
    set_mode((enum mode)(tg_task_index(self) % MODES));
    setenv("OMP_NUM_THREADS", "garbage", 1);
    setenv("OMP_STACKSIZE", "-1", 1);
    omp_set_num_threads(1 + (int)tg_task_index(self) % 4);
    omp_set_max_active_levels(1);
    omp_set_dynamic(tg_task_index(self) % 2 == 0);
    return tg_task_index(self) % 7 == 0 ? tg_task_sleep(self, 1e-3) : 0;
}

static void be_nasty(struct blame *blame)
{
    for (int round = 0; round < 3; round++) {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = 8));
        tg_group_add_many(g, task_is_nasty, TASKS, blame, 0, NULL);
        tg_group_add_with(g, task_is_nasty, blame, TG_TASK(.timeout = 3600, .attempts = 2), NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, report_of(g).ok == TASKS + 1);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(groups_go_on_after_tasks_that_change_whatever_they_can)
{
    struct blame blame = {0};
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));

    at_place(_i, be_nasty);
    for (int i = 0; i < TASKS; i++)
        assert_status(tg_pool_submit(pool, task_is_nasty, &blame, NULL, NULL), TG_OK);
    assert_status(tg_pool_close(pool, TG_FOREVER, NULL), TG_OK);
    tg_pool_destroy(pool);
    assert_blameless(&blame, "a pool");
}
END_TEST

static int task_fails_thrice(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) < 4 ? 1 : 0;
}

/* The jitter of a backoff, hashes, the choice of victims: none of them touches what the program draws from. */
START_TEST(the_programs_random_numbers_go_on_as_if_the_library_were_not_there)
{
    int numbers[20];
    long more[20];
    double real[20];

    for (int round = 0; round < 2; round++) {
        srand(4711);
        srandom(4711);
        srand48(4711);
        for (int i = 0; i < 20; i++) {
            tg_group *g = tg_group_create(NULL);
            tg_group_add_many(g, task_fails_thrice, round == 1 ? 20u : 0u, NULL, 0,
                TG_TASK(.attempts = 4, .backoff = 1e-5, .backoff_max = 2e-5));
            assert_status(tg_group_run(g), TG_OK);
            tg_group_destroy(g);
            if (round == 0) {
                numbers[i] = rand();
                more[i] = random();
                real[i] = drand48();
            } else {
                ck_assert_int_eq(numbers[i], rand());
                ck_assert_int_eq(more[i], random());
                ck_assert(real[i] == drand48());
            }
        }
    }
}
END_TEST

/* ---- Reproducible ------------------------------------------------------------------------------- */

/* A generator keyed by the index, and some arithmetic. */
static int task_draws(tg_task *self, void *arg, void *result)
{
    uint64_t x = 0x9E3779B97F4A7C15u * (tg_task_index(self) + 1);
    double sum = 0;

    (void)arg;
    for (int i = 0; i < 50; i++) {
        x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
        sum += 1 / (1 + (double)(x >> 11));
    }
    *(double *)result = sum;
    return tg_task_attempt(self) < 1 + (int)(x % 2) ? 1 : 0;
}

START_TEST(results_by_index_do_not_depend_on_the_size_of_the_team)
{
    static const int sizes[] = {1, 2, 3, 8};
    static double first[TASKS * 5];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * 3; i++) {
        tg_group *g =
            tg_group_create(TG_GROUP(.threads = sizes[i / 3], .result_size = sizeof(double),
                .grainsize = i % 3 == 1 ? TG_GRAIN_AUTO : 1, .limit = i % 3 == 2 ? 2 : 0));
        tg_group_add_many(g, task_draws, TASKS * 5, NULL, 0,
            TG_TASK(.attempts = 2, .priority = i % 3 == 2 ? (int)i : 0));
        assert_status(tg_group_run(g), TG_OK);
        if (i == 0)
            memcpy(first, tg_group_results(g), sizeof first);
        ck_assert_int_eq(memcmp(first, tg_group_results(g), sizeof first), 0);
        tg_group_destroy(g);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("states");
    TCase *floats = add_case(suite, "floating point");
    TCase *signals = add_case(suite, "signals");
    TCase *rest = add_case(suite, "the rest");

    tcase_add_loop_test(
        floats, rounding_and_flush_to_zero_of_who_runs_a_group_hold_in_its_tasks, 0, PLACES);
    tcase_add_test(floats, they_hold_over_a_pool_too);
    tcase_add_loop_test(
        floats, what_tasks_leave_behind_does_not_reach_the_caller_nor_the_next_group, 0, PLACES);
    tcase_add_test(signals,
        who_puts_the_librarys_handler_back_after_the_run_gets_his_own_signals_all_the_same);
    tcase_add_test(
        signals, who_puts_the_librarys_handler_for_sigusr1_back_gets_his_own_signals_all_the_same);
    tcase_add_test(signals, a_thread_keeps_the_signal_stack_that_a_task_has_made);
    tcase_add_loop_test(rest, groups_go_on_after_tasks_that_change_whatever_they_can, 0, PLACES);
    tcase_add_test(rest, the_programs_random_numbers_go_on_as_if_the_library_were_not_there);
    tcase_add_test(rest, results_by_index_do_not_depend_on_the_size_of_the_team);
    return run_suite(suite);
}
