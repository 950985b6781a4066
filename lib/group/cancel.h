/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_CANCEL_H
#define TG_LIB_GROUP_CANCEL_H
/* Taking one task back. */
#include "task/exec.h"

/* tg_group_cancel(); with a handle, of the task that still has that. */
tg_status tg__cancel_task(tg_group *group, size_t index, const struct tg__handle *handle);

#endif
