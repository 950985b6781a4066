/* SPDX-License-Identifier: MIT */
/**
 * @file read_files.c
 * Reads many files asynchronously: a task opens its file, starts the first read, and *defers*. From then
 * on it takes no thread of the team. The kernel reads (io_uring), a thread that is not OpenMP's learns that it
 * has, starts the next read of that file, and after the last one completes the task. Prints, in the order of the
 * walk, what `cksum` prints, whatever the number of threads and whoever has read.
 *
 *     read_files [DIRECTORY [IN_FLIGHT [uring|threads]]]       by default: . 64 uring
 *
 * `.limit` bounds the files in flight, deferred ones too: so it bounds descriptors and buffers. A file that
 * cannot be read fails its own task, since that is optional, and is listed. Where there is no io_uring plain
 * threads read, and stderr says so; see read_files_reader.c. To do more with a block than a checksum, add a task
 * for it: the one thread that reaps has no time for more.
 */
#define _XOPEN_SOURCE 700

#include "read_files_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taskgroup.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = 65536,
    QUEUE = 256,
    AHEAD = 4096,
    DIRECTORIES_OPEN = 16,
    MOST_IN_FLIGHT = 4096
};

/** The result of a task. */
struct sum {
    uint32_t crc;
    int64_t bytes;
};

/** A file that is being read. It outlives the call of the task's function. */
struct reading {
    tg_group *group; /* the task's: what tg_group_complete() wants to know */
    size_t index;
    struct sum *result;
    struct reader *reader;
    uint32_t crc;
    struct reader_request request;
    unsigned char block[BLOCK_SIZE];
};

/* ---- The checksum of POSIX: a CRC of the bytes, then of their number ------------------------- */

static uint32_t crc_table[256];

static void crc_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc >> 31 != 0 ? 0x04c11db7u : 0);
        crc_table[i] = crc;
    }
}

static uint32_t crc_bytes(uint32_t crc, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        crc = crc << 8 ^ crc_table[crc >> 24 ^ bytes[i]];
    return crc;
}

static uint32_t crc_end(uint32_t crc, int64_t count)
{
    for (; count != 0; count >>= 8)
        crc = crc_bytes(crc, &(unsigned char){(unsigned char)count}, 1);
    return ~crc;
}

/* ---- The task: starts -------------------------------------------------------------------- */

static const char *reason(int error, char text[static 128]) /* strerror() need not be thread-safe */
{
    if (strerror_r(error, text, 128) != 0)
        snprintf(text, 128, "error %d", error);
    return text;
}

static reader_done_fn go_on;

static int start(struct reading *reading)
{
    reading->request.buffer = (struct iovec){reading->block, BLOCK_SIZE};
    return reader_start(reading->reader, &reading->request);
}

static struct reader *the_reader;

static int read_file(tg_task *self, void *arg, void *result)
{
    char text[128];
    int file = open(arg, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return tg_task_fail(self, errno, "cannot open: %s", reason(errno, text));
    struct reading *reading = calloc(1, sizeof *reading);
    int error = ENOMEM;
    if (reading != NULL) {
        reading->group = tg_task_group(self);
        reading->index = tg_task_index(self);
        reading->result = result;
        reading->reader = the_reader;
        reading->request.file = file;
        reading->request.done = go_on;
        reading->request.user = reading;
        error = start(reading);
    }
    if (error == 0) /* from here on it is not ours any more: it may even have ended */
        return tg_task_defer(self);
    free(reading);
    close(file);
    return tg_task_fail(self, error, "cannot begin to read: %s", reason(error, text));
}

/* ---- A thread of the reader: goes on, and completes --------------------------------------- */

static void end(struct reading *reading, int error, const char *message)
{
    tg_group *group = reading->group;
    size_t index = reading->index;
    close(reading->request.file);
    free(reading);
    /* The last step: the result is written, and the group may now end at any moment. */
    tg_group_complete(group, index, error, message);
}

static void fail(struct reading *reading, int error)
{
    char text[128];
    char message[160];
    snprintf(message, sizeof message, "cannot read: %s", reason(error, text));
    end(reading, error, message);
}

static void go_on(void *user, ssize_t size)
{
    struct reading *reading = user;
    if (size < 0) {
        fail(reading, (int)-size);
    } else if (size == 0) {
        reading->result->crc = crc_end(reading->crc, reading->request.offset);
        reading->result->bytes = reading->request.offset;
        end(reading, 0, NULL);
    } else if (tg_context_check(tg_group_context(reading->group)) != TG_OK) {
        end(reading, ECANCELED, NULL); /* nobody waits for it any more, but for its end */
    } else {
        reading->crc = crc_bytes(reading->crc, reading->block, (size_t)size);
        reading->request.offset += size;
        int error = start(reading);
        if (error != 0)
            fail(reading, error);
    }
}

/* ---- The walk, and the output --------------------------------------------------------------- */

/* One at a time, in the order of the walk. A nonzero answer stops the group: nobody reads what it would say. */
static int print_sum(tg_group *group, const tg_outcome *outcome, void *user)
{
    const char *path = outcome->arg;
    const struct sum *sum = outcome->result;
    (void)group;
    (void)user;
    if (outcome->status == TG_OK)
        printf("%lu %lld %s\n", (unsigned long)sum->crc, (long long)sum->bytes, path);
    else if (outcome->status == TG_FAILED)
        fprintf(stderr, "read_files: %s: %s\n", path, outcome->message);
    return ferror(stdout) ? EIO : 0;
}

/* nftw() passes nothing through to what it calls. */
static tg_group *walk_group;

static int visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_DNR || type == FTW_NS)
        fprintf(stderr, "read_files: %s: cannot look at it\n", path);
    if (type != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    tg_status added = tg_group_add_with(walk_group, read_file, path,
        TG_TASK(.copy = strlen(path) + 1, .flags = TG_TASK_OPTIONAL), NULL);
    return added == TG_OK ? 0 : ECANCELED; /* the group has stopped: walk no further */
}

static int walk(tg_group *group, void *user)
{
    const char *root = user;
    walk_group = group;
    int code = nftw(root, visit, DIRECTORIES_OPEN, FTW_PHYS);
    if (code < 0)
        return tg_task_fail(tg_task_current(), errno, "cannot walk %s", root);
    return code;
}

static bool read_all(char *root, int in_flight)
{
    tg_group *group = tg_group_create(
        TG_GROUP(.flags = TG_GROUP_IN_ORDER | TG_GROUP_RECYCLE, .limit = in_flight, .queue = QUEUE,
            .ahead = AHEAD, .result_size = sizeof(struct sum), .on_done = print_sum));
    tg_status status = tg_group_scope(group, walk, root);
    tg_report report;
    tg_group_report(group, &report);
    tg_group_destroy(group);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written)
        fputs("read_files: cannot write\n", stderr);
    else if (status != TG_OK)
        fprintf(stderr, "read_files: %s\n", tg_error_last()->message);
    return written && status == TG_OK && report.failed == 0;
}

int main(int argc, char *argv[])
{
    char *root = argc > 1 ? argv[1] : ".";
    int in_flight = argc > 2 ? atoi(argv[2]) : 64;
    const char *by = argc > 3 ? argv[3] : "uring";
    bool threads = strcmp(by, "threads") == 0;
    if (argc > 4 || in_flight < 1 || in_flight > MOST_IN_FLIGHT ||
        (!threads && strcmp(by, "uring") != 0)) {
        fprintf(stderr,
            "Usage: read_files [DIRECTORY [IN_FLIGHT [uring|threads]]]   (1 to %d in flight)\n",
            MOST_IN_FLIGHT);
        return 2;
    }
    int missing;
    crc_prepare();
    the_reader = reader_create((unsigned)in_flight, threads, &missing);
    if (the_reader == NULL) {
        perror("read_files");
        return EXIT_FAILURE;
    }
    if (missing != 0)
        fprintf(stderr, "read_files: no io_uring (%s): threads read\n", strerror(missing));
    bool good = read_all(root, in_flight);
    reader_destroy(the_reader);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
