/* SPDX-License-Identifier: MIT */
/* How a group stands, in numbers. */
#include "group/group.h"

#include "base/options.h"
#include "base/status.h"

#include <stdio.h>

/* In a few loads for each thread, however many tasks there are: an add waits for the lock
   meanwhile. While the group runs, what is in flight is as the threads say. */
static void count(tg_group *group, bool running, tg_report *r)
{
    struct tg__exec *exec = &group->exec;
    struct tg__sums sums = tg__queue_sums(&group->dispatch.queue);
    r->ok = sums.ok + atomic_load(&exec->ok);
    r->failed = sums.failed + atomic_load(&exec->failed);
    r->timed_out = atomic_load(&exec->timed_out);
    r->crashed = atomic_load(&exec->crashed);
    r->cancelled = sums.cancelled + atomic_load(&exec->cancelled);
    r->skipped = group->lifecycle.skipped;
    r->pending = group->suspended.count - group->suspended.opened +
                 (group->timers.heap.count - group->timers.gone);
    if (running)
        r->pending += sums.busy + atomic_load(&exec->ready_again) - group->timers.starts;
    size_t known = r->ok + r->failed + r->timed_out + r->crashed + r->cancelled + r->skipped +
                   r->dropped + (running ? r->pending : 0);
    r->not_run = r->added > known ? r->added - known : 0;
}

/* Under the lock. */
static void fill(tg_group *group, bool running, tg_report *r)
{
    struct tg__exec *exec = &group->exec;
    *r = (tg_report){.added = tg__store_count(&exec->store)};
    r->dropped = atomic_load(&exec->dropped);
    r->attempts = atomic_load(&exec->attempts);
    count(group, running, r);
    r->threads_asked = group->lifecycle.threads_asked;
    r->threads = group->lifecycle.threads;
    r->wall = group->lifecycle.wall;
    tg__lock_take(&exec->times.lock, TG__LOCK_TIMES);
    r->busy = exec->times.busy;
    r->longest = exec->times.longest;
    r->longest_index = exec->times.longest_index;
    tg__lock_give(&exec->times.lock, TG__LOCK_TIMES);
    if (r->wall > 0 && r->threads > 0)
        r->efficiency = r->busy / (r->wall * r->threads);
}

tg_status(tg_group_report)(tg_group *group, tg_report *report)
{
    if (report == NULL)
        return tg__refuse(TG_INVALID, "tg_group_report: report is NULL");
    if (!tg__answer_fits(report))
        return tg__refuse(TG_INVALID, "tg_group_report: report->size is %zu", report->size);
    tg_report r = {.longest_index = TG_NO_INDEX};
    tg__answer_write(report, &r, sizeof r);
    if (group == NULL)
        return tg__refuse_null("tg_group_report", "group");
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    fill(group, tg__group_is_running(group), &r);
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
    tg__answer_write(report, &r, sizeof r);
    return TG_OK;
}

void tg__report_print(tg_group *group)
{
    tg_report r;
    fill(group, false, &r); /* its tasks have ended: counted exactly */
    fprintf(stderr,
        "taskgroup: %s: %zu tasks: %zu ok, %zu failed, %zu timed out, %zu crashed, %zu cancelled, "
        "%zu skipped, %zu dropped; %.6f s on %d threads, busy %.6f s, efficiency %.2f, longest "
        "%.6f s\n",
        tg_status_name(group->lifecycle.result), r.added, r.ok, r.failed, r.timed_out, r.crashed,
        r.cancelled, r.skipped, r.dropped, r.wall, r.threads, r.busy, r.efficiency, r.longest);
}
