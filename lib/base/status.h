/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_STATUS_H
#define TG_LIB_BASE_STATUS_H
/* How the library says no: each refusal is kept for tg_error_last() on its thread. */
#include <taskgroup/status.h>

/* Remembers why, and returns `status`, so that a check is one line: return tg__refuse(...). */
tg_status tg__refuse(tg_status status, const char *format, ...) TG_PRINTF(2, 3);

/* The same for creators. Calls on the NULL handle that follows leave the message as it is. */
void *tg__refuse_create(tg_status status, const char *format, ...) TG_PRINTF(2, 3);

/* A call on a NULL handle. */
tg_status tg__refuse_null(const char *call, const char *what);

/* Makes `error` this thread's last one, as a copy; returns its status. */
tg_status tg__error_publish(const tg_error *error);

#endif
