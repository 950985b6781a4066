/* SPDX-License-Identifier: MIT */
/*
 * Whole groups and pools on plain threads. What users are promised to see without a lock of their own they keep in
 * plain variables here: results after a run, what tasks added in it, on_done's data from call to call.
 */
#include "race.h"

#include "omp_on_threads.h"

enum { TASKS = 600 / (1 + RACE_PART) };

static int task_write(tg_task *self, void *arg, void *result)
{
    *(size_t *)result = tg_task_index(self);
    ++*(long *)arg; /* its own */
    return 0;
}

/* ---- a group ---- */

static void run_groups(void *what, int number)
{
    struct blame *blame = what;
    double until = race_until();
    (void)number;
    do {
        long own[TASKS] = {0};
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t), .threads = RACERS));
        for (int i = 0; i < TASKS; i++)
            tg_group_add(g, task_write, &own[i]);
        expect(blame, tg_group_run(g) == TG_OK);
        const size_t *results = tg_group_results(g);
        for (size_t i = 0; i < TASKS; i++)
            expect(blame, results[i] == i && own[i] == 1);
        tg_group_destroy(g);
    } while (tg_time_now() < until);
}

START_TEST(who_has_run_a_group_sees_what_its_tasks_did)
{
    struct blame blame = {0};
    run_groups(&blame, 0);
    assert_blameless(&blame, "a group");
}
END_TEST

START_TEST(groups_of_several_threads_do_not_meet)
{
    struct blame blame = {0};
    threads_of_team = 2;
    race(run_groups, &blame);
    assert_blameless(&blame, "groups of several threads");
}
END_TEST

/* ---- outcomes, meanwhile ---- */

/* Who finds that a task has ended sees its result, though the group goes on. */
START_TEST(a_task_that_is_seen_to_have_ended_shows_its_result)
{
    long own[TASKS] = {0};
    double until = race_until();
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    do {
        tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(size_t), .pool = pool));
        for (int i = 0; i < TASKS; i++)
            tg_group_add(g, task_write, &own[i]);
        assert_status(tg_group_start(g), TG_OK);
        for (size_t i = 0; i < TASKS; i++) {
            tg_outcome o = {.size = sizeof o};
            while (tg_group_outcome(g, i, &o) == TG_OK && o.status != TG_OK)
                ;
            ck_assert_uint_eq(*(size_t *)o.result, i);
        }
        assert_status(tg_group_wait(g, TG_FOREVER), TG_OK);
        tg_group_destroy(g);
    } while (tg_time_now() < until);
    tg_pool_destroy(pool);
}
END_TEST

/* ---- on_done ---- */

struct told {
    struct blame blame;
    size_t calls, next, sum; /* plain: one call at a time, each sees the last */
    bool in_order;
    atomic_size_t ran;
};

static int tell(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct told *told = user;
    (void)group;
    expect(&told->blame, outcome->status == TG_OK);
    expect(&told->blame, !told->in_order || outcome->index == told->next);
    expect(&told->blame, outcome->arg == NULL || *(size_t *)outcome->result == outcome->index);
    told->next = outcome->index + 1;
    told->calls++;
    told->sum += outcome->index;
    return 0;
}

static int task_result(tg_task *self, void *arg, void *result)
{
    struct told *told = arg;
    *(size_t *)result = tg_task_index(self);
    atomic_fetch_add(&told->ran, 1);
    return tg_task_index(self) % 16 == 3 ? tg_task_sleep(self, 1e-5) : 0;
}

static int add_streamed(tg_group *group, void *user)
{
    for (int i = 0; i < 10 * TASKS; i++)
        if (tg_group_add(group, task_result, user) != TG_OK)
            return 1;
    return 0;
}

static void stream(unsigned flags)
{
    double until = race_until();
    do {
        static struct told told; /* static: drd does not look at stacks */
        told = (struct told){.in_order = (flags & TG_GROUP_IN_ORDER) != 0};
        tg_group *g =
            tg_group_create(TG_GROUP(.flags = flags, .result_size = sizeof(size_t), .queue = 50,
                .limit = 8, .ahead = told.in_order ? 12 : 0, .on_done = tell, .user = &told));
        tg_status answer = tg_group_scope(g, add_streamed, &told);
        assert_status(answer, TG_OK);
        assert_blameless(&told.blame, "on_done");
        size_t all = 10 * TASKS;
        ck_assert_uint_eq(told.calls, all);
        ck_assert_uint_eq(told.sum, all * (all - 1) / 2);
        tg_group_destroy(g);
    } while (tg_time_now() < until);
}

static const unsigned streams[] = {
    0, TG_GROUP_IN_ORDER, TG_GROUP_RECYCLE, TG_GROUP_IN_ORDER | TG_GROUP_RECYCLE};

START_TEST(each_on_done_sees_the_one_before_and_none_is_missing)
{
    stream(streams[_i]);
}
END_TEST

/* ---- failures ---- */

static int task_fail_as_index(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    size_t index = tg_task_index(self);
    return tg_task_fail(self, (int)index + 1, "task %zu fails", index);
}

START_TEST(of_failures_at_once_none_is_lost)
{
    double until = race_until();
    do {
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING, .threads = RACERS));
        size_t seen = 0;
        tg_group_add_many(g, task_fail_as_index, TASKS, NULL, 0, NULL);
        assert_status(tg_group_run(g), TG_FAILED);
        for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; seen++)
            ck_assert_int_eq(e->code, (int)e->index + 1);
        ck_assert_uint_eq(seen, TASKS);
        tg_group_destroy(g);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- a pool, from several threads ---- */

struct bath {
    struct blame blame;
    tg_pool *pool;
    double until;
    atomic_size_t submitted, ran;
};

static int task_defer(tg_task *self, void *arg, void *result)
{
    size_t *place = arg;
    (void)result;
    place[0] = tg_task_index(self);
    place[1] = (size_t)(uintptr_t)tg_task_group(self);
    int code = tg_task_defer(self);
    atomic_store((atomic_size_t *)(void *)&place[2], 1);
    return code;
}

static int task_ran(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add(&((struct bath *)arg)->ran, 1);
    return 0;
}

/* A task that this very thread completes, one that it waits for, and one that nobody waits for. */
static void submit_and_complete(void *what, int number)
{
    struct bath *bath = what;
    (void)number;
    do {
        size_t place[3] = {0};
        tg_task *handle = NULL, *other = NULL;
        tg_outcome outcome = {.size = sizeof outcome};
        expect(&bath->blame, tg_pool_submit(bath->pool, task_defer, place, NULL, &handle) == TG_OK);
        expect(&bath->blame, tg_pool_submit(bath->pool, task_ran, bath, NULL, &other) == TG_OK);
        expect(&bath->blame, tg_pool_submit(bath->pool, task_ran, bath, NULL, NULL) == TG_OK);
        wait_until(atomic_load((atomic_size_t *)(void *)&place[2]) == 1);
        expect(
            &bath->blame, tg_group_complete((tg_group *)place[1], place[0], 6, "by hand") == TG_OK);
        expect(&bath->blame, tg_task_wait(handle, TG_FOREVER) == TG_FAILED);
        tg_task_outcome(handle, &outcome);
        expect(&bath->blame, outcome.code == 6 && strcmp(outcome.message, "by hand") == 0);
        expect(&bath->blame, tg_task_wait(other, TG_FOREVER) == TG_OK);
        tg_task_release(handle);
        tg_task_release(other);
        atomic_fetch_add(&bath->submitted, 2);
    } while (tg_time_now() < bath->until);
}

START_TEST(a_pool_serves_several_threads)
{
    struct bath bath = {.until = race_until()};
    bath.pool = tg_pool_create(TG_POOL(.threads = 2, .limit = 16, .queue = 4, .idle = 1e-3));
    race(submit_and_complete, &bath);
    assert_blameless(&bath.blame, "a pool");
    assert_status(tg_pool_close(bath.pool, TG_FOREVER, NULL), TG_OK);
    ck_assert_uint_eq(atomic_load(&bath.ran), atomic_load(&bath.submitted));
    tg_pool_destroy(bath.pool);
}
END_TEST

/* ---- stops, from outside ---- */

struct halt {
    tg_group *group;
    atomic_long ran;
    bool wrong;
    tg_report report;
};

static int task_until_stop(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add(&((struct halt *)arg)->ran, 1);
    return 0;
}

static void begin_halt(void *what)
{
    struct halt *halt = what;
    atomic_store(&halt->ran, 0);
    halt->group = tg_group_create(TG_GROUP(.threads = 2, .limit = 2));
    tg_group_add_many(halt->group, task_until_stop, TASKS, halt, 0, NULL);
}

static void run_it(void *what)
{
    struct halt *halt = what;
    tg_status answer = tg_group_run(halt->group);
    halt->report.size = sizeof halt->report;
    tg_group_report(halt->group, &halt->report);
    halt->wrong |= answer != TG_OK && answer != TG_CANCELLED;
    halt->wrong |= halt->report.ok + halt->report.skipped != TASKS;
    halt->wrong |= halt->report.ok != (size_t)atomic_load(&halt->ran);
}

static void cancel_it(void *what)
{
    struct halt *halt = what;
    tg_context_cancel(tg_group_context(halt->group), 1, "from outside");
}

static void end_halt(void *what)
{
    tg_group_destroy(((struct halt *)what)->group);
}

START_TEST(a_cancel_comes_at_any_moment_of_a_run)
{
    static struct halt halts[16];
    struct duel duel = DUEL(halts, begin_halt, run_it, cancel_it, end_halt);
    run_duel(&duel);
    for (int i = 0; i < 16; i++)
        ck_assert(!halts[i].wrong);
}
END_TEST

/* ---- a cancel, and a body that waits for space ---- */

static int spin_shortly(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    for (int i = 0; i < 20 && tg_task_check(self) == TG_OK; i++)
        sched_yield();
    return 0;
}

static int body_waits(tg_group *g, void *user)
{
    (void)user;
    for (int i = 0; i < 4; i++)
        (void)tg_group_add(g, spin_shortly, NULL);
    return 0;
}

static void begin_wait(void *what)
{
    struct halt *halt = what;
    *halt = (struct halt){.group = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE, .threads = 2))};
}

/* The run ends while the event thread still wakes the body: the team lies on this thread's stack, which is used again at once. */
static void wait_in_body(void *what)
{
    struct halt *halt = what;
    tg_status answer = tg_group_scope(halt->group, body_waits, NULL);
    halt->wrong |= answer != TG_OK && answer != TG_CANCELLED;
}

START_TEST(a_cancel_that_wakes_a_body_touches_no_team_that_is_gone)
{
    static struct halt halts[16];
    struct duel duel = DUEL(halts, begin_wait, wait_in_body, cancel_it, end_halt);
    run_duel(&duel);
    for (int i = 0; i < 16; i++)
        ck_assert(!halts[i].wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, who_has_run_a_group_sees_what_its_tasks_did);
    tcase_add_test(tcase, groups_of_several_threads_do_not_meet);
    tcase_add_test(tcase, a_task_that_is_seen_to_have_ended_shows_its_result);
    tcase_add_loop_test(tcase, each_on_done_sees_the_one_before_and_none_is_missing, 0,
        (int)(sizeof streams / sizeof *streams));
    tcase_add_test(tcase, of_failures_at_once_none_is_lost);
    tcase_add_test(tcase, a_pool_serves_several_threads);
    tcase_add_test(tcase, a_cancel_comes_at_any_moment_of_a_run);
    tcase_add_test(tcase, a_cancel_that_wakes_a_body_touches_no_team_that_is_gone);
    return run_suite(suite);
}
