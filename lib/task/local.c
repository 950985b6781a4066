/* SPDX-License-Identifier: MIT */
#include "task/local.h"

#include <stdlib.h>

/* Under the lock. The first free place; `room`: none. */
static int find_free(const struct tg__locals *locals)
{
    int id = 0;
    while (id < locals->room && locals->all[id].taken)
        id++;
    return id;
}

static bool grow(struct tg__locals *locals)
{
    int room = locals->room > 0 ? 2 * locals->room : 8;
    struct tg__local *all = realloc(locals->all, (size_t)room * sizeof *all);
    if (all == NULL)
        return false;
    for (int i = locals->room; i < room; i++)
        all[i] = (struct tg__local){0};
    locals->all = all;
    locals->room = room;
    return true;
}

int tg__locals_enter(struct tg__locals *locals)
{
    tg__lock_take(&locals->lock, TG__LOCK_LOCALS);
    int id = find_free(locals);
    if (id < locals->room || grow(locals))
        locals->all[id].taken = true;
    else
        id = -1;
    tg__lock_give(&locals->lock, TG__LOCK_LOCALS);
    return id;
}

void tg__locals_leave(struct tg__locals *locals, int id)
{
    tg__lock_take(&locals->lock, TG__LOCK_LOCALS);
    locals->all[id].taken = false;
    tg__lock_give(&locals->lock, TG__LOCK_LOCALS);
}

int tg__locals_state(struct tg__locals *locals, int id, void *user, void **state)
{
    *state = NULL;
    if (locals->init == NULL)
        return 0;
    tg__lock_take(&locals->lock, TG__LOCK_LOCALS);
    struct tg__local own = locals->all[id];
    tg__lock_give(&locals->lock, TG__LOCK_LOCALS);
    int code = 0;
    if (!own.made) {
        code = locals->init(id, &own.state, user);
        own.made = code == 0;
        tg__lock_take(&locals->lock, TG__LOCK_LOCALS);
        locals->all[id] = own;
        tg__lock_give(&locals->lock, TG__LOCK_LOCALS);
    }
    *state = own.made ? own.state : NULL;
    return code;
}

void tg__locals_end(struct tg__locals *locals, void *user)
{
    for (int i = 0; i < locals->room; i++) {
        struct tg__local *id = &locals->all[i];
        if (id->made && locals->fini != NULL)
            locals->fini(i, id->state, user);
        *id = (struct tg__local){0};
    }
}

void tg__locals_free(struct tg__locals *locals)
{
    free(locals->all);
}
