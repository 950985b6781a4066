/* SPDX-License-Identifier: MIT */
/*
 * Short things, very often, beside something that happens at any moment. What comes first is open;
 * that nothing is lost, run twice or freed too early is not.
 *
 * Each test repeats for 50 ms a place, since the machine may be slow; TG_STRESS_ROUNDS=n repeats n
 * times instead, however long that takes.
 */
#include "../unit/tg_test.h"

static const double BUDGET = 0.05;

/* Is there a round after `done` rounds since `start`? At least 20. */
static bool another_round(int done, double start)
{
    const char *rounds = getenv("TG_STRESS_ROUNDS");
    return rounds != NULL ? done < atoi(rounds) : done < 20 || tg_time_now() < start + BUDGET;
}

/* ---- Alone --------------------------------------------------------------------------------- */

static void run_tiny(struct blame *blame)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        int count = round % 7;
        atomic_int runs = 0;
        tg_group *g = tg_group_create(TG_GROUP(.result_size = (size_t)(round % 3) * 8));
        for (int i = 0; i < count; i++)
            tg_group_add(g, task_count, &runs);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&runs) == count);
        tg_group_destroy(g);
    }
}

START_TEST(tiny_groups_come_and_go)
{
    at_place(_i, run_tiny);
}
END_TEST

static void run_tiny_again(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int runs = 0;
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        tg_group_add(g, task_count, &runs);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&runs) == round + 1);
    }
    tg_group_destroy(g);
}

START_TEST(one_group_runs_again_and_again)
{
    at_place(_i, run_tiny_again);
}
END_TEST

static int fail_with_own_index(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return (int)tg_task_index(self) + 1;
}

/* All want to be the first: one is, with its own code and message, and the others keep theirs. */
static void fail_all_at_once(struct blame *blame)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        tg_group *g = tg_group_create(NULL);
        const tg_error *error;
        size_t errors = 0, count = 1 + (size_t)round % 12;
        tg_group_add_many(g, fail_with_own_index, count, NULL, 0, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        error = tg_group_error(g);
        expect(blame, error->index < count && error->code == (int)error->index + 1);
        expect(blame, tg_group_error_next(g, NULL)->index == error->index);
        for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++)
            expect(blame, e->code == (int)e->index + 1 && status_of(g, e->index) == TG_FAILED);
        expect(blame, errors == report_of(g).failed);
        expect(blame, report_of(g).failed + report_of(g).cancelled + report_of(g).skipped == count);
        tg_group_destroy(g);
    }
}

START_TEST(of_failures_at_once_exactly_one_is_the_first)
{
    at_place(_i, fail_all_at_once);
}
END_TEST

/* on_done comes in order, and each record is recycled while others still look whether more has ended. */
enum { IN_ORDER_TASKS = 5000 };

struct in_order {
    size_t next, wrong; /* one call at a time */
};

static int take_in_order(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct in_order *seen = user;
    (void)group;
    seen->wrong += outcome->index != seen->next++;
    return 0;
}

static int do_nothing(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

static int add_empty_tasks(tg_group *group, void *user)
{
    (void)user;
    for (int i = 0; i < IN_ORDER_TASKS; i++)
        if (tg_group_add(group, do_nothing, NULL) != TG_OK)
            return 1;
    return 0;
}

static void recycle_in_order(struct blame *blame)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        struct in_order seen = {0, 0};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE | TG_GROUP_IN_ORDER,
            .queue = 64, .on_done = take_in_order, .user = &seen));
        expect(blame, tg_group_scope(g, add_empty_tasks, NULL) == TG_OK);
        expect(blame, seen.next == IN_ORDER_TASKS && seen.wrong == 0);
        tg_group_destroy(g);
    }
}

START_TEST(recycled_tasks_are_delivered_in_order_and_once)
{
    at_place(_i, recycle_in_order);
}
END_TEST

/* ---- Beside another thread ----------------------------------------------------------------- */

/* The other thread does its thing once a round, at a moment of its own. */
struct other {
    struct blame *blame;
    void (*act)(struct other *other);
    tg_group *group;
    atomic_int round;   /* which one has begun */
    atomic_int done;    /* which one the other thread has finished */
    atomic_int started; /* tasks of the round's group */
    atomic_int ran;     /* of those that the other thread added */
    tg_status answer;   /* what it was answered */
    unsigned delay;
};

static void dawdle(struct other *other)
{
    other->delay = other->delay * 1664525u + 1013904223u;
    for (volatile unsigned i = other->delay >> 22; i > 0; i--)
        ;
}

enum { OVER = -1 };

static void *be_other(void *arg)
{
    struct other *other = arg;

    for (int round = 1;; round++) {
        int now;
        wait_until((now = atomic_load(&other->round)) == round || now == OVER);
        if (now == OVER)
            return NULL;
        dawdle(other);
        other->act(other);
        atomic_store(&other->done, round);
    }
}

typedef void round_body(struct other *other, int round);

/* Runs `body` once a round beside a thread that acts; both have finished before the next round. */
static void run_beside(struct blame *blame, void (*act)(struct other *), round_body *body)
{
    struct other other = {.blame = blame, .act = act, .delay = 1};
    pthread_t thread;
    double start = tg_time_now();

    pthread_create(&thread, NULL, be_other, &other);
    for (int round = 1; another_round(round, start); round++) {
        atomic_store(&other.started, 0);
        atomic_store(&other.ran, 0);
        body(&other, round);
        wait_until(atomic_load(&other.done) == round);
    }
    atomic_store(&other.round, OVER);
    pthread_join(thread, NULL);
}

static void begin(struct other *other, int round)
{
    atomic_store(&other->round, round);
}

static void finish(struct other *other, int round)
{
    wait_until(atomic_load(&other->done) == round);
}

static void act_cancel(struct other *other)
{
    tg_context_cancel(tg_group_context(other->group), 5, "any moment");
}

static void cancel_any_moment(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(NULL);
    size_t count = (size_t)round % 20;
    tg_status status;

    tg_group_add_many(g, task_count, count, &other->started, 0, NULL);
    begin(other, round);
    status = tg_group_run(g);
    finish(other, round);
    expect(other->blame, status == TG_OK || status == TG_CANCELLED);
    expect(other->blame, report_of(g).ok == (size_t)atomic_load(&other->started));
    expect(other->blame, report_of(g).ok + report_of(g).skipped == count);
    expect(other->blame, (status == TG_OK) == (report_of(g).skipped == 0));
    if (status == TG_CANCELLED)
        expect(other->blame, tg_group_error(g)->code == 5);
    expect(other->blame, tg_group_run(g) == status);
    tg_group_destroy(g);
}

static void cancel_races(struct blame *blame)
{
    run_beside(blame, act_cancel, cancel_any_moment);
}

START_TEST(a_cancel_at_any_moment_skips_or_does_not_and_loses_nothing)
{
    at_place(_i, cancel_races);
}
END_TEST

enum { ADDS = 4 };

static void act_add(struct other *other)
{
    for (int i = 0; i < ADDS; i++) {
        expect(other->blame, tg_group_add(other->group, task_count, &other->ran) == TG_OK);
        if (i % 2 == 1)
            dawdle(other);
    }
}

/* What comes after the end is kept for the next run: run until all has run. */
static void add_any_moment(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(TG_GROUP(.result_size = 8));

    tg_group_add_many(g, task_count, 3, &other->started, 0, NULL);
    begin(other, round);
    do {
        expect(other->blame, tg_group_run(g) == TG_OK);
        sched_yield();
    } while (atomic_load(&other->done) != round);
    expect(other->blame, tg_group_run(g) == TG_OK);
    expect(other->blame, atomic_load(&other->ran) == ADDS);
    expect(other->blame, atomic_load(&other->started) == 3);
    expect(other->blame, report_of(g).ok == 3 + ADDS && report_of(g).not_run == 0);
    tg_group_destroy(g);
}

static void add_races(struct blame *blame)
{
    run_beside(blame, act_add, add_any_moment);
}

START_TEST(an_add_at_any_moment_runs_now_or_next_time_and_once)
{
    at_place(_i, add_races);
}
END_TEST

static void act_destroy(struct other *other)
{
    wait_until(atomic_load(&other->started) > 0);
    dawdle(other);
    tg_group_destroy(other->group);
}

/* Keeps the group running, so that the destroy does not come after the run. */
static int hold_until_destroyed(tg_task *self, void *arg, void *result)
{
    struct other *other = arg;

    (void)result;
    atomic_fetch_add(&other->started, 1);
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static void destroy_any_moment(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(TG_GROUP(.result_size = 8));

    tg_group_add_many(g, hold_until_destroyed, 1 + (size_t)round % 3, other, 0, NULL);
    begin(other, round);
    expect(other->blame, tg_group_run(g) == TG_CANCELLED);
    finish(other, round);
}

static void destroy_races(struct blame *blame)
{
    run_beside(blame, act_destroy, destroy_any_moment);
}

START_TEST(a_destroy_at_any_moment_of_a_run_frees_once_and_at_its_end)
{
    at_place(_i, destroy_races);
}
END_TEST

static void act_run(struct other *other)
{
    other->answer = tg_group_run(other->group);
}

static void run_twice(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(NULL);
    tg_status status;

    tg_group_add_many(g, task_count, 5, &other->started, 0, NULL);
    begin(other, round);
    status = tg_group_run(g);
    finish(other, round);
    expect(other->blame, status == TG_OK || status == TG_BUSY);
    expect(other->blame, other->answer == TG_OK || other->answer == TG_BUSY);
    expect(other->blame, status == TG_OK || other->answer == TG_OK);
    expect(other->blame, atomic_load(&other->started) == 5);
    expect(other->blame, report_of(g).ok == 5);
    tg_group_destroy(g);
}

static void run_races(struct blame *blame)
{
    run_beside(blame, act_run, run_twice);
}

START_TEST(of_two_runs_at_once_one_runs_and_the_other_is_busy_or_comes_after)
{
    at_place(PLACE_SERIAL, run_races);
}
END_TEST

static void act_reset(struct other *other)
{
    other->answer = tg_group_reset(other->group);
}

static void reset_any_moment(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(NULL);

    tg_group_add_many(g, task_count, 5, &other->started, 0, NULL);
    begin(other, round);
    expect(other->blame, tg_group_run(g) == TG_OK);
    finish(other, round);
    expect(other->blame, other->answer == TG_OK || other->answer == TG_BUSY);
    expect(other->blame, atomic_load(&other->started) == 5 || atomic_load(&other->started) == 0);
    expect(other->blame, tg_group_count(g) == (other->answer == TG_OK ? 0 : 5));
    tg_group_destroy(g);
}

static void reset_races(struct blame *blame)
{
    run_beside(blame, act_reset, reset_any_moment);
}

START_TEST(a_reset_at_any_moment_is_busy_or_before_or_after)
{
    at_place(_i, reset_races);
}
END_TEST

/* Looks at the group from outside all the time; nothing that it sees is out of range. */
static void act_look(struct other *other)
{
    tg_group *g = other->group;

    for (int i = 0; i < 20; i++) {
        size_t count = tg_group_count(g), index;
        tg_outcome outcome = outcome_of(g, count - 1);
        expect(other->blame, report_of(g).added >= count);
        expect(other->blame, outcome.index == count - 1);
        expect(other->blame, outcome.status == TG_NOT_RUN || outcome.status == TG_RUNNING ||
                                 outcome.status == TG_OK);
        expect(other->blame, tg_group_find(g, 77, &index) == TG_OK && index == 0);
        (void)tg_context_check(tg_group_context(g));
        (void)tg_group_result(g, 0);
    }
}

static int add_one_more(tg_task *self, void *arg, void *result)
{
    task_count(self, arg, NULL);
    *(double *)result = 1;
    if (tg_task_index(self) < 40)
        tg_group_add(tg_task_group(self), add_one_more, arg);
    return 0;
}

static void look_any_moment(struct other *other, int round)
{
    tg_group *g = other->group = tg_group_create(TG_GROUP(.result_size = sizeof(double)));

    tg_group_add_with(g, add_one_more, &other->started, TG_TASK(.id = 77), NULL);
    begin(other, round);
    expect(other->blame, tg_group_run(g) == TG_OK);
    finish(other, round);
    expect(other->blame, atomic_load(&other->started) == 41);
    tg_group_destroy(g);
}

static void look_races(struct blame *blame)
{
    run_beside(blame, act_look, look_any_moment);
}

START_TEST(a_look_at_any_moment_sees_something_that_makes_sense)
{
    at_place(_i, look_races);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("races");
    TCase *alone = add_case(suite, "alone");
    TCase *beside = add_case(suite, "beside another thread");

    if (getenv("TG_STRESS_ROUNDS") != NULL) {
        tcase_set_timeout(alone, 600);
        tcase_set_timeout(beside, 600);
    }
    tcase_add_loop_test(alone, tiny_groups_come_and_go, 0, PLACES);
    tcase_add_loop_test(alone, one_group_runs_again_and_again, 0, PLACES);
    tcase_add_loop_test(alone, of_failures_at_once_exactly_one_is_the_first, 0, PLACES);
    tcase_add_loop_test(alone, recycled_tasks_are_delivered_in_order_and_once, 0, PLACES);
    tcase_add_loop_test(
        beside, a_cancel_at_any_moment_skips_or_does_not_and_loses_nothing, 0, PLACES);
    tcase_add_loop_test(beside, an_add_at_any_moment_runs_now_or_next_time_and_once, 0, PLACES);
    tcase_add_loop_test(
        beside, a_destroy_at_any_moment_of_a_run_frees_once_and_at_its_end, 0, PLACES);
    tcase_add_test(beside, of_two_runs_at_once_one_runs_and_the_other_is_busy_or_comes_after);
    tcase_add_loop_test(beside, a_reset_at_any_moment_is_busy_or_before_or_after, 0, PLACES);
    tcase_add_loop_test(beside, a_look_at_any_moment_sees_something_that_makes_sense, 0, PLACES);
    return run_suite(suite);
}
