/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_HANDLER_H
#define TG_LIB_SYS_HANDLER_H
/* The library's signal handlers, which stand in for the program's for a while. Under a lock of the
 * caller's. */
#include <signal.h>
#include <stdbool.h>

/* Puts `ours` there; `before` is then whose place it has. False: it cannot be. */
bool tg__handler_stand_in(int number, const struct sigaction *ours, struct sigaction *before);

/* Puts `before` back, if `ours` still stands there: the program may have put another one in its
 * place. */
void tg__handler_restore(
    int number, void (*ours)(int, siginfo_t *, void *), const struct sigaction *before);

#endif
