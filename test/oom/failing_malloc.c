/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "failing_malloc.h"

#include <stdlib.h> /* __GLIBC__ */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(SANITIZED) || !defined(__GLIBC__)

bool failing_malloc_works(void)
{
    return false;
}

void failing_malloc_arm(long k, bool forever)
{
    (void)k, (void)forever;
}

bool failing_malloc_disarm(void)
{
    return false;
}

size_t failing_malloc_outstanding(void)
{
    return 0;
}

#else

#include "callers.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own, under the names that it keeps for those who replace malloc. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* ---- Failing and counting ------------------------------------------------------------------ */

bool failing_malloc_works(void)
{
    return callers_look();
}

static atomic_long countdown; /* 0: disarmed */
static atomic_bool always, has_failed;
static atomic_size_t outstanding;

void failing_malloc_arm(long k, bool forever)
{
    atomic_store(&has_failed, false);
    atomic_store(&always, forever);
    atomic_store(&countdown, k);
}

bool failing_malloc_disarm(void)
{
    atomic_store(&countdown, 0);
    return atomic_load(&has_failed);
}

size_t failing_malloc_outstanding(void)
{
    return atomic_load(&outstanding);
}

static bool must_fail(const void *caller)
{
    long left = atomic_load_explicit(&countdown, memory_order_relaxed);

    if (left == 0 || caller_is_exempt(caller))
        return false;
    while (left > 1)
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return false;
    if (left < 1)
        return false;
    if (!atomic_load(&always))
        atomic_store(&countdown, 0);
    atomic_store(&has_failed, true);
    errno = ENOMEM;
    return true;
}

/* Blocks that count, by address: who frees them need not be who asked. */
enum { SLOTS = 1 << 18 };
static uintptr_t counted[SLOTS];
static size_t counted_size[SLOTS];
static atomic_flag counting = ATOMIC_FLAG_INIT;

static size_t slot_of(uintptr_t at)
{
    return (size_t)((at >> 4) * 0x9E3779B97F4A7C15u >> 46) % SLOTS;
}

static void *count_in(void *block, size_t size, const void *caller)
{
    size_t slot;

    if (block == NULL || caller_is_exempt(caller))
        return block;
    while (atomic_flag_test_and_set_explicit(&counting, memory_order_acquire))
        ;
    for (slot = slot_of((uintptr_t)block); counted[slot] > 1; slot = (slot + 1) % SLOTS)
        ;
    counted[slot] = (uintptr_t)block;
    counted_size[slot] = size;
    atomic_flag_clear_explicit(&counting, memory_order_release);
    atomic_fetch_add(&outstanding, size);
    return block;
}

static void count_out(void *block)
{
    size_t slot;

    if (block == NULL || !callers_are_known())
        return;
    while (atomic_flag_test_and_set_explicit(&counting, memory_order_acquire))
        ;
    slot = slot_of((uintptr_t)block);
    while (counted[slot] != 0 && counted[slot] != (uintptr_t)block)
        slot = (slot + 1) % SLOTS;
    if (counted[slot] != 0) {
        counted[slot] = 1; /* free, and others may lie behind it */
        atomic_fetch_sub(&outstanding, counted_size[slot]);
    }
    atomic_flag_clear_explicit(&counting, memory_order_release);
}

/* ---- The allocator ------------------------------------------------------------------------- */

void *malloc(size_t size)
{
    return must_fail(CALLER) ? NULL : count_in(__libc_malloc(size), size, CALLER);
}

void *calloc(size_t count, size_t size)
{
    return must_fail(CALLER) ? NULL : count_in(__libc_calloc(count, size), count * size, CALLER);
}

void *realloc(void *block, size_t size)
{
    void *moved;

    if (must_fail(CALLER))
        return NULL;
    count_out(block);
    moved = __libc_realloc(block, size);
    if (moved == NULL && size > 0) {
        count_in(block, malloc_usable_size(block), CALLER); /* it is still there */
        return NULL;
    }
    return count_in(moved, size, CALLER);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return must_fail(CALLER) ? NULL : count_in(__libc_memalign(alignment, size), size, CALLER);
}

void *memalign(size_t alignment, size_t size)
{
    return must_fail(CALLER) ? NULL : count_in(__libc_memalign(alignment, size), size, CALLER);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *new = must_fail(CALLER) ? NULL : __libc_memalign(alignment, size);

    if (new == NULL)
        return ENOMEM;
    *block = count_in(new, size, CALLER);
    return 0;
}

void free(void *block)
{
    count_out(block);
    __libc_free(block);
}

/* Large blocks may be mapped: by pages, and given back in parts. */
void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    void *map;

    if (must_fail(CALLER))
        return MAP_FAILED;
    map = (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
    if (map != MAP_FAILED && !caller_is_exempt(CALLER))
        atomic_fetch_add(&outstanding, (size + 4095) / 4096 * 4096);
    return map;
}

int munmap(void *at, size_t size)
{
    int failed = (int)syscall(SYS_munmap, at, size);

    if (!failed && !caller_is_exempt(CALLER))
        atomic_fetch_sub(&outstanding, (size + 4095) / 4096 * 4096);
    return failed;
}

#endif
