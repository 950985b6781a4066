/* SPDX-License-Identifier: MIT */
#include "memory.h"
#include "bench_tg.h"

/* Added one by one; as one range; as a map into the caller's array. */
const char *const bench_impls[] = {"tg", "tg-range", "tg-map", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)arg;
    if (result != NULL)
        *(uint64_t *)result = tg_task_index(self) + 1;
    return 0;
}

static void map(size_t n, size_t bytes)
{
    uint64_t *results = bytes > 0 ? bench_alloc(n, bytes) : NULL;
    bench_must_be_ok(tg_map_run(n, body, NULL, 0, results, bytes, NULL));
    memory_check(results, n);
    free(results);
}

static void group(const bench_args *args, size_t n)
{
    tg_group *group = tg_group_create(TG_GROUP(.result_size = args->bytes));
    if (strcmp(args->impl, "tg-range") == 0)
        tg_group_add_many(group, body, n, NULL, 0, NULL);
    else
        for (size_t i = 0; i < n; i++)
            tg_group_add(group, body, NULL);
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, n, n);
    if (args->bytes > 0)
        memory_check(tg_group_results(group), n);
    tg_group_destroy(group);
}

static void memory_tasks(const bench_args *args, size_t n)
{
    if (strcmp(args->impl, "tg-map") == 0)
        map(n, args->bytes);
    else
        group(args, n);
}
