/* SPDX-License-Identifier: MIT */
/**
 * @file race.c
 * The first of several solvers wins: the real root of x³ - 2x + 2, by methods of which nobody knows
 * beforehand which one gets there. From 0 Newton's method goes round in a circle for ever, and the
 * fixed point iteration runs away; bisection and secants arrive. The first that succeeds stops the
 * others: an endless one asks tg_task_check() every now and then, and leaves when it is told to.
 *
 *     race                           all four
 *     race fixed-point               only those that are named: here none succeeds
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>

/** What a solver finds. */
struct root {
    double x;
    long steps;
};

static double cubic(double x)
{
    return x * (x * x - 2) + 2;
}

static bool near_root(double x)
{
    return fabs(cubic(x)) < 1e-12;
}

/* Has somebody else won? A step takes nanoseconds: to ask at every 64th is often enough. */
static bool lost(tg_task *self, long step)
{
    return step % 64 == 0 && tg_task_check(self) != TG_OK;
}

static int newton(tg_task *self, void *arg, void *result)
{
    struct root *root = result;
    (void)arg;
    for (root->x = 0; !near_root(root->x); root->steps++) {
        if (lost(self, root->steps))
            return ECANCELED;
        root->x -= cubic(root->x) / (3 * root->x * root->x - 2); /* 0, 1, 0, 1, … */
    }
    return 0;
}

static int bisection(tg_task *self, void *arg, void *result)
{
    struct root *root = result;
    double low = -2; /* the cubic is negative here … */
    double high = 0; /* … and positive here */
    (void)arg;
    for (root->x = -1; !near_root(root->x); root->steps++) {
        if (lost(self, root->steps))
            return ECANCELED;
        if (cubic(root->x) < 0)
            low = root->x;
        else
            high = root->x;
        root->x = low + (high - low) / 2;
    }
    return 0;
}

static int secants(tg_task *self, void *arg, void *result)
{
    struct root *root = result;
    double before = -2;
    (void)arg;
    for (root->x = -1.5; !near_root(root->x); root->steps++) {
        double slope = (cubic(root->x) - cubic(before)) / (root->x - before);
        if (lost(self, root->steps))
            return ECANCELED;
        before = root->x;
        root->x -= cubic(root->x) / slope;
    }
    return 0;
}

static int fixed_point(tg_task *self, void *arg, void *result)
{
    struct root *root = result;
    (void)arg;
    for (root->x = -2; !near_root(root->x); root->steps++) {
        if (lost(self, root->steps))
            return ECANCELED;
        if (!isfinite(root->x))
            return tg_task_fail(self, EDOM, "diverged after %ld steps", root->steps);
        root->x = (root->x * root->x * root->x + 2) / 2;
    }
    return 0;
}

enum { METHODS = 4 };

static const struct method {
    const char *name;
    tg_task_fn *function;
} methods[METHODS] = {{"newton", newton}, {"fixed-point", fixed_point}, {"bisection", bisection},
    {"secants", secants}};

static bool is_wanted(const char *name, int argc, char *argv[])
{
    for (int i = 1; i < argc; i++)
        if (strcmp(name, argv[i]) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char *argv[])
{
    tg_call calls[METHODS] = {{.function = NULL}};
    struct root roots[METHODS] = {{.steps = 0}};
    size_t count = 0;
    for (size_t i = 0; i < METHODS; i++)
        if (is_wanted(methods[i].name, argc, argv)) {
            calls[count] = (tg_call){
                .name = methods[i].name, .function = methods[i].function, .result = &roots[count]};
            count++;
        }
    /* A thread for each, since who waits behind an endless one never starts; and a timeout, for the
       case that none of them gets there. */
    size_t winner;
    tg_status status =
        tg_race_run(count, calls, &winner, TG_GROUP(.threads = METHODS, .timeout = 60));
    if (status != TG_OK) {
        const tg_error *error = tg_error_last(); /* has no name if it was the timeout */
        fprintf(stderr, "race: nobody wins: %s%s%s\n", error->name,
            *error->name != '\0' ? ": " : "", error->message);
        return EXIT_FAILURE;
    }
    printf("root %.9f\n", roots[winner].x);
    printf("winner %s\n", calls[winner].name);
    for (size_t i = 0; i < count; i++)
        printf("%-12s %s\n", calls[i].name, tg_status_message(calls[i].status));
    return EXIT_SUCCESS;
}
