/* SPDX-License-Identifier: MIT */
/**
 * @file monitor.c
 * A batch with a clock: tasks that start at a time, again and again, or wait for one, none of them on a thread
 * of the team meanwhile. Each sample is computed, then settles for a moment (tg_task_sleep()). Beside them
 *  - progress is reported to stderr every PERIOD seconds (`.period`);
 *  - a poller looks for FILE, and when that has come adds the second half of the samples (tg_task_stop());
 *  - a deadline fails the batch after DEADLINE seconds (`.delay`), and says how far it has come.
 * Progress and deadline are TG_TASK_BACKGROUND: they end with the batch. The poller is not: the batch waits for it.
 *
 *     monitor [PERIOD [DEADLINE [FILE]]]        by default: 0.01 60, and after 50 ms the second half comes anyway
 *
 * No `.limit` here: samples that settle would take its places, and the deadline had to wait for one. With one
 * thread progress is reported between two samples, since what computes is never interrupted.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>
#include <unistd.h>

enum { SAMPLES = 40, FIRST_HALF = SAMPLES / 2, STEPS = 100000 };

struct batch {
    double begin; /* on tg_time_now()'s clock */
    double deadline;
    const char *file;        /* NULL: none is waited for */
    double samples[SAMPLES]; /* the results */
    atomic_int done;
};

/* ---- Samples -------------------------------------------------------------------------------- */

static int compute_sample(tg_task *self, void *arg, void *result)
{
    const struct batch *batch = arg;
    double *sample = result;
    double x = 1.0 / (double)(sample - batch->samples + 2);
    for (int i = 0; i < STEPS; i++)
        x = 3.5 * x * (1 - x);
    *sample = x;
    return tg_task_sleep(
        self, 0.01); /* then it has ended; all can settle at once, with one thread, too */
}

static void add_samples(tg_group *group, struct batch *batch, int first, int end)
{
    for (int i = first; i < end; i++)
        tg_group_add_with(
            group, compute_sample, batch, TG_TASK(.result = &batch->samples[i]), NULL);
}

/* Called by one thread at a time, for every task when it has ended. Only samples have a result. */
static int count_sample(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct batch *batch = user;
    (void)group;
    if (outcome->result != NULL && outcome->status == TG_OK)
        atomic_fetch_add(&batch->done, 1);
    return 0;
}

/* ---- What the clock starts ------------------------------------------------------------------ */

static int report_progress(tg_task *self, void *arg, void *result)
{
    struct batch *batch = arg;
    (void)self;
    (void)result;
    fprintf(stderr, "monitor: %d of %d samples after %.2f s\n", atomic_load(&batch->done), SAMPLES,
        tg_time_now() - batch->begin);
    return 0;
}

static bool has_come(const struct batch *batch)
{
    if (batch->file == NULL)
        return tg_time_now() > batch->begin + 0.05;
    return access(batch->file, F_OK) == 0;
}

static int poll_file(tg_task *self, void *arg, void *result)
{
    struct batch *batch = arg;
    (void)result;
    if (has_come(batch)) {
        add_samples(tg_task_group(self), batch, FIRST_HALF, SAMPLES);
        tg_task_stop(self); /* else it is called again in 5 ms */
    }
    return 0;
}

/* A required task: its failure stops the batch. `.timeout` of the group would do that without the numbers. */
static int give_up(tg_task *self, void *arg, void *result)
{
    struct batch *batch = arg;
    (void)result;
    return tg_task_fail(self, ETIMEDOUT, "only %d of %d samples after %g s",
        atomic_load(&batch->done), SAMPLES, batch->deadline);
}

/* ---- The batch ------------------------------------------------------------------------------ */

static tg_status run(struct batch *batch, double period)
{
    tg_group *group = tg_group_create(TG_GROUP(.on_done = count_sample, .user = batch));
    add_samples(group, batch, 0, FIRST_HALF);
    tg_group_add_with(group, poll_file, batch, TG_TASK(.period = 0.005), NULL);
    tg_group_add_with(group, report_progress, batch,
        TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = period, .period = period), NULL);
    tg_group_add_with(group, give_up, batch,
        TG_TASK(.flags = TG_TASK_BACKGROUND, .delay = batch->deadline), NULL);
    tg_status status = tg_group_run(group);
    tg_group_destroy(group);
    return status;
}

int main(int argc, char *argv[])
{
    double period = argc > 1 ? atof(argv[1]) : 0.01;
    struct batch batch = {.begin = tg_time_now(),
        .deadline = argc > 2 ? atof(argv[2]) : 60,
        .file = argc > 3 ? argv[3] : NULL};
    if (argc > 4 || !(period > 0) || !(batch.deadline > 0)) {
        fputs("Usage: monitor [PERIOD [DEADLINE [FILE]]]   (in seconds)\n", stderr);
        return 2;
    }
    if (run(&batch, period) != TG_OK) {
        fprintf(stderr, "monitor: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
    double sum = 0;
    for (int i = 0; i < SAMPLES; i++)
        sum += batch.samples[i];
    printf("%d samples, sum %.6f\n", atomic_load(&batch.done), sum);
    return EXIT_SUCCESS;
}
