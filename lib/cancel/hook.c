/* SPDX-License-Identifier: MIT */
#include "cancel/hook.h"

#include "base/park.h"
#include "sys/recovery.h"
#include "base/status.h"
#include "cancel/events.h"
#include "sys/lock.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all hooks; never held in one */
static struct tg__link *waiters;                         /* until the running hook has ended */
static struct tg__link *watched;                         /* contexts with hooks that are set */
static struct tg__link *due;                             /* hooks */
static tg_hook *running;                                 /* NULL also when it has removed itself */

static void watch(tg_context *context)
{
    tg__list_push(&watched, &context->watched);
    atomic_fetch_add(&tg__events_watching, 1);
}

static void unwatch(tg_context *context)
{
    tg__list_remove(&context->watched);
    atomic_fetch_sub(&tg__events_watching, 1);
}

static tg_hook *hook_of(struct tg__link *link)
{
    return TG__CONTAINER(tg_hook, link, link);
}

static tg_context *context_of(struct tg__link *link)
{
    return TG__CONTAINER(tg_context, watched, link);
}

/* Each that is due, or runs, is watched over instead of its context: at exit nobody must wait for
   the event thread, which may never come back from it. */
static void make_due(tg_context *context)
{
    while (context->hooks != NULL) {
        tg_hook *hook = hook_of(context->hooks);
        tg__list_remove(&hook->link);
        hook->state = TG__HOOK_DUE;
        tg__list_push(&due, &hook->link);
        atomic_fetch_add(&tg__events_watching, 1);
    }
    unwatch(context);
}

/* Which contexts have stopped? Returns the earliest deadline of the others. Under the lock. */
static double look_at_all(void)
{
    double until = (double)INFINITY;
    for (struct tg__link *link = watched, *next; link != NULL; link = next) {
        tg_context *context = context_of(link);
        next = link->next;
        double deadline;
        tg_status status;
        do
            status = tg__context_status(context);
        while (status == TG_OK && !tg__context_until(context, &deadline));
        if (status != TG_OK) {
            make_due(context);
            continue;
        }
        until = deadline < until ? deadline : until;
    }
    return until;
}

/* On the event thread, each time that it is awake. */
static double look(void)
{
    tg__mutex_lock(&lock, TG__LOCK_HOOKS);
    double until = look_at_all();
    while (due != NULL) {
        tg_hook *hook = running = hook_of(due);
        tg__list_remove(&hook->link);
        hook->state = TG__HOOK_RUNNING;
        tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
        TG__MUST_RETURN bool returned = false;
        hook->function(hook->user);
        returned = true;
        tg__mutex_lock(&lock, TG__LOCK_HOOKS);
        if (running == hook)
            hook->state = TG__HOOK_IDLE;
        running = NULL;
        atomic_fetch_sub(&tg__events_watching, 1);
        tg__wake_all(&waiters);
    }
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
    return until;
}

/* ---- at a fork ---- */

/* So that the lists are whole in the child. */
static void before_fork(void)
{
    tg__mutex_lock(&lock, TG__LOCK_HOOKS);
}

static void in_parent(void)
{
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
}

static void forget_all(struct tg__link **list)
{
    while (*list != NULL) {
        tg_hook *hook = hook_of(*list);
        tg__list_remove(&hook->link);
        hook->state = TG__HOOK_IDLE;
    }
}

/* Hooks belong to the parent's waiter: in the child they are as if they had been removed, all but
 * their memory. */
static void in_child(void)
{
    while (watched != NULL) {
        tg_context *context = context_of(watched);
        forget_all(&context->hooks);
        tg__list_remove(&context->watched);
    }
    forget_all(&due);
    if (running != NULL)
        running->state = TG__HOOK_IDLE;
    running = NULL;
    atomic_store(&tg__events_watching, 0);
    waiters = NULL; /* these threads are not there */
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
}

__attribute__((constructor)) static void watch_forks(void)
{
    /* Without memory so early nothing works. */
    (void)pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- */

void tg__hook_set(tg_hook *hook, tg_context *context, tg_hook_fn *function, void *user)
{
    tg__events_poll_with(look);
    hook->context = context;
    hook->function = function;
    hook->user = user;
    tg__mutex_lock(&lock, TG__LOCK_HOOKS);
    hook->state = TG__HOOK_SET;
    if (context->hooks == NULL)
        watch(context);
    tg__list_push(&context->hooks, &hook->link);
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
    tg__events_wake(); /* it may have stopped already, or have a deadline */
}

void tg__hook_clear(tg_hook *hook)
{
    tg__mutex_lock(&lock, TG__LOCK_HOOKS);
    if (hook->state == TG__HOOK_SET) {
        tg__list_remove(&hook->link);
        if (hook->context->hooks == NULL)
            unwatch(hook->context);
    } else if (hook->state == TG__HOOK_DUE) {
        tg__list_remove(&hook->link);
        atomic_fetch_sub(&tg__events_watching, 1);
    } else if (hook->state == TG__HOOK_RUNNING) {
        if (tg__events_is_self())
            running = NULL; /* the event thread does not touch it any more */
        while (running == hook)
            tg__wait(&waiters, &lock, TG__LOCK_HOOKS, (double)INFINITY);
    }
    hook->state = TG__HOOK_IDLE;
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
}

void tg__hook_settle(tg_context *context)
{
    tg__mutex_lock(&lock, TG__LOCK_HOOKS);
    if (context->hooks != NULL && tg__context_noticed(context) != TG_OK) {
        make_due(context);
        tg__events_wake();
    }
    tg__mutex_unlock(&lock, TG__LOCK_HOOKS);
}

tg_hook *tg_context_hook(tg_context *context, tg_hook_fn *function, void *user)
{
    static const char call[] = "tg_context_hook";
    if (context == NULL) {
        tg__refuse_null(call, "context");
        return NULL;
    }
    if (function == NULL)
        return tg__refuse_create(TG_INVALID, "%s: function is NULL", call);
    if (!tg__events_start())
        return tg__refuse_create(TG_NO_SYSTEM, "%s: the system has no thread left", call);
    tg_hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "%s: out of memory", call);
    tg__context_ref(context);
    tg__hook_set(hook, context, function, user);
    return hook;
}

void tg_hook_remove(tg_hook *hook)
{
    if (hook == NULL)
        return;
    tg__hook_clear(hook);
    tg__context_unref(hook->context);
    free(hook);
}
