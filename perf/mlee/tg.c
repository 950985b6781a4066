/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mlee.h"
#include "bench_tg.h"

const char *const bench_impls[] = {"tg", "tg-sleep", "tg-sleep-all", NULL};

static int body(tg_task *self, void *arg, void *result)
{
    (void)result;
    return mlee_body(arg, tg_task_index(self));
}

static int sleeping_body(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-6 * (double)mlee_sleep_us(tg_task_index(self)));
}

/* A sleep ends with success: that its task has failed all the same is seen when it has ended. */
static int look(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group;
    return outcome->status == TG_OK && mlee_is_failing(user, outcome->index) ? MLEE_CODE : 0;
}

static tg_group *make(const bench_args *args, int sleeps)
{
    if (!sleeps)
        return tg_group_create(
            TG_GROUP(.flags = TG_GROUP_REQUIRED_FIRST, .threads = args->workers));
    const long limit = strcmp(args->impl, "tg-sleep-all") == 0 ? TG_UNLIMITED : args->workers;
    return tg_group_create(TG_GROUP(.flags = TG_GROUP_REQUIRED_FIRST, .limit = limit,
        .on_done = args->fails ? look : NULL, .user = (void *)(uintptr_t)args));
}

static struct mlee_answer look_back(tg_group *group, size_t n, tg_status status, int sleeps)
{
    struct mlee_answer answer = {.failed = n};
    for (size_t i = 0; i < n; i++) {
        tg_outcome outcome = {.size = sizeof outcome};
        bench_must_be_ok(tg_group_outcome(group, i, &outcome));
        answer.ok += outcome.status == TG_OK;
    }
    if (status == TG_OK)
        return answer;
    const tg_error *error = tg_group_error(group);
    if (status != TG_FAILED || error->code != MLEE_CODE)
        bench_wrong("%s: %s", tg_status_name(status), error->message);
    answer.ok -= (size_t)sleeps; /* the one that slept well, and failed */
    answer.failed = sleeps ? n / 2 : error->index;
    return answer;
}

static struct mlee_answer mlee_group(const bench_args *args)
{
    const int sleeps = strcmp(args->impl, "tg") != 0;
    tg_group *group = make(args, sleeps);
    for (size_t i = 0; i < args->n; i++)
        tg_group_add_with(group, sleeps ? sleeping_body : body, args,
            TG_TASK(.flags = mlee_is_optional(i) ? TG_TASK_OPTIONAL : 0), NULL);
    const tg_status status = tg_group_run(group);
    const struct mlee_answer answer = look_back(group, args->n, status, sleeps);
    tg_group_destroy(group);
    return answer;
}
