/* SPDX-License-Identifier: MIT */
/**
 * @file take.c
 * The first three of ten replies: a read with a quorum. Ten replicas hold a value; some are slow,
 * some are down, two have missed the last write. Writes wait for eight of them, so any three
 * replies have a new one among them, and the newest counts. With the third reply who is still being
 * asked is told to stop, and who has not been asked yet never is. All calls are optional, since a
 * replica that is down must not end the read.
 *
 *     take                           the first three that reply
 *     take 7                         the first seven replicas are down: the last three have to do
 *     take 8                         eight are down: too few reply
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>
#include <time.h>

enum { REPLICAS = 10, QUORUM = 3 };

/** The argument of a call: whom to ask. */
struct replica {
    int number;
    bool down;        /* does not reply */
    int version;      /* of the value that it holds */
    int milliseconds; /* that it takes to reply */
};

/** What a replica replies. */
struct reply {
    int version;
    double value;
};

static int ask_replica(tg_task *self, void *arg, void *result)
{
    const struct replica *replica = arg;
    struct reply *reply = result;
    const struct timespec millisecond = {.tv_nsec = 1000000};
    if (replica->down)
        return tg_task_fail(self, ECONNREFUSED, "replica %d is down", replica->number);
    for (int i = 0; i < replica->milliseconds; i++) {
        if (tg_task_check(self) != TG_OK)
            return ECANCELED; /* three others were faster */
        nanosleep(&millisecond, NULL);
    }
    reply->version = replica->version;
    reply->value = 100 + replica->version;
    return 0;
}

/* Replicas 2 and 9 have missed the last write. */
static void init_replicas(struct replica *replicas, int down)
{
    for (int i = 0; i < REPLICAS; i++)
        replicas[i] = (struct replica){.number = i,
            .down = i < down,
            .version = i == 2 || i == 9 ? 6 : 7,
            .milliseconds = 1 + i * 7 % 5};
}

static const struct reply *newest(const struct reply *replies, const size_t *winners)
{
    const struct reply *best = &replies[winners[0]];
    for (int i = 1; i < QUORUM; i++)
        if (replies[winners[i]].version > best->version)
            best = &replies[winners[i]];
    return best;
}

int main(int argc, char *argv[])
{
    struct replica replicas[REPLICAS];
    struct reply replies[REPLICAS];
    tg_call calls[REPLICAS];
    size_t winners[QUORUM];
    init_replicas(replicas, argc > 1 ? atoi(argv[1]) : 0);
    for (int i = 0; i < REPLICAS; i++)
        calls[i] = (tg_call){.function = ask_replica,
            .arg = &replicas[i],
            .result = &replies[i],
            .flags = TG_TASK_OPTIONAL};
    if (tg_take_run(REPLICAS, calls, QUORUM, winners, NULL) != TG_OK) {
        fprintf(stderr, "take: %s; the last one: %s\n", tg_status_message(tg_error_last()->status),
            tg_error_last()->message);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < QUORUM; i++) /* in the order in which they came */
        printf("reply of replica %zu: version %d\n", winners[i], replies[winners[i]].version);
    printf("value %g\n", newest(replies, winners)->value);
    return EXIT_SUCCESS;
}
