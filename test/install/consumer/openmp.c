/* SPDX-License-Identifier: MIT */
/* A program that is parallel already: the group runs on the team that is there. */
#include <taskgroup.h>

#include <omp.h>
#include <stdio.h>

static int add_one(tg_task *self, void *arg, void *result)
{
    (void)self;
    (void)result;
    int *x = arg;
    ++*x;
    return 0;
}

int main(void)
{
    int x[100] = {0};
    tg_status s = TG_INVALID;
    int threads = 0;
#pragma omp parallel
    {
#pragma omp for
        for (int i = 0; i < 100; i++)
            x[i] = i;
#pragma omp single
        {
            threads = omp_get_num_threads();
            s = tg_map_run(100, add_one, x, sizeof *x, NULL, 0, NULL);
        }
    }
    for (int i = 0; i < 100; i++)
        if (x[i] != i + 1)
            return 1;
    tg_info info = {sizeof info};
    if (s != TG_OK || tg_info_read(&info) != TG_OK || info.cancellation != omp_get_cancellation())
        return 2;
    printf("%d threads of %s, compiled for %s\n", threads, info.runtime, info.compiled_for);
    return 0;
}
