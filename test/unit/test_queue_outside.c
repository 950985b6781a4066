/* SPDX-License-Identifier: MIT */
/* group.h, `.queue`: adds by other threads than the team, and how a cancel frees who waits. */
#include "tg_test.h"
#include <time.h>

/* A group whose tasks in flight stand at a gate, and somebody who adds to it. */
struct gate {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;             /* keeps the group open until all have added */
    atomic_int standing, open; /* tasks at the gate; whether they may go */
    atomic_int trying, back;   /* adds that are about to wait, and have come back */
    atomic_int cancelled;      /* of them: answered so */
    atomic_int ran;            /* other tasks */
    long queue;
    pthread_t thread; /* who adds, when there is only one */
    int count;        /* tasks to stand at the gate, or adds to come back */
};

static const long queues[] = {TG_QUEUE_NONE, 1, 2, 7};
enum { QUEUES = sizeof queues / sizeof *queues };

/* Tasks that fit into such a queue. */
static int room_of(long queue)
{
    return queue == TG_QUEUE_NONE ? 0 : (int)queue;
}

/* For what must not happen to happen. Nothing depends on how long it is. */
static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* The group's own task may exceed the bound, so it fills the queue; then it stands at the gate. */
static int fill_and_stand(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)self, (void)result;
    for (int i = 0; i < room_of(gate->queue); i++)
        expect(gate->blame, tg_group_add(gate->group, task_count, &gate->ran) == TG_OK);
    atomic_store(&gate->standing, 1);
    wait_until(atomic_load(&gate->open));
    return 0;
}

/* ---- Another thread ------------------------------------------------------------------------ */

static tg_status add_so(struct gate *gate, int when_full, size_t *index)
{
    return tg_group_add_with(
        gate->group, task_count, &gate->ran, TG_TASK(.when_full = when_full), index);
}

static int note_thread(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)self, (void)result;
    atomic_fetch_add(&gate->ran, 1);
    return pthread_equal(pthread_self(), gate->thread) ? 77 : 0;
}

/* There is no room while the gate is closed: only then may the add come back. */
static void *add_and_wait(void *arg)
{
    struct gate *gate = arg;

    gate->thread = pthread_self();
    wait_until(atomic_load(&gate->standing));
    atomic_store(&gate->trying, 1);
    expect(gate->blame, tg_group_add(gate->group, note_thread, gate) == TG_OK);
    expect(gate->blame, atomic_load(&gate->open));
    expect(gate->blame, tg_task_complete(gate->hold, 0, NULL) == TG_OK);
    return NULL;
}

static void *open_later(void *arg)
{
    struct gate *gate = arg;

    wait_until(atomic_load(&gate->trying));
    nap();
    atomic_store(&gate->open, 1);
    return NULL;
}

static void *lose_patience(void *arg)
{
    struct gate *gate = arg;
    size_t index = 0, count;

    wait_until(atomic_load(&gate->standing));
    count = tg_group_count(gate->group);
    expect(gate->blame, tg_group_add_with(gate->group, task_count, NULL, TG_TASK(.patience = 0.005),
                            &index) == TG_FULL);
    expect(gate->blame, index == TG_NO_INDEX);
    expect(gate->blame, add_so(gate, TG_FULL_REFUSE, &index) == TG_FULL);
    expect(gate->blame, tg_group_count(gate->group) == count);
    expect(gate->blame, add_so(gate, TG_FULL_DROP, &index) == TG_OK);
    expect(gate->blame, index == count);
    expect(gate->blame, report_of(gate->group).dropped == 1);
    expect(gate->blame, atomic_load(&gate->ran) == 0);
    atomic_store(&gate->open, 1);
    expect(gate->blame, tg_task_complete(gate->hold, 0, NULL) == TG_OK);
    return NULL;
}

/* Runs the group with one or two threads beside it. */
static void run_beside(struct gate *gate, void *(*first)(void *), void *(*second)(void *))
{
    pthread_t threads[2];
    tg_group *g = gate->group = tg_group_create(TG_GROUP(.limit = 1, .queue = gate->queue));

    tg_group_add(g, fill_and_stand, gate);
    gate->hold = tg_group_hold(g, NULL);
    pthread_create(&threads[0], NULL, first, gate);
    if (second != NULL)
        pthread_create(&threads[1], NULL, second, gate);
    expect(gate->blame, tg_group_run(g) == TG_OK);
    pthread_join(threads[0], NULL);
    if (second != NULL)
        pthread_join(threads[1], NULL);
    expect_exact_accounting(gate->blame, g);
    tg_group_destroy(g);
}

static void wait_outside(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct gate gate = {.blame = blame, .queue = queues[i]};
        run_beside(&gate, add_and_wait, open_later);
        expect(blame, atomic_load(&gate.ran) == room_of(queues[i]) + 1);
    }
}

START_TEST(another_thread_waits_for_room_and_runs_nothing_itself)
{
    at_place(_i, wait_outside);
}
END_TEST

static void be_refused_outside(struct blame *blame)
{
    for (int i = 0; i < QUEUES; i++) {
        struct gate gate = {.blame = blame, .queue = queues[i]};
        run_beside(&gate, lose_patience, NULL);
        expect(blame, atomic_load(&gate.ran) == room_of(queues[i]));
    }
}

START_TEST(another_thread_is_refused_dropped_or_loses_its_patience)
{
    at_place(_i, be_refused_outside);
}
END_TEST

static int stand(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)self, (void)result;
    atomic_fetch_add(&gate->standing, 1);
    wait_until(atomic_load(&gate->open));
    return 0;
}

static int run_in_caller(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)result;
    expect(gate->blame, tg_task_current() == self);
    expect(gate->blame, tg_task_group(self) == gate->group);
    expect(gate->blame, pthread_equal(pthread_self(), gate->thread));
    atomic_fetch_add(&gate->ran, 1);
    return 0;
}

static void *run_by_adding(void *arg)
{
    struct gate *gate = arg;
    size_t index;

    gate->thread = pthread_self();
    wait_until(atomic_load(&gate->standing) == gate->count);
    for (int i = 1; i <= 20; i++) {
        expect(gate->blame, tg_group_add_with(gate->group, run_in_caller, gate,
                                TG_TASK(.when_full = TG_FULL_RUN), &index) == TG_OK);
        expect(gate->blame, atomic_load(&gate->ran) == i);
        expect(gate->blame, status_of(gate->group, index) == TG_OK);
        expect(gate->blame, tg_task_current() == NULL);
    }
    atomic_store(&gate->open, 1);
    expect(gate->blame, tg_task_complete(gate->hold, 0, NULL) == TG_OK);
    return NULL;
}

/* All threads of the team are busy, so what comes has to run where it comes from. */
static void run_outside(struct blame *blame)
{
    struct gate gate = {.blame = blame, .count = (int)team_size()};
    tg_group *g = gate.group = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE));
    pthread_t thread;

    tg_group_add_many(g, stand, (size_t)gate.count, &gate, 0, NULL);
    gate.hold = tg_group_hold(g, NULL);
    pthread_create(&thread, NULL, run_by_adding, &gate);
    expect(blame, tg_group_run(g) == TG_OK);
    pthread_join(thread, NULL);
    expect(blame, report_of(g).ok == (size_t)gate.count + 21);
    tg_group_destroy(g);
}

START_TEST(another_thread_runs_at_once_what_it_adds_so)
{
    at_place(_i, run_outside);
}
END_TEST

/* ---- Cancel -------------------------------------------------------------------------------- */

/* As fill_and_stand(), but it cancels the group, and goes only when all adds have come back. */
static int fill_and_cancel(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)result;
    for (int i = 0; i < room_of(gate->queue); i++)
        expect(gate->blame, tg_group_add(gate->group, task_count, &gate->ran) == TG_OK);
    atomic_store(&gate->standing, 1);
    wait_until(atomic_load(&gate->trying) == gate->count);
    nap();
    tg_context_cancel(tg_task_context(self), 42, "enough");
    wait_until(atomic_load(&gate->back) == gate->count);
    return 0;
}

static void *add_until_freed(void *arg)
{
    struct gate *gate = arg;
    size_t index = 0;
    tg_status status;

    wait_until(atomic_load(&gate->standing));
    atomic_fetch_add(&gate->trying, 1);
    status = add_so(gate, TG_FULL_WAIT, &index);
    expect(gate->blame, status == TG_CANCELLED || status == TG_CLOSED); /* it came too late */
    expect(gate->blame, index == TG_NO_INDEX);
    atomic_fetch_add(&gate->cancelled, status == TG_CANCELLED);
    atomic_fetch_add(&gate->back, 1);
    return NULL;
}

static int body_adds_until_freed(tg_group *group, void *user)
{
    (void)group;
    add_until_freed(user);
    return 0;
}

static void free_producers(struct blame *blame, int producers, bool body)
{
    int cancelled = 0;

    for (int round = 0; round < 6; round++) {
        struct gate gate = {.blame = blame, .queue = 1 + round % 2, .count = producers + body};
        tg_group *g = gate.group = tg_group_create(TG_GROUP(.limit = 1, .queue = gate.queue));
        pthread_t threads[3];
        tg_status status;
        tg_group_add(g, fill_and_cancel, &gate);
        for (int i = 0; i < producers; i++)
            pthread_create(&threads[i], NULL, add_until_freed, &gate);
        status = body ? tg_group_scope(g, body_adds_until_freed, &gate) : tg_group_run(g);
        expect(blame, status == TG_CANCELLED);
        for (int i = 0; i < producers; i++)
            pthread_join(threads[i], NULL);
        expect(blame, atomic_load(&gate.ran) == 0);
        expect(blame, report_of(g).added == (size_t)gate.queue + 1);
        expect(blame, report_of(g).skipped == (size_t)gate.queue);
        cancelled += atomic_load(&gate.cancelled);
        tg_group_destroy(g);
    }
    expect(blame, cancelled > 0);
}

static void free_threads(struct blame *blame)
{
    free_producers(blame, 3, false);
}

START_TEST(a_cancel_frees_the_threads_that_wait_for_room)
{
    at_place(_i, free_threads);
}
END_TEST

static void free_body(struct blame *blame)
{
    if (team_size() >= 2) {
        free_producers(blame, 0, true);
        free_producers(blame, 2, true);
    }
}

START_TEST(a_cancel_frees_the_body_that_waits_for_room)
{
    at_place(_i, free_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue_outside");
    TCase *other = add_case(suite, "another thread");
    TCase *stop = add_case(suite, "cancel");

    tcase_add_loop_test(other, another_thread_waits_for_room_and_runs_nothing_itself, 0, PLACES);
    tcase_add_loop_test(other, another_thread_is_refused_dropped_or_loses_its_patience, 0, PLACES);
    tcase_add_loop_test(other, another_thread_runs_at_once_what_it_adds_so, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(stop, a_cancel_frees_the_threads_that_wait_for_room, 0, PLACES);
    tcase_add_loop_test(stop, a_cancel_frees_the_body_that_waits_for_room, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
