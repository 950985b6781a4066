/* SPDX-License-Identifier: MIT */
#ifndef RACE_H
#define RACE_H
/*
 * What the races share: threads that begin together, and duels of two threads that meet in a few instructions. No OpenMP: the library is built on plain threads here (omp_on_threads.h).
 *
 * Each test repeats for 0.1 s; TG_RACE_SECONDS=60 makes that longer.
 */
#include "../unit/tg_check.h"

/* valgrind runs one thread at a time, and slowly. */
#ifdef RACE_SLOW
enum { RACE_PART = 20, DUEL_ROUNDS = 1 };
#else
enum { RACE_PART = 1, DUEL_ROUNDS = 10 };
#endif

static inline double race_until(void)
{
    const char *seconds = getenv("TG_RACE_SECONDS");
    return tg_time_now() + (seconds != NULL ? atof(seconds) : 0.1);
}

/* Zeroed, for a struct that begins cache lines: its size is a multiple of one. */
static inline void *new_lines(size_t size)
{
    void *block = aligned_alloc(64, size);
    if (block == NULL)
        abort();
    return memset(block, 0, size);
}

/* A cheap generator for each thread. */
static inline uint32_t draw_from(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* ---- Threads that begin together ---- */

enum { RACERS = 4 };

struct racer {
    void *what;
    int number;
    pthread_barrier_t *gate;
    void (*run)(void *what, int number);
    pthread_t thread;
};

static inline void *racer_thread(void *arg)
{
    struct racer *racer = arg;
    pthread_barrier_wait(racer->gate);
    racer->run(racer->what, racer->number);
    return NULL;
}

/* Calls `run(what, 0)`, `run(what, 1)` … at once, and returns when all have. */
static inline void race(void (*run)(void *what, int number), void *what)
{
    struct racer racers[RACERS];
    pthread_barrier_t gate;
    pthread_barrier_init(&gate, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.what = what, .number = i, .gate = &gate, .run = run};
        if (pthread_create(&racers[i].thread, NULL, racer_thread, &racers[i]) != 0)
            abort();
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&gate);
}

/* ---- Duels ---- */

/*
 * What each side does on a thread of its own, at the same moment; `judge` looks when both have. The two meet in so many
 * things one after another, without any other handshake: a store that the processor has not yet sent on when it
 * loads the next is seen in one of some million meetings, so there must be many.
 */
struct duel {
    void (*begin)(void *thing);
    void (*left)(void *thing);
    void (*right)(void *thing);
    void (*judge)(void *thing);
    void *things;
    size_t size, many;
    atomic_long round, done; /* of all of them; round -1: no more */
    _Alignas(64) atomic_size_t at_left;
    _Alignas(64) atomic_size_t at_right;
};

static inline void duel_each(const struct duel *duel, void (*what)(void *thing))
{
    for (size_t i = 0; i < duel->many; i++)
        what((char *)duel->things + i * duel->size);
}

/* Goes from thing to thing beside the other side, but does not wait for it for long. */
static inline void duel_side(
    struct duel *duel, void (*act)(void *thing), atomic_size_t *own, atomic_size_t *others)
{
    for (size_t i = 0; i < duel->many; i++) {
        atomic_store_explicit(own, i + 1, memory_order_relaxed);
        for (int n = 0; n < 300 && atomic_load_explicit(others, memory_order_relaxed) < i + 1; n++)
            ;
        for (volatile size_t n = own == &duel->at_left ? i % 16 : 8; n > 0; n--)
            ; /* now the one is first, now the other */
        act((char *)duel->things + i * duel->size);
    }
}

static inline void *duel_right(void *arg)
{
    struct duel *duel = arg;
    for (long round = 1;; round++) {
        long now;
        for (int i = 0; (now = atomic_load(&duel->round)) >= 0 && now < round; i++)
            if (i > 1000)
                sched_yield();
        if (now < 0)
            return NULL;
        duel_side(duel, duel->right, &duel->at_right, &duel->at_left);
        atomic_store(&duel->done, round);
    }
}

static inline void run_duel(struct duel *duel)
{
    pthread_t right;
    double until = race_until();
    long round = 0;
    if (pthread_create(&right, NULL, duel_right, duel) != 0)
        abort();
    while (round < DUEL_ROUNDS || tg_time_now() < until) {
        duel_each(duel, duel->begin);
        atomic_store(&duel->at_left, 0);
        atomic_store(&duel->at_right, 0);
        atomic_store(&duel->round, ++round);
        duel_side(duel, duel->left, &duel->at_left, &duel->at_right);
        for (int i = 0; atomic_load(&duel->done) != round; i++)
            if (i > 1000)
                sched_yield();
        duel_each(duel, duel->judge);
    }
    atomic_store(&duel->round, -1);
    pthread_join(right, NULL);
}

/* `things` is an array. */
#define DUEL(things_, begin_, left_, right_, judge_) \
    {.begin = (begin_),                              \
        .left = (left_),                             \
        .right = (right_),                           \
        .judge = (judge_),                           \
        .things = (things_),                         \
        .size = sizeof *(things_),                   \
        .many = sizeof(things_) / sizeof *(things_)}

#endif
