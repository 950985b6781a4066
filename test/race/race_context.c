/* SPDX-License-Identifier: MIT */
/* context.c: the first cause wins and stays; who was told that a cancel is over sees it, however deep he stands. */
#include "race.h"

#include "cancel/context.h"

enum { DEPTH = 5 };

/* ---- the first cause ---- */

struct stopped {
    tg_context *context;
    bool left_won, right_won, wrong;
};

/* Causes whose parts belong together. */
static const tg_error causes[] = {
    {.status = TG_FAILED, .code = 0, .index = 10, .name = "zero", .message = "stopped by 0"},
    {.status = TG_CANCELLED, .code = 1, .index = 11, .name = "one", .message = "stopped by 1"},
};

static void begin_stopped(void *what)
{
    struct stopped *stopped = what;
    stopped->context = tg_context_create(NULL);
}

/* As everybody may who finds it stopped, without a lock: nothing but the state says that the cause is there. */
static bool cause_is_whole(const tg_context *context)
{
    const tg_error *has = &context->cause;
    const tg_error *wanted = &causes[has->code == 1];
    return has->status == wanted->status && has->index == wanted->index && has->name != NULL &&
           strcmp(has->name, wanted->name) == 0 && strcmp(has->message, wanted->message) == 0;
}

static bool stop_and_look(tg_context *context, const tg_error *cause, bool *won)
{
    *won = tg__context_stop(context, cause);
    return tg__context_settled(context) != TG_OK && cause_is_whole(context);
}

static void stop_left(void *what)
{
    struct stopped *stopped = what;
    if (!stop_and_look(stopped->context, &causes[0], &stopped->left_won))
        abort();
}

static void stop_right(void *what)
{
    struct stopped *stopped = what;
    if (!stop_and_look(stopped->context, &causes[1], &stopped->right_won))
        abort();
}

static void judge_stopped(void *what)
{
    struct stopped *stopped = what;
    const tg_error *cause = tg_context_cause(stopped->context);
    stopped->wrong |= stopped->left_won == stopped->right_won;
    stopped->wrong |= cause == NULL || cause->code != (stopped->right_won ? 1 : 0);
    tg_context_destroy(stopped->context);
}

START_TEST(the_first_cause_wins_whole)
{
    static struct stopped stopped[64];
    struct duel duel = DUEL(stopped, begin_stopped, stop_left, stop_right, judge_stopped);
    run_duel(&duel);
    for (int i = 0; i < 64; i++)
        ck_assert(!stopped[i].wrong);
}
END_TEST

/* ---- made as new, beside a cancel ---- */

static void reset_it(void *what)
{
    tg__context_reset(((struct stopped *)what)->context);
}

static void stop_it(void *what)
{
    struct stopped *stopped = what;
    tg__context_stop(stopped->context, &causes[1]);
}

/* The cancel came before, and is forgotten; or after, and is whole. */
static void judge_reset(void *what)
{
    struct stopped *stopped = what;
    const tg_error *cause = tg_context_cause(stopped->context);
    stopped->wrong |= cause != NULL && !(cause->code == 1 && cause_is_whole(stopped->context));
    tg_context_destroy(stopped->context);
}

START_TEST(a_cancel_beside_a_reset_is_whole_or_forgotten)
{
    static struct stopped stopped[64];
    struct duel duel = DUEL(stopped, begin_stopped, reset_it, stop_it, judge_reset);
    run_duel(&duel);
    for (int i = 0; i < 64; i++)
        ck_assert(!stopped[i].wrong);
}
END_TEST

/* ---- the last hold ---- */

struct family {
    tg_context *children[2]; /* of one that only they hold */
};

static void begin_family(void *what)
{
    struct family *family = what;
    tg_context *parent = tg_context_create(NULL);
    for (int i = 0; i < 2; i++)
        family->children[i] = tg_context_create(TG_CONTEXT(.parent = parent));
    tg_context_destroy(parent);
}

/* Asking takes the parent's lock; then this may be the last that holds it. */
static void leave_first(void *what)
{
    tg_context *child = ((struct family *)what)->children[0];
    tg_context_check(child);
    tg_context_destroy(child);
}

static void leave_second(void *what)
{
    tg_context *child = ((struct family *)what)->children[1];
    tg_context_check(child);
    tg_context_destroy(child);
}

static void judge_family(void *what)
{
    (void)what; /* sanitizers do */
}

START_TEST(who_lets_go_last_frees)
{
    static struct family families[64];
    struct duel duel = DUEL(families, begin_family, leave_first, leave_second, judge_family);
    run_duel(&duel);
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
    branch->wrong |= tg_context_check(branch->line[DEPTH - 1]) !=
                     TG_OK; /* from now on it looks at the epoch only */
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
    const tg_error *cause = tg_context_cause(branch->line[DEPTH - 1]);
    branch->wrong |= cause == NULL || cause->code != 42;
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
        tg__context_start(
            inner, tree->outer, timeout > 0 ? tg_time_now() + timeout : (double)INFINITY);
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
        tg_context_check(
            &tree->inner[draw_from(&random) % RACERS]); /* another one's, whatever it does now */
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
        tg__context_unref(&tree.inner[i]);
    tg_context_destroy(tree.outer);
    tg_context_destroy(tree.root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, the_first_cause_wins_whole);
    tcase_add_test(tcase, a_cancel_beside_a_reset_is_whole_or_forgotten);
    tcase_add_test(tcase, who_lets_go_last_frees);
    tcase_add_test(tcase, who_knows_of_a_cancel_above_sees_it_below);
    tcase_add_test(tcase, contexts_of_runs_come_and_go);
    return run_suite(suite);
}
