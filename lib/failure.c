/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block with all texts. */
static struct tg__failure *new_failure(const tg_error *error)
{
    size_t message = strlen(error->message) + 1, trace = strlen(error->backtrace) + 1;
    size_t name = strlen(error->name) + 1;
    struct tg__failure *failure = malloc(sizeof *failure + message + trace + name);
    if (failure != NULL) {
        char *text = (char *)(failure + 1);
        failure->error = *error;
        failure->error.message = memcpy(text, error->message, message);
        failure->error.backtrace = memcpy(text + message, error->backtrace, trace);
        failure->error.name = memcpy(text + message + trace, error->name, name);
        failure->next = NULL;
    }
    return failure;
}

/* Under the lock. */
static struct tg__failure *take_spare(struct tg__failures *failures, const tg_error *error)
{
    failures->spare_taken = true;
    snprintf(failures->spare_message, sizeof failures->spare_message, "%s", error->message);
    failures->spare.error = *error;
    failures->spare.error.message = failures->spare_message;
    failures->spare.error.backtrace = "";
    failures->spare.error.name = "";
    return &failures->spare;
}

const struct tg__failure *tg__failures_add(
    struct tg__failures *failures, const tg_error *error, bool required)
{
    struct tg__failure *failure = new_failure(error);
    tg__lock_take(&failures->lock);
    bool first = required && failures->first == NULL;
    if (failures->most > 0 && failures->count >= failures->most && !first) {
        free(failure);
        failure = NULL;
    }
    if (failure == NULL && first && !failures->spare_taken)
        failure = take_spare(failures, error);
    if (failure != NULL) {
        if (failures->tail != NULL)
            failures->tail->next = failure;
        else
            failures->head = failure;
        failure->previous = failures->tail;
        failures->tail = failure;
        failures->count++;
        free(failures->by_index);
        failures->by_index = NULL;
        if (first)
            failures->first = failure;
    }
    tg__lock_give(&failures->lock);
    return first ? failure : NULL;
}

static int compare_index(const void *a, const void *b)
{
    size_t i = (*(const struct tg__failure *const *)a)->error.index;
    size_t j = (*(const struct tg__failure *const *)b)->error.index;
    return i < j ? -1 : i > j;
}

/* Without memory for the index every look-up walks the list. */
static void build_index(struct tg__failures *failures)
{
    if (failures->count == 0 || failures->by_index != NULL)
        return;
    failures->by_index = malloc(failures->count * sizeof *failures->by_index);
    if (failures->by_index == NULL)
        return;
    size_t n = 0;
    for (const struct tg__failure *f = failures->head; f != NULL; f = f->next)
        failures->by_index[n++] = f;
    qsort(failures->by_index, n, sizeof *failures->by_index, compare_index);
}

static const struct tg__failure *find_by_index(const struct tg__failures *failures, size_t index)
{
    const struct tg__failure wanted = {.error = {.index = index}}, *key = &wanted;
    const struct tg__failure **found = bsearch(
        &key, failures->by_index, failures->count, sizeof *failures->by_index, compare_index);
    return found != NULL ? *found : NULL;
}

const struct tg__failure *tg__failures_find(struct tg__failures *failures, size_t index, bool late)
{
    tg__lock_take(&failures->lock);
    if (!late)
        build_index(failures);
    const struct tg__failure *f = failures->tail;
    if (failures->by_index != NULL)
        f = find_by_index(failures, index);
    while (f != NULL && f->error.index != index)
        f = f->previous;
    tg__lock_give(&failures->lock);
    return f;
}

void tg__failures_reset(struct tg__failures *failures)
{
    size_t most = failures->most;
    for (struct tg__failure *f = failures->head; f != NULL;) {
        struct tg__failure *next = f->next;
        if (f != &failures->spare)
            free(f);
        f = next;
    }
    free(failures->by_index);
    memset(failures, 0, sizeof *failures);
    failures->most = most;
}
