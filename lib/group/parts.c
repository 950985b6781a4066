/* SPDX-License-Identifier: MIT */
#include "group/group.h"

#include "sys/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * What different threads write at the same time lies on different cache lines: adders (store,
 * outstanding), claimers (head index, slots, active), enders (ok and what follows). What every task
 * reads, and nobody writes in a run, shares a line with none of these.
 */
#define LINE(member) (offsetof(struct tg_group, member) / TG__CACHE_LINE)
#define APART(one, other) \
    _Static_assert(LINE(one) != LINE(other), #one " and " #other " share a cache line")
APART(options, lock);
APART(lock, exec.calls);
APART(exec.above, exec.store.count);
APART(exec.store.count, exec.ok);
APART(exec.ok, dispatch.queue.head);
APART(dispatch.queue.head, dispatch.slots.used);
APART(dispatch.slots.used, dispatch.lock);
APART(dispatch.heaviest, runq.active);
APART(runq.active, runq.calls);
APART(runq.active, backpressure.outstanding);
APART(backpressure.outstanding, completion.ends);

static void init_waits(tg_group *group)
{
    pthread_mutex_init(&group->wait_lock, NULL);
    group->backpressure.waiters = group->completion.waiters = group->attachment.waiters = NULL;
}

static void free_memory(tg_context *context)
{
    const tg_group *group = (const tg_group *)(const void *)context;
    free(group->block);
}

tg_group *tg__group_new(const tg_group_options *options)
{
    size_t name = options->name != NULL ? strlen(options->name) : 0;
    void *block = calloc(1, sizeof(struct tg_group) + TG__CACHE_LINE - 1 + name + 1);
    if (block == NULL)
        return NULL;
    tg_group *group = tg__memory_align(block);
    group->block = block;
    group->options = *options;
    group->options.name =
        memcpy((char *)group + sizeof *group, name > 0 ? options->name : "", name + 1);
    atomic_init(&group->process, tg__process_number());
    tg__context_init(&group->context, options->context, free_memory);
    tg__exec_init(&group->exec, group, &group->context);
    tg__store_init(&group->exec.store, options->result_size, options->results, options->capacity);
    tg__timers_init(group);
    tg__claim_init(group);
    tg__serve_init(group);
    init_waits(group);
    return group;
}

void tg__parts_reset(tg_group *group)
{
    tg__ids_reset(&group->ids);
    tg__lifecycle_reset(group);
    tg__timers_reset(group);
    tg__suspended_reset(group);
    tg__exec_reset(&group->exec);
    tg__claim_reset(group);
    tg__backpressure_reset(group);
    tg__completion_reset(group);
    tg__hook_settle(&group->context);
    tg__context_reset(&group->context);
}

void tg__parts_rewind(tg_group *group)
{
    bool timed = group->timers.timed;
    tg_status lost = group->lifecycle.add_error; /* the tasks are not all there, again */
    tg__lifecycle_reset(group);
    group->lifecycle.add_error = lost != TG_FAILED ? lost : TG_OK;
    tg__timers_drop(group);
    group->timers.dropped = false;
    group->timers.timed = timed;
    tg__exec_rewind(&group->exec);
    tg__claim_rewind(group);
    tg__backpressure_reset(group);
    tg__completion_reset(group);
    tg__hook_settle(&group->context);
    tg__context_reset(&group->context);
}

static void free_parts(tg_group *group)
{
    tg__timers_fini(group);
    tg__suspended_fini(group);
    tg__completion_fini(group);
    tg__claim_fini(group);
    tg__exec_fini(&group->exec);
    tg__ids_reset(&group->ids);
    tg__context_unref(&group->context);
}

void tg__group_free(tg_group *group)
{
    pthread_mutex_destroy(&group->wait_lock);
    free_parts(group);
}

/* ---- in a child of fork() ---- */

void tg__group_free_parents(tg_group *group)
{
    bool torn = tg__lock_is_lost(&group->lock) || tg__lock_is_lost(&group->dispatch.lock) ||
                tg__lock_is_lost(&group->exec.locals.lock);
    if (!torn)
        free_parts(group);
}

void tg__group_adopt(tg_group *group)
{
    unsigned process = tg__process_number();
    if (atomic_load_explicit(&group->process, memory_order_relaxed) == process)
        return;
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (atomic_load(&group->process) != process && !tg__group_was_in_use(group)) {
        init_waits(group);
        tg__failures_adopt(&group->exec.failures);
        atomic_store(&group->process, process);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}
