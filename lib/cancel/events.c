/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sem_clockwait */
#include "cancel/events.h"

#include "base/park.h"
#include "sys/process.h"
#include "sys/thread.h"
#include "sys/lock.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <taskgroup/version.h>
#include <time.h>

atomic_int tg__events_watching;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tg__link *waiters;   /* until no timer fires */
static struct tg__timer *earliest; /* the root of the heap */
static struct tg__timer *firing;
static bool running, quit;
static double sleeps_until; /* the event thread, if nobody wakes it */
static pthread_t thread;
static _Thread_local bool is_self;

static sem_t calls; /* a semaphore, because a signal handler may post it */
static atomic_bool called, ready;
static double (*_Atomic look)(void);

/* ---- the heap (Fredman, Sedgewick, Sleator and Tarjan 1986) ---- */

static struct tg__timer *meld(struct tg__timer *a, struct tg__timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->time < a->time) {
        struct tg__timer *c = a;
        a = b;
        b = c;
    }
    b->next = a->child;
    if (b->next != NULL)
        b->next->previous = b;
    b->previous = a;
    a->child = b;
    return a;
}

/* Siblings become one heap: in pairs from left to right, then these from right to left. */
static struct tg__timer *meld_all(struct tg__timer *first)
{
    struct tg__timer *pairs = NULL, *all = NULL;
    while (first != NULL) {
        struct tg__timer *a = first, *b = a->next;
        first = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct tg__timer *next = pairs->next;
        pairs->next = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    return all;
}

static void insert(struct tg__timer *timer)
{
    timer->child = timer->next = timer->previous = NULL;
    timer->set = true;
    earliest = meld(earliest, timer);
    earliest->next = earliest->previous = NULL;
}

static void take_out(struct tg__timer *timer)
{
    struct tg__timer *below = meld_all(timer->child);
    if (timer == earliest) {
        earliest = below;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->next;
        else
            timer->previous->next = timer->next;
        if (timer->next != NULL)
            timer->next->previous = timer->previous;
        earliest = meld(earliest, below);
    }
    if (earliest != NULL)
        earliest->next = earliest->previous = NULL;
    timer->set = false;
}

/* ---- the thread ---- */

static void sleep_until(double time)
{
    if (time == (double)INFINITY) {
        sem_wait(&calls);
        return;
    }
    if (time - tg_time_now() > 1e6)
        time = tg_time_now() + 1e6; /* looks again then; more may not fit into a time_t */
    struct timespec at = {.tv_sec = (time_t)time};
    at.tv_nsec = (long)((time - (double)at.tv_sec) * 1e9);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    sem_clockwait(&calls, CLOCK_MONOTONIC, &at);
#else /* on the clock of the day, which may be set meanwhile: looks again at least every second */
    double left = time - tg_time_now();
    clock_gettime(CLOCK_REALTIME, &at);
    left = (left < 1 ? left : 1) + 1e-9 * (double)at.tv_nsec;
    if (left > 0) {
        at.tv_sec += (time_t)left;
        at.tv_nsec = (long)((left - (double)(time_t)left) * 1e9);
        sem_timedwait(&calls, &at);
    }
#endif
}

/* Under the lock, which is free while a timer fires. */
static void fire_due(void)
{
    while (earliest != NULL && earliest->time <= tg_time_now()) {
        struct tg__timer *timer = earliest;
        take_out(timer);
        firing = timer;
        tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
        timer->fire(timer);
        tg__mutex_lock(&lock, TG__LOCK_EVENTS);
        firing = NULL;
        tg__wake_all(&waiters);
    }
}

static void *wait_for_ever(void *unused)
{
    is_self = true;
    tg__thread_be_exact();
    for (;;) {
        /* First: a call that comes now is for the next round. Sequentially consistent, as is the
           look at the epoch that follows: a cancel that finds `called` still set is seen now. */
        atomic_store(&called, false);
        double (*now)(void) = atomic_load(&look);
        double until = now != NULL ? now() : (double)INFINITY;
        tg__mutex_lock(&lock, TG__LOCK_EVENTS);
        fire_due();
        bool leave = quit;
        if (earliest != NULL && earliest->time < until)
            until = earliest->time;
        sleeps_until = until;
        tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
        if (leave)
            return unused;
        sleep_until(until);
    }
}

/* `ready` is stored before a watcher is counted, so a thread that sees the watcher sees it. */
void tg__events_wake(void)
{
    if (atomic_load(&ready) && !atomic_exchange(&called, true))
        sem_post(&calls);
}

/* ---- at a fork ---- */

/* So that the heap is whole in the child. */
static void before_fork(void)
{
    tg__mutex_lock(&lock, TG__LOCK_EVENTS);
}

static void in_parent(void)
{
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
}

/* Alarms are for what the parent's threads do. Without recursion: a heap may be deep. */
static void forget_alarms(void)
{
    struct tg__timer *left = earliest;
    earliest = NULL;
    while (left != NULL) {
        struct tg__timer *timer = left, *last = timer->child;
        left = timer->next;
        while (last != NULL && last->next != NULL)
            last = last->next;
        if (last != NULL) {
            last->next = left;
            left = timer->child;
        }
        timer->set = false;
        timer->child = timer->next = timer->previous = NULL;
    }
}

/* A child has no event thread. */
static void in_child(void)
{
    forget_alarms();
    waiters = NULL; /* these threads are not there */
    running = is_self = false;
    firing = NULL;
    atomic_store(&ready, false);
    atomic_store(&called, false);
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
}

static bool watches_forks;
__attribute__((constructor)) static void watch_forks(void)
{
    watches_forks = pthread_atfork(before_fork, in_parent, in_child) == 0;
}

/* ---- */

static bool make_thread(void)
{
    if (!watches_forks)
        watch_forks();
    if (!watches_forks)
        return false; /* a child would wait for a thread that it has not */
    struct tg__processors all = tg__processors_all(); /* the caller may be bound to one place */
    if (sem_init(&calls, 0, 0) != 0 ||
        !tg__thread_make(&thread, "tg-events", &all, 0, wait_for_ever, NULL))
        return false;
    tg__process_count_thread();
    return true;
}

bool tg__events_start(void)
{
    if (atomic_load(&ready))
        return true;
    tg__mutex_lock(&lock, TG__LOCK_EVENTS);
    if (!running && !quit)
        running = make_thread();
    bool there = running;
    if (there)
        atomic_store(&ready, true);
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
    return there;
}

/* The event thread ends at exit(). This does not wait for a hook that has not returned yet, or that
 * has called exit(). */
__attribute__((destructor)) static void end_thread(void)
{
    tg__mutex_lock(&lock, TG__LOCK_EVENTS);
    bool join = running && firing == NULL && !is_self && atomic_load(&tg__events_watching) == 0;
    quit = true;
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
    if (join) {
        tg__events_wake();
        tg__thread_join(thread);
        sem_destroy(&calls);
    }
}

void tg__events_poll_with(double (*function)(void))
{
    atomic_store(&look, function);
}

bool tg__events_is_self(void)
{
    return is_self;
}

void tg__timer_set(struct tg__timer *timer, double time)
{
    tg__mutex_lock(&lock, TG__LOCK_EVENTS);
    if (timer->set)
        take_out(timer);
    timer->time = time;
    insert(timer);
    bool too_late = time < sleeps_until;
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
    if (too_late)
        tg__events_wake();
}

void tg__timer_clear(struct tg__timer *timer)
{
    tg__mutex_lock(&lock, TG__LOCK_EVENTS);
    if (timer->set)
        take_out(timer);
    while (firing == timer && !is_self)
        tg__wait(&waiters, &lock, TG__LOCK_EVENTS, (double)INFINITY);
    tg__mutex_unlock(&lock, TG__LOCK_EVENTS);
}
