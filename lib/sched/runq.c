/* SPDX-License-Identifier: MIT */
/* Which run queue a worker serves next, and workers that park: all under the team's lock, but where
 * it says otherwise. */
#include "sched/team_int.h"

/*
 * Each run queue knows the one below, and one further below, so that the ancestor at some depth is
 * found in O(log depth) steps and a new run queue in one (E. W. Myers, "An applicative
 * random-access stack", 1983).
 */
void tg__runq_plant(struct tg__runq *runq, struct tg__runq *parent)
{
    runq->parent = parent;
    runq->root = parent != NULL ? parent->root : runq;
    runq->depth = parent != NULL ? parent->depth + 1 : 0;
    const struct tg__runq *jump = parent != NULL ? parent->jump : NULL;
    if (parent == NULL)
        runq->jump = runq;
    else if (parent->depth - jump->depth == jump->depth - jump->jump->depth)
        runq->jump = jump->jump;
    else
        runq->jump = parent;
    atomic_store(&runq->awaited, NULL);
}

static const struct tg__runq *ancestor_at(const struct tg__runq *runq, size_t depth)
{
    while (runq->depth > depth)
        runq = runq->jump->depth >= depth ? runq->jump : runq->parent;
    return runq;
}

/* Is `runq` the scope, or below it? A tree may hang on another team's, while a worker there waits
 * for it. */
bool tg__runq_is_descendant(const struct tg__runq *scope, const struct tg__runq *runq)
{
    if (scope == NULL || runq == scope)
        return true;
    for (; runq != NULL; runq = atomic_load(&runq->root->awaited))
        if (runq->root == scope->root)
            return runq->depth >= scope->depth && ancestor_at(runq, scope->depth) == scope;
    return false;
}

void tg__runq_activate(struct tg__team *team, struct tg__runq *runq)
{
    tg__list_push(&team->active, &runq->link);
    runq->live = true;
    atomic_fetch_add_explicit(
        &team->runqs, 1, memory_order_relaxed); /* for tg__team_must_yield() */
    runq->calls->begin(runq, team);
}

void tg__runq_deactivate(struct tg__team *team, struct tg__runq *runq)
{
    tg__list_remove(&runq->link);
    runq->live = false;
    atomic_fetch_sub_explicit(&team->runqs, 1, memory_order_relaxed);
    if (atomic_load(&runq->awaited) != NULL) {
        team->awaited--;
        atomic_store(&runq->awaited, NULL);
    }
    for (struct tg__parked *parked = team->woken; parked != NULL; parked = parked->next)
        if (parked->handoff == runq)
            parked->handoff = NULL;
}

static struct tg__runq *runq_of(struct tg__link *link)
{
    return TG__CONTAINER(struct tg__runq, link, link);
}

/* From this one on. What is below a run queue is younger, and so comes before it: nothing of the
   scope's comes after the scope, unless it is attached to us. */
static struct tg__runq *find_from(
    const struct tg__team *team, const struct tg__runq *scope, struct tg__link *link)
{
    for (; link != NULL; link = link->next) {
        struct tg__runq *runq = runq_of(link);
        if (tg__runq_is_descendant(scope, runq) && tg__runq_admits(runq))
            return runq;
        if (runq == scope && team->awaited == 0)
            return NULL;
    }
    return NULL;
}

/* A run queue in scope that has something to do: the youngest, as others wait for it; or where
   `after` has had its turn the next one in a circle, so that each comes to its own. */
struct tg__runq *tg__runq_find(
    const struct tg__team *team, const struct tg__runq *scope, struct tg__runq *after)
{
    struct tg__runq *runq = after != NULL ? find_from(team, scope, after->link.next) : NULL;
    return runq != NULL ? runq : find_from(team, scope, team->active);
}

/* The worker's entry stays in `woken` until it gets the lock: it lies on its stack. */
void tg__runq_wake(struct tg__team *team, struct tg__parked **at, struct tg__runq *handoff)
{
    struct tg__parked *parked = *at;
    *at = parked->next;
    parked->handoff = handoff;
    parked->woken = true;
    parked->next = team->woken;
    team->woken = parked;
    atomic_fetch_sub(&team->idle, 1);
    tg__park_notify(parked->parker);
}

static void leave_list(struct tg__parked **at, const struct tg__parked *parked)
{
    while (*at != parked)
        at = &(*at)->next;
    *at = parked->next;
}

/* Calls one parked worker that may serve `runq`, if there is one. */
bool tg__runq_notify_one(struct tg__team *team, struct tg__runq *runq)
{
    for (struct tg__parked **at = &team->parked_workers; *at != NULL; at = &(*at)->next)
        if (tg__runq_is_descendant((*at)->scope, runq)) {
            tg__runq_wake(team, at, runq);
            return true;
        }
    return false;
}

/* As many as may serve it. */
void tg__runq_notify_many(struct tg__team *team, struct tg__runq *runq)
{
    for (int i = atomic_load(&runq->max_workers); i > 0 && tg__runq_notify_one(team, runq); i--)
        ;
}

/* Calls the thread that waits for the end of `runq`, if it does; of one that is attached, threads
 * that wait elsewhere, and a worker, since there may be none. */
void tg__runq_notify_owner(struct tg__team *team, struct tg__runq *runq)
{
    if (runq->on_quiescent != NULL) {
        runq->on_quiescent(runq);
        atomic_store(&runq->to_end, true);
        tg__runq_notify_one(team, runq);
        return;
    }
    for (struct tg__parked **at = &team->parked_workers; *at != NULL; at = &(*at)->next)
        if ((*at)->owns == runq) {
            tg__runq_wake(team, at, NULL);
            return;
        }
}

void tg__runq_leave(struct tg__team *team, struct tg__runq *runq, bool ends)
{
    bool last = atomic_fetch_sub(&runq->active, 1) == 1;
    bool attached = runq->on_quiescent != NULL;
    if (team->parked_workers == NULL && !attached)
        return;
    if (last && !(attached && ends))
        tg__runq_notify_owner(team, runq);
    if (tg__runq_admits(runq))
        tg__runq_notify_one(team, runq);
}

/*
 * Waits until it is called, notified, or until that time; returns for what it was called, or NULL.
 * The lock is free meanwhile. `me` has scope and owns, and a parker if others than the team notify
 * it.
 */
struct tg__runq *tg__runq_park(struct tg__team *team, struct tg__parked *me, double until)
{
    struct tg__parker parker;
    bool own = me->parker == NULL;
    if (own) {
        tg__park_init(&parker);
        // cppcheck-suppress autoVariables ; it is taken out before this returns
        me->parker = &parker;
    }
    me->handoff = NULL;
    me->woken = false;
    me->next = team->parked_workers;
    team->parked_workers = me;
    atomic_fetch_add(&team->idle, 1);
    /* A thread that publishes work looks at `idle` next: so look for work once more, now that we
       are in it. Both are sequentially consistent, so one of the two sees the other. */
    if (tg__runq_find(team, me->scope, NULL) == NULL) {
        tg__mutex_unlock(&team->lock, TG__LOCK_TEAM);
        tg__park(me->parker, team->spins, until);
        tg__mutex_lock(&team->lock, TG__LOCK_TEAM);
    }
    leave_list(me->woken ? &team->woken : &team->parked_workers, me);
    if (!me->woken)
        atomic_fetch_sub(&team->idle, 1);
    if (own) {
        me->parker = NULL;
        tg__park_fini(&parker);
    }
    return me->handoff;
}
