/* SPDX-License-Identifier: MIT */
#ifndef TG_DESK_H
#define TG_DESK_H
/*
 * Somebody elsewhere who completes what tasks have deferred: a desk where they leave their index, and
 * threads of no team behind it. After tg_test.h.
 */
#include <time.h>

enum { CLERKS = 8 };

struct errand {
    tg_group *group;
    size_t index;
    int code;
};

struct desk {
    struct blame *blame;
    size_t total;   /* errands that will be left here */
    size_t fill;    /* nobody looks before so many lie here, or all have come */
    bool backwards; /* the last one first */
    int clerks;

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct errand *errands;
    size_t came, done; /* of them */
    size_t lying;
    atomic_size_t flying; /* tasks between their start and their completion … */
    size_t most;          /* … never more than so many; 0: whatever */
    atomic_size_t reached;
    pthread_t clerk[CLERKS];
};

/* For what must not happen to happen. Nothing depends on how long it is. */
static inline void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static inline void desk_note_start(struct desk *desk)
{
    size_t flying = 1 + atomic_fetch_add(&desk->flying, 1), reached = atomic_load(&desk->reached);

    expect(desk->blame, desk->most == 0 || flying <= desk->most);
    while (flying > reached && !atomic_compare_exchange_weak(&desk->reached, &reached, flying))
        ;
}

static inline void desk_leave(struct desk *desk, tg_task *self, int code)
{
    pthread_mutex_lock(&desk->lock);
    if (desk->came < desk->total)
        desk->errands[desk->lying++] =
            (struct errand){tg_task_group(self), tg_task_index(self), code};
    else
        blame_set(desk->blame, "an errand too many", __LINE__);
    desk->came++;
    pthread_cond_broadcast(&desk->more);
    pthread_mutex_unlock(&desk->lock);
}

static inline void *desk_serve(void *arg)
{
    struct desk *desk = arg;

    pthread_mutex_lock(&desk->lock);
    while (desk->done < desk->total) {
        if (desk->lying == 0 || (desk->lying < desk->fill && desk->came < desk->total)) {
            pthread_cond_wait(&desk->more, &desk->lock);
            continue;
        }
        size_t at = desk->backwards ? desk->lying - 1 : 0;
        struct errand errand = desk->errands[at];
        desk->errands[at] = desk->errands[--desk->lying];
        desk->done++;
        if (desk->done == desk->total)
            pthread_cond_broadcast(&desk->more);
        pthread_mutex_unlock(&desk->lock);
        atomic_fetch_sub(&desk->flying, 1);
        tg_status status = tg_group_complete(
            errand.group, errand.index, errand.code, errand.code != 0 ? "from elsewhere" : NULL);
        expect(desk->blame, status == TG_OK);
        pthread_mutex_lock(&desk->lock);
    }
    pthread_mutex_unlock(&desk->lock);
    return NULL;
}

/* `total`, `fill`, `most` … have been set. */
static inline void desk_open(struct desk *desk, struct blame *blame, int clerks)
{
    desk->blame = blame;
    desk->clerks = clerks;
    desk->errands = calloc(desk->total, sizeof *desk->errands);
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->more, NULL);
    for (int i = 0; i < clerks; i++)
        expect(blame, pthread_create(&desk->clerk[i], NULL, desk_serve, desk) == 0);
}

static inline void desk_close(struct desk *desk)
{
    for (int i = 0; i < desk->clerks; i++)
        pthread_join(desk->clerk[i], NULL);
    expect(desk->blame, desk->done == desk->total);
    free(desk->errands);
    pthread_mutex_destroy(&desk->lock);
    pthread_cond_destroy(&desk->more);
}

/* arg: a desk. Leaves an errand there, and goes on without a thread. */
static inline int task_leave_at_desk(tg_task *self, void *arg, void *result)
{
    struct desk *desk = arg;

    if (result != NULL)
        *(int *)result = 1 + (int)tg_task_index(self);
    desk_note_start(desk);
    desk_leave(desk, self, 0);
    return tg_task_defer(self);
}

#endif
