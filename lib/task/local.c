/* SPDX-License-Identifier: MIT */
#include "task/local.h"

#include "sys/recovery.h"

#include <stdlib.h>
#include <string.h>

/* Under the lock. The first free place; `room`: none. */
static int find_free(const struct tg__locals *locals)
{
    int id = 0;
    while (id < locals->room && locals->all[id].taken)
        id++;
    return id;
}

/* Memory is taken without the lock: another thread may have found some meanwhile, or taken the last
 * place. */
int tg__locals_enter(struct tg__locals *locals)
{
    struct tg__local *more = NULL;
    int room = 0;
    for (;;) {
        tg__lock_take(&locals->lock, TG__LOCK_LOCALS);
        int id = find_free(locals);
        struct tg__local *before = more;
        if (more != NULL && id == locals->room && room > id) { /* moves there */
            if (id > 0)
                memcpy(more, locals->all, (size_t)id * sizeof *more);
            before = locals->all;
            locals->all = more;
            locals->room = room;
        }
        bool enters = id < locals->room;
        if (enters)
            locals->all[id].taken = true;
        tg__lock_give(&locals->lock, TG__LOCK_LOCALS);
        free(before);
        if (enters)
            return id;
        room = id > 0 ? 2 * id : 8;
        more = calloc((size_t)room, sizeof *more);
        if (more == NULL)
            return -1;
    }
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
        if (id->made && locals->fini != NULL) {
            TG__MUST_RETURN bool returned = false;
            locals->fini(i, id->state, user);
            returned = true;
        }
        *id = (struct tg__local){0};
    }
}

void tg__locals_free(struct tg__locals *locals)
{
    free(locals->all);
}
