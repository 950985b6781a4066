/* SPDX-License-Identifier: MIT */
/* context.h, `.signals`: the first one cancels, the next one is the program's, and all is given back. */
#include "tg_test.h"
#include "handlers.h"
#include <sys/wait.h>
#include <unistd.h>

static const struct bound {
    int number;
    unsigned bit;
} bounds[] = {{SIGINT, TG_SIGNAL_INT}, {SIGTERM, TG_SIGNAL_TERM}, {SIGUSR1, TG_SIGNAL_USR1},
    {SIGUSR2, TG_SIGNAL_USR2}};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

static volatile sig_atomic_t last_sender;

static void old_action(int number, siginfo_t *info, void *ucontext)
{
    calls++;
    last_number = number;
    last_sender = info == NULL || info->si_signo != number || ucontext == NULL ? -1 : info->si_pid;
}

/* ---- First and second ---------------------------------------------------------------------- */

START_TEST(the_first_signal_cancels_the_second_is_the_programs_and_after_destroy_all_are)
{
    int number = bounds[_i].number;
    tg_context *context;

    install(number, old_handler);
    context = bind_to(bounds[_i].bit);
    assert_status(tg_context_check(context), TG_OK);
    ck_assert(!is_installed(number, old_handler));
    raise(number);
    assert_signalled(context, number);
    ck_assert_int_eq(calls, 0);
    raise(number);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(last_number, number);
    assert_signalled(context, number);
    tg_context_destroy(context);
    ck_assert(is_installed(number, old_handler));
    raise(number);
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(only_the_signals_that_were_asked_for_are_taken)
{
    unsigned all = TG_SIGNAL_INT | TG_SIGNAL_TERM | TG_SIGNAL_USR1 | TG_SIGNAL_USR2;
    tg_context *context;

    for (int i = 0; i < BOUNDS; i++)
        install(bounds[i].number, old_handler);
    context = bind_to(all & ~bounds[_i].bit);
    ck_assert(is_installed(bounds[_i].number, old_handler));
    raise(bounds[_i].number);
    ck_assert_int_eq(calls, 1);
    assert_status(tg_context_check(context), TG_OK);
    raise(bounds[(_i + 1) % BOUNDS].number);
    raise(bounds[(_i + 2) % BOUNDS].number); /* another signal, but none is live any more */
    ck_assert_int_eq(calls, 2);
    assert_signalled(context, bounds[(_i + 1) % BOUNDS].number);
    tg_context_destroy(context);
    for (int i = 0; i < BOUNDS; i++)
        ck_assert(is_installed(bounds[i].number, old_handler));
}
END_TEST

START_TEST(an_old_handler_that_wants_the_details_gets_them)
{
    struct sigaction action = {.sa_sigaction = old_action, .sa_flags = SA_SIGINFO}, now;
    tg_context *context;

    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    context = bind_to(TG_SIGNAL_USR1);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 0);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(last_number, SIGUSR1);
    ck_assert_int_eq(last_sender, getpid());
    tg_context_destroy(context);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_sigaction == old_action && (now.sa_flags & SA_SIGINFO) != 0);
}
END_TEST

/* Two signals in a process of its own: how it ended, and whether it came as far as the second. */
static int status_of_child(void (*handler)(int), bool *survived_first)
{
    int ends[2], status = -1;
    pid_t child;
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        tg_context *context;
        install(SIGTERM, handler);
        context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_TERM));
        raise(SIGTERM);
        if (tg_context_check(context) == TG_CANCELLED && write(ends[1], "1", 1) == 1)
            raise(SIGTERM);
        tg_context_destroy(context);
        _exit(is_installed(SIGTERM, handler) ? 42 : 2);
    }
    ck_assert(child > 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(ends[1]);
    *survived_first = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    return status;
}

START_TEST(by_default_the_second_signal_ends_the_program_by_that_signal)
{
    bool survived_first;
    int status = status_of_child(SIG_DFL, &survived_first);

    ck_assert(survived_first);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "status %#x", status);
}
END_TEST

START_TEST(a_signal_that_the_program_ignores_cancels_once_and_is_ignored_then)
{
    bool survived_first;
    int status = status_of_child(SIG_IGN, &survived_first);

    ck_assert(survived_first);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %#x", status);
}
END_TEST

/* ---- Several contexts ---------------------------------------------------------------------- */

START_TEST(a_signal_cancels_every_context_that_is_bound_to_it_and_what_hangs_below)
{
    tg_context *both, *one, *other, *above, *below, *apart;

    install(SIGUSR1, old_handler);
    install(SIGUSR2, old_handler);
    above = tg_context_create(NULL);
    both = bind_to(TG_SIGNAL_USR1 | TG_SIGNAL_USR2);
    one = tg_context_create(TG_CONTEXT(.parent = above, .signals = TG_SIGNAL_USR1));
    other = bind_to(TG_SIGNAL_USR2);
    below = tg_context_create(TG_CONTEXT(.parent = one));
    apart = tg_context_create(NULL);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 0);
    assert_signalled(both, SIGUSR1);
    assert_signalled(one, SIGUSR1);
    assert_signalled(below, SIGUSR1);
    assert_status(tg_context_check(other), TG_OK);
    assert_status(tg_context_check(above), TG_OK);
    assert_status(tg_context_check(apart), TG_OK);
    raise(SIGUSR2); /* the other one is live still */
    ck_assert_int_eq(calls, 0);
    assert_signalled(other, SIGUSR2);
    assert_signalled(both, SIGUSR1); /* the first cause wins */
    raise(SIGUSR2);
    ck_assert_int_eq(calls, 1);
    tg_context_destroy(both);
    ck_assert(!is_installed(SIGUSR1, old_handler));
    tg_context_destroy(one);
    ck_assert(is_installed(SIGUSR1, old_handler));
    ck_assert(!is_installed(SIGUSR2, old_handler));
    tg_context_destroy(other);
    ck_assert(is_installed(SIGUSR2, old_handler));
    tg_context_destroy(below);
    tg_context_destroy(above);
    tg_context_destroy(apart);
}
END_TEST

START_TEST(the_handlers_are_given_back_with_the_last_context_in_any_order)
{
    for (int first = 0; first < 3; first++) {
        tg_context *contexts[3];
        install(SIGUSR1, old_handler);
        for (int i = 0; i < 3; i++)
            contexts[i] = bind_to(TG_SIGNAL_USR1);
        for (int i = 0; i < 3; i++) {
            ck_assert(!is_installed(SIGUSR1, old_handler));
            tg_context_destroy(contexts[(first + i) % 3]);
        }
        ck_assert(is_installed(SIGUSR1, old_handler));
    }
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(a_new_context_is_live_again_for_the_next_signal)
{
    tg_context *first, *second;

    install(SIGUSR1, old_handler);
    first = bind_to(TG_SIGNAL_USR1);
    raise(SIGUSR1);
    second = bind_to(TG_SIGNAL_USR1);
    assert_status(tg_context_check(second), TG_OK);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 0);
    assert_signalled(first, SIGUSR1);
    assert_signalled(second, SIGUSR1);
    tg_context_destroy(first);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 1);
    tg_context_destroy(second);
    install(SIGUSR1, SIG_IGN); /* another handler in between is what is given back next */
    second = bind_to(TG_SIGNAL_USR1);
    raise(SIGUSR1);
    assert_signalled(second, SIGUSR1);
    tg_context_destroy(second);
    ck_assert(is_installed(SIGUSR1, SIG_IGN));
}
END_TEST

/* Whether anybody has noticed what stopped it before the signal comes makes no difference. */
START_TEST(a_context_that_something_else_has_stopped_is_not_live_any_more)
{
    tg_context *above = tg_context_create(NULL), *contexts[3];
    double end;

    install(SIGUSR1, old_handler);
    contexts[0] = bind_to(TG_SIGNAL_USR1);
    contexts[1] = tg_context_create(TG_CONTEXT(.parent = above, .signals = TG_SIGNAL_USR1));
    contexts[2] = tg_context_create(TG_CONTEXT(.timeout = 1e-9, .signals = TG_SIGNAL_USR1));
    tg_context_cancel(contexts[0], 1, "by hand");
    tg_context_cancel(above, 2, "from above");
    end = tg_time_now() + 1e-6;
    wait_until(tg_time_now() > end);
    for (int i = 0; _i == 1 && i < 3; i++)
        ck_assert_int_ne(tg_context_check(contexts[i]), TG_OK);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(tg_context_cause(contexts[0])->code, 1);
    ck_assert_int_eq(tg_context_cause(contexts[1])->code, 2);
    assert_status(tg_context_check(contexts[2]), TG_TIMED_OUT);
    for (int i = 0; i < 3; i++)
        tg_context_destroy(contexts[i]);
    tg_context_destroy(above);
    ck_assert(is_installed(SIGUSR1, old_handler));
}
END_TEST

/* ---- Bad input ----------------------------------------------------------------------------- */

START_TEST(one_live_context_among_others_is_enough)
{
    tg_context *contexts[3];

    install(SIGUSR1, old_handler);
    for (int i = 0; i < 3; i++)
        contexts[i] = bind_to(TG_SIGNAL_USR1);
    for (int i = 0; i < 3; i++)
        if (i != _i)
            tg_context_cancel(contexts[i], 1, "by hand");
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 0);
    assert_signalled(contexts[_i], SIGUSR1);
    raise(SIGUSR1);
    ck_assert_int_eq(calls, 1);
    for (int i = 0; i < 3; i++)
        tg_context_destroy(contexts[i]);
}
END_TEST

START_TEST(unknown_signals_are_refused_and_no_handler_is_touched)
{
    static const unsigned unknown[] = {1u << 4, 1u << 31, TG_SIGNAL_USR1 | 1u << 5, ~0u};

    install(SIGUSR1, old_handler);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        ck_assert_ptr_null(tg_context_create(TG_CONTEXT(.signals = unknown[i])));
        ck_assert_int_eq(tg_error_last()->status, TG_UNSUPPORTED);
        ck_assert_str_ne(tg_error_last()->message, "");
        ck_assert(is_installed(SIGUSR1, old_handler));
    }
    ck_assert_ptr_null(tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1, .timeout = -1)));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert(is_installed(SIGUSR1, old_handler));
}
END_TEST

START_TEST(there_is_room_for_32_bound_contexts_and_a_place_can_be_used_again)
{
    enum { ROOM = 32 };
    tg_context *contexts[ROOM], *again;

    install(SIGUSR1, old_handler);
    install(SIGUSR2, old_handler);
    for (int i = 0; i < ROOM; i++)
        contexts[i] = bind_to(TG_SIGNAL_USR1);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR2)));
        ck_assert_int_eq(tg_error_last()->status, TG_NO_SYSTEM);
        ck_assert(is_installed(SIGUSR2, old_handler));
    }
    tg_context_destroy(contexts[7]);
    again = bind_to(TG_SIGNAL_USR2);
    raise(SIGUSR1);
    assert_status(tg_context_check(again), TG_OK);
    raise(SIGUSR2);
    assert_signalled(again, SIGUSR2);
    ck_assert_int_eq(calls, 0);
    tg_context_destroy(again);
    for (int i = 0; i < ROOM; i++)
        if (i != 7) {
            assert_signalled(contexts[i], SIGUSR1);
            tg_context_destroy(contexts[i]);
        }
    ck_assert(is_installed(SIGUSR1, old_handler));
    ck_assert(is_installed(SIGUSR2, old_handler));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signals");
    TCase *turns = add_case(suite, "first and second");
    TCase *several = add_case(suite, "several contexts");

    tcase_add_loop_test(turns,
        the_first_signal_cancels_the_second_is_the_programs_and_after_destroy_all_are, 0, BOUNDS);
    tcase_add_loop_test(turns, only_the_signals_that_were_asked_for_are_taken, 0, BOUNDS);
    tcase_add_test(turns, an_old_handler_that_wants_the_details_gets_them);
    tcase_add_test(turns, by_default_the_second_signal_ends_the_program_by_that_signal);
    tcase_add_test(turns, a_signal_that_the_program_ignores_cancels_once_and_is_ignored_then);
    tcase_add_test(
        several, a_signal_cancels_every_context_that_is_bound_to_it_and_what_hangs_below);
    tcase_add_test(several, the_handlers_are_given_back_with_the_last_context_in_any_order);
    tcase_add_test(several, a_new_context_is_live_again_for_the_next_signal);
    tcase_add_loop_test(
        several, a_context_that_something_else_has_stopped_is_not_live_any_more, 0, 2);
    tcase_add_loop_test(several, one_live_context_among_others_is_enough, 0, 3);
    tcase_add_test(several, unknown_signals_are_refused_and_no_handler_is_touched);
    tcase_add_test(several, there_is_room_for_32_bound_contexts_and_a_place_can_be_used_again);
    return run_suite(suite);
}
