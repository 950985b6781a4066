/* SPDX-License-Identifier: MIT */
/* Plays a plan on the library: its groups, one within another. */
#include "play.h"

/* ---- Who waits for what -------------------------------------------------------------------- */

/* What the innermost run on this thread waits for; NULL: a task goes on, or nothing is known. */
static _Thread_local struct plan *waits_for;

/* A thread that waits runs tasks of what it waits for, and of what is below that. */
struct plan *enter_task(struct plan *plan)
{
    struct plan *waits = waits_for, *above = plan;

    while (above != NULL && above != waits)
        above = above->above;
    if ((program_knows() & KNOWS_POOLS) != 0)
        hold(plan, waits == NULL || above == waits);
    waits_for = NULL;
    return waits;
}

void leave_task(struct plan *waits)
{
    waits_for = waits;
}

/* ---- One group ----------------------------------------------------------------------------- */

static int play_body(tg_group *group, void *user)
{
    struct plan *plan = user;
    hold(plan, group == plan->group);
    add_steps(plan, plan->early, plan->initial);
    return 0;
}

static void *add_from_elsewhere(void *arg)
{
    struct plan *plan = arg;
    add_steps(plan, plan->early, plan->initial);
    hold(plan, tg_task_complete(plan->was.keeper, 0, NULL) == TG_OK);
    return NULL;
}

static tg_status run_with_adder(struct plan *plan)
{
    pthread_t thread;

    plan->was.keeper = tg_group_hold(plan->group, NULL);
    if (plan->was.keeper == NULL) { /* closed: its hold has failed by now */
        note_keeper(plan, tg_error_last()->status);
        return tg_group_run(plan->group);
    }
    hold(plan, pthread_create(&thread, NULL, add_from_elsewhere, plan) == 0);
    tg_status answer = tg_group_run(plan->group);
    pthread_join(thread, NULL);
    return answer;
}

static tg_status start_and_wait(struct plan *plan)
{
    tg_status status = tg_group_start(plan->group);
    if (status == TG_OK)
        status = tg_group_wait(plan->group, 0);
    while (status == TG_RUNNING)
        status = tg_group_wait(plan->group, plan->impatient ? SHORT : TG_FOREVER);
    return status;
}

static void *add_meanwhile(void *arg)
{
    struct plan *plan = arg;
    atomic_store(&plan->was.gate, true);
    for (int i = 0; !atomic_load(&plan->was.go); i++)
        if (i % 4096 == 4095) /* else it comes too late */
            sched_yield();
    for (volatile unsigned i = 0; i < (plan->flavour + plan->round) % MEETINGS * 500; i++)
        ;
    slow_memory(true);
    add_steps(plan, plan->early, plan->initial);
    slow_memory(false);
    return NULL;
}

/* No hold keeps it open: what comes too late for one run is kept for the next one. */
static tg_status start_and_meet(struct plan *plan)
{
    pthread_t thread;

    if (plan->above == NULL)
        take_turn(plan); /* the threads of the pool are there */
    hold(plan, pthread_create(&thread, NULL, add_meanwhile, plan) == 0);
    wait_until(atomic_load(&plan->was.gate)); /* it is there */
    atomic_store(&plan->was.go, true);
    tg_status answer = start_and_wait(plan);
    pthread_join(thread, NULL);
    return answer == TG_OK ? tg_group_run(plan->group) : answer;
}

static tg_status run_in_its_way(struct plan *plan)
{
    switch (plan->way) {
    case WAY_SCOPE:
        return tg_group_scope(plan->group, play_body, plan);
    case WAY_ADDER:
        return run_with_adder(plan);
    case WAY_START:
        return plan->meets ? start_and_meet(plan) : start_and_wait(plan);
    default:
        return tg_group_run(plan->group);
    }
}

void forget(struct plan *plan)
{
    memset(&plan->was, 0, sizeof plan->was);
    atomic_store(&plan->was.next, plan->initial);
    for (size_t i = 0; i < plan->total; i++) {
        memset(&plan->steps[i].was, 0, sizeof plan->steps[i].was);
        plan->steps[i].was.add_status = plan->steps[i].was.cancel = TG_NOT_RUN;
        atomic_store(&plan->steps[i].was.index, TG_NO_INDEX);
    }
    for (size_t i = 0; plan->caller_array && i < plan->options.capacity; i++)
        plan->results[i] = untouched(i);
}

/* Does the group of the plan, or the map, stop with the task around it? What comes too late for a
   start is run there. */
static bool stops_with(const struct plan *plan, tg_task *self)
{
    bool only_starts = plan->way == WAY_START && !plan->meets && plan->done != DONE_ADDS;
    return self != NULL && (!only_starts || plan->binds);
}

static bool has_stopped(tg_task *self)
{
    tg_context *context = tg_task_context(self);
    return context != NULL && tg_context_check(context) != TG_OK;
}

/* Has the plan stopped for what is not its own? Then what is above it has. */
static bool learns(const struct plan *plan, tg_task *self, tg_status answer, const tg_error *error)
{
    bool by_itself = atomic_load(&plan->was.cancelled) || atomic_load(&plan->was.destroyed) ||
                     plan->cancelled_before || plan->before != BEFORE_NOTHING ||
                     plan->options.timeout == SHORT;
    bool stopped = answer == TG_CANCELLED ||
                   (answer == TG_TIMED_OUT && error != NULL && error->index == TG_NO_INDEX);
    return (program_knows() & KNOWS_NESTED) != 0 && stopped && !by_itself && stops_with(plan, self);
}

static tg_context *make_parent(const struct plan *plan)
{
    tg_context *context = NULL;

    if (plan->before == BEFORE_DEADLINE) {
        context = tg_context_create(TG_CONTEXT(.timeout = SHORT / 10));
    } else if (plan->cancelled_before || plan->before == BEFORE_PARENT ||
               plan->before == BEFORE_NOTICED) {
        context = tg_context_create(NULL);
        tg_context_cancel(context, CODE_CANCEL, "beforehand");
    }
    return context;
}

static void stop_before(struct plan *plan)
{
    tg_context *context = tg_group_context(plan->group);

    if (plan->before == BEFORE_OWN)
        tg_context_cancel(context, CODE_CANCEL, "beforehand");
    if (plan->before == BEFORE_DEADLINE)
        wait_until(tg_context_check(context) == TG_TIMED_OUT);
    if (plan->before == BEFORE_NOTICED)
        hold(plan, tg_context_check(context) == TG_CANCELLED);
    plan->was.known = plan->before != BEFORE_NOTHING && plan->before != BEFORE_PARENT;
}

static void play_once(struct plan *plan, tg_task *self)
{
    bool outside = plan->cancelled_before || plan->before != BEFORE_NOTHING;

    forget(plan);
    stop_before(plan);
    add_steps(plan, 0, plan->early);
    plan->was.never_begun = atomic_load(&plan->was.lost) != TG_OK;
    tg_status answer = run_in_its_way(plan);
    for (int i = 0; plan->done == DONE_ADDS && i < 60 && answer == TG_OK; i++)
        answer = tg_group_run(plan->group); /* what on_done has added when it was over */
    await_elsewhere(plan->play);
    if (stops_with(plan, self))
        outside = outside || has_stopped(self);
    judge(plan, answer, outside);
    plan->answer = answer;
    if (atomic_load(&plan->was.destroyed))
        return;
    plan->learned = learns(plan, self, answer, tg_group_error(plan->group)) || plan->learned;
    hold(plan, tg_group_run(plan->group) == answer);
    oracle(plan, answer);
}

/* A group that is reset keeps its memory, and asks for none when it is met. */
static void renew(struct plan *plan, const tg_group_options *options)
{
    if (plan->meets) {
        tg_group_destroy(plan->group);
        plan->group = tg_group_create(options);
    } else {
        hold(plan, tg_group_reset(plan->group) == TG_OK);
    }
}

static void play_group(struct plan *plan, tg_task *self)
{
    tg_group_options options = plan->options;

    plan->results = plan->caller_array ? malloc(options.capacity * sizeof(uint64_t)) : NULL;
    plan->context = make_parent(plan);
    open_pool(plan);
    options.context = plan->binds && self != NULL ? tg_task_context(self) : plan->context;
    options.results = plan->results;
    options.on_done = plan->done != DONE_NONE ? play_done : NULL;
    options.user = plan;
    options.pool = plan->pool;
    options.shared = plan->shared != NULL ? plan->shared->limit : NULL;
    plan->group = tg_group_create(&options);
    hold(plan, plan->group != NULL);
    unsigned rounds = plan->meets ? MEETINGS : plan->over_again ? 2 : 1;
    for (plan->round = 0; plan->group != NULL && plan->round < rounds; plan->round++) {
        if (plan->round > 0)
            renew(plan, &options);
        play_once(plan, self);
    }
    if (!atomic_load(&plan->was.destroyed))
        tg_group_destroy(plan->group);
    close_pool(plan);
    tg_context_destroy(plan->context);
    free(plan->results);
}

static void play_map(struct plan *plan, tg_task *self)
{
    tg_group_options options = plan->options;
    size_t size = options.result_size;
    void *results = size > 0 ? calloc(plan->total + 1, size) : NULL;

    forget(plan);
    plan->context = make_parent(plan);
    open_pool(plan);
    options.result_size = 0;
    options.pool = plan->pool;
    options.context = plan->binds && self != NULL ? tg_task_context(self) : plan->context;
    plan->answer = tg_map_run(
        plan->total, play_step, plan->steps, sizeof *plan->steps, results, size, &options);
    const tg_error *error = plan->answer != TG_OK ? tg_error_last() : NULL;
    plan->learned = learns(plan, self, plan->answer, error);
    judge_map(plan, plan->answer, plan->cancelled_before || (self != NULL && has_stopped(self)));
    close_pool(plan);
    tg_context_destroy(plan->context);
    free(results);
}

/* ---- The whole ----------------------------------------------------------------------------- */

void run_plan(struct plan *plan, struct plan *above, tg_task *self)
{
    struct budget budget = {.most = plan->budget};

    plan->blame = above != NULL ? above->blame : plan->blame;
    plan->play = above != NULL ? above->play : plan->play;
    plan->shared = plan->below_shares ? above->shared : NULL;
    if (plan->budget > 0) {
        budget.limit = tg_limit_create(plan->budget);
        plan->shared = &budget;
    }
    struct plan *waits = waits_for;
    waits_for = plan;
    plan->learned = false;
    plan->answer = TG_OK;
    if (plan->way == WAY_SUBMIT)
        play_pool(plan);
    else if (plan->way == WAY_MAP)
        play_map(plan, self);
    else
        play_group(plan, self);
    waits_for = waits;
    if (plan->budget > 0) {
        hold(plan, tg_limit_used(budget.limit) == 0);
        hold(plan, atomic_load(&budget.most_used) <= budget.most);
        tg_limit_destroy(budget.limit);
    }
}

void program_play(struct plan *plan, struct blame *blame)
{
    struct play play;

    start_elsewhere(&play);
    plan->blame = blame;
    plan->play = &play;
    hold(plan, play.runs);
    run_plan(plan, NULL, NULL);
    end_elsewhere(&play);
}
