/* SPDX-License-Identifier: MIT */
/*
 * group.h: whatever refuses a task of a batch, the batch is not OK: before, during and after a run. Only a refusal that
 * was asked for (TG_FULL_REFUSE, patience), a duplicate, and what comes when `.need` was reached change nothing.
 */
#include "tg_test.h"

/* ---- The group has stopped before the run ---- */

enum stop { BY_CANCEL, BY_PARENT, BY_DEADLINE, AFTER_A_RUN, STOPS };
enum kind { ADD, ADD_WITH, ADD_MANY, ADD_COPY, HOLD, KINDS };

static tg_status add_one(tg_group *g, enum kind kind)
{
    int arg = 0;
    switch (kind) {
    case ADD:
        return tg_group_add(g, task_count, NULL);
    case ADD_WITH:
        return tg_group_add_with(g, task_count, NULL, TG_TASK(.priority = 3, .id = 7), NULL);
    case ADD_MANY:
        return tg_group_add_many(g, task_count, 5, NULL, 0, NULL);
    case ADD_COPY:
        return tg_group_add_with(g, task_count, &arg, TG_TASK(.copy = sizeof arg), NULL);
    default:
        return tg_group_hold(g, NULL) != NULL ? TG_OK : tg_error_last()->status;
    }
}

static void refuse_before(struct blame *blame, enum stop stop, enum kind kind)
{
    tg_context *c = stop == BY_DEADLINE ? tg_context_create(TG_CONTEXT(.timeout = 1e-9))
                                        : tg_context_create(NULL);
    tg_group *g = tg_group_create(TG_GROUP(.context = c));
    tg_status right = stop == BY_DEADLINE ? TG_TIMED_OUT : TG_CANCELLED;
    if (stop == AFTER_A_RUN) {
        tg_group_add(g, task_count, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
    }
    if (stop == BY_PARENT)
        tg_context_cancel(c, 5, "no more");
    else if (stop != BY_DEADLINE)
        tg_context_cancel(tg_group_context(g), 5, "no more");
    wait_until(tg_context_check(tg_group_context(g)) == right); /* it is known */
    expect(blame, add_one(g, kind) == TG_CLOSED);
    for (int again = 0; again < 2; again++) {
        expect(blame, tg_group_run(g) == right);
        expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->status == right);
        if (right == TG_CANCELLED)
            expect(blame,
                tg_group_error(g)->code == 5 && strcmp(tg_group_error(g)->message, "no more") == 0);
    }
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    tg_context_destroy(c);
}

static void refuse_all_before(struct blame *blame)
{
    for (int stop = 0; stop < STOPS; stop++)
        for (int kind = 0; kind < KINDS; kind++)
            refuse_before(blame, (enum stop)stop, (enum kind)kind);
}

START_TEST(a_batch_that_lost_a_task_to_a_stop_before_its_run_is_not_ok)
{
    at_place(_i, refuse_all_before);
}
END_TEST

/* Made as new it runs. */
static void refuse_then_reset(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_context_cancel(tg_group_context(g), 5, NULL);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    expect(blame, tg_group_reset(g) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK && report_of(g).ok == 1);
    tg_group_destroy(g);
}

START_TEST(a_reset_forgets_what_was_refused)
{
    at_place(_i, refuse_then_reset);
}
END_TEST

/* ---- It stops during the run ---- */

static int cancel_then_add(tg_group *g, void *user)
{
    (void)user;
    tg_context_cancel(tg_group_context(g), 5, NULL);
    return tg_group_add(g, task_count, NULL) == TG_CLOSED ? 0 : 99;
}

static int add_when_done(tg_group *g, const tg_outcome *outcome, void *user)
{
    return outcome->index == 0 ? cancel_then_add(g, user) : 0;
}

static void refuse_in_run(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    expect(blame, tg_group_scope(g, cancel_then_add, NULL) == TG_CANCELLED);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.on_done = add_when_done));
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    tg_group_destroy(g);
}

START_TEST(so_is_one_that_lost_a_task_in_its_body_or_in_on_done)
{
    at_place(_i, refuse_in_run);
}
END_TEST

struct wait_for_space {
    struct blame *blame;
    tg_group *group;
    tg_task *hold;
    tg_status answer;
    atomic_bool waits;
};

static int stay_until_told(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    wait_until(tg_task_check(self) != TG_OK);
    return 0;
}

static int body_waits(tg_group *g, void *user)
{
    struct wait_for_space *wait = user;
    atomic_store(&wait->waits, true);
    tg_group_add(g, stay_until_told, NULL); /* with one thread it is run in here */
    wait->answer = tg_group_add(g, stay_until_told, NULL);
    return 0;
}

static void *cancel_soon(void *arg)
{
    struct wait_for_space *wait = arg;
    wait_until(atomic_load(&wait->waits));
    for (int i = 0; i < 50; i++)
        sched_yield();
    tg_context_cancel(tg_group_context(wait->group), 7, "by hand");
    return NULL;
}

static void *add_from_outside(void *arg)
{
    struct wait_for_space *wait = arg;
    wait_until(report_of(wait->group).pending >= 2); /* the hold, and the task */
    atomic_store(&wait->waits, true);
    wait->answer = tg_group_add(wait->group, stay_until_told, NULL);
    tg_task_complete(wait->hold, 0, NULL);
    return NULL;
}

static void refuse_in_wait(struct blame *blame)
{
    for (int round = 0; round < 20; round++) {
        struct wait_for_space wait = {.blame = blame};
        pthread_t canceller, adder;
        wait.group = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE, .threads = 2));
        expect(blame, pthread_create(&canceller, NULL, cancel_soon, &wait) == 0);
        tg_status answer = tg_group_scope(wait.group, body_waits, &wait);
        pthread_join(canceller, NULL);
        expect(blame, wait.answer == TG_OK || answer == TG_CANCELLED);
        tg_group_destroy(wait.group);

        wait = (struct wait_for_space){.blame = blame};
        wait.group = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE, .threads = 1));
        wait.hold = tg_group_hold(wait.group, NULL);
        tg_group_add(wait.group, stay_until_told, NULL);
        expect(blame, pthread_create(&canceller, NULL, cancel_soon, &wait) == 0);
        expect(blame, pthread_create(&adder, NULL, add_from_outside, &wait) == 0);
        answer = tg_group_run(wait.group);
        pthread_join(canceller, NULL);
        pthread_join(adder, NULL);
        expect(blame, wait.answer != TG_OK && answer == TG_CANCELLED);
        expect(blame, tg_group_error(wait.group)->code == 7);
        tg_group_destroy(wait.group);
    }
}

START_TEST(so_is_one_whose_add_waited_for_space_when_it_was_cancelled)
{
    at_place(_i, refuse_in_wait);
}
END_TEST

/* ---- What changes nothing ---- */

static int add_until_full(tg_group *g, void *user)
{
    struct blame *blame = user;
    size_t taken = 0;
    tg_status status;
    while ((status = tg_group_add_with(g, stay_until_told, NULL,
                TG_TASK(.when_full = TG_FULL_REFUSE, .timeout = 0.002, .flags = TG_TASK_OPTIONAL),
                NULL)) == TG_OK)
        taken++;
    expect(blame, status == TG_FULL && taken > 0);
    return 0;
}

static void refuse_as_asked(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.queue = 2, .threads = 2));
    expect(blame, tg_group_scope(g, add_until_full, blame) == TG_OK);
    tg_group_destroy(g);
    g = tg_group_create(NULL);
    expect(blame, tg_group_add_with(g, task_count, NULL, TG_TASK(.id = 1), NULL) == TG_OK);
    expect(blame, tg_group_add_with(g, task_count, NULL, TG_TASK(.id = 1), NULL) == TG_DUPLICATE);
    expect(blame, tg_group_run(g) == TG_OK && report_of(g).ok == 1);
    tg_group_destroy(g);
    g = tg_group_create(TG_GROUP(.need = 1));
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, tg_group_add(g, task_count, NULL) == TG_CLOSED);
    expect(blame, tg_group_run(g) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_refusal_that_was_asked_for_changes_nothing)
{
    at_place(_i, refuse_as_asked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refused");
    TCase *tcase = add_case(suite, "refused");
    tcase_add_loop_test(
        tcase, a_batch_that_lost_a_task_to_a_stop_before_its_run_is_not_ok, 0, PLACES);
    tcase_add_loop_test(tcase, a_reset_forgets_what_was_refused, 0, PLACES);
    tcase_add_loop_test(tcase, so_is_one_that_lost_a_task_in_its_body_or_in_on_done, 0, PLACES);
    tcase_add_loop_test(
        tcase, so_is_one_whose_add_waited_for_space_when_it_was_cancelled, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(tcase, a_refusal_that_was_asked_for_changes_nothing, 0, PLACES);
    return run_suite(suite);
}
