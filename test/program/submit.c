/* SPDX-License-Identifier: MIT */
/* The tasks of a pool, with handles: run to their ends, or cancelled by one thread while another
   one closes the pool. */
#include "play.h"
#include "../unit/pools.h"

static void submit_steps(struct plan *plan, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct step *step = &plan->steps[i];
        tg_task_options options = options_of(step);
        step->was.add_status = TG_OK;
        tg_status status = tg_pool_submit(plan->pool, play_step, step, &options, &step->was.handle);
        if (status != TG_OK)
            note_add(step, 1, status);
        hold(plan, (step->was.handle == NULL) == (status != TG_OK));
    }
}

static void play_to_the_end(struct plan *plan)
{
    size_t abandoned = 1;

    submit_steps(plan, 0, plan->initial);
    for (size_t i = 0; i < plan->initial; i++)
        if (plan->steps[i].was.handle != NULL)
            hold(plan, tg_task_wait(plan->steps[i].was.handle, TG_FOREVER) < TG_NOT_RUN);
    hold(plan, tg_pool_close(plan->pool, TG_FOREVER, &abandoned) == TG_OK && abandoned == 0);
    judge_submitted(plan);
    tg_pool_destroy(plan->pool);
}

/* ---- Beside a close ------------------------------------------------------------------------ */

/* No number has gone below zero: then it is larger than any other. */
static void look_at_numbers(struct plan *plan)
{
    const size_t most = (size_t)1 << 40;

    if (plan->closing == CLOSE_DESTROYS)
        return;
    tg_pool_numbers n = numbers_of(plan->pool);
    hold(plan, n.queued < most && n.pending < most && n.submitted < most && n.ok < most);
    hold(plan, n.failed < most && n.cancelled < most && n.abandoned < most && n.dropped < most);
    hold(plan, n.running >= 0 && n.free >= 0 && n.running + n.free == n.threads && n.waiters >= 0);
}

static void cancel_handle(struct step *step)
{
    tg_status status = tg_task_cancel(step->was.handle);

    hold(step->plan, status == TG_OK || status == TG_DONE || status == TG_BUSY);
    step->was.cancel = status;
    step->was.starts_when_taken = atomic_load(&step->was.starts);
}

/* What is submitted before anything is cancelled. */
static size_t first_part(const struct plan *plan)
{
    return plan->closing == CLOSE_DESTROYS ? plan->initial : plan->initial - plan->initial / 4;
}

/* Until the close has come to the tasks that it ends itself; not for ever: it may wait for what we
   end. */
static void await_close(struct plan *plan)
{
    for (int i = 0; i < 5000 && plan->closing != CLOSE_DESTROYS; i++) {
        tg_pool_numbers n = numbers_of(plan->pool);
        if (n.cancelled + n.abandoned > 0)
            return;
    }
}

static void *cancel_handles(void *arg)
{
    struct plan *plan = arg;
    size_t many = first_part(plan);

    wait_until(atomic_load(&plan->was.go));
    if (plan->closing == CLOSE_BY_CONTEXT) {
        tg_context_cancel(plan->context, CODE_CANCEL, "the pool's");
        if (plan->sleepy)
            nap_for(0.0002);
    }
    if (plan->backwards)
        await_close(plan); /* and come towards it */
    for (size_t i = 0; i < many; i++) {
        struct step *step = &plan->steps[plan->backwards ? many - 1 - i : i];
        if (step->was.handle != NULL)
            cancel_handle(step);
        if (i % 16 == 0 || i + 1 == many)
            look_at_numbers(plan);
    }
    atomic_store(&plan->was.gate, true);
    return NULL;
}

static void *close_it(void *arg)
{
    struct plan *plan = arg;
    double timeout = plan->closing == CLOSE_SOON         ? SHORT
                     : plan->closing == CLOSE_BY_CONTEXT ? TG_FOREVER
                                                         : 0;

    wait_until(atomic_load(&plan->was.go));
    if (plan->closing == CLOSE_DESTROYS) {
        tg_pool_destroy(plan->pool);
        return NULL;
    }
    tg_status status = tg_pool_close(plan->pool, timeout, NULL);
    hold(plan, status == TG_OK || status == TG_TIMED_OUT);
    return NULL;
}

static void play_closing(struct plan *plan)
{
    pthread_t canceller, closer;

    submit_steps(plan, 0, first_part(plan));
    if (plan->sleepy)
        nap_for(0.0005); /* most of them have started, and sleep */
    hold(plan, pthread_create(&canceller, NULL, cancel_handles, plan) == 0);
    hold(plan, pthread_create(&closer, NULL, close_it, plan) == 0);
    atomic_store(&plan->was.go, true);
    submit_steps(plan, first_part(plan), plan->initial);
    if (plan->closing == CLOSE_TWICE) {
        tg_status status = tg_pool_close(plan->pool, TG_FOREVER, NULL);
        hold(plan, status == TG_OK || status == TG_TIMED_OUT);
    }
    pthread_join(canceller, NULL);
    pthread_join(closer, NULL);
    await_elsewhere(plan->play);
    judge_closed(plan);
    if (plan->closing != CLOSE_DESTROYS)
        tg_pool_destroy(plan->pool);
}

void play_pool(struct plan *plan)
{
    plan->context = plan->closing == CLOSE_BY_CONTEXT ? tg_context_create(NULL) : NULL;
    plan->pool =
        tg_pool_create(TG_POOL(.flags = plan->options.flags, .threads = plan->options.threads,
            .limit = plan->options.limit, .queue = plan->options.queue, .context = plan->context));
    hold(plan, plan->pool != NULL);
    forget(plan);
    if (plan->closing == CLOSE_AT_END)
        play_to_the_end(plan);
    else
        play_closing(plan);
    tg_context_destroy(plan->context);
    plan->context = NULL;
    plan->pool = NULL;
}
