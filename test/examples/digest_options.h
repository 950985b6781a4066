/* SPDX-License-Identifier: MIT */
#ifndef DIGEST_OPTIONS_H
#define DIGEST_OPTIONS_H
/**
 * @file digest_options.h
 * The command line of `digest`.
 */
#include <stdbool.h>

/** What the user asked for. */
struct digest_options {
    const char *algorithm; /**< as OpenSSL calls it; "md5" */
    int threads;           /**< 0: OMP_NUM_THREADS */
    long limit;            /**< files in flight; 0: as many as threads */
    bool strict;           /**< the first unreadable file ends everything */
    bool summary;          /**< a line of numbers on stderr at the end */
    char *const *roots;    /**< directories and files */
    int root_count;        /**< how many, at least one */
};

/** Exit status for a wrong command line. */
enum { EXIT_USAGE = 2 };

/**
 * Reads the command line.
 *
 * @return -1: go on; else the status to exit with (after --help, or a mistake that was explained).
 */
int digest_options_read(struct digest_options *options, int argc, char *argv[]);

#endif
