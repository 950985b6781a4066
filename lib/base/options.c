/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <stdio.h>
#include <string.h>

/* No struct of ours will ever be longer: who says so has not set it. */
enum { SIZE_MOST = 4096 };

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
    return TG_OK;
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
