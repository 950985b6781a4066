/* SPDX-License-Identifier: MIT */
/* task.h, group.h: tg_task_worker(), tg_task_local(), worker_init and worker_fini. */
#include "tg_test.h"

enum { MOST = 64, MANY = 400 };

/* Who is at work, and what was made for whom. */
struct workshop {
    struct blame *blame;
    size_t bound;
    atomic_int busy[MOST], made[MOST], freed[MOST];
    atomic_int state[MOST];
    atomic_int failures; /* of init, still to come */
    atomic_int without;  /* tasks that had no state */
    pthread_t runner;
};

static int make(int worker, void **state, void *user)
{
    struct workshop *w = user;

    expect(w->blame, worker >= 0 && (size_t)worker < w->bound);
    if (atomic_fetch_sub(&w->failures, 1) > 0)
        return 13;
    expect(w->blame, atomic_load(&w->made[worker]) == atomic_load(&w->freed[worker]));
    atomic_fetch_add(&w->made[worker], 1);
    *state = &w->state[worker];
    return 0;
}

static void unmake(int worker, void *state, void *user)
{
    struct workshop *w = user;

    expect(w->blame, state == &w->state[worker]);
    expect(w->blame, pthread_equal(pthread_self(), w->runner));
    expect(w->blame, atomic_load(&w->busy[worker]) == 0);
    atomic_fetch_add(&w->freed[worker], 1);
}

static int work(tg_task *self, void *arg, void *result)
{
    struct workshop *w = arg;
    int worker = tg_task_worker(self);

    (void)result;
    expect(w->blame, worker >= 0 && (size_t)worker < w->bound);
    if (worker < 0 || worker >= MOST)
        return 1;
    expect(w->blame, atomic_exchange(&w->busy[worker], 1) == 0);
    expect(w->blame, tg_task_worker(self) == worker);
    if (tg_task_index(self) % 7 == 0)
        sched_yield();
    void *state = tg_task_local(self);
    if (state == NULL)
        atomic_fetch_add(&w->without, 1);
    else
        expect(w->blame, state == &w->state[worker] && tg_task_local(self) == state);
    expect(w->blame, atomic_exchange(&w->busy[worker], 0) == 1);
    return 0;
}

static tg_group *open_workshop(struct workshop *w, struct blame *blame, int threads, long limit)
{
    *w = (struct workshop){.blame = blame, .runner = pthread_self()};
    bool own_region = omp_get_level() == 0; /* then as many as are asked for */
    w->bound = team_size();
    if (threads > 0 && (own_region || (size_t)threads < w->bound))
        w->bound = (size_t)threads;
    if (limit > 0 && (size_t)limit < w->bound)
        w->bound = (size_t)limit;
    return tg_group_create(TG_GROUP(.threads = threads, .limit = limit, .user = w,
        .worker_init = make, .worker_fini = unmake));
}

static void expect_all_freed(struct workshop *w, int runs)
{
    int made = 0;

    for (int i = 0; i < MOST; i++) {
        expect(w->blame, atomic_load(&w->made[i]) == atomic_load(&w->freed[i]));
        expect(w->blame, atomic_load(&w->made[i]) <= runs); /* once a run */
        made += atomic_load(&w->made[i]);
    }
    expect(w->blame, made >= runs && made <= runs * (int)w->bound);
}

static void work_with_state(struct blame *blame)
{
    static const int threads[] = {0, 1, 2, 0};
    static const long limits[] = {0, 0, 0, 1};

    for (int i = 0; i < 4; i++) {
        struct workshop w;
        tg_group *g = open_workshop(&w, blame, threads[i], limits[i]);
        for (int run = 1; run <= 3; run++) {
            tg_group_add_many(g, work, MANY, &w, 0, NULL);
            expect(blame, tg_group_run(g) == TG_OK);
            expect_all_freed(&w, run);
        }
        expect(blame, atomic_load(&w.without) == 0);
        tg_group_destroy(g);
    }
}

START_TEST(no_two_running_tasks_have_the_same_worker_and_each_has_its_state)
{
    at_place(_i, work_with_state);
}
END_TEST

/* ---- Without ------------------------------------------------------------------------------- */

static int report_init(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_local(self) == NULL ? 21 : 0;
}

static void fail_to_make(struct blame *blame)
{
    struct workshop w;
    tg_group *g = open_workshop(&w, blame, 0, 0);

    atomic_store(&w.failures, 5);
    tg_group_add_many(g, work, MANY, &w, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&w.without) >= 1 && atomic_load(&w.without) <= 5);
    expect_all_freed(&w, 1);
    tg_group_destroy(g);

    g = open_workshop(&w, blame, 0, 1);
    atomic_store(&w.failures, 1);
    tg_group_add_with(g, report_init, NULL, TG_TASK(.flags = TG_TASK_OPTIONAL), NULL);
    tg_group_add_many(g, work, 10, &w, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&w.without) == 0); /* the next one tries again */
    expect(blame, outcome_of(g, 0).code == 21);
    expect(blame, strstr(outcome_of(g, 0).message, "13") != NULL);
    expect_all_freed(&w, 1);
    tg_group_destroy(g);
}

START_TEST(a_worker_without_state_is_told_and_tries_again)
{
    at_place(_i, fail_to_make);
}
END_TEST

static int ask_nothing(tg_task *self, void *arg, void *result)
{
    (void)result;
    expect((struct blame *)arg, tg_task_local(self) == NULL);
    expect((struct blame *)arg, tg_task_worker(self) >= 0);
    return 0;
}

static int ask_in_callback(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome;
    expect((struct blame *)user, tg_task_worker(tg_task_current()) == -1);
    return 0;
}

static int ask_in_body(tg_group *group, void *user)
{
    (void)group;
    expect((struct blame *)user, tg_task_worker(tg_task_current()) == -1);
    expect((struct blame *)user, tg_task_local(tg_task_current()) == NULL);
    return 0;
}

static void ask_for_none(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.on_done = ask_in_callback, .user = blame));
    tg_task *hold = tg_group_hold(g, NULL);

    expect(blame, tg_task_worker(NULL) == -1 && tg_task_local(NULL) == NULL);
    expect(blame, tg_task_worker(hold) == -1 && tg_task_local(hold) == NULL);
    tg_task_complete(hold, 0, NULL);
    tg_group_add_many(g, ask_nothing, 20, blame, 0, NULL);
    expect(blame, tg_group_scope(g, ask_in_body, blame) == TG_OK);
    tg_group_destroy(g);
}

START_TEST(outside_of_a_task_function_there_is_no_worker)
{
    at_place(_i, ask_for_none);
}
END_TEST

/* ---- What a task does meanwhile ------------------------------------------------------------ */

static int inner_work(tg_task *self, void *arg, void *result)
{
    struct workshop *w = arg, inner;
    int worker = tg_task_worker(self);
    void *state = tg_task_local(self);
    tg_group *g = open_workshop(&inner, w->blame, 0, 0);

    (void)result;
    expect(w->blame, worker >= 0 && worker < MOST);
    if (worker < 0 || worker >= MOST)
        return 1;
    expect(w->blame, atomic_exchange(&w->busy[worker], 1) == 0);
    tg_group_add_many(g, work, 20, &inner, 0, NULL);
    expect(w->blame, tg_group_run(g) == TG_OK);
    expect(w->blame, atomic_load(&inner.without) == 0);
    expect_all_freed(&inner, 1);
    tg_group_destroy(g);
    expect(w->blame, tg_task_worker(self) == worker && tg_task_local(self) == state);
    expect(w->blame, atomic_exchange(&w->busy[worker], 0) == 1);
    return 0;
}

static void nest(struct blame *blame)
{
    struct workshop w;
    tg_group *g = open_workshop(&w, blame, 0, 0);

    tg_group_add_many(g, inner_work, 30, &w, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect_all_freed(&w, 1);
    tg_group_destroy(g);
}

START_TEST(groups_in_tasks_have_workers_of_their_own)
{
    at_place(_i, nest);
}
END_TEST

static int work_and_leave(tg_task *self, void *arg, void *result)
{
    size_t index = tg_task_index(self);
    int code = work(self, arg, result);

    if (index % 3 == 0)
        return tg_task_sleep(self, 1e-5);
    if (index % 3 == 1)
        tg_task_abort(3, "with its worker");
    return code;
}

static void leave_with_worker(struct blame *blame)
{
    struct workshop w;
    tg_group *g = open_workshop(&w, blame, 0, 0);

    tg_group_add_many(g, work_and_leave, MANY, &w, 0, TG_TASK(.flags = TG_TASK_OPTIONAL));
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, atomic_load(&w.without) == 0);
    expect_all_freed(&w, 1);
    tg_group_add_many(g, work, 10, &w, 0, NULL);
    tg_group_add(g, task_fail_7, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    for (int i = 0; i < MOST; i++)
        expect(blame, atomic_load(&w.made[i]) == atomic_load(&w.freed[i]));
    tg_group_destroy(g);
}

START_TEST(a_task_that_sleeps_or_gives_up_leaves_its_worker_behind)
{
    at_place(_i, leave_with_worker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *all = add_case(suite, "workers");

    tcase_add_loop_test(
        all, no_two_running_tasks_have_the_same_worker_and_each_has_its_state, 0, PLACES);
    tcase_add_loop_test(all, a_worker_without_state_is_told_and_tries_again, 0, PLACES);
    tcase_add_loop_test(all, outside_of_a_task_function_there_is_no_worker, 0, PLACES);
    tcase_add_loop_test(all, groups_in_tasks_have_workers_of_their_own, 0, PLACES);
    tcase_add_loop_test(all, a_task_that_sleeps_or_gives_up_leaves_its_worker_behind, 0, PLACES);
    return run_suite(suite);
}
