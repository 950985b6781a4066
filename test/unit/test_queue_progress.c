/* SPDX-License-Identifier: MIT */
/* group.h, `.queue`: who never waits for room, and that many who do are all served. */
#include "tg_test.h"

static const long queues[] = {TG_QUEUE_NONE, 1, 2, 7};
enum { QUEUES = sizeof queues / sizeof *queues };

/* Tasks that fit into such a queue. */
static int room_of(long queue)
{
    return queue == TG_QUEUE_NONE ? 0 : (int)queue;
}

/* ---- Who never waits ----------------------------------------------------------------------- */

struct growth {
    struct blame *blame;
    tg_group *group;
    atomic_int ran;
};

static int add_three(tg_task *self, void *arg, void *result)
{
    struct growth *growth = arg;
    int depth = (int)tg_task_index(self);

    (void)result;
    if (depth < 1000)
        for (int i = 0; i < 3; i++)
            expect(growth->blame, tg_group_add(growth->group, add_three, growth) == TG_OK);
    atomic_fetch_add(&growth->ran, 1);
    return 0;
}

static int add_next(tg_task *self, void *arg, void *result)
{
    struct growth *growth = arg;

    (void)result;
    if (tg_task_index(self) < 14)
        expect(growth->blame, tg_group_add(growth->group, add_next, growth) == TG_OK);
    atomic_fetch_add(&growth->ran, 1);
    return 0;
}

/* The task in flight cannot end before the group below it has, whose tasks add. */
static int add_from_below(tg_task *self, void *arg, void *result)
{
    struct growth *growth = arg;
    tg_group *g = tg_group_create(NULL);

    (void)self, (void)result;
    tg_group_add_many(g, add_next, 20, growth, 0, NULL);
    expect(growth->blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
    return 0;
}

static int done_adds(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct growth *growth = user;

    if (outcome->index < 300)
        for (int i = 0; i < 2; i++)
            expect(growth->blame, tg_group_add(group, task_count, &growth->ran) == TG_OK);
    return 0;
}

static void never_wait(struct blame *blame)
{
    static tg_task_fn *const first[] = {add_next, add_three, task_count};
    static const int runs[] = {15, 3001, 601};

    for (int i = 0; i < 3; i++)
        for (long limit = 0; limit < 3; limit++)
            for (int j = 0; j < 2; j++) {
                struct growth growth = {.blame = blame};
                tg_group *g = growth.group = tg_group_create(TG_GROUP(.queue = queues[j],
                    .limit = limit, .on_done = i == 2 ? done_adds : NULL, .user = &growth));
                tg_group_add(g, first[i], i == 2 ? (void *)&growth.ran : &growth);
                expect(blame, tg_group_run(g) == TG_OK);
                expect(blame, atomic_load(&growth.ran) == runs[i]);
                expect(blame, report_of(g).ok == (size_t)runs[i]);
                tg_group_destroy(g);
            }
}

START_TEST(the_groups_own_tasks_and_on_done_never_wait_for_room)
{
    at_place(_i, never_wait);
}
END_TEST

static void never_wait_below(struct blame *blame)
{
    struct growth growth = {.blame = blame};
    tg_group *g = growth.group = tg_group_create(TG_GROUP(.queue = 1, .limit = 1));

    tg_group_add(g, add_from_below, &growth);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == tg_group_count(g));
    tg_group_destroy(g);
}

START_TEST(tasks_below_one_of_the_groups_own_never_wait_for_room)
{
    at_place(_i, never_wait_below);
}
END_TEST

/* ---- Many at once -------------------------------------------------------------------------- */

struct line {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int open, added, started, done;
    int most; /* that may wait, and those that a thread has taken and not yet entered */
};
enum { PRODUCERS = 4, EACH = 300 };

/* Read in this order, so that the difference is never more than what waits. */
static void look_at_line(struct line *line)
{
    int added = atomic_load(&line->added);
    expect(line->blame, added - atomic_load(&line->started) <= line->most);
}

static int leave_line(tg_task *self, void *arg, void *result)
{
    struct line *line = arg;

    (void)self, (void)result;
    atomic_fetch_add(&line->started, 1);
    look_at_line(line);
    return 0;
}

static void *line_up(void *arg)
{
    struct line *line = arg;

    wait_until(atomic_load(&line->open)); /* before the run there is no bound */
    for (int i = 0; i < EACH; i++) {
        expect(line->blame, tg_group_add(line->group, leave_line, line) == TG_OK);
        atomic_fetch_add(&line->added, 1);
        look_at_line(line);
    }
    if (atomic_fetch_add(&line->done, 1) + 1 == PRODUCERS)
        expect(line->blame, tg_task_complete(line->hold, 0, NULL) == TG_OK);
    return NULL;
}

static int body_lines_up(tg_group *group, void *user)
{
    struct line *line = user;

    (void)group;
    atomic_store(&line->open, 1);
    line_up(line);
    return 0;
}

static void line_up_all(struct blame *blame)
{
    for (int i = 0; i < 2 * QUEUES; i++) {
        long limit = i % 2;
        struct line line = {.blame = blame};
        pthread_t threads[PRODUCERS - 1];
        line.most = room_of(queues[i / 2]) + (limit > 0 ? 1 : (int)team_size());
        line.group = tg_group_create(TG_GROUP(.limit = limit, .queue = queues[i / 2]));
        line.hold = tg_group_hold(line.group, NULL);
        for (int j = 0; j < PRODUCERS - 1; j++)
            pthread_create(&threads[j], NULL, line_up, &line);
        expect(blame, tg_group_scope(line.group, body_lines_up, &line) == TG_OK);
        for (int j = 0; j < PRODUCERS - 1; j++)
            pthread_join(threads[j], NULL);
        expect(blame, atomic_load(&line.started) == PRODUCERS * EACH);
        expect(blame, report_of(line.group).ok == PRODUCERS * EACH + 1);
        tg_group_destroy(line.group);
    }
}

START_TEST(never_do_more_tasks_wait_than_there_is_room_for_and_all_run)
{
    at_place(_i, line_up_all);
}
END_TEST

/* ---- Run in the caller --------------------------------------------------------------------- */

struct crowd {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int open, now, most, ran, done;
};

static int enter_crowd(tg_task *self, void *arg, void *result)
{
    struct crowd *crowd = arg;
    int now = atomic_fetch_add(&crowd->now, 1) + 1, most = atomic_load(&crowd->most);

    (void)self, (void)result;
    while (now > most && !atomic_compare_exchange_weak(&crowd->most, &most, now))
        ;
    sched_yield();
    atomic_fetch_sub(&crowd->now, 1);
    atomic_fetch_add(&crowd->ran, 1);
    return 0;
}

static void *run_crowd(void *arg)
{
    struct crowd *crowd = arg;

    wait_until(atomic_load(&crowd->open));
    for (int i = 0; i < EACH; i++)
        expect(crowd->blame, tg_group_add_with(crowd->group, enter_crowd, crowd,
                                 TG_TASK(.when_full = TG_FULL_RUN), NULL) == TG_OK);
    if (atomic_fetch_add(&crowd->done, 1) + 1 == PRODUCERS)
        expect(crowd->blame, tg_task_complete(crowd->hold, 0, NULL) == TG_OK);
    return NULL;
}

static int body_runs_crowd(tg_group *group, void *user)
{
    struct crowd *crowd = user;

    (void)group;
    atomic_store(&crowd->open, 1);
    run_crowd(crowd);
    return 0;
}

/* By `limit`, by a shared one, by both; and with none of them, where only the accounting counts. */
static void run_in_callers(struct blame *blame)
{
    for (int i = 0; i < 8; i++) {
        struct crowd crowd = {.blame = blame};
        pthread_t threads[PRODUCERS - 1];
        tg_limit *limit = tg_limit_create(2);
        tg_group *g = crowd.group = tg_group_create(TG_GROUP(.limit = i % 2 ? 2 : TG_UNLIMITED,
            .shared = i / 2 % 2 ? limit : NULL, .queue = queues[i / 4]));
        crowd.hold = tg_group_hold(g, NULL);
        for (int j = 0; j < PRODUCERS - 1; j++)
            pthread_create(&threads[j], NULL, run_crowd, &crowd);
        expect(blame, tg_group_scope(g, body_runs_crowd, &crowd) == TG_OK);
        for (int j = 0; j < PRODUCERS - 1; j++)
            pthread_join(threads[j], NULL);
        expect(blame, i % 4 == 0 || atomic_load(&crowd.most) <= 2);
        expect(blame, atomic_load(&crowd.ran) == PRODUCERS * EACH);
        expect(blame, report_of(g).ok == PRODUCERS * EACH + 1);
        expect(blame, tg_limit_used(limit) == 0);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(what_runs_in_callers_stays_within_the_limits_and_all_runs)
{
    at_place(_i, run_in_callers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue_progress");
    TCase *never = add_case(suite, "who never waits");
    TCase *many = add_case(suite, "many at once");

    tcase_add_loop_test(never, the_groups_own_tasks_and_on_done_never_wait_for_room, 0, PLACES);
    tcase_add_loop_test(never, tasks_below_one_of_the_groups_own_never_wait_for_room, 0, PLACES);
    tcase_add_loop_test(
        many, never_do_more_tasks_wait_than_there_is_room_for_and_all_run, 0, PLACES);
    tcase_add_loop_test(many, what_runs_in_callers_stays_within_the_limits_and_all_runs, 0, PLACES);
    return run_suite(suite);
}
