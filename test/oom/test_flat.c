/* SPDX-License-Identifier: MIT */
/*
 * What has come and gone keeps no memory: as many bytes after ten times as much of it, but for a few blocks that are used
 * again and again. Bytes are counted by the allocator of this program.
 */
#include "../unit/tg_test.h"
#include "failing_malloc.h"

/* FEW: enough that all blocks are there. ALLOWED: some segments of records, with what hangs on them; less than half a
   record for each that comes later. */
enum { FEW = 4000, MANY = 10 * FEW, ALLOWED = 384 << 10 };
_Static_assert((MANY - FEW) * 12 > ALLOWED, "as much as half a record each shows");

struct flow {
    struct blame blame;
    void (*pass)(struct flow *flow, tg_group *group);
    size_t few, many; /* bytes */
};

/* ---- In the body of a stream --------------------------------------------------------------- */

static void pass_hold(struct flow *flow, tg_group *group)
{
    tg_task *hold = tg_group_hold(group, NULL);
    expect(&flow->blame, hold != NULL && tg_task_complete(hold, 0, NULL) == TG_OK);
}

static void pass_hold_by_index(struct flow *flow, tg_group *group)
{
    tg_task *hold = tg_group_hold(group, TG_TASK(.name = "by index"));
    expect(&flow->blame, tg_group_complete(group, tg_task_index(hold), 0, NULL) == TG_OK);
}

static void pass_failing_hold(struct flow *flow, tg_group *group)
{
    tg_task *hold = tg_group_hold(group, TG_TASK(.name = "bad", .flags = TG_TASK_OPTIONAL));
    expect(&flow->blame, hold != NULL && tg_task_complete(hold, 5, "for a reason") == TG_OK);
}

/* Never in order: what is deferred leaves the list from its middle. */
static void pass_crossing_holds(struct flow *flow, tg_group *group)
{
    tg_task *hold[3];
    for (int i = 0; i < 3; i++)
        hold[i] = tg_group_hold(group, NULL);
    for (int i = 1; i <= 3; i++)
        expect(&flow->blame, tg_task_complete(hold[i % 3], 0, NULL) == TG_OK);
}

static void pass_cancelled(struct flow *flow, tg_group *group)
{
    size_t index;
    expect(&flow->blame,
        tg_group_add_with(group, task_count, NULL, TG_TASK(.delay = 1000), &index) == TG_OK);
    expect(&flow->blame, tg_group_cancel_task(group, index) == TG_OK);
}

static int let_flow(tg_group *group, void *user)
{
    struct flow *flow = user;
    tg_task *old = tg_group_hold(group, TG_TASK(.name = "old")); /* stays for as long as it takes */

    for (size_t i = 0; i < MANY; i++) {
        flow->pass(flow, group);
        if (i + 1 == FEW)
            flow->few = failing_malloc_outstanding();
    }
    flow->many = failing_malloc_outstanding();
    expect(&flow->blame, tg_task_complete(old, 0, NULL) == TG_OK);
    return 0;
}

static void assert_flat(const struct flow *flow, const char *what)
{
    assert_blameless(&flow->blame, what);
    ck_assert_msg(
        flow->many <= flow->few + ALLOWED, "%s: %zu bytes, then %zu", what, flow->few, flow->many);
}

static int just_look(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)user;
    return outcome->arg != NULL;
}

/* In order, what comes after the old hold would wait for it, and stay. */
static const tg_group_options *const streams[] = {TG_GROUP(.limit = 0), TG_GROUP(.limit = 1),
    TG_GROUP(.on_done = just_look), TG_GROUP(.flags = TG_GROUP_TIMES)};

static void stream(struct flow *flow, int way)
{
    tg_group_options options = *streams[way];
    size_t before = failing_malloc_outstanding();

    options.flags |= TG_GROUP_RECYCLE;
    tg_group *g = tg_group_create(&options);
    assert_status(tg_group_scope(g, let_flow, flow), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    ck_assert_uint_eq(failing_malloc_outstanding(), before);
}

/* The first stream of a process makes threads, and what the library keeps for good. */
static void warm_up(void)
{
    tg_task *hold;
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE));

    ck_assert(failing_malloc_works());
    hold = tg_group_hold(g, NULL);
    tg_group_add(g, task_count, NULL);
    assert_status(tg_task_complete(hold, 0, NULL), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
}

#define STREAM_TEST(name, pass_one)            \
    START_TEST(name)                           \
    {                                          \
        struct flow flow = {.pass = pass_one}; \
        warm_up();                             \
        stream(&flow, _i);                     \
        assert_flat(&flow, #pass_one);         \
    }                                          \
    END_TEST

STREAM_TEST(holds_leave_nothing_when_they_are_completed, pass_hold)
STREAM_TEST(nor_if_they_are_completed_by_their_index, pass_hold_by_index)
STREAM_TEST(nor_if_they_fail, pass_failing_hold)
STREAM_TEST(nor_in_another_order, pass_crossing_holds)
STREAM_TEST(nor_do_tasks_that_are_taken_back, pass_cancelled)

/* ---- Run after run ------------------------------------------------------------------------- */

static int add_and_leave_a_monitor(tg_group *group, void *user)
{
    for (int i = 0; i < 300; i++)
        if (tg_group_add(group, task_count, NULL) != TG_OK)
            return 1;
    (void)user;
    return tg_group_add_with(group, task_count, NULL,
               TG_TASK(.delay = 1000, .flags = TG_TASK_BACKGROUND), NULL) == TG_OK
               ? 0
               : 1;
}

START_TEST(what_waited_in_the_background_goes_with_the_run)
{
    struct flow flow = {.few = 0};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 100));

    warm_up();
    for (int i = 0; i < 500; i++) { /* 300 tasks would keep their segments: some 8 KiB a run */
        assert_status(tg_group_scope(g, add_and_leave_a_monitor, NULL), TG_OK);
        if (i + 1 == 50)
            flow.few = failing_malloc_outstanding();
    }
    flow.many = failing_malloc_outstanding();
    assert_flat(&flow, "runs with a monitor");
    ck_assert_uint_eq(report_of(g).skipped, 500);
    ck_assert_uint_eq(report_of(g).ok, 500 * 300);
    tg_group_destroy(g);
}
END_TEST

START_TEST(the_order_of_successes_is_of_those_that_are_there)
{
    struct flow flow = {.few = 0};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE | TG_GROUP_TIMES));

    warm_up();
    for (int i = 0; i < 1000; i++) { /* 100 successes would be 800 bytes a run */
        ck_assert_int_eq(tg_group_add_many(g, task_count, 100, NULL, 0, NULL), TG_OK);
        assert_status(tg_group_run(g), TG_OK);
        if (i + 1 == 100 || i + 1 == 1000) {
            (void)tg_group_success(g, 1);
            *(i + 1 == 100 ? &flow.few : &flow.many) = failing_malloc_outstanding();
        }
    }
    assert_flat(&flow, "successes");
    tg_group_destroy(g);
}
END_TEST

/* ---- Refused ------------------------------------------------------------------------------- */

START_TEST(what_is_refused_reserves_nothing)
{
    int results[2];
    struct flow flow = {.few = 0};
    tg_group *g = tg_group_create(
        TG_GROUP(.results = results, .result_size = sizeof *results, .capacity = 2));

    warm_up();
    for (int i = 0; i < MANY; i++) {

        tg_status status = tg_group_add_with(g, task_count, NULL,
            TG_TASK(.priority = 1, .delay = i % 2, .id = (uint64_t)i + 1), NULL);
        expect(&flow.blame, status == (i < 2 ? TG_OK : TG_FULL));
        if (i + 1 == FEW)
            flow.few = failing_malloc_outstanding();
    }
    flow.many = failing_malloc_outstanding();
    assert_flat(&flow, "refused adds");
    tg_group_destroy(g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flat");
    TCase *body = add_case(suite, "in the body of a stream");
    TCase *runs = add_case(suite, "run after run");
    TCase *refused = add_case(suite, "refused");
    int many = (int)(sizeof streams / sizeof *streams);

    if (!failing_malloc_works()) {
        puts("another allocator is in the way: nothing is tested");
        return EXIT_SUCCESS;
    }
    tcase_add_loop_test(body, holds_leave_nothing_when_they_are_completed, 0, many);
    tcase_add_loop_test(body, nor_if_they_are_completed_by_their_index, 0, many);
    tcase_add_loop_test(body, nor_if_they_fail, 0, many);
    tcase_add_loop_test(body, nor_in_another_order, 0, many);
    tcase_add_loop_test(body, nor_do_tasks_that_are_taken_back, 0, many);
    tcase_add_test(runs, what_waited_in_the_background_goes_with_the_run);
    tcase_add_test(runs, the_order_of_successes_is_of_those_that_are_there);
    tcase_add_test(refused, what_is_refused_reserves_nothing);
    return run_suite(suite);
}
