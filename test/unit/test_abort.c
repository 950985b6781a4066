/* SPDX-License-Identifier: MIT */
/* task.h, tg_task_abort(): a task that gives up from any depth of calls; and outside of a task. */
#include "tg_test.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an aborting task is to do. */
struct wish {
    struct blame *blame;
    int code, depth;
    atomic_int started;
};

/* Not inlined, no tail call: each depth is a frame. */
static __attribute__((noinline)) int dive(const struct wish *wish, volatile int depth)
{
    int below;

    if (depth < 0)
        return 0;
    if (depth == 0)
        tg_task_abort(wish->code, "no way on at depth %d of %s", wish->depth, "the dive");
    below = dive(wish, depth - 1);
    return below + depth;
}

static int abort_at_depth(tg_task *self, void *arg, void *result)
{
    struct wish *wish = arg;

    (void)self;
    if (result != NULL)
        *(double *)result = 1.5;
    atomic_fetch_add(&wish->started, 1);
    expect(wish->blame, dive(wish, wish->depth) == INT32_MIN); /* never comes back */
    return 0;
}

static size_t lines_of(const char *text)
{
    size_t lines = *text != '\0';

    for (; *text != '\0'; text++)
        lines += *text == '\n' && text[1] != '\0';
    return lines;
}

static void expect_abort(struct blame *blame, const tg_error *error, size_t index, int code)
{
    expect(blame, error != NULL);
    if (error == NULL)
        return;
    expect(blame, error->status == TG_FAILED);
    expect(blame, error->code == code);
    expect(blame, error->index == index);
    expect(blame, error->signal == 0);
    expect(blame, error->address == NULL);
    expect(blame, error->message[0] != '\0');
}

static void abort_deep(struct blame *blame)
{
    struct wish wish = {.blame = blame, .code = 66, .depth = 20};
    const tg_error *error;
    tg_task *before = tg_task_current();
    tg_group *g = tg_group_create(TG_GROUP(.result_size = sizeof(double)));

    tg_group_add_with(g, abort_at_depth, &wish, TG_TASK(.name = "diver", .id = 5), NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    error = tg_group_error(g);
    expect_abort(blame, error, 0, 66);
    expect(blame, strcmp(error->message, "no way on at depth 20 of the dive") == 0);
    expect(blame, strcmp(error->name, "diver") == 0);
    expect(blame, error->id == 5);
    expect(blame, error->attempts == 1);
    expect(blame, lines_of(error->backtrace) >= 5);
    expect(blame, outcome_of(g, 0).status == TG_FAILED);
    expect(blame, outcome_of(g, 0).code == 66);
    expect(blame, strcmp(outcome_of(g, 0).message, error->message) == 0);
    expect(blame, *(double *)tg_group_result(g, 0) == 1.5);
    expect(blame, tg_task_current() == before);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(a_task_gives_up_from_any_depth_with_message_and_backtrace)
{
    at_place(_i, abort_deep);
}
END_TEST

static int abort_plainly(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    tg_task_abort_text(arg != NULL ? *(const int *)arg : 0, arg != NULL ? "100 %s %n of it" : NULL);
}

static int fail_plainly(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_fail(self, 3, "no abort");
}

START_TEST(code_and_text_of_an_abort_are_as_those_of_a_failure)
{
    struct blame blame = {0};
    const int code = -9;
    const tg_error *error = NULL;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING, .limit = 1));

    tg_group_add(g, abort_plainly, &code);
    tg_group_add(g, abort_plainly, NULL);
    tg_group_add(g, fail_plainly, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    error = tg_group_error_next(g, error);
    expect_abort(&blame, error, 0, -9);
    ck_assert_str_eq(error->message, "100 %s %n of it");
    ck_assert_str_ne(error->backtrace, "");
    error = tg_group_error_next(g, error);
    expect_abort(&blame, error, 1, -1); /* 0 would mean success */
    error = tg_group_error_next(g, error);
    ck_assert_str_eq(error->backtrace, ""); /* has none: it returned */
    ck_assert_ptr_null(tg_group_error_next(g, error));
    assert_blameless(&blame, "serial code");
    tg_group_destroy(g);
}
END_TEST

/* ---- Who goes on --------------------------------------------------------------------------- */

static void abort_beside(struct blame *blame)
{
    for (int optional = 0; optional < 2; optional++) {
        struct wish wish = {.blame = blame, .code = 4, .depth = 3};
        atomic_int ran = 0;
        size_t index;
        tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
        tg_group_add_many(g, task_count, 10, &ran, 0, NULL);
        tg_group_add_with(
            g, abort_at_depth, &wish, TG_TASK(.flags = optional ? TG_TASK_OPTIONAL : 0u), &index);
        tg_group_add_many(g, task_count, 20, &ran, 0, NULL);
        expect(blame, tg_group_run(g) == (optional ? TG_OK : TG_FAILED));
        expect(blame, atomic_load(&ran) == (optional ? 30 : 10));
        expect(blame, report_of(g).failed == 1);
        expect(blame, report_of(g).skipped == (optional ? 0 : 20));
        expect_abort(blame, tg_group_error_next(g, NULL), index, 4);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(an_abort_stops_the_group_unless_the_task_is_optional)
{
    at_place(_i, abort_beside);
}
END_TEST

struct item {
    struct blame *blame;
    atomic_int runs;
};
enum { ITEMS = 3000 };

static int abort_some(tg_task *self, void *arg, void *result)
{
    struct item *item = arg;
    size_t index = tg_task_index(self);

    *(size_t *)result = index + 1;
    atomic_fetch_add(&item->runs, 1);
    if (index % 7 == 3)
        tg_task_abort(1 + (int)index, "item %zu", index);
    expect(item->blame, tg_task_current() == self);
    return 0;
}

static void abort_in_bundles(struct blame *blame)
{
    static const long grains[] = {1, 16, TG_GRAIN_AUTO};

    for (int i = 0; i < 3; i++) {
        struct item *items = calloc(ITEMS, sizeof *items);
        size_t *results, errors = 0;
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING, .grainsize = grains[i],
            .result_size = sizeof(size_t)));
        for (size_t j = 0; j < ITEMS; j++)
            items[j].blame = blame;
        tg_group_add_many(g, abort_some, ITEMS, items, sizeof *items, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        results = tg_group_results(g);
        for (size_t j = 0; j < ITEMS; j++) {
            expect(blame, atomic_load(&items[j].runs) == 1);
            expect(blame, results[j] == j + 1);
            expect(blame, status_of(g, j) == (j % 7 == 3 ? TG_FAILED : TG_OK));
        }
        for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++)
            expect_abort(blame, e, e->index, 1 + (int)e->index);
        expect(blame, errors == report_of(g).failed);
        expect(blame, errors == (ITEMS + 3) / 7);
        tg_group_destroy(g);
        free(items);
    }
}

START_TEST(tasks_of_one_bundle_are_given_up_one_by_one)
{
    at_place(_i, abort_in_bundles);
}
END_TEST

static int abort_below(tg_task *self, void *arg, void *result)
{
    struct wish *wish = arg;
    struct wish inner = {.blame = wish->blame, .code = 8, .depth = 2};
    tg_group *g = tg_group_create(NULL);

    (void)result;
    tg_group_add(g, abort_at_depth, &inner);
    expect(wish->blame, tg_group_run(g) == TG_FAILED);
    expect_abort(wish->blame, tg_group_error(g), 0, 8);
    tg_group_destroy(g);
    expect(wish->blame, tg_task_current() == self);
    expect(wish->blame, tg_task_check(self) == TG_OK);
    if (wish->code != 0)
        dive(wish, 2);
    return 0;
}

static void abort_nested(struct blame *blame)
{
    for (int code = 0; code < 2; code++) {
        struct wish wish = {.blame = blame, .code = code};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
        tg_group_add_many(g, abort_below, 10, &wish, 0, NULL);
        expect(blame, tg_group_run(g) == (code ? TG_FAILED : TG_OK));
        expect(blame, report_of(g).failed == (code ? 10 : 0));
        expect(blame, report_of(g).ok == (code ? 0 : 10));
        tg_group_destroy(g);
    }
}

START_TEST(only_the_innermost_task_is_given_up)
{
    at_place(_i, abort_nested);
}
END_TEST

static int abort_until_third(tg_task *self, void *arg, void *result)
{
    struct wish *wish = arg;

    (void)result;
    atomic_fetch_add(&wish->started, 1);
    if (tg_task_attempt(self) < 3)
        dive(wish, 4);
    return 0;
}

static void abort_and_try_again(struct blame *blame)
{
    for (int attempts = 2; attempts <= 4; attempts++) {
        struct wish wish = {.blame = blame, .code = 9};
        tg_group *g = tg_group_create(NULL);
        tg_group_add_with(g, abort_until_third, &wish, TG_TASK(.attempts = attempts), NULL);
        expect(blame, tg_group_run(g) == (attempts == 2 ? TG_FAILED : TG_OK));
        expect(blame, atomic_load(&wish.started) == (attempts == 2 ? 2 : 3));
        expect(blame, outcome_of(g, 0).attempts == (attempts == 2 ? 2 : 3));
        if (attempts == 2) {
            expect_abort(blame, tg_group_error(g), 0, 9);
            expect(blame, tg_group_error(g)->attempts == 2);
            expect(blame, tg_group_error(g)->backtrace[0] != '\0');
        }
        tg_group_destroy(g);
    }
}

START_TEST(a_task_that_was_given_up_is_tried_again)
{
    at_place(_i, abort_and_try_again);
}
END_TEST

static int abort_once_told(tg_task *self, void *arg, void *result)
{
    (void)result;
    task_cancel(self, arg, NULL);
    wait_until(tg_task_check(self) != TG_OK);
    tg_task_abort(5, "told to stop");
}

static void abort_when_told(struct blame *blame)
{
    atomic_int started = 0;
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, abort_once_told, &started);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, status_of(g, 0) == TG_CANCELLED);
    expect(blame, tg_group_error(g)->code == 42);
    tg_group_destroy(g);
}

START_TEST(a_task_that_gives_up_because_it_was_told_to_stop_is_cancelled)
{
    at_place(_i, abort_when_told);
}
END_TEST

/* ---- Outside of a task --------------------------------------------------------------------- */

static int body_aborts(tg_group *group, void *user)
{
    (void)group, (void)user;
    tg_task_abort(1, "a body is no task");
}

static int done_aborts(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome, (void)user;
    tg_task_abort(1, "a callback is no task");
}

static void hook_aborts(void *user)
{
    (void)user;
    tg_task_abort(1, "a hook is no task");
}

static int region_aborts(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    omp_set_max_active_levels(4);
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == omp_get_num_threads() - 1)
        tg_task_abort(1, "a thread of a task's own region is not the task's");
    return 0;
}

static void *thread_aborts(void *arg)
{
    (void)arg;
    tg_task_abort(1, "another thread is no task");
}

static int thread_of_task_aborts(tg_task *self, void *arg, void *result)
{
    pthread_t thread;

    (void)self, (void)arg, (void)result;
    pthread_create(&thread, NULL, thread_aborts, NULL);
    pthread_join(thread, NULL);
    return 0;
}

/* Each ends the process; what comes after is only reached if it does not. */
static void abort_outside(int which)
{
    tg_group *g = tg_group_create(TG_GROUP(.on_done = which == 2 ? done_aborts : NULL));
    tg_hook *hook;

    if (which == 0)
        tg_task_abort_text(1, "serial code is no task");
    if (which == 1)
        (void)tg_group_scope(g, body_aborts, NULL);
    if (which == 3) {
        tg_context_cancel(tg_group_context(g), 1, NULL);
        hook = tg_context_hook(tg_group_context(g), hook_aborts, NULL);
        while (hook != NULL)
            pause();
    }
    tg_group_add(g,
        which == 4   ? region_aborts
        : which == 5 ? thread_of_task_aborts
                     : task_count,
        NULL);
    (void)tg_group_run(g);
}
enum { OUTSIDE = 6 };

START_TEST(outside_of_a_task_an_abort_ends_the_process_and_says_why)
{
    char said[4096] = "";
    size_t length = 0;
    ssize_t got;
    int ends[2], status = 0;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork(); /* before anything has used the library or OpenMP */
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        abort_outside(_i);
        _exit(0);
    }
    close(ends[1]);
    while (length < sizeof said - 1 &&
           (got = read(ends[0], said + length, sizeof said - 1 - length)) > 0)
        length += (size_t)got;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_msg(strstr(said, " no task") != NULL || strstr(said, " not the task") != NULL,
        "stderr says \"%s\"", said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("abort");
    TCase *depth = add_case(suite, "from depth");
    TCase *others = add_case(suite, "who goes on");
    TCase *outside = add_case(suite, "outside of a task");

    tcase_add_loop_test(
        depth, a_task_gives_up_from_any_depth_with_message_and_backtrace, 0, PLACES);
    tcase_add_test(depth, code_and_text_of_an_abort_are_as_those_of_a_failure);
    tcase_add_loop_test(others, an_abort_stops_the_group_unless_the_task_is_optional, 0, PLACES);
    tcase_add_loop_test(others, tasks_of_one_bundle_are_given_up_one_by_one, 0, PLACES);
    tcase_add_loop_test(others, only_the_innermost_task_is_given_up, 0, PLACES);
    tcase_add_loop_test(others, a_task_that_was_given_up_is_tried_again, 0, PLACES);
    tcase_add_loop_test(
        others, a_task_that_gives_up_because_it_was_told_to_stop_is_cancelled, 0, PLACES);
    tcase_add_loop_test(
        outside, outside_of_a_task_an_abort_ends_the_process_and_says_why, 0, OUTSIDE);
    return run_suite(suite);
}
