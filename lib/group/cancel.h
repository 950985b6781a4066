/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_CANCEL_H
#define TG_LIB_GROUP_CANCEL_H
/* Stopping a group, or one task of it. */
#include "task/exec.h"

/* tg_group_cancel_task(); with a handle, of the task that still has that. */
tg_status tg__cancel_task(tg_group *group, size_t index, const struct tg__handle *handle);

#endif
