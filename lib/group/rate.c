/* SPDX-License-Identifier: MIT */
#include "group/group.h"

void tg__rate_init(tg_group *group)
{
    const tg_group_options *o = &group->options;
    struct tg__rate *rate = &group->dispatch.rate;
    if (o->rate > 0) {
        rate->step = 1 / o->rate;
        rate->ahead = o->burst > 1 ? (double)(o->burst - 1) * rate->step : 0;
    }
}

bool tg__rate_admits(tg_group *group, double now, double *until)
{
    struct tg__rate *rate = &group->dispatch.rate;
    *until = rate->next - rate->ahead;
    if (*until <= now)
        return true;
    atomic_store(&rate->waits, true);
    return false;
}

void tg__rate_count(tg_group *group, double now)
{
    struct tg__rate *rate = &group->dispatch.rate;
    rate->next = (rate->next > now ? rate->next : now) + rate->step;
}

/* After `waits` was set: so the group never waits without a timer. */
void tg__rate_wait(tg_group *group, double until)
{
    tg__timer_set(&group->dispatch.rate.timer, until);
}

void tg__rate_stop(tg_group *group)
{
    if (!(group->dispatch.rate.step > 0))
        return;
    tg__timer_clear(&group->dispatch.rate.timer);
    atomic_store(&group->dispatch.rate.waits, false);
}
