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
    if (!running)
        r->pending = 0; /* a hold, or a task with a delay, has not run */
    else
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

/* " 3 failed", if there are any. */
static void print_count(FILE *to, size_t count, const char *what)
{
    if (count > 0)
        fprintf(to, ", %zu %s", count, what);
}

/* One line: what is zero is left out. */
static void print(FILE *to, const tg_group *group, const tg_report *r)
{
    const char *name = group->options.name;
    const tg_error *error = group->lifecycle.result_error;
    fprintf(to, "taskgroup%s%s%s: %s", name[0] != '\0' ? " \"" : "", name,
        name[0] != '\0' ? "\"" : "", tg_status_name(group->lifecycle.result));
    if (error != NULL && error->message[0] != '\0')
        fprintf(to, " (%s)", error->message);
    fprintf(to, ": %zu of %zu tasks ok", r->ok, r->added);
    print_count(to, r->failed, "failed");
    print_count(to, r->timed_out, "timed out");
    print_count(to, r->crashed, "crashed");
    print_count(to, r->cancelled, "cancelled");
    print_count(to, r->skipped, "skipped");
    print_count(to, r->dropped, "dropped");
    fprintf(to, "; %.3f ms on %d thread%s, busy %.0f %%, longest %.3f ms (task %zu)\n",
        r->wall * 1e3, r->threads, r->threads == 1 ? "" : "s", r->efficiency * 100,
        r->longest * 1e3, r->longest_index != TG_NO_INDEX ? r->longest_index : 0);
}

/* In one write, since other threads may print, too. */
void tg__report_print(tg_group *group)
{
    tg_report r;
    char line[512];
    bool nested = group->exec.above != NULL && !group->reports_nested;
    if (group->persistent || nested)
        return;
    fill(group, false, &r); /* its tasks have ended: counted exactly */
    FILE *to = fmemopen(line, sizeof line, "w");
    if (to == NULL)
        return;
    print(to, group, &r);
    fclose(to);
    fputs(line, stderr);
}
