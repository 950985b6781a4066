/* SPDX-License-Identifier: MIT */
#include "pool/host.h"

#include "base/list.h"
#include "base/park.h"
#include "sys/lock.h"

#include <sched.h>
#include <string.h>
#include <taskgroup/version.h>

static struct tg__shard *shard_of(struct tg__resident *resident)
{
    return TG__CONTAINER(struct tg__shard, resident, resident);
}

/* Under the lock, which is free meanwhile. False: the time has come. */
static bool sleep_until(struct tg__shard *shard, double until)
{
    return tg__wait(&shard->waiters, &shard->lock, TG__LOCK_SHARD, until);
}

/* ---- the thread ---- */

/* The region is open: threads that wait for that may go on, and a timer looks now and then whether
 * it is still used. */
static int on_open(tg_group *group, void *user)
{
    struct tg__shard *shard = user;
    (void)group;
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->open = true;
    shard->count = tg_group_count(shard->group);
    tg__wake_all(&shard->waiters);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    if (shard->idle < TG_FOREVER)
        tg__timer_set(&shard->timer, tg_time_now() + shard->idle);
    return 0;
}

/* One region. The lock is held, and free meanwhile. */
static void run_region(struct tg__shard *shard)
{
    int threads = shard->opened = shard->threads;
    shard->called = shard->failed = false;
    tg__resident_opened(&shard->resident);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__resident_run(&shard->resident, threads, on_open, shard);
    tg__timer_clear(&shard->timer);
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->failed = !shard->open;
    shard->open = false;
    tg__resident_closed(&shard->resident);
    shard->called |= tg__resident_has_work(&shard->resident);
    if (shard->failed)
        tg__wake_all(&shard->waiters);
}

static bool is_over(struct tg__shard *shard)
{
    if (!shard->closing || !tg__resident_is_quiescent(&shard->resident))
        return false; /* it is run again, until it is */
    tg__resident_abandon(
        &shard->resident); /* what is in the background, or came between a region and the stop */
    return true;
}

/* The last call, if nobody waits for its end. Once, under the lock. */
static void (*take_gone(struct tg__shard *shard))(struct tg__host *)
{
    void (*gone)(struct tg__host *) = shard->gone;
    if (!shard->quits || shard->there)
        return NULL;
    shard->gone = NULL;
    return gone;
}

static void *host(void *user)
{
    struct tg__shard *shard = user;
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    while (!shard->quits) {
        if (shard->called) {
            run_region(shard);
            shard->quits = is_over(shard);
            if (shard->failed && !shard->quits) /* tries again */
                sleep_until(shard, tg_time_now() + 0.01);
        } else if (shard->gives_back) {
            break;
        } else {
            sleep_until(shard, (double)INFINITY);
        }
    }
    shard->there = false;
    shard->joins = true;
    void (*gone)(struct tg__host *) = take_gone(shard);
    struct tg__host *pool = shard->pool;
    tg__wake_all(&shard->waiters);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    if (gone != NULL)
        gone(pool);
    return NULL;
}

/* Under the lock, which is free meanwhile: another one may have been made by then, and have ended.
 */
static void join(struct tg__shard *shard)
{
    while (shard->joins) {
        shard->joins = false;
        pthread_t thread = shard->thread;
        tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
        if (pthread_equal(thread, pthread_self())) /* of a pool that was destroyed in a task */
            pthread_detach(thread);
        else
            tg__thread_join(thread);
        tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    }
}

static bool make(struct tg__shard *shard)
{
    if (shard->quits)
        return true; /* and the thread that frees it joins its thread */
    join(shard);
    if (!shard->there && !shard->quits)
        shard->there = tg__thread_make(
            &shard->thread, "tg-pool", &shard->processors, tg__thread_openmp_stack(), host, shard);
    return shard->there || shard->quits;
}

/* Something is to be done while no region is open. Without a thread for it: tries again, or ends,
   if nothing is left that needs one. (The last call frees it: from the timer, as others would still
   look at it.) */
static void call(void *user)
{
    struct tg__shard *shard = user;
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->called |= !shard->quits;
    shard->failed = false;
    if (!make(shard)) {
        shard->quits = is_over(shard);
        if (!shard->quits || shard->gone != NULL)
            tg__timer_set(&shard->timer, tg_time_now() + 0.01);
    }
    tg__wake_all(&shard->waiters);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
}

/* On the event thread: the group has stopped. Opens a region if none is open, and wakes the thread
 * that runs the group. */
static void on_stop(void *user)
{
    struct tg__shard *shard = user;
    call(shard);
    tg__group_notify_owner(shard->group);
}

/* Something has come. It may have been a completion, with nothing to follow. */
static void on_call(struct tg__resident *resident)
{
    struct tg__shard *shard = shard_of(resident);
    if (tg__resident_has_work(&shard->resident))
        call(shard);
}

/* ---- idle ---- */

static void look(struct tg__timer *timer)
{
    struct tg__shard *shard = TG__CONTAINER(struct tg__shard, timer, timer);
    size_t count = tg_group_count(shard->group);
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    bool open = shard->open, same = count == shard->count, called = shard->called;
    shard->count = count;
    void (*gone)(struct tg__host *) = take_gone(shard);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    if (gone != NULL) {
        gone(shard->pool);
        return;
    }
    if (!open && called)
        call(shard);
    if (!open)
        return;
    if (same && tg__resident_is_idle(&shard->resident))
        tg__resident_idle(&shard->resident);
    else
        tg__timer_set(&shard->timer, tg_time_now() + shard->idle);
}

/* ---- what a pool asks ---- */

static bool has(struct tg__resident *resident, const struct tg__team *team)
{
    struct tg__host *pool = shard_of(resident)->pool;
    return pool->has(pool, team);
}

static const struct tg__resident_calls resident_calls = {on_call, has};

bool tg__shard_init(struct tg__shard *shard, struct tg__host *pool, tg_group *group, int threads,
    double idle, int waiters, const struct tg__processors *processors)
{
    tg_info info = {.size = sizeof info};
    tg_info_read(&info);
    *shard = (struct tg__shard){.group = group,
        .pool = pool,
        .threads = threads,
        .idle = idle,
        .gives_back = strcmp(info.runtime, "libgomp") == 0,
        .processors = info.bound ? tg__processors_all() : *processors};
    if (!tg__resident_init(&shard->resident, group, waiters, &resident_calls))
        return false;
    /* libomp moves each thread that is new to it to all processors that it has found when it began:
       those of the region, and the caller here. */
    if (!info.bound) {
        group->runq.processors = &shard->processors;
        tg__processors_move(processors);
    }
    shard->timer.fire = look;
    pthread_mutex_init(&shard->lock, NULL);
    tg__hook_set(&shard->hook, &group->context, on_stop, shard);
    return true;
}

void tg__shard_free(struct tg__shard *shard)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    join(shard);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__timer_clear(&shard->timer);
    tg__hook_clear(&shard->hook);
    tg__resident_free(&shard->resident);
    pthread_mutex_destroy(&shard->lock);
}

/* Its timer and its hook went with the event thread. `lock` is not destroyed: a thread of the
   parent may have had it at the fork. */
void tg__shard_free_parents(struct tg__shard *shard)
{
    tg__resident_free_parents(&shard->resident);
}

bool tg__shard_ready(struct tg__shard *shard)
{
    if (tg__group_is_live(shard->group))
        return true;
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    bool ready = make(shard);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    return ready;
}

static void add_client(struct tg__shard *shard, tg_group *client)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    tg__list_push(&shard->clients, &client->attachment.link);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
}

void tg__shard_leave(struct tg__shard *shard, tg_group *client)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    tg__list_remove(&client->attachment.link);
    tg__wake_all(&shard->waiters);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__resident_part(&shard->resident);
}

static tg_group *client_of(struct tg__link *link)
{
    return TG__CONTAINER(tg_group, attachment.link, link);
}

/* One of its clients that certainly stays until we have helped; NULL: there are none. `cancels` all
 * of them. */
static tg_group *take_client(struct tg__shard *shard, bool cancels)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    tg_group *client = shard->clients != NULL ? client_of(shard->clients) : NULL;
    for (struct tg__link *at = shard->clients; cancels && at != NULL; at = at->next)
        tg_context_cancel(&client_of(at)->context, 0, "the pool was closed");
    if (client != NULL)
        tg__attach_help_begin(client);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    return client;
}

/* Nobody else may wait for their ends. */
static void end_clients(struct tg__shard *shard, double until, bool cancels)
{
    tg_group *client;
    while ((client = take_client(shard, cancels)) != NULL)
        if (!tg__attach_help(client, until) && tg_time_now() >= until)
            return;
}

/* TG_OK: the region is open, or was. */
static tg_status wait_for_region(struct tg__shard *shard)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    while (!shard->open && !shard->failed && shard->called && shard->there)
        sleep_until(shard, (double)INFINITY);
    bool missing = !shard->open && shard->called && !shard->there;
    tg_status status = shard->failed ? TG_NO_MEMORY : missing ? TG_NO_SYSTEM : TG_OK;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    return status;
}

tg_status tg__shard_enter(struct tg__shard *shard, tg_group *client, struct tg__team **team)
{
    if (!tg__resident_enter(&shard->resident))
        return TG_CLOSED;
    *team = atomic_load(&shard->group->team);
    while (*team == NULL) { /* once it is there it stays, for us */
        call(shard);
        tg_status status = wait_for_region(shard);
        if (status != TG_OK) {
            tg__resident_part(&shard->resident);
            return status;
        }
        *team = atomic_load(&shard->group->team);
    }
    add_client(shard, client);
    return TG_OK;
}

void tg__shard_resize(struct tg__shard *shard, int threads)
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    bool reopen = shard->open && threads > shard->opened;
    shard->threads = threads;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__resident_resize(&shard->resident, threads);
    if (reopen)
        tg__resident_reopen(&shard->resident);
}

void tg__shard_shut(struct tg__shard *shard)
{
    tg__resident_shut(&shard->resident); /* first: what is over must have nothing to come */
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->closing = true;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__resident_pause(&shard->resident, false);
    tg__group_notify_owner(shard->group);
    call(shard);
}

bool tg__shard_drain(struct tg__shard *shard, double until)
{
    end_clients(shard, until, false);
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    while ((!shard->quits || shard->there) && sleep_until(shard, until))
        ;
    bool ended = shard->quits && !shard->there;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    while (ended && atomic_load(&shard->group->backpressure.producers) > 0)
        sched_yield(); /* they have been woken, and go */
    return ended;
}

bool tg__shard_stop(struct tg__shard *shard)
{
    bool busy =
        !tg__resident_is_quiescent(&shard->resident) || !tg__resident_is_idle(&shard->resident);
    tg_context_cancel(&shard->group->context, 0, "the pool was closed");
    tg__group_notify_owner(shard->group);
    end_clients(shard, (double)INFINITY, true);
    tg__shard_drain(shard, (double)INFINITY);
    return busy;
}

void tg__shard_quit(struct tg__shard *shard, double until)
{
    tg_context_cancel(&shard->group->context, 0, "the process ends");
    tg__group_notify_owner(shard->group);
    end_clients(shard, until, true);
    if (!tg__shard_drain(shard, until))
        return;
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    join(shard);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
}

void tg__shard_reopen(struct tg__shard *shard)
{
    tg__hook_clear(&shard->hook); /* it would make a thread again */
    tg__timer_clear(&shard->timer);
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    join(shard);
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__resident_renew(&shard->resident);
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->closing = shard->quits = shard->called = false;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__hook_set(&shard->hook, &shard->group->context, on_stop, shard);
}

void tg__shard_orphan(struct tg__shard *shard, void (*gone)(struct tg__host *pool))
{
    tg__mutex_lock(&shard->lock, TG__LOCK_SHARD);
    shard->gone = gone;
    tg__mutex_unlock(&shard->lock, TG__LOCK_SHARD);
    tg__shard_shut(shard);
    tg_context_cancel(&shard->group->context, 0, "the pool was destroyed");
    tg__group_notify_owner(shard->group);
}
