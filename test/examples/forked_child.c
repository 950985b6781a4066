/* SPDX-License-Identifier: MIT */
/**
 * @file forked_child.c
 * A program that has run a group forks a child, which runs a group of its own on a copy of the data
 * and replies through a pipe, while the parent changes the data and goes on.
 *
 *     forked_child           the child's group has one thread with libgomp, all with libomp
 *     forked_child pause     the child's group has all threads with both
 *
 * fork() copies only the calling thread. libgomp would wait for the others of its team, so the
 * library gives the child's group one thread. "pause" ends these threads before the fork; then the
 * next group has new ones, in the parent and in the child. libomp makes new ones in any case.
 */
#define _POSIX_C_SOURCE 200809L

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <taskgroup.h>
#include <unistd.h>

enum { COUNT = 100 };
static long scale = 1; /* the data of the program */

struct sum {
    long value;
    int threads; /* that its group had */
};

static int square(tg_task *self, void *arg, void *result)
{
    long number = scale * (long)(tg_task_index(self) + 1);
    (void)arg;
    *(long *)result = number * number;
    return 0;
}

static struct sum add_squares(void)
{
    long value = 0;
    tg_report report;
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(long)));
    tg_group_add_many(g, square, COUNT, NULL, 0, NULL);
    if (tg_group_run(g) != TG_OK) {
        fprintf(stderr, "forked_child: %s\n", tg_group_error(g)->message);
        exit(EXIT_FAILURE);
    }
    const long *squares = tg_group_results(g);
    for (int i = 0; i < COUNT; i++)
        value += squares[i];
    tg_group_report(g, &report);
    tg_group_destroy(g);
    return (struct sum){value, report.threads};
}

int main(int argc, char *argv[])
{
    struct sum before = add_squares(), copy;
    int ends[2]; /* of a pipe: the child writes to the second one */
    (void)argv;
    if (argc > 1)
        omp_pause_resource_all(omp_pause_hard);
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        copy = add_squares();
        _exit(write(ends[1], &copy, sizeof copy) < 0); /* without the parent's atexit() functions */
    }
    scale = 2;
    struct sum after = add_squares();
    if (child < 0 || close(ends[1]) != 0 || read(ends[0], &copy, sizeof copy) <= 0) {
        fprintf(stderr, "forked_child: the child does not reply\n");
        return EXIT_FAILURE;
    }
    waitpid(child, NULL, 0);
    printf("parent: sum %7ld, threads: %d\n", before.value, before.threads);
    printf("child:  sum %7ld, threads: %d\n", copy.value, copy.threads);
    printf("parent: sum %7ld, threads: %d\n", after.value, after.threads);
    return EXIT_SUCCESS;
}
