/* SPDX-License-Identifier: MIT */
/**
 * @file sweep.c
 * A parameter sweep: the period of a pendulum, for a row of amplitudes.
 *
 * Each amplitude is two tasks with results of different types:
 *  - required: the period by a series that converges at once. Without it there is no table, so its
 *    first failure ends the sweep;
 *  - optional: the period by following the motion, to compare. Near the top the pendulum takes too
 *    long; then the comparison is missing in the table, and the reason is printed below it.
 *
 *     sweep                  10 to 175 degrees, in steps of 15
 *     sweep 100 180 20       fails: at 180 degrees the pendulum stands still, upside down
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>

static const double pi = 3.14159265358979323846;

/** What the required task computes; in units of the period of a small swing. */
struct period {
    double value;
    int iterations;
};

/** What the optional task computes. */
struct motion {
    double period;
    long steps;
};

/** A point of the sweep: the input of two tasks, and where their results go. */
struct point {
    double degrees;
    struct period period;
    struct motion motion;
    size_t motion_task; /* index of the optional task, to ask what became of it */
};

/* Required. Gauss: the period is 1 / agm(1, cos(amplitude / 2)). */
static int find_period(tg_task *self, void *arg, void *result)
{
    const struct point *point = arg;
    struct period *period = result;
    if (!(fabs(point->degrees) < 180))
        return tg_task_fail(self, EDOM, "at %g degrees it never comes back", point->degrees);
    double a = 1;
    double b = cos(point->degrees * pi / 360);
    for (period->iterations = 0; fabs(a - b) > 1e-15; period->iterations++) {
        double mean = (a + b) / 2;
        b = sqrt(a * b);
        a = mean;
    }
    period->value = 1 / a;
    return 0;
}

/* Optional. Leapfrog from the amplitude until the pendulum hangs down: a quarter of the period. */
static int follow_motion(tg_task *self, void *arg, void *result)
{
    enum { MAX_STEPS = 60000 };
    const struct point *point = arg;
    struct motion *motion = result;
    const double dt = 1e-5 * 2 * pi; /* 1e5 steps a small swing */
    double angle = point->degrees * pi / 180;
    double speed = 0;
    for (motion->steps = 0; angle > 0; motion->steps++) {
        if (motion->steps == MAX_STEPS)
            return tg_task_fail(self, ETIME, "not down after %d steps", MAX_STEPS);
        if (motion->steps % 1024 == 0 && tg_task_check(self) != TG_OK)
            return ECANCELED; /* a required task has failed: nobody wants this any more */
        speed -= dt / 2 * sin(angle);
        angle += dt * speed;
        speed -= dt / 2 * sin(angle);
    }
    /* The last step went below: take off what it was too long. */
    motion->period = 4 * 1e-5 * ((double)motion->steps - angle / (dt * speed));
    return 0;
}

static void add_point(tg_group *group, struct point *point)
{
    char name[64];
    snprintf(name, sizeof name, "period at %g degrees", point->degrees);
    tg_group_add_with(
        group, find_period, point, TG_TASK(.name = name, .result = &point->period), NULL);
    snprintf(name, sizeof name, "motion at %g degrees", point->degrees);
    tg_group_add_with(group, follow_motion, point,
        TG_TASK(.name = name, .result = &point->motion, .flags = TG_TASK_OPTIONAL),
        &point->motion_task);
}

static void print_table(tg_group *group, const struct point *points, size_t count)
{
    puts("degrees    period  followed  iterations   steps");
    for (size_t i = 0; i < count; i++) {
        const struct point *point = &points[i];
        tg_outcome motion;
        printf("%7.1f  %8.5f  ", point->degrees, point->period.value);
        if (tg_group_outcome(group, point->motion_task, &motion) == TG_OK && motion.status == TG_OK)
            printf("%8.5f  %10d  %6ld\n", point->motion.period, point->period.iterations,
                point->motion.steps);
        else
            printf("%8s  %10d  %6s\n", "-", point->period.iterations, "-");
    }
}

/* Every failure, in the order in which they happened. */
static void print_failures(tg_group *group)
{
    for (const tg_error *e = NULL; (e = tg_group_error_next(group, e)) != NULL;)
        printf("%s: %s (code %d)\n", e->name, e->message, e->code);
}

static int sweep(struct point *points, size_t count)
{
    tg_group *group = tg_group_create(NULL);
    for (size_t i = 0; i < count; i++)
        add_point(group, &points[i]);
    tg_status status = tg_group_run(group);
    if (status == TG_OK) {
        print_table(group, points, count);
        print_failures(group); /* of optional tasks, since the run is OK */
    } else { /* tg_error_last() rather than tg_group_error(): it also knows why there is no group */
        fprintf(stderr, "sweep: %s: %s\n", tg_error_last()->name, tg_error_last()->message);
    }
    tg_group_destroy(group);
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    double first = argc > 1 ? atof(argv[1]) : 10;
    double last = argc > 2 ? atof(argv[2]) : 175;
    double step = argc > 3 ? atof(argv[3]) : 15;
    double count = floor((last - first) / step) + 1;
    if (!(first > 0) || !(count >= 1 && count <= 1e6)) {
        fputs("Usage: sweep [FIRST [LAST [STEP]]]  (amplitudes in degrees, above 0)\n", stderr);
        return 2;
    }
    struct point *points = calloc((size_t)count, sizeof *points);
    if (points == NULL) {
        fputs("sweep: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < (size_t)count; i++)
        points[i].degrees = first + (double)i * step;
    int exit_status = sweep(points, (size_t)count);
    free(points);
    return exit_status;
}
