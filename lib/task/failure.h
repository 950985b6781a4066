/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_TASK_FAILURE_H
#define TG_LIB_TASK_FAILURE_H
/* The failures of a group's tasks: the first, all of them in order of completion, and each by its
 * task's index. */
#include <taskgroup/status.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct tg__failure {
    tg_error error; /* first: an error that the user holds leads back to its failure */
    struct tg__failure *next, *previous; /* by completion */
    struct tg__failure *chained;         /* the next one in the same bucket */
};

/* Failures are rare: one lock for all of them. It guards every member but `most`. */
struct tg__failures {
    pthread_mutex_t lock;
    const struct tg__failure *first; /* required, by completion, or by index */
    struct tg__failure *head, *tail; /* all, by completion */
    size_t count;                    /* of them */
    size_t most;                     /* that are kept, beside the first; 0: all */
    struct tg__failure **buckets;    /* by index; NULL: the list is searched */
    size_t bucket_count;             /* a power of two, or 0 */
    bool lowest; /* `first` is the one with the lowest index; set once, after init */
    bool spare_taken;
    struct tg__failure spare; /* so that running out of memory cannot lose the first */
    char spare_message[128];
};

/* Keeps at most `most` failures beside the first required one; 0: all. */
void tg__failures_init(struct tg__failures *failures, size_t most);
void tg__failures_free(struct tg__failures *failures);

/* In a child of fork(): no thread of the parent holds the lock any more. */
void tg__failures_adopt(struct tg__failures *failures);

/*
 * Records a failure, from any thread. Texts are copied: without memory the message is cut, or the
 * failure is missing in the list. Returns the failure if it is the first required one, else NULL.
 * `end(user)` is called under the lock: what it hands out in order (ranks, places in other lists)
 * is in the order of this list. It may take no lock but spin locks that are leaves.
 */
const struct tg__failure *tg__failures_add(struct tg__failures *failures, const tg_error *error,
    bool required, void (*end)(void *user), void *user);

/* The failure of the task with this index, or NULL: takes the same time however many there are. */
const struct tg__failure *tg__failures_find(struct tg__failures *failures, size_t index);

/* Frees and forgets all. No other thread may use the list meanwhile. */
void tg__failures_reset(struct tg__failures *failures);

#endif
