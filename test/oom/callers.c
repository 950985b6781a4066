/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "callers.h"

#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { RANGES = 64 };
static struct {
    uintptr_t from, to;
} exempt[RANGES];
static atomic_int exempted = -1; /* not looked yet */

static int look_at_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    static const char *const modules[] = {
        "libgomp", "libomp", "libiomp", "ld-linux", "libarcher", "libasan", "libubsan", "liblsan"};
    bool found = false;
    int *count = arg;

    (void)size;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        found = found || strstr(info->dlpi_name, modules[i]) != NULL;
    for (int i = 0; found && i < info->dlpi_phnum && *count < RANGES; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            exempt[*count].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            exempt[*count].to = exempt[*count].from + info->dlpi_phdr[i].p_memsz;
            ++*count;
        }
    return 0;
}

bool callers_look(void)
{
    int count = 0;

    dl_iterate_phdr(look_at_module, &count);
    atomic_store(&exempted, count);
    return count > 0;
}

bool callers_are_known(void)
{
    return atomic_load_explicit(&exempted, memory_order_relaxed) >= 0;
}

bool caller_is_exempt(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    int count = atomic_load_explicit(&exempted, memory_order_acquire);

    for (int i = 0; i < count; i++)
        if (at >= exempt[i].from && at < exempt[i].to)
            return true;
    return count < 0;
}
