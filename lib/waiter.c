/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sem_clockwait */
#include "waiter.h"

#include "process.h"
#include "thread.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <taskgroup/version.h>
#include <time.h>

atomic_int tg__waiter_watching;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rung = PTHREAD_COND_INITIALIZER;
static struct tg__alarm *earliest; /* the root of the heap */
static struct tg__alarm *ringing;
static bool running, quit;
static double sleeps_until; /* the waiter, if nobody wakes it */
static pthread_t thread;
static _Thread_local bool is_self;

static sem_t calls; /* a semaphore, because a signal handler may post it */
static atomic_bool called, ready;
static double (*_Atomic look)(void);

/* ---- the heap (Fredman, Sedgewick, Sleator and Tarjan 1986) ---- */

static struct tg__alarm *meld(struct tg__alarm *a, struct tg__alarm *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->time < a->time) {
        struct tg__alarm *c = a;
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
static struct tg__alarm *meld_all(struct tg__alarm *first)
{
    struct tg__alarm *pairs = NULL, *all = NULL;
    while (first != NULL) {
        struct tg__alarm *a = first, *b = a->next;
        first = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct tg__alarm *next = pairs->next;
        pairs->next = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    return all;
}

static void insert(struct tg__alarm *alarm)
{
    alarm->child = alarm->next = alarm->previous = NULL;
    alarm->set = true;
    earliest = meld(earliest, alarm);
    earliest->next = earliest->previous = NULL;
}

static void take_out(struct tg__alarm *alarm)
{
    struct tg__alarm *below = meld_all(alarm->child);
    if (alarm == earliest) {
        earliest = below;
    } else {
        if (alarm->previous->child == alarm)
            alarm->previous->child = alarm->next;
        else
            alarm->previous->next = alarm->next;
        if (alarm->next != NULL)
            alarm->next->previous = alarm->previous;
        earliest = meld(earliest, below);
    }
    if (earliest != NULL)
        earliest->next = earliest->previous = NULL;
    alarm->set = false;
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

/* Under the lock, which is free while an alarm rings. */
static void ring_due(void)
{
    while (earliest != NULL && earliest->time <= tg_time_now()) {
        struct tg__alarm *alarm = earliest;
        take_out(alarm);
        ringing = alarm;
        pthread_mutex_unlock(&lock);
        alarm->ring(alarm);
        pthread_mutex_lock(&lock);
        ringing = NULL;
        pthread_cond_broadcast(&rung);
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
        pthread_mutex_lock(&lock);
        ring_due();
        bool leave = quit;
        if (earliest != NULL && earliest->time < until)
            until = earliest->time;
        sleeps_until = until;
        pthread_mutex_unlock(&lock);
        if (leave)
            return unused;
        sleep_until(until);
    }
}

/* `ready` is stored before a watcher is counted, so a thread that sees the watcher sees it. */
void tg__waiter_wake(void)
{
    if (atomic_load(&ready) && !atomic_exchange(&called, true))
        sem_post(&calls);
}

/* ---- at a fork ---- */

/* So that the heap is whole in the child. */
static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* Alarms are for what the parent's threads do. Without recursion: a heap may be deep. */
static void forget_alarms(void)
{
    struct tg__alarm *left = earliest;
    earliest = NULL;
    while (left != NULL) {
        struct tg__alarm *alarm = left, *last = alarm->child;
        left = alarm->next;
        while (last != NULL && last->next != NULL)
            last = last->next;
        if (last != NULL) {
            last->next = left;
            left = alarm->child;
        }
        alarm->set = false;
        alarm->child = alarm->next = alarm->previous = NULL;
    }
}

/* A child has no waiter. */
static void in_child(void)
{
    forget_alarms();
    pthread_cond_init(&rung, NULL); /* whoever waited is not there */
    running = is_self = false;
    ringing = NULL;
    atomic_store(&ready, false);
    atomic_store(&called, false);
    pthread_mutex_unlock(&lock);
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
        !tg__thread_make(&thread, "tg-waiter", &all, 0, wait_for_ever, NULL))
        return false;
    tg__process_count_thread();
    return true;
}

bool tg__waiter_start(void)
{
    if (atomic_load(&ready))
        return true;
    pthread_mutex_lock(&lock);
    if (!running && !quit)
        running = make_thread();
    bool there = running;
    if (there)
        atomic_store(&ready, true);
    pthread_mutex_unlock(&lock);
    return there;
}

/* At exit nothing of ours is left. A hook that has not returned yet, or that calls exit(), is not waited for. */
__attribute__((destructor)) static void end_thread(void)
{
    pthread_mutex_lock(&lock);
    bool join = running && ringing == NULL && !is_self && atomic_load(&tg__waiter_watching) == 0;
    quit = true;
    pthread_mutex_unlock(&lock);
    if (join) {
        tg__waiter_wake();
        pthread_join(thread, NULL);
        sem_destroy(&calls);
    }
}

void tg__waiter_look_with(double (*function)(void))
{
    atomic_store(&look, function);
}

bool tg__waiter_is_self(void)
{
    return is_self;
}

void tg__alarm_set(struct tg__alarm *alarm, double time)
{
    pthread_mutex_lock(&lock);
    if (alarm->set)
        take_out(alarm);
    alarm->time = time;
    insert(alarm);
    bool too_late = time < sleeps_until;
    pthread_mutex_unlock(&lock);
    if (too_late)
        tg__waiter_wake();
}

void tg__alarm_clear(struct tg__alarm *alarm)
{
    pthread_mutex_lock(&lock);
    if (alarm->set)
        take_out(alarm);
    while (ringing == alarm && !is_self)
        pthread_cond_wait(&rung, &lock);
    pthread_mutex_unlock(&lock);
}
