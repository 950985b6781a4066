/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_PARTS_H
#define TG_LIB_GROUP_PARTS_H
/*
 * The parts of a group as one: each is made, made as new, and freed. A part has an init where zero
 * will not do, a reset where a batch leaves something behind, a fini where it has memory.
 */
#include <taskgroup/group.h>

/* A group with all of its parts and these options, but no owner. NULL: out of memory. */
tg_group *tg__group_new(const tg_group_options *options);

/* Under the lock, when no run goes on: for the next batch. */
void tg__parts_reset(tg_group *group);

/* The same for the same tasks again: what is apart is ready to be claimed. */
void tg__parts_rewind(tg_group *group);

/* Frees the group. (What still refers to its context keeps the memory until then.) */
void tg__group_free(tg_group *group);

/* In a child of fork(): frees a group that was in use in the parent, but for what one of the
   parent's threads was just changing: that stays. */
void tg__group_free_parents(tg_group *group);

/* Before a group that was idle in the parent is used in a child: nothing of the parent's threads is
 * left in it. */
void tg__group_adopt(tg_group *group);

#endif
