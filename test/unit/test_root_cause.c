/* SPDX-License-Identifier: MIT */
/*
 * What stopped a group stays its answer, however its tasks learn of that; and those that failed at the same time are in
 * one order, wherever it is read.
 */
#include "tg_test.h"
#include "pools.h"

/* ---- Ways to learn of a stop × kinds of stop ---- */

enum way {
    BY_NESTED_RUN,
    BY_NESTED_MAP,
    BY_NESTED_SCOPE,
    BY_NESTED_POOL,
    BY_HOOK,
    BY_CONTEXT,
    BY_SPACE, /* it waits for space in a nested group's queue */
    BY_ABORT, /* after a nested run, from any depth */
    UNAWARE,  /* it fails on its own when the stop has come */
    WAYS
};
enum stop { SIBLING_FAILS, ENOUGH, CANCEL, TIMEOUT, PARENT_DEADLINE, STOPS };

struct scene {
    struct blame *blame;
    enum way way;
    enum stop stop;
    tg_pool *pool;
    tg_group *group;
    atomic_int up; /* the learner has got so far */
};

static int until_told(tg_task *self, void *arg, void *result)
{
    struct scene *scene = arg;
    (void)result;
    atomic_store(&scene->up, 1);
    wait_until(tg_task_check(self) != TG_OK);
    return 1;
}

static int body_until_told(tg_group *g, void *user)
{
    struct scene *scene = user;
    (void)g;
    atomic_store(&scene->up, 1);
    wait_until(tg_task_check(tg_task_current()) != TG_OK);
    return 1;
}

static int body_fills(tg_group *g, void *user)
{
    struct scene *scene = user;
    tg_group_add(g, until_told, scene);
    tg_group_add(g, until_told, scene);
    return 1;
}

static void ring(void *user)
{
    atomic_store((atomic_int *)user, 1);
}

/* Learns of the stop, never by tg_task_check(), and fails with a code of its own. */
static int learn(tg_task *self, void *arg, void *result)
{
    struct scene *scene = arg;
    tg_group *g = NULL;
    tg_hook *hook;
    atomic_int rung = 0;
    (void)result;
    switch (scene->way) {
    case BY_NESTED_MAP:
        tg_map_run(1, until_told, scene, 0, NULL, 0, NULL);
        break;
    case BY_NESTED_SCOPE:
        g = tg_group_create(NULL);
        tg_group_scope(g, body_until_told, scene);
        break;
    case BY_SPACE:
        g = tg_group_create(TG_GROUP(.queue = TG_QUEUE_NONE, .threads = 1));
        tg_group_scope(g, body_fills, scene);
        break;
    case BY_HOOK:
        hook = tg_context_hook(tg_task_context(self), ring, &rung);
        atomic_store(&scene->up, 1);
        wait_until(atomic_load(&rung) == 1);
        tg_hook_remove(hook);
        break;
    case BY_CONTEXT:
    case UNAWARE:
        atomic_store(&scene->up, 1);
        wait_until(tg_context_check(tg_group_context(scene->group)) != TG_OK);
        break;
    default:
        g = tg_group_create(TG_GROUP(.pool = scene->way == BY_NESTED_POOL ? scene->pool : NULL));
        tg_group_add(g, until_told, scene);
        tg_group_run(g);
    }
    tg_group_destroy(g);
    if (scene->way == BY_ABORT)
        tg_task_abort(6, "gave up");
    return tg_task_fail(self, 6, "a nested call has failed");
}

static int sibling(tg_task *self, void *arg, void *result)
{
    struct scene *scene = arg;
    (void)self, (void)result;
    wait_until(atomic_load(&scene->up) == 1);
    return scene->stop == SIBLING_FAILS ? 5 : 0;
}

static void *cancel_when_up(void *arg)
{
    struct scene *scene = arg;
    wait_until(atomic_load(&scene->up) == 1);
    tg_context_cancel(tg_group_context(scene->group), 77, "from outside");
    return NULL;
}

static void play_scene(struct scene *scene)
{
    static const tg_status right[STOPS] = {
        TG_FAILED, TG_OK, TG_CANCELLED, TG_TIMED_OUT, TG_TIMED_OUT};
    struct blame *blame = scene->blame;
    enum stop stop = scene->stop;
    bool beside = stop == SIBLING_FAILS || stop == ENOUGH;
    bool nests = scene->way < BY_HOOK || scene->way == BY_SPACE || scene->way == BY_ABORT;
    pthread_t thread;
    if (beside && team_size() < (nests ? 3 : 2))
        return; /* nobody would be free for the sibling: a helper may be in the nested group, too */
    tg_context *c =
        tg_context_create(stop == PARENT_DEADLINE ? TG_CONTEXT(.timeout = 0.004) : NULL);
    tg_group *g = scene->group =
        tg_group_create(TG_GROUP(.context = c, .timeout = stop == TIMEOUT ? 0.004 : 0,
            .need = stop == ENOUGH ? 1 : 0, .flags = TG_GROUP_TIMES));
    atomic_store(&scene->up, 0);
    tg_group_add(g, learn, scene);
    if (beside)
        tg_group_add(g, sibling, scene);
    if (stop == CANCEL)
        expect(blame, pthread_create(&thread, NULL, cancel_when_up, scene) == 0);
    tg_status answer = tg_group_run(g);
    if (stop == CANCEL)
        pthread_join(thread, NULL);
    expect(blame, answer == right[stop]);
    const tg_error *error = tg_group_error(g);
    expect(blame, stop == ENOUGH ? error == NULL : error != NULL && error->code != 6);
    if (stop == SIBLING_FAILS)
        expect(blame, error != NULL && error->index == 1 && error->code == 5);
    if (stop == CANCEL)
        expect(blame, error != NULL && error->code == 77);
    if (status_of(g, 0) == TG_SKIPPED) /* its time was over before it began */
        expect(blame, right[stop] == TG_TIMED_OUT && atomic_load(&scene->up) == 0);
    else
        expect(blame, status_of(g, 0) == TG_CANCELLED && outcome_of(g, 0).code == 6);
    expect(blame, tg_group_error_next(g, NULL) == NULL || stop == SIBLING_FAILS);
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    tg_context_destroy(c);
}

static void learn_in_all_ways(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 1));
    for (int way = 0; way < WAYS; way++)
        for (int stop = 0; stop < STOPS; stop++)
            play_scene(&(struct scene){
                .blame = blame, .way = (enum way)way, .stop = (enum stop)stop, .pool = p});
    finish(blame, p);
}

START_TEST(a_task_that_learns_of_a_stop_in_any_way_is_cancelled_and_hides_no_cause)
{
    at_place(_i, learn_in_all_ways);
}
END_TEST

/* ---- The group above has stopped ---- */

struct above {
    struct blame *blame;
    atomic_int up;
    tg_status answer, task;
};

static int fail_when_up(tg_task *self, void *arg, void *result)
{
    struct above *above = arg;
    (void)self, (void)result;
    wait_until(atomic_load(&above->up) == 1);
    return 5;
}

static int fail_unasked(tg_task *self, void *arg, void *result)
{
    struct above *above = arg;
    (void)result;
    atomic_store(&above->up, 1);
    wait_until(tg_context_check(tg_task_context(self)) != TG_OK);
    return 6;
}

static int run_below(tg_task *self, void *arg, void *result)
{
    struct above *above = arg;
    tg_group *g = tg_group_create(NULL);
    (void)self, (void)result;
    tg_group_add(g, fail_unasked, above);
    above->answer = tg_group_run(g);
    above->task = status_of(g, 0);
    tg_group_destroy(g);
    return 9;
}

static void fail_above(struct blame *blame)
{
    struct above above = {.blame = blame};
    if (team_size() < 3)
        return; /* the thread that waits below, and the one that may help there, are not free */
    tg_group *g = tg_group_create(NULL);
    tg_group_add(g, run_below, &above);
    tg_group_add(g, fail_when_up, &above);
    expect(blame, tg_group_run(g) == TG_FAILED && tg_group_error(g)->index == 1);
    expect(blame, status_of(g, 0) == TG_CANCELLED);
    expect(blame, above.answer == TG_CANCELLED && above.task == TG_CANCELLED);
    tg_group_destroy(g);
}

START_TEST(so_is_a_task_below_a_group_that_a_failure_has_stopped)
{
    at_place(_i, fail_above);
}
END_TEST

/* ---- Attempts ---- */

static int never_ready(tg_task *self, void *arg, void *result)
{
    (void)result;
    if (arg != NULL && tg_task_attempt(self) == 20)
        tg_context_cancel(tg_group_context(tg_task_group(self)), 55, "enough");
    return tg_task_fail(self, 3, "not yet");
}

static void retry_for_ever(struct blame *blame)
{
    for (int backoff = 0; backoff < 2; backoff++) {
        const tg_task_options *options =
            TG_TASK(.attempts = TG_ENDLESS, .backoff = backoff ? 0.0001 : 0, .backoff_max = 0.001);
        tg_group *g = tg_group_create(TG_GROUP(.timeout = 0.004));
        tg_group_add_with(g, never_ready, NULL, options, NULL);
        expect(blame, tg_group_run(g) == TG_TIMED_OUT && tg_group_error(g)->index == TG_NO_INDEX);
        expect(blame, status_of(g, 0) == TG_CANCELLED || outcome_of(g, 0).attempts == 0);
        tg_group_destroy(g);
        g = tg_group_create(NULL);
        tg_group_add_with(g, never_ready, g, options, NULL);
        expect(blame, tg_group_run(g) == TG_CANCELLED && tg_group_error(g)->code == 55);
        expect(blame, status_of(g, 0) == TG_CANCELLED);
        tg_group_destroy(g);
    }
}

START_TEST(an_endless_retry_that_is_stopped_in_an_attempt_or_between_two_hides_no_cause)
{
    at_place(_i, retry_for_ever);
}
END_TEST

/* ---- One order ---- */

enum { MANY = 20 };

struct order {
    size_t index[MANY];
    size_t count;
};

static int note_order(tg_group *g, const tg_outcome *outcome, void *user)
{
    struct order *order = user;
    (void)g;
    order->index[order->count++] = outcome->index;
    return 0;
}

static int fail_mostly(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    for (volatile int i = 0; i < 200; i++)
        ;
    return tg_task_index(self) % 3 != 0 ? (int)tg_task_index(self) : 0;
}

static void expect_one_order(struct blame *blame, bool tells, unsigned flags)
{
    struct order order = {.count = 0};
    tg_group *g = tg_group_create(TG_GROUP(.flags = flags | TG_GROUP_TIMES,
        .on_done = tells ? note_order : NULL, .user = &order));
    for (int i = 0; i < MANY; i++)
        tg_group_add(g, fail_mostly, NULL);
    expect(blame, tg_group_run(g) == TG_FAILED);
    size_t last = 0, first = TG_NO_INDEX, at = 0;
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL;) {
        tg_outcome outcome = outcome_of(g, e->index);
        expect(blame, outcome.rank > last && outcome.status == TG_FAILED);
        first = first == TG_NO_INDEX ? e->index : first;
        while (tells && at < order.count && order.index[at] != e->index)
            at++;
        last = outcome.rank;
    }
    expect(blame, !tells || at < order.count); /* on_done's has all of them, in this order */
    expect(blame, tg_group_error(g)->index == first);
    for (size_t i = 0; i < MANY; i++)
        expect(blame,
            status_of(g, i) != TG_FAILED || outcome_of(g, i).rank >= outcome_of(g, first).rank);
    tg_group_destroy(g);
}

static void fail_at_once(struct blame *blame)
{
    for (int round = 0; round < 300; round++)
        expect_one_order(blame, round % 2 == 0, round % 4 < 2 ? TG_GROUP_KEEP_GOING : 0);
}

START_TEST(ranks_errors_and_on_done_have_one_order_of_completion)
{
    at_place(_i, fail_at_once);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("root_cause");
    TCase *tcase = add_case(suite, "causes");
    tcase_add_loop_test(tcase,
        a_task_that_learns_of_a_stop_in_any_way_is_cancelled_and_hides_no_cause, 0,
        PLACES_WITH_A_TEAM);
    tcase_add_loop_test(
        tcase, so_is_a_task_below_a_group_that_a_failure_has_stopped, 0, PLACES_WITH_A_TEAM);
    tcase_add_loop_test(tcase,
        an_endless_retry_that_is_stopped_in_an_attempt_or_between_two_hides_no_cause, 0, PLACES);
    tcase_add_loop_test(
        tcase, ranks_errors_and_on_done_have_one_order_of_completion, 0, PLACES_WITH_A_TEAM);
    return run_suite(suite);
}
