/* SPDX-License-Identifier: MIT */
#ifndef TG_CRASHES_H
#define TG_CRASHES_H
/* Ways to crash, each with the signal that it raises on the calling thread. */
#include "tg_test.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define CRASHES_X86 1
#else
#define CRASHES_X86 0
#endif

static int crash_by_abort(void)
{
    abort();
}

static int crash_by_raise(void)
{
    return raise(SIGFPE);
}

#if CRASHES_X86 /* elsewhere a trap is another signal, and a division by zero none */
static int crash_by_trap(void)
{
    __builtin_trap();
}
#endif

#if !TEST_SANITIZED
static int crash_by_null(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
    return 0;
}

#if CRASHES_X86
static int crash_by_division(void)
{
    volatile int zero = 0, many = 4711; /* 1 / zero needs no division */
    return many / zero;
}
#endif

/* Made by crashes_prepare(): a page that nobody may touch, and one behind the end of its file. */
static char *crash_forbidden, *crash_behind;

static int crash_by_forbidden(void)
{
    *(volatile char *)(crash_forbidden + 123) = 1;
    return 0;
}

static int crash_by_bus(void)
{
    *(volatile char *)(crash_behind + 45) = 1;
    return 0;
}

static __attribute__((noinline)) int dig(volatile int depth)
{
    volatile char frame[4096];
    int below;

    frame[0] = frame[4095] = (char)depth;
    if (depth < 0)
        return 0;
    below = dig(depth + 1);
    return below + frame[0] + frame[4095];
}

static int crash_by_overflow(void)
{
    return dig(0);
}
#endif

struct crash {
    const char *name;
    int (*function)(void);
    int signal;
    char *const *page; /* the address is known: this and offset */
    size_t offset;
};

static const struct crash crashes[] = {
    {"abort", crash_by_abort, SIGABRT, NULL, 0}, {"raise", crash_by_raise, SIGFPE, NULL, 0},
#if CRASHES_X86
    {"trap", crash_by_trap, SIGILL, NULL, 0},
#endif
#if !TEST_SANITIZED
    {"null", crash_by_null, SIGSEGV, NULL, 0},
#if CRASHES_X86
    {"division", crash_by_division, SIGFPE, NULL, 0},
#endif
    {"forbidden", crash_by_forbidden, SIGSEGV, &crash_forbidden, 123},
    {"bus", crash_by_bus, SIGBUS, &crash_behind, 45},
    {"overflow", crash_by_overflow, SIGSEGV, NULL, 0}, /* the last: see crashes_count() */
#endif
};

/* How many of them can be had here; and no core files. */
static inline size_t crashes_prepare(void)
{
    size_t count = sizeof crashes / sizeof *crashes;

    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !TEST_SANITIZED
    struct rlimit stack;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    crash_forbidden = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    crash_behind = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    ck_assert_ptr_ne(crash_forbidden, MAP_FAILED);
    ck_assert_ptr_ne(crash_behind, MAP_FAILED);
    if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur == RLIM_INFINITY)
        count--; /* no stack to overflow */
#endif
    return count;
}

#endif
