/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_GROUP_GROUP_H
#define TG_LIB_GROUP_GROUP_H
/*
 * What a group is made of, and what its files do for each other. group.c makes it, add.c and hold.c
 * fill it, run.c and serve.c run it, claim.c says what is next; timers.c, suspended.c, done.c and backpressure.c look after
 * tasks that wait for a time or for a completion, callbacks, and producers that wait; outcome.c and report.c read it for the user.
 */
#include <taskgroup/group.h>

#include "cancel/context.h"
#include "base/heap.h"
#include "cancel/hook.h"
#include "base/ids.h"
#include "sched/limit.h"
#include "sys/lock.h"
#include "sched/queue.h"
#include "group/owner.h"
#include "task/finish.h"
#include "task/runner.h"
#include "task/slow_path.h"
#include "sched/slots.h"
#include "sched/team.h"
#include "cancel/events.h"

#include <pthread.h>

struct tg_group {
    tg_context context; /* first: its memory is the group's, until the last child is gone */
    tg_group_options options;
    atomic_uint process; /* that made it, or has run it last */

    struct tg__lock lock; /* guards adding, and what follows up to the next blank line */
    struct tg__ids ids;
    bool running;
    bool destroy_pending; /* destroyed while running */
    bool watchable;       /* from before a run until it has ended */
    bool watched;         /* the hook is set: somebody looks after a group that sleeps */
    bool turned_away;     /* a task was refused since it had stopped: the run is incomplete */
    size_t waiting;       /* adds that wait for room: refused, too, if it stops */
    tg_status
        add_error; /* an add was refused: so is the run; or on_done or a body has failed after a stop */
    int add_error_code;
    size_t run_base;          /* tasks that the runs so far have dealt with */
    struct tg__heap timers;   /* tasks that wait for their time */
    size_t timers_background; /* of them: do not keep the group open */
    size_t timers_gone;       /* of them: taken back, and to be thrown out */
    size_t timers_starts;     /* of the others: have not started yet */
    size_t timers_placed;     /* of them: have a place in the queue, too */
    bool timers_dropped;      /* some still waited when a run ended */
    uint64_t timer_key;       /* the timer's time, as a key; UINT64_MAX: not set */
    size_t opened; /* tg_group_open() without tg_group_close(): so many of those that are `away` */
    atomic_size_t suspended; /* holds, and tasks on no thread that somebody is to complete */
    size_t heaviest;         /* weight of a task so far */
    tg_error error;          /* the last run's answer, if it is not a task's failure */
    char error_text[160];
    /* Open ones; where records are not recycled, completed ones too. */
    struct tg__hold *holds;

    struct tg__exec exec;
    struct tg__queue queue;
    struct tg__slots slots;
    struct tg__runq runq;
    struct tg__team *_Atomic team; /* while it runs; set and cleared under the lock */
    atomic_long grain;             /* tasks a bundle, as measured by who served last */

    /* claim.c */
    atomic_bool ordered; /* claims are made one at a time */
    struct tg__lock dispatch_lock;
    struct tg__heap ready; /* tasks that the head index passes by; under `turn` */
    atomic_size_t ready_count;
    atomic_size_t late;                   /* those that had to wait for a time */
    struct tg__limit_client limit_client; /* at the shared limit */

    /* timers.c */
    struct tg__timer timer;
    _Atomic uint64_t next_deadline; /* the first one's key; UINT64_MAX: none */
    atomic_bool expired;            /* nobody has looked since */
    tg_hook hook;

    /* backpressure.c */
    atomic_size_t outstanding; /* added and not ended, if the queue is bounded */
    atomic_bool in_body, body_waits;
    double patience;      /* of the body: until when it waits */
    atomic_int producers; /* that wait at the gate */
    pthread_mutex_t wait_lock;
    pthread_cond_t not_full;

    /* done.c */
    atomic_bool delivering;
    atomic_bool delivers;    /* who completes something calls on_done; else the next run does */
    atomic_size_t ends_seen; /* how often something has ended */
    atomic_size_t delivered; /* in order: indices below */
    atomic_size_t finished;  /* else: the last that has ended and waits, its index + 1; or 0 */
    atomic_size_t backlog;   /* of those: how many */
    atomic_int ahead;        /* servers that sleep at the gate until it is low, see done.c */
    pthread_cond_t backlog_low;

    struct tg__success {
        size_t rank, index;
    } *order; /* by completion; NULL: not asked for yet */
    size_t order_count;

    tg_scope_fn *body; /* of a scope, or NULL */
    void *body_user;
    bool reports; /* to stderr */

    const struct tg__owner *owner;
    void *owned_by;     /* what the owner's functions find by the group */
    bool persistent;    /* the owner's, near at hand */
    atomic_bool halted; /* nothing is claimed now */
    atomic_bool shut;   /* nothing is taken any more; set under the lock */
    int waiting_most;   /* producers that may wait at once; 0: no bound */

    /* attach.c: while it runs over a pool */
    tg_group *next_client, *previous_client; /* of the same team; its pool's */
    int helpers;              /* threads of the pool's that wait for its end; under `gate` */
    int attached;             /* TG__UNATTACHED …; under `gate` */
    size_t calls;             /* somebody may be able to end it; under `gate` */
    pthread_cond_t quiescent; /* one of these three has changed … */
    struct tg__attach_waiter *workers_waiting; /* … for workers that wait; under `gate` */
    bool detached;                             /* begun by tg_group_start(): it is below no task */
    struct tg__team *host_team;
    void *host_room;
    double begun;
    size_t from;
    bool started; /* ever */

    tg_status result;             /* of the last run */
    const tg_error *result_error; /* NULL: TG_OK */
    size_t skipped, ended;        /* of the settled ones */
    int threads_asked, threads;
    double wall;
};

static inline tg_group *tg__group_of(struct tg__runq *runq)
{
    return (tg_group *)(void *)((char *)runq - offsetof(tg_group, runq));
}

/* Under the lock, under which it begins and ends: so relaxed. */
static inline bool tg__group_is_live(tg_group *group)
{
    return atomic_load_explicit(&group->team, memory_order_relaxed) != NULL;
}

/* Under the lock. Does what an add was refused for count, or is there such a reason, or an answer, already? */
static inline bool tg__group_loses(const tg_group *group)
{
    return !group->persistent && group->add_error == TG_OK && group->result == TG_OK &&
           !atomic_load(&group->exec.enough);
}

/* ---- group.c ---- */

/* What users may not do with a pool's own group. TG_OK: it is the user's. */
tg_status tg__group_refuse_owned(const tg_group *group, const char *call);

/* tg_group_destroy() and tg_group_reset(), of a pool's own group too. */
void tg__group_destroy(tg_group *group);
tg_status tg__group_renew(tg_group *group);

void tg__group_free(tg_group *group);

/* In a child of fork(): of a group that ran, or was a pool's, in the parent. What runs, completes or frees its tasks is
   not there. */
bool tg__group_was_in_use(const tg_group *group);
static inline bool tg__group_is_parents(const tg_group *group)
{
    return atomic_load_explicit(&group->process, memory_order_relaxed) != tg__process_number() &&
           tg__group_was_in_use(group);
}

/* What calls on such a group answer. */
tg_status tg__group_refuse_parents(const char *call);

/* Frees such a group, but for what a thread of the parent was just changing: that stays. */
void tg__group_free_parents(tg_group *group);

/* Before one that was idle in the parent is used: no thread of the parent holds anything of it any more. */
void tg__group_adopt(tg_group *group);

/* ---- serve.c ---- */

/* Under the lock: is nothing left to run, to be completed or, if it has not stopped, to wait for a time? */
bool tg__group_is_done(tg_group *group, bool stopped);

/* What the team, the limit and the event thread call. */
void tg__group_init_run(tg_group *group);

/* What the thread that runs the group calls first; NULL: nothing. */
void tg__group_set_body(tg_group *group, tg_scope_fn *body, void *user);

/* Stops the group because something that is not a task has failed. */
void tg__group_call_off(tg_group *group, int code, const char *message);

/* Under the lock, of a watchable group: sees to it that a cancel or a deadline is noticed while it
 * sleeps. The event thread must have been started. */
void tg__group_watch(tg_group *group);

/* From any thread, without a lock: who runs the group looks again, whether it waits or has ended. */
void tg__group_notify_owner(tg_group *group);

/* Under the lock, of a live group: the run does not end before the release, which wakes up to
 * `many` threads for what has been published meanwhile. */
struct tg__pin {
    struct tg__team *team; /* NULL: it was not live */
    bool inside;           /* we are in one of its tasks, which holds it */
    bool none;             /* nobody is to be called */
};
struct tg__pin tg__group_pin(tg_group *group);

/* The same for who only has something to call for: no pin if nobody sleeps. */
struct tg__pin tg__group_pin_to_notify(tg_group *group);
void tg__group_unpin(tg_group *group, struct tg__pin pin, size_t many);

/* One `omp task` for these, in the calling thread. */
void tg__group_run_bundle(struct tg__worker *worker, tg_task *self, size_t first, size_t many);

/* ---- run.c ---- */

/*
 * A run in pieces: begin (TG_RUNNING: there is something to run, on a team with so many places, 0: from here; detached: it
 * may outlive the task around, of which nothing reaches it; all else is the answer), start, the team's part, end, which has the answer.
 */
tg_status tg__run_begin(
    tg_group *group, const char *call, tg_scope_fn *body, void *user, int places, bool detached);
double tg__run_start(tg_group *group);
tg_status tg__run_end(tg_group *group, double begun, size_t from, int threads);

/* All of it, here: tg_group_scope(), of a pool's own group too; `body` NULL: tg_group_run(). */
tg_status tg__run_here(tg_group *group, const char *call, tg_scope_fn *body, void *user);

/* Tasks that have had an end of their own so far. */
size_t tg__run_ended(struct tg__exec *exec);

/* tg__store_next() for a caller that does not hold the lock: takes it for the look. */
size_t tg__group_next(tg_group *group, size_t index, size_t end);

/* ---- attach.c ---- */

enum { TG__UNATTACHED, TG__ATTACHING, TG__ATTACHED, TG__DETACHING };

/* Does the group run over a pool from here? Then run it so. */
bool tg__attach_applies(const tg_group *group);
tg_status tg__attach_run(tg_group *group);

/* For who closes the pool: waits for the group's end, until that time; false: it has not ended. The group must have
   been taken by tg__attach_help_begin(), while it was certainly there. */
void tg__attach_help_begin(tg_group *group);
bool tg__attach_help(tg_group *group, double until);

/* It is to be destroyed: cancels and ends a run over a pool, if there is one. */
void tg__attach_finish(tg_group *group);

/* Is the calling thread in one of its tasks, or callbacks, while it runs over its pool? */
bool tg__attach_is_inside(tg_group *group);

/* ---- hold.c ---- */

/* Under the lock. Where records are recycled, the user's tg_task of the hold is freed. */
void tg__hold_completed(tg_group *group, const struct tg__view *task);

/* Frees the rest: the group is reset, or goes. */
void tg__hold_free_all(tg_group *group);

/* ---- claim.c ---- */

size_t tg__claim_ordered(tg_group *group, tg_task *self, int place, size_t want, size_t *first);

/*
 * Up to `want` tasks for the server at `place`: their number, 0 if there are none now. What they
 * take of the shared limit is in `self`, and says whether the head index gave them.
 */
static inline size_t tg__claim(
    tg_group *group, tg_task *self, int place, size_t want, size_t *first)
{
    self->apart = false;
    /* A claim that reads the older value takes from the head index only; the heap is under `turn`. */
    return atomic_load_explicit(&group->ordered, memory_order_acquire)
               ? tg__claim_ordered(group, self, place, want, first)
               : tg__queue_claim(&group->queue, place, want, tg__store_count(&group->exec.store),
                     !group->persistent, first);
}

/*
 * The place whose hand the server at `place` takes from. With a limit of 1 all take from the first:
 * what is put back there comes before the head index, whichever thread claims next. Only the thread
 * with the one slot claims or puts back.
 */
static inline int tg__claim_place(const tg_group *group, int place)
{
    return group->options.limit == 1 ? 0 : place;
}

/* Must they be made one at a time, so that the order is exact? */
static inline bool tg__claims_ordered(const tg_group_options *options)
{
    return options->shared != NULL || options->ahead != 0 || options->limit == 1;
}

/* Could somebody claim something? */
bool tg__claimable(tg_group *group);

/* Is something left that nobody has claimed, now or later? */
bool tg__claim_left(tg_group *group);

/* The order among tasks that the head index passes by. */
uint64_t tg__claim_key(const tg_group *group, int priority, bool optional);

/* Does the head index pass such tasks by? */
bool tg__claim_is_apart(const tg_group *group, int priority, bool optional);

/* Room for `many` of them must have been reserved, with the group's lock held. */
bool tg__claim_reserve(tg_group *group, size_t many);
void tg__claim_unreserve(tg_group *group, size_t many);
void tg__claim_put(tg_group *group, uint64_t key, size_t index);

/* The same for one that had to wait for its time: among those of its key they keep this order. */
void tg__claim_put_late(tg_group *group, uint64_t key, size_t index);

/* One that was claimed from there, and not started. */
void tg__claim_unclaim(tg_group *group, size_t index);

/* ---- timers.c ---- */

/* tg__exec.again: the task waits `delay` seconds, and then is ready. */
bool tg__timers_again(
    struct tg__exec *exec, const struct tg__view *task, size_t index, double delay);

/* Under the lock: the task waits in this state until `time`. Room must have been reserved. */
void tg__timers_push(
    tg_group *group, const struct tg__view *task, size_t index, unsigned char state, double time);

/* Under the lock: a task that waited has been dealt with otherwise. */
void tg__timers_forget(tg_group *group, const struct tg__view *task);

/* Under the lock: does somebody wait who keeps the group open? */
bool tg__timers_open(const tg_group *group);

/* Under the lock: nobody waits any more. */
void tg__timers_drop(tg_group *group);

/* Deals with some of those whose time has come: how many. */
size_t tg__timers_reap(tg_group *group);

/* Somebody is called when it is time, but not before `slack` seconds from now: 0 before threads sleep. */
void tg__timers_arm(tg_group *group, double slack);

void tg__timers_fire(struct tg__timer *timer);

/* ---- suspended.c ---- */

/* tg__exec.reserve, .away */
bool tg__pending_reserve(tg_task *self);
void tg__pending_suspend(tg_task *self, const struct tg__view *task);

/* Whose sleep is over. The first is called under the lock, the second without. */
struct tg__sleeper {
    struct tg__view task;
    struct tg__suspended *suspended;
    size_t index;
};
struct tg__sleeper tg__pending_wake(tg_group *group, const struct tg__view *task, size_t index);
void tg__pending_end_sleep(tg_group *group, struct tg__sleeper *sleeper, size_t many);

/* What a task that is away has left; the caller's now. Under the lock. */
struct tg__suspended *tg__pending_take(tg_group *group, size_t index);

/* One that was in this state, and waited to go on, or to start, is cancelled, or skipped; to tell `left` is the caller's.
   False: it has just been claimed. */
bool tg__pending_cancel(tg_group *group, const struct tg__view *task, unsigned char state);

/* One that waits for a time is taken out of that, under the lock; then nobody else comes by it, and without the lock
   what it has is given back. To cancel it, and to tell, is the caller's. */
struct tg__taken {
    unsigned char state; /* 0: it does not wait for a time */
    struct tg__suspended *suspended;
};
struct tg__taken tg__pending_take_out(tg_group *group, const struct tg__view *task, size_t index);
void tg__pending_give_back(tg_group *group, const struct tg__view *task, struct tg__taken taken);

/* ---- cancel.c ---- */

/* tg_group_cancel(); with a handle, of the task that still has that. */
tg_status tg__cancel_task(tg_group *group, size_t index, const struct tg__handle *handle);

/* ---- backpressure.c ---- */

/* Under the lock: is the queue full for who adds now? */
bool tg__backpressure_full(tg_group *group);

/* Is the calling thread in the group's body itself, where it can serve? */
bool tg__backpressure_in_body(const tg_group *group);

/* Is there room enough that a producer who helps goes back to work? */
bool tg__backpressure_low(tg_group *group);

/* With one thread, which is in the body, and no queue there is never any. */
bool tg__backpressure_none(tg_group *group);

/* Waits for room, until that time at most: TG_OK (there may be some), TG_FULL or TG_CANCELLED. */
tg_status tg__backpressure_wait(tg_group *group, double until);

/* Waits for a slot, and runs these tasks in the calling thread. */
void tg__backpressure_run(tg_group *group, size_t first, size_t many);

/* A task has ended, or all is over: who waits looks again. */
void tg__backpressure_notify(tg_group *group);

/* ---- done.c ---- */

/* tg__exec.left: a task has ended, and waits for on_done; or it is recycled. */
void tg__done_on_end(struct tg__exec *exec, const struct tg__view *task, size_t index);

/* tg__exec.ended: on_done for all that wait for it, unless somebody else is at it; and there is room. */
void tg__done_after_end(struct tg__exec *exec);

/* The same for what had no place in the queue: a hold, or a task that was dropped when it was added. */
void tg__done_deliver(tg_group *group);

/* tg__exec.gone: a task that was taken out of the queue, and has given its place back. */
void tg__done_on_cancelled_claim(struct tg__exec *exec, const struct tg__view *task, size_t index);

/* A place in the queue is free. */
void tg__done_make_room(tg_group *group);

/* tg__exec.passed, where records are recycled. */
void tg__done_on_skipped(struct tg__exec *exec, size_t index);

/*
 * Under the lock, where records are recycled. These stand apart and were just added: if the head index
 * has come to them it goes on behind them, and nobody need claim them. Else the records of holds
 * that a body opens on the only thread would stay for as long as the body runs.
 */
void tg__done_pass(tg_group *group, size_t first, size_t many);

/* The run is over: on_done for all settled ones from there that were never started. `for_good`: no run will tell what
   ends later, so who completes it does. */
void tg__done_rest(tg_group *group, size_t from, bool for_good);

/* ---- outcome.c ---- */

/* Under the lock, or while nobody else can change it. `over`: what is untouched was skipped. */
void tg__outcome_fill(tg_group *group, size_t index, bool over, tg_outcome *outcome);

/* ---- report.c ---- */

void tg__report_print(tg_group *group);

#endif
