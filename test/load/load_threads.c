/* SPDX-License-Identifier: MIT */
/*
 * Far more threads than processors: a team of OMP_NUM_THREADS (64, 1024), and as many plain threads that
 * submit to one pool, wait for handles, and complete what its tasks have deferred.
 */
#include "load.h"

enum { EACH = 20, TEAM_TASKS = 50000, NESTED = 64 };

/* ---- a team ---- */

static int run_inner(tg_task *self, void *arg, void *result)
{
    struct load *load = arg;
    (void)self, (void)result;
    tg_group *g = tg_group_create(TG_GROUP(.limit = 3));
    tg_group_add_many(g, load_task, EACH, NULL, 0, NULL);
    load_check_all_ok(load, g, EACH, tg_group_run(g));
    tg_group_destroy(g);
    load_count();
    return 0;
}

static int nap(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    load_count();
    return tg_task_sleep(self, 1e-3);
}

static void run_team(struct load *load)
{
    tg_group *g = tg_group_create(NULL);
    tg_group_add_many(g, load_task, TEAM_TASKS, NULL, 0, NULL);
    tg_group_add_many(g, run_inner, NESTED, load, 0, NULL);
    tg_group_add_many(g, nap, NESTED, NULL, 0, NULL);
    load_check_all_ok(load, g, TEAM_TASKS + 2 * NESTED, tg_group_run(g));
    tg_group_destroy(g);
    load->tasks += TEAM_TASKS + 2 * NESTED + NESTED * EACH;
}

/* ---- many threads, one pool ---- */

/* A task that has deferred itself and is to be completed: by whichever thread comes by. */
struct ticket {
    tg_group *group;
    size_t index;
};

struct crowd {
    struct load *load;
    tg_pool *pool;
    size_t threads, room;
    struct ticket *tickets;   /* one for each that defers */
    atomic_size_t put, taken; /* of them */
    atomic_bool *ready;       /* each ticket has been written */
    atomic_size_t ended;
};
static struct crowd crowd;

static int defer(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    size_t at = atomic_fetch_add(&crowd.put, 1);
    crowd.tickets[at] = (struct ticket){tg_task_group(self), tg_task_index(self)};
    int answer = tg_task_defer(self);
    load_count();
    atomic_store(&crowd.ready[at], true);
    return answer;
}

/* Completes one that waits, if there is one. */
static bool complete_one(void)
{
    size_t at = atomic_load(&crowd.taken);
    while (at < crowd.room && atomic_load(&crowd.ready[at]))
        if (atomic_compare_exchange_weak(&crowd.taken, &at, at + 1)) {
            const struct ticket *ticket = &crowd.tickets[at];
            require(crowd.load, tg_group_complete(ticket->group, ticket->index, 0, NULL) == TG_OK);
            return true;
        }
    return false;
}

/* Submits both kinds, waits for one of its own, and completes whatever waits until nothing does. */
static void *be_one(void *unused)
{
    tg_task *handle = NULL;
    for (int i = 0; i < EACH; i++) {
        bool asks = i == EACH / 2;
        require(crowd.load,
            tg_pool_submit(crowd.pool, load_task, NULL, NULL, asks ? &handle : NULL) == TG_OK);
        require(crowd.load, tg_pool_submit(crowd.pool, defer, NULL, NULL, NULL) == TG_OK);
        complete_one();
    }
    require(crowd.load, tg_task_wait(handle, TG_FOREVER) == TG_OK);
    tg_task_release(handle);
    while (atomic_load(&crowd.taken) < crowd.room)
        if (!complete_one())
            sched_yield();
    return unused;
}

static void run_crowd(struct load *load)
{
    size_t threads = load->number, room = threads * EACH, made = 0;
    crowd = (struct crowd){.load = load, .threads = threads, .room = room};
    crowd.pool =
        tg_pool_create(TG_POOL(.threads = 2, .limit = (long)room, .queue = (long)room / 4));
    crowd.tickets = calloc(room, sizeof *crowd.tickets);
    crowd.ready = calloc(room, sizeof *crowd.ready);
    pthread_t *all = calloc(threads, sizeof *all);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (; made < threads; made++)
        if (pthread_create(&all[made], &small, be_one, NULL) != 0)
            break;
    require(load, made == threads);
    for (size_t i = 0; i < made; i++)
        pthread_join(all[i], NULL);
    load_peak(load);
    tg_pool_numbers numbers = {.size = sizeof numbers};
    require(load, tg_pool_close(crowd.pool, TG_FOREVER, NULL) == TG_OK);
    require(load, tg_pool_report(crowd.pool, &numbers) == TG_OK);
    require(load, numbers.submitted == 2 * room && numbers.ok == 2 * room);
    tg_pool_destroy(crowd.pool);
    pthread_attr_destroy(&small);
    free(all);
    free(crowd.tickets);
    free(crowd.ready);
    load->tasks += 2 * room;
}

static void run_both(struct load *load)
{
    size_t before = load_counted(), tasks = load->tasks;
    run_team(load);
    run_crowd(load);
    require(load, load_counted() - before == load->tasks - tasks);
}

void load_threads(struct load *load)
{
    tg_info info = {.size = sizeof info};
    tg_info_read(&info);
    run_both(load);
    load->tasks = 0;
    load->warm = load_settled();
    double start = tg_time_now();
    for (int i = 0; i < 3; i++)
        run_both(load);
    load->seconds = tg_time_now() - start;
    load->end = load_settled();
    snprintf(load->note, sizeof load->note, "a team of %d, %zu plain threads", info.threads,
        load->number);
}
