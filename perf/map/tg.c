/* SPDX-License-Identifier: MIT */
#include "map.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)self;
    *(uint64_t *)result = 3 * *(const uint64_t *)arg + 1;
    return 0;
}

static void map_items(const bench_args *args, const uint64_t *x, uint64_t *y)
{
    bench_must_be_ok(tg_map_run(args->n, body, x, sizeof *x, y, sizeof *y, NULL));
}

void bench_run(const bench_args *args)
{
    map_run(args, map_items);
}
