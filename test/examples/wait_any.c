/* SPDX-License-Identifier: MIT */
/**
 * @file wait_any.c
 * Several weather stations are asked at once, and each reply is printed as soon as it arrives; one
 * station fails and says why.
 *
 * Each request has a handle. tg_task_wait_any() returns when one of them has ended; the loop then
 * replaces its handle by NULL, which the next call ignores. The pool has a thread for each request,
 * because a request blocks its thread until the reply arrives.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>
#include <time.h>

/** A station, and how it will reply. */
struct station {
    const char *name;
    long milliseconds; /* that the reply takes */
    double degrees;
    bool is_frozen;
};

enum { STATIONS = 5 };

static const struct station stations[STATIONS] = {
    {"Lisbon", 250, 21.5, false},
    {"Oslo", 150, 0, true},
    {"Rome", 50, 24.0, false},
    {"Bergen", 300, 9.5, false},
    {"Vienna", 200, 17.0, false},
};

static int ask(tg_task *self, void *arg, void *result)
{
    const struct station *station = arg;
    double *degrees = result;
    nanosleep(&(struct timespec){.tv_nsec = station->milliseconds * 1000000}, NULL);
    if (station->is_frozen)
        return tg_task_fail(self, EIO, "the thermometer is frozen");
    *degrees = station->degrees;
    return 0;
}

int main(void)
{
    double degrees[STATIONS], sum = 0;
    tg_task *requests[STATIONS];
    size_t which;
    int replies = 0;
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = STATIONS));
    for (int i = 0; i < STATIONS; i++)
        if (tg_pool_submit(pool, ask, &stations[i],
                TG_TASK(.name = stations[i].name, .result = &degrees[i]), &requests[i]) != TG_OK) {
            fprintf(stderr, "wait_any: %s\n", tg_error_last()->message);
            exit(EXIT_FAILURE); /* may be called at any time, whatever runs */
        }
    for (int left = STATIONS; left > 0; left--) {
        tg_outcome outcome;
        tg_task_wait_any(requests, STATIONS, TG_FOREVER, &which); /* 16 or fewer: cannot fail */
        tg_task_outcome(requests[which], &outcome);
        if (outcome.status == TG_OK) {
            printf("%-8s %4.1f degrees\n", outcome.name, degrees[which]);
            sum += degrees[which];
            replies++;
        } else
            printf("%-8s no reply: %s\n", outcome.name, outcome.message);
        tg_task_release(requests[which]);
        requests[which] = NULL;
    }
    tg_pool_destroy(pool);
    if (replies > 0)
        printf("mean of %d stations: %.1f degrees\n", replies, sum / replies);
    return EXIT_SUCCESS;
}
