/* SPDX-License-Identifier: MIT */
/*
 * Only in a build with TASKGROUP_CHECK_LOCKS, whose linker leads each of these calls from the
 * library to the function
 * __wrap_… here (--wrap): the process ends where the thread has a short lock.
 */
#include "sys/lock.h"

#ifdef TASKGROUP_CHECK_LOCKS
#include <signal.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
char *__real_strdup(const char *text);
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *before);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    tg__rank_check("malloc");
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    tg__rank_check("calloc");
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    tg__rank_check("realloc");
    return __real_realloc(block, size);
}

void __wrap_free(void *block);
void __wrap_free(void *block)
{
    tg__rank_check("free");
    __real_free(block);
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    tg__rank_check("strdup");
    return __real_strdup(text);
}

int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *before);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    tg__rank_check("sigaction");
    return __real_sigaction(number, action, before);
}
#endif
