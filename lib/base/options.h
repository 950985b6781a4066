/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_OPTIONS_H
#define TG_LIB_BASE_OPTIONS_H
/* Structs that cross the API begin with their size, so that they can grow at the end. */
#include <stdbool.h>
#include <taskgroup/status.h>

/*
 * Reads the caller's options `from` (may be NULL: all zero) into `to`, `known` bytes as this
 * library has them. Shorter ones are filled up with zero; longer ones are welcome while what is
 * beyond `known` is zero. Returns TG_OK, TG_INVALID or TG_UNSUPPORTED; `why` is then the reason.
 */
enum { TG__WHY_SIZE = 48 };
tg_status tg__options_read(void *to, size_t known, const void *from, char why[TG__WHY_SIZE]);

/* A number among the options: right from `least` to `most`, or if it is `also`. */
struct tg__number {
    const char *name;
    double value, least, most, also;
};

/* Is one of them wrong? Then `text` says which, and what would be right: "limit is -3 (at least
   0)". Not a number is wrong. */
enum { TG__NUMBER_SIZE = 96 };
bool tg__number_is_wrong(
    const struct tg__number *numbers, size_t count, char text[TG__NUMBER_SIZE]);

/* The earlier of `timeout` seconds from now and the time `deadline` on tg_time_now()'s clock, of
   which 0 is none. The other one is for a caller that has read the clock. */
double tg__time_until(double timeout, double deadline);
double tg__time_until_from(double now, double timeout, double deadline);

/* Has the caller's struct a size that can be? Its memory is touched only if so. */
bool tg__answer_fits(const void *to);

/* Fills the caller's struct `to` from `from`: as many bytes as the caller has, but for its size. */
void tg__answer_write(void *to, const void *from, size_t known);

#endif
