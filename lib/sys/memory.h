/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_MEMORY_H
#define TG_LIB_SYS_MEMORY_H
/*
 * Zeroed memory for many tasks. Large blocks are mapped, in huge pages where the system has them: a
 * page fault for every 4 KiB of records costs as much as all the rest of adding them.
 */
#include <stddef.h>
#include <stdint.h>

enum { TG__CACHE_LINE = 64 };

/* The first cache line that begins in a block, which needs TG__CACHE_LINE - 1 bytes more for it.
   (aligned_alloc() costs a small group as much as several of its tasks.) */
static inline void *tg__memory_align(void *block)
{
    uintptr_t line = TG__CACHE_LINE, at = (uintptr_t)block;
    return (char *)block + ((at + line - 1) / line * line - at);
}

/* NULL: out of memory. A size of 0 is served as 1. */
void *tg__block_new(size_t size);

/* `size` as it was asked for. NULL is harmless. */
void tg__block_free(void *block, size_t size);

#endif
