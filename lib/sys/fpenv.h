/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_FPENV_H
#define TG_LIB_SYS_FPENV_H
/*
 * The caller's floating-point mode (rounding, flush to zero) for the threads that help: libgomp's
 * keep the mode that was set when they were created.
 */
#if defined(__SSE__)
#include <xmmintrin.h>
typedef unsigned tg__rounding;
static inline tg__rounding tg__rounding_get(void)
{
    return _mm_getcsr() & ~0x3fu; /* without the exceptions that have been raised */
}
static inline void tg__rounding_set(tg__rounding mode)
{
    if (tg__rounding_get() != mode)
        _mm_setcsr(mode | (_mm_getcsr() & 0x3fu));
}
#elif defined(__aarch64__)
#include <stdint.h>
typedef uint64_t tg__rounding;
static inline tg__rounding tg__rounding_get(void)
{
    tg__rounding mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void tg__rounding_set(tg__rounding mode)
{
    if (tg__rounding_get() != mode)
        __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else /* the runtime's own ways */
typedef int tg__rounding;
static inline tg__rounding tg__rounding_get(void)
{
    return 0;
}
static inline void tg__rounding_set(tg__rounding mode)
{
    (void)mode;
}
#endif

#endif
