/* SPDX-License-Identifier: MIT */
/* task.h, group.h: tg_task_defer() and tg_group_complete(): who completes a task, when, and with what. */
#include "tg_test.h"
#include "bell.h"
#include "desk.h"

/* ---- When, and by whom --------------------------------------------------------------------- */

/* A task that is deferred, and what becomes of that elsewhere. */
struct deferred {
    struct blame *blame;
    tg_group *group;
    tg_hook *hook;
    int code, starts;
    const char *message;
    size_t other; /* the index of a task that is to complete it, or of the one to complete */
    atomic_bool over;
};

static int only_defer(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    d->starts++;
    if (result != NULL)
        *(int *)result = 11;
    expect(d->blame, tg_task_defer(self) == 0);
    return 99; /* does not count */
}

static void *complete_when_pending(void *arg)
{
    struct deferred *d = arg;

    wait_until(status_of(d->group, 0) == TG_PENDING);
    nap();
    expect(d->blame, status_of(d->group, 0) == TG_PENDING);
    expect(d->blame, report_of(d->group).pending == 1);
    atomic_store(&d->over, true);
    expect(d->blame, tg_group_complete(d->group, 0, d->code, d->message) == TG_OK);
    return NULL;
}

static tg_status run_beside(struct deferred *d, void *(*function)(void *))
{
    pthread_t thread;
    tg_status status;

    expect(d->blame, pthread_create(&thread, NULL, function, d) == 0);
    status = tg_group_run(d->group);
    expect(d->blame, atomic_load(&d->over));
    pthread_join(thread, NULL);
    return status;
}

static void complete_elsewhere(struct blame *blame)
{
    struct deferred d = {.blame = blame};
    tg_outcome outcome;

    d.group = tg_group_create(TG_GROUP(.result_size = sizeof(int)));
    tg_group_add_with(d.group, only_defer, &d, TG_TASK(.id = 4, .name = "away"), NULL);
    expect(blame, run_beside(&d, complete_when_pending) == TG_OK);
    outcome = outcome_of(d.group, 0);
    expect(blame, outcome.status == TG_OK);
    expect(blame, outcome.code == 0);
    expect(blame, outcome.attempts == 1);
    expect(blame, outcome.id == 4 && strcmp(outcome.name, "away") == 0);
    expect(blame, outcome.message[0] == '\0');
    expect(blame, *(int *)tg_group_result(d.group, 0) == 11);
    expect(blame, report_of(d.group).pending == 0);
    expect_exact_accounting(blame, d.group);
    expect(blame, tg_group_complete(d.group, 0, 5, "too late") == TG_DONE);
    expect(blame, status_of(d.group, 0) == TG_OK);
    tg_group_destroy(d.group);
}

START_TEST(a_deferred_task_ends_when_another_thread_completes_it)
{
    at_place(_i, complete_elsewhere);
}
END_TEST

static int complete_itself(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;
    tg_group *g = tg_task_group(self);
    size_t index = tg_task_index(self);

    (void)result;
    expect(d->blame, tg_group_complete(g, index, d->code, d->message) == TG_OK);
    expect(d->blame, tg_group_complete(g, index, 3, "twice") == TG_DONE);
    return tg_task_defer(self);
}

static void complete_early(struct blame *blame)
{
    char message[] = "it was not there";
    struct deferred good = {.blame = blame}, bad = {.blame = blame, .code = 6, .message = message};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));

    for (int i = 0; i < 50; i++)
        tg_group_add(g, complete_itself, i == 20 ? &bad : &good);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, report_of(g).ok == 49 && report_of(g).failed == 1);
    expect(blame, outcome_of(g, 20).code == 6);
    memset(message, 'x', sizeof message - 1); /* it was copied */
    expect(blame, strcmp(outcome_of(g, 20).message, "it was not there") == 0);
    expect(blame, strcmp(tg_group_error(g)->message, "it was not there") == 0);
    expect(blame, tg_group_complete(g, 20, 0, NULL) == TG_DONE);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_completion_before_the_return_is_not_lost)
{
    at_place(_i, complete_early);
}
END_TEST

static int complete_other(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    (void)result;
    expect(d->blame, tg_group_complete(tg_task_group(self), d->other, 0, NULL) == TG_OK);
    return 0;
}

/* Adds who completes it, and defers: that one comes before or after the return. */
static int add_completer(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    (void)result;
    d->other = tg_task_index(self);
    expect(d->blame, tg_group_add(tg_task_group(self), complete_other, d) == TG_OK);
    return tg_task_defer(self);
}

static void complete_by_sibling(struct blame *blame)
{
    struct deferred d[50];
    tg_group *g = tg_group_create(NULL);

    for (int i = 0; i < 50; i++) {
        d[i] = (struct deferred){.blame = blame};
        tg_group_add(g, add_completer, &d[i]);
    }
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 100);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(another_task_of_the_group_may_complete_it)
{
    at_place(_i, complete_by_sibling);
}
END_TEST

static int add_count(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    (void)result;
    expect(d->blame, tg_group_add_with(tg_task_group(self), task_count, NULL,
                         TG_TASK(.name = "completes 0"), NULL) == TG_OK);
    return tg_task_defer(self);
}

static int complete_in_callback(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct deferred *d = user;

    d->starts++;
    if (strcmp(outcome->name, "completes 0") != 0)
        return 0;
    expect(d->blame, tg_group_complete(group, 0, 0, NULL) == TG_OK);
    expect(d->blame, tg_group_complete(group, 0, 0, NULL) == TG_DONE);
    expect(d->blame, tg_group_complete(group, outcome->index, 0, NULL) == TG_DONE);
    return 0;
}

static void complete_from_on_done(struct blame *blame)
{
    struct deferred d = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.on_done = complete_in_callback, .user = &d));

    tg_group_add(g, add_count, &d);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, d.starts == 2);
    expect(blame, report_of(g).ok == 2);
    tg_group_destroy(g);
}

START_TEST(on_done_may_complete_it)
{
    at_place(_i, complete_from_on_done);
}
END_TEST

static void give_up(void *user)
{
    struct deferred *d = user;

    atomic_store(&d->over, true);
    expect(d->blame, tg_group_complete(d->group, 0, 8, "given up") == TG_OK);
}

static int defer_with_hook(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    (void)result;
    d->group = tg_task_group(self);
    d->hook = tg_context_hook(tg_task_context(self), give_up, d);
    expect(d->blame, d->hook != NULL);
    return tg_task_defer(self);
}

static void complete_from_hook(struct blame *blame)
{
    for (int timed = 0; timed < 2; timed++) {
        struct deferred d = {.blame = blame};
        tg_group *g = tg_group_create(NULL);
        if (timed) {
            tg_group_add_with(g, defer_with_hook, &d, TG_TASK(.timeout = 0.005), NULL);
        } else {
            tg_group_add(g, defer_with_hook, &d);
            tg_group_add(g, task_cancel, NULL);
        }
        tg_status status = tg_group_run(g);
        if (atomic_load(&d.over)) { /* else it was cancelled before */
            expect(blame, status == (timed ? TG_TIMED_OUT : TG_CANCELLED));
            expect(blame, status_of(g, 0) == (timed ? TG_TIMED_OUT : TG_CANCELLED));
            expect(blame, outcome_of(g, 0).code == 8);
        }
        expect(blame, !timed || atomic_load(&d.over));
        expect_exact_accounting(blame, g);
        tg_hook_remove(d.hook);
        tg_group_destroy(g);
    }
}

START_TEST(a_hook_may_complete_it)
{
    at_place(_i, complete_from_hook);
}
END_TEST

/* ---- With what ----------------------------------------------------------------------------- */

static void fail_elsewhere(struct blame *blame)
{
    for (int optional = 0; optional < 2; optional++) {
        struct deferred d = {.blame = blame, .code = 5, .message = "the peer has gone"};
        const tg_error *error;
        d.group = tg_group_create(NULL);
        tg_group_add_with(d.group, only_defer, &d,
            TG_TASK(.id = 3, .name = "net", .flags = optional ? TG_TASK_OPTIONAL : 0), NULL);
        tg_group_add_many(d.group, task_count, 50, NULL, 0, NULL);
        expect(blame, run_beside(&d, complete_when_pending) == (optional ? TG_OK : TG_FAILED));
        expect(blame, (tg_group_error(d.group) == NULL) == optional);
        error = tg_group_error_next(d.group, NULL);
        expect(blame, error != NULL && error->status == TG_FAILED && error->code == 5);
        expect(blame, error != NULL && error->index == 0 && error->id == 3);
        expect(blame, error != NULL && strcmp(error->name, "net") == 0);
        expect(blame, error != NULL && strcmp(error->message, "the peer has gone") == 0);
        expect(blame, status_of(d.group, 0) == TG_FAILED);
        expect(blame, strcmp(outcome_of(d.group, 0).message, "the peer has gone") == 0);
        expect_exact_accounting(blame, d.group);
        tg_group_destroy(d.group);
    }
}

START_TEST(a_failure_from_elsewhere_is_the_tasks)
{
    at_place(_i, fail_elsewhere);
}
END_TEST

/* Fails twice, early or late, and then succeeds. */
struct tries {
    struct desk desk;
    bool early;
    atomic_int starts;
};

static int defer_thrice(tg_task *self, void *arg, void *result)
{
    struct tries *tries = arg;
    int attempt = tg_task_attempt(self), code = attempt < 3 ? 20 + attempt : 0;

    (void)result;
    atomic_fetch_add(&tries->starts, 1);
    if (tries->early)
        expect(tries->desk.blame,
            tg_group_complete(tg_task_group(self), tg_task_index(self), code, "not yet") == TG_OK);
    else
        desk_leave(&tries->desk, self, code);
    return tg_task_defer(self);
}

static void try_again(struct blame *blame)
{
    enum { MANY = 20 };
    for (int i = 0; i < 8; i++) {
        double backoff = i % 2 ? 1e-4 : 0;
        struct tries tries = {.early = i & 2, .desk = {.total = i & 2 ? 0 : 3 * MANY}};
        tg_group *g = tg_group_create(TG_GROUP(.limit = i & 4 ? 2 : 0));
        desk_open(&tries.desk, blame, 1);
        tg_group_add_many(
            g, defer_thrice, MANY, &tries, 0, TG_TASK(.attempts = 4, .backoff = backoff));
        expect(blame, tg_group_run(g) == TG_OK);
        desk_close(&tries.desk);
        expect(blame, atomic_load(&tries.starts) == 3 * MANY);
        for (size_t k = 0; k < MANY; k++)
            expect(blame, outcome_of(g, k).attempts == 3 && outcome_of(g, k).code == 0);
        expect(blame, report_of(g).attempts == 3 * MANY);
        expect(blame, tg_group_error_next(g, NULL) == NULL);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_failed_one_with_attempts_left_is_tried_again)
{
    at_place(_i, try_again);
}
END_TEST

/* A completion that comes early, for a function that then does not defer, is of no account. */
static int not_deferred(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;

    (void)result;
    expect(d->blame,
        tg_group_complete(tg_task_group(self), tg_task_index(self), 5, "not this") == TG_OK);
    if (tg_task_attempt(self) == 1)
        return tg_task_fail(self, 9, "but this");
    return d->code == 1 ? tg_task_sleep(self, 0) : d->code == 2 ? 0 : tg_task_defer(self);
}

static void only_its_function_counts(struct blame *blame)
{
    struct deferred d = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));

    for (int i = 0; i < 10; i++)
        tg_group_add(g, not_deferred, &d);
    expect(blame, tg_group_run(g) == TG_FAILED);
    expect(blame, report_of(g).failed == 10);
    for (size_t i = 0; i < 10; i++) {
        expect(blame, outcome_of(g, i).code == 9);
        expect(blame, strcmp(outcome_of(g, i).message, "but this") == 0);
    }
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_that_does_not_defer_ends_as_its_function_says)
{
    at_place(_i, only_its_function_counts);
}
END_TEST

static int fail_then_leave(tg_task *self, void *arg, void *result)
{
    struct deferred *d = arg;
    tg_group *g = tg_task_group(self);

    (void)result;
    if (tg_task_attempt(self) == 1) {
        expect(d->blame, tg_group_complete(g, tg_task_index(self), 5, "stale") == TG_OK);
        return 9;
    }
    if (d->code == 0)
        return tg_task_sleep(self, 1e-6);
    d->other = tg_task_index(self);
    tg_group_add(g, complete_other, d);
    return tg_task_defer(self);
}

static void forget_early(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct deferred d = {.blame = blame, .code = i % 2};
        tg_group *g = tg_group_create(TG_GROUP(.limit = i / 2 * 2));
        tg_group_add_with(
            g, fail_then_leave, &d, TG_TASK(.attempts = 2, .timeout = i > 3 ? 1000 : 0), NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, status_of(g, 0) == TG_OK && outcome_of(g, 0).code == 0);
        expect(blame, outcome_of(g, 0).message[0] == '\0');
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(what_came_too_early_in_one_attempt_is_nothing_to_the_next)
{
    at_place(_i, forget_early);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("defer");
    TCase *who = add_case(suite, "who completes it");
    TCase *what = add_case(suite, "with what");

    tcase_add_loop_test(who, a_deferred_task_ends_when_another_thread_completes_it, 0, PLACES);
    tcase_add_loop_test(who, a_completion_before_the_return_is_not_lost, 0, PLACES);
    tcase_add_loop_test(who, another_task_of_the_group_may_complete_it, 0, PLACES);
    tcase_add_loop_test(who, on_done_may_complete_it, 0, PLACES);
    tcase_add_loop_test(who, a_hook_may_complete_it, 0, PLACES);
    tcase_add_loop_test(what, a_failure_from_elsewhere_is_the_tasks, 0, PLACES);
    tcase_add_loop_test(what, a_failed_one_with_attempts_left_is_tried_again, 0, PLACES);
    tcase_add_loop_test(what, a_task_that_does_not_defer_ends_as_its_function_says, 0, PLACES);
    tcase_add_loop_test(what, what_came_too_early_in_one_attempt_is_nothing_to_the_next, 0, PLACES);
    return run_suite(suite);
}
