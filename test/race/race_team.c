/* SPDX-License-Identifier: MIT */
/*
 * team.c: run queues without a group. Who publishes work and calls, and who lies down, do not miss each other; what is done
 * in a run queue is seen by who has run it; helper tasks that come at any moment touch nothing that is over.
 */
#include "race.h"

#include "omp_on_threads.h"

struct work {
    struct tg__runq runq; /* first */
    struct blame blame;
    atomic_long published, claimed;
    atomic_long done;
    atomic_long producers; /* at work */
    struct tg__team *_Atomic team;
    long seen[64]; /* plain: one for each place */
    long plain[1 << 16];
    double until;
};

static struct work *work_of(struct tg__runq *runq)
{
    return (struct work *)(void *)runq;
}

static void begin(struct tg__runq *runq, struct tg__team *team)
{
    atomic_store(&work_of(runq)->team, team);
}

static bool claimable(struct tg__runq *runq)
{
    struct work *work = work_of(runq);
    return atomic_load(&work->claimed) < atomic_load(&work->published);
}

static bool claim(struct work *work, long *unit)
{
    *unit = atomic_load(&work->claimed);
    while (*unit < atomic_load(&work->published))
        if (atomic_compare_exchange_weak(&work->claimed, unit, *unit + 1))
            return true;
    return false;
}

static void serve(struct tg__runq *runq, struct tg__worker *worker)
{
    struct work *work = work_of(runq);
    long unit;
    while (claim(work, &unit)) {
        if (claimable(runq))
            tg__team_share(worker, runq);
        expect(
            &work->blame, worker->place >= 0 && worker->place < RACERS && worker->serving == runq);
        work->seen[worker->place]++; /* one thread to a place */
        work->plain[unit % (1 << 16)] = unit;
        atomic_fetch_add(&work->done, 1);
    }
}

/* Under the team's lock. */
static bool end(struct tg__runq *runq)
{
    struct work *work = work_of(runq);
    return atomic_load(&runq->active) == 0 && atomic_load(&work->producers) == 0 &&
           !claimable(runq);
}

static const struct tg__runq_calls calls = {
    .begin = begin, .claimable = claimable, .serve = serve, .end = end};

static struct work *new_work(long producers)
{
    struct work *work = new_lines(sizeof *work);
    work->runq.calls = &calls;
    atomic_store(&work->runq.max_workers, RACERS);
    atomic_store(&work->producers, producers);
    work->until = race_until();
    return work;
}

/* All of it was done, by threads whose places are their own, and the runner sees it. */
static void check_work(struct work *work)
{
    long sum = 0, published = atomic_load(&work->published);
    for (int i = 0; i < RACERS; i++)
        sum += work->seen[i];
    expect(&work->blame, atomic_load(&work->done) == published && sum == published);
    for (long i = 0; i < published && i < 1 << 16; i++)
        expect(&work->blame, work->plain[i] % (1 << 16) == i);
}

/* ---- work from other threads ---- */

/* Publishes one, calls, and waits until it is done: a call that is lost is for ever. */
static void *publish_one_by_one(void *arg)
{
    struct work *work = arg;
    struct tg__team *team;
    wait_until((team = atomic_load(&work->team)) != NULL);
    uint32_t random = 1;
    for (int i = 0; i < 20 || tg_time_now() < work->until; i++) {
        for (volatile uint32_t n = draw_from(&random) % 256; n > 0; n--)
            ;
        long unit = atomic_fetch_add(&work->published, 1);
        if (tg__team_sleeps(team)) { /* as tg__group_pin_to_notify() does */
            tg__team_pin(&work->runq);
            tg__team_notify(team, &work->runq);
            tg__team_unpin(team, &work->runq);
        }
        for (int n = 0; atomic_load(&work->done) <= unit; n++)
            if (n > 1000) /* before that the server is only about to lie down again */
                sched_yield();
    }
    tg__team_pin(&work->runq);
    atomic_fetch_sub(&work->producers, 1);
    tg__team_unpin(team, &work->runq);
    return NULL;
}

/* After the end, while helper tasks still come: this is for the next run. */
static void add_late(struct tg__runq *runq)
{
    struct work *work = work_of(runq);
    long claimed = atomic_load(&work->claimed);
    expect(&work->blame, claimed == atomic_load(&work->published));
    atomic_fetch_add(&work->published, 3);
    for (int i = 0; i < 20; i++)
        sched_yield();
    expect(&work->blame, atomic_load(&work->claimed) == claimed);
}

static void run_with_producers(int producers, int team, bool spawns_helpers)
{
    struct work *work = new_work(producers);
    pthread_t threads[2];
    for (int i = 0; i < producers; i++)
        ck_assert(pthread_create(&threads[i], NULL, publish_one_by_one, work) == 0);
    if (spawns_helpers) { /* a user's region: its team is not told to others before it runs */
        for (int i = 0; i < 20 || tg_time_now() < work->until; i++) {
            atomic_fetch_add(&work->published, 100);
            run_with_helpers(&work->runq, RACERS, add_late);
        }
    } else {
        ck_assert_int_eq(tg__team_run(&work->runq, team), team);
    }
    for (int i = 0; i < producers; i++)
        pthread_join(threads[i], NULL);
    if (spawns_helpers)
        run_with_helpers(&work->runq, RACERS, NULL);
    check_work(work);
    assert_blameless(&work->blame, "a team");
    free(work);
}

START_TEST(no_call_from_another_thread_is_lost)
{
    run_with_producers(2, RACERS, false);
}
END_TEST

/* Nobody else is asleep: whether this one is called hangs on a few instructions. */
START_TEST(no_call_to_the_only_thread_is_lost)
{
    run_with_producers(1, 1, false);
}
END_TEST

START_TEST(tickets_come_at_any_moment)
{
    run_with_producers(0, RACERS, true);
}
END_TEST

/* ---- run queues that come and go below ---- */

static void serve_inner(struct tg__runq *runq, struct tg__worker *worker)
{
    (void)worker;
    struct work *work = work_of(runq);
    long unit;
    while (claim(work, &unit)) {
        struct work *inner = new_work(0);
        atomic_store(&inner->published, 1 + unit % 4); /* few: its end is what is met */
        tg__team_run(&inner->runq, RACERS);
        check_work(inner);
        expect(&work->blame, atomic_load(&inner->blame.line) == 0);
        free(inner); /* nobody comes by any more */
        atomic_fetch_add(&work->done, 1);
    }
}

static const struct tg__runq_calls calls_with_inner = {
    .begin = begin, .claimable = claimable, .serve = serve_inner, .end = end};

enum { BELOW = 500 / RACE_PART };

START_TEST(a_source_below_is_left_by_all_before_its_run_returns)
{
    double until = race_until();
    do {
        struct work *work = new_work(0);
        work->runq.calls = &calls_with_inner;
        atomic_store(&work->published, BELOW);
        tg__team_run(&work->runq, RACERS);
        ck_assert_int_eq(atomic_load(&work->done), BELOW);
        assert_blameless(&work->blame, "sources below");
        free(work);
    } while (tg_time_now() < until);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("team");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, no_call_from_another_thread_is_lost);
    tcase_add_test(tcase, no_call_to_the_only_thread_is_lost);
    tcase_add_test(tcase, tickets_come_at_any_moment);
    tcase_add_test(tcase, a_source_below_is_left_by_all_before_its_run_returns);
    return run_suite(suite);
}
