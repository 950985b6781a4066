/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_LOCAL_H
#define TG_LIB_TASK_LOCAL_H
/*
 * Ids for the threads that run a group's tasks, and what the user keeps for each. An id is taken
 * when a task asks for it, and given back when that thread leaves the group: a task that never asks
 * pays nothing. A server asks here once, and keeps the answer in its tg_task until it leaves: no
 * lock is taken for every task.
 */
#include "sys/lock.h"

#include <stdbool.h>

struct tg__locals {
    struct tg__lock lock;
    struct tg__local {
        bool taken, made;
        void *state;
    } *all;
    int room;
    int (*init)(int id, void **state, void *user); /* these two: the user's, or NULL */
    void (*fini)(int id, void *state, void *user);
};

/* The smallest free id; -1: out of memory. */
int tg__locals_enter(struct tg__locals *locals);
void tg__locals_leave(struct tg__locals *locals, int id);

/* The state of a worker that the caller is, made now if it is not there: 0, or the code of the
 * user's init. */
int tg__locals_state(struct tg__locals *locals, int id, void *user, void **state);

/* Nobody is one any more: frees all states. */
void tg__locals_end(struct tg__locals *locals, void *user);
void tg__locals_free(struct tg__locals *locals);

#endif
