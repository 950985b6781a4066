/* SPDX-License-Identifier: MIT */
/**
 * @file cancel_button.c
 * A batch runs beside the user interface: one frame of it is taken back, another one that runs already
 * is told to stop, and then a button stops all that is left.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <taskgroup.h>
#include <time.h>

enum { FRAMES = 6 };

/** One frame, and what the user interface sees of it. */
struct frame {
    atomic_int started;
    int steps; /* a frame asks after each whether it is still wanted */
};

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int render(tg_task *self, void *arg, void *result)
{
    struct frame *frame = arg;
    (void)result;
    atomic_store(&frame->started, 1);
    for (int step = 0; step < frame->steps; step++) {
        if (tg_task_check(self) != TG_OK)
            return ECANCELED;
        nap();
    }
    return 0;
}

static void wait_for(struct frame *frame)
{
    while (atomic_load(&frame->started) == 0)
        nap();
}

int main(void)
{
    struct frame frames[FRAMES] = {{.steps = 1 << 20}, {.steps = 1}, {.steps = 1}, {.steps = 1},
        {.steps = 1 << 20}, {.steps = 1}};
    tg_group *g = tg_group_create(TG_GROUP(.name = "film", .limit = 1)); /* in order */
    for (int i = 0; i < FRAMES; i++)
        tg_group_add_with(g, render, &frames[i], TG_TASK(.flags = TG_TASK_CANCELLABLE), NULL);
    if (tg_group_start(g) != TG_OK) { /* and the user interface goes on */
        fprintf(stderr, "cancel_button: %s\n", tg_error_last()->message);
        return 1;
    }
    wait_for(&frames[0]);
    tg_group_cancel_task(g, 2); /* has not started: never will */
    tg_group_cancel_task(g, 0); /* runs: is told, and the others go on */
    wait_for(&frames[4]);
    tg_group_cancel(g, 0, "the button was pressed");
    tg_status status = tg_group_wait(g, TG_FOREVER);
    printf("film: %s, %s\n", tg_status_name(status), tg_group_error(g)->message);
    for (size_t i = 0; i < FRAMES; i++) {
        tg_outcome o;
        tg_group_outcome(g, i, &o);
        printf("frame %zu: %s%s\n", i, tg_status_name(o.status),
            o.attempts > 0 ? "" : ", not started");
    }
    tg_group_destroy(g);
    return 0;
}
