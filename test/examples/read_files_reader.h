/* SPDX-License-Identifier: MIT */
#ifndef READ_FILES_READER_H
#define READ_FILES_READER_H
/**
 * @file read_files_reader.h
 * Reads that are started here and finished elsewhere: by the kernel (io_uring), or, where there is no
 * io_uring, by a few plain threads. It knows nothing of tasks.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct reader;

/**
 * Called when a read has ended, on a thread of the reader. It may start the next one.
 *
 * @param user as in the request; @param size bytes, 0 at the end of the file, or -errno.
 */
typedef void reader_done_fn(void *user, ssize_t size);

/** One read. It belongs to the reader from reader_start() until `done` is called. */
struct reader_request {
    int file;
    int64_t offset;
    struct iovec buffer;
    reader_done_fn *done;
    void *user;
    struct reader_request *next; /* the reader's own */
};

/**
 * Makes a reader.
 *
 * @param most    how many reads may be under way at once.
 * @param threads 0: tries io_uring first; else only threads.
 * @param missing out: why there is no io_uring, an errno (ENOSYS also if it was left out of the build); 0: there is,
 *                or it was not asked for.
 * @return the reader; NULL, with errno set.
 */
struct reader *reader_create(unsigned most, int threads, int *missing);

/** Starts a read. Any thread, several at once. @return 0; else an errno, and `done` is not called. */
int reader_start(struct reader *reader, struct reader_request *request);

/** When all reads have ended. @param reader NULL is harmless. */
void reader_destroy(struct reader *reader);

#endif
