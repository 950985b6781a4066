/* SPDX-License-Identifier: MIT */
/* lock.h and slots.h: what they guard is guarded, with plain variables for TSan to look at. */
#include "race.h"

#include "sys/lock.h"
#include "sched/slots.h"

enum { TIMES = 2000 / RACE_PART };

struct guarded {
    struct tg__lock lock;
    long count; /* plain */
};

static void count_under_lock(void *what, int number)
{
    struct guarded *guarded = what;
    (void)number;
    for (int i = 0; i < TIMES; i++) {
        tg__lock_take(&guarded->lock, TG__LOCK_GROUP);
        guarded->count++;
        tg__lock_give(&guarded->lock, TG__LOCK_GROUP);
    }
}

START_TEST(one_at_a_time_is_in_the_lock_and_sees_what_the_last_did)
{
    static struct guarded guarded; /* static: drd does not look at stacks */
    long rounds = 0;
    double until = race_until();
    do {
        race(count_under_lock, &guarded);
        ck_assert_int_eq(guarded.count, ++rounds * RACERS * TIMES);
    } while (tg_time_now() < until);
}
END_TEST

/* ---- slots ---- */

struct places {
    struct blame blame;
    struct tg__slots slots;
    atomic_long inside, taken; /* relaxed: they order nothing */
    long count;                /* plain: with one slot it hands over what the last one did */
};

static void take_and_give(void *what, int number)
{
    struct places *places = what;
    uint32_t random = (uint32_t)number;
    for (int i = 0; i < TIMES; i++) {
        if (!tg__slots_take(&places->slots)) {
            sched_yield();
            continue;
        }
        long inside = atomic_fetch_add_explicit(&places->inside, 1, memory_order_relaxed);
        expect(&places->blame, inside < places->slots.most);
        if (places->slots.most == 1)
            places->count++;
        atomic_fetch_add_explicit(&places->taken, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&places->inside, 1, memory_order_relaxed);
        if (draw_from(&random) % 4 == 0) { /* its task goes on elsewhere, and ends there */
            tg__slots_leave(&places->slots);
            expect(&places->blame, atomic_load(&places->slots.suspended) <= places->slots.most);
            tg__slots_return(&places->slots, 1);
        } else {
            tg__slots_give(&places->slots);
        }
    }
}

static void compete(long most)
{
    double until = race_until();
    do {
        static struct places places; /* static: drd does not look at stacks */
        places = (struct places){.slots = {.most = most}};
        race(take_and_give, &places);
        assert_blameless(&places.blame, "slots");
        ck_assert_int_eq(atomic_load(&places.slots.used), 0);
        ck_assert_int_eq(atomic_load(&places.slots.suspended), 0);
        ck_assert(most > 1 || places.count == atomic_load(&places.taken));
    } while (tg_time_now() < until);
}

START_TEST(never_more_in_flight_than_slots)
{
    compete(2);
}
END_TEST

START_TEST(one_slot_hands_over_what_the_last_one_did)
{
    compete(1);
}
END_TEST

/* Who gives a slot back looks for sleepers next; who lies down looks for a slot. */
struct exchange {
    struct tg__slots slots;
    atomic_int idle;
    bool saw_idler, saw_slot, wrong;
};

static void begin_exchange(void *what)
{
    struct exchange *exchange = what;
    exchange->slots.most = 1;
    atomic_store(&exchange->slots.used, 1);
    atomic_store(&exchange->idle, 0);
}

static void give_and_look(void *what)
{
    struct exchange *exchange = what;
    tg__slots_give(&exchange->slots);
    exchange->saw_idler = atomic_load(&exchange->idle) > 0;
}

static void lie_down(void *what)
{
    struct exchange *exchange = what;
    atomic_fetch_add(&exchange->idle, 1);
    exchange->saw_slot = tg__slots_free(&exchange->slots);
}

static void judge_exchange(void *what)
{
    struct exchange *exchange = what;
    exchange->wrong |= !exchange->saw_idler && !exchange->saw_slot;
}

START_TEST(who_lies_down_sees_a_free_slot_or_is_seen)
{
    static struct exchange exchanges[256 / RACE_PART];
    struct duel duel = DUEL(exchanges, begin_exchange, give_and_look, lie_down, judge_exchange);
    run_duel(&duel);
    for (int i = 0; i < 256 / RACE_PART; i++)
        ck_assert(!exchanges[i].wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locks");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, one_at_a_time_is_in_the_lock_and_sees_what_the_last_did);
    tcase_add_test(tcase, never_more_in_flight_than_slots);
    tcase_add_test(tcase, one_slot_hands_over_what_the_last_one_did);
    tcase_add_test(tcase, who_lies_down_sees_a_free_slot_or_is_seen);
    return run_suite(suite);
}
