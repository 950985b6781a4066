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

enum { DEEPEST = 2, MOST_STEPS = 600, MOST_GROUPS = 24, MOST_WORKERS = 64, MEETINGS = 16 };

/*
 * What the programs know beyond one group with one team, and what the judge knows of it. Each can
 * be left out, in the programs and in the judge: TG_PROGRAM_KNOWS=none, =all, =pools,order,
 * =all,-turns. Without any of them the bytes are the programs that they have always been.
 */
#define ABILITY_TABLE(X)                                                                    \
    X(LATE, "late")       /* a failure after the stop is CANCELLED, also if nobody asked */ \
    X(ORDER, "order")     /* one order of completion */                                     \
    X(REFUSED, "refused") /* a batch whose add was refused is not OK */                     \
    X(NESTED, "nested")   /* a task learns of the stop by what it runs, and passes it on */ \
    X(POOLS, "pools")     /* groups over pools in tasks */                                  \
    X(CROSSED, "crossed") /* over each other's pools; started and waited for in tasks */    \
    X(CLOSE, "close")     /* a pool is closed beside cancels of its tasks */                \
    X(MEET, "meet")       /* a group is started beside adds */                              \
    X(TURNS, "turns")     /* beside tasks and groups that never run out */

enum ability_number {
#define ABILITY_NUMBER(name, text) NUMBER_##name,
    ABILITY_TABLE(ABILITY_NUMBER)
#undef ABILITY_NUMBER
        ABILITIES
};

enum ability {
#define ABILITY_BIT(name, text) KNOWS_##name = 1 << NUMBER_##name,
    ABILITY_TABLE(ABILITY_BIT)
#undef ABILITY_BIT
        KNOWS_ALL = (1 << ABILITIES) - 1
};

/* Unless the environment says otherwise. */
enum { KNOWS_DEFAULT = KNOWS_ALL };

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
    END_STAND,      /* waits until the pool's handles have been cancelled; only beside a close */
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
    WAY_MAP,    /* no group: tg_map_run() of the steps */
    WAYS
};

enum on_done { DONE_NONE, DONE_COUNTS, DONE_FAILS, DONE_ADDS, DONES };

/* What the first choices of a program make likely. */
enum theme {
    THEME_NONE,
    THEME_POOLS,    /* a group over a pool in a task, and something that must reach it */
    THEME_CROSSED,  /* a group over a pool in a task of a group over another one, and back */
    THEME_CLOSE,    /* a pool is closed while another thread cancels its tasks */
    THEME_MEET,     /* a group is started while another thread adds */
    THEME_REFUSED,  /* adds to a group that is known to have stopped */
    THEME_FULL,     /* adds that wait for space until the group is cancelled */
    THEME_LEARNS,   /* tasks that learn of the stop by what they run */
    THEME_TURNS,    /* a pool whose tasks never run out */
    THEME_TOGETHER, /* many failures at once */
    THEMES
};

/* Whose pool a group in a task runs over. */
enum nest { NEST_NONE, NEST_OWN, NEST_SAME, NEST_FAR, NESTS };

/* What has happened before a task is added. */
enum before {
    BEFORE_NOTHING,
    BEFORE_PARENT,   /* the context above was cancelled: the group may know it, or not */
    BEFORE_NOTICED,  /* and the group's own was asked */
    BEFORE_OWN,      /* the group's own was cancelled */
    BEFORE_DEADLINE, /* the context above is past its deadline, and the group's own was asked */
    BEFORES
};

/* How a pool is closed beside cancels of its tasks. */
enum closing {
    CLOSE_AT_END, /* when all have ended, and beside nothing */
    CLOSE_NOW,
    CLOSE_SOON,
    CLOSE_TWICE, /* one thread lets all run, the other one none */
    CLOSE_BY_CONTEXT,
    CLOSE_DESTROYS,
    CLOSINGS
};

/* What a group over a pool runs beside. */
enum busy { BUSY_NOTHING, BUSY_TASKS, BUSY_GROUP, BUSIES };

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
    bool looks;         /* at its context before it returns, without asking */
    bool passes_on;     /* returns CODE_PASSED if what it has run was not OK */
    bool cancels_early; /* from afar, before it runs that group */
    bool adds_above;    /* a spare step to the group above */
    bool asks_busy;     /* waits for a group that waits for it, which is refused */
    bool long_sleep;    /* sleeps until somebody ends that */
    size_t block;       /* the same number: alike, and added by one call if it is even */

    struct history {
        tg_status add_status; /* TG_NOT_RUN: nobody has tried */
        tg_group *group;      /* of a task that was deferred */
        tg_task *handle;      /* of a hold, or of a submitted task */
        atomic_int starts, dones;
        bool told, found; /* in its last attempt; among what the group says that it has */
        bool seen; /* that its group has stopped, by looking at its context, in its last attempt */
        bool learned;       /* that its group has stopped, by what it has run */
        tg_status below;    /* what that came to */
        tg_status cancel;   /* what tg_task_cancel() answered; TG_NOT_RUN: nobody has tried */
        size_t done_number; /* of its on_done */
        atomic_bool taken;  /* back, by tg_group_cancel_task() */
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

    enum theme theme;
    unsigned flavour; /* of the theme */
    enum nest nest;
    int pool_threads;
    struct plan
        *pool_of;       /* whose pool it runs over: its own, or that of a plan above; NULL: none */
    bool binds;         /* a group in a task: its context is the task's */
    bool told, guarded; /* its tasks are told by a clock; crashes of its tasks are caught */
    bool impatient;     /* waits for a short time, again and again */
    bool meets;         /* another thread adds while it is started */
    enum before before;
    size_t stops_at; /* before the step of this number is added the group is cancelled; 0: not so */
    enum closing closing;
    bool backwards, sleepy; /* the handles are cancelled from the last one on; after some time */
    enum busy busy;
    unsigned round; /* of over_again, or MEETINGS */
    struct beside *beside;
    tg_status answer; /* of its last run */
    bool learned;     /* it has stopped, and not by itself: what is above it has */

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
        atomic_int cancelled_adds; /* among the late ones: that waited */
        atomic_bool cancelled, destroyed, done_failed;
        _Atomic(tg_status) lost; /* what an add was refused with that makes the batch incomplete */
        atomic_ulong losses;     /* LOSS() of all of them */
        _Atomic(tg_status) maybe_lost; /* the same, if it was not asked for: that cannot be told */
        bool never_begun;              /* an add before the run was refused so */
        bool known;                    /* that the group has stopped, before all adds */
        atomic_bool go;   /* what was submitted may be cancelled, and the pool closed */
        atomic_bool gate; /* is open */
        bool closes;      /* its answer was other than OK */
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

/* Of a status with which an add is refused. */
#define LOSS(status) (1ul << ((status) & 31))

static const double SHORT = 0.0003, LONG = 1000;
enum {
    CODE_TOLD = 99,
    CODE_FAILING = 7,
    CODE_CANCEL = 42,
    CODE_DONE = 55,
    CODE_AFAR = 43,
    CODE_PASSED = 44
};

/* knows.c: the abilities that are in use, and those that are, as text. */
unsigned program_knows(void);
const char *program_knows_text(void);

/* decode.c: a plan of the bytes; never fails. */
struct plan *program_decode(const unsigned char *bytes, size_t size);
void program_free(struct plan *plan);
/* text.c */
void program_print(FILE *file, const struct plan *plan);

/* play.c: runs it, here and now, and has it judged. */
void program_play(struct plan *plan, struct blame *blame);

/* judge.c: is what has happened one of the things that the contract allows? outside: its context,
   or what is above it, has stopped. */
void judge(struct plan *plan, tg_status answer, bool outside);
/* judge_order.c: do all that tell an order tell the same? */
void judge_order(struct plan *plan, tg_status answer);
/* judge_apart.c: the same for what is not a group of ours. */
void judge_submitted(struct plan *plan);
void judge_closed(struct plan *plan);
void judge_map(struct plan *plan, tg_status answer, bool outside);
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
