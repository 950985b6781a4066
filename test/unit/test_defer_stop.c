/* SPDX-License-Identifier: MIT */
/* task.h, group.h: what tg_group_complete() refuses; deferred tasks, and sleepers, of a group that stops. */
#include "tg_test.h"
#include "desk.h"

#define AGES 1000.0

struct stopped {
    struct blame *blame;
    tg_group *group;
    int code, pending;
    atomic_int over;
};

static int just_defer(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

static void *stop_then_complete(void *arg)
{
    struct stopped *s = arg;

    for (int i = 0; i < s->pending; i++)
        wait_until(status_of(s->group, (size_t)i) == TG_PENDING);
    tg_context_cancel(tg_group_context(s->group), 8, "enough");
    nap();
    for (int i = s->pending; i-- > 0;) {
        expect(s->blame, status_of(s->group, (size_t)i) == TG_PENDING);
        expect(s->blame, tg_group_run(s->group) == TG_BUSY);
        atomic_fetch_add(&s->over, 1);
        expect(s->blame, tg_group_complete(s->group, (size_t)i, i % 2 ? 7 : 0, "late") == TG_OK);
    }
    return NULL;
}

static void stop_with_pending(struct blame *blame)
{
    for (int i = 0; i < 2; i++) {
        struct stopped s = {.blame = blame, .pending = 4};
        tg_limit *limit = tg_limit_create(4);
        pthread_t thread;
        tg_group *g = s.group = tg_group_create(TG_GROUP(.limit = 4, .shared = i ? limit : NULL));
        tg_group_add_many(g, just_defer, 4, NULL, 0, NULL);
        tg_group_add_many(g, task_count, 50, NULL, 0, NULL);
        expect(blame, pthread_create(&thread, NULL, stop_then_complete, &s) == 0);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        expect(blame, atomic_load(&s.over) == 4);
        pthread_join(thread, NULL);
        expect(blame, report_of(g).cancelled == 2);
        expect(blame, report_of(g).skipped + report_of(g).ok == 52);
        expect(blame, i == 0 || report_of(g).ok == 2); /* the order of start is exact then */
        expect(blame, status_of(g, 0) == TG_OK && status_of(g, 1) == TG_CANCELLED);
        expect(blame, outcome_of(g, 1).code == 7);
        expect(blame, tg_group_error(g)->code == 8);
        expect(blame, tg_limit_used(limit) == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
        tg_limit_destroy(limit);
    }
}

START_TEST(a_stopped_group_does_not_end_before_its_pending_tasks)
{
    at_place(_i, stop_with_pending);
}
END_TEST

static void *fail_first(void *arg)
{
    struct stopped *s = arg;

    for (int i = 0; i < s->pending; i++)
        wait_until(status_of(s->group, (size_t)i) == TG_PENDING);
    for (int i = 0; i < s->pending; i++) {
        atomic_fetch_add(&s->over, 1);
        expect(s->blame, tg_group_complete(s->group, (size_t)i, 7 + i, NULL) == TG_OK);
    }
    return NULL;
}

static void fail_with_pending(struct blame *blame)
{
    struct stopped s = {.blame = blame, .pending = 5};
    pthread_t thread;
    tg_group *g = s.group = tg_group_create(NULL);

    tg_group_add_many(g, just_defer, 5, NULL, 0, TG_TASK(.attempts = 1));
    expect(blame, pthread_create(&thread, NULL, fail_first, &s) == 0);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, atomic_load(&s.over) == 5);
    pthread_join(thread, NULL);
    expect(blame, tg_group_error(g)->index == 0 && tg_group_error(g)->code == 7);
    expect(blame, report_of(g).failed == 1 && report_of(g).cancelled == 4);
    expect(blame, tg_group_error_next(g, tg_group_error_next(g, NULL)) == NULL);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(the_first_failure_from_elsewhere_stops_the_group_and_later_ones_are_cancelled)
{
    at_place(_i, fail_with_pending);
}
END_TEST

/* ---- Its own time -------------------------------------------------------------------------- */

static void *complete_late(void *arg)
{
    struct stopped *s = arg;

    wait_until(status_of(s->group, 0) == TG_PENDING);
    nap(), nap(), nap();
    expect(s->blame, status_of(s->group, 0) == TG_PENDING); /* its time is up: nobody ends it */
    atomic_store(&s->over, 1);
    expect(s->blame, tg_group_complete(s->group, 0, s->code, NULL) == TG_OK);
    return NULL;
}

static void time_out_when_completed(struct blame *blame)
{
    for (int code = 0; code < 2; code++) {
        struct stopped s = {.blame = blame, .code = code};
        struct desk desk = {.total = 1};
        pthread_t thread;
        tg_group *g = s.group = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
        desk_open(&desk, blame, 1);
        tg_group_add_with(g, just_defer, NULL, TG_TASK(.timeout = 0.004), NULL);
        tg_group_add_with(g, task_leave_at_desk, &desk, TG_TASK(.timeout = AGES), NULL);
        expect(blame, pthread_create(&thread, NULL, complete_late, &s) == 0);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT);
        expect(blame, atomic_load(&s.over));
        pthread_join(thread, NULL);
        desk_close(&desk);
        expect(blame, status_of(g, 0) == TG_TIMED_OUT && outcome_of(g, 0).code == code);
        expect(blame, status_of(g, 1) == TG_OK);
        expect(blame, tg_group_error(g)->index == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_pending_task_is_timed_out_when_it_is_completed)
{
    at_place(_i, time_out_when_completed);
}
END_TEST

/* ---- What is refused ----------------------------------------------------------------------- */

static int sleep_for_ages(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, AGES);
}

static int try_all(tg_task *self, void *arg, void *result)
{
    struct blame *blame = arg;
    tg_group *g = tg_task_group(self);

    (void)result;
    wait_until(status_of(g, 0) == TG_PENDING && status_of(g, 1) == TG_PENDING);
    expect(blame, tg_group_complete(g, 0, 0, NULL) == TG_INVALID); /* asleep */
    expect(blame, tg_group_complete(g, 1, 0, NULL) == TG_INVALID); /* to be tried again */
    expect(blame, tg_group_complete(g, 3, 0, NULL) == TG_INVALID); /* has not started */
    expect(blame, tg_group_complete(g, 4, 0, NULL) == TG_INVALID); /* there is none */
    expect(blame, strstr(tg_error_last()->message, "4") != NULL);
    expect(blame, tg_group_complete(g, TG_NO_INDEX, 0, NULL) == TG_INVALID);
    expect(blame, status_of(g, 0) == TG_PENDING && status_of(g, 1) == TG_PENDING);
    expect(blame, status_of(g, 3) == TG_NOT_RUN);
    tg_context_cancel(tg_group_context(g), 3, NULL);
    return 0;
}

static void refuse_completions(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, sleep_for_ages, NULL);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.attempts = 2, .backoff = AGES), NULL);
    tg_group_add(g, try_all, blame);
    tg_group_add_with(g, task_count, NULL, TG_TASK(.delay = AGES), NULL);
    expect(blame, tg_group_complete(g, 0, 0, NULL) == TG_INVALID);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, tg_group_complete(g, 0, 0, NULL) == TG_DONE);
    expect(blame, report_of(g).cancelled == 2 && report_of(g).skipped == 1);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(only_what_runs_or_is_deferred_can_be_completed)
{
    at_place(_i, refuse_completions);
}
END_TEST

static int defer_in_body(tg_group *group, void *user)
{
    struct blame *blame = user;
    tg_task *self = tg_task_current();

    (void)group;
    expect(blame, self != NULL);
    expect(blame, tg_task_defer(self) == TG_INVALID);
    expect(blame, tg_task_sleep(self, 0) == TG_INVALID);
    return 0;
}

static void refuse_to_defer(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *hold = tg_group_hold(g, NULL);

    expect(blame, tg_task_defer(NULL) == TG_INVALID);
    expect(blame, tg_task_sleep(NULL, 0) == TG_INVALID);
    expect(blame, tg_task_defer(hold) == TG_INVALID);
    expect(blame, tg_task_sleep(hold, 0) == TG_INVALID);
    expect(blame, tg_group_complete(NULL, 0, 0, NULL) == TG_INVALID);
    expect(blame, tg_group_complete(g, 0, 0, NULL) == TG_OK); /* a hold */
    expect(blame, tg_task_complete(hold, 0, NULL) == TG_DONE);
    expect(blame, tg_group_scope(g, defer_in_body, blame) == TG_OK);
    expect(blame, report_of(g).ok == 1);
    tg_group_destroy(g);
}

START_TEST(what_is_no_task_function_cannot_defer)
{
    at_place(_i, refuse_to_defer);
}
END_TEST

/* ---- A producer at the gate ---------------------------------------------------------------- */

struct gate {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    atomic_int at_gate, ran;
};

static int defer_behind_producer(tg_task *self, void *arg, void *result)
{
    struct gate *gate = arg;

    (void)result;
    wait_until(atomic_load(&gate->at_gate));
    nap();
    return tg_task_defer(self);
}

static void *produce(void *arg)
{
    struct gate *gate = arg;

    wait_until(status_of(gate->group, 1) == TG_RUNNING);
    atomic_store(&gate->at_gate, 1);
    expect(gate->blame, tg_group_add(gate->group, task_count, &gate->ran) == TG_OK);
    expect(gate->blame, tg_task_complete(gate->hold, 0, NULL) == TG_OK);
    return NULL;
}

static void *complete_one(void *arg)
{
    struct gate *gate = arg;

    wait_until(status_of(gate->group, 1) == TG_PENDING);
    nap();
    expect(gate->blame, tg_group_complete(gate->group, 1, 0, NULL) == TG_OK);
    return NULL;
}

static void wake_producer(struct blame *blame)
{
    struct gate gate = {.blame = blame};
    pthread_t threads[2];
    tg_group *g = gate.group = tg_group_create(TG_GROUP(.limit = 1, .queue = TG_QUEUE_NONE));

    gate.hold = tg_group_hold(g, NULL);
    tg_group_add(g, defer_behind_producer, &gate);
    expect(blame, pthread_create(&threads[0], NULL, produce, &gate) == 0);
    expect(blame, pthread_create(&threads[1], NULL, complete_one, &gate) == 0);
    expect(blame, tg_group_run(g) == TG_OK);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    expect(blame, atomic_load(&gate.ran) == 1);
    expect(blame, report_of(g).ok == 3);
    tg_group_destroy(g);
}

START_TEST(the_end_of_a_pending_task_makes_room_for_who_waits_at_the_gate)
{
    at_place(_i, wake_producer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("defer_stop");
    TCase *stops = add_case(suite, "stops");
    TCase *refused = add_case(suite, "refused");

    tcase_add_loop_test(stops, a_stopped_group_does_not_end_before_its_pending_tasks, 0, PLACES);
    tcase_add_loop_test(stops,
        the_first_failure_from_elsewhere_stops_the_group_and_later_ones_are_cancelled, 0, PLACES);
    tcase_add_loop_test(stops, a_pending_task_is_timed_out_when_it_is_completed, 0, PLACES);
    tcase_add_loop_test(
        stops, the_end_of_a_pending_task_makes_room_for_who_waits_at_the_gate, 0, PLACES);
    tcase_add_loop_test(refused, only_what_runs_or_is_deferred_can_be_completed, 0, PLACES);
    tcase_add_loop_test(refused, what_is_no_task_function_cannot_defer, 0, PLACES);
    return run_suite(suite);
}
