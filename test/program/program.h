/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_H
#define PROGRAM_H
/*
 * Programs of groups as byte strings, and what the library may make of them.
 *
 *   bytes  --decode-->  plan  --play-->  plan with its history  --judge, oracle-->  blame, or none
 *
 * Any bytes are a program; what lies beyond their end reads as zero, and zero is everywhere the plainest
 * choice. So a random string, a fuzzer's and one that was shrunk are all the same to what follows.
 */
#include "../unit/tg_test.h"

enum { DEEPEST = 2, MOST_STEPS = 600, MOST_GROUPS = 24, MOST_WORKERS = 64 };

/* How a task ends. */
enum ending {
    END_RETURN,
    END_ABORT,      /* tg_task_abort(); without a code: returns */
    END_CRASH,      /* raises a signal, in a group with a guard */
    END_DEFER,      /* another thread completes it */
    END_DEFER_SELF, /* completes itself before it returns */
    END_SLEEP,      /* tg_task_sleep() */
    END_WHEN_TOLD,  /* spins until it is told; only where a clock will tell it */
    END_HOLD,       /* no function: another thread completes it */
    ENDINGS
};

/* How a group is filled and run. */
enum way {
    WAY_RUN,
    WAY_SCOPE,  /* a body adds the second half */
    WAY_ADDER,  /* another thread adds the second half while it runs, and a hold keeps it open */
    WAY_POOL,   /* over a pool */
    WAY_START,  /* over a pool, and waited for later */
    WAY_SUBMIT, /* no group: each task is submitted to a pool, with a handle */
    WAYS
};

enum on_done { DONE_NONE, DONE_COUNTS, DONE_FAILS, DONE_ADDS, DONES };

struct plan;

/* One task as planned, and what happened to it. */
struct step {
    struct plan *plan;
    enum ending ending;
    int code;     /* what it ends with; 0: success */
    int failures; /* attempts that fail before that one (or, with a period, starts before the last) */
    int attempts; /* 0: one */
    bool optional, asks, cancels, cancels_from_afar, takes_back, background, destroys;
    int priority, when_full;
    size_t weight;
    double timeout, delay, period, backoff;
    size_t adds;        /* of its plan's spare steps, to its own group */
    struct plan *below; /* a group that it runs; NULL: none */
    size_t block;       /* the same number: alike, and added by one call if it is even */

    struct history {
        tg_status add_status; /* TG_NOT_RUN: nobody has tried */
        tg_task *handle;      /* of a hold, or of a submitted task */
        atomic_int starts, dones;
        bool told, found;  /* in its last attempt; among what the group says that it has */
        atomic_bool taken; /* back, by tg_group_cancel() */
        int starts_when_taken, returned;
        _Atomic size_t index;
        tg_outcome outcome, done_outcome;
    } was;
};

struct plan {
    struct blame *blame;
    struct play *play; /* what one run of a program shares */
    struct plan *above;
    int depth;
    tg_group_options options;
    enum way way;
    enum on_done done;
    size_t done_at; /* the call of on_done that does it */
    bool caller_array, over_again, below_shares, cancelled_before, doomed; /* a task destroys it */
    size_t budget; /* of a limit of its own; 0: none */
    size_t total, initial,
        early; /* steps; that are added by the plan, the first so many before the run */
    struct step *steps;

    tg_group *group;
    tg_context *context;
    tg_pool *pool;
    struct budget *shared;
    uint64_t *results;
    struct past {
        tg_task *keeper;    /* a hold of ours, while another thread adds */
        atomic_size_t next; /* spare step */
        atomic_size_t in_flight, most_in_flight, delivered;
        atomic_int taken, delivering, late,
            full; /* tasks taken back; calls of on_done now; adds that found it closed; that found no room */
        atomic_bool cancelled, destroyed, done_failed;
        _Atomic(tg_status) lost; /* what an add was refused with that makes the batch incomplete */
        bool never_begun;        /* an add before the run was refused so */
        bool closes;             /* its answer was other than OK */
        atomic_bool workers[MOST_WORKERS];
    } was;
};

/* A shared limit, and what its tasks say that they hold of it. */
struct budget {
    tg_limit *limit;
    size_t most;
    atomic_size_t used, most_used;
};

#define hold(plan, condition) \
    ((condition) ? (void)0 : blame_set((plan)->blame, __FILE__ ": " #condition, __LINE__))

static const double SHORT = 0.0003, LONG = 1000;
enum { CODE_TOLD = 99, CODE_FAILING = 7, CODE_CANCEL = 42, CODE_DONE = 55, CODE_AFAR = 43 };

/* decode.c: a plan of the bytes; never fails. */
struct plan *program_decode(const unsigned char *bytes, size_t size);
void program_free(struct plan *plan);
void program_print(FILE *file, const struct plan *plan);

/* play.c: runs it, here and now, and has it judged. */
void program_play(struct plan *plan, struct blame *blame);

/* judge.c: is what has happened one of the things that the contract allows? */
void judge(struct plan *plan, tg_status answer, bool outside);
void judge_submitted(struct plan *plan);
/* oracle.c: where the order is exact there is only one. */
void oracle(struct plan *plan, tg_status answer);

/* Its answer to the caller's array before anything has run. */
static inline uint64_t untouched(size_t index)
{
    return 0xabcdef0000000000u + index;
}

static inline uint64_t value_of(const struct step *step)
{
    return 0x1000000u + (uint64_t)(step - step->plan->steps);
}

#endif
