/* SPDX-License-Identifier: MIT */
/*
 * An allocator that is slow for one thread: what a thread does under no lock before and after it
 * asks for memory, others then do between. With a sanitizer, which has its own, and with other
 * libraries than glibc it is as fast as ever.
 */
#include "play.h"
#include <time.h>

#if defined(__GLIBC__) && !TEST_SANITIZED
static _Thread_local bool is_slow;

void *__libc_calloc(size_t count, size_t size);
void *calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size)
{
    if (is_slow)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    return __libc_calloc(count, size);
}

void slow_memory(bool slow)
{
    is_slow = slow;
}
#else
void slow_memory(bool slow)
{
    (void)slow;
}
#endif
