/* SPDX-License-Identifier: MIT */
/* group.h: tg_group_open() and tg_group_close() keep a group open without a task. */
#include "tg_test.h"
#include "pools.h"

enum { ADDED = 100 };

struct stream {
    struct blame *blame;
    tg_group *group;
    size_t next;
};

static int count_in_order(tg_group *g, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;
    (void)g;
    expect(stream->blame, outcome->index == stream->next && outcome->status == TG_OK);
    stream->next++;
    return 0;
}

/* Nothing stands before the first task: on_done goes on while the group is open. */
static void stream_over_pool(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    struct stream stream = {.blame = blame};
    tg_group *g = tg_group_create(TG_GROUP(.pool = p, .flags = TG_GROUP_IN_ORDER, .ahead = 4,
        .queue = 8, .on_done = count_in_order, .user = &stream));
    expect(blame, tg_group_open(g) == TG_OK);
    expect(blame, tg_group_start(g) == TG_OK);
    for (int i = 0; i < ADDED; i++)
        expect(blame, tg_group_add(g, task_count, NULL) == TG_OK);
    expect(blame, tg_group_wait(g, 0) == TG_RUNNING);
    expect(blame, tg_group_close(g) == TG_OK);
    expect(blame, tg_group_wait(g, TG_FOREVER) == TG_OK && stream.next == ADDED);
    expect(blame, tg_group_close(g) == TG_INVALID);
    tg_group_destroy(g);
    finish(blame, p);
}

START_TEST(an_ordered_stream_over_a_pool_goes_on_while_it_is_open)
{
    at_place(_i, stream_over_pool);
}
END_TEST

static void *add_and_close(void *arg)
{
    struct stream *stream = arg;
    for (int i = 0; i < ADDED; i++)
        expect(stream->blame, tg_group_add(stream->group, task_count, NULL) == TG_OK);
    expect(stream->blame, tg_group_close(stream->group) == TG_OK);
    return NULL;
}

static void run_open(struct blame *blame)
{
    struct stream stream = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        expect(blame, tg_group_open(stream.group) == TG_OK);
    expect(blame, tg_group_reset(stream.group) == TG_BUSY);
    for (int i = 0; i < 3; i++)
        expect(blame, pthread_create(&threads[i], NULL, add_and_close, &stream) == 0);
    expect(blame, tg_group_run(stream.group) == TG_OK); /* empty, perhaps, but open */
    expect(blame, report_of(stream.group).ok == 3 * ADDED);
    expect(blame, report_of(stream.group).pending == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    tg_group_destroy(stream.group);
}

START_TEST(a_run_returns_when_all_that_have_opened_have_closed)
{
    at_place(_i, run_open);
}
END_TEST

static void *cancel_then_close(void *arg)
{
    struct stream *stream = arg;
    tg_context_cancel(tg_group_context(stream->group), 3, NULL);
    expect(stream->blame, tg_group_open(stream->group) == TG_CLOSED);
    nap();
    expect(stream->blame, tg_group_close(stream->group) == TG_OK);
    return NULL;
}

static void cancel_open(struct blame *blame)
{
    struct stream stream = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t thread;
    expect(blame, tg_group_open(stream.group) == TG_OK);
    tg_group_add(stream.group, task_count, NULL);
    expect(blame, pthread_create(&thread, NULL, cancel_then_close, &stream) == 0);
    tg_status answer = tg_group_run(stream.group);
    pthread_join(thread, NULL);
    expect(blame, answer == TG_CANCELLED);
    expect(blame, tg_group_reset(stream.group) == TG_OK);
    expect(blame, tg_group_run(stream.group) == TG_OK);
    tg_group_destroy(stream.group);
}

START_TEST(a_cancelled_group_waits_for_the_close_too)
{
    at_place(_i, cancel_open);
}
END_TEST

START_TEST(nothing_can_be_opened_or_closed_that_is_not_there)
{
    assert_refused(tg_group_open(NULL), TG_INVALID, "group");
    assert_refused(tg_group_close(NULL), TG_INVALID, "group");
    tg_group *g = tg_group_create(NULL);
    assert_refused(tg_group_close(g), TG_INVALID, "not open");
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("open");
    TCase *tcase = add_case(suite, "open");
    tcase_add_loop_test(tcase, an_ordered_stream_over_a_pool_goes_on_while_it_is_open, 0, PLACES);
    tcase_add_loop_test(tcase, a_run_returns_when_all_that_have_opened_have_closed, 0, PLACES);
    tcase_add_loop_test(tcase, a_cancelled_group_waits_for_the_close_too, 0, PLACES);
    tcase_add_test(tcase, nothing_can_be_opened_or_closed_that_is_not_there);
    return run_suite(suite);
}
