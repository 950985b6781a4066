/* SPDX-License-Identifier: MIT */
/**
 * @file map.c
 * The one-call loop: the square root of each number, in parallel, into an array of our own.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>

static int root_of(tg_task *self, void *arg, void *result)
{
    const double *x = arg;
    if (*x < 0)
        return tg_task_fail(self, EDOM, "%g has no real root", *x);
    *(double *)result = sqrt(*x);
    return 0;
}

int main(int argc, char *argv[])
{
    double x[] = {1, 4, 9, 16, argc > 1 ? atof(argv[1]) : 25};
    double y[5];
    if (tg_map_run(5, root_of, x, sizeof *x, y, sizeof *y, NULL) != TG_OK) {
        fprintf(stderr, "map: item %zu: %s\n", tg_error_last()->index, tg_error_last()->message);
        return EXIT_FAILURE;
    }
    printf("%g %g %g %g %g\n", y[0], y[1], y[2], y[3], y[4]);
    return EXIT_SUCCESS;
}
