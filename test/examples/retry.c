/* SPDX-License-Identifier: MIT */
/**
 * @file retry.c
 * A step that fails now and then is tried again: up to five attempts, with a pause before each that
 * doubles, and a time for each attempt. The pause takes no thread of the team: other tasks run
 * meanwhile. What is told in the end is the last attempt's error.
 *
 *     retry                          two attempts fail, the third one succeeds
 *     retry 9                        nine would fail: it is given up after the fifth
 *     retry 1 hang                   the first hangs until its time is up, the second succeeds
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>
#include <time.h>

/** The flaky step, as the command line wants it. */
struct server {
    int bad_attempts; /* how many go wrong before one goes well … */
    bool hangs;       /* … and how: it hangs, or it drops the connection */
};

/** The result: what was fetched, and the attempt that got it. */
struct block {
    unsigned char bytes[64];
    int attempt;
};

static int fetch_block(tg_task *self, void *arg, void *result)
{
    const struct server *server = arg;
    const struct timespec millisecond = {.tv_nsec = 1000000};
    struct block *block = result;
    int attempt = tg_task_attempt(self); /* 1, 2, 3 … */
    if (attempt <= server->bad_attempts && server->hangs) {
        while (tg_task_check(self) == TG_OK) /* in earnest: a read that a hook unblocks */
            nanosleep(&millisecond, NULL);
        return ETIMEDOUT;
    }
    if (attempt <= server->bad_attempts)
        return tg_task_fail(self, ECONNRESET, "attempt %d: the connection was lost", attempt);
    memset(block->bytes, attempt, sizeof block->bytes);
    block->attempt = attempt;
    return 0;
}

int main(int argc, char *argv[])
{
    struct server server = {.bad_attempts = argc > 1 ? atoi(argv[1]) : 2,
        .hangs = argc > 2 && !strcmp(argv[2], "hang")};
    struct block block = {.attempt = 0};
    tg_status status = tg_call_run(fetch_block, &server, &block,
        TG_TASK(.name = "block 12", .attempts = 5, .backoff = 0.01, .backoff_max = 0.05,
            .timeout = 1),
        NULL);
    if (status != TG_OK) {
        const tg_error *error = tg_error_last();
        fprintf(stderr, "retry: %s: given up after %d attempts: %s (code %d)\n", error->name,
            error->attempts, error->message, error->code);
        return EXIT_FAILURE;
    }
    printf("%zu bytes in attempt %d\n", sizeof block.bytes, block.attempt);
    return EXIT_SUCCESS;
}
