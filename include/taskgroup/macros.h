/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_MACROS_H
#define TASKGROUP_MACROS_H
/**
 * @file macros.h
 * How public functions are marked. Nothing here is needed to use the library.
 */

#if defined(__GNUC__) || defined(__clang__)
/** A public symbol of the library; everything else is hidden. */
#define TG_API __attribute__((visibility("default")))
/** The answer must be looked at: it is all that says whether something went wrong. */
#define TG_NODISCARD __attribute__((warn_unused_result))
/** Checks a format string (argument number `f`) against its arguments (from number `a`). */
#define TG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TG_API
#define TG_NODISCARD
#define TG_PRINTF(f, a)
#endif

/** Seconds without end. */
#define TG_FOREVER 1e300

#ifdef __cplusplus
#define TG_BEGIN_DECLS extern "C" {
#define TG_END_DECLS }
#else
#define TG_BEGIN_DECLS
#define TG_END_DECLS
#endif

#endif
