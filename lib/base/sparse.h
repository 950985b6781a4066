/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_SPARSE_H
#define TG_LIB_BASE_SPARSE_H
/*
 * An array of pointers that needs memory for what is in it, not for what was: a stream puts
 * pointers in at ever higher numbers, and takes them out again. Leaves of 512 pointers, nodes of
 * 512 leaves, and a directory of these nodes. A leaf or node is made when the first pointer goes
 * into it, and freed when the last one is taken out. The directory only grows, by 8 bytes per 2^18
 * numbers.
 *
 * The caller serialises put, take, next and free, by its lock. A get without that lock is right for
 * a number whose pointer was put before and is not taken out before the get returns: nothing on the
 * way to this pointer changes meanwhile. Any other get belongs under the lock, since the nodes on
 * the way may be freed.
 */
#include <stdbool.h>
#include <stddef.h>

enum {
    TG__SPARSE_BITS = 9,
    TG__SPARSE_WIDTH = 1 << TG__SPARSE_BITS,
    TG__SPARSE_PAGES = 18, /* enough for numbers below 2^38 */
    TG__SPARSE_FIRST_PAGE = 8
};

/* Of a directory in pages, of which page p has 8 << p places: the page of a place, which becomes
   the place in that page. */
static inline unsigned tg__page_of(size_t *place)
{
    unsigned page = 0;
    for (size_t size = TG__SPARSE_FIRST_PAGE; *place >= size; size *= 2, page++)
        *place -= size;
    return page;
}

struct tg__sparse_node {
    void *at[TG__SPARSE_WIDTH]; /* pointers, or leaves; NULL: none */
    size_t used;                /* how many are not NULL; under the lock */
};

struct tg__sparse {
    struct tg__sparse_node *first_page[TG__SPARSE_FIRST_PAGE];
    struct tg__sparse_node **page[TG__SPARSE_PAGES]; /* page p has 8 << p places, and never moves;
                                                        page 0 is `first_page` */
    size_t end;                       /* directory places at and after this one are empty */
    struct tg__sparse_node *spare[2]; /* empty, for the next put; or NULL */
};

/* All zero: empty. */
void tg__sparse_free(struct tg__sparse *sparse);

/* `what` is not NULL, and nothing is at `number`. False: out of memory, and nothing has changed. */
bool tg__sparse_put(struct tg__sparse *sparse, size_t number, void *what);

/* Something is there. */
void tg__sparse_take(struct tg__sparse *sparse, size_t number);

/* The first number from `number` on at which something is; `end` if there is none below that. */
size_t tg__sparse_next(const struct tg__sparse *sparse, size_t number, size_t end);

/* The place of a node in the directory, beyond the first page; NULL: its page is not there. */
struct tg__sparse_node **tg__sparse_far(const struct tg__sparse *sparse, size_t place);

/* NULL: no number there is in use. */
static inline const struct tg__sparse_node *tg__sparse_node_at(
    const struct tg__sparse *sparse, size_t place)
{
    if (place < TG__SPARSE_FIRST_PAGE)
        return sparse->first_page[place];
    struct tg__sparse_node **far = tg__sparse_far(sparse, place);
    return far != NULL ? *far : NULL;
}

/* NULL: nothing is there. */
static inline void *tg__sparse_get(const struct tg__sparse *sparse, size_t number)
{
    const struct tg__sparse_node *node = tg__sparse_node_at(sparse, number >> 2 * TG__SPARSE_BITS);
    const struct tg__sparse_node *leaf =
        node != NULL ? node->at[number >> TG__SPARSE_BITS & (TG__SPARSE_WIDTH - 1)] : NULL;
    return leaf != NULL ? leaf->at[number & (TG__SPARSE_WIDTH - 1)] : NULL;
}

#endif
