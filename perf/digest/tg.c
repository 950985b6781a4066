/* SPDX-License-Identifier: MIT */
#include "digest.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", NULL};

static int must_stop(void *self)
{
    return tg_task_check(self) != TG_OK;
}

static int body(tg_task *self, void *arg, void *result)
{
    const struct digest_job *job = arg;
    const int code = digest_file(job->paths[tg_task_index(self)], result, must_stop, self);
    return code == 0 ? 0 : tg_task_fail(self, code, "cannot hash");
}

void digest_all(const bench_args *args, struct digest_job *job)
{
    (void)args;
    tg_group *group = tg_group_create(TG_GROUP(.result_size = DIGEST_SIZE, .capacity = job->count));
    tg_group_add_many(group, body, job->count, job, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    bench_must_be_ok(tg_group_run(group));
    bench_must_count(group, job->count, job->count);
    memcpy(job->digests, tg_group_results(group), job->count * DIGEST_SIZE);
    tg_group_destroy(group);
}
