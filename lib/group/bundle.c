/* SPDX-License-Identifier: MIT */
/* One `omp task` for some tasks of a group. */
#include "group/group.h"

#include "sched/omp.h"

struct bundle {
    tg_task *self;
    size_t first, many;
};

static bool run_bundle(void *frame)
{
    const struct bundle *bundle = frame;
    return tg__runner_run(bundle->self, bundle->first, bundle->many);
}

void tg__group_run_bundle(struct tg__worker *worker, tg_task *self, size_t first, size_t many)
{
    struct bundle bundle = {self, first, many};
    TG__MUST_RETURN bool returned = false;
    if (worker != NULL)
        worker->spawned = false; /* outside of this task: its parent is another one */
    tg__omp_call(run_bundle, &bundle, worker != NULL && worker->cancellation,
        worker != NULL ? &worker->spawned : NULL);
    returned = true;
}
