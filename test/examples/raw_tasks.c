/* SPDX-License-Identifier: MIT */
/**
 * @file raw_tasks.c
 * Existing code with raw `omp task` and `omp taskloop` is called, unchanged, in tasks of a group.
 *
 *     raw_tasks              counts the primes in three ranges
 *     raw_tasks -5           the last range begins at -5: its task fails, the others go on
 *
 * With TG_GROUP_RAW_TASKS all threads of the team share the raw tasks. A task of the group counts
 * as ended when its function has returned and the raw tasks that it has created have ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>

/* The existing code uses OpenMP, and does not know of groups. */
enum { SIZE = 10000 };
struct range {
    long first, next; /* the first number, and the first prime after the range */
};

static int is_prime(long n)
{
    for (long d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n > 1;
}

static int count_primes(long first) /* a taskloop waits for its tasks */
{
    int primes = 0;
#pragma omp taskloop reduction(+ : primes)
    for (long n = first; n < first + SIZE; n++)
        primes += is_prime(n);
    return primes;
}

static void find_next(struct range *r) /* returns at once: its caller waits for the task */
{
#pragma omp task
    for (r->next = r->first + SIZE; !is_prime(r->next);)
        r->next++;
}

/* The task's function. It needs no taskwait: the library waits for the raw task of find_next(). */
static int explore(tg_task *self, void *arg, void *result)
{
    struct range *r = arg;
    if (r->first < 1)
        return tg_task_fail(self, EDOM, "%ld is not a natural number", r->first);
    find_next(r);
    *(int *)result = count_primes(r->first);
    return 0;
}

/* Called once for each task that has ended, in the order of adding. */
static int print_range(tg_group *group, const tg_outcome *outcome, void *user)
{
    const struct range *r = outcome->arg;
    (void)group, (void)user;
    if (outcome->status == TG_OK)
        printf("from %9ld: %4d primes, then %ld\n", r->first, *(int *)outcome->result, r->next);
    return 0;
}

int main(int argc, char *argv[])
{
    const unsigned flags = TG_GROUP_RAW_TASKS | TG_GROUP_KEEP_GOING | TG_GROUP_IN_ORDER;
    struct range ranges[] = {{1, 0}, {1000000, 0}, {argc > 1 ? atol(argv[1]) : 100000000, 0}};
    tg_group *g = tg_group_create(
        TG_GROUP(.flags = flags, .result_size = sizeof(int), .on_done = print_range));
    tg_group_add_many(g, explore, 3, ranges, sizeof *ranges, NULL);
    tg_status status = tg_group_run(g);
    if (status != TG_OK)
        fprintf(stderr, "raw_tasks: %s\n", tg_group_error(g)->message);
    tg_group_destroy(g);
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
