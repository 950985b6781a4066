/* SPDX-License-Identifier: MIT */
/* group.h, `.queue`: how many tasks may wait, and what becomes of an add that finds no room. */
#include "tg_test.h"
#include <limits.h>

/* A group whose threads stand at a gate, so that what is added has to wait. */
struct gate {
    struct blame *blame;
    tg_group *group;
    atomic_int standing, open; /* tasks at the gate; whether they may go */
    atomic_int ran;            /* other tasks */
    int needed, threads;       /* tasks that stand at the gate when it is closed, and the team */
    long queue;
    pthread_t thread; /* of the body */
};

static const long queues[] = {TG_QUEUE_NONE, 1, 2, 7};
enum { QUEUES = sizeof queues / sizeof *queues };

/* Tasks that fit into such a queue. */
static int room_of(long queue)
{
    return queue == TG_QUEUE_NONE ? 0 : (int)queue;
}

static int stand(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)self, (void)result;
    atomic_fetch_add(&gate->standing, 1);
    wait_until(atomic_load(&gate->open));
    return 0;
}

/* A group whose threads, but for the body's, will stand at the gate: with one thread that is none. */
static tg_group *make_gate(struct gate *gate, const tg_group_options *options, int standing)
{
    gate->group = tg_group_create(options);
    gate->queue = options->queue;
    gate->threads = (int)team_size();
    gate->needed = standing < gate->threads ? standing : gate->threads - 1;
    tg_group_add_many(gate->group, stand, (size_t)gate->needed, gate, 0, NULL);
    return gate->group;
}

/* In the body: from here on nobody else takes a task. */
static int close_gate(struct gate *gate)
{
    wait_until(atomic_load(&gate->standing) == gate->needed);
    return room_of(gate->queue);
}

static int open_gate(struct gate *gate)
{
    atomic_store(&gate->open, 1);
    return 0;
}

static tg_status add_so(struct gate *gate, int when_full, size_t *index)
{
    return tg_group_add_with(
        gate->group, task_count, &gate->ran, TG_TASK(.when_full = when_full), index);
}

/* Runs a body, in which as many tasks wait as the queue has room for. */
static void scope_with_queue(struct blame *blame, long queue, tg_scope_fn *body)
{
    struct gate gate = {.blame = blame};
    tg_group *g = make_gate(&gate, TG_GROUP(.queue = queue, .result_size = 8), INT_MAX);

    expect(blame, tg_group_scope(g, body, &gate) == TG_OK);
    expect(blame, report_of(g).ok == tg_group_count(g));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

/* ---- In the body --------------------------------------------------------------------------- */

static int fill_and_be_refused(tg_group *group, void *user)
{
    struct gate *gate = user;
    int room = close_gate(gate);
    size_t index = 0;

    for (int i = 0; i < room; i++)
        expect(gate->blame, add_so(gate, TG_FULL_REFUSE, &index) == TG_OK);
    for (int i = 0; i < 3; i++) {
        expect(gate->blame, add_so(gate, TG_FULL_REFUSE, &index) == TG_FULL);
        expect(gate->blame, index == TG_NO_INDEX);
        expect(gate->blame, tg_error_last()->status == TG_FULL);
    }
    expect(gate->blame, tg_group_add_many(group, task_count, 2, &gate->ran, 0,
                            TG_TASK(.when_full = TG_FULL_REFUSE)) == TG_FULL);
    expect(gate->blame, tg_group_count(group) == (size_t)(gate->needed + room));
    expect(gate->blame, report_of(group).not_run == (size_t)room);
    expect(gate->blame, atomic_load(&gate->ran) == 0);
    return open_gate(gate);
}

static void refuse(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++)
        scope_with_queue(blame, queues[i], fill_and_be_refused);
}

START_TEST(what_is_added_so_to_a_full_queue_is_refused)
{
    at_place(_i, refuse);
}
END_TEST

static int wait_and_help(tg_group *group, void *user)
{
    struct gate *gate = user;
    tg_task *self = tg_task_current();
    int room = close_gate(gate);

    for (int i = 1; i <= 60; i++) { /* nobody else is there to make room */
        expect(gate->blame, add_so(gate, TG_FULL_WAIT, NULL) == TG_OK);
        expect(gate->blame, atomic_load(&gate->ran) >= i - room);
        expect(gate->blame, report_of(group).not_run <= (size_t)room);
        expect(gate->blame, tg_task_current() == self);
    }
    return open_gate(gate);
}

static void help(struct blame *blame)
{
    /* Without a queue there is nothing to run meanwhile: the task waits for a thread to take it. */
    for (int i = team_size() > 1; i < QUEUES; i++)
        scope_with_queue(blame, queues[i], wait_and_help);
}

START_TEST(the_body_runs_tasks_itself_while_it_waits_for_room)
{
    at_place(_i, help);
}
END_TEST

static int add_and_count_waiting(tg_group *group, void *user)
{
    struct gate *gate = user;

    for (int i = 1; i <= 200; i++) {
        expect(gate->blame, tg_group_add(group, task_count, &gate->ran) == TG_OK);
        expect(gate->blame, i - atomic_load(&gate->ran) <= room_of(gate->queue));
    }
    return 0;
}

static void count_waiting_alone(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct gate gate = {.blame = blame, .queue = queues[i]};
        tg_group *g = tg_group_create(TG_GROUP(.queue = queues[i], .threads = 1));
        expect(blame, tg_group_scope(g, add_and_count_waiting, &gate) == TG_OK);
        expect(blame, atomic_load(&gate.ran) == 200);
        tg_group_destroy(g);
    }
}

START_TEST(with_one_thread_exactly_as_many_wait_as_the_queue_has_room_for)
{
    at_place(PLACE_SERIAL, count_waiting_alone);
    at_place(PLACE_PTHREADS, count_waiting_alone);
}
END_TEST

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    int *done = user; /* one call at a time */

    (void)group;
    done[outcome->status == TG_SKIPPED]++;
    return 0;
}

static int fill_and_drop(tg_group *group, void *user)
{
    struct gate *gate = user;
    int room = close_gate(gate);
    size_t index = 0;

    for (int i = 0; i < room + 5; i++) {
        expect(gate->blame, add_so(gate, TG_FULL_DROP, &index) == TG_OK);
        expect(gate->blame, index == (size_t)(gate->needed + i));
    }
    expect(gate->blame, tg_group_add_many(group, task_count, 4, &gate->ran, 0,
                            TG_TASK(.when_full = TG_FULL_DROP)) == TG_OK);
    expect(gate->blame, report_of(group).dropped == 9);
    return open_gate(gate);
}

static void drop(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        int done[2] = {0}, room = room_of(queues[i]);
        struct gate gate = {.blame = blame};
        tg_group *g = make_gate(
            &gate, TG_GROUP(.queue = queues[i], .on_done = count_done, .user = done), INT_MAX);
        expect(blame, tg_group_scope(g, fill_and_drop, &gate) == TG_OK);
        expect(blame, atomic_load(&gate.ran) == room);
        expect(blame, report_of(g).dropped == 9);
        expect(blame, report_of(g).skipped == 0);
        expect(blame, done[0] == gate.needed + room);
        expect(blame, done[1] == 9);
        expect(blame, status_of(g, tg_group_count(g) - 1) == TG_SKIPPED);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(what_is_added_so_to_a_full_queue_is_dropped_counted_and_done)
{
    at_place(_i, drop);
}
END_TEST

static int note_thread(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    expect(gate->blame, tg_task_current() == self);
    expect(gate->blame, pthread_equal(pthread_self(), gate->thread));
    *(int *)result = 5;
    atomic_fetch_add(&gate->ran, 1);
    return 0;
}

static int fill_and_run(tg_group *group, void *user)
{
    struct gate *gate = user;
    tg_task *self = tg_task_current();
    int room = close_gate(gate);
    size_t index = 0;

    gate->thread = pthread_self();
    for (int i = 0; i < room; i++)
        expect(gate->blame, add_so(gate, TG_FULL_RUN, NULL) == TG_OK);
    expect(gate->blame, atomic_load(&gate->ran) == 0);
    for (int i = 1; i <= 20; i++) {
        expect(gate->blame, tg_group_add_with(group, note_thread, gate,
                                TG_TASK(.when_full = TG_FULL_RUN), &index) == TG_OK);
        expect(gate->blame, atomic_load(&gate->ran) == i);
        expect(gate->blame, status_of(group, index) == TG_OK);
        expect(gate->blame, tg_task_current() == self);
    }
    expect(gate->blame, tg_group_add_many(group, note_thread, 10, gate, 0,
                            TG_TASK(.when_full = TG_FULL_RUN)) == TG_OK);
    expect(gate->blame, atomic_load(&gate->ran) == 30);
    expect(gate->blame, report_of(group).not_run == (size_t)room);
    return open_gate(gate);
}

static void run_at_once(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++)
        scope_with_queue(blame, queues[i], fill_and_run);
}

START_TEST(what_is_added_so_to_a_full_queue_runs_before_the_add_returns)
{
    at_place(_i, run_at_once);
}
END_TEST

static int fail_within_add(tg_group *group, void *user)
{
    struct gate *gate = user;

    close_gate(gate);
    expect(gate->blame, tg_group_add_with(group, task_fail_7, &gate->ran,
                            TG_TASK(.when_full = TG_FULL_RUN), NULL) == TG_OK);
    expect(gate->blame, atomic_load(&gate->ran) == 1);
    expect(gate->blame, tg_task_check(tg_task_current()) == TG_FAILED);
    return open_gate(gate);
}

static void fail_at_once(struct blame *blame)
{
    struct gate gate = {.blame = blame};
    tg_group *g = make_gate(&gate, TG_GROUP(.queue = TG_QUEUE_NONE), INT_MAX);

    expect(blame, tg_group_scope(g, fail_within_add, &gate) == TG_FAILED);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->code == 7);
    expect(blame, report_of(g).failed == 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(what_runs_within_an_add_may_fail_as_any_task)
{
    at_place(_i, fail_at_once);
}
END_TEST

/* With a limit of 1 and a task in flight elsewhere the body cannot help: only time ends its wait. */
static int lose_patience(tg_group *group, void *user)
{
    struct gate *gate = user;
    bool alone = gate->threads < 2;
    size_t index = 0;

    close_gate(gate);
    for (int i = 0; i < 2; i++)
        expect(gate->blame, add_so(gate, TG_FULL_WAIT, NULL) == TG_OK);
    expect(gate->blame, tg_group_add_with(group, task_count, &gate->ran, TG_TASK(.patience = 0.01),
                            &index) == (alone ? TG_OK : TG_FULL));
    expect(gate->blame, alone || index == TG_NO_INDEX);
    expect(gate->blame, tg_group_count(group) == 3);
    return open_gate(gate);
}

static void be_patient(struct blame *blame)
{
    struct gate gate = {.blame = blame};
    tg_group *g = make_gate(&gate, TG_GROUP(.queue = 2, .limit = 1), 1);

    expect(blame, tg_group_scope(g, lose_patience, &gate) == TG_OK);
    expect(blame, report_of(g).ok == 3);
    tg_group_destroy(g);
}

START_TEST(a_wait_for_room_ends_with_its_patience)
{
    at_place(_i, be_patient);
}
END_TEST

static int stop_within_add(tg_group *group, void *user)
{
    struct gate *gate = user;

    expect(gate->blame,
        tg_group_add(group, gate->needed ? task_fail_7 : task_cancel, &gate->ran) == TG_OK);
    expect(gate->blame, add_so(gate, TG_FULL_WAIT, NULL) == TG_OK);
    expect(gate->blame, add_so(gate, TG_FULL_WAIT, NULL) == TG_CANCELLED);
    expect(gate->blame, add_so(gate, TG_FULL_WAIT, NULL) == TG_CLOSED);
    expect(gate->blame, tg_group_count(group) == 2);
    return 0;
}

static void stop_alone(struct blame *blame)
{
    for (int fails = 0; fails < 2; fails++) {
        struct gate gate = {.blame = blame, .needed = fails};
        tg_group *g = gate.group = tg_group_create(TG_GROUP(.queue = 2, .threads = 1));
        tg_status expected = fails ? TG_FAILED : TG_CANCELLED;
        expect(blame, tg_group_scope(g, stop_within_add, &gate) == expected);
        expect(blame, atomic_load(&gate.ran) == 1);
        expect(blame, report_of(g).skipped == 1);
        tg_group_destroy(g);
    }
}

START_TEST(a_task_that_stops_the_group_ends_the_wait_of_the_body_that_runs_it)
{
    at_place(PLACE_SERIAL, stop_alone);
    at_place(PLACE_PTHREADS, stop_alone);
}
END_TEST

/* ---- When there is a bound ----------------------------------------------------------------- */

static int add_one_and_ten(tg_group *group, void *user)
{
    struct gate *gate = user;

    expect(gate->blame, tg_group_add(group, task_count, &gate->ran) == TG_OK);
    expect(gate->blame, atomic_load(&gate->ran) >= 99); /* those before had to make room */
    expect(gate->blame, tg_group_add_many(group, task_count, 10, &gate->ran, 0, NULL) == TG_OK);
    expect(gate->blame, atomic_load(&gate->ran) >= 100);
    return 0;
}

static void add_before(struct blame *blame)
{
    struct gate gate = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.queue = 2, .threads = 1));

    for (int i = 0; i < 100; i++)
        expect(blame, tg_group_add(g, task_count, &gate.ran) == TG_OK);
    expect(blame, tg_group_scope(g, add_one_and_ten, &gate) == TG_OK);
    expect(blame, atomic_load(&gate.ran) == 111);
    tg_group_destroy(g);
}

START_TEST(before_a_run_there_is_no_bound_and_many_need_room_for_one)
{
    at_place(PLACE_SERIAL, add_before);
    at_place(PLACE_PTHREADS, add_before);
}
END_TEST

START_TEST(a_group_or_a_task_with_senseless_bounds_is_refused)
{
    static const tg_task_options bad[] = {
        {.size = sizeof *bad, .patience = -1},
        {.size = sizeof *bad, .patience = NAN},
        {.size = sizeof *bad, .when_full = 99},
        {.size = sizeof *bad, .when_full = -1},
    };
    tg_group *g;

    ck_assert_ptr_null(tg_group_create(TG_GROUP(.queue = -2)));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "-2"));
    g = tg_group_create(TG_GROUP(.queue = LONG_MAX));
    ck_assert_ptr_nonnull(g);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t index = 5;
        assert_status(tg_group_add_with(g, task_count, NULL, &bad[i], &index), TG_INVALID);
        ck_assert_uint_eq(index, TG_NO_INDEX);
        ck_assert_uint_eq(tg_group_count(g), 0);
        assert_status(tg_group_run(g), TG_INVALID); /* it is remembered */
        assert_status(tg_group_reset(g), TG_OK);
    }
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *full = add_case(suite, "a full queue");
    TCase *bound = add_case(suite, "the bound");

    tcase_add_loop_test(full, what_is_added_so_to_a_full_queue_is_refused, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        full, the_body_runs_tasks_itself_while_it_waits_for_room, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        full, what_is_added_so_to_a_full_queue_is_dropped_counted_and_done, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        full, what_is_added_so_to_a_full_queue_runs_before_the_add_returns, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(full, what_runs_within_an_add_may_fail_as_any_task, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(full, a_wait_for_room_ends_with_its_patience, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(full, a_task_that_stops_the_group_ends_the_wait_of_the_body_that_runs_it);
    tcase_add_test(bound, with_one_thread_exactly_as_many_wait_as_the_queue_has_room_for);
    tcase_add_test(bound, before_a_run_there_is_no_bound_and_many_need_room_for_one);
    tcase_add_test(bound, a_group_or_a_task_with_senseless_bounds_is_refused);
    return run_suite(suite);
}
