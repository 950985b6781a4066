/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* CPU masks, names of threads, dladdr */
#include "sys/thread.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#ifdef __linux__
#ifndef __clang__
/* libgomp has left main with one place before this library is there: the others belong to the
   process, too. libomp does so later, and would begin its work if it were asked now. */
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

void tg__thread_join(pthread_t thread)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_join(thread, NULL);
    pthread_setcancelstate(before, NULL);
}

/* ---- the runtime ---- */

/* libomp's own answer. It is not there with another runtime, or is not that of the one that serves
 * this library. */
extern size_t kmp_get_stacksize_s(void) __attribute__((weak));

typedef void function(void);

/* Where the file that has the function begins. */
static const void *file_of(function *of)
{
    /* dladdr wants an object pointer; POSIX promises that a function pointer survives the trip. */
    void *address;
    Dl_info where;
    memcpy(&address, &of, sizeof address);
    return dladdr(address, &where) != 0 ? where.dli_fbase : NULL;
}

bool tg__libomp_serves(void)
{
    return kmp_get_stacksize_s != NULL &&
           file_of((function *)kmp_get_stacksize_s) == file_of((function *)omp_get_num_threads);
}

static const char *skip_spaces(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* A number and a unit, K if there is none, as libgomp reads them. False: no such thing. */
static bool read_size(const char *text, size_t *size)
{
    static const char units[] = "bkmg";
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (end == text || errno != 0)
        return false;
    const char *rest = skip_spaces(end);
    const char *unit = *rest != '\0' ? strchr(units, tolower((unsigned char)*rest)) : units + 1;
    rest = skip_spaces(*rest != '\0' ? rest + 1 : rest);
    if (unit == NULL || *rest != '\0' || number > SIZE_MAX >> 10 * (unit - units))
        return false;
    *size = (size_t)number << 10 * (unit - units);
    return true;
}

/* libgomp has no call for it. The first variable that it can read counts. */
static size_t stack_of_libgomp(void)
{
    static const char *const names[] = {"OMP_STACKSIZE", "GOMP_STACKSIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        size_t size;
        if (text != NULL && read_size(text, &size))
            return size;
    }
    return 0;
}

size_t tg__thread_openmp_stack(void)
{
    return tg__libomp_serves() ? kmp_get_stacksize_s() : stack_of_libgomp();
}
