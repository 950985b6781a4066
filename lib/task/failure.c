/* SPDX-License-Identifier: MIT */
#include "task/failure.h"
#include "sys/lock.h"

#include <stdint.h>
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

/* ---- by index ---- */

/* Fewer are found as fast in the list. */
enum { LIST_MOST = 16 };

/* Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): indices that share a factor are
 * spread, too. */
static struct tg__failure **bucket_of(
    struct tg__failure **buckets, size_t bucket_count, size_t index)
{
    uint64_t mixed = (uint64_t)index * UINT64_C(0x9E3779B97F4A7C15);
    return &buckets[(size_t)(mixed >> 32) & (bucket_count - 1)];
}

static void chain(struct tg__failure **buckets, size_t bucket_count, struct tg__failure *failure)
{
    struct tg__failure **bucket = bucket_of(buckets, bucket_count, failure->error.index);
    failure->chained = *bucket;
    *bucket = failure;
}

/* Under the lock. How many buckets there should be now; 0: there are enough. */
static size_t wanted_buckets(const struct tg__failures *failures)
{
    size_t wanted = failures->bucket_count > 0 ? 2 * failures->bucket_count : (size_t)4 * LIST_MOST;
    bool few = failures->count <= LIST_MOST || failures->count <= failures->bucket_count;
    return few || wanted > SIZE_MAX / sizeof *failures->buckets ? 0 : wanted;
}

/* Under the lock. Replaces the table, and returns what is to be freed: the old one; or the new one,
   if another thread has been faster. */
static struct tg__failure **replace_buckets(
    struct tg__failures *failures, struct tg__failure **buckets, size_t wanted)
{
    struct tg__failure **old = failures->buckets;
    if (wanted_buckets(failures) != wanted)
        return buckets;
    for (struct tg__failure *f = failures->head; f != NULL; f = f->next)
        chain(buckets, wanted, f);
    failures->buckets = buckets;
    failures->bucket_count = wanted;
    return old;
}

/* Without the lock, which is not held while memory is allocated. Without memory the old table
   stays, and its chains grow; the next failure tries again. */
static void grow(struct tg__failures *failures, size_t wanted)
{
    struct tg__failure **buckets = calloc(wanted, sizeof(struct tg__failure *));
    if (buckets == NULL)
        return;
    tg__mutex_lock(&failures->lock, TG__LOCK_FAILURES);
    buckets = replace_buckets(failures, buckets, wanted);
    tg__mutex_unlock(&failures->lock, TG__LOCK_FAILURES);
    free(buckets);
}

const struct tg__failure *tg__failures_find(struct tg__failures *failures, size_t index)
{
    tg__mutex_lock(&failures->lock, TG__LOCK_FAILURES);
    const struct tg__failure *f = failures->tail;
    if (failures->buckets != NULL) {
        f = *bucket_of(failures->buckets, failures->bucket_count, index);
        while (f != NULL && f->error.index != index)
            f = f->chained;
    } else { /* the last one first: on_done usually asks for it */
        while (f != NULL && f->error.index != index)
            f = f->previous;
    }
    tg__mutex_unlock(&failures->lock, TG__LOCK_FAILURES);
    return f;
}

/* ---- by completion ---- */

/* Under the lock. */
static void append(struct tg__failures *failures, struct tg__failure *failure)
{
    failure->next = NULL;
    failure->previous = failures->tail;
    if (failures->tail != NULL)
        failures->tail->next = failure;
    else
        failures->head = failure;
    failures->tail = failure;
    failures->count++;
    if (failures->buckets != NULL)
        chain(failures->buckets, failures->bucket_count, failure);
}

/* Under the lock, of a required one. */
static bool is_first(const struct tg__failures *failures, size_t index)
{
    const struct tg__failure *first = failures->first;
    return first == NULL || (failures->lowest && index < first->error.index);
}

const struct tg__failure *tg__failures_add(struct tg__failures *failures, const tg_error *error,
    bool required, void (*end)(void *user), void *user)
{
    struct tg__failure *failure = new_failure(error);
    tg__mutex_lock(&failures->lock, TG__LOCK_FAILURES);
    bool first = required && is_first(failures, error->index);
    if (failures->most > 0 && failures->count >= failures->most && !first) {
        free(failure);
        failure = NULL;
    }
    if (failure == NULL && first && !failures->spare_taken)
        failure = take_spare(failures, error);
    if (failure != NULL)
        append(failures, failure);
    if (failure != NULL && first)
        failures->first = failure;
    end(user);
    size_t wanted = failure != NULL ? wanted_buckets(failures) : 0;
    tg__mutex_unlock(&failures->lock, TG__LOCK_FAILURES);
    if (wanted > 0)
        grow(failures, wanted);
    return first ? failure : NULL;
}

/* ---- all of them ---- */

void tg__failures_init(struct tg__failures *failures, size_t most)
{
    *failures = (struct tg__failures){.most = most};
    pthread_mutex_init(&failures->lock, NULL);
}

void tg__failures_adopt(struct tg__failures *failures)
{
    pthread_mutex_init(&failures->lock, NULL);
}

void tg__failures_reset(struct tg__failures *failures)
{
    for (struct tg__failure *f = failures->head; f != NULL;) {
        struct tg__failure *next = f->next;
        if (f != &failures->spare)
            free(f);
        f = next;
    }
    free(failures->buckets);
    failures->first = failures->head = failures->tail = NULL;
    failures->count = 0;
    failures->buckets = NULL;
    failures->bucket_count = 0;
    failures->spare_taken = false;
}

void tg__failures_free(struct tg__failures *failures)
{
    tg__failures_reset(failures);
    pthread_mutex_destroy(&failures->lock);
}
