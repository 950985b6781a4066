/* SPDX-License-Identifier: MIT */
#include "base/sparse.h"

#include <stdlib.h>

enum { NODE_BITS = 2 * TG__SPARSE_BITS, MASK = TG__SPARSE_WIDTH - 1 };

struct tg__sparse_node **tg__sparse_far(const struct tg__sparse *sparse, size_t place)
{
    unsigned page = tg__page_of(&place);
    struct tg__sparse_node **all = page < TG__SPARSE_PAGES ? sparse->page[page] : NULL;
    return all != NULL ? all + place : NULL;
}

/* NULL: its page is not there. */
static struct tg__sparse_node **find_place(struct tg__sparse *sparse, size_t place)
{
    return place < TG__SPARSE_FIRST_PAGE ? &sparse->first_page[place]
                                         : tg__sparse_far(sparse, place);
}

/* A place in the directory, whose page is made if it is not there. NULL: out of memory. */
static struct tg__sparse_node **make_place(struct tg__sparse *sparse, size_t place)
{
    if (place < TG__SPARSE_FIRST_PAGE)
        return &sparse->first_page[place];
    unsigned page = tg__page_of(&place);
    if (sparse->page[page] == NULL)
        sparse->page[page] =
            calloc((size_t)TG__SPARSE_FIRST_PAGE << page, sizeof(struct tg__sparse_node *));
    return sparse->page[page] != NULL ? &sparse->page[page][place] : NULL;
}

/* ---- nodes and leaves ---- */

static struct tg__sparse_node *new_node(struct tg__sparse *sparse)
{
    for (int i = 0; i < 2; i++) {
        struct tg__sparse_node *node = sparse->spare[i];
        if (node != NULL) {
            sparse->spare[i] = NULL;
            return node;
        }
    }
    return calloc(1, sizeof(struct tg__sparse_node));
}

/* It is empty. */
static void drop_node(struct tg__sparse *sparse, struct tg__sparse_node *node)
{
    for (int i = 0; i < 2; i++)
        if (sparse->spare[i] == NULL) {
            sparse->spare[i] = node;
            return;
        }
    free(node);
}

bool tg__sparse_put(struct tg__sparse *sparse, size_t number, void *what)
{
    size_t place = number >> NODE_BITS;
    struct tg__sparse_node **node = make_place(sparse, place);
    if (node == NULL || (*node == NULL && (*node = new_node(sparse)) == NULL))
        return false;
    void **at = &(*node)->at[number >> TG__SPARSE_BITS & MASK];
    struct tg__sparse_node *leaf = *at;
    if (leaf == NULL) {
        *at = leaf = new_node(sparse);
        (*node)->used += leaf != NULL;
    }
    if (leaf == NULL) {
        if ((*node)->used == 0) {
            drop_node(sparse, *node);
            *node = NULL;
        }
        return false;
    }
    leaf->at[number & MASK] = what;
    leaf->used++;
    if (sparse->end <= place)
        sparse->end = place + 1;
    return true;
}

void tg__sparse_take(struct tg__sparse *sparse, size_t number)
{
    struct tg__sparse_node **node = find_place(sparse, number >> NODE_BITS);
    void **at = &(*node)->at[number >> TG__SPARSE_BITS & MASK];
    struct tg__sparse_node *leaf = *at;
    leaf->at[number & MASK] = NULL;
    if (--leaf->used > 0)
        return;
    drop_node(sparse, leaf);
    *at = NULL;
    if (--(*node)->used > 0)
        return;
    drop_node(sparse, *node);
    *node = NULL;
}

size_t tg__sparse_next(const struct tg__sparse *sparse, size_t number, size_t end)
{
    while (number < end && number >> NODE_BITS < sparse->end) {
        const struct tg__sparse_node *node = tg__sparse_node_at(sparse, number >> NODE_BITS);
        const struct tg__sparse_node *leaf =
            node != NULL ? node->at[number >> TG__SPARSE_BITS & MASK] : NULL;
        if (leaf != NULL && leaf->at[number & MASK] != NULL)
            return number;
        unsigned absent = node == NULL ? NODE_BITS : leaf == NULL ? TG__SPARSE_BITS : 0;
        number = ((number >> absent) + 1) << absent;
    }
    return end;
}

static void free_node(struct tg__sparse_node *node)
{
    for (size_t i = 0; node->used > 0; i++)
        if (node->at[i] != NULL) {
            free(node->at[i]);
            node->used--;
        }
    free(node);
}

void tg__sparse_free(struct tg__sparse *sparse)
{
    for (size_t place = 0; place < sparse->end; place++) {
        struct tg__sparse_node **node = find_place(sparse, place);
        if (node != NULL && *node != NULL)
            free_node(*node);
    }
    for (unsigned page = 1; page < TG__SPARSE_PAGES; page++)
        free(sparse->page[page]);
    free(sparse->spare[0]);
    free(sparse->spare[1]);
    *sparse = (struct tg__sparse){0};
}
