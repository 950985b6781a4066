/* SPDX-License-Identifier: MIT */
/* context.c: the first cause wins and stays; who was told that a cancel is over sees it, however deep he stands. */
#include "race.h"

#include "../../lib/context.h"

enum { DEPTH = 5 };

/* ---- the first cause ---- */

struct stopped {
    struct blame blame;
    tg_context *context;
    atomic_int winners, winner;
};

/* A cause whose parts belong together. */
static void stop(struct stopped *stopped, int code)
{
    char message[64], name[32];
    snprintf(message, sizeof message, "stopped by racer number %d", code);
    snprintf(name, sizeof name, "racer %d", code);
    if (tg__context_stop(
            stopped->context, &(tg_error){.status = code % 2 == 0 ? TG_FAILED : TG_CANCELLED,
                                  .code = code,
                                  .index = (size_t)code,
                                  .name = name,
                                  .message = message})) {
        atomic_fetch_add(&stopped->winners, 1);
        atomic_store(&stopped->winner, code);
    }
}

static void check_cause(struct stopped *stopped)
{
    const tg_error *cause = tg_context_cause(stopped->context);
    expect(&stopped->blame, cause != NULL);
    if (cause == NULL)
        return;
    char message[64];
    snprintf(message, sizeof message, "stopped by racer number %d", cause->code);
    expect(&stopped->blame, strcmp(cause->message, message) == 0);
    expect(&stopped->blame, cause->index == (size_t)cause->code);
    expect(&stopped->blame, cause->status == (cause->code % 2 == 0 ? TG_FAILED : TG_CANCELLED));
    expect(&stopped->blame, tg__context_noticed(stopped->context) == cause->status);
}

static void stop_and_look(void *what, int number)
{
    struct stopped *stopped = what;
    if (number > 0)
        stop(stopped, number);
    else /* looks only */
        while (tg_context_check(stopped->context) == TG_OK)
            ;
    check_cause(stopped);
}

START_TEST(the_first_cause_wins_whole)
{
    double until = race_until();
    do {
        struct stopped stopped = {.context = tg_context_create(NULL)};
        race(stop_and_look, &stopped);
        assert_blameless(&stopped.blame, "a race for the first cause");
        ck_assert_int_eq(atomic_load(&stopped.winners), 1);
        ck_assert_int_eq(tg_context_cause(stopped.context)->code, atomic_load(&stopped.winner));
        tg_context_destroy(stopped.context);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- from above ---- */

struct branch {
    tg_context *line[DEPTH]; /* each below the one before */
    tg_context *other;       /* beside them: turns the epoch */
    atomic_bool cancelled;   /* the cancel has returned */
    bool wrong;
};

static void begin_branch(void *what)
{
    struct branch *branch = what;
    for (int i = 0; i < DEPTH; i++)
        branch->line[i] =
            tg_context_create(TG_CONTEXT(.parent = i > 0 ? branch->line[i - 1] : NULL));
    branch->other = tg_context_create(NULL);
    atomic_store_explicit(&branch->cancelled, false, memory_order_relaxed);
}

static void cancel_above(void *what)
{
    struct branch *branch = what;
    tg_context_cancel(branch->other, 1, "not this one");
    tg_context_cancel(branch->line[0], 42, "from above");
    atomic_store_explicit(&branch->cancelled, true, memory_order_release);
}

static void ask_below(void *what)
{
    struct branch *branch = what;
    bool told;
    tg_status answer;
    do {
        told = atomic_load_explicit(&branch->cancelled, memory_order_acquire);
        answer = tg_context_check(branch->line[DEPTH - 1]);
    } while (!told && answer == TG_OK);
    branch->wrong |= answer != TG_CANCELLED; /* at the latest when he was told */
    branch->wrong |= tg_context_cause(branch->line[DEPTH - 1])->code != 42;
}

static void judge_branch(void *what)
{
    struct branch *branch = what;
    for (int i = DEPTH; i-- > 0;)
        tg_context_destroy(branch->line[i]);
    tg_context_destroy(branch->other);
}

START_TEST(who_knows_of_a_cancel_above_sees_it_below)
{
    static struct branch branches[32];
    struct duel duel = DUEL(branches, begin_branch, cancel_above, ask_below, judge_branch);
    run_duel(&duel);
    for (int i = 0; i < 32; i++)
        ck_assert(!branches[i].wrong);
}
END_TEST

/* ---- runs that come and go below, while others ask, cancel, and take children on and off ---- */

struct tree {
    struct blame blame;
    tg_context *root, *outer;
    tg_context inner[RACERS];
    double until;
};

static void keep(tg_context *context)
{
    (void)context;
}

static void run_in_tree(void *what, int number)
{
    struct tree *tree = what;
    tg_context *inner = &tree->inner[number];
    uint32_t random = (uint32_t)number;
    while (tg_time_now() < tree->until) {
        double timeout = draw_from(&random) % 3 == 0 ? 1e-6 : draw_from(&random) % 2 == 0 ? 60 : 0;
        tg__context_start(inner, tree->outer, timeout);
        tg_context *child = tg_context_create(TG_CONTEXT(.parent = inner, .timeout = 30));
        if (draw_from(&random) % 4 == 0)
            tg_context_cancel(inner, number, "by its own run");
        tg_status above = tg_context_check(inner), below = tg_context_check(child);
        expect(&tree->blame, above == TG_OK || below != TG_OK);
        expect(&tree->blame,
            (tg_context_cause(inner) == NULL) == (tg_context_check(inner) == TG_OK) || timeout > 0);
        tg_context_destroy(child);
        tg__context_leave(inner);
        tg__context_reset(inner);
        expect(&tree->blame, tg_context_check(tree->root) == TG_OK);
    }
}

START_TEST(contexts_of_runs_come_and_go)
{
    struct tree tree = {.until = race_until()};
    tree.root = tg_context_create(NULL);
    tree.outer = tg_context_create(TG_CONTEXT(.parent = tree.root));
    for (int i = 0; i < RACERS; i++)
        tg__context_init(&tree.inner[i], tree.root, keep);
    race(run_in_tree, &tree);
    assert_blameless(&tree.blame, "a tree of contexts");
    for (int i = 0; i < RACERS; i++)
        tg__context_drop(&tree.inner[i]);
    tg_context_destroy(tree.outer);
    tg_context_destroy(tree.root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, the_first_cause_wins_whole);
    tcase_add_test(tcase, who_knows_of_a_cancel_above_sees_it_below);
    tcase_add_test(tcase, contexts_of_runs_come_and_go);
    return run_suite(suite);
}
