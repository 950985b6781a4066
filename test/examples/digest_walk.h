/* SPDX-License-Identifier: MIT */
#ifndef DIGEST_WALK_H
#define DIGEST_WALK_H
/**
 * @file digest_walk.h
 * All regular files below a directory, as a sorted list of paths. Plain POSIX, nothing parallel.
 */
#include <stdbool.h>
#include <stddef.h>
#include <taskgroup.h>

/** Paths, each allocated; start with all zero. */
struct path_list {
    char **paths;
    size_t count;
    size_t capacity;
};

/** Told about each thing that had to be left out. */
typedef void walk_complain(const char *path, const char *reason);

/**
 * Appends every regular file below `root`, in bytewise order of the paths: what
 * `find root -type f -print0 | LC_ALL=C sort -z` lists. A root that is a regular file is appended
 * itself. Symbolic links are not followed, and other kinds of files are left out silently.
 *
 * It asks `context` after every directory, and returns early with an incomplete list once that is
 * cancelled: check it after the call.
 *
 * @return how often it complained; -1 if memory is out.
 */
long walk_collect(
    struct path_list *files, const char *root, tg_context *context, walk_complain *complain);

/** Frees the paths. */
void path_list_free(struct path_list *list);

#endif
