/* SPDX-License-Identifier: MIT */
/* Is a group over, whose is it, and may it be used here? What stops it from inside. */
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

void tg__lifecycle_reset(tg_group *group)
{
    struct tg__lifecycle *l = &group->lifecycle;
    l->add_error = TG_OK;
    l->add_error_code = 0;
    l->turned_away = false;
    l->run_base = 0;
    l->result = TG_OK;
    l->result_error = NULL;
    l->skipped = l->ended = 0;
    l->threads = l->threads_asked = 0;
    l->wall = 0;
}

/* ---- the owner ---- */

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
