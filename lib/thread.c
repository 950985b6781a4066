/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* CPU masks, names of threads, pthread_cond_clockwait */
#include "thread.h"

#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#ifdef __linux__
#ifndef __clang__
/* libgomp has left main with one place before this library is there: the others belong to the process, too. libomp
   does so later, and would begin its work if it were asked now. */
static void add_places(cpu_set_t *set)
{
    static int ids[CPU_SETSIZE];
    for (int place = omp_get_num_places() - 1; place >= 0; place--) {
        int count = omp_get_place_num_procs(place);
        if (count > CPU_SETSIZE)
            continue;
        omp_get_place_proc_ids(place, ids);
        for (int i = 0; i < count; i++)
            if (ids[i] < CPU_SETSIZE)
                CPU_SET((size_t)ids[i], set);
    }
}
#else
static void add_places(cpu_set_t *set)
{
    (void)set;
}
#endif
static cpu_set_t all;
static bool all_known;
_Static_assert(sizeof all == sizeof((struct tg__processors *)0)->set, "one is copied to the other");
__attribute__((constructor)) static void ask_processors(void)
{
    all_known = sched_getaffinity(0, sizeof all, &all) == 0;
    if (all_known)
        add_places(&all);
}
struct tg__processors tg__processors_all(void)
{
    struct tg__processors processors = {.known = all_known};
    memcpy(processors.set, &all, sizeof all);
    return processors;
}
struct tg__processors tg__processors_own(void)
{
    cpu_set_t own;
    CPU_ZERO(&own);
    struct tg__processors processors = {.known = sched_getaffinity(0, sizeof own, &own) == 0};
    memcpy(processors.set, &own, sizeof own);
    return processors;
}
struct tg__processors tg__processors_move(const struct tg__processors *to)
{
    struct tg__processors before = {.known = false};
    cpu_set_t wanted;
    if (to == NULL || !to->known)
        return before;
    before = tg__processors_own();
    memcpy(&wanted, to->set, sizeof wanted);
    bool moves = before.known && memcmp(before.set, to->set, sizeof to->set) != 0;
    before.known = moves && sched_setaffinity(0, sizeof wanted, &wanted) == 0;
    return before;
}
static void place(pthread_attr_t *attributes, const struct tg__processors *processors)
{
    cpu_set_t wanted;
    memcpy(&wanted, processors->set, sizeof wanted);
    if (processors->known)
        pthread_attr_setaffinity_np(attributes, sizeof wanted, &wanted);
}
static void set_name(pthread_t thread, const char *name)
{
    pthread_setname_np(thread, name);
}
void tg__thread_be_exact(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* nanoseconds */
}
#else
void tg__thread_be_exact(void)
{
}
struct tg__processors tg__processors_all(void)
{
    return (struct tg__processors){.known = false};
}
struct tg__processors tg__processors_own(void)
{
    return (struct tg__processors){.known = false};
}
struct tg__processors tg__processors_move(const struct tg__processors *to)
{
    (void)to;
    return (struct tg__processors){.known = false};
}
static void place(pthread_attr_t *attributes, const struct tg__processors *processors)
{
    (void)attributes, (void)processors;
}
static void set_name(pthread_t thread, const char *name)
{
    (void)thread, (void)name;
}
#endif

/* A blocked SIGSEGV would end the process past every handler. */
static bool block_signals(sigset_t *before)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t others;
    sigfillset(&others);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&others, own[i]);
    return pthread_sigmask(SIG_SETMASK, &others, before) == 0;
}

bool tg__thread_make(pthread_t *thread, const char *name, const struct tg__processors *processors,
    size_t stack, void *(*function)(void *), void *user)
{
    pthread_attr_t attributes;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    place(&attributes, processors);
    if (stack >= (size_t)PTHREAD_STACK_MIN)
        pthread_attr_setstacksize(&attributes, stack);
    bool blocked = block_signals(&before);
    bool made = blocked && pthread_create(thread, &attributes, function, user) == 0;
    if (blocked)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (made)
        set_name(*thread, name);
    return made;
}

bool tg__thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until)
{
    double now = tg_time_now();
    if (until <= now)
        return false;
    if (until - now > 1e6)
        until = now + 1e6; /* looks again then; more may not fit into a time_t */
    struct timespec at = {.tv_sec = (time_t)until};
    at.tv_nsec = (long)((until - (double)at.tv_sec) * 1e9);
    pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &at);
    return true;
}

size_t tg__thread_openmp_stack(void)
{
    const char *text = getenv("OMP_STACKSIZE");
    if (text == NULL)
        return 0;
    char *unit;
    unsigned long long size = strtoull(text, &unit, 10);
    while (*unit == ' ')
        unit++;
    int shift = *unit == 'B' || *unit == 'b'   ? 0
                : *unit == 'M' || *unit == 'm' ? 20
                : *unit == 'G' || *unit == 'g' ? 30
                                               : 10; /* K, or nothing */
    return unit != text && size <= SIZE_MAX >> shift ? (size_t)size << shift : 0;
}
