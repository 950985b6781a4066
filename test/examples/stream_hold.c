/* SPDX-License-Identifier: MIT */
/**
 * @file stream_hold.c
 * Work that is done elsewhere and counts here all the same: half of the blocks go to a device, the
 * other half to the team. For each of the device's the group is held open (tg_group_hold()), and
 * whoever learns that the device is done completes the hold, on any thread. A failure there fails
 * the group as a task's would; one here tells the device through a hook that nobody waits any more.
 *
 *     stream_hold                    all goes well
 *     stream_hold 5                  block 5 fails, on the device (odd) …
 *     stream_hold 4                  … or on the team (even)
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <taskgroup.h>

enum { BLOCKS = 12, BLOCK_SIZE = 1000 };

/** A block of numbers, and what they add up to. */
struct block {
    int number;
    bool bad; /* fails */
    double values[BLOCK_SIZE];
    double sum;
    tg_task *hold; /* of a block on the device */
};

/** The simulated device: a thread that knows neither OpenMP nor tasks. */
struct device {
    struct block *blocks;
    atomic_bool stop;
};

static double add_up(const struct block *block)
{
    double sum = 0;
    for (int i = 0; i < BLOCK_SIZE; i++)
        sum += block->values[i];
    return sum;
}

/* The task of an even block. */
static int sum_block(tg_task *self, void *arg, void *result)
{
    const struct block *block = arg;
    if (block->bad)
        return tg_task_fail(self, EDOM, "the team fails on block %d", block->number);
    *(double *)result = add_up(block);
    return 0;
}

/* The thread of the device. Every hold is completed, whatever happens: the group waits for that. */
static void *serve(void *arg)
{
    struct device *device = arg;
    for (int i = 1; i < BLOCKS; i += 2) {
        struct block *block = &device->blocks[i];
        char message[64];
        snprintf(message, sizeof message, "the device fails on block %d", block->number);
        if (atomic_load(&device->stop)) {
            tg_task_complete(block->hold, ECANCELED, "given up");
        } else if (block->bad) {
            tg_task_complete(block->hold, EIO, message);
        } else {
            block->sum = add_up(block); /* before the hold is completed: then others read it */
            tg_task_complete(block->hold, 0, NULL);
        }
    }
    return NULL;
}

/* The hook: called as soon as the group stops. */
static void stop_device(void *user)
{
    struct device *device = user;
    atomic_store(&device->stop, true);
}

static void add_blocks(tg_group *group, struct block *blocks)
{
    for (int i = 0; i < BLOCKS; i += 2)
        tg_group_add_with(group, sum_block, &blocks[i], TG_TASK(.result = &blocks[i].sum), NULL);
    for (int i = 1; i < BLOCKS; i += 2)
        blocks[i].hold = tg_group_hold(group, TG_TASK(.name = "device"));
}

static tg_status sum_all(struct block *blocks)
{
    struct device device = {.blocks = blocks};
    pthread_t thread;
    tg_group *group = tg_group_create(NULL);
    add_blocks(group, blocks);
    tg_hook *hook = tg_context_hook(tg_group_context(group), stop_device, &device);
    int error = pthread_create(&thread, NULL, serve, &device);
    for (int i = 1; error != 0 && i < BLOCKS; i += 2) /* else the run would wait for ever */
        tg_task_complete(blocks[i].hold, error, "there is no thread for the device");
    tg_status status = tg_group_run(group); /* runs the even blocks, and waits for the odd ones */
    if (error == 0)
        pthread_join(thread, NULL);
    tg_hook_remove(hook);
    tg_group_destroy(group);
    return status;
}

int main(int argc, char *argv[])
{
    static struct block blocks[BLOCKS];
    int bad = argc > 1 ? atoi(argv[1]) : -1;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i].number = i;
        blocks[i].bad = i == bad;
        for (int k = 0; k < BLOCK_SIZE; k++)
            blocks[i].values[k] = i;
    }
    if (sum_all(blocks) != TG_OK) {
        fprintf(stderr, "stream_hold: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
    double sum = 0;
    for (int i = 0; i < BLOCKS; i++)
        sum += blocks[i].sum;
    printf("sum %g\n", sum);
    return EXIT_SUCCESS;
}
