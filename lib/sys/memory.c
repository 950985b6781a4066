/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "sys/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The huge page of x86-64, and of arm64 with 4 KiB pages; elsewhere it is merely a threshold. */
static const size_t huge = (size_t)2 << 20;

static size_t rounded(size_t size)
{
    return (size + huge - 1) & ~(huge - 1);
}

/* A mapping at a multiple of its page: one page too many is mapped, and the ends given back. */
static void *map(size_t size)
{
    size_t wide = size + huge;
    unsigned char *start =
        mmap(NULL, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = (huge - ((uintptr_t)start & (huge - 1))) & (huge - 1);
    if (before > 0)
        munmap(start, before);
    munmap(start + before + size, huge - before);
#ifdef MADV_HUGEPAGE
    madvise(start + before, size, MADV_HUGEPAGE); /* a wish: its refusal changes nothing */
#endif
    return start + before;
}

void *tg__block_new(size_t size)
{
    if (size < huge)
        return calloc(1, size > 0 ? size : 1);
    return size < SIZE_MAX - 2 * huge ? map(rounded(size)) : NULL;
}

void tg__block_free(void *block, size_t size)
{
    if (size < huge)
        free(block);
    else if (block != NULL)
        munmap(block, rounded(size));
}
