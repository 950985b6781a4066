/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_cond_clockwait */
#include "base/park.h"

#include <math.h>
#include <taskgroup/version.h>
#include <time.h>

/* Without pthread_mutex_init(), which may fail. */
void tg__park_init(struct tg__parker *parker)
{
    *parker = (struct tg__parker){
        .lock = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER};
}

void tg__park_fini(struct tg__parker *parker)
{
    if (parker->locked)
        pthread_mutex_destroy(&parker->lock);
    if (parker->slept)
        pthread_cond_destroy(&parker->condition);
}

static bool is_notified(struct tg__parker *parker)
{
    /* Pairs with the release in tg__park_notify(): what the notifier did before is seen. */
    return atomic_load_explicit(&parker->notified, memory_order_acquire);
}

/* With the parker's lock. False: the time has come. */
static bool wait(struct tg__parker *parker, double until)
{
    if (until == (double)INFINITY) {
        pthread_cond_wait(&parker->condition, &parker->lock);
        return true;
    }
    double now = tg_time_now();
    if (until <= now)
        return false;
    if (until - now > 1e6)
        until = now + 1e6; /* looks again then; more may not fit into a time_t */
    struct timespec at = {.tv_sec = (time_t)until};
    at.tv_nsec = (long)((until - (double)at.tv_sec) * 1e9);
    pthread_cond_clockwait(&parker->condition, &parker->lock, CLOCK_MONOTONIC, &at);
    return true;
}

bool tg__park(struct tg__parker *parker, int spins, double until)
{
    for (int i = 0; i < spins && !is_notified(parker); i++)
        tg__pause();
    if (!is_notified(parker)) {
        int before; /* a thread that was cancelled here would leave a list with a parker that is
                       gone */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        tg__mutex_lock(&parker->lock, TG__LOCK_PARK);
        parker->asleep = parker->locked = parker->slept = true;
        while (!is_notified(parker) && wait(parker, until))
            ;
        parker->asleep = false;
        tg__mutex_unlock(&parker->lock, TG__LOCK_PARK);
        pthread_setcancelstate(before, NULL);
    }
    return atomic_exchange(&parker->notified, false);
}

void tg__park_notify(struct tg__parker *parker)
{
    tg__mutex_lock(&parker->lock, TG__LOCK_PARK);
    parker->locked = true;
    atomic_store_explicit(&parker->notified, true, memory_order_release);
    if (parker->asleep)
        pthread_cond_signal(&parker->condition);
    tg__mutex_unlock(&parker->lock, TG__LOCK_PARK);
}

/* ---- waiters ---- */

void tg__waiter_join(struct tg__link **waiters, struct tg__waiter *me, struct tg__parker *parker)
{
    tg__list_push(waiters, &me->link);
    me->parker = parker;
    me->listed = true;
}

void tg__waiter_leave(struct tg__waiter *me)
{
    if (me->listed)
        tg__list_remove(&me->link);
    me->listed = false;
}

bool tg__wait(struct tg__link **waiters, pthread_mutex_t *mutex, enum tg__rank rank, double until)
{
    struct tg__waiter me;
    struct tg__parker parker;
    if (until < (double)INFINITY && until <= tg_time_now())
        return false;
    tg__park_init(&parker);
    tg__waiter_join(waiters, &me, &parker);
    tg__mutex_unlock(mutex, rank);
    tg__park(&parker, 0, until);
    tg__mutex_lock(mutex, rank);
    tg__waiter_leave(&me);
    tg__park_fini(&parker);
    return true;
}

void tg__wake_all(struct tg__link **waiters)
{
    while (*waiters != NULL) {
        struct tg__waiter *waiter = TG__CONTAINER(struct tg__waiter, link, *waiters);
        tg__list_remove(&waiter->link);
        waiter->listed = false;
        tg__park_notify(waiter->parker);
    }
}
