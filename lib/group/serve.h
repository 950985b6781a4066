/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_SERVE_H
#define TG_LIB_GROUP_SERVE_H
/* What a team and a shared limit call while a group runs. */
#include <taskgroup/group.h>

/* Calls the body of a scope; another code than 0 stops the group. */
void tg__serve_call_body(tg_group *group, tg_scope_fn *body, void *user);

/* Sets these functions. */
void tg__serve_init(tg_group *group);

/* What the thread that runs the group calls first, of a scope; NULL: nothing. */
void tg__serve_set_body(tg_group *group, tg_scope_fn *body, void *user);

#endif
