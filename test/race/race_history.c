/* SPDX-License-Identifier: MIT */
/*
 * What has gone by costs nothing: where records are recycled, memory and the loops over all tasks
 * are for those that are there. A stream of years is tried by a leap: the count is set as if so many
 * tasks had come and gone.
 */
#include "race.h"

#include "group/group.h"
#include "omp_on_threads.h"

#include <malloc.h>
#include <taskgroup/pool.h>

/* Too many to visit one by one, or segment by segment, before the test is killed. */
static const size_t years = (size_t)1 << 46;

/* ---- the store ---- */

static int nothing(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return 0;
}

static void open_store(struct tg__store *store)
{
    tg__store_init(store, sizeof(size_t), NULL, 0);
    tg__store_recycle_all(store);
}

/* Without an assertion: Check writes a line for each. */
static size_t add_one(struct tg__store *store)
{
    if (tg__store_add(store, nothing, NULL, 0, NULL, true) != TG_OK)
        abort();
    return tg__store_count(store) - 1;
}

static void let_go(struct tg__store *store, size_t index)
{
    if (tg__store_release(store, index))
        tg__store_recycle(store, index);
}

static void pass_through(struct tg__store *store, size_t until)
{
    while (tg__store_count(store) < until)
        let_go(store, add_one(store));
}

static size_t nodes_of(const struct tg__store *store)
{
    const struct tg__sparse *sparse = &store->recycled;
    size_t nodes = 0;
    for (int i = 0; i < 2; i++)
        nodes += sparse->spare[i] != NULL;
    for (size_t place = 0; place < sparse->end; place++) {
        const struct tg__sparse_node *node = tg__sparse_node_at(sparse, place);
        nodes += node != NULL ? 1 + node->used : 0;
    }
    return nodes;
}

static size_t bytes_in_use(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    return TEST_SANITIZED ? 0 : mallinfo2().uordblks + mallinfo2().hblkhd;
#else
    return 0;
#endif
}

START_TEST(beside_a_task_that_stays_16_times_as_many_tasks_need_no_byte_more)
{
    struct tg__store store;
    size_t few = ((size_t)1 << 20) / (RACE_PART > 1 || TEST_SANITIZED ? 20 : 1), bytes;

    open_store(&store);
    add_one(&store); /* stays */
    pass_through(&store, few);
    bytes = bytes_in_use();
    pass_through(&store, 16 * few);
    ck_assert_uint_eq(bytes_in_use(), bytes);
    tg__store_free(&store);
}
END_TEST

START_TEST(nodes_are_those_of_the_tasks_that_are_there)
{
    struct tg__store store;
    size_t old;

    open_store(&store);
    old = add_one(&store);
    pass_through(&store, TG__STORE_RECYCLED);
    for (size_t bit = 19; bit < 47; bit++) { /* to before the next leaf, or node, and beyond */
        atomic_store(&store.count, ((size_t)1 << bit) - TG__STORE_RECYCLED);
        pass_through(&store, ((size_t)1 << bit) + 2 * TG__STORE_RECYCLED);
        ck_assert_uint_le(nodes_of(&store), 6); /* two ways of two, and two to spare */
    }
    ck_assert_ptr_nonnull(tg__store_find(&store, old));
    let_go(&store, old);
    ck_assert_ptr_null(tg__store_find(&store, old));
    ck_assert_uint_le(nodes_of(&store), 4);
    tg__store_free(&store);
}
END_TEST

START_TEST(a_loop_over_all_tasks_visits_those_whose_records_are_there)
{
    struct tg__store store;
    size_t visits = 0, last, count;

    open_store(&store);
    add_one(&store); /* stays, and so does its segment */
    pass_through(&store, 3 * TG__STORE_RECYCLED);
    atomic_store(&store.count, years);
    for (int i = 0; i < 5; i++)
        add_one(&store);
    last = years - 1;
    count = tg__store_count(&store);
    for (size_t i = 0; (i = tg__store_next(&store, i, count)) < count; i++) {
        visits += tg__store_find(&store, i) != NULL;
        visits += i >= TG__STORE_RECYCLED && i != ++last; /* one too many */
    }
    ck_assert_uint_eq(visits, TG__STORE_RECYCLED + 5);
    tg__store_free(&store);
}
END_TEST

/* ---- groups ---- */

/* Only where nobody but the caller serves the group. */
static void leap(tg_group *group)
{
    tg__lock_take(&group->lock, TG__LOCK_GROUP);
    atomic_store(&group->exec.store.count, years);
    atomic_store(&group->dispatch.queue.head, years);
    atomic_store(&group->completion.delivered, years); /* in order */
    tg__lock_give(&group->lock, TG__LOCK_GROUP);
}

struct age {
    struct blame blame;
    size_t done, ran, tasks;
};

static int count_done(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group, (void)outcome;
    ((struct age *)user)->done++;
    return 0;
}

static int count_run(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    ((struct age *)arg)->ran++;
    return 0;
}

/* Leaves something for the end of the run to look for: what waits for its time, and waits again. */
static void add_some(tg_group *group, struct age *age, bool in_order)
{
    for (int i = 0; i < 3; i++, age->tasks++)
        expect(&age->blame, tg_group_add(group, count_run, age) == TG_OK);
    if (in_order) /* what comes after one that waits would wait, too */
        return;
    age->tasks += 2;
    expect(&age->blame, tg_group_add_with(group, nothing, NULL,
                            TG_TASK(.delay = 1000, .flags = TG_TASK_BACKGROUND), NULL) == TG_OK);
    expect(&age->blame, tg_group_add_with(group, nothing, NULL,
                            TG_TASK(.period = 1000, .flags = TG_TASK_BACKGROUND), NULL) == TG_OK);
}

static int live_long(tg_group *group, void *user)
{
    struct age *age = user;
    leap(group);
    add_some(group, age, (group->options.flags & TG_GROUP_IN_ORDER) != 0);
    return 0;
}

static const tg_group_options *const ways[] = {
    TG_GROUP(.flags = 0),
    TG_GROUP(.on_done = count_done),
    TG_GROUP(.on_done = count_done, .flags = TG_GROUP_IN_ORDER),
    TG_GROUP(.on_done = count_done, .flags = TG_GROUP_TIMES),
};

static tg_group *create_stream(tg_group_options options, struct age *age)
{
    options.flags |= TG_GROUP_RECYCLE;
    options.threads = 1;
    options.user = age;
    return tg_group_create(&options);
}

START_TEST(the_end_of_a_long_stream_looks_at_what_is_there)
{
    struct age age = {.ran = 0};
    const tg_group_options options = *ways[_i];
    size_t first = 0, rank = 1;
    tg_group *g = create_stream(options, &age);

    assert_status(tg_group_scope(g, live_long, &age), TG_OK);
    assert_blameless(&age.blame, "a long stream");
    ck_assert_uint_eq(age.ran, 3);
    ck_assert_uint_eq(age.done, options.on_done != NULL ? age.tasks : 0);
    ck_assert_uint_eq(tg_group_count(g), years + age.tasks);
    if ((options.flags & TG_GROUP_TIMES) != 0)
        for (; (first = tg_group_success(g, rank)) != TG_NO_INDEX; rank++)
            ck_assert_uint_ge(first, years);
    assert_status(tg_group_reset(g), TG_OK);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
}
END_TEST

static int fail_with_7(tg_task *self, void *arg, void *result)
{
    count_run(self, arg, result);
    return 7;
}

static int fail_at_last(tg_group *group, void *user)
{
    struct age *age = user;
    leap(group);
    add_some(group, age, (group->options.flags & TG_GROUP_IN_ORDER) != 0);
    age->tasks++;
    expect(&age->blame, tg_group_add(group, fail_with_7, age) == TG_OK);
    for (int i = 0; i < 2000; i++, age->tasks++)
        expect(&age->blame, tg_group_add(group, count_run, age) == TG_OK);
    return 0;
}

START_TEST(so_does_that_of_one_that_has_failed)
{
    struct age age = {.ran = 0};
    const tg_group_options options = *ways[_i];
    tg_group *g = create_stream(options, &age);

    assert_status(tg_group_scope(g, fail_at_last, &age), TG_FAILED);
    assert_blameless(&age.blame, "a long stream");
    ck_assert_uint_eq(age.ran, 4);
    ck_assert_uint_eq(age.done, options.on_done != NULL ? age.tasks : 0);
    tg_group_destroy(g);
}
END_TEST

/* On the only thread of a pool. The records behind its own are as of tasks that have ended. */
static int age_pool(tg_task *self, void *arg, void *result)
{
    tg_group *group = tg_task_group(self);
    count_run(self, arg, result);
    for (size_t i = tg_task_index(self) + 1; i % TG__STORE_RECYCLED != 0; i++)
        atomic_store(tg__store_get(&group->exec.store, i).state, TG__STATE(TG_OK));
    leap(group);
    return 0;
}

START_TEST(closing_an_old_pool_looks_at_what_is_there)
{
    struct age age = {.ran = 0};
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1));
    size_t left = 0;

    for (int round = 0; round < 2; round++) { /* with, and without, something to abandon */
        tg_task *task;
        assert_status(tg_pool_submit(pool, age_pool, &age, NULL, &task), TG_OK);
        assert_status(tg_task_wait(task, TG_FOREVER), TG_OK);
        tg_task_release(task);
        assert_status(
            tg_pool_submit(pool, nothing, NULL, TG_TASK(.delay = round == 0 ? 1000 : 0), NULL),
            TG_OK);
        assert_status(tg_pool_close(pool, round == 0 ? 0 : TG_FOREVER, &left),
            round == 0 ? TG_TIMED_OUT : TG_OK);
        ck_assert_uint_eq(left, round == 0);
        assert_status(tg_pool_reopen(pool), TG_OK);
    }
    tg_pool_destroy(pool);
    ck_assert_uint_eq(age.ran, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *store = add_case(suite, "the store");
    TCase *groups = add_case(suite, "groups");
    int many = (int)(sizeof ways / sizeof *ways);

    tcase_add_test(store, beside_a_task_that_stays_16_times_as_many_tasks_need_no_byte_more);
    tcase_add_test(store, nodes_are_those_of_the_tasks_that_are_there);
    tcase_add_test(store, a_loop_over_all_tasks_visits_those_whose_records_are_there);
    tcase_add_loop_test(groups, the_end_of_a_long_stream_looks_at_what_is_there, 0, many);
    tcase_add_loop_test(groups, so_does_that_of_one_that_has_failed, 0, many);
    tcase_add_test(groups, closing_an_old_pool_looks_at_what_is_there);
    return run_suite(suite);
}
