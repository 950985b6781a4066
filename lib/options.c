/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <string.h>

tg_status tg__options_read(void *to, size_t known, const void *from, const char **why)
{
    memset(to, 0, known);
    if (from == NULL)
        return TG_OK;
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size) {
        *why = "its size is not set";
        return TG_INVALID;
    }
    const unsigned char *bytes = from;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0) {
            *why = "it uses members of a newer version";
            return TG_UNSUPPORTED;
        }
    memcpy(to, from, size < known ? size : known);
    return TG_OK;
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
