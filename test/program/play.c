/* SPDX-License-Identifier: MIT */
/* Plays a plan on the library, and writes down what happens. */
#include "program.h"
#include <signal.h>
#include <unistd.h>

/* ---- Elsewhere: one thread beside the team, which completes and cancels ----------------------- */

enum job_kind { JOB_COMPLETE, JOB_HOLD, JOB_CANCEL };

struct job {
    enum job_kind kind;
    struct step *step;
    size_t index;
    struct job *next;
};

struct play {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, *last;
    bool busy, over;
};

static void push_job(struct step *step, enum job_kind kind, size_t index)
{
    struct play *play = step->plan->play;
    struct job *job = malloc(sizeof *job);

    *job = (struct job){kind, step, index, NULL};
    pthread_mutex_lock(&play->lock);
    *(play->first == NULL ? &play->first : &play->last->next) = job;
    play->last = job;
    pthread_cond_broadcast(&play->changed);
    pthread_mutex_unlock(&play->lock);
}

static void give_shared_back(struct plan *plan, const struct step *step);

static tg_group *group_of(const struct step *step, tg_task *self)
{
    return step->plan->way == WAY_SUBMIT ? tg_task_group(self) : step->plan->group;
}

static void do_job(const struct job *job)
{
    struct step *step = job->step;
    struct plan *plan = step->plan;
    const char *message = step->code != 0 ? "from elsewhere" : NULL;

    switch (job->kind) {
    case JOB_COMPLETE:
        atomic_fetch_sub(&plan->was.in_flight, 1);
        give_shared_back(plan, step);
        hold(plan, tg_group_complete(plan->group, job->index, step->code, message) == TG_OK);
        if (step->attempts == 0 && step->period <= 0 &&
            !plan->doomed) /* nobody has started it again */
            hold(plan, tg_group_complete(plan->group, job->index, 1, NULL) == TG_DONE);
        break;
    case JOB_HOLD:
        hold(plan, tg_task_complete(step->was.handle, step->code, message) == TG_OK);
        break;
    case JOB_CANCEL:
        tg_context_cancel(tg_group_context(plan->group), CODE_AFAR, "from elsewhere");
        break;
    }
}

static void *work_elsewhere(void *arg)
{
    struct play *play = arg;

    pthread_mutex_lock(&play->lock);
    while (!play->over || play->first != NULL) {
        struct job *job = play->first;
        if (job == NULL) {
            pthread_cond_wait(&play->changed, &play->lock);
            continue;
        }
        play->first = job->next;
        play->busy = true;
        pthread_mutex_unlock(&play->lock);
        do_job(job);
        free(job);
        pthread_mutex_lock(&play->lock);
        play->busy = false;
        pthread_cond_broadcast(&play->changed);
    }
    pthread_mutex_unlock(&play->lock);
    return NULL;
}

/* No job is left that could still touch a group. */
static void await_elsewhere(struct play *play)
{
    pthread_mutex_lock(&play->lock);
    while (play->first != NULL || play->busy)
        pthread_cond_wait(&play->changed, &play->lock);
    pthread_mutex_unlock(&play->lock);
}

/* ---- Adding -------------------------------------------------------------------------------- */

static int play_step(tg_task *self, void *arg, void *result);

static tg_task_options options_of(const struct step *step)
{
    return (tg_task_options){.size = sizeof(tg_task_options),
        .flags =
            (step->optional ? TG_TASK_OPTIONAL : 0) | (step->background ? TG_TASK_BACKGROUND : 0),
        .priority = step->priority,
        .attempts = step->attempts,
        .backoff = step->backoff,
        .timeout = step->timeout,
        .weight = step->weight,
        .when_full = step->when_full,
        .delay = step->delay,
        .period = step->period};
}

/* Which answers an add may have; those that leave the batch incomplete are remembered. */
static void note_add(struct step *step, size_t many, tg_status status)
{
    struct plan *plan = step->plan;

    for (size_t i = 0; i < many; i++)
        step[i].was.add_status = status;
    if (status == TG_FULL)
        atomic_fetch_add(&plan->was.full, 1);
    else if (status == TG_CLOSED || status == TG_CANCELLED)
        atomic_fetch_add(&plan->was.late, 1);
    tg_status none = TG_OK; /* the first one stays */
    bool refuses = plan->options.queue != 0 && step->when_full == TG_FULL_REFUSE;
    if (status > TG_DONE || (status == TG_FULL && plan->caller_array && !refuses))
        atomic_compare_exchange_strong(&plan->was.lost, &none, status);
    if (status == TG_FULL)
        hold(plan, plan->caller_array || refuses);
    if (status == TG_TOO_LARGE)
        hold(plan, plan->shared != NULL && step->weight > plan->shared->most);
    else if (status == TG_INVALID) /* than the task around holds */
        hold(plan, plan->below_shares && step->weight > 1);
    else
        hold(plan,
            status == TG_OK || status == TG_FULL || status == TG_CLOSED || status == TG_CANCELLED);
}

static void add_hold(struct step *step)
{
    tg_task_options options = {
        .size = sizeof options, .flags = step->optional ? TG_TASK_OPTIONAL : 0};
    tg_task *handle = tg_group_hold(step->plan->group, &options);

    step->was.handle = handle;
    note_add(step, 1, handle != NULL ? TG_OK : tg_error_last()->status);
    if (handle != NULL) {
        atomic_store(&step->was.index, tg_task_index(handle));
        push_job(step, JOB_HOLD, 0);
    }
}

static void add_one(struct step *step, tg_task *self)
{
    tg_task_options options = options_of(step);
    size_t index;

    if (step->ending == END_HOLD) {
        add_hold(step);
        return;
    }
    step->was.add_status = TG_OK; /* by who starts it: it may run before we know */
    tg_status status = tg_group_add_with(group_of(step, self), play_step, step, &options, &index);
    if (status != TG_OK)
        note_add(step, 1, status);
    hold(step->plan, (index == TG_NO_INDEX) == (status != TG_OK));
}

/* Steps from `from` up to `to`, alike ones by one call. */
static void add_steps(struct plan *plan, size_t from, size_t to)
{
    for (size_t i = from, many; i < to; i += many) {
        struct step *step = &plan->steps[i];
        tg_task_options options = options_of(step);
        for (many = 1; i + many < to && step[many].block == step->block;)
            many++;
        if (many == 1 || step->block % 2 == 1) {
            for (size_t k = 0; k < many; k++)
                add_one(&step[k], NULL);
            continue;
        }
        for (size_t k = 0; k < many; k++)
            step[k].was.add_status = TG_OK;
        tg_status status =
            tg_group_add_many(plan->group, play_step, many, step, sizeof *step, &options);
        if (status != TG_OK)
            note_add(step, many, status);
    }
}

static void add_spare(struct plan *plan, tg_task *self)
{
    size_t next = atomic_fetch_add(&plan->was.next, 1);
    if (next < plan->total)
        add_one(&plan->steps[next], self);
}

/* ---- One task ------------------------------------------------------------------------------ */

static void raise_most(atomic_size_t *most, size_t now)
{
    size_t seen = atomic_load(most);
    while (now > seen && !atomic_compare_exchange_weak(most, &seen, now))
        ;
}

static void take_shared(struct plan *plan, const struct step *step)
{
    size_t weight = step->weight > 0 ? step->weight : 1;
    if (plan->shared != NULL)
        raise_most(
            &plan->shared->most_used, weight + atomic_fetch_add(&plan->shared->used, weight));
}

static void give_shared_back(struct plan *plan, const struct step *step)
{
    if (plan->shared != NULL)
        atomic_fetch_sub(&plan->shared->used, step->weight > 0 ? step->weight : 1);
}

static void enter(struct plan *plan, const struct step *step, int worker)
{
    raise_most(&plan->was.most_in_flight, 1 + atomic_fetch_add(&plan->was.in_flight, 1));
    take_shared(plan, step);
    if (worker >= 0 && worker < MOST_WORKERS)
        hold(plan, !atomic_exchange(&plan->was.workers[worker], true));
}

/* Still in flight if it is pending. */
static void leave(struct plan *plan, const struct step *step, int worker, bool pending)
{
    if (worker >= 0 && worker < MOST_WORKERS)
        atomic_store(&plan->was.workers[worker], false);
    if (pending)
        return;
    atomic_fetch_sub(&plan->was.in_flight, 1);
    give_shared_back(plan, step);
}

static void use_result(struct plan *plan, const struct step *step, void *result, bool first)
{
    uint64_t *slot = result;

    if (plan->options.result_size == 0) {
        hold(plan, slot == NULL);
        return;
    }
    if (first && !plan->caller_array)
        hold(plan, *slot == 0);
    *slot = value_of(step);
}

static void run_plan(struct plan *plan, struct plan *above, tg_task *self);

/* By its index: who that is only the group knows. */
static void take_back_next(struct step *step, tg_task *self)
{
    struct plan *plan = step->plan;
    size_t index = tg_task_index(self) + 1;
    tg_status status = tg_group_cancel(group_of(step, self), index);
    tg_outcome outcome;

    hold(plan, status == TG_OK || status == TG_DONE || status == TG_BUSY || status == TG_INVALID);
    if (status != TG_OK)
        return;
    atomic_fetch_add(&plan->was.taken, 1);
    if (plan->way == WAY_SUBMIT)
        return;
    outcome = outcome_of(plan->group, index);
    struct step *taken = outcome.arg;
    if (taken != NULL && taken->period == 0 && !atomic_exchange(&taken->was.taken, true))
        taken->was.starts_when_taken = atomic_load(&taken->was.starts);
}

static void do_deeds(struct step *step, tg_task *self)
{
    struct plan *plan = step->plan;

    for (size_t i = 0; i < step->adds; i++)
        add_spare(plan, self);
    if (step->below != NULL && atomic_load(&step->was.starts) == 1) {
        give_shared_back(plan, step); /* lent */
        run_plan(step->below, plan, self);
        take_shared(plan, step);
    }
    if (step->cancels) {
        atomic_store(&plan->was.cancelled, true);
        tg_context_cancel(tg_group_context(plan->group), CODE_CANCEL, "as planned");
    }
    if (step->cancels_from_afar && !plan->doomed) {
        atomic_store(&plan->was.cancelled, true);
        push_job(step, JOB_CANCEL, 0);
    }
    if (step->takes_back)
        take_back_next(step, self);
    if (step->destroys && !atomic_exchange(&plan->was.destroyed, true))
        tg_group_destroy(plan->group);
    if (step->period > 0 && atomic_load(&step->was.starts) > step->failures)
        tg_task_stop(self);
}

/* The code that the function returns. */
static int end_step(struct step *step, tg_task *self, int worker)
{
    struct plan *plan = step->plan;
    int starts = atomic_load(&step->was.starts), code = step->code;
    size_t index = tg_task_index(self);

    bool failing = step->attempts != 0 && starts <= step->failures;

    if (failing)
        code = CODE_FAILING;
    else if (step->ending == END_DEFER && plan->way != WAY_SUBMIT) {
        leave(plan, step, worker, true);
        step->was.returned = step->code;
        int pending = tg_task_defer(self);
        push_job(step, JOB_COMPLETE, index);
        return pending;
    } else if (step->ending == END_DEFER_SELF) {
        int pending = tg_task_defer(self);
        leave(plan, step, worker, false);
        step->was.returned = code;
        hold(plan, tg_group_complete(group_of(step, self), index, code, NULL) == TG_OK);
        return pending;
    } else if (step->ending == END_SLEEP) {
        leave(plan, step, worker, false);
        step->was.returned = 0;
        return tg_task_sleep(self, (double)(starts % 3) * 0.0001);
    }
    if (step->ending == END_WHEN_TOLD)
        wait_until(tg_task_check(self) != TG_OK);
    step->was.told = step->ending == END_WHEN_TOLD || (step->asks && tg_task_check(self) != TG_OK);
    if (step->was.told && index % 2 == 0)
        code = CODE_TOLD;
    step->was.returned = code;
    leave(plan, step, worker, false);
    if (step->ending == END_ABORT && code != 0)
        tg_task_abort(code, "gave up at start %d", starts);
    if (step->ending == END_CRASH && !failing) {
        step->was.returned = 0;
        raise(SIGFPE);
    }
    return code;
}

static int play_step(tg_task *self, void *arg, void *result)
{
    struct step *step = arg;
    struct plan *plan = step->plan;
    int starts = 1 + atomic_fetch_add(&step->was.starts, 1), worker = tg_task_worker(self);
    size_t none = TG_NO_INDEX, index = tg_task_index(self);

    hold(plan, atomic_compare_exchange_strong(&step->was.index, &none, index) || none == index);
    hold(plan, step->attempts == 0 || tg_task_attempt(self) == starts);
    hold(plan, tg_task_current() == self && worker >= 0);
    enter(plan, step, worker);
    use_result(plan, step, result, starts == 1);
    do_deeds(step, self);
    return end_step(step, self, worker);
}

/* ---- on_done ------------------------------------------------------------------------------- */

/* Holds have no argument: by their index. NULL: the hold that is our own. */
static struct step *step_of(struct plan *plan, const tg_outcome *outcome)
{
    if (outcome->arg != NULL)
        return outcome->arg;
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].ending == END_HOLD &&
            atomic_load(&plan->steps[i].was.index) == outcome->index)
            return &plan->steps[i];
    return NULL;
}

static int play_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct plan *plan = user;
    struct step *step = step_of(plan, outcome);
    size_t number = atomic_fetch_add(&plan->was.delivered, 1);

    hold(plan, group == plan->group && tg_task_current() == NULL);
    hold(plan, atomic_fetch_add(&plan->was.delivering, 1) == 0);
    if ((plan->options.flags & TG_GROUP_IN_ORDER) != 0)
        hold(plan, outcome->index == number);
    if (step != NULL) {
        hold(plan, atomic_fetch_add(&step->was.dones, 1) == 0);
        step->was.done_outcome = *outcome;
        if (plan->options.result_size > 0 && atomic_load(&step->was.starts) > 0)
            hold(plan, *(uint64_t *)outcome->result == value_of(step));
    }
    if (plan->done == DONE_ADDS && number < plan->done_at + 1)
        add_spare(plan, NULL);
    atomic_fetch_sub(&plan->was.delivering, 1);
    if (plan->done != DONE_FAILS || number != plan->done_at)
        return 0;
    atomic_store(&plan->was.done_failed, true);
    return CODE_DONE;
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
        atomic_fetch_add(&plan->was.late, 1);
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
    return status == TG_RUNNING ? tg_group_wait(plan->group, TG_FOREVER) : status;
}

static tg_status run_in_its_way(struct plan *plan)
{
    switch (plan->way) {
    case WAY_SCOPE:
        return tg_group_scope(plan->group, play_body, plan);
    case WAY_ADDER:
        return run_with_adder(plan);
    case WAY_START:
        return start_and_wait(plan);
    default:
        return tg_group_run(plan->group);
    }
}

static void forget(struct plan *plan)
{
    memset(&plan->was, 0, sizeof plan->was);
    atomic_store(&plan->was.next, plan->initial);
    for (size_t i = 0; i < plan->total; i++) {
        memset(&plan->steps[i].was, 0, sizeof plan->steps[i].was);
        plan->steps[i].was.add_status = TG_NOT_RUN;
        atomic_store(&plan->steps[i].was.index, TG_NO_INDEX);
    }
    for (size_t i = 0; plan->caller_array && i < plan->options.capacity; i++)
        plan->results[i] = untouched(i);
}

static void play_once(struct plan *plan, tg_task *self)
{
    bool outside = plan->cancelled_before;

    forget(plan);
    add_steps(plan, 0, plan->early);
    plan->was.never_begun = atomic_load(&plan->was.lost) != TG_OK;
    tg_status answer = run_in_its_way(plan);
    for (int i = 0; plan->done == DONE_ADDS && i < 60 && answer == TG_OK; i++)
        answer = tg_group_run(plan->group); /* what on_done has added when it was over */
    await_elsewhere(plan->play);
    if (self != NULL) {
        tg_context *context = tg_task_context(self);
        outside = outside || (context != NULL && tg_context_check(context) != TG_OK);
    }
    judge(plan, answer, outside);
    if (atomic_load(&plan->was.destroyed))
        return;
    hold(plan, tg_group_run(plan->group) == answer);
    oracle(plan, answer);
}

static void play_group(struct plan *plan, tg_task *self)
{
    tg_group_options options = plan->options;

    plan->results = plan->caller_array ? malloc(options.capacity * sizeof(uint64_t)) : NULL;
    plan->context = plan->cancelled_before ? tg_context_create(NULL) : NULL;
    if (plan->cancelled_before)
        tg_context_cancel(plan->context, CODE_CANCEL, "beforehand");
    if (plan->way == WAY_POOL || plan->way == WAY_START)
        plan->pool = tg_pool_create(TG_POOL(.threads = 2));
    options.context = plan->context;
    options.results = plan->results;
    options.on_done = plan->done != DONE_NONE ? play_done : NULL;
    options.user = plan;
    options.pool = plan->pool;
    options.shared = plan->shared != NULL ? plan->shared->limit : NULL;
    plan->group = tg_group_create(&options);
    hold(plan, plan->group != NULL);
    for (int i = 0; plan->group != NULL && i <= plan->over_again; i++) {
        hold(plan, i == 0 || tg_group_reset(plan->group) == TG_OK);
        play_once(plan, self);
    }
    if (!atomic_load(&plan->was.destroyed))
        tg_group_destroy(plan->group);
    tg_pool_destroy(plan->pool);
    tg_context_destroy(plan->context);
    plan->pool = NULL;
    free(plan->results);
}

/* ---- Tasks of a pool ----------------------------------------------------------------------- */

static void submit_all(struct plan *plan)
{
    for (size_t i = 0; i < plan->initial; i++) {
        struct step *step = &plan->steps[i];
        tg_task_options options = options_of(step);
        step->was.add_status = TG_OK;
        tg_status status = tg_pool_submit(plan->pool, play_step, step, &options, &step->was.handle);
        if (status != TG_OK)
            note_add(step, 1, status);
        hold(plan, (step->was.handle == NULL) == (status != TG_OK));
    }
}

static void play_pool(struct plan *plan)
{
    size_t abandoned = 1;

    plan->pool =
        tg_pool_create(TG_POOL(.flags = plan->options.flags, .threads = plan->options.threads,
            .limit = plan->options.limit, .queue = plan->options.queue));
    hold(plan, plan->pool != NULL);
    forget(plan);
    submit_all(plan);
    for (size_t i = 0; i < plan->initial; i++)
        if (plan->steps[i].was.handle != NULL)
            hold(plan, tg_task_wait(plan->steps[i].was.handle, TG_FOREVER) < TG_NOT_RUN);
    hold(plan, tg_pool_close(plan->pool, TG_FOREVER, &abandoned) == TG_OK && abandoned == 0);
    judge_submitted(plan);
    tg_pool_destroy(plan->pool);
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void run_plan(struct plan *plan, struct plan *above, tg_task *self)
{
    struct budget budget = {.most = plan->budget};

    plan->blame = above != NULL ? above->blame : plan->blame;
    plan->play = above != NULL ? above->play : plan->play;
    plan->shared = plan->below_shares ? above->shared : NULL;
    if (plan->budget > 0) {
        budget.limit = tg_limit_create(plan->budget);
        plan->shared = &budget;
    }
    if (plan->way == WAY_SUBMIT)
        play_pool(plan);
    else
        play_group(plan, self);
    if (plan->budget > 0) {
        hold(plan, tg_limit_used(budget.limit) == 0);
        hold(plan, atomic_load(&budget.most_used) <= budget.most);
        tg_limit_destroy(budget.limit);
    }
}

void program_play(struct plan *plan, struct blame *blame)
{
    struct play play = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

    plan->blame = blame;
    plan->play = &play;
    hold(plan, pthread_create(&play.thread, NULL, work_elsewhere, &play) == 0);
    run_plan(plan, NULL, NULL);
    pthread_mutex_lock(&play.lock);
    play.over = true;
    pthread_cond_broadcast(&play.changed);
    pthread_mutex_unlock(&play.lock);
    pthread_join(play.thread, NULL);
}
