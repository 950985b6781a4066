/* SPDX-License-Identifier: MIT */
/* Pools: choosing a shard, submitting, looking. Each shard is a persistent group, and a thread that
   opens its region (host.c). */
#include "group/addition.h"

#include "task/handle.h"
#include "pool/pool.h"
#include "base/options.h"
#include "base/status.h"

#include <limits.h>
#include <stdlib.h>
#include <taskgroup/pool.h>
#include <taskgroup/version.h>

/* ---- choosing ---- */

static size_t load_of(const struct tg__shard *shard)
{
    return atomic_load(&shard->group->backpressure.outstanding) + shard->resident.clients;
}

static struct tg__shard *choose(tg_pool *pool)
{
    if (pool->shards == 1)
        return &pool->shard[0];
    unsigned turn = atomic_fetch_add(&pool->turn, 1) % (unsigned)pool->shards;
    struct tg__shard *best = &pool->shard[turn];
    for (int i = 1; pool->options.balance == TG_BALANCE_LEAST && i < pool->shards; i++) {
        struct tg__shard *other = &pool->shard[((int)turn + i) % pool->shards];
        if (load_of(other) < load_of(best))
            best = other;
    }
    return best;
}

static bool is_ours(tg_pool *pool, const struct tg__team *team)
{
    for (int i = 0; i < pool->shards; i++)
        if (atomic_load(&pool->shard[i].group->team) == team)
            return true;
    return false;
}

/* The team of the pool on which the calling thread is at work; NULL: it is none of the pool's. */
static struct tg__shard *own_shard(tg_pool *pool)
{
    const struct tg__worker *worker = tg__team_worker();
    for (int i = 0; worker != NULL && i < pool->shards; i++)
        if (atomic_load(&pool->shard[i].group->team) == worker->team)
            return &pool->shard[i];
    return NULL;
}

bool tg__pool_inside(tg_pool *pool)
{
    const struct tg__worker *worker = tg__team_worker();
    return worker != NULL && is_ours(pool, worker->team);
}

bool tg__pool_is_parents(const tg_pool *pool)
{
    return pool->host.process != tg__process_number();
}

tg_status tg__pool_refuse_parents(const char *call)
{
    return tg__refuse(TG_CLOSED, "%s: the pool belongs to the parent process", call);
}

tg_status tg__pool_refuse_default(const tg_pool *pool, const char *call)
{
    return pool->is_default ? tg__refuse(TG_BUSY, "%s: the pool is the process's own", call)
                            : TG_OK;
}

/* ---- groups over it ---- */

static struct tg__team *enter(struct tg__host *host, tg_group *group, void **room)
{
    static const char call[] = "tg_group_start";
    struct tg__shard *shard = choose(tg__pool_of(host));
    struct tg__team *team;
    tg_status status = tg__shard_enter(shard, group, &team);
    if (status == TG_NO_SYSTEM)
        tg__refuse(status, "%s: the system has no thread left for the pool", call);
    else if (status == TG_NO_MEMORY)
        tg__refuse(status, "%s: out of memory", call);
    else if (status == TG_CLOSED)
        tg__refuse(status, "%s: the pool is closed", call);
    *room = shard;
    return status == TG_OK ? team : NULL;
}

static void leave(struct tg__host *host, tg_group *group, void *room)
{
    (void)host;
    tg__shard_leave(room, group);
}

static bool has(struct tg__host *host, const struct tg__team *team)
{
    return is_ours(tg__pool_of(host), team);
}

/* ---- making it ---- */

enum { SHARDS_MOST = 1024, POOL_THREADS_MOST = 1 << 13 };

static bool check_options(const tg_pool_options *o)
{
    static const char call[] = "tg_pool_create";
    const double any = (double)INFINITY;
    const struct tg__number numbers[] = {
        {"threads", o->threads, 0, POOL_THREADS_MOST, 0},
        {"limit", (double)o->limit, 0, any, 0},
        {"queue", (double)o->queue, 0, any, TG_QUEUE_NONE},
        {"waiters", o->waiters, 0, any, 0},
        {"shards", o->shards, 0, SHARDS_MOST, 0},
        {"balance", o->balance, TG_BALANCE_TURN, TG_BALANCE_LEAST, TG_BALANCE_TURN},
        {"idle", o->idle, 0, any, 0},
        {"rate", o->rate, TG__RATE_LEAST, any, 0},
        {"burst", (double)o->burst, 0, any, 0},
    };
    unsigned unknown =
        o->flags & ~(unsigned)(TG_GROUP_GUARD | TG_GROUP_SHIELD | TG_GROUP_RAW_TASKS);
    char text[TG__NUMBER_SIZE];
    if (unknown != 0)
        tg__refuse_create(TG_UNSUPPORTED, "%s: flags 0x%x are unknown", call, unknown);
    else if (tg__number_is_wrong(numbers, sizeof numbers / sizeof *numbers, text))
        tg__refuse_create(TG_INVALID, "%s: %s", call, text);
    else if (o->burst > 0 && !(o->rate > 0))
        tg__refuse_create(TG_INVALID, "%s: burst is %ld without rate", call, o->burst);
    else
        return true;
    return false;
}

void tg__pool_free_shards(tg_pool *pool)
{
    while (pool->shards > 0)
        tg__shard_free(&pool->shard[--pool->shards]);
    free(pool);
}

/* All of its tasks are of their submitters only; an unbounded queue is one that is never full. */
static tg_group *make_group(const tg_pool_options *o, int threads)
{
    return tg_group_create(
        TG_GROUP(.flags = TG_GROUP_RECYCLE | TG_GROUP_KEEP_GOING | o->flags, .threads = threads,
            .limit = o->limit, .queue = o->queue != 0 ? o->queue : LONG_MAX, .context = o->context,
            .worker_init = o->worker_init, .worker_fini = o->worker_fini, .user = o->user,
            .on_done = o->on_done, .name = o->name, .rate = o->rate, .burst = o->burst));
}

tg_pool *tg_pool_create(const tg_pool_options *options)
{
    static const char call[] = "tg_pool_create";
    /* First: libomp moves a thread that is new to it. */
    struct tg__processors processors = tg__processors_own();
    tg_pool_options o;
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(&o, sizeof o, options, why);
    if (status != TG_OK)
        return tg__refuse_create(status, "%s: options: %s", call, why);
    if (!check_options(&o))
        return NULL;
    if (!tg__events_start())
        return tg__refuse_create(TG_NO_SYSTEM, "%s: the system has no thread left", call);
    o.shards = o.shards > 0 ? o.shards : 1;
    o.threads = o.threads > 0 ? o.threads : tg__team_places_elsewhere(0);
    o.idle = o.idle > 0 ? o.idle : 1;
    tg_pool *pool = calloc(1, sizeof *pool + (size_t)o.shards * sizeof *pool->shard);
    if (pool == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "%s: out of memory", call);
    pool->host = (struct tg__host){tg__process_number(), enter, leave, has};
    pool->options = o;
    for (int i = 0; i < o.shards; i++) {
        tg_group *group = make_group(&o, o.threads);
        if (group == NULL) {
            tg__pool_free_shards(pool);
            return tg__refuse_create(TG_NO_MEMORY, "%s: out of memory", call);
        }
        if (!tg__shard_init(
                &pool->shard[i], &pool->host, group, o.threads, o.idle, o.waiters, &processors)) {
            tg_group_destroy(group);
            tg__pool_free_shards(pool);
            return tg__refuse_create(TG_NO_SYSTEM, "%s: signal handlers cannot be set", call);
        }
        pool->shards++;
    }
    return pool;
}

/* ---- submitting ---- */

static bool would_block(struct tg__exec *exec)
{
    return tg__resident_inside(exec->group);
}

static void enter_one(struct tg__exec *exec)
{
    atomic_fetch_add(&tg__resident_of(exec->group)->users, 1);
}

static tg_status cancel_one(struct tg__exec *exec, size_t index, const struct tg__handle *handle)
{
    tg_group *group = exec->group;
    tg_status status = tg__cancel_task(group, index, handle);
    atomic_fetch_sub(&tg__resident_of(group)->users, 1); /* the last touch */
    return status;
}

static tg_status complete_one(struct tg__exec *exec, size_t index, const struct tg__handle *handle,
    int code, const char *message)
{
    tg_group *group = exec->group;
    tg_status status =
        tg__suspended_complete(group, "tg_task_complete", index, handle, code, message);
    atomic_fetch_sub(&tg__resident_of(group)->users, 1); /* the last touch */
    return status;
}

static const struct tg__handle_calls handle_calls = {
    would_block, enter_one, cancel_one, complete_one};

tg_status tg_pool_submit(tg_pool *pool, tg_task_fn *function, const void *arg,
    const tg_task_options *options, tg_task **task)
{
    static const char call[] = "tg_pool_submit";
    if (task != NULL)
        *task = NULL;
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (function == NULL)
        return tg__refuse(TG_INVALID, "%s: function is NULL", call);
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    struct tg__shard *shard = choose(pool);
    if (atomic_load(&shard->group->lifecycle.shut) && (shard = own_shard(pool)) == NULL)
        return tg__refuse(TG_CLOSED, "%s: the pool is closed", call);
    tg_group *group = shard->group;
    tg_task_options o;
    tg_status status = tg__add_read_options(group, call, options, &o);
    o.id = 0; /* a pool has neither */
    o.weight = 0;
    if (status == TG_OK)
        status = tg__add_check_options(group, call, &o);
    if (status != TG_OK)
        return status;
    if (!tg__shard_ready(shard))
        return tg__refuse(TG_NO_SYSTEM, "%s: the system has no thread left", call);
    struct tg__handle *handle = NULL;
    if (task != NULL) {
        handle = tg__handle_new(&group->exec, o.name, &handle_calls);
        if (handle == NULL)
            return tg__refuse(TG_NO_MEMORY, "%s: out of memory", call);
    }
    size_t index;
    status = tg__add_one(group, call, function, arg, &o, handle, &index);
    if (status != TG_OK) {
        tg__handle_free(handle);
        return status;
    }
    if (task != NULL) {
        *task = tg__handle_task(handle);
        (*task)->index = index;
    }
    return TG_OK;
}

/* ---- tuning and looking ---- */

tg_status tg_pool_resize(tg_pool *pool, int threads)
{
    static const char call[] = "tg_pool_resize";
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (threads < 1 || threads > POOL_THREADS_MOST)
        return tg__refuse(TG_INVALID, "%s: threads is %d", call, threads);
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    for (int i = 0; i < pool->shards; i++)
        tg__shard_resize(&pool->shard[i], threads);
    return TG_OK;
}

tg_status tg_pool_pause(tg_pool *pool, int paused)
{
    static const char call[] = "tg_pool_pause";
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    if (tg__pool_is_parents(pool))
        return tg__pool_refuse_parents(call);
    for (int i = 0; i < pool->shards; i++)
        if (!atomic_load(&pool->shard[i].group->lifecycle.shut))
            tg__resident_pause(&pool->shard[i].resident, paused != 0);
    return TG_OK;
}

static void count(struct tg__shard *shard, tg_pool_numbers *n)
{
    tg_group *group = shard->group;
    struct tg__exec *exec = &group->exec;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    bool live = tg__group_is_live(group);
    int most = atomic_load(&group->runq.max_workers),
        running = live ? tg__team_serving(&group->runq) : 0;
    size_t outstanding = atomic_load(&group->backpressure.outstanding);
    running = running < 0 ? 0 : running > most ? most : running;
    n->threads += most;
    n->running += running;
    n->waiters += atomic_load(&group->backpressure.producers);
    n->submitted += tg_group_count(group);
    size_t queued = outstanding > group->timers.placed ? outstanding - group->timers.placed : 0;
    n->queued += queued > (size_t)running ? queued - (size_t)running : 0;
    n->pending += group->suspended.count + (group->timers.heap.count - group->timers.gone);
    n->ok += atomic_load(&exec->ok);
    n->cancelled += atomic_load(&exec->cancelled);
    n->failed +=
        atomic_load(&exec->failed) + atomic_load(&exec->timed_out) + atomic_load(&exec->crashed);
    n->abandoned += shard->resident.abandoned;
    n->dropped += atomic_load(&exec->dropped);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

tg_status(tg_pool_report)(tg_pool *pool, tg_pool_numbers *numbers)
{
    static const char call[] = "tg_pool_report";
    if (numbers == NULL)
        return tg__refuse(TG_INVALID, "%s: numbers is NULL", call);
    if (!tg__answer_fits(numbers))
        return tg__refuse(TG_INVALID, "%s: numbers->size is %zu", call, numbers->size);
    tg_pool_numbers n = {0};
    bool there = pool != NULL && !tg__pool_is_parents(pool);
    for (int i = 0; there && i < pool->shards; i++)
        count(&pool->shard[i], &n);
    n.free = n.threads - n.running;
    tg__answer_write(numbers, &n, sizeof n);
    if (pool == NULL)
        return tg__refuse_null(call, "pool");
    return there ? TG_OK : tg__pool_refuse_parents(call);
}
