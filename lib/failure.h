/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_FAILURE_H
#define TG_LIB_FAILURE_H
/* The failures of a group's tasks: which came first, and all of them in order of completion. */
#include <taskgroup/status.h>

#include "lock.h"

struct tg__failure {
    tg_error error; /* first: an error that the user holds leads back to its failure */
    struct tg__failure *next, *previous;
};

/* Failures are rare, or the program has other worries: one lock. */
struct tg__failures {
    struct tg__lock lock;
    const struct tg__failure *first;     /* required, by completion */
    struct tg__failure *head, *tail;     /* all, by completion */
    size_t count;                        /* of them */
    size_t most;                         /* that are kept, beside the first; 0: all */
    const struct tg__failure **by_index; /* sorted when somebody asks; NULL: not yet */
    bool spare_taken;
    struct tg__failure spare; /* so that running out of memory cannot lose the first */
    char spare_message[128];
};

/*
 * Records a failure, from any thread; texts are copied (the message is cut, or the failure left out
 * of the list, if there is no memory). Answers it if it is the first required one, else NULL.
 */
const struct tg__failure *tg__failures_add(
    struct tg__failures *failures, const tg_error *error, bool required);

/* The failure of the task with this index, or NULL. `late`: it is one of the last, and others follow. */
const struct tg__failure *tg__failures_find(struct tg__failures *failures, size_t index, bool late);

/* Frees and forgets all. */
void tg__failures_reset(struct tg__failures *failures);

#endif
