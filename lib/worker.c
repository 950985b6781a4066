/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include "runner.h"

#include <stdlib.h>
#include <taskgroup/group.h>

/* Under the lock. The first free place; `room`: none. */
static int find_free(const struct tg__workers *workers)
{
    int worker = 0;
    while (worker < workers->room && workers->all[worker].taken)
        worker++;
    return worker;
}

static bool grow(struct tg__workers *workers)
{
    int room = workers->room > 0 ? 2 * workers->room : 8;
    struct tg__worker *all = realloc(workers->all, (size_t)room * sizeof *all);
    if (all == NULL)
        return false;
    for (int i = workers->room; i < room; i++)
        all[i] = (struct tg__worker){0};
    workers->all = all;
    workers->room = room;
    return true;
}

int tg__workers_enter(struct tg__workers *workers)
{
    tg__lock_take(&workers->lock);
    int worker = find_free(workers);
    if (worker < workers->room || grow(workers))
        workers->all[worker].taken = true;
    else
        worker = -1;
    tg__lock_give(&workers->lock);
    return worker;
}

void tg__workers_leave(struct tg__workers *workers, int worker)
{
    tg__lock_take(&workers->lock);
    workers->all[worker].taken = false;
    tg__lock_give(&workers->lock);
}

int tg__workers_state(struct tg__workers *workers, int worker, void *user, void **state)
{
    *state = NULL;
    if (workers->init == NULL)
        return 0;
    tg__lock_take(&workers->lock);
    struct tg__worker own = workers->all[worker];
    tg__lock_give(&workers->lock);
    int code = 0;
    if (!own.made) {
        code = workers->init(worker, &own.state, user);
        own.made = code == 0;
        tg__lock_take(&workers->lock);
        workers->all[worker] = own;
        tg__lock_give(&workers->lock);
    }
    *state = own.made ? own.state : NULL;
    return code;
}

void tg__workers_end(struct tg__workers *workers, void *user)
{
    for (int i = 0; i < workers->room; i++) {
        struct tg__worker *worker = &workers->all[i];
        if (worker->made && workers->fini != NULL)
            workers->fini(i, worker->state, user);
        *worker = (struct tg__worker){0};
    }
}

void tg__workers_free(struct tg__workers *workers)
{
    free(workers->all);
}

/* ---- for tasks ---- */

int tg_task_worker(tg_task *self)
{
    if (self == NULL || self->kind != TG__SERVER)
        return -1;
    if (self->worker < 0)
        self->worker = tg__workers_enter(&self->exec->workers);
    return self->worker;
}

/* The first time in this server, or until worker_init has succeeded. */
static void *find_local(tg_task *self)
{
    int worker = tg_task_worker(self);
    if (worker < 0)
        return NULL;
    struct tg__exec *exec = self->exec;
    int code = tg__workers_state(&exec->workers, worker, exec->user, &self->local);
    self->has_local = code == 0;
    if (code != 0)
        tg_task_fail(self, code, "worker_init returned %d for worker %d", code, worker);
    return self->local;
}

void *tg_task_local(tg_task *self)
{
    return self != NULL && self->has_local ? self->local : find_local(self);
}
