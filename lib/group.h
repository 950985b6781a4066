/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_H
#define TG_LIB_GROUP_H
/* What a group is made of. group.c writes it, outcome.c reads it for the user. */
#include <taskgroup/group.h>

#include "context.h"
#include "ids.h"
#include "limit.h"
#include "lock.h"
#include "queue.h"
#include "runner.h"
#include "team.h"

struct tg_group {
    tg_context context; /* first: its memory is the group's, until the last child is gone */
    tg_group_options options;

    struct tg__lock lock; /* guards adding, and what follows up to the next blank line */
    struct tg__ids ids;
    bool running;
    bool doomed;    /* destroyed while running */
    tg_status lost; /* an add was refused: so is the run */
    size_t settled; /* tasks that the runs so far have dealt with */
    tg_error error; /* the last run's answer, if it is not a task's failure */
    char error_text[160];

    struct tg__run run;
    struct tg__queue queue;
    struct tg__limit limit;
    struct tg__source source;
    struct tg__team *_Atomic team; /* while it runs; cleared under the lock */
    atomic_long grain;             /* tasks a bundle, as measured by who served last */

    tg_status answer;             /* of the last run */
    const tg_error *answer_error; /* NULL: TG_OK */
    size_t skipped;
    int threads_asked, threads;
    double wall;
};

#endif
