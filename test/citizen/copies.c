/* SPDX-License-Identifier: MIT */
/*
 * The library is loaded and unloaded at run time, and twice at once. Not linked to it: finds its functions by
 * name, so that this is what they are called by.
 *
 *   copies unload LIBRARY           load, use, unload, again and again, at last with a pool in it: it stays where
 *                                   it is, since threads of OpenMP's sleep there
 *   copies twice LIBRARY COPY       two copies of it (the same file under two names) at once, one's groups
 *                                   in the other's tasks
 *
 * Exit status: 0: all was as it should be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>

enum { TASKS = 100, ROUNDS = 20 };

/* What is called of a copy. */
/* clang-format off */
#define FUNCTIONS(X) \
    X(tg_group_create) X(tg_group_add_many) X(tg_group_run) X(tg_group_destroy) \
    X(tg_group_report) X(tg_task_sleep) X(tg_task_current) X(tg_context_create) \
    X(tg_context_destroy) X(tg_context_hook) X(tg_hook_remove) X(tg_context_cancel) \
    X(tg_pool_create) X(tg_pool_submit) X(tg_pool_close) X(tg_pool_destroy) \
    X(tg_info_read)
/* clang-format on */

struct copy {
    void *handle;
#define MEMBER(name) __typeof__(name) *name;
    FUNCTIONS(MEMBER)
#undef MEMBER
};

static struct copy copies[2];
static atomic_int wrong;

#define expect(condition) ((condition) ? (void)0 : blame(#condition, __LINE__))

static void blame(const char *what, int line)
{
    if (atomic_fetch_add(&wrong, 1) == 0)
        fprintf(stderr, "copies: line %d: not %s\n", line, what);
}

static void load(struct copy *copy, const char *path)
{
    copy->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (copy->handle == NULL) {
        fprintf(stderr, "copies: %s\n", dlerror());
        exit(1);
    }
#define FIND(name)                                        \
    {                                                     \
        void *address = dlsym(copy->handle, #name);       \
        memcpy(&copy->name, &address, sizeof copy->name); \
        if (address == NULL)                              \
            exit(1);                                      \
    }
    FUNCTIONS(FIND)
#undef FIND
}

/* ---- What is done with a copy ------------------------------------------------------------------- */

static atomic_int count, hooked;

static void on_cancel(void *unused)
{
    (void)unused;
    atomic_fetch_add(&hooked, 1);
}

static int task_counts(tg_task *self, void *arg, void *result)
{
    const struct copy *copy = arg;

    (void)result;
    atomic_fetch_add(&count, 1);
    expect(copy->tg_task_current() == self);
    return copy->tg_task_sleep(self, 1e-4); /* the waiter */
}

static int task_crashes(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static void run_group(const struct copy *copy, tg_task_fn *function, size_t tasks)
{
    tg_report report = {.size = sizeof report};
    tg_group *g = copy->tg_group_create(NULL);

    expect(copy->tg_group_add_many(g, function, tasks, copy, 0, NULL) == TG_OK);
    expect(copy->tg_group_run(g) == TG_OK);
    expect((copy->tg_group_report)(g, &report) == TG_OK);
    expect(report.ok == tasks && report.added == tasks);
    copy->tg_group_destroy(g);
}

static void run_guarded(const struct copy *copy)
{
    tg_group *g = copy->tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));

    copy->tg_group_add_many(g, task_crashes, 1, NULL, 0, NULL);
    expect(copy->tg_group_run(g) == TG_CRASHED);
    copy->tg_group_destroy(g);
}

static void run_pool(const struct copy *copy)
{
    tg_pool *pool = copy->tg_pool_create(TG_POOL(.threads = 1));

    for (int i = 0; i < 10; i++)
        expect(copy->tg_pool_submit(pool, task_counts, copy, NULL, NULL) == TG_OK);
    expect(copy->tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    copy->tg_pool_destroy(pool);
}

static void use(const struct copy *copy)
{
    int before = atomic_load(&hooked);
    tg_context *context = copy->tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1));
    tg_hook *hook = copy->tg_context_hook(context, on_cancel, NULL);

    run_group(copy, task_counts, TASKS);
    run_guarded(copy);
    run_pool(copy);
    expect(raise(SIGUSR1) == 0);
    while (atomic_load(&hooked) == before)
        ;
    copy->tg_hook_remove(hook);
    copy->tg_context_destroy(context);
}

/* ---- Unloading ----------------------------------------------------------------------------------- */

static int count_threads(const char *name)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    int found = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char path[300], line[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fgets(line, sizeof line, file) != NULL)
            found += strncmp(line, name, strlen(name)) == 0;
        if (file != NULL)
            fclose(file);
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

static bool is_loaded(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

static void unload(const char *path)
{
    struct copy first, copy;

    load(&first, path);
    use(&first);
    expect(dlclose(first.handle) == 0);
    expect(is_loaded(path));
    for (int round = 1; round < ROUNDS; round++) {
        load(&copy, path);
        expect(copy.tg_group_run == first.tg_group_run);
        use(&copy);
        expect(count_threads("tg-events") == 1);
        expect(dlclose(copy.handle) == 0);
    }
    load(&copy, path);
    tg_pool *pool = copy.tg_pool_create(NULL);
    expect(dlclose(copy.handle) == 0);
    for (int i = 0; i < TASKS; i++)
        expect(first.tg_pool_submit(pool, task_counts, &first, NULL, NULL) == TG_OK);
    expect(first.tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    first.tg_pool_destroy(pool);
    expect(atomic_load(&count) == ROUNDS * (TASKS + 10) + TASKS);
}

/* ---- Twice ---------------------------------------------------------------------------------------- */

static int task_nests(tg_task *self, void *arg, void *result)
{
    const struct copy *mine = arg, *other = &copies[mine == &copies[0]];

    (void)result;
    expect(mine->tg_task_current() == self);
    expect(other->tg_task_current() == NULL); /* it does not know that it is in a task */
    run_group(other, task_counts, TASKS);
    expect(mine->tg_task_current() == self);
    return 0;
}

static void use_twice(const char *path, const char *other)
{
    load(&copies[0], path);
    load(&copies[1], other);
    expect(copies[0].tg_group_run != copies[1].tg_group_run);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2; i++) {
            use(&copies[i]);
            run_group(&copies[i], task_nests, 10);
        }
    expect(atomic_load(&count) == 6 * (TASKS + 10 + 10 * TASKS));
}

int main(int words, char **word)
{
    if (words == 3 && strcmp(word[1], "unload") == 0)
        unload(word[2]);
    else if (words == 4 && strcmp(word[1], "twice") == 0)
        use_twice(word[2], word[3]);
    else
        return 2;
    return atomic_load(&wrong) == 0 ? 0 : 1;
}
