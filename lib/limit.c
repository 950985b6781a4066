/* SPDX-License-Identifier: MIT */
#include "limit.h"

#include "lock.h"
#include "status.h"

#include <stdlib.h>

struct tg_limit {
    struct tg__lock lock; /* guards what follows, and the claimants' places; a leaf */
    unsigned process;     /* of those that hold something of it, or wait for it */
    size_t budget, used;
    struct tg__claimant *line;
    atomic_size_t holds; /* the owner's, and each group's */
};

/* Takes the lock. In a child of fork() nobody holds anything, or waits: what the parent's groups have comes back there. */
static void enter(tg_limit *limit)
{
    tg__lock_take(&limit->lock);
    if (limit->process == tg__process_number())
        return;
    limit->process = tg__process_number();
    limit->used = 0;
    limit->line = NULL;
}

/* ---- under the lock ---- */

/* From where could it take `weight` now? */
static bool fits_lender(const struct tg__claimant *claimant, size_t weight)
{
    const struct tg__holding *lender = claimant->lender;
    return lender != NULL && weight <= lender->weight - lender->lent;
}

/* What has become heavier than the whole budget (by a resize) goes alone. */
static bool fits_budget(const tg_limit *limit, size_t weight)
{
    return limit->used == 0 ||
           (limit->used < limit->budget && weight <= limit->budget - limit->used);
}

/* Does somebody in line before it wait for the budget? */
static bool must_wait(const tg_limit *limit, const struct tg__claimant *claimant)
{
    const struct tg__claimant *c = limit->line;
    while (c != NULL && c != claimant && c->absent)
        c = c->next;
    return c != NULL && c != claimant;
}

static void enter_line(tg_limit *limit, struct tg__claimant *claimant)
{
    struct tg__claimant **at = &limit->line;
    while (*at != NULL)
        at = &(*at)->next;
    *at = claimant;
    claimant->next = NULL;
    claimant->in_line = true;
}

/* One that came into it before a fork is not in it any more. */
static void leave_line(tg_limit *limit, struct tg__claimant *claimant)
{
    struct tg__claimant **at = &limit->line;
    while (*at != NULL && *at != claimant)
        at = &(*at)->next;
    if (*at != NULL)
        *at = claimant->next;
    claimant->in_line = false;
    atomic_store(&claimant->blocked, false);
}

/* The first in line that was not called yet and could go on. */
static struct tg__claimant *next_to_call(const tg_limit *limit)
{
    bool passed_one = false; /* who waits for the budget bars it to those behind */
    for (struct tg__claimant *c = limit->line; c != NULL; c = c->next) {
        bool fits = fits_lender(c, c->wanted) || (!passed_one && fits_budget(limit, c->wanted));
        if (fits && atomic_load(&c->blocked))
            return c;
        if (!c->absent)
            passed_one = true;
    }
    return NULL;
}

/* Nobody of it came: it bars the budget to nobody until one of its threads asks again. */
static void pass(tg_limit *limit, struct tg__claimant *claimant)
{
    enter(limit);
    if (claimant->in_line && !atomic_load(&claimant->blocked))
        claimant->absent = true;
    tg__lock_give(&limit->lock);
}

void tg__limit_look(tg_limit *limit)
{
    for (;;) {
        enter(limit);
        struct tg__claimant *claimant = next_to_call(limit);
        if (claimant != NULL) {
            atomic_store(&claimant->blocked, false);
            claimant->pin(claimant);
        }
        tg__lock_give(&limit->lock);
        if (claimant == NULL)
            return;
        bool woken = claimant->call(claimant);
        if (!woken)
            pass(limit, claimant);
        claimant->unpin(claimant);
        if (woken)
            return; /* who was woken looks further when it has taken what it wants */
    }
}

bool tg__limit_take(
    tg_limit *limit, struct tg__claimant *claimant, size_t weight, struct tg__holding *holding)
{
    bool taken = true;
    *holding = (struct tg__holding){.limit = limit, .weight = weight};
    enter(limit);
    claimant->absent = false;
    if (fits_lender(claimant, weight)) {
        holding->from = claimant->lender;
        claimant->lender->lent += weight;
    } else if (!must_wait(limit, claimant) && fits_budget(limit, weight)) {
        limit->used += weight;
    } else {
        taken = false;
        holding->limit = NULL;
        claimant->wanted = weight;
        if (!claimant->in_line)
            enter_line(limit, claimant);
        atomic_store(&claimant->blocked, true);
    }
    if (taken && claimant->in_line)
        leave_line(limit, claimant);
    tg__lock_give(&limit->lock);
    return taken;
}

void tg__limit_give(struct tg__holding *holding)
{
    tg_limit *limit = holding->limit;
    if (limit == NULL)
        return;
    enter(limit);
    if (holding->from != NULL)
        holding->from->lent -= holding->weight;
    else
        limit->used -= holding->weight;
    bool waited_for = limit->line != NULL;
    tg__lock_give(&limit->lock);
    holding->limit = NULL;
    if (waited_for)
        tg__limit_look(limit);
}

void tg__limit_leave(tg_limit *limit, struct tg__claimant *claimant)
{
    enter(limit);
    if (claimant->in_line)
        leave_line(limit, claimant);
    tg__lock_give(&limit->lock);
}

bool tg__limit_too_heavy(tg_limit *limit, size_t weight)
{
    enter(limit);
    bool heavy = weight > limit->budget;
    tg__lock_give(&limit->lock);
    return heavy;
}

void tg__limit_hold(tg_limit *limit)
{
    atomic_fetch_add(&limit->holds, 1);
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
    atomic_init(&limit->holds, 1);
    return limit;
}

void tg_limit_destroy(tg_limit *limit)
{
    if (limit != NULL && atomic_fetch_sub(&limit->holds, 1) == 1)
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
    tg__lock_give(&limit->lock);
    tg__limit_look(limit);
    return TG_OK;
}

size_t tg_limit_used(tg_limit *limit)
{
    if (limit == NULL)
        return 0;
    enter(limit);
    size_t used = limit->used;
    tg__lock_give(&limit->lock);
    return used;
}
