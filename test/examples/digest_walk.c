/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* POSIX.1-2008, and d_type in struct dirent */

#include "digest_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * No recursion: the directories that are still to be read wait on a stack. Each is read to its end
 * and closed before the next one is opened, so that a deep tree needs one descriptor, not many.
 */
struct walk {
    struct path_list *files;
    struct path_list pending; /* the stack of directories */
    walk_complain *complain;
    long complaints;
};

/* Takes the path over, even on failure. False: out of memory. */
static bool list_append(struct path_list *list, char *path)
{
    if (path != NULL && list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : 2 * list->capacity;
        char **paths = realloc(list->paths, capacity * sizeof *paths);
        if (paths != NULL) {
            list->paths = paths;
            list->capacity = capacity;
        }
    }
    if (path == NULL || list->count == list->capacity) {
        free(path);
        return false;
    }
    list->paths[list->count++] = path;
    return true;
}

void path_list_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct path_list){0};
}

/* "directory/name", or "directory" + "name" if that ends in a slash already; NULL: out of memory. */
static char *join_path(const char *directory, const char *name)
{
    size_t head = strlen(directory);
    size_t tail = strlen(name);
    bool slash = head > 0 && directory[head - 1] != '/';
    char *path = malloc(head + slash + tail + 1);
    if (path == NULL)
        return NULL;
    memcpy(path, directory, head);
    if (slash)
        path[head++] = '/';
    memcpy(path + head, name, tail + 1);
    return path;
}

static void complain(struct walk *walk, const char *path, int error)
{
    walk->complaints++;
    walk->complain(path, strerror(error));
}

/* Most file systems tell the type of an entry in the directory itself; the others are asked. */
static unsigned char entry_type(int directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return DT_UNKNOWN;
    if (S_ISREG(status.st_mode))
        return DT_REG;
    return S_ISDIR(status.st_mode) ? DT_DIR : DT_UNKNOWN;
}

static bool is_dot_or_dot_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* False: out of memory. */
static bool read_entries(struct walk *walk, DIR *directory, const char *path)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0)
                complain(walk, path, errno);
            return true;
        }
        if (is_dot_or_dot_dot(entry->d_name))
            continue;
        unsigned char type = entry_type(dirfd(directory), entry);
        if (type == DT_REG && !list_append(walk->files, join_path(path, entry->d_name)))
            return false;
        if (type == DT_DIR && !list_append(&walk->pending, join_path(path, entry->d_name)))
            return false;
    }
}

/* False: out of memory. A directory that cannot be read is complained about, and empty. */
static bool read_directory(struct walk *walk, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (directory == NULL) {
        complain(walk, path, errno);
        if (descriptor >= 0)
            close(descriptor);
        return true;
    }
    bool enough_memory = read_entries(walk, directory, path);
    closedir(directory);
    return enough_memory;
}

static bool read_tree(struct walk *walk, const char *root, tg_context *context)
{
    bool enough_memory = list_append(&walk->pending, strdup(root));
    while (enough_memory && walk->pending.count > 0 && tg_context_check(context) == TG_OK) {
        char *path = walk->pending.paths[--walk->pending.count];
        enough_memory = read_directory(walk, path);
        free(path);
    }
    path_list_free(&walk->pending);
    return enough_memory;
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void sort_paths(char **paths, size_t count)
{
    if (count > 1)
        qsort(paths, count, sizeof *paths, compare_paths);
}

long walk_collect(
    struct path_list *files, const char *root, tg_context *context, walk_complain *complain_to)
{
    struct walk walk = {.files = files, .complain = complain_to};
    size_t first = files->count;
    bool enough_memory = true;
    struct stat status;
    if (lstat(root, &status) != 0) {
        complain(&walk, root, errno);
    } else if (S_ISREG(status.st_mode)) {
        enough_memory = list_append(files, strdup(root));
    } else if (S_ISDIR(status.st_mode)) {
        enough_memory = read_tree(&walk, root, context);
    } else { /* named explicitly, so silence would be wrong */
        walk.complaints++;
        complain_to(root, "neither a directory nor a regular file");
    }
    if (!enough_memory)
        return -1;
    sort_paths(files->paths + first, files->count - first);
    return walk.complaints;
}
