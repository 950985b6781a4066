/* SPDX-License-Identifier: MIT */
/*
 * group.h, `.on_done` with TG_GROUP_RECYCLE: servers that run ahead of a slow on_done sleep. This program has its own
 * sched_yield(), which counts how often the library calls it.
 */
#include "tg_test.h"

#include "../oom/callers.h"
#include "pools.h"

#include <sys/syscall.h>
#include <unistd.h>

static atomic_long yields;

int sched_yield(void)
{
    if (callers_are_known() && !caller_is_exempt(CALLER))
        atomic_fetch_add_explicit(&yields, 1, memory_order_relaxed);
    return (int)syscall(SYS_sched_yield);
}

/* Tasks that end at once, and an on_done that holds the first of them until so many have ended. */
struct stream {
    struct blame *blame;
    atomic_size_t runs;
    size_t until, done;
    double seconds; /* and takes so long for each */
};

static int run_ahead(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    atomic_fetch_add(&((struct stream *)arg)->runs, 1);
    return 0;
}

static int be_slow(tg_group *group, const tg_outcome *outcome, void *user)
{
    struct stream *stream = user;

    (void)group, (void)outcome;
    while (atomic_load(&stream->runs) < stream->until)
        nap();
    if (stream->seconds > 0)
        nap_for(stream->seconds);
    stream->done++;
    return 0;
}

/* More than servers may run ahead; the rest is for them to do when they have slept. */
enum { AHEAD = 1024, TASKS = 4 * AHEAD };

static void pour(struct blame *blame, double seconds)
{
    struct stream stream = {.blame = blame, .seconds = seconds};
    tg_group *g =
        tg_group_create(TG_GROUP(.flags = TG_GROUP_RECYCLE, .on_done = be_slow, .user = &stream));

    stream.until = team_size() > 1 ? AHEAD : 0; /* one thread runs no task while it is in on_done */
    for (int i = 0; i < TASKS; i++)
        expect(blame, tg_group_add(g, run_ahead, &stream) == TG_OK);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&stream.runs) == TASKS && stream.done == TASKS);
    expect(blame, report_of(g).ok == TASKS);
    tg_group_destroy(g);
}

static void pour_slowly(struct blame *blame)
{
    pour(blame, 1e-5);
}

/* While on_done naps, a server that waited by yielding would do so some thousand times. */
START_TEST(servers_that_run_ahead_sleep)
{
    long most = TASKS, counted;

    callers_look();
    at_place(_i, pour_slowly);
    counted = atomic_load(&yields);
    ck_assert_msg(counted <= most, "%ld calls of sched_yield(), more than %ld", counted, most);
}
END_TEST

static void pour_often(struct blame *blame)
{
    for (int i = 0; i < 20; i++)
        pour(blame, 0);
}

START_TEST(none_of_them_sleeps_for_ever)
{
    at_place(_i, pour_often);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("done_slow");
    TCase *ahead = add_case(suite, "running ahead");

    tcase_add_loop_test(ahead, servers_that_run_ahead_sleep, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(ahead, none_of_them_sleeps_for_ever, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
