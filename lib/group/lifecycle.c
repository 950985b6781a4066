/* SPDX-License-Identifier: MIT */
/* Is a group over, whose is it, and may it be used here? What it is freed with, and what stops it from inside. */
#include "group/group.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

void tg__lifecycle_step(tg_group *group, enum tg__phase to)
{
#ifdef TASKGROUP_CHECK_LOCKS
    static const bool legal[TG__PHASES][TG__PHASES] = {
        [TG__PHASE_IDLE] = {[TG__PHASE_STARTING] = true},
        [TG__PHASE_STARTING] = {[TG__PHASE_RUNNING] = true},
        [TG__PHASE_RUNNING] = {[TG__PHASE_ENDING] = true},
        [TG__PHASE_ENDING] = {[TG__PHASE_IDLE] = true},
    };
    if (!legal[group->lifecycle.phase][to])
        abort();
#endif
    group->lifecycle.phase = to;
}

bool tg__group_is_done(tg_group *group, bool stopped)
{
    return group->suspended.count == 0 &&
           (stopped || (!tg__timers_open(group) && !tg__claim_left(group)));
}

size_t tg__run_ended(struct tg__exec *exec)
{
    struct tg__sums sums = tg__queue_sums(&exec->group->dispatch.queue);
    return sums.ok + sums.failed + sums.cancelled + atomic_load(&exec->ok) +
           atomic_load(&exec->failed) + atomic_load(&exec->timed_out) +
           atomic_load(&exec->crashed) + atomic_load(&exec->cancelled) +
           atomic_load(&exec->dropped);
}

void tg__group_call_off(tg_group *group, int code, const char *message)
{
    const tg_error cause = {.status = TG_FAILED,
        .code = code,
        .index = TG_NO_INDEX,
        .name = "",
        .message = message,
        .backtrace = ""};
    if (tg__context_stop(&group->context, &cause)) {
        atomic_store(&group->exec.called_off, true);
        return;
    }
    /* Something else was first; if that has left nothing undone, this counts. */
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    if (tg__group_loses(group)) {
        group->lifecycle.add_error = TG_FAILED;
        group->lifecycle.add_error_code = code;
        snprintf(group->lifecycle.error_text, sizeof group->lifecycle.error_text, "%s", message);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

void tg__group_init_waits(tg_group *group)
{
    pthread_mutex_init(&group->wait_lock, NULL);
    group->backpressure.waiters = group->completion.waiters = group->attachment.waiters = NULL;
}

static void fini_waits(tg_group *group)
{
    pthread_mutex_destroy(&group->wait_lock);
}

void tg__hold_free_all(tg_group *group)
{
    struct tg__link *link = group->suspended.holds;
    group->suspended.holds = NULL;
    while (link != NULL) {
        struct tg__hold *hold = TG__OWNER(struct tg__hold, link, link);
        link = link->next;
        free(hold);
    }
}

static void free_parts(tg_group *group)
{
    tg__timer_clear(&group->timers.timer);
    tg__hold_free_all(group);
    free(group->completion.order);
    tg__heap_free(&group->timers.heap);
    tg__heap_free(&group->dispatch.ready);
    tg_limit_destroy(group->options.shared);
    tg__store_free(&group->exec.store);
    tg__failures_free(&group->exec.failures);
    tg__ids_reset(&group->ids);
    tg__locals_free(&group->exec.locals);
    tg__queue_free(&group->dispatch.queue);
    tg__context_unref(&group->context);
}

void tg__group_free(tg_group *group)
{
    fini_waits(group);
    free_parts(group);
}

/* ---- the owner ---- */

const struct tg__owner tg__owner_user = {.kind = "group", .when_stopped = TG_CANCELLED};

tg_status tg__group_refuse_owned(const tg_group *group, const char *call)
{
    return group->persistent ? tg__refuse(TG_BUSY, "%s: the group is a pool's own", call) : TG_OK;
}

/* ---- in a child of fork() ---- */

bool tg__group_was_in_use(const tg_group *group)
{
    return tg__group_is_running(group) || group->persistent ||
           group->attachment.state != TG__UNATTACHED;
}

tg_status tg__group_refuse_parents(const char *call)
{
    return tg__refuse(TG_CLOSED, "%s: the group belongs to the parent process", call);
}

/* A condition with waiters of the parent's is not destroyed: that would wait for them. */
void tg__group_free_parents(tg_group *group)
{
    const struct tg__exec *exec = &group->exec;
    bool torn = tg__lock_is_lost(&group->lock) || tg__lock_is_lost(&group->dispatch.lock) ||
                tg__lock_is_lost(&exec->locals.lock);
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
        tg__group_init_waits(group);
        tg__failures_adopt(&group->exec.failures);
        atomic_store(&group->process, process);
    }
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}
