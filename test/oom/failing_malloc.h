/* SPDX-License-Identifier: MIT */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H
/*
 * The allocator of this program, which can be told to fail. Only what the library asks for fails,
 * on any thread: not what the OpenMP runtime and the dynamic linker ask for, which would end the
 * program.
 */
#include <stdbool.h>
#include <stddef.h>

/* False where another allocator is in the way (a sanitizer's): nothing can be tested then. */
bool failing_malloc_works(void);

/* The `k`th allocation from now on fails, k = 1, 2, …; and all after it, if `forever`. */
void failing_malloc_arm(long k, bool forever);

/* No allocation fails any more. Has one failed since the arming? */
bool failing_malloc_disarm(void);

/* Bytes asked for and not given back, but for the runtime's. */
size_t failing_malloc_outstanding(void);

#endif
