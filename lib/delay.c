/* SPDX-License-Identifier: MIT */
/* Tasks that wait for their next attempt: neither on a thread nor on a slot, but in a heap. */
#include "group.h"

#include <taskgroup/version.h>

static uint64_t key_of(double time)
{
    return time < 1e10 ? (uint64_t)(time * 1e9) : (uint64_t)1e19; /* some centuries: never */
}

static double time_of(uint64_t key)
{
    return (double)key * 1e-9;
}

static void make_ready(tg_group *group, const struct tg__view *task, size_t index)
{
    bool optional = (task->flags & TG_TASK_OPTIONAL) != 0;
    tg__claim_put(group, tg__claim_key(group, task->extra->priority, optional), index);
}

void tg__delay_put(struct tg__run *run, const struct tg__view *task, size_t index, double delay)
{
    tg_group *group = run->group;
    if (delay <= 0) {
        make_ready(group, task, index); /* by who serves: he claims again next */
        return;
    }
    uint64_t key = key_of(tg_time_now() + delay);
    tg__lock_take(&group->lock);
    bool first = group->due.count == 0 || key < group->due.items[0].key;
    tg__heap_push(&group->due, key, index);
    if (first)
        tg__alarm_set(&group->alarm, time_of(key));
    tg__lock_give(&group->lock);
}

void tg__delay_drop(tg_group *group)
{
    group->due.count = 0;
}

void tg__delay_ring(struct tg__alarm *alarm)
{
    tg_group *group = (tg_group *)(void *)((char *)alarm - offsetof(tg_group, alarm));
    size_t many = 0;
    tg__lock_take(&group->lock);
    struct tg__grip grip = tg__group_grip(group);
    uint64_t now = key_of(tg_time_now());
    for (; group->due.count > 0 && group->due.items[0].key <= now; many++) {
        size_t index = tg__heap_pop(&group->due).index;
        struct tg__view task = tg__store_get(&group->run.store, index);
        make_ready(group, &task, index);
    }
    if (group->due.count > 0)
        tg__alarm_set(alarm, time_of(group->due.items[0].key));
    tg__lock_give(&group->lock);
    tg__group_release(group, grip, many);
}
