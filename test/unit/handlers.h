/* SPDX-License-Identifier: MIT */
#ifndef TG_HANDLERS_H
#define TG_HANDLERS_H
/*
 * What tests of contexts that are bound to signals share: the program's own handler, and looks at who
 * has got a signal. Check's own handlers are inherited: tests install one first. After tg_test.h.
 */
#include <signal.h>

/* The program's own handlers: what they were called with. */
static volatile sig_atomic_t calls, last_number;

static inline void old_handler(int number)
{
    calls++;
    last_number = number;
}

static inline void install(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};

    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGWINCH);
    ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

/* The handler that install() has installed stands there as it did: its flags and mask too, if it is one
   that is called. */
static inline bool is_installed(int number, void (*handler)(int))
{
    struct sigaction now;

    if (sigaction(number, NULL, &now) != 0 || now.sa_handler != handler)
        return false;
    if (handler == SIG_DFL || handler == SIG_IGN)
        return true;
    return (now.sa_flags & (SA_SIGINFO | SA_RESTART | SA_NODEFER)) == SA_NODEFER &&
           sigismember(&now.sa_mask, SIGWINCH) == 1 && sigismember(&now.sa_mask, SIGCHLD) == 0;
}

static inline tg_context *bind_to(unsigned signals)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = signals));
    ck_assert_msg(context != NULL, "%s", tg_error_last()->message);
    return context;
}

static inline void assert_signalled(tg_context *context, int number)
{
    const tg_error *cause = tg_context_cause(context);

    assert_status(tg_context_check(context), TG_CANCELLED);
    ck_assert_ptr_nonnull(cause);
    ck_assert_int_eq(cause->status, TG_CANCELLED);
    ck_assert_int_eq(cause->code, number);
    ck_assert_str_ne(cause->message, "");
    ck_assert_uint_eq(cause->index, TG_NO_INDEX);
}

#endif
