/* SPDX-License-Identifier: MIT */
#include "base/ids.h"

#include <stdlib.h>

enum { FIRST_SIZE = 16 };

/* The finaliser of MurmurHash3 (Austin Appleby, public domain): ids are often consecutive. */
static uint64_t hash(uint64_t id)
{
    id = (id ^ id >> 33) * 0xff51afd7ed558ccd;
    id = (id ^ id >> 33) * 0xc4ceb9fe1a85ec53;
    return id ^ id >> 33;
}

/* Where the id is, or would go. */
static struct tg__id *slot(const struct tg__ids *ids, uint64_t id)
{
    size_t at = (size_t)hash(id) & (ids->size - 1);
    while (ids->table[at].id != 0 && ids->table[at].id != id)
        at = (at + 1) & (ids->size - 1);
    return &ids->table[at];
}

bool tg__ids_find(const struct tg__ids *ids, uint64_t id, size_t *index)
{
    if (ids->size == 0)
        return false;
    const struct tg__id *found = slot(ids, id);
    if (found->id == id)
        *index = found->index;
    return found->id == id;
}

bool tg__ids_reserve(struct tg__ids *ids)
{
    if (2 * (ids->count + 1) <= ids->size)
        return true;
    struct tg__ids larger = {.size = ids->size == 0 ? FIRST_SIZE : 2 * ids->size};
    larger.table = calloc(larger.size, sizeof *larger.table);
    if (larger.table == NULL)
        return false;
    for (size_t i = 0; i < ids->size; i++)
        if (ids->table[i].id != 0)
            tg__ids_put(&larger, ids->table[i].id, ids->table[i].index);
    free(ids->table);
    *ids = larger;
    return true;
}

void tg__ids_put(struct tg__ids *ids, uint64_t id, size_t index)
{
    *slot(ids, id) = (struct tg__id){.id = id, .index = index};
    ids->count++;
}

void tg__ids_reset(struct tg__ids *ids)
{
    free(ids->table);
    *ids = (struct tg__ids){0};
}
