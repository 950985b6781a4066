/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_GROUP_H
#define TASKGROUP_GROUP_H
/**
 * @file group.h
 * A group: an ordered batch of tasks that run and end together.
 *
 * Add tasks, run them all on the OpenMP team, read what became of each. Every task is one `omp task`
 * inside one parallel region:
 *  - in serial code the group opens that region, with OMP_NUM_THREADS threads (or `.threads`);
 *  - inside a parallel region (in a `single`, in every thread, in an `omp task`) it uses the team
 *    that is there: the caller serves its group, threads that wait at a barrier come and help;
 *  - inside a task of another group it shares that group's team;
 *  - with `.pool` it uses that pool's team, from wherever it is run.
 *
 * What happens to …                   the task     in flight         queued     the run answers
 *  a required task fails              FAILED       finish, see it    SKIPPED    FAILED, its error
 *  an optional task fails             FAILED       go on             go on      as the others say
 *  one fails, KEEP_GOING              FAILED       go on             go on      FAILED, the first's error
 *  one that may be tried again fails  (PENDING)    go on             go on      as its last attempt says
 *  a task is past its own time        TIMED_OUT    as for FAILED     as for …   TIMED_OUT, its error
 *  a task calls tg_task_abort()       FAILED       as for FAILED     as for …   FAILED, with a backtrace
 *  a task crashes, GUARD              CRASHED      as for FAILED     as for …   CRASHED, with a backtrace
 *  a task crashes, no guard           the program's own handler, by default its end
 *  an exception leaves a task (body, on_done, hook), or it ends its thread: abort(), whoever would catch it
 *  `.need` tasks have succeeded       -            finish, see it    SKIPPED    OK
 *  all ended, fewer succeeded         -            -                 -          FEWER, the last failure
 *  the context is cancelled           -            finish, see it    SKIPPED    CANCELLED, the cause
 *  the deadline passes                -            finish, see it    SKIPPED    TIMED_OUT
 *  all had ended OK before that       -            -                 -          OK
 *  on_done or a scope's body fails    -            finish, see it    SKIPPED    FAILED, its code
 * "Finish, see it": tg_task_check() tells them, hooks fire; nobody is interrupted. One that finishes with
 * 0 is OK and its result is valid, whenever that was. One that returns other than 0 after its group, or
 * anything above it, has stopped is CANCELLED, whether it asked or not, and never replaces the error that
 * stopped the group (in a group with TG_GROUP_SHIELD it is FAILED). Results of tasks that
 * have ended stay, the failing one's own too; slots of skipped ones are zero (in the caller's array:
 * untouched). Tasks that wait for their next attempt are CANCELLED when the group stops.
 *
 * Failures, ranks and calls of on_done (but for TG_GROUP_IN_ORDER) are in one order of completion; a failed
 * run's error is the required failure that is first in it.
 *
 * "Stopped" means that no task starts any more: the check is one atomic flag, looked at before each
 * start, so it does not depend on OMP_CANCELLATION; where that is on, `omp cancel taskgroup` is
 * issued too, in regions of ours.
 *
 * Exact accounting: once a run is over, ok + failed + timed_out + crashed + cancelled + skipped +
 * dropped == added, always.
 *
 * Order: tasks start in the order of adding, exactly so with one thread, a limit of 1, a shared
 * limit or priorities, else within (threads × 32) places. They end in any order. With grainsize 1 a
 * task never waits behind another one while a thread of the team is free; tasks that wait for each
 * other need as many threads.
 *
 * With one thread nothing starts while that thread is in a task. In a user's own region a thread
 * that is busy, or asleep in `taskwait` on libgomp, does not come to help.
 *
 * Crashes. With TG_GROUP_GUARD a signal that a task's own code raises on its own thread ends that
 * task: its frames are left as by longjmp(). While such a group runs, handlers of ours stand in
 * place of the program's, which still get every other signal of the kind; threads that have no alternate
 * signal stack have one of ours. Groups that run inside a guarded task are guarded too, so the innermost
 * task ends and the groups around it go on. Not guarded: bodies of scopes, callbacks, hooks. What a
 * guard cannot promise: what the task held stays held (locks, memory, files), what it was writing is half
 * written, the heap may be damaged if it crashed in malloc(); destructors of C++ frames do not run, and
 * a crash inside an OpenMP construct of the task's own leaves that runtime in an undefined state. Use
 * it to save the other tasks' results, not to go on as if nothing had happened.
 *
 * Fork. In a child of fork() new groups work, and groups that did not run at the fork. With libgomp, a group that
 * is run by the thread that came through the fork has one thread if the process had others: libgomp would wait for those
 * of the parent's team. With omp_pause_resource_all(omp_pause_hard) before the fork, where it leaves no other
 * thread, on a thread that the child makes, or over a pool of the child's it has a whole team; with libomp always. A group that
 * ran in the parent does not run in the child: whatever is to be run, added, completed or cancelled there is TG_CLOSED;
 * it can be looked at and destroyed. Shared limits are free there.
 */
#include <taskgroup/control.h>
#include <taskgroup/limit.h>
#include <taskgroup/outcome.h>
#include <taskgroup/task.h>

TG_BEGIN_DECLS

/** Flags of a group. */
enum {
    /** A required failure stops nothing: every task runs, every error is kept. */
    TG_GROUP_KEEP_GOING = 1u << 0,
    /** Of tasks with the same priority, required ones start before optional ones. */
    TG_GROUP_REQUIRED_FIRST = 1u << 1,
    /** on_done is called in the order of adding: an ordered stream (see `ahead`). */
    TG_GROUP_IN_ORDER = 1u << 2,
    /** A task's record is used again when it has ended: memory stays flat, however many are added
        during a scope, also beside a few tasks or holds that stay for long. What became of a task
        can then only be read in on_done, its result too; a hold is valid until it is completed; of
        failures that are not the run's own the first 1000 are kept; ids and caller's results are
        refused. Threads that are a thousand tasks ahead of a slow on_done sleep until half of these
        are done. A long stream also wants `.queue`, with
        TG_GROUP_IN_ORDER `.ahead`, and usually `.copy`. */
    TG_GROUP_RECYCLE = 1u << 3,
    /** Tasks, and groups that run in them, are not told when the group stops: what has started finishes
        undisturbed. */
    TG_GROUP_SHIELD = 1u << 4,
    /** Tasks that crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, stack overflow) end as
        TG_CRASHED, see "Crashes" above. */
    TG_GROUP_GUARD = 1u << 5,
    /** Start, end and rank of each task, and the report's busy time, are kept: some 60 ns a task. */
    TG_GROUP_TIMES = 1u << 6,
    /** Tasks have raw OpenMP tasks of their own (`omp task`, `taskloop`): idle threads of a region that the group, or
        the pool, opens wait in the OpenMP runtime, which shares those among them. Without it they run on the thread
        that spawned them, since the others sleep in the library. In both cases the raw tasks that a pool's task, or a task
        of a group with this flag, has spawned itself end before it counts as ended; all others before the run returns.
        The price: libomp's idle threads spin as it has them spin (KMP_BLOCKTIME), and help comes some microseconds
        later; and libomp 14 to 19 crashes where threads of your own, or pools with this flag, come and go: that is how
        it takes deferred tasks in regions of theirs, also without this library.
        In your own region, and in groups that run in a task or over a pool, the region decides. */
    TG_GROUP_RAW_TASKS = 1u << 7,
    /** The error of the run is that of the required task with the lowest index which fails, however
        many threads there are: tasks below it all run, and are told nothing; tasks above it do not
        start any more, and those that run finish. With TG_GROUP_KEEP_GOING all run. One above it that
        waits for its time is skipped when that has come. */
    TG_GROUP_FIRST_INDEX = 1u << 8
};

/** No place in the queue: an add finds room only if a thread can take the task at once. */
#define TG_QUEUE_NONE (-1L)

/**
 * Called once for every task when it has ended, skipped ones too: to free its argument, to use its
 * result, to show progress. One call at a time, by whichever thread comes; in order of ending, or of adding
 * with TG_GROUP_IN_ORDER. It may add tasks and run other groups. It is not inside a task. A group that
 * is destroyed without having run calls it for none.
 *
 * @param group   the group; @param outcome what became of the task, valid during the call.
 * @param user    tg_group_options.user.
 * @return 0; anything else stops the group, which then fails with that code (and TG_NO_INDEX).
 */
typedef int tg_done_fn(tg_group *group, const tg_outcome *outcome, void *user);

/**
 * The body of a scope: adds tasks that start while it goes on. tg_task_current(), tg_task_check()
 * and tg_task_fail() work in it as in a task.
 *
 * @param group the group; @param user as given to tg_group_scope().
 * @return 0; anything else stops the group, which then fails with that code.
 */
typedef int tg_scope_fn(tg_group *group, void *user);

/** No bound on the tasks in flight: the default. */
#define TG_UNLIMITED 0L
/** The library measures how long tasks take, and bundles short ones. */
#define TG_GRAIN_AUTO (-1L)

/**
 * Makes the state of one worker, on the thread that asks for it; see tg_task_local().
 *
 * @param worker its id; @param state out: what tg_task_local() answers; @param user tg_group_options.user.
 * @return 0; anything else: there is none, and the next task of this worker tries again.
 */
typedef int tg_worker_init_fn(int worker, void **state, void *user);

/** Frees it, when the run has ended, on the thread that has run the group. Parameters as above. */
typedef void tg_worker_fini_fn(int worker, void *state, void *user);

/** Options of a group. Zero is the default everywhere; write them as `TG_GROUP(.limit = 8)`. */
typedef struct tg_group_options {
    size_t size;    /**< bytes of this struct, as the caller's headers have it */
    unsigned flags; /**< TG_GROUP_… or 0 */
    int threads; /**< threads that serve the group at most; 0: OMP_NUM_THREADS, or the team that is there */
    long limit; /**< tasks in flight at most; 0 (TG_UNLIMITED): as many as threads */
    long
        grainsize; /**< tasks that one `omp task` carries, one after another; 0: 1; TG_GRAIN_AUTO: measured */
    double timeout; /**< seconds from the start of a run until it stops; 0: never */
    tg_context *
        context; /**< what the group hangs on; NULL: nothing. (A group in a task stops with it anyway) */
    size_t result_size; /**< bytes of a task's result slot; 0: no results */
    void *
        results; /**< the caller's own array of `capacity` slots, which must outlive the runs; NULL: the group's */
    size_t
        capacity; /**< slots of `results` (then required, and a bound); else slots to keep in one piece from the start */
    tg_limit *shared; /**< a budget shared with other groups, beside `limit`; NULL: none */
    long
        queue; /**< tasks that wait at most while the group runs, before add finds it full; 0: no bound; TG_QUEUE_NONE */
    size_t
        need; /**< successes that are enough: the group then stops, takes no more, and is OK whatever failed; fewer:
                 TG_FEWER. 0: all */
    size_t
        ahead; /**< with TG_GROUP_IN_ORDER: tasks that may be started, the oldest one counted, before its on_done. They are
                  in order of adding: priorities and TG_GROUP_REQUIRED_FIRST are refused; 0: no bound */
    tg_done_fn *on_done;            /**< called for every task; NULL: nothing */
    void *user;                     /**< for on_done, worker_init and worker_fini */
    tg_worker_init_fn *worker_init; /**< makes what tg_task_local() answers; NULL: nothing */
    tg_worker_fini_fn *worker_fini; /**< frees it; NULL: nothing */
    tg_pool *
        pool; /**< whose threads run the group; it must outlive the runs. In a task the group is below that task all the
                 same. NULL: the threads of who runs it */
    /**
     * When a run stops, on tg_time_now()'s clock, as by `timeout`; what has passed means at once; 0:
     * never. With `timeout` the earlier of the two holds.
     */
    double deadline;
    /** For messages and the report; copied; NULL: none. */
    const char *name;
    /**
     * Starts of tasks in a second at most, further attempts and periods included, at least 1e-6; 0:
     * any number.
     * Tasks that wait for their turn hold no thread and no place in `limit`.
     */
    double rate;
    /** With `rate`: starts that may come at once after a pause; 0: 1. */
    long burst;
} tg_group_options;

#ifndef __cplusplus
/** A pointer to group options, all zero but for what is named. C only; in C++ set the members. */
#define TG_GROUP(...) (&(const tg_group_options){.size = sizeof(tg_group_options), __VA_ARGS__})
#endif

/**
 * Makes an empty group.
 *
 * @param options NULL for all defaults: required tasks, no results, all threads, stop at the first failure.
 * @return the group, to be given back with tg_group_destroy(); NULL (see tg_error_last()) with
 *         TG_INVALID (negative or not-a-number values, a burst without rate, more than 8192 threads, `results` without `capacity` or `result_size`,
 *         TG_GROUP_IN_ORDER without on_done, `ahead` without TG_GROUP_IN_ORDER or with
 *         TG_GROUP_REQUIRED_FIRST, TG_GROUP_RECYCLE with `results` or `capacity`),
 *         TG_TOO_LARGE (capacity × result_size is more than can be addressed), TG_UNSUPPORTED (unknown flags, or options of
 *         a newer version that use what is new) or TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Thread safety: safe. Since: 0.1.
 */
TG_API TG_NODISCARD tg_group *tg_group_create(const tg_group_options *options);

/**
 * Frees the group with its results, errors and outcomes. If it is running it is cancelled instead,
 * takes no more tasks, and is freed when that run returns (which then answers TG_CANCELLED). One that runs over a
 * pool and is waited for by nobody is cancelled and waited for; in one of its own tasks or callbacks it is only
 * cancelled, and whoever waits for it destroys it.
 *
 * @param group NULL is harmless.
 * Context: anywhere but signal handlers, also inside one of its own tasks.
 * Thread safety: safe against a run; otherwise nobody may use the group any more. Since: 0.1.
 */
TG_API void tg_group_destroy(tg_group *group);

/**
 * Makes the group as new: no tasks, results, errors or cancel. Options stay, and memory for as many tasks.
 *
 * @param group the group.
 * @return TG_OK; TG_BUSY while it runs or a hold is open; TG_INVALID for NULL.
 * Context: anywhere but signal handlers. Thread safety: safe against a run; not against readers. Since: 0.1.
 */
TG_API tg_status tg_group_reset(tg_group *group);

/**
 * Adds a required task without name, id or result of its own.
 *
 * Before a run the task waits for it. While the group runs, tasks of the group (and any other
 * thread) may add: the new task starts as soon as a thread is free, never inside the call. An add
 * from outside that comes just after the run's end is kept for the next run.
 *
 * A refused add is remembered, so a batch never runs incompletely and add needs no check. After
 * TG_INVALID, TG_TOO_LARGE, TG_NO_MEMORY, or TG_FULL of the caller's result array, the next run refuses
 * with that status (and the one that goes on ends with it, unless it fails otherwise). After TG_CLOSED or
 * TG_CANCELLED of a group that was cancelled, or whose time was up, this run or the next one returns what
 * stopped it. Not remembered are refusals that were asked for (TG_FULL_REFUSE, `.patience`), TG_DUPLICATE,
 * and what comes after `.need` was reached.
 *
 * With `.queue`, while the group runs: who finds the queue full waits for room (the body of a scope
 * runs tasks meanwhile, another thread only waits), or what tg_task_options.when_full says. Tasks of
 * the group itself and on_done never wait and may exceed the bound, since they are what makes room. Holds
 * take no place in the queue; tasks that wait for their next attempt keep theirs.
 *
 * @param group    the group.
 * @param function the task's function.
 * @param arg      handed to it; const so that const input needs no cast.
 * @return TG_OK; TG_INVALID (group or function NULL); TG_FULL (the caller's result array has no slot left);
 *         TG_CLOSED (the group has failed, is known to be cancelled, is being destroyed, or runs in the parent process);
 *         TG_CANCELLED (it stopped while the call waited for room); TG_TOO_LARGE; TG_NO_MEMORY.
 * Context: anywhere but signal handlers. Blocks, or runs tasks, only with `.queue`. Thread safety: safe.
 * Since: 0.1.
 */
TG_API tg_status tg_group_add(tg_group *group, tg_task_fn *function, const void *arg);

/**
 * Adds a task with options.
 *
 * @param group    the group; @param function the task's function; @param arg handed to it.
 * @param options  NULL: as tg_group_add().
 * @param index    out: the task's index, TG_NO_INDEX on failure; NULL: not wanted.
 * @return as tg_group_add(); TG_DUPLICATE (the id is taken);
 *         TG_INVALID also for options that make no sense (a negative or not-a-number time, a priority out of
 *         bounds, a weight without shared limit, or beyond what the task around a run holds, an id or a `result` with TG_GROUP_RECYCLE); TG_TOO_LARGE also
 *         for a weight beyond the shared limit's budget, and for a `copy` that cannot be; TG_FULL with TG_FULL_REFUSE or after `.patience`;
 *         TG_UNSUPPORTED (unknown flags); TG_NO_SYSTEM (attempts with a backoff, and no event thread
 *         could be made). tg_group_add() says which are remembered.
 * Context: as tg_group_add(). Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_add_with(tg_group *group, tg_task_fn *function, const void *arg,
    const tg_task_options *options, size_t *index);

#ifndef __cplusplus
/** Adds a required task with a copy of its argument: `TG_ADD(group, solve, (struct block){i, j})`.
    C only. The argument is a variable, an element or a compound literal. */
#define TG_ADD(group, function, ...) \
    tg_group_add_with((group), (function), &__VA_ARGS__, TG_TASK(.copy = sizeof(__VA_ARGS__)), NULL)
#endif

/**
 * Adds `count` tasks that share a function: a loop. Uses 1 byte a task, not 24 (9 where one fails, and in
 * groups with on_done, a queue, times and the like), and no loop in the caller. Task i of them gets the
 * argument `items + i * stride`.
 *
 * @param group    the group.
 * @param function the function of all of them.
 * @param count    how many; 0 adds nothing.
 * @param items    the first argument; NULL: each gets NULL (see tg_task_index()).
 * @param stride   bytes from one argument to the next; 0: all get `items`.
 * @param options  hold for each; an id or a result is refused; with `.copy`, which must be the stride,
 *                 all items are copied. NULL: defaults.
 * @return as tg_group_add_with(): all are added or none. With a bounded queue they are added when there
 *         is room for one.
 * Context: as tg_group_add(). Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_add_many(tg_group *group, tg_task_fn *function, size_t count,
    const void *items, size_t stride, const tg_task_options *options);

/**
 * Runs every task that was added and has not run yet, and returns when all of them have ended and
 * nothing of the group is in flight. The calling thread works too. An empty group is TG_OK.
 *
 * Run again: with no new tasks, the same answer; after TG_OK, the tasks added since; after anything
 * else the group is closed, and answers the same until tg_group_reset().
 *
 * @param group the group.
 * @return TG_OK: every required task is OK (look at tg_group_error_next() for optional ones);
 *         TG_FAILED, TG_CRASHED, TG_TIMED_OUT with an index in the error: what the first required
 *         failure was; TG_CANCELLED, TG_TIMED_OUT without one: stopped from outside, and
 *         something was left undone, or an add refused; TG_FEWER: `.need` was not reached; TG_BUSY: it runs already;
 *         TG_CLOSED: its pool is closed, or it runs in the parent process, or its pool does;
 *         TG_INVALID (NULL, an add was, or a task weighs more than the task around the run holds);
 *         TG_NO_MEMORY, TG_TOO_LARGE, TG_UNSUPPORTED, TG_NO_SYSTEM: nothing ran, either because of a
 *         lost add or because there is no room for the results (then run may be tried again).
 * Context: serial code, a parallel region (one thread, or each its own group), an `omp task`, a
 * task of another group; not a signal handler. A group's own task that runs it is answered TG_BUSY.
 * Thread safety: safe. Since: 0.1.
 */
TG_API tg_status tg_group_run(tg_group *group);

/**
 * The group's own context: cancel it to stop the group from anywhere.
 *
 * @param group the group.
 * @return the context, valid as long as the group; reset makes it uncancelled. NULL for NULL.
 * Context: anywhere. Thread safety: safe. Since: 0.1.
 */
TG_API tg_context *tg_group_context(tg_group *group);

/**
 * The `.user` that the group was made with; inside a task: `tg_group_user(tg_task_group(self))`.
 *
 * @param group the group.
 * @return the pointer; NULL for NULL.
 * Context: anywhere. Thread safety: safe. Since: 0.2.
 */
TG_API void *tg_group_user(const tg_group *group);

/**
 * Runs the group with a body that adds tasks meanwhile: they start as soon as a thread and a slot
 * are free, not when somebody waits. When the body has returned, the thread that called it
 * works too. Returns, as tg_group_run() does, when all tasks have ended.
 *
 * With one thread, tasks start when the body waits: in an add to a full queue, or at its end.
 *
 * Over a pool the body runs on the calling thread, and the pool's threads serve: an add to a full
 * queue waits there without running tasks, and TG_FULL_RUN with `.limit` waits, too.
 *
 * @param group the group; tasks may have been added before.
 * @param body  called once, on the calling thread.
 * @param user  handed to it.
 * @return as tg_group_run(); TG_FAILED also if the body returned other than 0; TG_INVALID if it is
 *         NULL.
 * Context: as tg_group_run(). Thread safety: safe. Since: 0.1; over a pool: 0.2.
 */
TG_API tg_status tg_group_scope(tg_group *group, tg_scope_fn *body, void *user);

/**
 * Cancels the group: nothing of it starts any more, its tasks and everything below them are told to
 * stop. It ends when what is in flight has ended.
 *
 * The first cause wins: a later one changes nothing. Before a run it is that run which is cancelled.
 *
 * @param group  the group.
 * @param code   the caller's code, to be read in tg_group_error().
 * @param reason a sentence without a full stop, copied up to 127 bytes; NULL: "cancelled".
 * @return TG_OK; TG_INVALID: NULL; TG_BUSY: it is a pool's own group (see tg_pool_close()).
 *         tg_error_last() does not change.
 * Context: anywhere, also in a signal handler: it takes no lock and allocates nothing.
 * Thread safety: safe. Since: 0.2.
 */
TG_API tg_status tg_group_cancel(tg_group *group, int code, const char *reason);

TG_END_DECLS
#endif
