/* SPDX-License-Identifier: MIT */
#include "group.h"

#include "options.h"
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

/* What no runtime can serve is refused here, where it can be explained. */
enum { THREADS_MOST = 1 << 13 };

/* ---- what the team asks of a group ---- */

static tg_group *group_of(struct tg__source *source)
{
    return (tg_group *)(void *)((char *)source - offsetof(tg_group, source));
}

static bool claimable(struct tg__source *source)
{
    tg_group *group = group_of(source);
    return (group->limit.slots == TG_UNLIMITED || tg__limit_free(&group->limit)) &&
           tg__queue_any(&group->queue, tg__store_count(&group->run.store)) &&
           tg__context_status(&group->context) == TG_OK;
}

static bool end(struct tg__source *source)
{
    tg_group *group = group_of(source);
    tg__lock_take(&group->lock);
    size_t count = tg__store_count(&group->run.store);
    bool visited = atomic_load(&source->visitors) > 0; /* exact: who adds pins under this lock */
    bool left = tg__queue_any(&group->queue, count);
    bool ended = !visited && (!left || tg__context_status(&group->context) != TG_OK);
    if (ended) {
        atomic_store(&group->team, NULL); /* from here on an add waits for the next run */
        group->settled = count;
    }
    tg__lock_give(&group->lock);
    return ended;
}

/* How many tasks a bundle should carry: some 20 µs of work, so that a clock read is lost in it. */
static long next_grain(long grain, double *since)
{
    enum { GRAIN_MOST = 4096 };
    double now = tg_time_now(), took = now - *since;
    *since = now;
    if (took < 10e-6 && grain < GRAIN_MOST)
        return grain * 2;
    if (took > 40e-6 && grain > 1)
        return grain / 2;
    return grain;
}

struct bundle {
    tg_task *self;
    size_t first, many;
};

static bool run_bundle(void *frame)
{
    const struct bundle *bundle = frame;
    return tg__runner_run(bundle->self, bundle->first, bundle->many);
}

static void serve_with_slot(tg_group *group, struct tg__seat *seat)
{
    struct tg__queue *queue = &group->queue;
    struct tg__store *store = &group->run.store;
    bool measured = group->options.grainsize == TG_GRAIN_AUTO;
    long grain = atomic_load_explicit(&group->grain, memory_order_relaxed);
    double since = measured ? tg_time_now() : 0;
    tg_task self;
    struct bundle bundle = {.self = &self};

    tg__runner_enter(&self, &group->run);
    while (!self.over) {
        size_t end_now = tg__store_count(store);
        bundle.many = tg__queue_claim(queue, seat->place, (size_t)grain, end_now, &bundle.first);
        if (bundle.many == 0)
            break;
        if (tg__queue_more(queue, seat->place, end_now))
            tg__team_share(seat, &group->source);
        tg__team_task(seat, run_bundle, &bundle);
        if (measured)
            grain = next_grain(grain, &since);
    }
    tg__runner_leave(&self);
    if (measured)
        atomic_store_explicit(&group->grain, grain, memory_order_relaxed);
}

static void serve(struct tg__source *source, struct tg__seat *seat)
{
    tg_group *group = group_of(source);
    if (group->limit.slots == TG_UNLIMITED) {
        serve_with_slot(group, seat);
    } else if (tg__limit_take(&group->limit)) {
        serve_with_slot(group, seat);
        tg__limit_give(&group->limit);
    }
}

/* ---- making and freeing ---- */

static void free_group(tg_context *context)
{
    free(context);
}

/* Refuses for tg_group_create() what makes no sense. */
static bool check_options(const tg_group_options *o)
{
    if ((o->flags & ~(unsigned)TG_GROUP_KEEP_GOING) != 0)
        tg__refuse_create(TG_UNSUPPORTED, "tg_group_create: flags 0x%x are unknown", o->flags);
    else if (o->threads < 0 || o->threads > THREADS_MOST)
        tg__refuse_create(TG_INVALID, "tg_group_create: threads is %d", o->threads);
    else if (o->limit < 0)
        tg__refuse_create(TG_INVALID, "tg_group_create: limit is %ld", o->limit);
    else if (o->grainsize < 0 && o->grainsize != TG_GRAIN_AUTO)
        tg__refuse_create(TG_INVALID, "tg_group_create: grainsize is %ld", o->grainsize);
    else if (!(o->timeout >= 0))
        tg__refuse_create(TG_INVALID, "tg_group_create: timeout is %g", o->timeout);
    else if (o->results != NULL && (o->capacity == 0 || o->result_size == 0))
        tg__refuse_create(TG_INVALID,
            "tg_group_create: results with result_size %zu and capacity %zu", o->result_size,
            o->capacity);
    else if (o->result_size != 0 && o->capacity > SIZE_MAX / o->result_size)
        tg__refuse_create(TG_TOO_LARGE, "tg_group_create: capacity %zu times result_size %zu",
            o->capacity, o->result_size);
    else
        return true;
    return false;
}

/* What reset makes anew, beside the parts that reset themselves. */
static void forget(tg_group *group)
{
    atomic_store(&group->run.ok, 0);
    atomic_store(&group->run.failed, 0);
    atomic_store(&group->run.cancelled, 0);
    atomic_store(&group->run.stopped_itself, false);
    group->lost = TG_OK;
    group->settled = 0;
    group->answer = TG_OK;
    group->answer_error = NULL;
    group->skipped = 0;
    group->threads = group->threads_asked = 0;
    group->wall = 0;
}

tg_group *tg_group_create(const tg_group_options *options)
{
    tg_group_options o;
    const char *why;
    tg_status status = tg__options_read(&o, sizeof o, options, &why);
    if (status != TG_OK)
        return tg__refuse_create(status, "tg_group_create: options: %s", why);
    if (!check_options(&o))
        return NULL;
    tg_group *group = calloc(1, sizeof *group);
    if (group == NULL)
        return tg__refuse_create(TG_NO_MEMORY, "tg_group_create: out of memory");
    group->options = o;
    tg__context_init(&group->context, o.context, free_group);
    group->run.group = group;
    group->run.context = &group->context;
    group->run.keep_going = (o.flags & TG_GROUP_KEEP_GOING) != 0;
    group->source.claimable = claimable;
    group->source.serve = serve;
    group->source.end = end;
    group->limit.slots = o.limit;
    long grain = o.grainsize > 0 ? o.grainsize : 1;
    atomic_init(&group->grain, grain < TG__CLAIM_MOST ? grain : TG__CLAIM_MOST);
    tg__store_init(&group->run.store, o.result_size, o.results, o.capacity);
    forget(group);
    return group;
}

static void free_all(tg_group *group)
{
    tg__store_free(&group->run.store);
    tg__failures_reset(&group->run.failures);
    tg__ids_reset(&group->ids);
    tg__queue_free(&group->queue);
    tg__context_drop(&group->context);
}

void tg_group_destroy(tg_group *group)
{
    if (group == NULL)
        return;
    tg__lock_take(&group->lock);
    bool running = group->running;
    group->doomed = true;
    if (running) /* under the lock: afterwards the run may have freed it */
        tg_context_cancel(&group->context, 0, "the group was destroyed");
    tg__lock_give(&group->lock);
    if (!running)
        free_all(group);
}

tg_status tg_group_reset(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_reset", "group");
    tg__lock_take(&group->lock);
    tg_status status = group->doomed ? TG_CLOSED : group->running ? TG_BUSY : TG_OK;
    if (status == TG_OK) {
        tg__store_reset(&group->run.store);
        tg__failures_reset(&group->run.failures);
        tg__ids_reset(&group->ids);
        forget(group);
        tg__queue_reset(&group->queue);
        tg__context_reset(&group->context);
    }
    tg__lock_give(&group->lock);
    return status == TG_OK ? TG_OK : tg__refuse(status, "tg_group_reset: the group is running");
}

tg_context *tg_group_context(tg_group *group)
{
    return group != NULL ? &group->context : NULL;
}

/* ---- running ---- */

/* Not a task's failure: the status and the text of the group's own error. */
static tg_status answer_with(tg_group *group, tg_status status, int code, const char *message)
{
    group->error = (tg_error){
        .status = status, .code = code, .index = TG_NO_INDEX, .name = "", .message = message};
    group->answer_error = &group->error;
    return tg__error_publish(&group->error);
}

static tg_status refuse_run(tg_group *group, tg_status status, const char *text)
{
    snprintf(group->error_text, sizeof group->error_text, "tg_group_run: %s", text);
    return answer_with(group, status, 0, group->error_text);
}

/* Whether there is anything to run, and the memory for it. Under the lock. TG_RUNNING: go on. */
static tg_status prepare(tg_group *group)
{
    const tg_group_options *o = &group->options;
    if (group->lost != TG_OK)
        return answer_with(group, group->lost, 0, group->error_text);
    if (group->answer != TG_OK)
        return tg__error_publish(group->answer_error);
    group->answer_error = NULL;
    if (!tg__queue_any(&group->queue, tg__store_count(&group->run.store)))
        return TG_OK;
    int places = tg__team_places(o->threads);
    if (!tg__queue_open(&group->queue, places))
        return refuse_run(group, TG_NO_MEMORY, "out of memory");
    tg_status status = tg__store_open(&group->run.store);
    if (status != TG_OK)
        return refuse_run(group, status, "there is no memory for the results");
    group->threads_asked = o->threads > 0 ? o->threads : places;
    group->source.most = o->threads > 0 && o->threads < places ? o->threads : places;
    return TG_RUNNING;
}

/* What the run has come to. */
static tg_status conclude(tg_group *group)
{
    struct tg__run *run = &group->run;
    size_t cancelled = atomic_load(&run->cancelled);
    size_t ended = atomic_load(&run->ok) + atomic_load(&run->failed) + cancelled;
    const struct tg__failure *first = run->failures.first;
    tg_status cause = tg__context_noticed(&group->context);
    bool undone = group->settled > ended || cancelled > 0;
    bool from_outside = cause != TG_OK && undone && !atomic_load(&run->stopped_itself);
    if (first != NULL || from_outside)
        group->settled = tg__store_count(&run->store); /* no later run will start what came late */
    group->skipped = group->settled - ended;

    if (from_outside)
        return answer_with(group, cause == TG_TIMED_OUT ? TG_TIMED_OUT : TG_CANCELLED,
            group->context.cause.code, group->context.message);
    if (first == NULL)
        return TG_OK;
    group->answer_error = &first->error;
    return tg__error_publish(&first->error);
}

tg_status tg_group_run(tg_group *group)
{
    if (group == NULL)
        return tg__refuse_null("tg_group_run", "group");
    tg__lock_take(&group->lock);
    if (group->running || group->doomed) {
        bool running = group->running;
        tg__lock_give(&group->lock);
        return running ? tg__refuse(TG_BUSY, "tg_group_run: the group is running already")
                       : tg__refuse(TG_INVALID, "tg_group_run: the group was destroyed");
    }
    tg_status status = prepare(group);
    group->running = status == TG_RUNNING;
    tg__lock_give(&group->lock);
    if (status != TG_RUNNING)
        return status;

    double start = tg_time_now();
    tg_context *outer = tg_task_context(tg_task_current());
    tg__context_start(&group->context, outer, group->options.timeout);
    int threads = tg__team_run(&group->source, group->threads_asked, &group->team);
    tg__context_leave(&group->context);

    tg__lock_take(&group->lock);
    group->threads = threads;
    group->wall = tg_time_now() - start;
    group->answer = status = conclude(group);
    if (status != TG_OK)
        tg__queue_drop(&group->queue, group->settled);
    group->running = false;
    bool doomed = group->doomed;
    tg__lock_give(&group->lock);
    if (doomed) {
        free_all(group);
        return tg__refuse(TG_CANCELLED, "tg_group_run: the group was destroyed while it ran");
    }
    return status;
}
