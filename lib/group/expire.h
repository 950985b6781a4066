/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_EXPIRE_H
#define TG_LIB_GROUP_EXPIRE_H
/* Tasks whose time has come. */
#include "task/exec.h"

/* Lets some of those go on whose time has come: how many. */
size_t tg__expire_some(tg_group *group);

/* tg__exec_calls.again: the task waits `delay` seconds, and then is ready. */
bool tg__expire_again(
    struct tg__exec *exec, const struct tg__view *task, size_t index, double delay);

#endif
