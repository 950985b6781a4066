/* SPDX-License-Identifier: MIT */
/*
 * A program of another compiler than the library's: two OpenMP runtimes meet in its process. Groups work, in serial
 * code and in the program's own regions, and tg_info tells. See mixed.sh.
 */
#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <taskgroup.h>

enum { TASKS = 500 };

static int task_square(tg_task *self, void *arg, void *result)
{
    size_t *square = result;

    (void)arg;
    *square = tg_task_index(self) * tg_task_index(self);
    return tg_task_index(self) % 100 == 0 ? tg_task_sleep(self, 1e-3) : 0;
}

static int run_group(void)
{
    tg_report report = {.size = sizeof report};
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t)));
    int wrong = 0;

    tg_group_add_many(g, task_square, TASKS, NULL, 0, NULL);
    wrong += tg_group_run(g) != TG_OK;
    wrong += tg_group_report(g, &report) != TG_OK || report.ok != TASKS || report.added != TASKS;
    const size_t *squares = tg_group_results(g);
    for (size_t i = 0; i < TASKS; i++)
        wrong += squares == NULL || squares[i] != i * i;
    tg_group_destroy(g);
    return wrong;
}

int main(void)
{
    tg_info info = {.size = sizeof info};
    atomic_int threads = 0, wrong = 0;

#pragma omp parallel
    atomic_fetch_add(&threads, 1);
    tg_info_read(&info);
    for (int round = 0; round < 10; round++) {
        atomic_fetch_add(&wrong, run_group());
#pragma omp parallel
#pragma omp single
        atomic_fetch_add(&wrong, run_group());
#pragma omp parallel
        atomic_fetch_add(&wrong, run_group());
    }
    printf("runtime %s compiled_for %s runtimes %d threads %d region %d\n", info.runtime,
        info.compiled_for, info.runtimes, info.threads, atomic_load(&threads));
    if (info.runtimes < 2 && strcmp(info.runtime, info.compiled_for) == 0)
        atomic_fetch_add(&wrong, 1); /* nobody has noticed */
    return atomic_load(&wrong) != 0;
}
