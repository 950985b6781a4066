/* SPDX-License-Identifier: MIT */
/* group.h, TG_GROUP_IN_ORDER and `.ahead`: an ordered stream; and on_done that adds tasks. */
#include "tg_test.h"

enum { COUNT = 200 };

/* A stream: what has been delivered, in order, and how far ahead of that tasks have started. */
struct stream {
    struct blame *blame;
    atomic_size_t delivered; /* calls of on_done that have begun */
    atomic_size_t started;
    size_t ahead;   /* bound; 0: none */
    size_t failing; /* on_done fails here … */
    int code;       /* … with this */
    size_t statuses[TG_SKIPPED + 1];
};

static int deliver(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;

    (void)group;
    expect(stream->blame, outcome->index == atomic_fetch_add(&stream->delivered, 1));
    expect(stream->blame, outcome->status <= TG_SKIPPED);
    if (outcome->status <= TG_SKIPPED)
        stream->statuses[outcome->status]++;
    return stream->code != 0 && outcome->index == stream->failing ? stream->code : 0;
}

/* Starts, and looks how many are ahead of the oldest that has not been delivered. */
static void start(struct stream *stream, size_t index)
{
    atomic_fetch_add(&stream->started, 1);
    if (stream->ahead != 0)
        expect(stream->blame, index < atomic_load(&stream->delivered) + stream->ahead);
}

static int flow(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);

    (void)result;
    start(arg, index);
    if (index % 11 == 0) /* ends out of order */
        sched_yield();
    return 0;
}

/* ---- Order --------------------------------------------------------------------------------- */

static void flow_in_order(struct blame *blame)
{
    static const long grains[] = {1, 7, TG_GRAIN_AUTO};
    static const size_t aheads[] = {0, 1, 2, 5, 64, 100000};

    for (int i = 0; i < 18; i++) {
        struct stream stream = {.blame = blame, .ahead = aheads[i / 3]};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = aheads[i / 3],
            .grainsize = grains[i % 3], .on_done = deliver, .user = &stream));
        for (int j = 0; j < 50; j++)
            tg_group_add(g, flow, &stream);
        tg_group_add_many(g, flow, COUNT - 50, &stream, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&stream.delivered) == COUNT);
        expect(blame, stream.statuses[TG_OK] == COUNT);
        tg_group_add(g, flow, &stream); /* and goes on in the next run */
        expect(blame, tg_group_run(g) == TG_OK);
        expect(blame, atomic_load(&stream.delivered) == COUNT + 1);
        tg_group_destroy(g);
    }
}

START_TEST(a_stream_is_delivered_in_order_and_nothing_starts_too_far_ahead)
{
    at_place(_i, flow_in_order);
}
END_TEST

/* The first one holds the stream up until as many have started as may. */
static int hold_up(tg_task *self, void *arg, void *result)
{
    struct stream *stream = arg;

    (void)result;
    start(stream, tg_task_index(self));
    if (tg_task_index(self) == 0) {
        wait_until(atomic_load(&stream->started) >= stream->ahead);
        for (int i = 0; i < 50; i++) /* long enough for one too many */
            sched_yield();
        expect(stream->blame, atomic_load(&stream->started) == stream->ahead);
    }
    return 0;
}

static void reach_bound(struct blame *blame)
{
    for (size_t ahead = 1; ahead <= 40; ahead += 13) {
        struct stream stream = {.blame = blame, .ahead = ahead};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = ahead,
            .on_done = deliver, .user = &stream));
        if (team_size() >= 2 || ahead == 1) {
            tg_group_add_many(g, hold_up, 100, &stream, 0, NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect(blame, atomic_load(&stream.delivered) == 100);
        }
        tg_group_destroy(g);
    }
}

START_TEST(as_many_tasks_start_as_the_bound_allows_and_not_one_more)
{
    at_place(_i, reach_bound);
}
END_TEST

/* The oldest must be able to start, or a stream would stand still. */
START_TEST(the_bound_and_another_order_than_that_of_adding_are_refused_together)
{
    struct stream stream = {.ahead = 2};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = 2, .on_done = deliver, .user = &stream));

    assert_refused(
        tg_group_add_with(g, task_count, NULL, TG_TASK(.priority = 77), NULL), TG_INVALID, "77");
    tg_group_destroy(g);
    ck_assert_ptr_null(
        tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER | TG_GROUP_REQUIRED_FIRST, .ahead = 41,
            .on_done = deliver, .user = &stream)));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_ptr_nonnull(strstr(tg_error_last()->message, "41"));
}
END_TEST

/* The oldest waits for its next attempt, holds no thread, and the stream waits for it. */
static int flow_at_second(tg_task *self, void *arg, void *result)
{
    struct stream *stream = arg;

    if (tg_task_index(self) % 50 != 0)
        return flow(self, arg, result);
    if (tg_task_attempt(self) == 1)
        start(stream, tg_task_index(self));
    expect(stream->blame, atomic_load(&stream->delivered) <= tg_task_index(self));
    return tg_task_attempt(self) < 3;
}

static void flow_with_retries(struct blame *blame)
{
    struct stream stream = {.blame = blame, .ahead = 6};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = 6, .on_done = deliver, .user = &stream));

    tg_group_add_many(g, flow_at_second, 300, &stream, 0, TG_TASK(.attempts = 3, .backoff = 1e-4));
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&stream.delivered) == 300 && stream.statuses[TG_OK] == 300);
    tg_group_destroy(g);
}

START_TEST(a_stream_waits_for_who_is_tried_again)
{
    at_place(_i, flow_with_retries);
}
END_TEST

/* Whatever the order of start is, that of delivery is the order of adding. */
static void flow_by_priority(struct blame *blame)
{
    struct stream stream = {.blame = blame};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_IN_ORDER, .limit = 1, .on_done = deliver, .user = &stream));

    for (int i = 0; i < 100; i++)
        tg_group_add_with(g, flow, &stream, TG_TASK(.priority = i * 37 % 100), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&stream.delivered) == 100);
    tg_group_destroy(g);
}

START_TEST(the_order_is_that_of_adding_also_under_priorities)
{
    at_place(_i, flow_by_priority);
}
END_TEST

/* ---- The end of a stream ------------------------------------------------------------------- */

static int fail_at_60(tg_task *self, void *arg, void *result)
{
    flow(self, arg, result);
    return tg_task_index(self) == 60 ? 5 : 0;
}

static int cancel_at_60(tg_task *self, void *arg, void *result)
{
    flow(self, arg, result);
    if (tg_task_index(self) == 60)
        task_cancel(self, NULL, NULL);
    return 0;
}

/* However it ends: all are delivered, in order, and no start is further ahead than the bound. */
static void end_stream(struct blame *blame)
{
    static const size_t aheads[] = {0, 1, 4, 100};

    for (int i = 0; i < 12; i++) {
        struct stream stream = {.blame = blame, .ahead = aheads[i % 4]};
        tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = aheads[i % 4],
            .on_done = deliver, .user = &stream));
        tg_status status;
        if (i / 4 == 2) {
            stream.failing = 60;
            stream.code = 9;
        }
        tg_group_add_many(g,
            i / 4 == 0   ? fail_at_60
            : i / 4 == 1 ? cancel_at_60
                         : flow,
            20000, &stream, 0, NULL);
        status = tg_group_run(g);
        expect(blame, status == (i / 4 == 1 ? TG_CANCELLED : TG_FAILED) || aheads[i % 4] == 0);
        if (status == TG_FAILED)
            expect(blame, tg_group_error(g)->code == (i / 4 == 0 ? 5 : 9));
        expect(blame, atomic_load(&stream.delivered) == 20000);
        expect(blame, stream.statuses[TG_SKIPPED] == 20000 - atomic_load(&stream.started));
        if (aheads[i % 4] != 0) /* exactly: who stops it is delivered last, or is the oldest */
            expect(blame, atomic_load(&stream.started) <= 60 + aheads[i % 4]);
        expect(blame, stream.statuses[TG_FAILED] == (i / 4 == 0));
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(a_stream_that_is_stopped_is_delivered_to_its_end_and_starts_nothing_more)
{
    at_place(_i, end_stream);
}
END_TEST

/* ---- on_done that adds --------------------------------------------------------------------- */

struct growth {
    struct stream stream;
    size_t wanted, each;
};

static int deliver_and_add(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct growth *growth = user;

    for (size_t i = 0; i < growth->each; i++)
        if (tg_group_count(group) < growth->wanted)
            expect(growth->stream.blame, tg_group_add(group, flow, &growth->stream) == TG_OK);
    return outcome->status == TG_OK ? 0 : 1;
}

static int deliver_in_order_and_add(tg_group *group, const tg_outcome *outcome, void *user)
{
    deliver(group, outcome, user); /* a growth begins with its stream */
    return deliver_and_add(group, outcome, user);
}

static void grow(struct blame *blame)
{
    static const long queues[] = {0, 1, TG_QUEUE_NONE};

    for (int i = 0; i < 12; i++) {
        bool ordered = i / 3 % 2 == 1;
        struct growth growth = {{.blame = blame}, 300, i < 6 ? 1 : 5};
        tg_group *g = tg_group_create(TG_GROUP(.flags = ordered ? TG_GROUP_IN_ORDER : 0,
            .queue = queues[i % 3], .limit = i % 2,
            .on_done = ordered ? deliver_in_order_and_add : deliver_and_add, .user = &growth));
        tg_group_add(g, flow, &growth.stream);
        expect(blame, tg_group_run(g) == TG_OK); /* never waits for room: nobody else makes it */
        expect(blame, tg_group_count(g) == 300);
        expect(blame, atomic_load(&growth.stream.started) == 300);
        expect(blame, report_of(g).ok == 300 && report_of(g).not_run == 0);
        expect_exact_accounting(blame, g);
        tg_group_destroy(g);
    }
}

START_TEST(on_done_may_add_tasks_and_never_waits_for_room)
{
    at_place(_i, grow);
}
END_TEST

/* ---- Bad input ----------------------------------------------------------------------------- */

START_TEST(an_order_without_on_done_and_a_bound_without_an_order_are_refused)
{
    const tg_group_options *const wrong[] = {TG_GROUP(.flags = TG_GROUP_IN_ORDER),
        TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = 4), TG_GROUP(.ahead = 4),
        TG_GROUP(.ahead = 4, .on_done = deliver)};

    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(tg_group_create(wrong[i]));
        ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
        ck_assert_str_ne(tg_error_last()->message, "");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *order = add_case(suite, "order");
    TCase *end = add_case(suite, "end");
    TCase *add = add_case(suite, "on_done that adds");

    tcase_add_loop_test(
        order, a_stream_is_delivered_in_order_and_nothing_starts_too_far_ahead, 0, PLACES);
    tcase_add_loop_test(
        order, as_many_tasks_start_as_the_bound_allows_and_not_one_more, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(order, the_bound_and_another_order_than_that_of_adding_are_refused_together);
    tcase_add_loop_test(order, a_stream_waits_for_who_is_tried_again, 0, PLACES);
    tcase_add_loop_test(order, the_order_is_that_of_adding_also_under_priorities, 0, PLACES);
    tcase_add_loop_test(
        end, a_stream_that_is_stopped_is_delivered_to_its_end_and_starts_nothing_more, 0, PLACES);
    tcase_add_loop_test(add, on_done_may_add_tasks_and_never_waits_for_room, 0, PLACES);
    tcase_add_test(add, an_order_without_on_done_and_a_bound_without_an_order_are_refused);
    return run_suite(suite);
}
