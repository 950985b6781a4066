/* SPDX-License-Identifier: MIT */
#include "cancel/signals.h"

#include "sys/handler.h"
#include "sys/lock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

enum { KINDS = 4, BINDINGS = 32 };

/* In the order of the TG_SIGNAL_… bits. */
static const int numbers[KINDS] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

static struct tg__lock lock; /* guards users and before; never taken in a handler */
static int users[KINDS];
static struct sigaction before[KINDS];

/* What a handler reads. A place is filled function first and emptied object first. */
static struct {
    _Atomic(void *) object;
    _Atomic(tg__signal_fn *) function;
    atomic_uint signals;
} bindings[BINDINGS];
static atomic_int handling;

/* To the handler that was set for this signal before ours. */
static void pass_on(int kind, siginfo_t *info, void *machine)
{
    const struct sigaction *old = &before[kind];
    int number = numbers[kind];
    if ((old->sa_flags & SA_SIGINFO) != 0) {
        old->sa_sigaction(number, info, machine);
    } else if (old->sa_handler == SIG_DFL) {
        signal(number, SIG_DFL);
        raise(number); /* takes effect when we have returned */
    } else if (old->sa_handler != SIG_IGN) {
        old->sa_handler(number);
    }
}

static void handle(int number, siginfo_t *info, void *machine)
{
    int saved = errno, kind = 0;
    bool stopped = false;
    while (numbers[kind] != number)
        kind++;
    atomic_fetch_add(&handling, 1);
    for (int i = 0; i < BINDINGS; i++) {
        void *object = atomic_load(&bindings[i].object);
        if (object != NULL && (atomic_load(&bindings[i].signals) & 1u << kind) != 0)
            stopped |= atomic_load(&bindings[i].function)(object, number);
    }
    atomic_fetch_sub(&handling, 1);
    if (!stopped)
        pass_on(kind, info, machine);
    errno = saved;
}

static void release(unsigned signals)
{
    for (int kind = 0; kind < KINDS; kind++)
        if ((signals & 1u << kind) != 0 && --users[kind] == 0)
            tg__handler_restore(numbers[kind], handle, &before[kind]);
}

/* The handlers; all or none. */
static bool take_over(unsigned signals)
{
    struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&ours.sa_mask);
    unsigned done = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        if ((signals & 1u << kind) == 0)
            continue;
        if (users[kind] == 0 && !tg__handler_stand_in(numbers[kind], &ours, &before[kind])) {
            release(done);
            return false;
        }
        users[kind]++;
        done |= 1u << kind;
    }
    return true;
}

/* Waits until no handler runs on another thread: it may have loaded the object that was unbound. */
static void wait_for_handlers(void)
{
    while (atomic_load(&handling) > 0)
        sched_yield();
}

/* Handlers on other threads do not come to their ends in a child of fork(). */
static void forget_handlers(void)
{
    atomic_store(&handling, 0);
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forget_handlers); /* without memory so early nothing works */
}

bool tg__signals_bind(void *object, unsigned signals, tg__signal_fn *function)
{
    int place = 0;
    tg__lock_take(&lock, TG__LOCK_SIGNALS);
    while (place < BINDINGS && atomic_load(&bindings[place].object) != NULL)
        place++;
    bool bound = place < BINDINGS;
    if (bound) {
        atomic_store(&bindings[place].function, function);
        atomic_store(&bindings[place].signals, signals);
        atomic_store(&bindings[place].object, object);
        bound = take_over(signals);
        if (!bound)
            atomic_store(&bindings[place].object, NULL);
    }
    tg__lock_give(&lock, TG__LOCK_SIGNALS);
    if (!bound) /* some of the handlers may have been there for a while, and the object goes */
        wait_for_handlers();
    return bound;
}

void tg__signals_unbind(const void *object, unsigned signals)
{
    tg__lock_take(&lock, TG__LOCK_SIGNALS);
    for (int i = 0; i < BINDINGS; i++)
        if (atomic_load(&bindings[i].object) == object)
            atomic_store(&bindings[i].object, NULL);
    release(signals);
    tg__lock_give(&lock, TG__LOCK_SIGNALS);
    wait_for_handlers();
}
