/* SPDX-License-Identifier: MIT */
/* queue.c: the head index and the hands. Each index is handed out once, with all that was known of it. */
#include "race.h"

#include "sched/queue.h"

enum { INDICES = RACE_PART > 1 ? 500 : 20000 };

struct line {
    struct blame blame;
    struct tg__queue queue;
    atomic_size_t end;       /* published so far */
    size_t payload[INDICES]; /* plain: written before the index is published */
    atomic_uchar claimed[INDICES];
    atomic_size_t claims;
    bool grows, passes;
};

static void publish(struct line *line, size_t end)
{
    for (size_t i = atomic_load_explicit(&line->end, memory_order_relaxed); i < end; i++)
        line->payload[i] = 3 * i + 1;
    atomic_store_explicit(&line->end, end, memory_order_release);
}

static void take_one(struct line *line, size_t index)
{
    expect(&line->blame, index < INDICES && line->payload[index] == 3 * index + 1);
    expect(&line->blame, atomic_fetch_add(&line->claimed[index], 1) == 0);
    atomic_fetch_add(&line->claims, 1);
}

/* Claims bundles of all sizes, and puts some back in part. */
static void claim_all(struct line *line, int place, uint32_t random)
{
    while (atomic_load(&line->claims) < INDICES && atomic_load(&line->blame.line) == 0) {
        size_t first, want = 1 + draw_from(&random) % 5;
        size_t end = atomic_load_explicit(&line->end, memory_order_acquire);
        size_t got = tg__queue_claim(&line->queue, place, want, end, true, &first);
        size_t kept = got > 1 && draw_from(&random) % 4 == 0 ? got / 2 : got;
        if (kept < got)
            tg__queue_unclaim(&line->queue, place, first + kept, got - kept);
        for (size_t i = 0; i < kept; i++)
            take_one(line, first + i);
        if (got == 0)
            sched_yield();
    }
}

/* More come, and some of them are passed by, if nobody has claimed them yet. */
static void publish_all(struct line *line)
{
    for (size_t end = 0, more; end < INDICES; end = more) {
        more = end + end % 7 + 1 < INDICES ? end + end % 7 + 1 : INDICES;
        publish(line, more);
        if (line->passes && tg__queue_pass(&line->queue, end, more))
            for (size_t i = end; i < more; i++)
                take_one(line, i);
    }
}

static void claim_as_one_of_four(void *what, int number)
{
    struct line *line = what;
    uint32_t random = (uint32_t)number;
    if (number == 0 && line->grows)
        publish_all(line);
    claim_all(line, number, random);
}

static void claim_in_rounds(bool grows, bool passes)
{
    struct line *line = new_lines(sizeof *line);
    double until = race_until();
    do {
        struct tg__queue queue = line->queue;
        *line = (struct line){.queue = queue, .grows = grows, .passes = passes};
        ck_assert(tg__queue_open(&line->queue, RACERS));
        tg__queue_reset(&line->queue);
        publish(line, grows ? 0 : INDICES);
        race(claim_as_one_of_four, line);
        assert_blameless(&line->blame, "a race for the indices");
        ck_assert_uint_eq(atomic_load(&line->claims), INDICES);
        ck_assert(!tg__queue_any(&line->queue, INDICES));
    } while (tg_time_now() < until);
    tg__queue_free(&line->queue);
    free(line);
}

START_TEST(each_index_is_claimed_exactly_once)
{
    claim_in_rounds(false, false);
}
END_TEST

START_TEST(each_index_is_claimed_exactly_once_while_more_come)
{
    claim_in_rounds(true, false);
}
END_TEST

START_TEST(each_index_is_claimed_or_passed_by)
{
    claim_in_rounds(true, true);
}
END_TEST

/* ---- what goes with an index ---- */

/* Who steals may have read the end before: what he gets he sees as the one did whose hand it was in. */
enum { STOLEN = 3000 / RACE_PART };

static void fill_hands(struct line *line)
{
    size_t first;
    publish(line, STOLEN);
    while (atomic_load(&line->claims) < STOLEN) {
        size_t end = atomic_load_explicit(&line->end, memory_order_acquire);
        if (tg__queue_claim(&line->queue, 0, 1, end, true, &first) > 0)
            take_one(line, first);
        sched_yield(); /* so that there is always something left to steal */
    }
}

/* Relaxed: this thread learns of the payload by nothing but the hands. */
static void steal(struct line *line, int place)
{
    size_t first;
    while (atomic_load_explicit(&line->claims, memory_order_relaxed) < STOLEN) {
        if (tg__queue_claim(&line->queue, place, 1, 0, true, &first) == 0) {
            sched_yield();
            continue;
        }
        expect(&line->blame, line->payload[first] == 3 * first + 1);
        atomic_fetch_add_explicit(&line->claims, 1, memory_order_relaxed);
    }
}

static void fill_hands_or_steal(void *what, int number)
{
    if (number == 0)
        fill_hands(what);
    else
        steal(what, number);
}

START_TEST(what_is_stolen_is_seen_as_its_owner_saw_it)
{
    struct line *line = new_lines(sizeof *line);
    ck_assert(tg__queue_open(&line->queue, RACERS));
    race(fill_hands_or_steal, line);
    assert_blameless(&line->blame, "what was stolen");
    tg__queue_free(&line->queue);
    free(line);
}
END_TEST

/* ---- an owner and a thief at one hand ---- */

enum { HANDS = 256 / RACE_PART, IN_HAND = 8 };
static const unsigned TWICE = 1u << IN_HAND;

struct hand {
    struct tg__queue queue;
    bool puts_back, wrong;
    unsigned got; /* a bit for each index that the owner has got … */
    unsigned stolen;
};

/* The hand of place 0 has 2 … 7; 0 and 1 the owner has, and puts them back, or runs them. */
static void begin_hand(void *what)
{
    struct hand *hand = what;
    tg__queue_drop(&hand->queue, IN_HAND);
    tg__queue_unclaim(&hand->queue, 0, 2, IN_HAND - 2);
    hand->puts_back = !hand->puts_back;
    hand->got = hand->puts_back ? 0 : 3;
    hand->stolen = 0;
}

static bool claim_one(struct hand *hand, int place, unsigned *got)
{
    size_t first;
    if (tg__queue_claim(&hand->queue, place, 1, IN_HAND, true, &first) == 0)
        return false;
    *got |= (*got >> first & 1) != 0 ? TWICE : 1u << first;
    return true;
}

static void own_hand(void *what)
{
    struct hand *hand = what;
    if (hand->puts_back)
        tg__queue_unclaim(&hand->queue, 0, 0, 2);
    else
        claim_one(hand, 0, &hand->got);
}

static void steal_hand(void *what)
{
    struct hand *hand = what;
    claim_one(hand, 1, &hand->stolen);
}

/* What is left is claimed by the owner: all are there, and once. */
static void judge_hand(void *what)
{
    struct hand *hand = what;
    while (claim_one(hand, 0, &hand->got))
        ;
    hand->wrong |= (hand->got & hand->stolen) != 0;
    hand->wrong |= (hand->got | hand->stolen) != TWICE - 1;
}

START_TEST(an_owner_and_a_thief_divide_a_hand)
{
    static struct hand chunks[HANDS];
    struct duel duel = DUEL(chunks, begin_hand, own_hand, steal_hand, judge_hand);
    for (int i = 0; i < HANDS; i++)
        ck_assert(tg__queue_open(&chunks[i].queue, 2));
    run_duel(&duel);
    for (int i = 0; i < HANDS; i++) {
        ck_assert(!chunks[i].wrong);
        tg__queue_free(&chunks[i].queue);
    }
}
END_TEST

/* ---- who looks for work, and who has some ---- */

struct watch {
    struct tg__queue queue;
    atomic_int idle;
    bool saw_idler, saw_work, wrong;
};

static void begin_watch(void *what)
{
    struct watch *watch = what;
    tg__queue_drop(&watch->queue, 6);
    tg__queue_unclaim(&watch->queue, 1, 0, 6); /* all that there is is in the hand of place 1 */
    atomic_store(&watch->idle, 0);
}

/* Steals all, keeps two in its hand, and looks for somebody who sleeps. */
static void steal_and_look(void *what)
{
    struct watch *watch = what;
    size_t first;
    watch->wrong |= tg__queue_claim(&watch->queue, 0, 4, 6, true, &first) != 4;
    watch->saw_idler = atomic_load(&watch->idle) > 0;
}

/* Is about to sleep, and looks for work once more. */
static void lie_down(void *what)
{
    struct watch *watch = what;
    atomic_fetch_add(&watch->idle, 1);
    watch->saw_work = tg__queue_any(&watch->queue, 6);
}

static void judge_watch(void *what)
{
    struct watch *watch = what;
    watch->wrong |= !watch->saw_idler && !watch->saw_work;
}

START_TEST(who_lies_down_sees_what_is_in_a_hand_or_is_seen)
{
    static struct watch watches[HANDS];
    struct duel duel = DUEL(watches, begin_watch, steal_and_look, lie_down, judge_watch);
    for (int i = 0; i < HANDS; i++)
        ck_assert(tg__queue_open(&watches[i].queue, 2));
    run_duel(&duel);
    for (int i = 0; i < HANDS; i++) {
        ck_assert(!watches[i].wrong);
        tg__queue_free(&watches[i].queue);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, each_index_is_claimed_exactly_once);
    tcase_add_test(tcase, each_index_is_claimed_exactly_once_while_more_come);
    tcase_add_test(tcase, each_index_is_claimed_or_passed_by);
    tcase_add_test(tcase, what_is_stolen_is_seen_as_its_owner_saw_it);
    tcase_add_test(tcase, an_owner_and_a_thief_divide_a_hand);
    tcase_add_test(tcase, who_lies_down_sees_what_is_in_a_hand_or_is_seen);
    return run_suite(suite);
}
