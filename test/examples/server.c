/* SPDX-License-Identifier: MIT */
/**
 * @file server.c
 * A server: a pool of threads that takes requests from any thread of the program, and what it does when there are
 * too many of them.
 *
 *     server [CLIENTS [REQUESTS]]        by default: 4 clients, 100 requests each
 *
 *  1. Early requests queue up while the pool is paused. The queue is bounded: one too many is shed
 *     (TG_FULL_REFUSE). One is taken back, which makes room for another; one hangs until its time is up.
 *  2. Clients are threads: each submits a burst, waits a moment for room (`.patience`), sheds what finds none, then
 *     waits for its handles. Beside them a group runs over the pool: a batch with results of its own.
 *  3. The pool is closed in order: what runs after the time for that is told to stop, what is queued is abandoned.
 *
 * How many requests of the clients are shed depends on the machine. That none is lost, and that each reply is right,
 * does not: that is what is printed.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>
#include <time.h>

enum {
    QUEUE = 8,
    BURST = 6,
    BATCH = 1000,
    ABANDONED = 5,
    MOST_CLIENTS = 64,
    MOST_REQUESTS = 1000000
};

static const struct timespec millisecond = {.tv_nsec = 1000000};

/* ---- What is served ------------------------------------------------------------------------- */

/** A request, and the reply to it. */
struct request {
    long number;
    long steps;
};

static long count_steps(long number) /* until it is 1, as Collatz has it */
{
    long steps = 0;
    for (; number > 1; steps++)
        number = number % 2 == 0 ? number / 2 : 3 * number + 1;
    return steps;
}

static int serve(tg_task *self, void *arg, void *result)
{
    struct request *request = arg;
    (void)result;
    if (request->number < 1)
        return tg_task_fail(self, EDOM, "%ld has no steps", request->number);
    request->steps = count_steps(request->number);
    return 0;
}

/* A request that would never end: it waits until it is told to stop. */
static int hang(tg_task *self, void *arg, void *result)
{
    (void)arg;
    (void)result;
    while (tg_task_check(self) == TG_OK)
        nanosleep(&millisecond, NULL);
    return ECANCELED;
}

static tg_pool_numbers numbers_of(tg_pool *pool)
{
    tg_pool_numbers numbers;
    tg_pool_report(pool, &numbers);
    return numbers;
}

/* ---- 1. More than there is room for --------------------------------------------------------- */

/** How requests have ended. */
struct tally {
    long submitted;
    long served;
    long failed;
    long timed_out;
    long taken_back;
    long shed;
    long wrong;
};

/* Waits for a request, and gives its handle back. */
static void collect(struct tally *tally, tg_task *handle, const struct request *request)
{
    tg_status status = tg_task_wait(handle, TG_FOREVER);
    if (status == TG_OK && request->steps != count_steps(request->number))
        tally->wrong++;
    else if (status == TG_OK)
        tally->served++;
    else if (status == TG_TIMED_OUT)
        tally->timed_out++;
    else if (status == TG_CANCELLED || status == TG_SKIPPED)
        tally->taken_back++;
    else
        tally->failed++;
    tg_task_release(handle);
}

/* False: it was shed. */
static bool submit(tg_pool *pool, struct tally *tally, tg_task_fn *function,
    const struct request *request, const tg_task_options *options, tg_task **handle)
{
    tg_status status = tg_pool_submit(pool, function, request, options, handle);
    tally->submitted++;
    if (status == TG_FULL)
        tally->shed++;
    else if (status != TG_OK)
        tally->failed++;
    return status == TG_OK;
}

static bool rush(tg_pool *pool)
{
    struct tally tally = {.submitted = 0};
    struct request requests[QUEUE + 1];
    tg_task *handles[QUEUE + 1];
    int taken = 0;
    for (int i = 0; i <= QUEUE; i++)
        requests[i] = (struct request){.number = 1000 + i};
    const tg_task_options *refuse = TG_TASK(.when_full = TG_FULL_REFUSE);
    tg_pool_pause(pool, 1); /* whatever it takes is queued */
    if (submit(pool, &tally, hang, NULL, TG_TASK(.timeout = 0.05), &handles[taken]))
        taken++;
    while (taken <= QUEUE && submit(pool, &tally, serve, &requests[taken], refuse, &handles[taken]))
        taken++;                                                 /* until it is full */
    if (taken == QUEUE && tg_task_cancel(handles[3]) == TG_OK && /* its client has hung up */
        submit(pool, &tally, serve, &requests[taken], refuse, &handles[taken]))
        taken++;
    tg_pool_pause(pool, 0);
    for (int i = 0; i < taken; i++)
        collect(&tally, handles[i], &requests[i]);
    printf("rush: %ld requests: %ld served, %ld shed, %ld taken back, %ld timed out\n",
        tally.submitted, tally.served, tally.shed, tally.taken_back, tally.timed_out);
    return tally.wrong == 0 && tally.failed == 0;
}

/* ---- 2. Clients, and a batch beside them ---------------------------------------------------- */

struct client {
    pthread_t thread;
    tg_pool *pool;
    long first; /* the numbers that it asks for */
    long requests;
    struct tally tally;
};

static void send_burst(struct client *client, long first, long count)
{
    struct request requests[BURST];
    tg_task *handles[BURST];
    int taken = 0;
    for (long i = 0; i < count; i++) {
        requests[taken] = (struct request){.number = first + i};
        if (submit(client->pool, &client->tally, serve, &requests[taken],
                TG_TASK(.patience = 0.0001, .timeout = 60), &handles[taken]))
            taken++;
    }
    for (int i = 0; i < taken; i++) /* none is left behind: the requests are on this stack */
        collect(&client->tally, handles[i], &requests[i]);
}

static void *run_client(void *arg)
{
    struct client *client = arg;
    for (long i = 0; i < client->requests; i += BURST)
        send_burst(
            client, client->first + i, client->requests - i < BURST ? client->requests - i : BURST);
    return NULL;
}

static int serve_batch(tg_task *self, void *arg, void *result)
{
    long *steps = result;
    (void)arg;
    *steps = count_steps((long)tg_task_index(self) + 1);
    return 0;
}

static bool print_batch(tg_group *batch)
{
    long sum = 0;
    if (tg_group_wait(batch, TG_FOREVER) != TG_OK)
        return false;
    for (size_t i = 0; i < BATCH; i++)
        sum += *(const long *)tg_group_result(batch, i);
    printf("batch: %ld steps\n", sum);
    return true;
}

static bool run_clients(tg_pool *pool, int count, long requests)
{
    static struct client clients[MOST_CLIENTS];
    struct tally all = {.submitted = 0};
    int error = 0;
    tg_group *batch =
        tg_group_create(TG_GROUP(.pool = pool, .result_size = sizeof(long), .limit = 2));
    tg_group_add_many(batch, serve_batch, BATCH, NULL, 0, NULL);
    tg_group_start(batch);
    int started = 0;
    while (started < count && error == 0) {
        struct client *client = &clients[started];
        *client = (struct client){
            .pool = pool, .first = 1 + (long)started * requests, .requests = requests};
        error = pthread_create(&client->thread, NULL, run_client, client);
        started += error == 0;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(clients[i].thread, NULL);
        all.submitted += clients[i].tally.submitted;
        all.served += clients[i].tally.served;
        all.shed += clients[i].tally.shed;
    }
    bool good = error == 0 && all.served > 0 && all.served + all.shed == all.submitted;
    printf("clients: %ld requests: %s\n", all.submitted,
        good ? "each served or shed, every reply right" : "some lost, or wrong");
    fprintf(stderr, "server: %ld served, %ld shed\n", all.served, all.shed);
    good = print_batch(batch) && good;
    tg_group_destroy(batch);
    return good;
}

/* ---- 3. The end ----------------------------------------------------------------------------- */

/* Keeps every thread busy for ever, with some more requests queued. */
static bool occupy(tg_pool *pool)
{
    int threads = numbers_of(pool).threads;
    for (int i = 0; i < threads + ABANDONED; i++) {
        if (tg_pool_submit(pool, hang, NULL, NULL, NULL) != TG_OK) /* waits for room, if need be */
            return false;
    }
    while (numbers_of(pool).running < threads)
        nanosleep(&millisecond, NULL);
    return true;
}

static bool close_pool(tg_pool *pool)
{
    size_t abandoned;
    struct request late = {.number = 1};
    if (!occupy(pool))
        return false;
    tg_status status = tg_pool_close(pool, 0.05, &abandoned);
    printf("close: %s, %zu abandoned\n", tg_status_name(status), abandoned);
    printf("late: %s\n", tg_status_name(tg_pool_submit(pool, serve, &late, NULL, NULL)));
    tg_pool_numbers n = numbers_of(pool);
    bool good = n.running == 0 && n.queued == 0 && n.pending == 0 &&
                n.ok + n.failed + n.cancelled + n.abandoned + n.dropped == n.submitted;
    printf("accounts: %s\n", good ? "every request is in them" : "do not add up");
    return good && status == TG_TIMED_OUT && abandoned == ABANDONED;
}

int main(int argc, char *argv[])
{
    int clients = argc > 1 ? atoi(argv[1]) : 4;
    long requests = argc > 2 ? atol(argv[2]) : 100;
    if (argc > 3 || clients < 1 || clients > MOST_CLIENTS || requests < 1 ||
        requests > MOST_REQUESTS) {
        fprintf(stderr, "Usage: server [CLIENTS [REQUESTS]]   (up to %d, up to %d each)\n",
            MOST_CLIENTS, MOST_REQUESTS);
        return 2;
    }
    tg_pool *pool = tg_pool_create(TG_POOL(.queue = QUEUE));
    bool good = rush(pool);
    good = run_clients(pool, clients, requests) && good;
    good = close_pool(pool) && good;
    if (!good)
        fprintf(stderr, "server: %s\n", tg_error_last()->message);
    tg_pool_destroy(pool);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
