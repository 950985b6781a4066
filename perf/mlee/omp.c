/* SPDX-License-Identifier: MIT */
/*
 * The flag is what stops the group. `omp cancel` helps where the environment has OMP_CANCELLATION=true, which
 * a program cannot turn on by itself.
 */
#define _POSIX_C_SOURCE 200809L
#include "mlee.h"

#include <stdatomic.h>

const char *const bench_impls[] = {"omp", NULL};

struct group {
    const bench_args *args;
    atomic_int stop;
    atomic_size_t ok, failed;
};

/* 1: the group must stop. */
static int task(struct group *group, size_t index)
{
    if (atomic_load_explicit(&group->stop, memory_order_relaxed))
        return 0;
    if (mlee_body(group->args, index) == 0) {
        atomic_fetch_add(&group->ok, 1);
        return 0;
    }
    if (mlee_is_optional(index) || atomic_exchange(&group->stop, 1))
        return 0;
    atomic_store(&group->failed, index);
    return 1;
}

static struct mlee_answer mlee_group(const bench_args *args)
{
    const size_t n = args->n;
    struct group group = {.args = args, .failed = n};
#pragma omp parallel num_threads(args->workers)
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < 2 * n; i++) { /* required ones in the first half */
        const size_t index = i % n;
        if (mlee_is_optional(index) != (i >= n))
            continue;
#pragma omp task firstprivate(index) shared(group)
        {
            if (task(&group, index)) {
#pragma omp cancel taskgroup
            }
        }
    }
    return (struct mlee_answer){atomic_load(&group.ok), atomic_load(&group.failed)};
}
