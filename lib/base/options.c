/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taskgroup/version.h>

/* The library's structs are shorter: a larger size is one that the caller has not set. */
enum { SIZE_MOST = 4096 };

/* How all options begin. */
struct named {
    size_t size;
    const struct tg_by_name *by_name;
};

static bool can_be(size_t size)
{
    return size >= sizeof size && size <= SIZE_MOST;
}

tg_status tg__options_read(void *to, size_t known, const void *from, char why[TG__WHY_SIZE])
{
    memset(to, 0, known);
    if (from == NULL)
        return TG_OK;
    size_t size;
    memcpy(&size, from, sizeof size);
    if (!can_be(size)) {
        snprintf(why, TG__WHY_SIZE, "size is %zu", size);
        return TG_INVALID;
    }
    const unsigned char *bytes = from;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0) {
            snprintf(why, TG__WHY_SIZE, "byte %zu is of a newer version", i);
            return TG_UNSUPPORTED;
        }
    memcpy(to, from, size < known ? size : known);
    struct named named = {0};
    memcpy(&named, to, sizeof named);
    if (named.by_name != NULL) { /* TG_GROUP(8), and the compiler's warning was overlooked */
        snprintf(why, TG__WHY_SIZE, "a value has no name");
        return TG_INVALID;
    }
    return TG_OK;
}

static bool is_right(const struct tg__number *number)
{
    return (number->value >= number->least && number->value <= number->most) ||
           (number->value <= number->also && number->value >= number->also);
}

bool tg__number_is_wrong(const struct tg__number *numbers, size_t count, char text[TG__NUMBER_SIZE])
{
    const struct tg__number *end = numbers + count, *n = numbers;
    while (n < end && is_right(n))
        n++;
    if (n == end)
        return false;
    bool whole = n->value >= -9223372036854775808.0 && n->value < 9223372036854775808.0;
    whole =
        whole && n->value <= (double)(long long)n->value && n->value >= (double)(long long)n->value;
    int length = snprintf(text, TG__NUMBER_SIZE,
        whole ? "%s is %.0f (at least %g" : "%s is %g (at least %g", n->name, n->value, n->least);
    if (n->most < (double)INFINITY)
        length +=
            snprintf(text + length, TG__NUMBER_SIZE - (size_t)length, ", at most %g", n->most);
    snprintf(text + length, TG__NUMBER_SIZE - (size_t)length, ")");
    return true;
}

double tg__time_until_from(double now, double timeout, double deadline)
{
    double until = timeout > 0 ? now + timeout : (double)INFINITY;
    return deadline > 0 && deadline < until ? deadline : until;
}

double tg__time_until(double timeout, double deadline)
{
    return tg__time_until_from(timeout > 0 ? tg_time_now() : 0, timeout, deadline);
}

bool tg__answer_fits(const void *to)
{
    size_t size;
    memcpy(&size, to, sizeof size);
    return can_be(size);
}

void tg__answer_write(void *to, const void *from, size_t known)
{
    size_t size;
    memcpy(&size, to, sizeof size);
    if (size > known)
        memset((unsigned char *)to + known, 0, size - known);
    else
        known = size;
    if (known > sizeof size)
        memcpy((unsigned char *)to + sizeof size, (const unsigned char *)from + sizeof size,
            known - sizeof size);
}
