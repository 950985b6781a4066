/* SPDX-License-Identifier: MIT */
/**
 * @file in_region.c
 * Groups inside OpenMP code that is there already: the same call in `single`, in every thread of a
 * region, and in an `omp task`. None of them opens a region of its own; each uses the team that is
 * there.
 *
 * The code is a small solver: the temperature of a plate, by Jacobi's method. The plate is cut into
 * bands of rows, and relaxing one band is a task, which fails if the numbers diverge. The plates
 * here have a known answer, and every result is compared with it.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>

enum { ROWS = 12, COLUMNS = 16, BANDS = 4, PLATES = 5, SWEEPS = 1200 };

typedef double field[ROWS + 2][COLUMNS + 2]; /* the border holds fixed temperatures */

/** A band of rows, and the plate that it belongs to: the argument of a task. */
struct band {
    struct plate *plate;
    int first, end; /* rows first … end - 1 */
};

struct plate {
    double slope; /* the answer is slope × (row + column) */
    field old;
    field new;
    struct band bands[BANDS];
};

/* ---- The solver: what does not care where it runs ------------------------------------------- */

static void plate_init(struct plate *plate, double slope)
{
    memset(plate, 0, sizeof *plate);
    plate->slope = slope;
    for (int row = 0; row < ROWS + 2; row++)
        for (int column = 0; column < COLUMNS + 2; column++)
            if (row == 0 || row == ROWS + 1 || column == 0 || column == COLUMNS + 1)
                plate->old[row][column] = plate->new[row][column] = slope *(row + column);
    for (int i = 0; i < BANDS; i++)
        plate->bands[i] = (struct band){plate, 1 + i * ROWS / BANDS, 1 + (i + 1) * ROWS / BANDS};
}

/* The task: new temperatures of one band from the old ones. */
static int relax_band(tg_task *self, void *arg, void *result)
{
    const struct band *band = arg;
    struct plate *plate = band->plate;
    (void)result; /* the result is in the plate */
    for (int row = band->first; row < band->end; row++)
        for (int column = 1; column <= COLUMNS; column++) {
            double sum = plate->old[row - 1][column] + plate->old[row + 1][column] +
                         plate->old[row][column - 1] + plate->old[row][column + 1];
            if (!isfinite(sum))
                return tg_task_fail(self, EDOM, "diverged at row %d, column %d", row, column);
            plate->new[row][column] = sum / 4;
        }
    return 0;
}

/* One sweep, all bands in parallel: the call that this example is about. */
static tg_status relax(struct plate *plate)
{
    tg_status status =
        tg_map_run(BANDS, relax_band, plate->bands, sizeof *plate->bands, NULL, 0, NULL);
    if (status != TG_OK) /* say why here: tg_error_last() is about the calling thread's calls */
        fprintf(stderr, "in_region: %s\n", tg_error_last()->message);
    return status;
}

static tg_status solve(struct plate *plate)
{
    tg_status status = TG_OK;
    for (int sweep = 0; sweep < SWEEPS && status == TG_OK; sweep++) {
        status = relax(plate);
        memcpy(plate->old, plate->new, sizeof plate->old);
    }
    return status;
}

/* Prints the verdict on one plate. */
static bool check(const char *where, const struct plate *plate, tg_status status)
{
    double error = 0;
    for (int row = 1; row <= ROWS; row++)
        for (int column = 1; column <= COLUMNS; column++) {
            double answer = plate->slope * (row + column);
            error = fmax(error, fabs(plate->new[row][column] - answer));
        }
    bool good = status == TG_OK && error < 1e-9 * plate->slope;
    printf("%-16s slope %g: %s\n", where, plate->slope, good ? "right" : "wrong");
    return good;
}

/* ---- 1. In `single`: the other threads help while they wait at its barrier ------------------- */

static bool in_single(struct plate *plate)
{
    tg_status status = TG_OK;
#pragma omp parallel
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
#pragma omp single
        status = relax(plate);
        /* Behind the barrier of `single` all threads see the same status, and leave together. */
        if (status != TG_OK)
            break;
#pragma omp for
        for (int row = 1; row <= ROWS; row++)
            memcpy(plate->old[row], plate->new[row], sizeof plate->old[row]);
    }
    return check("in single", plate, status);
}

/* ---- 2. In every thread: each has groups of its own ------------------------------------------ */

static bool in_every_thread(struct plate *plates)
{
    tg_status status[PLATES];
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < PLATES; i++)
        status[i] = solve(&plates[i]);
    bool good = true;
    for (int i = 0; i < PLATES; i++)
        good = check("in every thread", &plates[i], status[i]) && good;
    return good;
}

/* ---- 3. In an `omp task` ---------------------------------------------------------------------- */

static bool in_tasks(struct plate *plates)
{
    tg_status status[PLATES];
#pragma omp parallel
#pragma omp single
    for (int i = 0; i < PLATES; i++) {
#pragma omp task shared(status)
        status[i] = solve(&plates[i]);
    }
    bool good = true;
    for (int i = 0; i < PLATES; i++)
        good = check("in an omp task", &plates[i], status[i]) && good;
    return good;
}

static void init_all(struct plate *plates)
{
    for (int i = 0; i < PLATES; i++)
        plate_init(&plates[i], i + 1);
}

int main(int argc, char *argv[])
{
    static struct plate plates[PLATES];
    (void)argv;
    init_all(plates);
    if (argc > 1) /* show a failure: any argument */
        plates[0].old[ROWS / 2][COLUMNS / 2] = INFINITY;
    bool good = in_single(&plates[0]);
    init_all(plates);
    good = in_every_thread(plates) && good;
    init_all(plates);
    good = in_tasks(plates) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
