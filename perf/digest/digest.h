/* SPDX-License-Identifier: MIT */
#ifndef DIGEST_H
#define DIGEST_H
/*
 * digest: the MD5 of every regular file below `root`, as in test/examples/digest.c, a task a file. The list of
 * files is there before. A serial round, which also warms the page cache, says what must come out: the MD5
 * over all lines "md5  path", sorted by path.
 *
 * Left out by all: files that cannot be read, and those whose names md5sum would write with escapes.
 */
#include "bench.h"

enum { DIGEST_SIZE = 16 };

/** What is to be done, and what came out. */
struct digest_job {
    char **paths; /**< sorted */
    size_t count;
    double bytes;                          /**< of all files */
    unsigned char (*digests)[DIGEST_SIZE]; /**< one for each path */
};

/** Asked after each piece of a file: other than 0 gives it up. */
typedef int digest_stop(void *user);

/**
 * The MD5 of one file; `stop` may be NULL.
 *
 * @return 0; other than 0: it cannot be read, or was given up.
 */
int digest_file(const char *path, unsigned char *digest, digest_stop *stop, void *user);

/** Fills `job->digests`. Defined by each program. */
void digest_all(const bench_args *args, struct digest_job *job);

#endif
