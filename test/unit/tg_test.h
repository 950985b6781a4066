/* SPDX-License-Identifier: MIT */
#ifndef TG_TEST_H
#define TG_TEST_H
/*
 * What all tests of groups share: the places that a group can run in, tasks that many need, how to look at a
 * group; and what tg_check.h has.
 *
 * Included first, before any system header. No test calls the library or OpenMP before Check has
 * forked; OMP_NUM_THREADS and OMP_CANCELLATION come from outside and every test holds with any.
 */
#include "tg_check.h"

#include <omp.h>

/* ---- Places -------------------------------------------------------------------------------- */

enum place {
    PLACE_SERIAL,      /* serial code */
    PLACE_SINGLE,      /* parallel + single; the others wait at its barrier */
    PLACE_MASKED,      /* parallel + masked; the others wait at the region's end */
    PLACE_OMP_TASK,    /* parallel + single + one omp task */
    PLACE_IN_TASK,     /* a task of another group */
    PLACE_PTHREADS,    /* four pthreads at once, each its own group */
    PLACE_OMP_TASKS,   /* several omp tasks at once, each its own group */
    PLACE_EACH_THREAD, /* every thread of a parallel region at once, each its own group */
    PLACES
};

/* In the places below this one a group has a whole team of omp_get_max_threads() for itself. */
#define PLACES_WITH_A_TEAM PLACE_OMP_TASKS

/* What is run in a place. It may run on any thread and several times at once. */
typedef void place_body(struct blame *blame);

struct place_call {
    place_body *body;
    struct blame *blame;
};

static inline const char *place_name(int place)
{
    static const char *const names[PLACES] = {"serial code", "a single", "a masked", "an omp task",
        "a task of another group", "four pthreads", "several omp tasks", "each thread"};
    return names[place];
}

static inline int place_task(tg_task *self, void *arg, void *result)
{
    const struct place_call *call = arg;
    (void)self, (void)result;
    call->body(call->blame);
    return 0;
}

static inline void *place_thread(void *arg)
{
    const struct place_call *call = arg;
    call->body(call->blame);
    return NULL;
}

static inline void run_in_place(int place, struct place_call *call)
{
    pthread_t threads[4];
    tg_group *outer;

    switch (place) {
    case PLACE_SERIAL:
        call->body(call->blame);
        break;
    case PLACE_SINGLE:
#pragma omp parallel
#pragma omp single
        call->body(call->blame);
        break;
    case PLACE_MASKED:
#pragma omp parallel
#pragma omp masked
        call->body(call->blame);
        break;
    case PLACE_OMP_TASK:
#pragma omp parallel
#pragma omp single
#pragma omp task
        call->body(call->blame);
        break;
    case PLACE_IN_TASK:
        outer = tg_group_create(NULL);
        expect(call->blame, tg_group_add(outer, place_task, call) == TG_OK);
        expect(call->blame, tg_group_run(outer) == TG_OK);
        tg_group_destroy(outer);
        break;
    case PLACE_PTHREADS:
        for (int i = 0; i < 4; i++)
            expect(call->blame, pthread_create(&threads[i], NULL, place_thread, call) == 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        break;
    case PLACE_OMP_TASKS:
#pragma omp parallel
#pragma omp single
        for (int i = 0; i < 5; i++) {
#pragma omp task
            call->body(call->blame);
        }
        break;
    case PLACE_EACH_THREAD:
#pragma omp parallel
        call->body(call->blame);
        break;
    default:
        blame_set(call->blame, "a place", __LINE__);
    }
}

/* Runs the body there and asserts that nobody has blamed anything. */
static inline void at_place(int place, place_body *body)
{
    struct blame blame = {0};
    struct place_call call = {body, &blame};

    run_in_place(place, &call);
    assert_blameless(&blame, place_name(place));
}

/* The threads that can serve a group at once here: the team that is there, or the one to come. */
static inline size_t team_size(void)
{
    return (size_t)(omp_get_level() > 0 ? omp_get_num_threads() : omp_get_max_threads());
}

/* ---- Task functions that many tests need --------------------------------------------------- */

/* Counts that it ran; arg: an atomic_int, or NULL. */
static inline int task_count(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    if (arg != NULL)
        atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* Counts that it ran, and fails with code 7 and no message. */
static inline int task_fail_7(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    return 7;
}

/* Counts that it started, goes on until it is told to stop, and says so by 9. */
static inline int task_until_told(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    wait_until(tg_task_check(self) != TG_OK);
    return 9;
}

/* Stops its own group from inside, and ends well. */
static inline int task_cancel(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, result);
    tg_context_cancel(tg_task_context(self), 42, "enough");
    return 0;
}

/* ---- Looking at a group -------------------------------------------------------------------- */

static inline tg_report report_of(tg_group *group)
{
    tg_report report = {.size = sizeof report};
    if (tg_group_report(group, &report) != TG_OK)
        report.added = SIZE_MAX;
    return report;
}

static inline tg_outcome outcome_of(tg_group *group, size_t index)
{
    tg_outcome outcome = {.size = sizeof outcome};
    tg_status status = tg_group_outcome(group, index, &outcome);
    if (status != TG_OK)
        outcome.status = status;
    return outcome;
}

static inline tg_status status_of(tg_group *group, size_t index)
{
    return outcome_of(group, index).status;
}

/* Exact accounting: the report's numbers add up, and are what the outcomes say one by one. */
static inline void expect_exact_accounting(struct blame *blame, tg_group *group)
{
    tg_report report = report_of(group);
    size_t count = tg_group_count(group), seen[TG_NOT_RUN + 1] = {0}, sum = 0;

    for (size_t i = 0; i < count; i++) {
        tg_status status = status_of(group, i);
        expect(blame, status <= TG_SKIPPED || status == TG_NOT_RUN);
        if (status <= TG_NOT_RUN)
            seen[status]++;
    }
    expect(blame, report.added == count);
    expect(blame, report.ok == seen[TG_OK]);
    expect(blame, report.failed == seen[TG_FAILED]);
    expect(blame, report.crashed == seen[TG_CRASHED]);
    expect(blame, report.timed_out == seen[TG_TIMED_OUT]);
    expect(blame, report.cancelled == seen[TG_CANCELLED]);
    expect(blame, report.skipped + report.dropped == seen[TG_SKIPPED]);
    expect(blame, report.not_run == seen[TG_NOT_RUN]);
    sum = report.ok + report.failed + report.crashed + report.timed_out + report.cancelled +
          report.skipped + report.dropped + report.not_run;
    expect(blame, sum == count);
}

#endif
