/* SPDX-License-Identifier: MIT */
/* Taking of a shared limit for plain code: a thread as the limit's client. */
#include "base/park.h"
#include "base/status.h"
#include "sched/limit.h"
#include "task/frame.h"

#include <sched.h>
#include <taskgroup/version.h>

/* On the stack of the thread that waits. */
struct acquirer {
    struct tg__limit_client client;
    struct tg__parker parker;
    atomic_int pins; /* a thread that notifies still looks at it */
};

static struct acquirer *acquirer_of(struct tg__limit_client *client)
{
    return TG__CONTAINER(struct acquirer, client, client);
}

static void pin(struct tg__limit_client *client)
{
    atomic_fetch_add(&acquirer_of(client)->pins, 1);
}

static bool notify(struct tg__limit_client *client)
{
    tg__park_notify(&acquirer_of(client)->parker);
    return true;
}

/* The last touch. */
static void unpin(struct tg__limit_client *client)
{
    atomic_fetch_sub(&acquirer_of(client)->pins, 1);
}

static const struct tg__limit_client_calls calls = {pin, notify, unpin};

/* A client that was notified has to notify the next one, whether it has taken something or has
 * given up. */
static bool take(tg_limit *limit, size_t weight, double until)
{
    struct acquirer me = {.client = {.calls = &calls}};
    struct tg__grant grant;
    bool taken, waits = true;
    tg__park_init(&me.parker);
    while (!(taken = tg__limit_take(limit, &me.client, weight, &grant)) && waits) {
        tg__limit_notify(limit);
        waits = tg_time_now() < until && tg__park(&me.parker, 0, until);
    }
    if (taken)
        tg__limit_keep(limit, weight);
    else
        tg__limit_leave(limit, &me.client); /* from here on nobody pins it */
    tg__limit_notify(limit);
    while (atomic_load(&me.pins) > 0) /* for a few instructions */
        sched_yield();
    tg__park_fini(&me.parker);
    return taken;
}

/* Would the thread wait for itself? A task above waits for this one; one below on its stack goes on
   when the thread returns there (such as the one whose on_done this is, which has not given back
   what it took). */
static bool waits_for_itself(const tg_limit *limit)
{
    tg_task *task = tg__frame_current();
    while (task != NULL && tg__frame_grant(task, limit) == NULL)
        task = task->previous;
    return task != NULL;
}

tg_status tg_limit_acquire(tg_limit *limit, size_t weight, double timeout)
{
    static const char call[] = "tg_limit_acquire";
    if (limit == NULL)
        return tg__refuse_null(call, "limit");
    if (weight == 0)
        return tg__refuse(TG_INVALID, "%s: weight is 0", call);
    if (!(timeout >= 0))
        return tg__refuse(TG_INVALID, "%s: timeout is %g", call, timeout);
    if (tg__limit_too_heavy(limit, weight))
        return tg__refuse(TG_TOO_LARGE, "%s: weight %zu is more than the limit", call, weight);
    if (waits_for_itself(limit))
        return tg__refuse(TG_BUSY, "%s: in a task that has taken of the limit", call);
    tg__limit_ref(limit);
    bool taken = take(limit, weight, tg_time_now() + timeout);
    tg_limit_destroy(limit);
    return taken ? TG_OK
                 : tg__refuse(TG_FULL, "%s: a weight of %zu was not free within %g s", call, weight,
                       timeout);
}
