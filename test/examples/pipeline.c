/* SPDX-License-Identifier: MIT */
/**
 * @file pipeline.c
 * A pipeline that needs the same memory for ten files and for ten million: one thread walks a
 * directory tree, the team counts the lines of what it finds, and the counts are printed in the
 * order of the walk, each as soon as those before it are there. Prints what `wc -l` prints.
 *
 *     pipeline DIRECTORY
 *
 * Four things keep it small: `.queue` makes the walk wait when it is too far ahead, `.ahead` bounds
 * the counts that wait for an older one, TG_GROUP_RECYCLE uses records again, and `.copy` takes the
 * path, so that the walk can forget it.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taskgroup.h>
#include <unistd.h>

enum { QUEUE = 64, AHEAD = 256, DIRECTORIES_OPEN = 16 };

/* ---- Second stage: on the team -------------------------------------------------------------- */

static int fail(tg_task *self, int error)
{
    char reason[128]; /* strerror() need not be thread-safe */
    if (strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    return tg_task_fail(self, error, "%s", reason);
}

static int count_in(tg_task *self, int file, long *lines)
{
    char buffer[16384];
    for (;;) {
        if (tg_task_check(self) != TG_OK)
            return ECANCELED;
        ssize_t size = read(file, buffer, sizeof buffer);
        if (size == 0)
            return 0;
        if (size < 0 && errno != EINTR)
            return fail(self, errno);
        for (ssize_t i = 0; i < size; i++)
            *lines += buffer[i] == '\n';
    }
}

static int count_lines(tg_task *self, void *arg, void *result)
{
    int file = open(arg, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail(self, errno);
    int code = count_in(self, file, result);
    close(file);
    return code;
}

/* ---- Third stage: one at a time, in the order of the walk ------------------------------------ */

/* A nonzero answer stops the pipeline, and so also the walk: nobody reads what it would find. */
static int print_count(tg_group *group, const tg_outcome *outcome, void *user)
{
    const char *path = outcome->arg; /* our copy; with the record it goes after this call */
    (void)group;
    (void)user;
    if (outcome->status == TG_OK)
        printf("%ld %s\n", *(const long *)outcome->result, path);
    else if (outcome->status == TG_FAILED)
        fprintf(stderr, "pipeline: %s: %s\n", path, outcome->message);
    return ferror(stdout) ? EIO : 0;
}

/* ---- First stage: the body of the scope ------------------------------------------------------ */

/* nftw() passes nothing through to what it calls. */
static tg_group *walk_group;

/* Waits here, and counts lines itself meanwhile, while the queue is full. */
static int visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_DNR || type == FTW_NS)
        fprintf(stderr, "pipeline: %s: cannot look at it\n", path);
    if (type != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    tg_status added = tg_group_add_with(walk_group, count_lines, path,
        TG_TASK(.copy = strlen(path) + 1, .flags = TG_TASK_OPTIONAL), NULL);
    return added == TG_OK ? 0 : ECANCELED; /* the group has stopped: walk no further */
}

static int walk(tg_group *group, void *user)
{
    const char *root = user;
    walk_group = group;
    int code = nftw(root, visit, DIRECTORIES_OPEN, FTW_PHYS);
    if (code < 0)
        return tg_task_fail(tg_task_current(), errno, "cannot walk %s", root);
    return code;
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fputs("Usage: pipeline DIRECTORY\n", stderr);
        return 2;
    }
    tg_group *group = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER | TG_GROUP_RECYCLE,
        .queue = QUEUE, .ahead = AHEAD, .result_size = sizeof(long), .on_done = print_count));
    tg_status status = tg_group_scope(group, walk, argv[1]);
    tg_report report;
    tg_group_report(group, &report);
    tg_group_destroy(group);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written)
        fputs("pipeline: cannot write\n", stderr);
    else if (status != TG_OK)
        fprintf(stderr, "pipeline: %s\n", tg_error_last()->message);
    return written && status == TG_OK && report.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
