/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_WORKER_H
#define TG_LIB_WORKER_H
/*
 * Ids for the threads that run a group's tasks, and what the user keeps for each. An id is taken when a
 * task asks for it, and given back when that thread leaves the group: who never asks pays nothing. A server asks
 * here once, and keeps the answer in its tg_task until it leaves: no lock is taken for every task.
 */
#include "lock.h"

#include <stdbool.h>

struct tg__workers {
    struct tg__lock lock;
    struct tg__worker {
        bool taken, made;
        void *state;
    } *all;
    int room;
    int (*init)(int worker, void **state, void *user); /* these two: the user's, or NULL */
    void (*fini)(int worker, void *state, void *user);
};

/* The smallest free id; -1: out of memory. */
int tg__workers_enter(struct tg__workers *workers);
void tg__workers_leave(struct tg__workers *workers, int worker);

/* The state of a worker that the caller is, made now if it is not there: 0, or the code of the user's init. */
int tg__workers_state(struct tg__workers *workers, int worker, void *user, void **state);

/* Nobody is one any more: frees all states. */
void tg__workers_end(struct tg__workers *workers, void *user);
void tg__workers_free(struct tg__workers *workers);

#endif
