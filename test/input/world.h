/* SPDX-License-Identifier: MIT */
#ifndef INPUT_WORLD_H
#define INPUT_WORLD_H
/*
 * What the calls that calls.py writes are made with: objects in the states that edges.py names, and places for
 * what they answer.
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <taskgroup.h>

/* 0 of each: the call does not need one. */
enum {
    GROUP_NEW = 1,
    GROUP_EMPTY,
    GROUP_RUN,
    GROUP_FAILED,
    GROUP_CANCELLED,
    GROUP_LOST,
    GROUP_FULL,
    GROUP_HELD,
    GROUP_SHARED,
    GROUP_OVER_POOL,
    GROUP_LENT,
    GROUP_LENT_INSIDE,
    GROUP_RUNNING,
    GROUP_DOOMED,
    GROUP_OF_POOL,
};
enum { CONTEXT_NEW = 1, CONTEXT_CANCELLED, CONTEXT_LATE, CONTEXT_BELOW, CONTEXT_OF_GROUP };
enum { LIMIT_NEW = 1, LIMIT_USED };
enum { POOL_NEW = 1, POOL_PAUSED, POOL_CLOSED, POOL_STOPPED, POOL_INSIDE };
enum { HOOK_NEW = 1, HOOK_FIRED, HOOK_INSIDE };
enum {
    TASK_SELF = 1,
    TASK_BODY,
    TASK_HOLD,
    TASK_HOLD_DONE,
    TASK_ENDED,
    TASK_QUEUED,
    TASK_AWAY,
    TASK_INSIDE,
};

struct world;

struct input_call {
    int number;
    const char *function;
    void (*make)(struct world *);
    int group, context, limit, pool, hook, task;
    bool later; /* it adds what would not start in our time */
};

extern const struct input_call input_calls[];
extern const size_t input_call_count;

struct world {
    const struct input_call *call;
    tg_group *group;
    tg_context *context;
    tg_limit *limit;
    tg_pool *pool;
    tg_hook *hook;
    tg_task *task;

    tg_group *around;   /* what the call is made in, or the task is of */
    tg_context *above;  /* of the context, or what the hook hangs on */
    tg_context *scope;  /* of the pool */
    tg_pool *host;      /* of the group */
    tg_task *held;      /* of the group */
    tg_task *submitted; /* what the call is made in */
    tg_task *taken;     /* the handle that the call has got */
    tg_group *away;     /* of the task that was deferred */
    size_t away_index;
    atomic_int ready, done;
    int code; /* for the task that the call is made in to return */

    double items[2];
    unsigned char bytes[64];
    bool refused; /* the call was */
    size_t used;
    char answer[4096];
};

/* Makes the call in its place, and ends what it has begun; its answer is then in `answer`. */
void world_make(struct world *w, const struct input_call *call);

/* ---- for the calls ---- */

#define POISON ((size_t)0xA5A5A5A5A5A5A5A5)
#define POISON_TASK ((tg_task *)(uintptr_t)POISON)
#define POISONED(type, name, bytes)   \
    type name;                        \
    memset(&name, 0xA5, sizeof name); \
    name.size = (bytes)

extern char long_text[100001];
extern const char *const formats[4];

int task_fine(tg_task *self, void *arg, void *result);
int done_fine(tg_group *group, const tg_outcome *outcome, void *user);
int body_fine(tg_group *group, void *user);
int stage_fine(tg_task *self, void **item, void *user);
void drop_fine(void *item, void *user);
void hook_fine(void *user);
int init_fine(int worker, void **state, void *user);
void fini_fine(int worker, void *state, void *user);

/* A copy of the struct's first `room` bytes, aligned to 8, behind which no byte can be touched. */
void *guarded(const void *from, size_t room);

/* The same, with 24 bytes behind it that it counts as its own: zero, or with the last one used. */
void *guarded_newer(const void *from, size_t known, bool used);

#include "answer.h"

#endif
