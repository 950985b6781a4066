/* SPDX-License-Identifier: MIT */
#ifndef MEMORY_H
#define MEMORY_H
/*
 * memory: by how much the process's peak grows while n empty tasks are added and run, divided by n. Results
 * of `bytes` (0 or 8) are part of it, whoever keeps them. One round a process: what was given back
 * to malloc() by an earlier one would not be seen again.
 */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Adds, runs and checks n tasks. Defined by each program. */
static void memory_tasks(const bench_args *args, size_t n);

/** A line of /proc/self/status that has a size, as "VmRSS". */
static inline double memory_bytes(const char *name)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    double kilobytes = -1;
    while (status && kilobytes < 0 && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %lf", &kilobytes);
    if (status)
        fclose(status);
    if (kilobytes < 0)
        bench_wrong("the system does not tell %s", name);
    return 1024 * kilobytes;
}

static inline void memory_check(const uint64_t *results, size_t n)
{
    for (size_t i = 0; results != NULL && i < n; i++)
        if (results[i] != i + 1)
            bench_wrong("result %zu of %zu is %ju", i, n, (uintmax_t)results[i]);
}

void bench_run(const bench_args *args)
{
    if (args->bytes != 0 && args->bytes != sizeof(uint64_t))
        bench_wrong("results have 0 or 8 bytes");
    memory_tasks(args, 256); /* the team, its stacks, the allocator's arenas */
    malloc_trim(0);
    const double before = memory_bytes("VmRSS");
    memory_tasks(args, args->n);
    bench_report("bytes_per_task", (memory_bytes("VmHWM") - before) / (double)args->n);
}

#endif
