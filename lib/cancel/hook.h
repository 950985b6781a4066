/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_CANCEL_HOOK_H
#define TG_LIB_CANCEL_HOOK_H
/* Functions that the event thread calls when a context has stopped. */
#include "cancel/context.h"

struct tg_hook {
    tg_context *context;
    tg_hook_fn *function;
    void *user;
    enum { TG__HOOK_IDLE, TG__HOOK_SET, TG__HOOK_DUE, TG__HOOK_RUNNING } state;
    struct tg__link link; /* of the same context, or of those that are due */
};

/* Sets a hook that is part of the caller's memory; the caller holds the context. The event thread
 * must have been started. */
void tg__hook_set(tg_hook *hook, tg_context *context, tg_hook_fn *function, void *user);

/* When this returns its function has ended, or never runs; unless from inside that function. */
void tg__hook_clear(tg_hook *hook);

/* Before a context is made as new: hooks of one that has stopped are due all the same. */
void tg__hook_settle(tg_context *context);

#endif
