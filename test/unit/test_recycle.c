/* SPDX-License-Identifier: MIT */
/* group.h, TG_GROUP_RECYCLE: any number of tasks through one scope, in flat memory. */
#include "tg_test.h"

#if TEST_SANITIZED
enum { STREAM = 100000 };
#else
enum { STREAM = 1000000 };
#endif

/* What runs through a scope, and how often each came by. */
struct stream {
    struct blame *blame;
    size_t count;
    atomic_uchar *runs; /* by number */
    unsigned char *dones;
    size_t done, wrong; /* in on_done: one call at a time */
    atomic_size_t next;
};

static void open_stream(struct stream *stream, struct blame *blame, size_t count)
{
    *stream = (struct stream){
        .blame = blame, .count = count, .runs = calloc(count, 1), .dones = calloc(count, 1)};
}

static void close_stream(struct stream *stream)
{
    free(stream->runs);
    free(stream->dones);
}

/* Every task ran once, and on_done saw each of them once, with its result. */
static void expect_all(const struct stream *stream)
{
    size_t once = 0, done = 0;

    for (size_t i = 0; i < stream->count; i++) {
        once += atomic_load(&stream->runs[i]) == 1;
        done += stream->dones[i] == 1;
    }
    expect(stream->blame, once == stream->count);
    expect(stream->blame, done == stream->count);
    expect(stream->blame, stream->done == stream->count);
    expect(stream->blame, stream->wrong == 0);
}

/* A task's argument, copied or not. */
struct drop {
    struct stream *stream;
    size_t number;
};

static int pass_by(tg_task *self, void *arg, void *result)
{
    const struct drop *drop = arg;

    (void)self;
    atomic_fetch_add(&drop->stream->runs[drop->number], 1);
    *(size_t *)result = 3 * drop->number + 1;
    return 0;
}

static int look_at_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;
    const struct drop *drop = outcome->arg;

    (void)group;
    stream->done++;
    stream->wrong += outcome->status != TG_OK;
    stream->wrong += outcome->result == NULL || *(size_t *)outcome->result != 3 * drop->number + 1;
    stream->dones[drop->number]++;
    return 0;
}

static int pour(tg_group *group, void *user)
{
    struct stream *stream = user;

    for (size_t i = 0; i < stream->count; i++) {
        struct drop drop = {stream, i};
        expect(stream->blame,
            tg_group_add_with(group, pass_by, &drop, TG_TASK(.copy = sizeof drop), NULL) == TG_OK);
    }
    return 0;
}

static tg_group *make_group(struct stream *stream, unsigned flags, long queue)
{
    return tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE | flags, .queue = queue,
        .result_size = sizeof(size_t), .on_done = look_at_done, .user = stream));
}

/* The most that was ever in memory, in bytes; 0 where /proc does not tell. */
static size_t peak_memory(void)
{
    char line[256];
    size_t kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %zu kB", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes * 1024;
}

/* ---- Flat memory --------------------------------------------------------------------------- */

static void pour_through(struct stream *stream, tg_scope_fn *body, long queue)
{
    tg_group *g = make_group(stream, 0, queue);

    expect(stream->blame, tg_group_scope(g, body, stream) == TG_OK);
    expect(stream->blame, tg_group_count(g) == stream->count);
    expect(stream->blame, report_of(g).added == stream->count);
    expect(stream->blame, report_of(g).ok == stream->count);
    tg_group_destroy(g);
}

/* Once with few tasks, so that threads, stacks and the library's own are there; then with many. */
static void assert_flat(tg_scope_fn *body, long queue, size_t count)
{
    struct blame blame = {0};
    struct stream few, many;
    size_t before;

    open_stream(&many, &blame, count);
    memset(many.runs, 0, count); /* in memory now */
    memset(many.dones, 0, count);
    open_stream(&few, &blame, 20000);
    pour_through(&few, body, queue);
    before = peak_memory();
    pour_through(&many, body, queue);
    ck_assert_msg(TEST_SANITIZED || peak_memory() < before + ((size_t)8 << 20),
        "%zu bytes more for %zu tasks", peak_memory() - before, count);
    expect_all(&few);
    expect_all(&many);
    assert_blameless(&blame, "serial code");
    close_stream(&few);
    close_stream(&many);
}

START_TEST(a_million_tasks_run_through_one_scope_in_flat_memory)
{
    assert_flat(pour, 1000, STREAM);
}
END_TEST

static int pour_in_batches(tg_group *group, void *user)
{
    enum { BATCH = 100 };
    struct stream *stream = user;
    struct drop batch[BATCH];

    for (size_t i = 0; i < stream->count; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++)
            batch[j] = (struct drop){stream, i + j};
        expect(stream->blame, tg_group_add_many(group, pass_by, BATCH, batch, sizeof *batch,
                                  TG_TASK(.copy = sizeof *batch)) == TG_OK);
    }
    return 0;
}

START_TEST(so_do_tasks_that_are_added_many_at_a_time)
{
    assert_flat(pour_in_batches, 1000, STREAM);
}
END_TEST

/* Each task adds the next one: the group's own adds never wait, and there is one in the queue. */
static int pass_on(tg_task *self, void *arg, void *result)
{
    const struct drop *drop = arg;
    struct stream *stream = drop->stream;
    struct drop next = {stream, atomic_fetch_add(&stream->next, 1)};

    if (next.number < stream->count)
        expect(stream->blame, tg_group_add_with(tg_task_group(self), pass_on, &next,
                                  TG_TASK(.copy = sizeof next), NULL) == TG_OK);
    return pass_by(self, arg, result);
}

static int start_chains(tg_group *group, void *user)
{
    struct stream *stream = user;

    atomic_store(&stream->next, 10);
    for (size_t i = 0; i < 10; i++) {
        struct drop drop = {stream, i};
        expect(stream->blame,
            tg_group_add_with(group, pass_on, &drop, TG_TASK(.copy = sizeof drop), NULL) == TG_OK);
    }
    return 0;
}

START_TEST(so_do_tasks_that_tasks_add)
{
    assert_flat(start_chains, 0, STREAM / 2);
}
END_TEST

static void pour_anywhere(struct blame *blame)
{
    static const long queues[] = {TG_QUEUE_NONE, 1, 100, 0};

    for (int i = 0; i < 4; i++) {
        struct stream stream;
        open_stream(&stream, blame, 2000);
        pour_through(&stream, pour, queues[i]);
        expect_all(&stream);
        close_stream(&stream);
        open_stream(&stream, blame, 2000);
        pour_through(&stream, pour_in_batches, queues[i]);
        expect_all(&stream);
        close_stream(&stream);
    }
}

START_TEST(on_done_sees_each_task_once_with_its_result)
{
    at_place(_i, pour_anywhere);
}
END_TEST

static void run_twice(struct blame *blame)
{
    struct stream stream;
    struct drop drops[300];
    tg_group *g;

    open_stream(&stream, blame, 300);
    g = make_group(&stream, TG_GROUP_TIMES, 0);
    for (size_t i = 0; i < 300; i++)
        drops[i] = (struct drop){&stream, i};
    expect(blame, tg_group_add_many(g, pass_by, 200, drops, sizeof *drops, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, stream.done == 200);
    expect(blame, tg_group_add_many(g, pass_by, 100, &drops[200], sizeof *drops, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 300);
    expect_all(&stream);
    expect(blame, tg_group_reset(g) == TG_OK);
    expect(blame, report_of(g).added == 0);
    tg_group_destroy(g);
    close_stream(&stream);
}

START_TEST(a_plain_run_recycles_too_and_may_be_repeated)
{
    at_place(_i, run_twice);
}
END_TEST

/* ---- How it fails -------------------------------------------------------------------------- */

static int fail_all(tg_group *group, void *user)
{
    for (int i = 0; i < 3000; i++)
        tg_group_add_with(group, task_fail_7, user, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    return 0;
}

static size_t count_errors(struct blame *blame, tg_group *g)
{
    size_t errors = 0;

    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++) {
        expect(blame, e->status == TG_FAILED);
        expect(blame, e->code == 7);
    }
    return errors;
}

static void fail_often(struct blame *blame)
{
    atomic_int ran = 0;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 10));

    expect(blame, tg_group_scope(g, fail_all, &ran) == TG_OK);
    expect(blame, atomic_load(&ran) == 3000);
    expect(blame, report_of(g).failed == 3000);
    expect(blame, count_errors(blame, g) == 1000);
    tg_group_destroy(g);
}

START_TEST(of_3000_optional_failures_the_first_1000_are_kept)
{
    at_place(_i, fail_often);
}
END_TEST

struct failing {
    struct blame *blame;
    atomic_int ran;
    int added;
};

static int fail_at_the_end(tg_group *group, void *user)
{
    struct failing *failing = user;

    fail_all(group, &failing->ran);
    failing->added = 3000;
    tg_group_add(group, task_fail_7, &failing->ran);
    failing->added++;
    while (tg_group_add(group, task_count, &failing->ran) == TG_OK && failing->added < 1000000)
        failing->added++;
    return 0;
}

static void fail_late(struct blame *blame)
{
    struct failing failing = {.blame = blame};
    tg_report report;
    /* In order, so that all those before it have run. */
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 10, .limit = 1));

    expect(blame, tg_group_scope(g, fail_at_the_end, &failing) == TG_FAILED);
    expect(blame, failing.added < 1000000);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->code == 7);
    expect(blame, tg_group_error(g) != NULL && tg_group_error(g)->index == 3000);
    report = report_of(g);
    expect(blame, report.added == (size_t)failing.added);
    expect(blame, report.failed == 3001);
    expect(blame, report.ok + report.failed == (size_t)atomic_load(&failing.ran));
    expect(blame, report.ok + report.failed + report.skipped == report.added);
    tg_group_destroy(g);
}

START_TEST(the_runs_own_failure_is_kept_however_many_came_before)
{
    at_place(_i, fail_late);
}
END_TEST

/* ---- What is refused ----------------------------------------------------------------------- */

START_TEST(ids_and_results_of_the_callers_are_refused)
{
    size_t results[4], index = 0;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .results = results,
        .result_size = sizeof *results, .capacity = 4));

    ck_assert_ptr_null(g);
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .result_size = sizeof *results));
    ck_assert_ptr_nonnull(g);
    assert_refused(
        tg_group_add_with(g, task_count, NULL, TG_TASK(.id = 4711), &index), TG_INVALID, "4711");
    ck_assert_uint_eq(index, TG_NO_INDEX);
    assert_status(tg_group_run(g), TG_INVALID); /* it is remembered */
    assert_status(tg_group_reset(g), TG_OK);
    assert_refused(tg_group_add_with(g, task_count, NULL, TG_TASK(.result = results), NULL),
        TG_INVALID, "result");
    assert_status(tg_group_reset(g), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recycle");
    TCase *flat = add_case(suite, "flat memory");
    TCase *fails = add_case(suite, "how it fails");
    TCase *refused = add_case(suite, "what is refused");

    tcase_add_test(flat, a_million_tasks_run_through_one_scope_in_flat_memory);
    tcase_add_test(flat, so_do_tasks_that_are_added_many_at_a_time);
    tcase_add_test(flat, so_do_tasks_that_tasks_add);
    tcase_add_loop_test(flat, on_done_sees_each_task_once_with_its_result, 0, PLACES);
    tcase_add_loop_test(flat, a_plain_run_recycles_too_and_may_be_repeated, 0, PLACES);
    tcase_add_loop_test(fails, of_3000_optional_failures_the_first_1000_are_kept, 0, PLACES);
    tcase_add_loop_test(fails, the_runs_own_failure_is_kept_however_many_came_before, 0, PLACES);
    tcase_add_test(refused, ids_and_results_of_the_callers_are_refused);
    return run_suite(suite);
}
