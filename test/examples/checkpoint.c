/* SPDX-License-Identifier: MIT */
/**
 * @file checkpoint.c
 * A job that ends in order when it is told to, and goes on where it was: batch schedulers send
 * SIGTERM some time before they kill. The group hangs on a context that is bound to SIGTERM and
 * SIGINT; the first of these signals stops it, and tasks that are running see that and leave (a second
 * Ctrl-C ends the program at once). Every result is saved when it is there (on_done), so that the next
 * start has only the rest to do.
 *
 *     checkpoint FILE [SECONDS]
 *
 * FILE has the results of earlier starts; each piece of work takes SECONDS more, to have time for a
 * signal. Exit status: 0 if all is done, 128 + signal if there is something left.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>
#include <time.h>

enum { ITEMS = 16 };

/** A part of the job: item i is i pieces of work. */
struct item {
    bool done;
    double value;
};

struct job {
    struct item items[ITEMS];
    double pause; /* seconds a piece */
    FILE *file;   /* where on_done appends to */
};

/* ---- The task ------------------------------------------------------------------------------- */

static bool is_told_to_stop(tg_task *self, double seconds)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    for (double end = tg_time_now() + seconds; tg_time_now() < end; nanosleep(&millisecond, NULL))
        if (tg_task_check(self) != TG_OK)
            return true;
    return tg_task_check(self) != TG_OK;
}

/* All tasks share the job; the result slot is the item that the task is about. */
static int compute(tg_task *self, void *arg, void *result)
{
    const struct job *job = arg;
    struct item *item = result;
    double sum = 0;
    for (ptrdiff_t piece = item - job->items; piece > 0; piece--) {
        if (is_told_to_stop(self, job->pause))
            return ECANCELED; /* a half-done item is not worth keeping */
        sum += 1 / ((double)piece * (double)piece);
    }
    item->value = sqrt(6 * sum);
    return 0;
}

/* ---- The file ------------------------------------------------------------------------------- */

/* Called by one thread at a time, also for items that were told to stop or never started. A line is
   written in one piece: after a crash it is there or it is not. */
static int save(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct job *job = user;
    struct item *item = outcome->result;
    (void)group;
    if (outcome->status != TG_OK)
        return 0;
    item->done = true;
    fprintf(job->file, "%td %.17g\n", item - job->items, item->value);
    return fflush(job->file) == 0 ? 0 : errno; /* what cannot be saved need not be computed */
}

/* Reads what is there, and leaves the file at its end. */
static bool load(struct job *job, const char *path)
{
    int i;
    double value;
    job->file = fopen(path, "a+");
    if (job->file == NULL)
        return false;
    rewind(job->file);
    while (fscanf(job->file, "%d %lf", &i, &value) == 2)
        if (i >= 0 && i < ITEMS)
            job->items[i] = (struct item){.done = true, .value = value};
    return fseek(job->file, 0, SEEK_END) == 0;
}

/* ---- The job -------------------------------------------------------------------------------- */

static tg_status run(struct job *job)
{
    /* Schedulers, mpirun and timeout(1) like to send it twice, and what finds no live context goes to
       the handler that was there before: to this one, rather than to the one that kills. */
    signal(SIGTERM, SIG_IGN);
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_TERM | TG_SIGNAL_INT));
    if (context == NULL) /* without it the group would run all the same, deaf to signals */
        return tg_error_last()->status;
    tg_group *group = tg_group_create(TG_GROUP(.context = context, .on_done = save, .user = job));
    for (size_t i = 0; i < ITEMS; i++)
        if (!job->items[i].done)
            tg_group_add_with(group, compute, job, TG_TASK(.result = &job->items[i]), NULL);
    tg_status status = tg_group_run(group);
    tg_group_destroy(group);
    tg_context_destroy(context); /* from here signals do again what they did before */
    return status;
}

static int print_items(const struct job *job)
{
    int left = 0;
    for (int i = 0; i < ITEMS; i++) {
        if (job->items[i].done)
            printf("item %2d: %.6f\n", i, job->items[i].value);
        left += !job->items[i].done;
    }
    return left;
}

int main(int argc, char *argv[])
{
    struct job job = {.pause = argc > 2 ? atof(argv[2]) : 0};
    if (argc < 2) {
        fputs("Usage: checkpoint FILE [SECONDS]\n", stderr);
        return 2;
    }
    if (!load(&job, argv[1])) {
        perror("checkpoint");
        return EXIT_FAILURE;
    }
    tg_status status = run(&job);
    int left = print_items(&job);
    fclose(job.file);
    if (status == TG_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "checkpoint: %s: %d of %d items left\n", tg_error_last()->message, left, ITEMS);
    return status == TG_CANCELLED ? 128 + tg_error_last()->code : EXIT_FAILURE;
}
