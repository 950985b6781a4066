// SPDX-License-Identifier: MIT
// What a C++ exception does that leaves a function of the library's user: throws WHERE [catch]. With "catch", whoever
// runs the group is ready for it, and must not get it: the region around the task is still open. See throws.sh.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <taskgroup.h>

static int task_counts(tg_task *, void *, void *)
{
    return 0;
}

static int task_throws(tg_task *self, void *, void *)
{
    if (tg_task_index(self) == 7)
        throw 42;
    return 0;
}

static int task_catches(tg_task *self, void *arg, void *result)
{
    try {
        return task_throws(self, arg, result);
    } catch (int code) {
        return tg_task_fail_text(self, code, "thrown");
    }
}

static int done_throws(tg_group *, const tg_outcome *outcome, void *)
{
    if (outcome->index == 7)
        throw 42;
    return 0;
}

static int body_throws(tg_group *, void *)
{
    throw 42;
}

// The exit status.
static int run(const char *where)
{
    tg_group_options options{};
    options.size = sizeof options;
    if (std::strcmp(where, "done") == 0)
        options.on_done = done_throws;
    if (std::strcmp(where, "guarded") == 0)
        options.flags = TG_GROUP_GUARD;
    tg_group *group = tg_group_create(&options);
    tg_task_fn *function = task_throws;
    if (std::strcmp(where, "caught") == 0)
        function = task_catches;
    if (std::strcmp(where, "done") == 0 || std::strcmp(where, "body") == 0)
        function = task_counts;
    tg_group_add_many(group, function, 50, nullptr, 0, nullptr);
    tg_status status = std::strcmp(where, "body") == 0 ? tg_group_scope(group, body_throws, nullptr)
                                                       : tg_group_run(group);
    bool told = status == TG_FAILED && tg_group_error(group)->code == 42;
    tg_group_destroy(group);
    return told ? 0 : status == TG_CRASHED ? 4 : 1;
}

int main(int count, char **words)
{
    if (count < 2)
        return 2;
    if (count == 2)
        return run(words[1]);
    try {
        return run(words[1]);
    } catch (int) {
        std::puts("caught");
        return 3;
    }
}
