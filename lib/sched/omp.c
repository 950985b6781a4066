/* SPDX-License-Identifier: MIT */
#include "sched/omp.h"

#include <stdatomic.h>
#include <stddef.h>

void tg__omp_parallel(int threads, void (*body)(void *user), void *user)
{
#pragma omp parallel num_threads(threads) default(none) firstprivate(body, user)
    body(user);
}

void tg__omp_taskgroup(void (*body)(void *user), void *user)
{
#pragma omp taskgroup
    body(user);
}

void tg__omp_spawn(void (*body)(void *first, void *second), void *first, void *second)
{
#pragma omp task default(none) firstprivate(body, first, second)
    body(first, second);
}

void tg__omp_call(bool (*body)(void *frame), void *frame, bool cancels, const bool *spawned)
{
    bool ran = false;
#pragma omp task if (0) default(none) shared(ran) firstprivate(body, frame, cancels)
    {
        bool cancel = false;
        ran = true;
        if (cancels) {
            /* What the body spawns on its own must not be dropped with our helper tasks. */
#pragma omp taskgroup
            cancel = body(frame);
        } else {
            body(frame);
        }
        if (cancel) {
#pragma omp cancel taskgroup
        }
    }
    /* libgomp keeps an undeferred task on this stack. A deferred task that was created in it and
       ends at this moment still reads there, with the lock held for tasks, though the task has
       returned (gomp_task_run_post_remove_parent(), libgomp 12). Another task takes that lock, from
       the same frame, before anything else uses the stack. */
    if (spawned != NULL && *spawned) {
#pragma omp task default(none)
        atomic_signal_fence(memory_order_seq_cst); /* nothing; an empty task may be left out */
    }
    /* libgomp drops even an undeferred task if the user has cancelled something around us. */
    if (!ran)
        body(frame);
}

void tg__omp_wait(void)
{
#pragma omp taskwait
}
