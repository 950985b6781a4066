/* SPDX-License-Identifier: MIT */
/* task.h, `.attempts`: what happens while a task waits for its next attempt, and what ends the wait. */
#include "tg_test.h"

/* Longer than any test: who waits for it waits until somebody ends that. */
#define AGES 1000.0

/* The last task of a group: sees that `waiting` others wait for their next attempt, and acts. */
struct meanwhile {
    struct blame *blame;
    size_t waiting;
    atomic_int ran;
    int code; /* to be returned; 0: cancels instead */
};

static int act_meanwhile(tg_task *self, void *arg, void *result)
{
    struct meanwhile *meanwhile = arg;
    tg_group *g = tg_task_group(self);

    (void)result;
    for (size_t i = 0; i < meanwhile->waiting; i++) {
        wait_until(status_of(g, i) == TG_PENDING); /* on other threads, maybe */
        expect(meanwhile->blame, outcome_of(g, i).attempts == 1);
    }
    wait_until(atomic_load(&meanwhile->ran) == 20);
    expect(meanwhile->blame, report_of(g).pending >= meanwhile->waiting);
    if (meanwhile->code == 0)
        tg_context_cancel(tg_group_context(g), 8, "enough");
    return meanwhile->code;
}

/* More tasks wait than there are threads or slots; if they held one this would never end. */
static void wait_without_a_thread(struct blame *blame, long limit, int code)
{
    size_t waiting = team_size() + 2;
    tg_group *g = tg_group_create(TG_GROUP(.limit = limit));
    struct meanwhile meanwhile = {blame, waiting, 0, code};

    tg_group_add_many(g, task_fail_7, waiting, NULL, 0, TG_TASK(.attempts = 3, .backoff = AGES));
    tg_group_add_many(g, task_count, 20, &meanwhile.ran, 0, NULL);
    tg_group_add(g, act_meanwhile, &meanwhile);
    expect(blame, tg_group_run(g) == (code == 0 ? TG_CANCELLED : TG_FAILED));
    expect(blame, atomic_load(&meanwhile.ran) == 20);
    for (size_t i = 0; i < waiting; i++) {
        expect(blame, status_of(g, i) == TG_CANCELLED);
        expect(blame, outcome_of(g, i).attempts == 1);
    }
    expect(blame, report_of(g).cancelled == waiting);
    expect(blame, tg_group_error(g)->code == (code == 0 ? 8 : code));
    expect(blame, tg_group_error(g)->index == (code == 0 ? TG_NO_INDEX : waiting + 20));
    expect(blame, (tg_group_error_next(g, NULL) == NULL) == (code == 0));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void all_wait_without_a_thread(struct blame *blame)
{
    wait_without_a_thread(blame, 1, 0);
    wait_without_a_thread(blame, TG_UNLIMITED, 0);
    wait_without_a_thread(blame, 1, 5);
    wait_without_a_thread(blame, TG_UNLIMITED, 5);
}

START_TEST(who_waits_for_its_next_attempt_holds_no_thread_and_no_slot_and_a_stop_ends_it)
{
    at_place(_i, all_wait_without_a_thread);
}
END_TEST

/* Everybody sleeps but the thread that stops the group. */
struct stopper {
    tg_group *group;
    bool destroy;
};

static void *stop_once_pending(void *arg)
{
    struct stopper *stopper = arg;

    wait_until(status_of(stopper->group, 0) == TG_PENDING);
    if (stopper->destroy)
        tg_group_destroy(stopper->group);
    else
        tg_context_cancel(tg_group_context(stopper->group), 3, "from outside");
    return NULL;
}

static void stop_from_outside(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        tg_group *g = tg_group_create(NULL);
        struct stopper stopper = {g, i % 2 == 1};
        pthread_t thread;
        tg_group_add_with(
            g, task_fail_7, NULL, TG_TASK(.attempts = TG_ENDLESS, .backoff = AGES), NULL);
        expect(blame, pthread_create(&thread, NULL, stop_once_pending, &stopper) == 0);
        expect(blame, tg_group_run(g) == TG_CANCELLED);
        pthread_join(thread, NULL);
        if (!stopper.destroy) {
            expect(blame, status_of(g, 0) == TG_CANCELLED);
            expect(blame, tg_group_error(g)->code == 3);
            expect_exact_accounting(blame, g);
            tg_group_destroy(g);
        }
    }
}

START_TEST(a_stop_from_outside_ends_the_wait)
{
    at_place(_i, stop_from_outside);
}
END_TEST

static void stop_by_time(struct blame *blame)
{
    tg_context *above = tg_context_create(TG_CONTEXT(.timeout = 0.05));
    const tg_group_options *const timed[] = {TG_GROUP(.timeout = 0.01), TG_GROUP(.context = above)};

    for (int i = 0; i < 2; i++) {
        tg_group *g = tg_group_create(timed[i]);
        tg_status added =
            tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.attempts = 2, .backoff = AGES), NULL);
        if (added == TG_OK) { /* else its time was up so early */
            expect(blame, tg_group_run(g) == TG_TIMED_OUT);
            expect(blame, tg_group_error(g)->index == TG_NO_INDEX);
            expect(blame, status_of(g, 0) == TG_CANCELLED || outcome_of(g, 0).attempts == 0);
            expect_exact_accounting(blame, g);
        }
        tg_group_destroy(g);
    }
    tg_context_destroy(above);
}

START_TEST(a_deadline_ends_the_wait_though_all_sleep)
{
    at_place(_i, stop_by_time);
}
END_TEST

/* ---- Told ---------------------------------------------------------------------------------- */

static int fail_when_told(tg_task *self, void *arg, void *result)
{
    task_cancel(self, arg, result);
    return tg_task_check(self) == TG_CANCELLED ? 7 : 0;
}

static void tell(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    atomic_int starts = 0;

    tg_group_add_with(g, fail_when_told, &starts, TG_TASK(.attempts = TG_ENDLESS), NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, atomic_load(&starts) == 1);
    expect(blame, status_of(g, 0) == TG_CANCELLED && outcome_of(g, 0).code == 7);
    expect(blame, tg_group_error(g)->code == 42);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(who_was_told_to_stop_is_not_tried_again)
{
    at_place(_i, tell);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retry_wait");
    TCase *waits = add_case(suite, "while it waits");

    tcase_add_loop_test(waits,
        who_waits_for_its_next_attempt_holds_no_thread_and_no_slot_and_a_stop_ends_it, 0, PLACES);
    tcase_add_loop_test(waits, a_stop_from_outside_ends_the_wait, 0, PLACES);
    tcase_add_loop_test(waits, a_deadline_ends_the_wait_though_all_sleep, 0, PLACES);
    tcase_add_loop_test(waits, who_was_told_to_stop_is_not_tried_again, 0, PLACES);
    return run_suite(suite);
}
