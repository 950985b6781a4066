/* SPDX-License-Identifier: MIT */
/**
 * @file memory_budget.c
 * Many tasks that need memory, and a budget for all of them together. How many primes there are
 * below n takes a sieve of n bytes; each task says so as its weight, and only as many run at a time
 * as fit into the shared limit. Big ones get their turn: small ones that come later do not overtake
 * them for ever. To see that it holds, the program counts what is allocated, and tells the most.
 *
 *     memory_budget                  a budget of 4 000 000 bytes
 *     memory_budget 2000000          one task needs more than that: refused, nothing runs
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>

enum { SIEVES = 24, STEP = 100000 };

/* Bytes that sieves have now, and the most that they ever had. */
static atomic_size_t in_use;
static atomic_size_t high_water;

static void *allocate(size_t size)
{
    size_t now = atomic_fetch_add(&in_use, size) + size;
    size_t most = atomic_load(&high_water);
    while (now > most && !atomic_compare_exchange_weak(&high_water, &most, now))
        continue; /* somebody else was there: `most` has been read anew */
    return malloc(size);
}

static void release(void *memory, size_t size)
{
    free(memory);
    atomic_fetch_sub(&in_use, size);
}

/* The sieve of Eratosthenes: how many primes are below `n`. */
static size_t sieve(unsigned char *composite, size_t n)
{
    size_t primes = 0;
    memset(composite, 0, n);
    for (size_t i = 2; i < n; i++) {
        if (composite[i])
            continue;
        primes++;
        if (i <= n / i)
            for (size_t k = i * i; k < n; k += i)
                composite[k] = 1;
    }
    return primes;
}

static int count_primes(tg_task *self, void *arg, void *result)
{
    const size_t *n = arg;
    unsigned char *composite = allocate(*n);
    if (composite != NULL)
        *(size_t *)result = sieve(composite, *n);
    release(composite, *n); /* before the task ends, since then its weight is given back */
    return composite != NULL ? 0 : tg_task_fail(self, ENOMEM, "no memory for %zu bytes", *n);
}

static tg_status count_all(const size_t *sizes, size_t *counts, tg_limit *memory)
{
    /* More threads than fit into the budget would wait for it, and that is all. */
    tg_group *group = tg_group_create(TG_GROUP(.shared = memory, .results = counts,
        .result_size = sizeof *counts, .capacity = SIEVES));
    for (size_t i = 0; i < SIEVES; i++)
        tg_group_add_with(group, count_primes, &sizes[i], TG_TASK(.weight = sizes[i]), NULL);
    tg_status status = tg_group_run(group); /* also tells if a task was too heavy to be added */
    tg_group_destroy(group);
    return status;
}

int main(int argc, char *argv[])
{
    size_t budget = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000000;
    size_t sizes[SIEVES];
    size_t counts[SIEVES];
    /* Each size once, small and big ones mixed: 5 and 24 have no common factor. */
    for (size_t i = 0; i < SIEVES; i++)
        sizes[i] = (5 * i % SIEVES + 1) * STEP;
    tg_limit *memory = tg_limit_create(budget);
    /* To be looked at: a group without `.shared` is one without a limit. */
    tg_status status = memory != NULL ? count_all(sizes, counts, memory) : tg_error_last()->status;
    tg_limit_destroy(memory);
    if (status != TG_OK) {
        fprintf(stderr, "memory_budget: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < SIEVES; i++)
        printf("%8zu primes below %zu\n", counts[i], sizes[i]);
    printf("at most %zu of %zu bytes in use\n", atomic_load(&high_water), budget);
    return atomic_load(&high_water) <= budget ? EXIT_SUCCESS : EXIT_FAILURE;
}
