/* SPDX-License-Identifier: MIT */
/* hook.c and events.c: a hook, or a timer, comes once or was taken away in time; then nothing touches it any more. */
#include "race.h"

#include "cancel/events.h"

/* ---- hooks ---- */

struct hooked {
    tg_context *context;
    tg_hook *hook;
    long *rings; /* plain, freed when the hook is gone */
    atomic_long heard;
    bool wrong;
};

static void ring(void *user)
{
    ++*(long *)user;
}

static void begin_hooked(void *what)
{
    struct hooked *hooked = what;
    hooked->context = tg_context_create(NULL);
    hooked->rings = calloc(1, sizeof *hooked->rings);
    hooked->hook = tg_context_hook(hooked->context, ring, hooked->rings);
}

static void cancel_hooked(void *what)
{
    struct hooked *hooked = what;
    tg_context_cancel(hooked->context, 1, NULL);
}

static void remove_hook(void *what)
{
    struct hooked *hooked = what;
    tg_hook_remove(hooked->hook);
    hooked->wrong |= *hooked->rings > 1;
    free(hooked->rings);
}

static void end_hooked(void *what)
{
    struct hooked *hooked = what;
    tg_context_destroy(hooked->context);
}

START_TEST(a_hook_that_is_removed_beside_a_cancel_comes_once_or_never)
{
    static struct hooked hooked[16];
    struct duel duel = DUEL(hooked, begin_hooked, cancel_hooked, remove_hook, end_hooked);
    run_duel(&duel);
    for (int i = 0; i < 16; i++)
        ck_assert(!hooked[i].wrong);
}
END_TEST

/* One that stays comes, whenever the cancel was. */
static void hear(void *user)
{
    atomic_fetch_add((atomic_long *)user, 1);
}

static void begin_context(void *what)
{
    struct hooked *hooked = what;
    hooked->context = tg_context_create(NULL);
    atomic_store(&hooked->heard, 0);
}

static void hook_and_await(void *what)
{
    struct hooked *hooked = what;
    tg_hook *hook = tg_context_hook(hooked->context, hear, &hooked->heard);
    wait_until(atomic_load(&hooked->heard) > 0);
    tg_hook_remove(hook);
    hooked->wrong |= atomic_load(&hooked->heard) != 1;
}

START_TEST(a_hook_that_is_set_beside_a_cancel_always_comes)
{
    static struct hooked hooked[16];
    struct duel duel = DUEL(hooked, begin_context, cancel_hooked, hook_and_await, end_hooked);
    run_duel(&duel);
    for (int i = 0; i < 16; i++)
        ck_assert(!hooked[i].wrong);
}
END_TEST

/* ---- timers ---- */

struct clock {
    struct tg__timer timer; /* first */
    long rings;             /* plain: the event thread's, until the timer is cleared */
};

struct clocks {
    struct blame blame;
    double until;
};

/* Takes a while, so that it is met. */
static void ring_clock(struct tg__timer *alarm)
{
    struct clock *clock = (struct clock *)(void *)alarm;
    sched_yield();
    for (volatile int i = 0; i < 500; i++)
        ;
    clock->rings++;
}

/* Sets, sets anew, and clears; then the memory is somebody else's. */
static void set_and_clear(void *what, int number)
{
    struct clocks *clocks = what;
    uint32_t random = (uint32_t)number;
    while (tg_time_now() < clocks->until) {
        struct clock *clock = calloc(1, sizeof *clock);
        if (clock == NULL)
            abort();
        clock->timer.fire = ring_clock;
        int sets = 1 + (int)(draw_from(&random) % 3);
        for (int i = 0; i < sets; i++)
            tg__timer_set(&clock->timer, tg_time_now() + draw_from(&random) % 30 * 1e-6);
        double until = tg_time_now() + draw_from(&random) % 60 * 1e-6;
        while (tg_time_now() < until)
            sched_yield();
        tg__timer_clear(&clock->timer);
        long rings = clock->rings;
        sched_yield();
        expect(&clocks->blame, rings <= sets && clock->rings == rings && !clock->timer.set);
        free(clock);
    }
}

START_TEST(an_alarm_that_was_cleared_never_rings)
{
    struct clocks clocks = {.until = race_until()};
    ck_assert(tg__events_start());
    race(set_and_clear, &clocks);
    assert_blameless(&clocks.blame, "alarms");
}
END_TEST

struct bell {
    struct tg__timer timer; /* first */
    atomic_bool expired;
};

static void ring_bell(struct tg__timer *alarm)
{
    atomic_store(&((struct bell *)(void *)alarm)->expired, true);
}

/* Earlier ones come while the event thread lies down for later ones. */
static void set_and_await(void *what, int number)
{
    struct clocks *clocks = what;
    uint32_t random = (uint32_t)number;
    struct bell late = {.timer = {.fire = ring_bell}};
    tg__timer_set(&late.timer, tg_time_now() + 3600);
    while (tg_time_now() < clocks->until) {
        struct bell bell = {.timer = {.fire = ring_bell}};
        tg__timer_set(&bell.timer, tg_time_now() + draw_from(&random) % 20 * 1e-6);
        wait_until(atomic_load(&bell.expired));
        tg__timer_clear(&bell.timer);
    }
    tg__timer_clear(&late.timer);
    expect(&clocks->blame, !atomic_load(&late.expired));
}

START_TEST(an_alarm_that_stays_rings)
{
    struct clocks clocks = {.until = race_until()};
    ck_assert(tg__events_start());
    race(set_and_await, &clocks);
    assert_blameless(&clocks.blame, "alarms");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiter");
    TCase *tcase = add_case(suite, "races");
    tcase_add_test(tcase, a_hook_that_is_removed_beside_a_cancel_comes_once_or_never);
    tcase_add_test(tcase, a_hook_that_is_set_beside_a_cancel_always_comes);
    tcase_add_test(tcase, an_alarm_that_was_cleared_never_rings);
    tcase_add_test(tcase, an_alarm_that_stays_rings);
    return run_suite(suite);
}
