/* SPDX-License-Identifier: MIT */
/* sys/lock.c with TASKGROUP_CHECK_LOCKS: locks that are taken out of order end the process, all others do not. */
#include "race.h"

#include "sys/lock.h"

#include <signal.h>
#include <time.h>

static struct tg__lock outer, inner, another;

static void take(struct tg__lock *lock, enum tg__rank rank)
{
    tg__lock_take(lock, rank);
}

static void give(struct tg__lock *lock, enum tg__rank rank)
{
    tg__lock_give(lock, rank);
}

START_TEST(an_inner_lock_may_be_taken_and_any_given_back_first)
{
    for (int i = 0; i < 2; i++) {
        take(&outer, TG__LOCK_GROUP);
        take(&inner, TG__LOCK_LIMIT);
        give(i == 0 ? &outer : &inner, i == 0 ? TG__LOCK_GROUP : TG__LOCK_LIMIT);
        give(i == 0 ? &inner : &outer, i == 0 ? TG__LOCK_LIMIT : TG__LOCK_GROUP);
    }
}
END_TEST

START_TEST(contexts_are_locked_from_a_child_upwards)
{
    take(&inner, TG__LOCK_CONTEXT);
    take(&outer, TG__LOCK_CONTEXT);
    take(&another, TG__LOCK_EVENTS);
    give(&another, TG__LOCK_EVENTS);
    give(&outer, TG__LOCK_CONTEXT);
    give(&inner, TG__LOCK_CONTEXT);
    take(&outer, TG__LOCK_GROUP);
    give(&outer, TG__LOCK_GROUP);
}
END_TEST

START_TEST(an_outer_lock_after_an_inner_one_ends_the_process)
{
    take(&inner, TG__LOCK_LIMIT);
    take(&outer, TG__LOCK_GROUP);
}
END_TEST

START_TEST(so_do_two_locks_of_one_rank)
{
    take(&inner, TG__LOCK_GROUP);
    take(&outer, TG__LOCK_GROUP);
}
END_TEST

START_TEST(so_does_one_that_is_given_back_and_was_not_taken)
{
    give(&inner, TG__LOCK_GROUP);
}
END_TEST

START_TEST(memory_may_be_asked_for_under_the_groups_lock)
{
    take(&outer, TG__LOCK_GROUP);
    tg__rank_check("malloc");
    give(&outer, TG__LOCK_GROUP);
}
END_TEST

START_TEST(under_a_short_lock_it_ends_the_process)
{
    take(&outer, TG__LOCK_GROUP);
    take(&inner, TG__LOCK_LIMIT);
    tg__rank_check("malloc");
}
END_TEST

static atomic_bool taken;

static void *give_late(void *unused)
{
    (void)unused;
    tg__lock_take(&outer, TG__LOCK_GROUP);
    atomic_store(&taken, true);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    tg__lock_give(&outer, TG__LOCK_GROUP);
    return NULL;
}

START_TEST(a_lock_that_is_held_for_long_is_waited_for)
{
    pthread_t thread;
    ck_assert(pthread_create(&thread, NULL, give_late, NULL) == 0);
    while (!atomic_load(&taken))
        sched_yield();
    take(&outer, TG__LOCK_GROUP);
    give(&outer, TG__LOCK_GROUP);
    pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock order");
    TCase *tcase = add_case(suite, "order");
    tcase_add_test(tcase, an_inner_lock_may_be_taken_and_any_given_back_first);
    tcase_add_test(tcase, contexts_are_locked_from_a_child_upwards);
    tcase_add_test_raise_signal(tcase, an_outer_lock_after_an_inner_one_ends_the_process, SIGABRT);
    tcase_add_test_raise_signal(tcase, so_do_two_locks_of_one_rank, SIGABRT);
    tcase_add_test_raise_signal(tcase, so_does_one_that_is_given_back_and_was_not_taken, SIGABRT);
    tcase_add_test(tcase, memory_may_be_asked_for_under_the_groups_lock);
    tcase_add_test_raise_signal(tcase, under_a_short_lock_it_ends_the_process, SIGABRT);
    tcase_add_test(tcase, a_lock_that_is_held_for_long_is_waited_for);
    return run_suite(suite);
}
