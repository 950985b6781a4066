/* SPDX-License-Identifier: MIT */
/* context.h: the tree, the first cause, deadlines, and who keeps what alive. */
#include "tg_test.h"
#include <signal.h>

static void assert_cause(tg_context *context, tg_status status, int code, const char *message)
{
    const tg_error *cause = tg_context_cause(context);

    assert_status(tg_context_check(context), status);
    ck_assert_ptr_nonnull(cause);
    ck_assert_int_eq(cause->status, status);
    ck_assert_int_eq(cause->code, code);
    ck_assert_str_eq(cause->message, message);
    ck_assert_uint_eq(cause->index, TG_NO_INDEX);
    ck_assert_uint_eq(cause->id, 0);
    ck_assert_str_eq(cause->name, "");
}

static void assert_live(tg_context *context)
{
    assert_status(tg_context_check(context), TG_OK);
    ck_assert_ptr_null(tg_context_cause(context));
}

static tg_context *below(tg_context *parent)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.parent = parent));
    ck_assert_ptr_nonnull(context);
    return context;
}

START_TEST(a_new_context_is_not_cancelled)
{
    tg_context *plain = tg_context_create(NULL);
    tg_context *zero = tg_context_create(TG_CONTEXT(.timeout = 0));
    tg_context *ages = tg_context_create(TG_CONTEXT(.timeout = 1e300));
    tg_context *ever = tg_context_create(TG_CONTEXT(.timeout = INFINITY));

    assert_live(plain);
    assert_live(zero);
    assert_live(ages);
    assert_live(ever);
    tg_context_destroy(plain);
    tg_context_destroy(zero);
    tg_context_destroy(ages);
    tg_context_destroy(ever);
}
END_TEST

START_TEST(the_first_cause_wins_and_stays)
{
    tg_context *context = tg_context_create(NULL);
    const tg_error *cause;

    assert_status(tg_context_cancel(context, 5, "the first"), TG_OK);
    cause = tg_context_cause(context);
    assert_status(tg_context_cancel(context, 6, "the second"), TG_OK);
    assert_status(tg_context_cancel(context, 0, NULL), TG_OK);
    assert_cause(context, TG_CANCELLED, 5, "the first");
    ck_assert_str_eq(cause->message, "the first");
    tg_context_destroy(context);
}
END_TEST

START_TEST(a_cancel_goes_down_the_tree_and_never_up_or_aside)
{
    tg_context *root = tg_context_create(NULL);
    tg_context *left = below(root), *right = below(root);
    tg_context *leaf = below(left), *later;

    tg_context_cancel(left, 3, "left");
    assert_live(root);
    assert_live(right);
    assert_cause(left, TG_CANCELLED, 3, "left");
    assert_cause(leaf, TG_CANCELLED, 3, "left");
    later = below(leaf);
    assert_cause(later, TG_CANCELLED, 3, "left");
    tg_context_cancel(root, 4, "root");
    assert_cause(right, TG_CANCELLED, 4, "root");
    assert_cause(leaf, TG_CANCELLED, 3, "left");
    assert_cause(left, TG_CANCELLED, 3, "left");
    tg_context_destroy(later);
    tg_context_destroy(leaf);
    tg_context_destroy(left);
    tg_context_destroy(right);
    tg_context_destroy(root);
}
END_TEST

START_TEST(what_is_below_a_cancelled_context_has_its_cause_already)
{
    tg_context *parent = tg_context_create(NULL), *child = below(parent);

    tg_context_cancel(parent, 1, "from above");
    assert_status(tg_context_cancel(child, 2, "too late"), TG_OK);
    assert_cause(child, TG_CANCELLED, 1, "from above");
    tg_context_destroy(parent);
    tg_context_destroy(child);
}
END_TEST

START_TEST(a_cancel_reaches_the_bottom_of_a_deep_tree)
{
    enum { DEPTH = 2000 };
    static tg_context *chain[DEPTH];

    chain[0] = tg_context_create(NULL);
    for (int i = 1; i < DEPTH; i++)
        chain[i] = below(chain[i - 1]);
    assert_live(chain[DEPTH - 1]);
    tg_context_cancel(chain[1], 8, "deep");
    assert_live(chain[0]);
    assert_cause(chain[DEPTH - 1], TG_CANCELLED, 8, "deep");
    for (int i = 0; i < DEPTH - 1; i++)
        tg_context_destroy(chain[i]);
    assert_cause(chain[DEPTH - 1], TG_CANCELLED, 8, "deep");
    tg_context_destroy(chain[DEPTH - 1]);
}
END_TEST

START_TEST(a_reason_is_copied_and_cut_at_127_bytes)
{
    char text[301], kept[128];
    tg_context *cut = tg_context_create(NULL), *whole = tg_context_create(NULL);
    tg_context *none = tg_context_create(NULL), *empty = tg_context_create(NULL);

    for (int i = 0; i < 300; i++)
        text[i] = (char)('A' + i % 26);
    text[300] = '\0';
    memcpy(kept, text, 127);
    kept[127] = '\0';
    tg_context_cancel(cut, 1, text);
    text[127] = '\0';
    tg_context_cancel(whole, 1, text);
    tg_context_cancel(none, 0, NULL);
    tg_context_cancel(empty, 0, "");
    memset(text, '!', 300);
    assert_cause(cut, TG_CANCELLED, 1, kept);
    assert_cause(whole, TG_CANCELLED, 1, kept);
    assert_cause(none, TG_CANCELLED, 0, "cancelled");
    assert_cause(empty, TG_CANCELLED, 0, "");
    tg_context_destroy(cut);
    tg_context_destroy(whole);
    tg_context_destroy(none);
    tg_context_destroy(empty);
}
END_TEST

START_TEST(a_passed_deadline_is_a_cause_even_before_anybody_has_asked)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 1e-6));
    double end = tg_time_now() + 2e-6;
    const tg_error *cause;

    wait_until(tg_time_now() > end);
    cause = tg_context_cause(context);
    ck_assert_ptr_nonnull(cause);
    ck_assert_int_eq(cause->status, TG_TIMED_OUT);
    ck_assert_int_eq(cause->code, 0);
    ck_assert_str_ne(cause->message, "");
    assert_status(tg_context_check(context), TG_TIMED_OUT);
    tg_context_destroy(context);
}
END_TEST

START_TEST(a_cancel_after_the_deadline_comes_second)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 1e-6));
    double end = tg_time_now() + 2e-6;

    wait_until(tg_time_now() > end);
    assert_status(tg_context_cancel(context, 5, "too late"), TG_OK);
    assert_status(tg_context_check(context), TG_TIMED_OUT);
    ck_assert_str_ne(tg_context_cause(context)->message, "too late");
    tg_context_destroy(context);
}
END_TEST

START_TEST(a_deadline_after_the_cancel_comes_second)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 0.001));
    double end = tg_time_now() + 0.002;

    tg_context_cancel(context, 5, "in time");
    if (tg_context_check(context) == TG_CANCELLED) { /* else this thread was away for long */
        wait_until(tg_time_now() > end);
        assert_cause(context, TG_CANCELLED, 5, "in time");
    }
    tg_context_destroy(context);
}
END_TEST

START_TEST(an_earlier_deadline_above_holds_below_and_never_the_other_way)
{
    tg_context *root = tg_context_create(TG_CONTEXT(.timeout = 1000));
    tg_context *middle = tg_context_create(TG_CONTEXT(.parent = root, .timeout = 1e-9));
    tg_context *leaf = tg_context_create(TG_CONTEXT(.parent = middle, .timeout = 2000));
    tg_context *plain = below(middle);

    wait_until(tg_context_check(leaf) != TG_OK);
    assert_status(tg_context_check(leaf), TG_TIMED_OUT);
    assert_status(tg_context_check(plain), TG_TIMED_OUT);
    assert_status(tg_context_check(middle), TG_TIMED_OUT);
    ck_assert_int_eq(tg_context_cause(leaf)->status, TG_TIMED_OUT);
    assert_live(root);
    tg_context_destroy(root);
    tg_context_destroy(middle);
    tg_context_destroy(leaf);
    tg_context_destroy(plain);
}
END_TEST

START_TEST(the_order_of_destroying_does_not_matter)
{
    tg_context *root = tg_context_create(NULL);
    tg_context *middle = below(root);
    tg_context *leaf = below(middle);

    tg_context_destroy(middle);
    assert_live(leaf); /* destroying is not cancelling */
    assert_live(root);
    tg_context_cancel(root, 11, "through what was destroyed");
    tg_context_destroy(root);
    assert_cause(leaf, TG_CANCELLED, 11, "through what was destroyed");
    tg_context_destroy(leaf);
    tg_context_destroy(NULL);
}
END_TEST

START_TEST(a_cause_from_above_is_valid_as_long_as_the_context_below_is_held)
{
    tg_context *root = tg_context_create(NULL), *leaf = below(root);
    const tg_error *cause;

    tg_context_cancel(root, 12, "read me later");
    cause = tg_context_cause(leaf);
    tg_context_destroy(root);
    ck_assert_int_eq(cause->code, 12);
    ck_assert_str_eq(cause->message, "read me later");
    tg_context_destroy(leaf);
}
END_TEST

static tg_context *to_cancel;

static void cancel_in_handler(int signal)
{
    tg_context_cancel(to_cancel, signal, "a signal came");
}

START_TEST(a_signal_handler_can_cancel)
{
    tg_context *leaf;

    to_cancel = tg_context_create(NULL);
    leaf = below(to_cancel);
    signal(SIGUSR1, cancel_in_handler);
    raise(SIGUSR1);
    assert_cause(to_cancel, TG_CANCELLED, SIGUSR1, "a signal came");
    assert_cause(leaf, TG_CANCELLED, SIGUSR1, "a signal came");
    tg_context_destroy(to_cancel);
    tg_context_destroy(leaf);
}
END_TEST

enum { CROWD = 6, ROUNDS = 500 };

struct crowd {
    pthread_barrier_t start;
    tg_context *context[ROUNDS];
    const tg_error *seen[ROUNDS][CROWD];
    struct blame blame;
};

struct member {
    struct crowd *crowd;
    int number;
};

/* Cancels with a cause of its own, then looks which one it was; all members at once. */
static void *cancel_as_member(void *arg)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;
    char reason[64];

    snprintf(reason, sizeof reason, "member %d", member->number);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&crowd->start);
        expect(&crowd->blame,
            tg_context_cancel(crowd->context[round], member->number, reason) == TG_OK);
        expect(&crowd->blame, tg_context_check(crowd->context[round]) == TG_CANCELLED);
        crowd->seen[round][member->number] = tg_context_cause(crowd->context[round]);
    }
    return NULL;
}

START_TEST(of_many_that_cancel_at_once_exactly_one_is_the_cause)
{
    static struct crowd crowd;
    struct member members[CROWD];
    pthread_t threads[CROWD];

    pthread_barrier_init(&crowd.start, NULL, CROWD);
    for (int i = 0; i < ROUNDS; i++)
        crowd.context[i] = tg_context_create(NULL);
    for (int i = 0; i < CROWD; i++) {
        members[i] = (struct member){&crowd, i};
        pthread_create(&threads[i], NULL, cancel_as_member, &members[i]);
    }
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    assert_blameless(&crowd.blame, "the crowd");
    for (int i = 0; i < ROUNDS; i++) {
        const tg_error *cause = tg_context_cause(crowd.context[i]);
        char reason[64];
        snprintf(reason, sizeof reason, "member %d", cause->code);
        ck_assert_str_eq(cause->message, reason); /* code and reason are of the same member */
        for (int j = 0; j < CROWD; j++) {
            ck_assert_ptr_nonnull(crowd.seen[i][j]);
            ck_assert_int_eq(crowd.seen[i][j]->code, cause->code);
            ck_assert_str_eq(crowd.seen[i][j]->message, reason);
        }
        tg_context_destroy(crowd.context[i]);
    }
    pthread_barrier_destroy(&crowd.start);
}
END_TEST

/* ---- Groups as parents and children -------------------------------------------------------- */

START_TEST(a_context_below_a_group_outlives_it_with_its_cause)
{
    tg_group *g = tg_group_create(NULL);
    tg_context *child = below(tg_group_context(g)), *leaf = below(child);
    const tg_error *cause;

    assert_live(child);
    tg_group_add(g, task_count, NULL);
    tg_group_add_with(g, task_fail_7, NULL, TG_TASK(.name = "pump", .id = 70), NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    assert_status(tg_context_check(tg_group_context(g)), TG_FAILED);
    tg_group_destroy(g);
    assert_status(tg_context_check(child), TG_FAILED);
    assert_status(tg_context_check(leaf), TG_FAILED);
    cause = tg_context_cause(leaf);
    ck_assert_int_eq(cause->status, TG_FAILED);
    ck_assert_int_eq(cause->code, 7);
    ck_assert_uint_eq(cause->index, 1);
    ck_assert_uint_eq(cause->id, 70);
    ck_assert_str_eq(cause->name, "pump");
    ck_assert_str_ne(cause->message, "");
    tg_context_destroy(child);
    tg_context_destroy(leaf);
}
END_TEST

START_TEST(a_context_below_a_group_that_ended_well_is_not_cancelled_by_that)
{
    tg_group *g = tg_group_create(NULL);
    tg_context *child = below(tg_group_context(g));

    tg_group_add(g, task_count, NULL);
    assert_status(tg_group_run(g), TG_OK);
    assert_live(child);
    assert_live(tg_group_context(g));
    tg_group_destroy(g);
    assert_live(child);
    tg_context_cancel(child, 1, "alone");
    assert_cause(child, TG_CANCELLED, 1, "alone");
    tg_context_destroy(child);
}
END_TEST

START_TEST(a_group_keeps_the_context_that_it_hangs_on)
{
    tg_context *root = tg_context_create(NULL), *middle = below(root);
    tg_group *g = tg_group_create(TG_GROUP(.context = middle));
    atomic_int runs = 0;

    tg_context_destroy(middle);
    tg_group_add(g, task_count, &runs);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_add(g, task_count, &runs);
    tg_context_cancel(root, 13, "far above");
    tg_context_destroy(root);
    assert_status(tg_group_run(g), TG_CANCELLED);
    ck_assert_int_eq(runs, 1);
    ck_assert_int_eq(tg_group_error(g)->code, 13);
    ck_assert_str_eq(tg_group_error(g)->message, "far above");
    tg_group_destroy(g);
}
END_TEST

START_TEST(cancelling_a_group_leaves_what_it_hangs_on_alone)
{
    tg_context *root = tg_context_create(NULL);
    tg_group *g = tg_group_create(TG_GROUP(.context = root));
    tg_group *sibling = tg_group_create(TG_GROUP(.context = root));

    tg_group_add(g, task_fail_7, NULL);
    tg_group_add(sibling, task_count, NULL);
    assert_status(tg_group_run(g), TG_FAILED);
    assert_live(root);
    assert_status(tg_group_run(sibling), TG_OK);
    tg_group_destroy(g);
    tg_group_destroy(sibling);
    tg_context_destroy(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tree = add_case(suite, "tree");
    TCase *time = add_case(suite, "deadline");
    TCase *hold = add_case(suite, "holding");
    TCase *from = add_case(suite, "from anywhere");

    tcase_add_test(tree, a_new_context_is_not_cancelled);
    tcase_add_test(tree, the_first_cause_wins_and_stays);
    tcase_add_test(tree, a_cancel_goes_down_the_tree_and_never_up_or_aside);
    tcase_add_test(tree, what_is_below_a_cancelled_context_has_its_cause_already);
    tcase_add_test(tree, a_cancel_reaches_the_bottom_of_a_deep_tree);
    tcase_add_test(tree, a_reason_is_copied_and_cut_at_127_bytes);
    tcase_add_test(time, a_passed_deadline_is_a_cause_even_before_anybody_has_asked);
    tcase_add_test(time, a_cancel_after_the_deadline_comes_second);
    tcase_add_test(time, a_deadline_after_the_cancel_comes_second);
    tcase_add_test(time, an_earlier_deadline_above_holds_below_and_never_the_other_way);
    tcase_add_test(hold, the_order_of_destroying_does_not_matter);
    tcase_add_test(hold, a_cause_from_above_is_valid_as_long_as_the_context_below_is_held);
    tcase_add_test(hold, a_context_below_a_group_outlives_it_with_its_cause);
    tcase_add_test(hold, a_context_below_a_group_that_ended_well_is_not_cancelled_by_that);
    tcase_add_test(hold, a_group_keeps_the_context_that_it_hangs_on);
    tcase_add_test(hold, cancelling_a_group_leaves_what_it_hangs_on_alone);
    tcase_add_test(from, a_signal_handler_can_cancel);
    tcase_add_test(from, of_many_that_cancel_at_once_exactly_one_is_the_cause);
    return run_suite(suite);
}
