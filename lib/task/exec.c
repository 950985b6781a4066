/* SPDX-License-Identifier: MIT */
#include "task/exec.h"

void tg__exec_init(struct tg__exec *exec, tg_group *group, tg_context *context)
{
    exec->group = group;
    exec->context = context;
    exec->times.longest_index = TG_NO_INDEX;
    atomic_init(&exec->failed_at, SIZE_MAX);
}

void tg__exec_clear_times(struct tg__exec *exec)
{
    tg__lock_take(&exec->times.lock, TG__LOCK_TIMES);
    exec->times.busy = exec->times.longest = 0;
    exec->times.longest_index = TG_NO_INDEX;
    tg__lock_give(&exec->times.lock, TG__LOCK_TIMES);
}

static void clear_ends(struct tg__exec *exec)
{
    const memory_order any = memory_order_relaxed;
    atomic_size_t *const counts[] = {&exec->ok, &exec->failed, &exec->timed_out, &exec->crashed,
        &exec->cancelled, &exec->dropped, &exec->attempts, &exec->ready_again, &exec->ranks,
        &exec->successes};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        atomic_store_explicit(counts[i], 0, any);
    atomic_store_explicit(&exec->failed_at, SIZE_MAX, any);
    atomic_store_explicit(&exec->stopped_itself, false, any);
    atomic_store_explicit(&exec->enough, false, any);
    atomic_store_explicit(&exec->called_off, false, any);
    atomic_store_explicit(&exec->takes_back, false, any);
    tg__exec_clear_times(exec);
}

void tg__exec_reset(struct tg__exec *exec)
{
    clear_ends(exec);
    tg__store_reset(&exec->store);
    tg__failures_reset(&exec->failures);
}

void tg__exec_rewind(struct tg__exec *exec)
{
    bool all = atomic_load(&exec->slow) || exec->failures.count > 0;
    size_t dropped = atomic_load(&exec->dropped);
    tg__store_rewind(&exec->store, all);
    clear_ends(exec);
    tg__failures_reset(&exec->failures);
    atomic_store(&exec->dropped, dropped);
}

void tg__exec_fini(struct tg__exec *exec)
{
    tg__store_free(&exec->store);
    tg__failures_free(&exec->failures);
    tg__locals_free(&exec->locals);
}
