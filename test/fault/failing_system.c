/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "failing_system.h"

#include "../oom/callers.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IN_THE_WAY 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define IN_THE_WAY 1
#endif

#ifdef IN_THE_WAY

bool failing_system_works(void)
{
    return false;
}

void failing_system_arm(long k, bool forever)
{
    (void)k, (void)forever;
}

const char *failing_system_disarm(void)
{
    return NULL;
}

void failing_system_refuse_runtime(void)
{
}

void failing_system_interrupt(unsigned n)
{
    (void)n;
}

long failing_system_interrupted(void)
{
    return 0;
}

void failing_system_clock_jump(double seconds)
{
    (void)seconds;
}

void failing_system_clock_stand(bool still)
{
    (void)still;
}

void failing_system_clock_mend(void)
{
}

int failing_system_threads(void)
{
    return 0;
}

#else

bool failing_system_works(void)
{
    return callers_look();
}

/* The true one. Conditions have two versions on x86-64, and dlsym() may find the older one. (What is looked for and
   not there costs memory.) */
static void *find(const char *name)
{
#ifdef __x86_64__
    if (strcmp(name, "pthread_cond_wait") == 0 || strcmp(name, "pthread_cond_init") == 0)
        return dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
#endif
    return dlsym(RTLD_NEXT, name);
}

#define TRUE_ONE(name)                                     \
    static __typeof__(name) *_Atomic true_one;             \
    __typeof__(name) *call = atomic_load(&true_one);       \
    if (call == NULL) {                                    \
        call = (__typeof__(name) *)(uintptr_t)find(#name); \
        atomic_store(&true_one, call);                     \
    }

/* ---- Failing ------------------------------------------------------------------------------- */

static atomic_long countdown; /* 0: disarmed */
static atomic_bool always, refuses_runtime;
static _Atomic(const char *) failed;

/* The program's own handlers. */
enum { SIGNALS = 32 };
static __typeof__(((struct sigaction *)0)->sa_sigaction) programs[SIGNALS];

void failing_system_arm(long k, bool forever)
{
    for (int number = 1; number < SIGNALS; number++) {
        struct sigaction now;
        programs[number] = sigaction(number, NULL, &now) == 0 ? now.sa_sigaction : NULL;
    }
    atomic_store(&failed, NULL);
    atomic_store(&always, forever);
    atomic_store(&countdown, k);
}

const char *failing_system_disarm(void)
{
    atomic_store(&countdown, 0);
    return atomic_load(&failed);
}

void failing_system_refuse_runtime(void)
{
    atomic_store(&refuses_runtime, true);
}

static bool must_fail(const char *name, const void *caller)
{
    const char *already = atomic_load(&failed);
    long left = atomic_load_explicit(&countdown, memory_order_relaxed);

    if (left == 0 || caller_is_exempt(caller))
        return false;
    if (already != NULL)
        return atomic_load(&always) && strcmp(already, name) == 0;
    while (left > 1)
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return false;
    return atomic_compare_exchange_strong(&failed, &already, name);
}

#define FAILS(name) must_fail(name, CALLER)

static atomic_int threads;

int failing_system_threads(void)
{
    return atomic_load(&threads);
}

int pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *arg)
{
    bool runtimes = caller_is_exempt(CALLER);
    int error;

    TRUE_ONE(pthread_create);
    if (FAILS("pthread_create") || (runtimes && atomic_load(&refuses_runtime)))
        return EAGAIN;
    error = call(thread, attributes, function, arg);
    if (error == 0 && !runtimes)
        atomic_fetch_add(&threads, 1);
    return error;
}

int pthread_join(pthread_t thread, void **answer)
{
    int error;

    TRUE_ONE(pthread_join);
    error = call(thread, answer);
    if (error == 0 && !caller_is_exempt(CALLER))
        atomic_fetch_sub(&threads, 1);
    return error;
}

int pthread_detach(pthread_t thread)
{
    int error;

    TRUE_ONE(pthread_detach);
    error = call(thread);
    if (error == 0 && !caller_is_exempt(CALLER))
        atomic_fetch_sub(&threads, 1);
    return error;
}

int pthread_attr_init(pthread_attr_t *attributes)
{
    TRUE_ONE(pthread_attr_init);
    return FAILS("pthread_attr_init") ? ENOMEM : call(attributes);
}

int pthread_attr_setaffinity_np(pthread_attr_t *attributes, size_t size, const cpu_set_t *set)
{
    TRUE_ONE(pthread_attr_setaffinity_np);
    return FAILS("pthread_attr_setaffinity_np") ? ENOMEM : call(attributes, size, set);
}

int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
    TRUE_ONE(pthread_attr_setstacksize);
    return FAILS("pthread_attr_setstacksize") ? EINVAL : call(attributes, size);
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    TRUE_ONE(pthread_setname_np);
    return FAILS("pthread_setname_np") ? EMFILE : call(thread, name); /* it opens a file */
}

int pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    TRUE_ONE(pthread_mutex_init);
    return FAILS("pthread_mutex_init") ? ENOMEM : call(lock, attributes);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    TRUE_ONE(pthread_cond_init);
    return FAILS("pthread_cond_init") ? ENOMEM : call(condition, attributes);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    TRUE_ONE(pthread_sigmask);
    return before != NULL && FAILS("pthread_sigmask") ? EINVAL : call(how, set, before);
}

int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    TRUE_ONE(sem_init);
    if (FAILS("sem_init")) {
        errno = ENOSPC;
        return -1;
    }
    return call(semaphore, shared, value);
}

/* pthread_atfork() is in each module, and calls this. */
int __register_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void), void *module);
int __register_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void), void *module)
{
    TRUE_ONE(__register_atfork);
    return FAILS("pthread_atfork") ? ENOMEM : call(prepare, parent, child, module);
}

/* A handler of the library's, not the one that it puts back: which was there, or was set by signal(). */
static bool is_ours(int number, const struct sigaction *action)
{
    if (action == NULL || (action->sa_flags & SA_SIGINFO) == 0 || number < 1 || number >= SIGNALS)
        return false;
    return action->sa_sigaction != programs[number];
}

int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    TRUE_ONE(sigaction);
    if (is_ours(number, new) && FAILS("sigaction")) {
        errno = EINVAL;
        return -1;
    }
    return call(number, new, old);
}

int sigaltstack(const stack_t *new, stack_t *old)
{
    TRUE_ONE(sigaltstack);
    if ((new == NULL || (new->ss_flags &SS_DISABLE) == 0) && FAILS("sigaltstack")) {
        errno = ENOMEM;
        return -1;
    }
    return call(new, old);
}

int madvise(void *at, size_t size, int advice)
{
    if (FAILS("madvise")) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_madvise, at, size, advice);
}

/* Before main(): by the environment. */
int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    TRUE_ONE(sched_getaffinity);
    if (getenv("FAILING_SYSTEM_AFFINITY") != NULL && callers_look() && !caller_is_exempt(CALLER)) {
        errno = EINVAL; /* as where there are more processors than fit into the set */
        return -1;
    }
    return call(process, size, set);
}

/* ---- An odd clock -------------------------------------------------------------------------- */

/* Nanoseconds that it is ahead; the time at which it stands, or 0. */
static atomic_llong ahead, stands_at;

static long long nanoseconds(const struct timespec *t)
{
    return (long long)t->tv_sec * 1000000000 + t->tv_nsec;
}

static struct timespec timespec_of(long long t)
{
    return (struct timespec){.tv_sec = (time_t)(t / 1000000000), .tv_nsec = (long)(t % 1000000000)};
}

static long long true_time(void)
{
    struct timespec now;

    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return nanoseconds(&now);
}

static bool clock_is_odd(void)
{
    return atomic_load(&ahead) != 0 || atomic_load(&stands_at) != 0;
}

static long long odd_time(void)
{
    long long still = atomic_load(&stands_at);
    return still != 0 ? still : true_time() + atomic_load(&ahead);
}

void failing_system_clock_jump(double seconds)
{
    atomic_fetch_add(&ahead, (long long)(seconds * 1e9));
}

void failing_system_clock_stand(bool still)
{
    long long at = odd_time();

    if (!still)
        atomic_store(&ahead, at - true_time());
    atomic_store(&stands_at, still ? at : 0);
}

void failing_system_clock_mend(void)
{
    atomic_store(&stands_at, 0);
    atomic_store(&ahead, 0);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    TRUE_ONE(clock_gettime);
    if (clock != CLOCK_MONOTONIC || !clock_is_odd() || caller_is_exempt(CALLER))
        return call(clock, t);
    *t = timespec_of(odd_time());
    return 0;
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static atomic_uint every;
static atomic_long waits, interrupted;

void failing_system_interrupt(unsigned n)
{
    atomic_store(&every, n);
}

long failing_system_interrupted(void)
{
    return atomic_load(&interrupted);
}

static bool is_early(const void *caller)
{
    unsigned n = atomic_load(&every);

    if (n == 0 || caller_is_exempt(caller) || atomic_fetch_add(&waits, 1) % n != 0)
        return false;
    atomic_fetch_add(&interrupted, 1);
    return true;
}

/* The kernel's clock is not odd: waits are short then, and for no reason over. */
static struct timespec in_a_moment(void)
{
    return timespec_of(true_time() + 500000);
}

static int come_back(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
    sched_yield();
    pthread_mutex_lock(lock);
    return 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    TRUE_ONE(pthread_cond_wait);
    return is_early(CALLER) ? come_back(lock) : call(condition, lock);
}

int pthread_cond_clockwait(
    pthread_cond_t *condition, pthread_mutex_t *lock, clockid_t clock, const struct timespec *until)
{
    struct timespec moment = in_a_moment();

    TRUE_ONE(pthread_cond_clockwait);
    if (is_early(CALLER))
        return come_back(lock);
    if (!clock_is_odd())
        return call(condition, lock, clock, until);
    call(condition, lock, clock, &moment);
    return odd_time() >= nanoseconds(until) ? ETIMEDOUT : 0;
}

static int interrupt(void)
{
    errno = EINTR;
    return -1;
}

int sem_wait(sem_t *semaphore)
{
    TRUE_ONE(sem_wait);
    return is_early(CALLER) ? interrupt() : call(semaphore);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    struct timespec moment = in_a_moment();

    TRUE_ONE(sem_clockwait);
    if (is_early(CALLER))
        return interrupt();
    if (!clock_is_odd())
        return call(semaphore, clock, until);
    if (call(semaphore, clock, &moment) == 0)
        return 0;
    return odd_time() >= nanoseconds(until) ? -1 : interrupt();
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
    TRUE_ONE(nanosleep);
    if (is_early(CALLER)) {
        if (rest != NULL)
            *rest = *time;
        return interrupt();
    }
    return call(time, rest);
}

#endif
