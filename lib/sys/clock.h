/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_CLOCK_H
#define TG_LIB_SYS_CLOCK_H
/* Time: tg_time_now() reads the clock. */

/* Sleeps for so long, below a second, where nobody could notify the thread. No cancellation point;
 * leaves errno alone. */
void tg__nap(double seconds);

#endif
