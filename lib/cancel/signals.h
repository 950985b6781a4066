/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_CANCEL_SIGNALS_H
#define TG_LIB_CANCEL_SIGNALS_H
/* Signals that stop something. Knows nothing of contexts: what is bound is an object and a
 * function. */
#include <stdbool.h>

/* Stops the object, in a signal handler; false: it had stopped before, and the signal is for
 * others. */
typedef bool tg__signal_fn(void *object, int number);

/* Binds the object to TG_SIGNAL_… bits. False: no place is left, or the system has refused. */
bool tg__signals_bind(void *object, unsigned signals, tg__signal_fn *function);

/* When this returns no handler knows the object any more; the last one out restores what was there.
 */
void tg__signals_unbind(const void *object, unsigned signals);

#endif
