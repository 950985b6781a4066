/* SPDX-License-Identifier: MIT */
#ifndef FAILING_SYSTEM_H
#define FAILING_SYSTEM_H
/*
 * The system calls of this program, which can be told to fail, to come back early, and to tell an odd time.
 * Only for the library (and the test itself), on any thread; not for the OpenMP runtime. See ../oom for memory.
 *
 * What fails is what asks for something. What gives it back (a handler, a mask, a stack restored) cannot fail on
 * Linux with arguments that have been accepted before, and nobody could mend it.
 */
#include <stdbool.h>

/* False where somebody else's definitions are in the way (ThreadSanitizer's): nothing can be tested then. */
bool failing_system_works(void);

/* The `k`th call from now on fails, k = 1, 2, …; and all further ones of the same function, if `forever`. */
void failing_system_arm(long k, bool forever);

/* No call fails any more. The name of the function that has failed since the arming, or NULL. */
const char *failing_system_disarm(void);

/* The OpenMP runtime's own threads: each that it asks for from now on is refused. */
void failing_system_refuse_runtime(void);

/* Every `n`th wait ends at once: conditions for no reason, semaphores and sleeps as by a signal (EINTR). 0: none. */
void failing_system_interrupt(unsigned n);
long failing_system_interrupted(void); /* waits so far */

/* The monotonic clock goes on from so many seconds later; or stands still, and then goes on from there. */
void failing_system_clock_jump(double seconds);
void failing_system_clock_stand(bool still);
void failing_system_clock_mend(void); /* as it would have been: Check looks at it, too */

/* Threads that the library has asked for, and that nobody has joined or detached. */
int failing_system_threads(void);

#endif
