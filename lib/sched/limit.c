/* SPDX-License-Identifier: MIT */
#include "sched/limit.h"

#include "sys/lock.h"
#include "base/status.h"

#include <stdlib.h>

struct tg_limit {
    struct tg__lock lock; /* guards what follows, and the clients' places; a leaf */
    unsigned process;     /* of those that hold something of it, or wait for it */
    size_t budget, used;
    size_t acquired; /* of `used`: by tg_limit_acquire() */
    struct tg__limit_client *wait_queue;
    atomic_size_t refs; /* the owner's, and each group's */
};

/* Takes the lock. In a child of fork() nobody holds anything, or waits: what the parent's groups
 * have comes back there. */
static void enter(tg_limit *limit)
{
    tg__lock_take(&limit->lock, TG__LOCK_LIMIT);
    if (limit->process == tg__process_number())
        return;
    if (limit->acquired > 0)
        atomic_fetch_sub(
            &limit->refs, 1); /* nobody gives back in here what the parent has acquired */
    limit->process = tg__process_number();
    limit->used = limit->acquired = 0;
    limit->wait_queue = NULL;
}

/* ---- under the lock ---- */

/* From where could it take `weight` now? */
static bool fits_parent(const struct tg__limit_client *limit_client, size_t weight)
{
    const struct tg__grant *parent_grant = limit_client->parent_grant;
    return parent_grant != NULL && weight <= parent_grant->weight - parent_grant->granted;
}

/* What has become heavier than the whole budget (by a resize) goes alone. */
static bool fits_budget(const tg_limit *limit, size_t weight)
{
    return limit->used == 0 ||
           (limit->used < limit->budget && weight <= limit->budget - limit->used);
}

/* Does somebody in the wait queue before it wait for the budget? */
static bool must_wait(const tg_limit *limit, const struct tg__limit_client *limit_client)
{
    const struct tg__limit_client *c = limit->wait_queue;
    while (c != NULL && c != limit_client && c->absent)
        c = c->next;
    return c != NULL && c != limit_client;
}

static void enqueue(tg_limit *limit, struct tg__limit_client *limit_client)
{
    struct tg__limit_client **at = &limit->wait_queue;
    while (*at != NULL)
        at = &(*at)->next;
    *at = limit_client;
    limit_client->next = NULL;
    limit_client->queued = true;
}

/* One that came into it before a fork is not in it any more. */
static void dequeue(tg_limit *limit, struct tg__limit_client *limit_client)
{
    struct tg__limit_client **at = &limit->wait_queue;
    while (*at != NULL && *at != limit_client)
        at = &(*at)->next;
    if (*at != NULL)
        *at = limit_client->next;
    limit_client->queued = false;
    atomic_store(&limit_client->blocked, false);
}

/* The first in the wait queue that was not called yet and could go on. */
static struct tg__limit_client *next_to_call(const tg_limit *limit)
{
    bool passed_one = false; /* a client that waits for the budget bars it to those behind */
    for (struct tg__limit_client *c = limit->wait_queue; c != NULL; c = c->next) {
        bool fits = fits_parent(c, c->wanted) || (!passed_one && fits_budget(limit, c->wanted));
        if (fits && atomic_load(&c->blocked))
            return c;
        if (!c->absent)
            passed_one = true;
    }
    return NULL;
}

/* No worker of this client was free: clients behind it may pass it until it asks again. */
static void pass(tg_limit *limit, struct tg__limit_client *limit_client)
{
    enter(limit);
    if (limit_client->queued && !atomic_load(&limit_client->blocked))
        limit_client->absent = true;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
}

void tg__limit_notify(tg_limit *limit)
{
    for (;;) {
        enter(limit);
        struct tg__limit_client *limit_client = next_to_call(limit);
        if (limit_client != NULL) {
            atomic_store(&limit_client->blocked, false);
            limit_client->calls->pin(limit_client);
        }
        tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
        if (limit_client == NULL)
            return;
        bool woken = limit_client->calls->notify(limit_client);
        if (!woken)
            pass(limit, limit_client);
        limit_client->calls->unpin(limit_client);
        if (woken)
            return; /* that client wakes the next one when it has taken what it wants */
    }
}

bool tg__limit_take(
    tg_limit *limit, struct tg__limit_client *limit_client, size_t weight, struct tg__grant *grant)
{
    bool taken = true;
    *grant = (struct tg__grant){.limit = limit, .weight = weight};
    enter(limit);
    limit_client->absent = false;
    if (fits_parent(limit_client, weight)) {
        grant->from = limit_client->parent_grant;
        limit_client->parent_grant->granted += weight;
    } else if (!must_wait(limit, limit_client) && fits_budget(limit, weight)) {
        limit->used += weight;
    } else {
        taken = false;
        grant->limit = NULL;
        limit_client->wanted = weight;
        if (!limit_client->queued)
            enqueue(limit, limit_client);
        atomic_store(&limit_client->blocked, true);
    }
    if (taken && limit_client->queued)
        dequeue(limit, limit_client);
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    return taken;
}

void tg__limit_give(struct tg__grant *grant)
{
    tg_limit *limit = grant->limit;
    if (limit == NULL)
        return;
    enter(limit);
    if (grant->from != NULL)
        grant->from->granted -= grant->weight;
    else
        limit->used -= grant->weight;
    bool waited_for = limit->wait_queue != NULL;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    grant->limit = NULL;
    if (waited_for)
        tg__limit_notify(limit);
}

void tg__limit_leave(tg_limit *limit, struct tg__limit_client *limit_client)
{
    enter(limit);
    if (limit_client->queued)
        dequeue(limit, limit_client);
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
}

bool tg__limit_too_heavy(tg_limit *limit, size_t weight)
{
    enter(limit);
    bool heavy = weight > limit->budget;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    return heavy;
}

void tg__limit_ref(tg_limit *limit)
{
    atomic_fetch_add(&limit->refs, 1);
}

void tg__limit_keep(tg_limit *limit, size_t weight)
{
    enter(limit);
    if (limit->acquired == 0)
        tg__limit_ref(limit); /* until all is released */
    limit->acquired += weight;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
}

tg_status tg_limit_release(tg_limit *limit, size_t weight)
{
    static const char call[] = "tg_limit_release";
    if (limit == NULL)
        return tg__refuse_null(call, "limit");
    enter(limit);
    size_t acquired = limit->acquired;
    bool fits = weight > 0 && weight <= acquired;
    if (fits) {
        limit->acquired -= weight;
        limit->used -= weight;
        if (limit->acquired > 0)
            tg__limit_ref(
                limit); /* for this call; else what was acquired has one, which goes below */
    }
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    if (!fits)
        return tg__refuse(
            TG_INVALID, "%s: weight is %zu, and %zu are acquired", call, weight, acquired);
    tg__limit_notify(limit);
    tg_limit_destroy(limit);
    return TG_OK;
}

tg_limit *tg_limit_create(size_t budget)
{
    if (budget == 0)
        return tg__refuse_create(TG_INVALID, "tg_limit_create: budget is 0");
    tg_limit *limit = calloc(1, sizeof *limit);
    if (limit == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "tg_limit_create: out of memory");
    limit->process = tg__process_number();
    limit->budget = budget;
    atomic_init(&limit->refs, 1);
    return limit;
}

void tg_limit_destroy(tg_limit *limit)
{
    if (limit != NULL && atomic_fetch_sub(&limit->refs, 1) == 1)
        free(limit);
}

tg_status tg_limit_resize(tg_limit *limit, size_t budget)
{
    if (limit == NULL)
        return tg__refuse_null("tg_limit_resize", "limit");
    if (budget == 0)
        return tg__refuse(TG_INVALID, "tg_limit_resize: budget is 0");
    enter(limit);
    limit->budget = budget;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    tg__limit_notify(limit);
    return TG_OK;
}

size_t tg_limit_used(tg_limit *limit)
{
    if (limit == NULL)
        return 0;
    enter(limit);
    size_t used = limit->used;
    tg__lock_give(&limit->lock, TG__LOCK_LIMIT);
    return used;
}
