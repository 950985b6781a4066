/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_IDS_H
#define TG_LIB_BASE_IDS_H
/* The callers' ids of tasks, none twice: an open-addressing table, made when the first id comes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg__ids {
    struct tg__id {
        uint64_t id; /* 0: empty */
        size_t index;
    } *table;
    size_t size; /* a power of two, at most half full */
    size_t count;
};

/* Is it there? `index` then says where. */
bool tg__ids_find(const struct tg__ids *ids, uint64_t id, size_t *index);

/* Room for one more; false: out of memory, unchanged. */
bool tg__ids_reserve(struct tg__ids *ids);

/* Into the space reserved, an id that is not there. */
void tg__ids_put(struct tg__ids *ids, uint64_t id, size_t index);

void tg__ids_reset(struct tg__ids *ids);

#endif
