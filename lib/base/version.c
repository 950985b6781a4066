/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dladdr */
#include <taskgroup/version.h>

#include "base/options.h"
#include "base/status.h"

#include <dlfcn.h>
#ifdef __linux__
#include <link.h>
#endif
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

int tg_version_number(void)
{
    return TG_VERSION;
}

const char *tg_version_string(void)
{
    return TEXT(TG_VERSION_MAJOR) "." TEXT(TG_VERSION_MINOR) "." TEXT(TG_VERSION_PATCH);
}

/* The runtime that answers to omp_…, whatever this library was compiled for. */
static const char *loaded_runtime(void)
{
    /* dladdr wants an object pointer; POSIX promises that a function pointer survives the trip. */
    int (*function)(void) = omp_get_num_threads;
    void *address;
    memcpy(&address, &function, sizeof address);
    Dl_info where;
    if (dladdr(address, &where) == 0 || where.dli_fname == NULL)
        return "unknown";
    if (strstr(where.dli_fname, "libgomp") != NULL)
        return "libgomp";
    if (strstr(where.dli_fname, "libomp") != NULL || strstr(where.dli_fname, "libiomp") != NULL)
        return "libomp";
    return "unknown"; /* linked statically */
}

#ifdef __linux__
/* By their names: those that come along with Python modules are called libgomp-a34b3233.so and the
 * like. */
static bool is_runtime(const char *path)
{
    static const char *const names[] = {"libgomp.", "libgomp-", "libomp.", "libomp-", "libiomp5"};
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    if (strncmp(name, "libgomp-plugin", strlen("libgomp-plugin")) == 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int count_runtime(struct dl_phdr_info *loaded, size_t size, void *count)
{
    (void)size;
    *(int *)count += loaded->dlpi_name != NULL && is_runtime(loaded->dlpi_name);
    return 0;
}

static int count_runtimes(void)
{
    int count = 0;
    dl_iterate_phdr(count_runtime, &count);
    return count;
}
#else
static int count_runtimes(void)
{
    return strcmp(loaded_runtime(), "unknown") != 0;
}
#endif

tg_status(tg_info_read)(tg_info *info)
{
    if (info == NULL)
        return tg__refuse(TG_INVALID, "tg_info_read: info is NULL");
    if (!tg__answer_fits(info))
        return tg__refuse(TG_INVALID, "tg_info_read: info->size is %zu", info->size);
    tg_info now = {
        .version = TG_VERSION,
        .cancellation = omp_get_cancellation() != 0,
        .runtime = loaded_runtime(),
#ifdef __clang__
        .compiled_for = "libomp",
#else
        .compiled_for = "libgomp",
#endif
        .threads = omp_get_level() > 0 ? omp_get_num_threads() : omp_get_max_threads(),
        .processors = omp_get_num_procs(),
        .max_active_levels = omp_get_max_active_levels(),
        .bound = omp_get_proc_bind() != omp_proc_bind_false,
        .runtimes = count_runtimes(),
    };
    tg__answer_write(info, &now, sizeof now);
    return TG_OK;
}
