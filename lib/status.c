/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 512, NAME_SIZE = 64, TRACE_SIZE = 1024 };

static _Thread_local struct {
    tg_error error;
    bool creator; /* said by a creator, and nothing else has been said since */
    char name[NAME_SIZE];
    char message[MESSAGE_SIZE];
    char trace[TRACE_SIZE];
} last;

const char *tg_status_name(tg_status status)
{
    switch (status) {
#define NAME(name, value, meaning) \
    case TG_##name:                \
        return #name;
        TG_STATUS_TABLE(NAME)
#undef NAME
    }
    return "?";
}

const char *tg_status_message(tg_status status)
{
    switch (status) {
#define MEANING(name, value, meaning) \
    case TG_##name:                   \
        return meaning;
        TG_STATUS_TABLE(MEANING)
#undef MEANING
    }
    return "not a status";
}

const tg_error *tg_error_last(void)
{
    if (last.error.message == NULL)
        last.error = (tg_error){.index = TG_NO_INDEX,
            .name = last.name,
            .message = last.message,
            .backtrace = last.trace};
    return &last.error;
}

static void set_last(tg_status status, bool creator, const char *format, va_list args)
{
    vsnprintf(last.message, sizeof last.message, format, args);
    last.name[0] = '\0';
    last.trace[0] = '\0';
    last.error = (tg_error){.status = status,
        .index = TG_NO_INDEX,
        .name = last.name,
        .message = last.message,
        .backtrace = last.trace};
    last.creator = creator;
}

tg_status tg__refuse(tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_last(status, false, format, args);
    va_end(args);
    return status;
}

void *tg__refuse_create(tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_last(status, true, format, args);
    va_end(args);
    return NULL;
}

tg_status tg__refuse_null(const char *call, const char *what)
{
    if (last.creator)
        return TG_INVALID;
    return tg__refuse(TG_INVALID, "%s: %s is NULL", call, what);
}

tg_status tg__error_publish(const tg_error *error)
{
    snprintf(last.message, sizeof last.message, "%s", error->message);
    snprintf(last.name, sizeof last.name, "%s", error->name);
    snprintf(last.trace, sizeof last.trace, "%s", error->backtrace);
    last.error = *error;
    last.error.backtrace = last.trace;
    last.error.name = last.name;
    last.error.message = last.message;
    last.creator = false;
    return error->status;
}
