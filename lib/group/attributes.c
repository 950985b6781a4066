/* SPDX-License-Identifier: MIT */
/* What most tasks do not have: the rare members of a task that is added, its name, a copy of its
 * argument. */
#include "group/addition.h"

#include <stdlib.h>
#include <string.h>
#include <taskgroup/version.h>

static bool needs_attributes(const tg_task_options *o)
{
    return o->id != 0 || o->result != NULL || o->name != NULL || o->weight != 0 || o->timeout > 0 ||
           o->attempts != 0 || o->priority != 0 || o->copy != 0 || o->period > 0 ||
           o->deadline > 0 || (o->flags & TG_TASK_CANCELLABLE) != 0;
}

double tg__add_start(const tg_task_options *o)
{
    return o->start > 0 ? o->start : tg_time_now() + o->delay;
}

/* The rare members, the name, and a copy of `size` bytes at `from`, in one block. NULL: out of
 * memory. */
static struct tg__attributes *new_attributes(
    const tg_task_options *o, const void *from, size_t size, bool single)
{
    const char *name = o->name != NULL ? o->name : "";
    size_t length = strlen(name) + 1, unit = _Alignof(max_align_t);
    size_t head = (sizeof(struct tg__attributes) + unit - 1) / unit * unit;
    if (size > SIZE_MAX - head - length)
        return NULL;
    struct tg__attributes *attributes = malloc(head + size + length);
    if (attributes == NULL)
        return NULL;
    char *bytes = (char *)attributes;
    *attributes = (struct tg__attributes){
        .id = o->id,
        .result = o->result,
        .name = memcpy(bytes + head + size, name, length),
        .copy = size > 0 ? memcpy(bytes + head, from, size) : NULL,
        .weight = o->weight,
        .timeout = o->timeout,
        .deadline = o->deadline,
        .backoff = o->backoff,
        .backoff_max = o->backoff_max,
        .period = o->period,
        .next_start = tg__add_start(o),
        .attempts = o->attempts,
        .priority = o->priority,
        .single = single,
    };
    return attributes;
}

void tg__add_free_attributes(struct tg__addition *addition, size_t count)
{
    for (size_t i = 0; addition->attributes_of != NULL && i < count; i++)
        free(addition->attributes_of[i]);
    free(addition->attributes_of);
    free(addition->attributes);
}

/* One block for each task. */
static bool make_each(struct tg__addition *a)
{
    const unsigned char *item = a->items;
    size_t made = 0;
    struct tg__attributes **all = calloc(a->count, sizeof *all);
    for (; all != NULL && made < a->count; made++, item += item != NULL ? a->stride : 0)
        if ((all[made] = new_attributes(&a->o, item, a->o.copy, true)) == NULL)
            break;
    a->attributes_of = all;
    if (made == a->count)
        return all != NULL;
    tg__add_free_attributes(a, made);
    a->attributes_of = NULL;
    return false;
}

bool tg__add_attributes(struct tg__addition *a, bool each)
{
    if (!needs_attributes(&a->o) && a->handle == NULL)
        return true;
    if (each)
        return make_each(a);
    a->attributes =
        new_attributes(&a->o, a->items, a->o.copy > 0 ? a->o.copy * a->count : 0, !a->range);
    if (a->attributes != NULL && a->attributes->copy != NULL)
        a->items = a->attributes->copy;
    if (a->attributes != NULL)
        atomic_init(&a->attributes->handle, a->handle);
    return a->attributes != NULL;
}
