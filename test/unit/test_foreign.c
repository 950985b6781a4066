/* SPDX-License-Identifier: MIT */
/*
 * group.h: a thread that is none of the team's adds to a running group while the threads that could call others are
 * busy: what it adds starts as soon as a thread of the team is free, in a region of ours and in the program's own.
 */
#include "tg_test.h"

struct foreign {
    struct blame *blame;
    tg_group *group;
    tg_task *hold; /* or NULL */
    pthread_t thread;
    atomic_int ran;
    atomic_bool busy;
};

static void *add_one(void *arg)
{
    struct foreign *foreign = arg;
    wait_until(atomic_load(&foreign->busy));
    expect(foreign->blame, tg_group_add(foreign->group, task_count, &foreign->ran) == TG_OK);
    if (foreign->hold != NULL) {
        wait_until(atomic_load(&foreign->ran) == 1 || team_size() == 1);
        expect(foreign->blame, tg_task_complete(foreign->hold, 0, NULL) == TG_OK);
    }
    return NULL;
}

/* With one thread nothing can start meanwhile. */
static void be_busy(struct foreign *foreign)
{
    atomic_store(&foreign->busy, true);
    if (team_size() > 1)
        wait_until(atomic_load(&foreign->ran) == 1);
}

static int busy_body(tg_group *group, void *user)
{
    (void)group;
    be_busy(user);
    return 0;
}

static int busy_task(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    be_busy(arg);
    return 0;
}

static void add_beside_body(struct blame *blame)
{
    for (int round = 0; round < 10; round++) {
        struct foreign foreign = {.blame = blame, .group = tg_group_create(NULL)};
        expect(blame, pthread_create(&foreign.thread, NULL, add_one, &foreign) == 0);
        expect(blame, tg_group_scope(foreign.group, busy_body, &foreign) == TG_OK);
        pthread_join(foreign.thread, NULL);
        tg_group_run(foreign.group); /* it may have come after the end */
        expect(blame, atomic_load(&foreign.ran) == 1);
        tg_group_destroy(foreign.group);
    }
}

START_TEST(a_task_that_another_thread_adds_starts_beside_a_busy_body)
{
    at_place(_i, add_beside_body);
}
END_TEST

static void add_beside_task(struct blame *blame)
{
    for (int round = 0; round < 10; round++) {
        struct foreign foreign = {.blame = blame, .group = tg_group_create(NULL)};
        foreign.hold = tg_group_hold(foreign.group, NULL);
        tg_group_add(foreign.group, busy_task, &foreign);
        expect(blame, pthread_create(&foreign.thread, NULL, add_one, &foreign) == 0);
        expect(blame, tg_group_run(foreign.group) == TG_OK);
        pthread_join(foreign.thread, NULL);
        expect(blame, atomic_load(&foreign.ran) == 1);
        tg_group_destroy(foreign.group);
    }
}

START_TEST(so_it_does_beside_a_busy_task_of_a_group_that_is_held_open)
{
    at_place(_i, add_beside_task);
}
END_TEST

/* A watcher gives its thread back now and then: raw tasks of the region's run, though nobody else could run them. */
struct raw {
    atomic_bool runs, ran;
};

static int wait_for_raw(tg_group *group, void *user)
{
    struct raw *raw = user;
    (void)group;
    atomic_store(&raw->runs, true);
    wait_until(atomic_load(&raw->ran));
    return 0;
}

START_TEST(a_thread_that_watches_still_runs_raw_tasks_of_the_region)
{
    if (omp_get_max_threads() < 2)
        return;
    struct raw raw = {0};
    tg_status status = TG_NOT_RUN;
#pragma omp parallel num_threads(2)
    {
#pragma omp masked
        {
            tg_group *g = tg_group_create(NULL);
            status = tg_group_scope(g, wait_for_raw, &raw);
            tg_group_destroy(g);
        }
        if (omp_get_thread_num() == 1) {
            wait_until(atomic_load(&raw.runs));
#pragma omp task shared(raw)
            atomic_store(&raw.ran, true);
        }
    }
    ck_assert_int_eq(status, TG_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign");
    TCase *tcase = add_case(suite, "adds");
    tcase_add_loop_test(
        tcase, a_task_that_another_thread_adds_starts_beside_a_busy_body, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        tcase, so_it_does_beside_a_busy_task_of_a_group_that_is_held_open, 0, PLACES_WITH_A_TEAM);
    tcase_add_test(tcase, a_thread_that_watches_still_runs_raw_tasks_of_the_region);
    return run_suite(suite);
}
