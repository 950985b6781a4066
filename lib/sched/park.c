/* SPDX-License-Identifier: MIT */
#include "sched/park.h"

#include "sys/lock.h"
#include "sys/thread.h"

#include <math.h>

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

bool tg__park(struct tg__parker *parker, int spins, double until)
{
    for (int i = 0; i < spins && !is_notified(parker); i++)
        tg__pause();
    if (!is_notified(parker)) {
        bool waits = true;
        tg__mutex_lock(&parker->lock, TG__LOCK_PARK);
        parker->asleep = parker->locked = parker->slept = true;
        while (waits && !is_notified(parker)) {
            if (until < (double)INFINITY)
                waits = tg__thread_wait(&parker->condition, &parker->lock, until);
            else
                pthread_cond_wait(&parker->condition, &parker->lock);
        }
        parker->asleep = false;
        tg__mutex_unlock(&parker->lock, TG__LOCK_PARK);
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
