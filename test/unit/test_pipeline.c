/* SPDX-License-Identifier: MIT */
/* combine.h: tg_pipeline_run(). */
#include "tg_test.h"
#include "pools.h"

enum { ITEMS = 300 };

struct item {
    int number, passed;
};

/* What a pipeline of four has seen. */
struct line {
    struct blame *blame;
    int made, written, last;
    atomic_int alive, most_alive, in_serial, parsed, dropped;
    int fails_at, stage_fails, ends_at, skips;
    tg_context *cancels;
};

static int new_item(tg_task *self, void **item, void *user)
{
    struct line *line = user;
    expect(line->blame, *item == NULL && tg_task_check(self) != TG_INVALID);
    if (line->made == line->ends_at)
        return 0;
    struct item *it = calloc(1, sizeof *it);
    int alive = atomic_fetch_add(&line->alive, 1) + 1;
    if (alive > atomic_load(&line->most_alive))
        atomic_store(&line->most_alive, alive);
    it->number = line->made++;
    *item = it;
    return 0;
}

static void free_item(void *item, void *user)
{
    struct line *line = user;
    atomic_fetch_sub(&line->alive, 1);
    atomic_fetch_add(&line->dropped, 1);
    free(item);
}

static int fail_here(tg_task *self, struct line *line, void **item, int stage)
{
    struct item *it = *item;
    if (line->stage_fails != stage || it->number != line->fails_at)
        return 0;
    free(it);
    atomic_fetch_sub(&line->alive, 1);
    *item = NULL;
    (void)self;
    return 50 + stage;
}

static int parse(tg_task *self, void **item, void *user)
{
    struct line *line = user;
    struct item *it = *item;
    for (int i = 0; i < it->number % 7; i++)
        sched_yield(); /* they overtake each other */
    it->passed++;
    atomic_fetch_add(&line->parsed, 1);
    if (line->cancels != NULL && it->number == line->fails_at)
        tg_context_cancel(line->cancels, 6, "no more");
    return fail_here(self, line, item, 1);
}

static int sum(tg_task *self, void **item, void *user)
{
    struct line *line = user;
    struct item *it = *item;
    expect(line->blame, atomic_fetch_add(&line->in_serial, 1) == 0);
    it->passed++;
    atomic_fetch_sub(&line->in_serial, 1);
    if (line->skips > 0 && it->number % line->skips == 0) { /* it is done here */
        free_item(it, line);
        *item = NULL;
        return 0;
    }
    return fail_here(self, line, item, 2);
}

static int write_out(tg_task *self, void **item, void *user)
{
    struct line *line = user;
    struct item *it = *item;
    expect(line->blame, it->passed == 2);
    expect(line->blame, it->number > line->last);
    expect(line->blame, line->skips > 0 || it->number == line->last + 1);
    line->last = it->number;
    line->written++;
    return fail_here(self, line, item, 3);
}

static tg_status go(struct line *line, size_t tokens, size_t *items, const tg_group_options *o)
{
    line->last = -1;
    const tg_stage stages[] = {{.function = new_item, .user = line, .drop = free_item},
        {.function = parse, .user = line, .drop = free_item, .name = "parse"},
        {.function = sum, .user = line, .mode = TG_STAGE_SERIAL, .drop = free_item},
        {.function = write_out, .user = line, .mode = TG_STAGE_IN_ORDER, .drop = free_item}};
    return tg_pipeline_run(stages, 4, tokens, items, o);
}

static void four_stages(struct blame *blame)
{
    tg_pool *p = tg_pool_create(TG_POOL(.threads = 2));
    for (int i = 0; i < 12; i++) {
        struct line line = {.blame = blame,
            .stage_fails = -1,
            .ends_at = i == 11 ? 0 : ITEMS,
            .skips = i % 4 == 3 ? 3 : 0};
        size_t items = 99, tokens = (size_t)i % 4 * 3;
        const tg_group_options *o =
            TG_GROUP(.limit = i % 5 == 4, .pool = i % 6 == 5 ? p : NULL, .name = "line");
        expect(blame, go(&line, tokens, &items, i % 2 ? o : NULL) == TG_OK);
        int skipped = line.skips > 0 ? (line.ends_at + 2) / 3 : 0;
        expect(blame, line.made == line.ends_at && line.written == line.ends_at - skipped);
        expect(blame, items == (size_t)line.written);
        expect(blame, atomic_load(&line.alive) == 0 && atomic_load(&line.dropped) == line.ends_at);
        expect(blame, tokens == 0 || (size_t)atomic_load(&line.most_alive) <= tokens);
    }
    finish(blame, p);
}

START_TEST(items_go_through_four_stages_with_few_under_way)
{
    at_place(_i, four_stages);
}
END_TEST

static void fail_in_each(struct blame *blame)
{
    for (int i = 0; i < 9; i++) {
        struct line line = {
            .blame = blame, .stage_fails = 1 + i % 3, .fails_at = i * 20, .ends_at = ITEMS};
        size_t items = 99;
        expect(blame, go(&line, 8, &items, NULL) == TG_FAILED);
        expect(blame, tg_error_last()->code == 50 + line.stage_fails);
        char text[60];
        snprintf(text, sizeof text, "stage %d%s returned %d for item %d", line.stage_fails,
            line.stage_fails == 1 ? " \"parse\"" : "", 50 + line.stage_fails, line.fails_at);
        expect(blame, strcmp(tg_error_last()->message, text) == 0);
        expect(blame, line.made < ITEMS && atomic_load(&line.alive) == 0);
        expect(blame, line.written <= line.fails_at + (line.stage_fails == 3));
        expect(blame, items <= (size_t)line.written);
    }
}

START_TEST(a_stage_that_fails_stops_it_and_nothing_is_lost)
{
    at_place(_i, fail_in_each);
}
END_TEST

static void cancel_it(struct blame *blame)
{
    for (int i = 0; i < 4; i++) {
        tg_context *context = tg_context_create(NULL);
        struct line line = {.blame = blame,
            .stage_fails = -1,
            .fails_at = i * 30,
            .ends_at = -1,
            .cancels = context};
        expect(blame, go(&line, 5, NULL, TG_GROUP(.context = context)) == TG_CANCELLED);
        expect(blame, tg_error_last()->code == 6 && atomic_load(&line.alive) == 0);
        tg_context_destroy(context);
        struct line late = {.blame = blame, .stage_fails = -1, .ends_at = -1};
        expect(blame, go(&late, 5, NULL, TG_GROUP(.timeout = 2e-3)) == TG_TIMED_OUT);
        expect(blame, atomic_load(&late.alive) == 0);
    }
}

START_TEST(an_endless_pipeline_is_stopped_from_outside)
{
    at_place(_i, cancel_it);
}
END_TEST

static int no_item(tg_task *self, void **item, void *user)
{
    (void)self, (void)item, (void)user;
    return 0;
}

static int count_down(tg_task *self, void **item, void *user)
{
    int *left = user;
    (void)self;
    *item = (*left)-- > 0 ? left : NULL;
    return 0;
}

START_TEST(odd_pipelines_are_refused_or_empty)
{
    tg_stage one = {.function = no_item};
    int left = 5;
    size_t items;
    assert_status(tg_pipeline_run(&one, 1, 0, &items, NULL), TG_OK);
    ck_assert_uint_eq(items, 0);
    one = (tg_stage){.function = count_down, .user = &left, .mode = TG_STAGE_IN_ORDER};
    assert_status(tg_pipeline_run(&one, 1, 3, &items, NULL), TG_OK);
    ck_assert_uint_eq(items, 5);
    assert_refused(tg_pipeline_run(NULL, 1, 0, &items, NULL), TG_INVALID, "stages is NULL");
    assert_refused(tg_pipeline_run(&one, 0, 0, NULL, NULL), TG_INVALID, "count of 0");
    assert_refused(tg_pipeline_run(&one, 1, SIZE_MAX / 2, NULL, NULL), TG_TOO_LARGE, "tokens is 9");
    one.mode = 3;
    assert_refused(tg_pipeline_run(&one, 1, 0, NULL, NULL), TG_INVALID, "mode of stage 0 is 3");
    one.function = NULL;
    assert_refused(tg_pipeline_run(&one, 1, 0, NULL, NULL), TG_INVALID, "stage 0 is NULL");
    one = (tg_stage){.function = no_item};
    assert_refused(
        tg_pipeline_run(&one, 1, 0, NULL, TG_GROUP(.flags = TG_GROUP_SHIELD)), TG_INVALID, "0x10");
    assert_refused(tg_pipeline_run(&one, 1, 0, NULL, TG_GROUP(.queue = 3)), TG_INVALID, "queue 3");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pipeline");
    TCase *all = add_case(s, "all");
    tcase_add_loop_test(all, items_go_through_four_stages_with_few_under_way, 0, PLACES);
    tcase_add_loop_test(all, a_stage_that_fails_stops_it_and_nothing_is_lost, 0, PLACES);
    tcase_add_loop_test(all, an_endless_pipeline_is_stopped_from_outside, 0, PLACES);
    tcase_add_test(all, odd_pipelines_are_refused_or_empty);
    return run_suite(s);
}
