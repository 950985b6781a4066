/* SPDX-License-Identifier: MIT */
/**
 * @file stages.c
 * A log is read, parsed, counted and written in four stages: lines are parsed in parallel, and come out
 * in the order in which they were read, however long the log is.
 *
 *     stages < LOG
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>

/** A line on its way, and what was found in it. */
struct line {
    char text[200];
    int level, milliseconds;
};

static int read_line(tg_task *self, void **item, void *user)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL)
        return tg_task_fail(self, ENOMEM, "out of memory");
    if (fgets(line->text, sizeof line->text, user) == NULL) {
        free(line);
        return 0; /* no item: there are no more */
    }
    *item = line;
    return 0;
}

/* Several at once. */
static int parse(tg_task *self, void **item, void *user)
{
    struct line *line = *item;
    (void)user;
    if (sscanf(line->text, "level %d took %d ms", &line->level, &line->milliseconds) == 2)
        return 0;
    int code = tg_task_fail(
        self, EINVAL, "not a line of this log: %.*s", (int)strcspn(line->text, "\n"), line->text);
    free(line); /* what went in is this function's */
    return code;
}

/* One at a time: no lock is needed. */
static int count(tg_task *self, void **item, void *user)
{
    const struct line *line = *item;
    (void)self;
    *(long *)user += line->milliseconds;
    return 0;
}

static int write_slow(tg_task *self, void **item, void *user)
{
    const struct line *line = *item;
    (void)self;
    if (line->milliseconds >= *(const int *)user)
        printf("slow: level %d, %d ms\n", line->level, line->milliseconds);
    return 0;
}

static void free_line(void *item, void *user)
{
    (void)user;
    free(item);
}

int main(void)
{
    long sum = 0;
    int slow = 100;
    size_t lines;
    const tg_stage stages[] = {{.function = read_line, .user = stdin, .drop = free_line},
        {.function = parse, .drop = free_line},
        {.function = count, .user = &sum, .mode = TG_STAGE_SERIAL, .drop = free_line},
        {.function = write_slow, .user = &slow, .mode = TG_STAGE_IN_ORDER, .drop = free_line}};
    if (tg_pipeline_run(stages, 4, 0, &lines, NULL) != TG_OK) {
        fprintf(stderr, "stages: %s\n", tg_error_last()->message);
        return 1;
    }
    printf("%zu lines, %ld ms\n", lines, sum);
    return 0;
}
