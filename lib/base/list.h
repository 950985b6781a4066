/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_BASE_LIST_H
#define TG_LIB_BASE_LIST_H
/*
 * A doubly linked list whose links are part of its elements. Each link knows the pointer that leads
 * to it, so an element leaves in a few instructions, whichever list it is in. The caller guards the
 * list.
 */
#include <stddef.h>

struct tg__link {
    struct tg__link *next;  /* NULL: the last one */
    struct tg__link **from; /* the list, or the `next` of the link before */
};

/* The struct of this type whose member `member` is at `pointer`. */
#define TG__CONTAINER(type, member, pointer) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Puts the link at the front. */
static inline void tg__list_push(struct tg__link **list, struct tg__link *link)
{
    link->next = *list;
    link->from = list;
    if (link->next != NULL)
        link->next->from = &link->next;
    *list = link;
}

/* Takes the link out of the list that it is in. */
static inline void tg__list_remove(struct tg__link *link)
{
    *link->from = link->next;
    if (link->next != NULL)
        link->next->from = link->from;
}

#endif
