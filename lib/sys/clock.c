/* SPDX-License-Identifier: MIT */
#include "sys/clock.h"

#include <taskgroup/version.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

double tg_time_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void tg__nap(double seconds)
{
    const struct timespec nap = {.tv_nsec = (long)(seconds * 1e9)};
    int error = errno, before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    nanosleep(&nap, NULL);
    pthread_setcancelstate(before, NULL);
    errno = error;
}
