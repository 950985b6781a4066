/* SPDX-License-Identifier: MIT */
#ifndef LOAD_H
#define LOAD_H
/*
 * What the programs of the long load share: what a run is told, how it says that something is wrong, and the
 * measure of time and memory. Each is a function of its own process, and prints one line of figures.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <taskgroup.h>

/* A sanitizer keeps what was freed, and has memory of its own for each byte: the resident set says nothing then. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LOAD_SANITIZED 1
#endif
#endif
#ifndef LOAD_SANITIZED
#define LOAD_SANITIZED 0
#endif

enum { LOAD_MIB = 1 << 20 };

struct load {
    const char *name;
    size_t number;  /* of tasks, groups or timers, as the program says */
    size_t tasks;   /* accounted for so far */
    double seconds; /* of the part that counts */
    size_t start, warm,
        end;     /* resident bytes: before anything, after the first round, when all is freed */
    size_t peak; /* of those that load_peak() has seen */
    size_t drift_most; /* bytes from `warm` to `end` that are allowed */
    char note[160];    /* what else there is to say */
    atomic_bool wrong;
};

/* Says on stderr what does not hold, once, and goes on: the program then exits with 1. */
void load_blame(struct load *load, const char *what, const char *file, int line);
#define require(load, condition) \
    ((condition) ? (void)0 : load_blame((load), #condition, __FILE__, __LINE__))

/* Bytes of the process that are in memory. */
size_t load_resident(void);
/* The same without what malloc keeps of what was given back to it: how much depends on who was the last. */
size_t load_settled(void);
void load_peak(struct load *load);

/* Every task in these programs counts itself; many threads do. */
void load_count(void);
size_t load_counted(void);

/* A task that only counts itself. */
int load_task(tg_task *self, void *arg, void *result);

/* The group has run, this is what it answered, and the numbers add up. */
void load_check_all_ok(struct load *load, tg_group *group, size_t count, tg_status answer);

/* The programs. */
void load_tasks(struct load *load);
void load_many(struct load *load);
void load_groups(struct load *load);
void load_timers(struct load *load);
void load_threads(struct load *load);

#endif
