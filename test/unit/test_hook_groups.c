/* SPDX-License-Identifier: MIT */
/* context.h: hooks on groups, on what hangs below them, and in tasks that block in a call. */
#include "tg_test.h"
#include "bell.h"
#include <time.h>
#include <unistd.h>

/* ---- Groups -------------------------------------------------------------------------------- */

static void fail_with_hooks(struct blame *blame)
{
    struct bell own = BELL, below = BELL, optional = BELL;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    tg_context *child = tg_context_create(TG_CONTEXT(.parent = tg_group_context(g)));
    tg_hook *hooks[3];

    hooks[2] = tg_context_hook(tg_group_context(g), ring, &optional);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    flush();
    expect(blame, rings_of(&optional) == 0);
    tg_hook_remove(hooks[2]);
    hooks[0] = tg_context_hook(tg_group_context(g), ring, &own);
    hooks[1] = tg_context_hook(child, ring, &below);
    tg_group_add(g, task_fail_7, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    await(&own, 1);
    await(&below, 1);
    tg_hook_remove(hooks[0]);
    tg_hook_remove(hooks[1]);
    expect(blame, tg_group_reset(g) == TG_OK);
    hooks[0] = tg_context_hook(tg_group_context(g), ring, &own);
    tg_group_add(g, task_count, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    flush();
    expect(blame, rings_of(&own) == 1); /* the reset one is as new */
    tg_group_add(g, task_fail_7, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    await(&own, 2);
    flush();
    expect(blame, rings_of(&own) == 2 && rings_of(&below) == 1 && rings_of(&optional) == 0);
    tg_hook_remove(hooks[0]);
    tg_context_destroy(child);
    tg_group_destroy(g);
}

START_TEST(a_required_failure_fires_hooks_on_and_below_the_group)
{
    at_place(_i, fail_with_hooks);
}
END_TEST

static int cancel_and_await(tg_task *self, void *arg, void *result)
{
    struct bell bell = BELL;
    tg_hook *hook = tg_context_hook(tg_task_context(self), ring, &bell);

    (void)result;
    tg_context_cancel(tg_task_context(self), 3, "from inside");
    await(&bell, 1);
    tg_hook_remove(hook);
    task_count(self, arg, NULL);
    return 0;
}

static void hook_in_task(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 1));
    atomic_int ended = 0;

    tg_group_add(g, cancel_and_await, &ended);
    tg_group_add(g, task_count, &ended);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, atomic_load(&ended) == 1);
    expect(blame, status_of(g, 0) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(a_hook_on_the_tasks_context_fires_while_the_task_waits_for_it)
{
    at_place(_i, hook_in_task);
}
END_TEST

/* The waiter may come late: what was cancelled was cancelled. */
static void reset_at_once(struct blame *blame)
{
    for (int round = 0; round < 100; round++) {
        struct bell bell = BELL;
        tg_group *g = tg_group_create(NULL);
        tg_hook *hook = tg_context_hook(tg_group_context(g), ring, &bell);
        tg_group_add(g, task_fail_7, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_reset(g) == TG_OK);
        await(&bell, 1);
        tg_hook_remove(hook);
        expect(blame, rings_of(&bell) == 1);
        tg_group_destroy(g);
    }
}

START_TEST(a_hook_comes_though_the_group_is_reset_at_once)
{
    at_place(_i, reset_at_once);
}
END_TEST

static int await_bell(tg_task *self, void *arg, void *result)
{
    (void)result;
    await(arg, 1);
    return tg_task_check(self) == TG_OK ? 0 : 9;
}

/* Made when there was no deadline yet, and neither when the group was not inside another one. */
static void hook_before_run(struct blame *blame)
{
    struct bell bell = BELL;
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 0.02));
    tg_context *below = tg_context_create(TG_CONTEXT(.parent = tg_group_context(g)));
    tg_hook *hook = tg_context_hook(below, ring, &bell);

    tg_group_add(g, await_bell, &bell);
    expect(blame, tg_group_run(g) == TG_TIMED_OUT);
    expect(blame, status_of(g, 0) == TG_CANCELLED || status_of(g, 0) == TG_SKIPPED);
    await(&bell, 1);
    tg_hook_remove(hook);
    tg_context_destroy(below);
    tg_group_destroy(g);
}

START_TEST(a_hook_made_before_the_run_fires_at_the_runs_deadline)
{
    at_place(_i, hook_before_run);
}
END_TEST

/* ---- Unblocking ---------------------------------------------------------------------------- */

/* A task that knows nothing of contexts but a pipe, and who stops its group meanwhile. */
struct reader {
    int ends[2];
    atomic_int reading;
    tg_group *group;
};

static void write_to_pipe(void *user)
{
    struct reader *reader = user;

    if (write(reader->ends[1], "!", 1) != 1)
        abort();
}

static int read_from_pipe(tg_task *self, void *arg, void *result)
{
    struct reader *reader = arg;
    tg_hook *hook = tg_context_hook(tg_task_context(self), write_to_pipe, reader);
    char byte = 0;
    ssize_t got;

    (void)result;
    atomic_store(&reader->reading, 1);
    got = read(reader->ends[0], &byte, 1);
    tg_hook_remove(hook);
    return got == 1 && byte == '!' && tg_task_check(self) != TG_OK ? 9 : 0;
}

static void *cancel_reader(void *arg)
{
    struct reader *reader = arg;
    const struct timespec a_moment = {0, 2000000};

    wait_until(atomic_load(&reader->reading));
    nanosleep(&a_moment, NULL); /* so that it really is in read(), mostly */
    tg_context_cancel(tg_group_context(reader->group), 6, "give up");
    return NULL;
}

static void unblock_by_cancel(struct blame *blame)
{
    struct reader reader = {.group = tg_group_create(NULL)};
    pthread_t thread;

    expect(blame, pipe(reader.ends) == 0);
    tg_group_add(reader.group, read_from_pipe, &reader);
    expect(blame, pthread_create(&thread, NULL, cancel_reader, &reader) == 0);
    expect(blame, tg_group_run(reader.group) == TG_CANCELLED);
    pthread_join(thread, NULL);
    expect(blame, status_of(reader.group, 0) == TG_CANCELLED);
    expect(blame, tg_group_error(reader.group)->code == 6);
    tg_group_destroy(reader.group);
    close(reader.ends[0]);
    close(reader.ends[1]);
}

START_TEST(a_cancel_unblocks_a_task_that_reads_from_a_pipe)
{
    at_place(_i, unblock_by_cancel);
}
END_TEST

static void unblock_by_time(struct blame *blame)
{
    tg_context *above = tg_context_create(TG_CONTEXT(.timeout = 0.02));
    const tg_group_options *const timed[] = {TG_GROUP(.timeout = 0.02), TG_GROUP(.context = above)};

    for (int i = 0; i < 2; i++) {
        struct reader reader = {.group = tg_group_create(timed[i])};
        expect(blame, pipe(reader.ends) == 0);
        tg_group_add(reader.group, read_from_pipe, &reader);
        expect(
            blame, tg_group_run(reader.group) == TG_TIMED_OUT || tg_group_count(reader.group) == 0);
        if (atomic_load(&reader.reading)) /* else its time was up before it could start */
            expect(blame, status_of(reader.group, 0) == TG_CANCELLED);
        tg_group_destroy(reader.group);
        close(reader.ends[0]);
        close(reader.ends[1]);
    }
    tg_context_destroy(above);
}

START_TEST(a_deadline_unblocks_a_task_that_reads_from_a_pipe)
{
    at_place(_i, unblock_by_time);
}
END_TEST

static void unblock_by_own_time(struct blame *blame)
{
    struct reader reader = {.group = tg_group_create(NULL)};

    expect(blame, pipe(reader.ends) == 0);
    tg_group_add_with(reader.group, read_from_pipe, &reader, TG_TASK(.timeout = 5e-3), NULL);
    expect(blame, tg_group_run(reader.group) == TG_TIMED_OUT);
    expect(blame, status_of(reader.group, 0) == TG_TIMED_OUT);
    expect(blame, outcome_of(reader.group, 0).code == 9); /* it was told */
    tg_group_destroy(reader.group);
    close(reader.ends[0]);
    close(reader.ends[1]);
}

START_TEST(its_own_time_unblocks_a_task_that_reads_from_a_pipe)
{
    at_place(_i, unblock_by_own_time);
}
END_TEST

static int fail_once_reading(tg_task *self, void *arg, void *result)
{
    struct reader *reader = arg;

    (void)self, (void)result;
    wait_until(atomic_load(&reader->reading));
    return 5;
}

static void unblock_by_failure(struct blame *blame)
{
    struct reader reader = {.group = tg_group_create(NULL)};

    if (team_size() >= 2) {
        expect(blame, pipe(reader.ends) == 0);
        tg_group_add(reader.group, read_from_pipe, &reader);
        tg_group_add(reader.group, fail_once_reading, &reader);
        expect(blame, tg_group_run(reader.group) == TG_FAILED);
        expect(blame, tg_group_error(reader.group)->index == 1);
        expect(blame, status_of(reader.group, 0) == TG_CANCELLED);
        close(reader.ends[0]);
        close(reader.ends[1]);
    }
    tg_group_destroy(reader.group);
}

START_TEST(a_failed_sibling_unblocks_a_task_that_reads_from_a_pipe)
{
    at_place(_i, unblock_by_failure);
}
END_TEST

/* The group in the middle knows of the cancel only because a task of the outer one runs it. */
static int run_reader(tg_task *self, void *arg, void *result)
{
    struct reader *reader = arg;
    tg_group *inner = tg_group_create(NULL);
    tg_status status;

    (void)self, (void)result;
    tg_group_add(inner, read_from_pipe, reader);
    status = tg_group_run(inner);
    tg_group_destroy(inner);
    return status == TG_CANCELLED ? 0 : 1;
}

static void unblock_inner(struct blame *blame)
{
    struct reader reader = {.group = tg_group_create(NULL)};
    pthread_t thread;

    expect(blame, pipe(reader.ends) == 0);
    tg_group_add(reader.group, run_reader, &reader);
    expect(blame, pthread_create(&thread, NULL, cancel_reader, &reader) == 0);
    expect(blame, tg_group_run(reader.group) == TG_OK); /* nothing was left undone */
    pthread_join(thread, NULL);
    tg_group_destroy(reader.group);
    close(reader.ends[0]);
    close(reader.ends[1]);
}

START_TEST(a_cancel_of_the_group_around_unblocks_a_task_of_the_inner_one)
{
    at_place(_i, unblock_inner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook_groups");
    TCase *groups = add_case(suite, "groups");
    TCase *unblock = add_case(suite, "unblocking");

    tcase_add_loop_test(groups, a_required_failure_fires_hooks_on_and_below_the_group, 0, PLACES);
    tcase_add_loop_test(
        groups, a_hook_on_the_tasks_context_fires_while_the_task_waits_for_it, 0, PLACES);
    tcase_add_loop_test(groups, a_hook_comes_though_the_group_is_reset_at_once, 0, PLACES);
    tcase_add_loop_test(groups, a_hook_made_before_the_run_fires_at_the_runs_deadline, 0, PLACES);
    tcase_add_loop_test(unblock, a_cancel_unblocks_a_task_that_reads_from_a_pipe, 0, PLACES);
    tcase_add_loop_test(
        unblock, a_cancel_of_the_group_around_unblocks_a_task_of_the_inner_one, 0, PLACES);
    tcase_add_loop_test(unblock, a_deadline_unblocks_a_task_that_reads_from_a_pipe, 0, PLACES);
    tcase_add_loop_test(unblock, its_own_time_unblocks_a_task_that_reads_from_a_pipe, 0, PLACES);
    tcase_add_loop_test(
        unblock, a_failed_sibling_unblocks_a_task_that_reads_from_a_pipe, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
