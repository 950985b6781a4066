/* SPDX-License-Identifier: MIT */
#ifndef STORM_H
#define STORM_H
/*
 * Signals all the time: SIGALRM by a timer, SIGCHLD of children that end, and what the handler sends on to threads
 * that have said where they are. No handler restarts system calls. After tg_test.h.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORM_THREADS = 16 };

static atomic_long storm_alarms, storm_children, storm_echoes;
static _Atomic(pid_t) storm_threads[STORM_THREADS];
static atomic_uint storm_turn;
static _Atomic(tg_context *) storm_victim; /* is cancelled by the next alarm */
static atomic_int storm_handling;

/* The calling thread wants signals of its own. */
static inline void storm_stand_in_it(void)
{
    pid_t self = (pid_t)syscall(SYS_gettid);
    atomic_store(&storm_threads[self % STORM_THREADS], self);
}

static inline void storm_on_alarm(int number)
{
    int saved = errno;
    tg_context *victim;
    pid_t thread;

    (void)number;
    atomic_fetch_add(&storm_alarms, 1);
    atomic_fetch_add(&storm_handling, 1);
    victim = atomic_load(&storm_victim);
    if (victim != NULL)
        tg_context_cancel(victim, 77, "by a handler");
    atomic_fetch_sub(&storm_handling, 1);
    thread = atomic_load(&storm_threads[atomic_fetch_add(&storm_turn, 1) % STORM_THREADS]);
    if (thread != 0)
        syscall(SYS_tgkill, getpid(), thread, SIGUSR2); /* it may have gone */
    errno = saved;
}

static inline void storm_on_echo(int number)
{
    (void)number;
    atomic_fetch_add(&storm_echoes, 1);
}

static inline void storm_on_child(int number)
{
    int saved = errno;

    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        atomic_fetch_add(&storm_children, 1);
    errno = saved;
}

static inline void storm_handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART */

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static inline void storm_set_timer(long microseconds)
{
    struct itimerval every = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &every, NULL);
}

static inline void storm_begin(void)
{
    storm_handle(SIGALRM, storm_on_alarm);
    storm_handle(SIGUSR2, storm_on_echo);
    storm_handle(SIGCHLD, storm_on_child);
    storm_set_timer(TEST_SANITIZED ? 1000 : 150);
}

static inline void storm_end(void)
{
    storm_set_timer(0);
}

/* A child that ends at once. */
static inline void storm_have_child(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
}

/* The context is cancelled by an alarm, from now until this is called with NULL; then no handler knows it any more. */
static inline void storm_aim_at(tg_context *context)
{
    atomic_store(&storm_victim, context);
    while (context == NULL && atomic_load(&storm_handling) > 0)
        sched_yield();
}

#endif
