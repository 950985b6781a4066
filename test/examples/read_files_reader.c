/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* what liburing.h wants */

#include "read_files_reader.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef READ_FILES_URING
#include <liburing.h>
#endif

enum { THREADS = 8 }; /* readers in place of the kernel's; they mostly wait for the disk */

struct reader {
    pthread_mutex_t lock;
    bool closing;
    int threads; /* that have been made */
    pthread_t thread[THREADS];
    /* Without io_uring: what no thread has taken yet, the oldest first. */
    pthread_cond_t changed;
    struct reader_request *first;
    struct reader_request *last;
#ifdef READ_FILES_URING
    bool has_ring;
    struct io_uring ring; /* reading completions: one thread; submitting: who holds the lock */
#endif
};

/* ---- Plain threads -------------------------------------------------------------------------- */

/* NULL: there will be none any more. */
static struct reader_request *take_request(struct reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    while (reader->first == NULL && !reader->closing)
        pthread_cond_wait(&reader->changed, &reader->lock);
    struct reader_request *request = reader->first;
    if (request != NULL)
        reader->first = request->next;
    pthread_mutex_unlock(&reader->lock);
    return request;
}

static void *read_until_closed(void *arg)
{
    struct reader_request *request;
    while ((request = take_request(arg)) != NULL) {
        ssize_t size;
        do
            size = preadv(request->file, &request->buffer, 1, request->offset);
        while (size < 0 && errno == EINTR);
        request->done(request->user, size < 0 ? -errno : size);
    }
    return NULL;
}

static int start_in_thread(struct reader *reader, struct reader_request *request)
{
    request->next = NULL;
    pthread_mutex_lock(&reader->lock);
    if (reader->first == NULL)
        reader->first = request;
    else
        reader->last->next = request;
    reader->last = request;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    return 0;
}

/* Fewer threads than wanted will do. False, with errno set: there is none. */
static bool make_threads(struct reader *reader, void *function(void *), int count)
{
    int error = 0;
    while (reader->threads < count && error == 0) {
        error = pthread_create(&reader->thread[reader->threads], NULL, function, reader);
        reader->threads += error == 0;
    }
    errno = error;
    return reader->threads > 0;
}

/* ---- io_uring ------------------------------------------------------------------------------- */

#ifdef READ_FILES_URING

/* With the lock held. The ring has room: each entry is given to the kernel before the lock is. */
static int submit(struct reader *reader, struct io_uring_sqe *sqe, void *data)
{
    io_uring_sqe_set_data(sqe, data);
    for (;;) {
        int error = -io_uring_submit(&reader->ring); /* else how many, as a negative number */
        if (error <= 0)
            return 0;
        if (error != EINTR && error != EAGAIN && error != EBUSY) {
            io_uring_prep_nop(sqe); /* it stays in the ring, and does nothing later */
            io_uring_sqe_set_data(sqe, NULL);
            return error;
        }
        sched_yield();
    }
}

static int start_in_kernel(struct reader *reader, struct reader_request *request)
{
    int error = EBUSY;
    pthread_mutex_lock(&reader->lock);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
    if (sqe != NULL) {
        io_uring_prep_readv(sqe, request->file, &request->buffer, 1, (uint64_t)request->offset);
        error = submit(reader, sqe, request);
    }
    pthread_mutex_unlock(&reader->lock);
    return error;
}

/* The one thread that reaps completions. The lock also makes sure that it sees what was written before
   the read was started. */
static void *reap_until_closed(void *arg)
{
    struct reader *reader = arg;
    for (bool closing = false; !closing;) {
        struct io_uring_cqe *cqe;
        if (io_uring_wait_cqe(&reader->ring, &cqe) != 0)
            continue; /* a signal */
        struct reader_request *request = io_uring_cqe_get_data(cqe);
        ssize_t size = cqe->res;
        io_uring_cqe_seen(&reader->ring, cqe);
        pthread_mutex_lock(&reader->lock);
        closing = reader->closing;
        pthread_mutex_unlock(&reader->lock);
        if (request != NULL)
            request->done(request->user, size);
    }
    return NULL;
}

/* Wakes the reaping thread. */
static void submit_nothing(struct reader *reader)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
    io_uring_prep_nop(sqe);
    if (submit(reader, sqe, NULL) != 0)
        abort(); /* it would be waited for in vain */
}

static int create_ring(struct reader *reader, unsigned most)
{
    int error = -io_uring_queue_init(most + 1, &reader->ring, 0);
    if (error != 0) /* ENOSYS: an old kernel; EPERM: forbidden, as containers like to; … */
        return error;
    if (!make_threads(reader, reap_until_closed, 1)) {
        error = errno;
        io_uring_queue_exit(&reader->ring);
        return error;
    }
    reader->has_ring = true;
    return 0;
}

#endif

/* ---- One or the other ----------------------------------------------------------------------- */

struct reader *reader_create(unsigned most, int threads, int *missing)
{
    *missing = 0;
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->changed, NULL);
#ifdef READ_FILES_URING
    if (!threads)
        *missing = create_ring(reader, most);
    if (reader->has_ring)
        return reader;
#else
    (void)most;
    if (!threads)
        *missing = ENOSYS;
#endif
    if (make_threads(reader, read_until_closed, THREADS))
        return reader;
    int error = errno;
    reader_destroy(reader);
    errno = error;
    return NULL;
}

int reader_start(struct reader *reader, struct reader_request *request)
{
#ifdef READ_FILES_URING
    if (reader->has_ring)
        return start_in_kernel(reader, request);
#endif
    return start_in_thread(reader, request);
}

void reader_destroy(struct reader *reader)
{
    if (reader == NULL)
        return;
    pthread_mutex_lock(&reader->lock);
    reader->closing = true;
    pthread_cond_broadcast(&reader->changed);
#ifdef READ_FILES_URING
    if (reader->has_ring)
        submit_nothing(reader);
#endif
    pthread_mutex_unlock(&reader->lock);
    while (reader->threads > 0)
        pthread_join(reader->thread[--reader->threads], NULL);
#ifdef READ_FILES_URING
    if (reader->has_ring)
        io_uring_queue_exit(&reader->ring);
#endif
    pthread_cond_destroy(&reader->changed);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}
