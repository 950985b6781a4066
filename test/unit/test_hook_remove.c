/* SPDX-License-Identifier: MIT */
/*
 * context.h: the removal of hooks, from anywhere and at any moment: after it nothing comes any more.
 * Races repeat for 50 ms a place; TG_STRESS_ROUNDS=10000 repeats that often, however long that takes.
 */
#include "tg_test.h"
#include "bell.h"
#include <time.h>

/* ---- Removed ------------------------------------------------------------------------------- */

START_TEST(a_removed_hook_never_fires_and_its_neighbours_do)
{
    enum { COUNT = 300 };
    static struct bell bells[COUNT];
    static tg_hook *hooks[COUNT];
    tg_context *root = tg_context_create(NULL);
    tg_context *timed = tg_context_create(TG_CONTEXT(.parent = root, .timeout = 1000));

    for (int i = 0; i < COUNT; i++) {
        bells[i] = (struct bell)BELL;
        hooks[i] = tg_context_hook(i % 2 == 0 ? root : timed, ring, &bells[i]);
    }
    for (int i = 0; i < COUNT; i++)
        if (i % 3 != 0)
            tg_hook_remove(hooks[i]);
    tg_context_cancel(root, 1, NULL);
    for (int i = 0; i < COUNT; i += 3)
        await(&bells[i], 1);
    flush();
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(rings_of(&bells[i]), i % 3 == 0);
        if (i % 3 == 0)
            tg_hook_remove(hooks[i]);
    }
    tg_context_destroy(timed);
    tg_context_destroy(root);
}
END_TEST

START_TEST(a_hook_removed_before_the_deadline_never_fires)
{
    struct bell removed = BELL, left = BELL;
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 0.03));
    tg_hook *hook = tg_context_hook(context, ring, &removed);
    tg_hook *other = tg_context_hook(context, ring, &left);
    int rings;

    tg_hook_remove(hook);
    rings = rings_of(&removed); /* 0, unless this thread was away for long */
    await(&left, 1);
    flush();
    ck_assert_int_eq(rings_of(&removed), rings);
    tg_hook_remove(other);
    tg_context_destroy(context);
}
END_TEST

/* ---- While it runs ------------------------------------------------------------------------- */

struct slow {
    atomic_int entered, removing, ended;
};

static void be_slow(void *user)
{
    struct slow *slow = user;
    const struct timespec a_moment = {0, 20000000};

    atomic_store(&slow->entered, 1);
    wait_until(atomic_load(&slow->removing));
    nanosleep(&a_moment, NULL);
    atomic_store(&slow->ended, 1);
}

START_TEST(remove_waits_for_a_hook_that_is_running)
{
    for (int i = 0; i < 5; i++) {
        struct slow slow = {0};
        tg_context *context = tg_context_create(NULL);
        tg_hook *hook = tg_context_hook(context, be_slow, &slow);
        tg_context_cancel(context, 1, NULL);
        wait_until(atomic_load(&slow.entered));
        atomic_store(&slow.removing, 1);
        tg_hook_remove(hook);
        ck_assert_int_eq(slow.ended, 1);
        tg_context_destroy(context);
    }
}
END_TEST

/* While one hook runs, others that have not been called yet can be removed: nobody waits for it. */
START_TEST(remove_does_not_wait_for_somebody_elses_hook)
{
    struct slow slow = {0};
    struct bell bell = BELL;
    tg_context *first = tg_context_create(NULL), *second = tg_context_create(NULL);
    tg_hook *running = tg_context_hook(first, be_slow, &slow);
    tg_hook *other = tg_context_hook(second, ring, &bell);

    tg_context_cancel(first, 1, NULL);
    wait_until(atomic_load(&slow.entered));
    tg_context_cancel(second, 1, NULL);
    tg_hook_remove(other); /* if it waited it would wait for what comes below */
    ck_assert_int_eq(rings_of(&bell), 0);
    atomic_store(&slow.removing, 1);
    tg_hook_remove(running);
    ck_assert_int_eq(slow.ended, 1);
    flush();
    ck_assert_int_eq(rings_of(&bell), 0);
    tg_context_destroy(first);
    tg_context_destroy(second);
}
END_TEST

/* ---- From inside --------------------------------------------------------------------------- */

struct own {
    _Atomic(tg_hook *) hook;
    struct bell bell;
};

static void remove_own(void *user)
{
    struct own *own = user;
    tg_hook *hook;

    wait_until((hook = atomic_load(&own->hook)) != NULL);
    tg_hook_remove(hook);
    ring(&own->bell);
}

START_TEST(a_hook_can_remove_itself)
{
    for (int i = 0; i < 50; i++) {
        struct own own = {NULL, BELL};
        tg_context *context = tg_context_create(NULL);
        if (i % 2 == 0) /* cancelled before or after */
            tg_context_cancel(context, 1, NULL);
        atomic_store(&own.hook, tg_context_hook(context, remove_own, &own));
        tg_context_cancel(context, 1, NULL);
        await(&own.bell, 1);
        flush();
        ck_assert_int_eq(rings_of(&own.bell), 1);
        tg_context_destroy(context);
    }
}
END_TEST

/* Two hooks, each of which removes the other: the second has not been called, and never is. */
struct pair {
    tg_hook *hooks[2];
    struct bell bell;
    int first;
};

struct half {
    struct pair *pair;
    int number;
};

static void remove_other(void *user)
{
    struct half *half = user;

    half->pair->first = half->number;
    tg_hook_remove(half->pair->hooks[1 - half->number]);
    ring(&half->pair->bell);
}

START_TEST(a_hook_can_remove_another_one_which_then_never_fires)
{
    struct pair pair = {.bell = BELL};
    struct half halves[2] = {{&pair, 0}, {&pair, 1}};
    tg_context *context = tg_context_create(NULL);

    for (int i = 0; i < 2; i++)
        pair.hooks[i] = tg_context_hook(context, remove_other, &halves[i]);
    tg_context_cancel(context, 1, NULL);
    await(&pair.bell, 1);
    flush();
    ck_assert_int_eq(rings_of(&pair.bell), 1);
    tg_hook_remove(pair.hooks[pair.first]);
    tg_context_destroy(context);
}
END_TEST

/* A hook that cancels the next context, whose hook cancels the next one … */
struct link {
    tg_context *context;
    struct link *next;
    tg_hook *hook;
    struct bell bell;
};

static void cancel_next(void *user)
{
    struct link *link = user;

    if (link->next != NULL) {
        tg_context_cancel(link->next->context, 1, NULL);
        link->next->hook = tg_context_hook(link->next->context, cancel_next, link->next);
    }
    ring(&link->bell);
}

START_TEST(hooks_can_cancel_contexts_and_make_hooks)
{
    enum { LENGTH = 100 };
    static struct link links[LENGTH];

    for (int i = 0; i < LENGTH; i++)
        links[i] = (struct link){
            tg_context_create(NULL), i + 1 < LENGTH ? &links[i + 1] : NULL, NULL, BELL};
    links[0].hook = tg_context_hook(links[0].context, cancel_next, &links[0]);
    tg_context_cancel(links[0].context, 1, NULL);
    await(&links[LENGTH - 1].bell, 1);
    flush();
    for (int i = 0; i < LENGTH; i++) {
        ck_assert_int_eq(rings_of(&links[i].bell), 1);
        tg_hook_remove(links[i].hook);
        tg_context_destroy(links[i].context);
    }
}
END_TEST

/* ---- At any moment ------------------------------------------------------------------------- */

static const double BUDGET = 0.05;

/* Is there a round after `done` rounds since `start`? At least 20. */
static bool another_round(int done, double start)
{
    const char *rounds = getenv("TG_STRESS_ROUNDS");
    return rounds != NULL ? done < atoi(rounds) : done < 20 || tg_time_now() < start + BUDGET;
}

enum { OVER = -1, NEVER = 0x600d };

/* The memory of a round: freed when the hook is removed, which is what removal is for. */
struct prey {
    struct blame *blame;
    int alive;
    atomic_int fired;
};

static void hit(void *user)
{
    struct prey *prey = user;

    expect(prey->blame, prey->alive == NEVER);
    expect(prey->blame, atomic_fetch_add(&prey->fired, 1) == 0);
}

struct race {
    atomic_int round, done;
    tg_context *context;
    unsigned delay;
};

static void dawdle(unsigned *delay)
{
    *delay = *delay * 1664525u + 1013904223u;
    for (volatile unsigned i = *delay >> 22; i > 0; i--)
        ;
}

static void *cancel_each_round(void *arg)
{
    struct race *race = arg;

    for (int round = 1;; round++) {
        int now;
        wait_until((now = atomic_load(&race->round)) == round || now == OVER);
        if (now == OVER)
            return NULL;
        dawdle(&race->delay);
        tg_context_cancel(race->context, round, "any moment");
        atomic_store(&race->done, round);
    }
}

/* Hooks come and go while their context is cancelled, or its deadline passes. */
static void race_once(struct blame *blame, struct race *race, int round, unsigned *delay)
{
    struct prey *prey[3];
    tg_hook *hooks[3];
    tg_context *below;
    int fired = 0;

    race->context =
        round % 4 == 3 ? tg_context_create(TG_CONTEXT(.timeout = 2e-5)) : tg_context_create(NULL);
    below = tg_context_create(TG_CONTEXT(.parent = race->context));
    for (int i = 0; i < 3; i++) {
        prey[i] = malloc(sizeof *prey[i]);
        *prey[i] = (struct prey){blame, NEVER, 0};
    }
    hooks[0] = tg_context_hook(race->context, hit, prey[0]);
    hooks[1] = tg_context_hook(below, hit, prey[1]);
    atomic_store(&race->round, round);
    dawdle(delay);
    hooks[2] = tg_context_hook(below, hit, prey[2]); /* made at any moment too */
    dawdle(delay);
    for (int i = 0; i < 3; i++) {
        expect(blame, hooks[i] != NULL);
        if (round % 8 == 5) /* all of them come, none is lost */
            wait_until(atomic_load(&prey[i]->fired) == 1);
        tg_hook_remove(hooks[i]);
        prey[i]->alive = 0;
        fired += atomic_load(&prey[i]->fired);
        free(prey[i]);
    }
    expect(blame, fired <= 3);
    wait_until(atomic_load(&race->done) == round);
    tg_context_destroy(below);
    tg_context_destroy(race->context);
}

static void race_removals(struct blame *blame)
{
    struct race race = {.delay = 1};
    unsigned delay = 77;
    pthread_t thread;
    double start = tg_time_now();

    expect(blame, pthread_create(&thread, NULL, cancel_each_round, &race) == 0);
    for (int round = 1; another_round(round, start); round++)
        race_once(blame, &race, round, &delay);
    atomic_store(&race.round, OVER);
    pthread_join(thread, NULL);
}

START_TEST(a_cancel_at_any_moment_of_a_removal_fires_it_before_or_never)
{
    at_place(_i, race_removals);
}
END_TEST

/* Tasks of one group that hook themselves to it and leave while one of them fails. */
static int hook_and_leave(tg_task *self, void *arg, void *result)
{
    struct prey prey = {arg, NEVER, 0};
    tg_hook *hook = tg_context_hook(tg_task_context(self), hit, &prey);

    (void)result;
    expect(prey.blame, hook != NULL);
    tg_hook_remove(hook);
    prey.alive = 0;
    return tg_task_index(self) == 40 ? 5 : 0;
}

static void race_in_groups(struct blame *blame)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        tg_group *g = tg_group_create(NULL);
        tg_group_add_many(g, hook_and_leave, 60, blame, 0, NULL);
        expect(blame, tg_group_run(g) == TG_FAILED);
        expect(blame, tg_group_error(g)->index == 40);
        tg_group_destroy(g);
    }
}

START_TEST(tasks_with_hooks_on_their_stack_come_and_go_while_one_fails)
{
    at_place(_i, race_in_groups);
}
END_TEST

/* ---- Bad input ----------------------------------------------------------------------------- */

START_TEST(what_makes_no_sense_is_refused)
{
    struct bell bell = BELL;
    tg_context *context = tg_context_create(NULL);

    ck_assert_ptr_null(tg_context_hook(NULL, ring, &bell));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_str_ne(tg_error_last()->message, "");
    ck_assert_ptr_null(tg_context_hook(context, NULL, &bell));
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    tg_hook_remove(NULL);
    tg_context_cancel(context, 1, NULL);
    ck_assert_ptr_null(tg_context_hook(context, NULL, &bell));
    flush();
    ck_assert_int_eq(rings_of(&bell), 0);
    tg_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook_remove");
    TCase *removed = add_case(suite, "removed");
    TCase *inside = add_case(suite, "from inside");
    TCase *race = add_case(suite, "at any moment");

    if (getenv("TG_STRESS_ROUNDS") != NULL)
        tcase_set_timeout(race, 600);
    tcase_add_test(removed, a_removed_hook_never_fires_and_its_neighbours_do);
    tcase_add_test(removed, a_hook_removed_before_the_deadline_never_fires);
    tcase_add_test(removed, remove_waits_for_a_hook_that_is_running);
    tcase_add_test(removed, remove_does_not_wait_for_somebody_elses_hook);
    tcase_add_test(removed, what_makes_no_sense_is_refused);
    tcase_add_test(inside, a_hook_can_remove_itself);
    tcase_add_test(inside, a_hook_can_remove_another_one_which_then_never_fires);
    tcase_add_test(inside, hooks_can_cancel_contexts_and_make_hooks);
    tcase_add_loop_test(
        race, a_cancel_at_any_moment_of_a_removal_fires_it_before_or_never, 0, PLACES);
    tcase_add_loop_test(
        race, tasks_with_hooks_on_their_stack_come_and_go_while_one_fails, 0, PLACES);
    return run_suite(suite);
}
