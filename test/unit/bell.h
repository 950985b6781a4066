/* SPDX-License-Identifier: MIT */
#ifndef TG_BELL_H
#define TG_BELL_H
/*
 * What tests of hooks share: something to sleep on until a hook rings it, and how to be sure that a
 * hook does not come any more. After tg_test.h.
 */

/* Rung by hooks: how often, on which thread, and a condition to sleep on until then. */
struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    int rings;
    pthread_t thread;
};

#define BELL {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0}

static inline void ring(void *user)
{
    struct bell *bell = user;

    pthread_mutex_lock(&bell->lock);
    bell->rings++;
    bell->thread = pthread_self();
    pthread_cond_broadcast(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

/* Waits for as long as it takes; Check ends it if that is for ever. */
static inline void await(struct bell *bell, int rings)
{
    pthread_mutex_lock(&bell->lock);
    while (bell->rings < rings)
        pthread_cond_wait(&bell->rung, &bell->lock);
    pthread_mutex_unlock(&bell->lock);
}

static inline int rings_of(struct bell *bell)
{
    int rings;

    pthread_mutex_lock(&bell->lock);
    rings = bell->rings;
    pthread_mutex_unlock(&bell->lock);
    return rings;
}

/* There is one waiter thread: what it had to do before this call it has done after it. */
static inline void flush(void)
{
    for (int i = 0; i < 5; i++) {
        struct bell bell = BELL;
        tg_context *context = tg_context_create(NULL);
        tg_hook *hook;
        tg_context_cancel(context, 1, NULL);
        hook = tg_context_hook(context, ring, &bell);
        await(&bell, 1);
        tg_hook_remove(hook);
        tg_context_destroy(context);
    }
}

#endif
