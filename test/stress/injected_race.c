/* SPDX-License-Identifier: MIT */
/*
 * A race on purpose: tasks of a group that count in a plain variable. ThreadSanitizer must see it, in
 * serial code and in a user's region, with the suppressions of tsan.supp; else its silence about the
 * other tests would mean nothing.
 */
#include <stdio.h>
#include <taskgroup.h>

static long counter;

static int count_up(tg_task *self, void *arg, void *result)
{
    (void)self;
    (void)arg;
    (void)result;
    for (volatile int i = 0; i < 1000; i++)
        continue;
    counter++;
    return 0;
}

static void race(tg_group *g)
{
    tg_group_add_many(g, count_up, 1000, NULL, 0, NULL);
    if (tg_group_run(g) != TG_OK)
        printf("%s\n", tg_group_error(g)->message);
}

int main(void)
{
    tg_group *g = tg_group_create(NULL);
    race(g);
#pragma omp parallel
#pragma omp single
    race(g);
    tg_group_destroy(g);
    printf("counted %ld of 2000\n", counter);
    return 0;
}
