/* SPDX-License-Identifier: MIT */
#ifndef CALLERS_H
#define CALLERS_H
/*
 * Who calls what a test puts in place of the system's own functions: the library and the test, or the OpenMP
 * runtime, the dynamic linker and the sanitizers, whose calls must not fail since they would end the program.
 */
#include <stdbool.h>

/* Looks where the exempt modules lie; until then every caller is exempt. False: there are none. */
bool callers_look(void);
bool callers_are_known(void);

/* Is the code at this address exempt? */
bool caller_is_exempt(const void *caller);

/* Where the caller of the function that this stands in goes on. */
#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

#endif
