/* SPDX-License-Identifier: MIT */
/* task.h: tg_task_defer(): what a task keeps while it is pending, and beside which policies. */
#include "tg_test.h"
#include <signal.h>
#include "desk.h"

/* ---- Limits -------------------------------------------------------------------------------- */

enum { MANY = 60 };

static void keep_slots(struct blame *blame, long limit, long grainsize, int clerks, int threads)
{
    struct desk desk = {.total = MANY, .fill = (size_t)limit, .most = (size_t)limit};
    tg_group *g = tg_group_create(TG_GROUP(.limit = limit, .grainsize = grainsize,
        .threads = threads, .result_size = sizeof(int)));

    desk_open(&desk, blame, clerks);
    tg_group_add_many(g, task_leave_at_desk, MANY, &desk, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    desk_close(&desk);
    expect(blame, atomic_load(&desk.reached) == (size_t)limit);
    for (size_t i = 0; i < MANY; i++)
        expect(blame, *(int *)tg_group_result(g, i) == 1 + (int)i);
    expect(blame, report_of(g).ok == MANY && report_of(g).pending == 0);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

static void keep_slots_in_many_ways(struct blame *blame)
{
    for (long limit = 1; limit <= 7; limit += 3) {
        keep_slots(blame, limit, 1, 1, 0);
        keep_slots(blame, limit, 5, 1, 0);
        keep_slots(blame, limit, TG_GRAIN_AUTO, 2, 0);
        keep_slots(blame, limit, 3, 1, 1);
    }
}

START_TEST(pending_tasks_keep_their_slots_and_no_thread)
{
    at_place(_i, keep_slots_in_many_ways);
}
END_TEST

/* What a shared limit says while tasks of 1, 2 and 3 are pending. */
struct weighed {
    struct desk desk;
    tg_limit *limit;
};

static int hold_weight(tg_task *self, void *arg, void *result)
{
    struct weighed *w = arg;
    size_t weight = 1 + tg_task_index(self) % 3;

    (void)result;
    expect(w->desk.blame, tg_limit_used(w->limit) <= 6);
    expect(w->desk.blame, tg_limit_used(w->limit) >= weight);
    desk_leave(&w->desk, self, 0);
    return tg_task_defer(self);
}

static void keep_weights(struct blame *blame)
{
    struct weighed w = {.desk = {.total = MANY, .fill = 2}, .limit = tg_limit_create(6)};
    tg_group *g = tg_group_create(TG_GROUP(.shared = w.limit));

    desk_open(&w.desk, blame, 2);
    for (size_t i = 0; i < MANY; i++)
        tg_group_add_with(g, hold_weight, &w, TG_TASK(.weight = 1 + i % 3), NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    desk_close(&w.desk);
    expect(blame, tg_limit_used(w.limit) == 0);
    expect(blame, report_of(g).ok == MANY);
    tg_group_destroy(g);
    tg_limit_destroy(w.limit);
}

/* Exactly the budget is in use while all that fits is pending: by one clerk who looks first. */
static void *complete_at_budget(void *arg)
{
    struct weighed *w = arg;

    for (size_t i = 0; i < 9; i += 3) { /* 1 + 2 + 3 fill the budget */
        tg_group *g = w->desk.errands[0].group;
        for (size_t k = i; k < i + 3; k++)
            wait_until(status_of(g, k) == TG_PENDING);
        expect(w->desk.blame, tg_limit_used(w->limit) == 6);
        expect(w->desk.blame, i + 3 >= 9 || status_of(g, i + 3) == TG_NOT_RUN);
        for (size_t k = i; k < i + 3; k++)
            expect(w->desk.blame, tg_group_complete(g, k, 0, NULL) == TG_OK);
    }
    return NULL;
}

static int just_defer(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_defer(self);
}

static void fill_budget(struct blame *blame)
{
    struct errand errand = {0};
    struct weighed w = {.desk = {.blame = blame, .errands = &errand}, .limit = tg_limit_create(6)};
    tg_group *g = errand.group = tg_group_create(TG_GROUP(.shared = w.limit));
    pthread_t thread;

    for (size_t i = 0; i < 9; i++)
        tg_group_add_with(g, just_defer, NULL, TG_TASK(.weight = 1 + i % 3), NULL);
    expect(blame, pthread_create(&thread, NULL, complete_at_budget, &w) == 0);
    expect(blame, tg_group_run(g) == TG_OK);
    pthread_join(thread, NULL);
    expect(blame, tg_limit_used(w.limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(w.limit);
}

START_TEST(pending_tasks_keep_what_they_weigh)
{
    at_place(_i, keep_weights);
    at_place(_i, fill_budget);
}
END_TEST

/* ---- Many, and races ----------------------------------------------------------------------- */

static void defer_many(struct blame *blame)
{
    size_t many = TEST_SANITIZED ? 10000 : 100000;
    struct desk desk = {.total = many, .fill = many, .backwards = true};
    tg_group *g = tg_group_create(NULL);

    desk_open(&desk, blame, 1); /* opens when all are pending */
    tg_group_add_many(g, task_leave_at_desk, many, &desk, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    desk_close(&desk);
    expect(blame, atomic_load(&desk.reached) == many);
    expect(blame, report_of(g).ok == many);
    tg_group_destroy(g);
}

START_TEST(a_hundred_thousand_may_be_pending)
{
    at_place(_i, defer_many);
}
END_TEST

static void race_clerks(struct blame *blame)
{
    for (int i = 0; i < 6; i++) {
        struct desk desk = {.total = 1000, .most = i % 2 ? 5 : 0};
        tg_group *g = tg_group_create(TG_GROUP(.limit = i % 2 ? 5 : 0,
            .flags = i % 3 == 1 ? TG_GROUP_TIMES : 0, .result_size = sizeof(int)));
        desk_open(&desk, blame, CLERKS);
        tg_group_add_many(g, task_leave_at_desk, desk.total, &desk, 0, NULL);
        expect(blame, tg_group_run(g) == TG_OK);
        desk_close(&desk);
        expect(blame, report_of(g).ok == desk.total);
        expect(blame, *(int *)tg_group_result(g, 999) == 1000);
        tg_group_destroy(g);
    }
}

START_TEST(eight_threads_may_complete_at_once)
{
    at_place(_i, race_clerks);
}
END_TEST

/* All clerks complete each task: one of them is the first. */
struct contest {
    struct blame *blame;
    tg_group *group;
    atomic_int started[200];
    atomic_int won[200];
};

static int enter_contest(tg_task *self, void *arg, void *result)
{
    struct contest *contest = arg;

    (void)result;
    atomic_store(&contest->started[tg_task_index(self)], 1);
    return tg_task_defer(self);
}

static void *compete(void *arg)
{
    struct contest *contest = arg;

    for (size_t i = 0; i < 200; i++) {
        wait_until(atomic_load(&contest->started[i]));
        tg_status status = tg_group_complete(contest->group, i, 0, NULL);
        expect(contest->blame, status == TG_OK || status == TG_DONE);
        if (status == TG_OK)
            atomic_fetch_add(&contest->won[i], 1);
    }
    return NULL;
}

static void compete_for_each(struct blame *blame)
{
    struct contest contest = {.blame = blame, .group = tg_group_create(NULL)};
    pthread_t thread[4];

    tg_group_add_many(contest.group, enter_contest, 200, &contest, 0, NULL);
    for (int i = 0; i < 4; i++)
        expect(blame, pthread_create(&thread[i], NULL, compete, &contest) == 0);
    expect(blame, tg_group_run(contest.group) == TG_OK);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 200; i++)
        expect(blame, atomic_load(&contest.won[i]) == 1);
    expect_exact_accounting(blame, contest.group);
    tg_group_destroy(contest.group);
}

START_TEST(of_those_who_complete_one_task_one_is_the_first)
{
    at_place(_i, compete_for_each);
}
END_TEST

/* ---- Beside other policies ----------------------------------------------------------------- */

struct stream {
    struct desk desk;
    size_t next; /* of on_done, in order */
    size_t done;
};

static int note_in_order(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;

    (void)group;
    expect(stream->desk.blame, outcome->index == stream->next);
    expect(stream->desk.blame, outcome->status == TG_OK);
    expect(stream->desk.blame, *(int *)outcome->result == 1 + (int)outcome->index);
    stream->next++;
    return 0;
}

static void defer_in_order(struct blame *blame)
{
    struct stream stream = {.desk = {.total = 100, .backwards = true}};
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_IN_ORDER, .ahead = 4,
        .on_done = note_in_order, .user = &stream, .result_size = sizeof(int)));

    desk_open(&stream.desk, blame, 1);
    for (int i = 0; i < 100; i++)
        tg_group_add(g, task_leave_at_desk, &stream.desk);
    expect(blame, tg_group_run(g) == TG_OK);
    desk_close(&stream.desk);
    expect(blame, stream.next == 100);
    tg_group_destroy(g);
}

START_TEST(pending_tasks_keep_the_order_of_a_stream)
{
    at_place(_i, defer_in_order);
}
END_TEST

static int note_any(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;

    (void)group;
    expect(stream->desk.blame, outcome->status == TG_OK);
    expect(stream->desk.blame, *(int *)outcome->result == 1 + (int)outcome->index);
    stream->done++;
    return 0;
}

static int add_stream(tg_group *group, void *user)
{
    struct stream *stream = user;

    for (size_t i = 0; i < stream->desk.total; i++)
        expect(stream->desk.blame, tg_group_add(group, task_leave_at_desk, &stream->desk) == TG_OK);
    return 0;
}

static void recycle_deferred(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        struct stream stream = {.desk = {.total = 2100, .most = i % 2 ? 3 : 0}};
        tg_group *g =
            tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .queue = 8, .limit = i % 2 ? 3 : 0,
                .on_done = note_any, .user = &stream, .result_size = sizeof(int)));
        desk_open(&stream.desk, blame, 1 + i / 2);
        expect(blame, tg_group_scope(g, add_stream, &stream) == TG_OK);
        desk_close(&stream.desk);
        expect(blame, stream.done == 2100);
        expect(blame, report_of(g).ok == 2100);
        expect(blame, tg_group_complete(g, 0, 0, NULL) == TG_DONE);
        tg_group_destroy(g);
    }
}

START_TEST(deferred_tasks_are_recycled)
{
    at_place(_i, recycle_deferred);
}
END_TEST

static int run_inner(tg_task *self, void *arg, void *result)
{
    struct desk desk = {.total = 10, .fill = 10};
    tg_group *g = tg_group_create(NULL);
    struct desk *outer = arg;

    desk_open(&desk, outer->blame, 1);
    tg_group_add_many(g, task_leave_at_desk, 10, &desk, 0, NULL);
    expect(outer->blame, tg_group_run(g) == TG_OK);
    desk_close(&desk);
    tg_group_destroy(g);
    return task_leave_at_desk(self, arg, result);
}

static void nest(struct blame *blame)
{
    struct desk desk = {.total = 12, .fill = 1};
    tg_group *g = tg_group_create(TG_GROUP(.limit = 3));

    desk_open(&desk, blame, 1);
    tg_group_add_many(g, run_inner, 12, &desk, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    desk_close(&desk);
    tg_group_destroy(g);
}

START_TEST(tasks_of_groups_in_tasks_may_be_deferred)
{
    at_place(_i, nest);
}
END_TEST

static int crash(tg_task *self, void *arg, void *result)
{
    tg_task_defer(self);
    (void)arg, (void)result;
    raise(SIGFPE);
    return 0;
}

static void guard(struct blame *blame)
{
    struct desk desk = {.total = 50};
    tg_group *g =
        tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING | TG_GROUP_TIMES));

    desk_open(&desk, blame, 2);
    tg_group_add_many(g, task_leave_at_desk, 50, &desk, 0, NULL);
    if (!TEST_SANITIZED)
        tg_group_add(g, crash, NULL);
    expect(blame, tg_group_run(g) == (TEST_SANITIZED ? TG_OK : TG_CRASHED));
    desk_close(&desk);
    expect(blame, report_of(g).ok == 50);
    expect(blame, TEST_SANITIZED || status_of(g, 50) == TG_CRASHED);
    expect(blame, tg_group_complete(g, TEST_SANITIZED ? 0 : 50, 0, NULL) == TG_DONE);
    for (size_t i = 0; i < 50; i++) {
        tg_outcome o = outcome_of(g, i);
        expect(blame, o.rank > 0 && o.start > 0 && o.end >= o.start);
    }
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
}

START_TEST(guarded_and_timed_tasks_may_be_deferred)
{
    at_place(_i, guard);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("defer_limits");
    TCase *limits = add_case(suite, "limits");
    TCase *many = add_case(suite, "many");
    TCase *beside = add_case(suite, "beside");

    tcase_add_loop_test(limits, pending_tasks_keep_their_slots_and_no_thread, 0, PLACES);
    tcase_add_loop_test(limits, pending_tasks_keep_what_they_weigh, 0, PLACES);
    tcase_add_loop_test(many, a_hundred_thousand_may_be_pending, 0, 1);
    tcase_add_loop_test(many, eight_threads_may_complete_at_once, 0, 2);
    tcase_add_loop_test(many, of_those_who_complete_one_task_one_is_the_first, 0, PLACES);
    tcase_add_loop_test(beside, pending_tasks_keep_the_order_of_a_stream, 0, PLACES);
    tcase_add_loop_test(beside, deferred_tasks_are_recycled, 0, PLACES);
    tcase_add_loop_test(beside, tasks_of_groups_in_tasks_may_be_deferred, 0, PLACES);
    tcase_add_loop_test(beside, guarded_and_timed_tasks_may_be_deferred, 0, PLACES);
    return run_suite(suite);
}
