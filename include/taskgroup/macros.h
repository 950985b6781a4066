/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_MACROS_H
#define TASKGROUP_MACROS_H
/**
 * @file macros.h
 * A time without end, and the marks of public declarations.
 */

/* ---- for every program ---- */

/** A timeout that never passes, in seconds. */
#define TG_FOREVER 1e300

/* ---- for the headers themselves ---- */

#if defined(__GNUC__) || defined(__clang__)
/** Marks a public symbol of the library; all other symbols are hidden. */
#define TG_API __attribute__((visibility("default")))
/** Marks a function whose result the caller must use: nothing else reports a failure. */
#define TG_NODISCARD __attribute__((warn_unused_result))
/** Checks a printf format, argument number `f`, against its arguments from number `a` on. */
#define TG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TG_API
#define TG_NODISCARD
#define TG_PRINTF(f, a)
#endif

/**
 * @def TG_BEGIN_DECLS
 * Begins declarations with C linkage, in C++.
 */
/**
 * @def TG_END_DECLS
 * Ends declarations with C linkage, in C++.
 */
#ifdef __cplusplus
#define TG_BEGIN_DECLS extern "C" {
#define TG_END_DECLS }
#else
#define TG_BEGIN_DECLS
#define TG_END_DECLS
#endif

#endif
