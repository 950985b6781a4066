/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_THREAD_H
#define TG_LIB_SYS_THREAD_H
/* The threads that are not OpenMP's: the event thread, and one for each team of a pool. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The processors that a thread may run on: its affinity mask. */
struct tg__processors {
    bool known; /* false: the system does not say; nothing is done with it then */
    unsigned long set[1024 / (8 * sizeof(unsigned long))];
};

/* The calling thread's. */
struct tg__processors tg__processors_own(void);

/* The process's: what main had at first, before OMP_PROC_BIND left it with one place. */
struct tg__processors tg__processors_all(void);

/* Moves the calling thread there, and returns where it was, for moving it back; unknown if it has
   not moved: it was there already, cannot be moved, or `to` is NULL or unknown. */
struct tg__processors tg__processors_move(const struct tg__processors *to);

/*
 * Makes a thread on these processors, with all signals blocked but those that it raises itself:
 * they are for the program's threads. `stack` bytes, 0: the default. False: the system has none
 * left.
 */
bool tg__thread_make(pthread_t *thread, const char *name, const struct tg__processors *processors,
    size_t stack, void *(*function)(void *), void *user);

/* Waits for its end; not a cancellation point of the calling thread's. */
void tg__thread_join(pthread_t thread);

/* The calling thread is woken as soon as it is time, not with others some 50 µs later. */
void tg__thread_be_exact(void);

/* Does libomp serve this library? */
bool tg__libomp_serves(void);

/* The stack that the runtime's own threads have, in bytes; 0: the system's default. */
size_t tg__thread_openmp_stack(void);

#endif
