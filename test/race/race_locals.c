/* SPDX-License-Identifier: MIT */
/* local.c: ids are handed from server to server with what was made for them; a server that has its state takes no lock. */
#include "race.h"

#include "task/runner.h"

enum { WORKERS_MOST = RACERS, TURNS = 300 / RACE_PART };

/* What is kept for one worker. Plain: TSan sees whether an id belongs to one server at a time. */
struct bench {
    long calls, inits;
};

struct workshop {
    struct blame blame;
    struct tg__exec exec;
    struct bench benches[WORKERS_MOST];
    atomic_int refusals; /* of init, still to come */
};

static int init(int worker, void **state, void *user)
{
    struct workshop *w = user;
    if (atomic_fetch_sub_explicit(&w->refusals, 1, memory_order_relaxed) > 0)
        return 7;
    expect(&w->blame, worker < WORKERS_MOST);
    w->benches[worker].inits++;
    *state = &w->benches[worker];
    return 0;
}

static void open_workshop(struct workshop *w, int refusals)
{
    memset(w, 0, sizeof *w);
    w->exec.user = w;
    w->exec.locals.init = init;
    atomic_store(&w->refusals, refusals);
}

/* One server after another, each with some tasks. */
static void serve(void *what, int number)
{
    struct workshop *w = what;
    uint32_t random = (uint32_t)number;
    for (int i = 0; i < TURNS; i++) {
        tg_task self;
        tg__runner_enter(&self, &w->exec, NULL);
        struct bench *bench = NULL;
        for (uint32_t calls = draw_from(&random) % 20; calls > 0; calls--) {
            struct bench *now = tg_task_local(&self);
            expect(&w->blame, bench == NULL || now == bench);
            bench = now;
            if (bench != NULL)
                bench->calls++;
            tg__frame_forget_message(&self); /* as at the end of a task */
        }
        tg__runner_leave(&self);
    }
}

START_TEST(an_id_is_handed_over_with_what_was_made_for_it)
{
    static struct workshop w; /* static: drd does not look at stacks */
    double until = race_until();
    do {
        open_workshop(&w, 5);
        race(serve, &w);
        assert_blameless(&w.blame, "workers");
        for (int i = 0; i < WORKERS_MOST; i++)
            ck_assert_int_eq(w.benches[i].inits, w.benches[i].calls > 0);
        tg__locals_end(&w.exec.locals, &w);
        tg__locals_free(&w.exec.locals);
    } while (tg_time_now() < until);
}
END_TEST

/* The lock stays taken: whoever takes it does not come back, and the test's time limit says so. */
START_TEST(after_the_first_call_the_state_is_there_without_the_lock)
{
    static struct workshop w;
    tg_task self;
    open_workshop(&w, 2);
    tg__runner_enter(&self, &w.exec, NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(tg_task_local(&self));
        ck_assert_str_eq(self.message, "worker_init returned 7 for worker 0");
        tg__frame_forget_message(&self);
    }
    ck_assert_ptr_eq(tg_task_local(&self), &w.benches[0]); /* the next task has tried again */
    tg__lock_take(&w.exec.locals.lock, TG__LOCK_LOCALS);
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_eq(tg_task_local(&self), &w.benches[0]);
        ck_assert_int_eq(tg_task_worker(&self), 0);
    }
    tg__lock_give(&w.exec.locals.lock, TG__LOCK_LOCALS);
    tg__runner_leave(&self);
    tg__runner_enter(&self, &w.exec, NULL); /* the next server gets what is there */
    ck_assert_ptr_eq(tg_task_local(&self), &w.benches[0]);
    tg__runner_leave(&self);
    ck_assert_int_eq(w.benches[0].inits, 1);
    tg__locals_end(&w.exec.locals, &w);
    tg__locals_free(&w.exec.locals);
}
END_TEST

/* Where nothing is to be made there is nothing to lock either. */
START_TEST(without_an_init_the_lock_is_taken_for_the_id_only)
{
    static struct workshop w;
    tg_task self;
    open_workshop(&w, 0);
    w.exec.locals.init = NULL;
    tg__runner_enter(&self, &w.exec, NULL);
    ck_assert_int_eq(tg_task_worker(&self), 0);
    tg__lock_take(&w.exec.locals.lock, TG__LOCK_LOCALS);
    ck_assert_ptr_null(tg_task_local(&self));
    tg__lock_give(&w.exec.locals.lock, TG__LOCK_LOCALS);
    tg__runner_leave(&self);
    tg__locals_end(&w.exec.locals, &w);
    tg__locals_free(&w.exec.locals);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workers");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, an_id_is_handed_over_with_what_was_made_for_it);
    tcase_add_test(tcase, after_the_first_call_the_state_is_there_without_the_lock);
    tcase_add_test(tcase, without_an_init_the_lock_is_taken_for_the_id_only);
    return run_suite(suite);
}
