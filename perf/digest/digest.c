/* SPDX-License-Identifier: MIT */
/* What all contenders share: list of files, MD5 of one file, and the check. Nothing parallel. */
#define _DEFAULT_SOURCE /* POSIX.1-2008, and nftw() */
#define _XOPEN_SOURCE 700
#define _FILE_OFFSET_BITS 64
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024 };

static EVP_MD *algorithm;

static int hash_contents(
    int file, unsigned char *buffer, EVP_MD_CTX *hash, digest_stop *stop, void *user)
{
    for (;;) {
        if (stop != NULL && stop(user) != 0)
            return ECANCELED;
        const ssize_t size = read(file, buffer, BUFFER_SIZE);
        if (size == 0)
            return 0;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 || EVP_DigestUpdate(hash, buffer, (size_t)size) != 1)
            return EIO;
    }
}

int digest_file(const char *path, unsigned char *digest, digest_stop *stop, void *user)
{
    const int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
        return EIO;
    posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);
    unsigned char *buffer = malloc(BUFFER_SIZE);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int code = ENOMEM;
    if (buffer != NULL && hash != NULL && EVP_DigestInit_ex(hash, algorithm, NULL) == 1)
        code = hash_contents(file, buffer, hash, stop, user);
    if (code == 0 && EVP_DigestFinal_ex(hash, digest, NULL) != 1)
        code = EIO;
    EVP_MD_CTX_free(hash);
    free(buffer);
    close(file);
    return code;
}

static struct digest_job listed; /* nftw() hands nothing through */
static size_t capacity;

static int list_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)place;
    if (type != FTW_F || !S_ISREG(status->st_mode) || access(path, R_OK) != 0 ||
        strpbrk(path, "\\\n\r") != NULL)
        return 0;
    if (listed.count == capacity) {
        capacity = capacity == 0 ? 1024 : 2 * capacity;
        listed.paths = realloc(listed.paths, capacity * sizeof *listed.paths);
        if (listed.paths == NULL)
            return -1;
    }
    listed.bytes += (double)status->st_size;
    listed.paths[listed.count] = strdup(path);
    return listed.paths[listed.count++] == NULL ? -1 : 0;
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void hex_line(EVP_MD_CTX *hash, const unsigned char *digest, const char *path)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * DIGEST_SIZE + 2];
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * DIGEST_SIZE] = text[2 * DIGEST_SIZE + 1] = ' ';
    EVP_DigestUpdate(hash, text, sizeof text);
    EVP_DigestUpdate(hash, path, strlen(path));
    EVP_DigestUpdate(hash, "\n", 1);
}

/* All lines in one. Forgets them, so that nobody passes with those of the round before. */
static void combine(struct digest_job *job, unsigned char *combined)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash == NULL || EVP_DigestInit_ex(hash, algorithm, NULL) != 1)
        bench_wrong("OpenSSL cannot begin");
    for (size_t i = 0; i < job->count; i++)
        hex_line(hash, job->digests[i], job->paths[i]);
    EVP_DigestFinal_ex(hash, combined, NULL);
    EVP_MD_CTX_free(hash);
    memset(job->digests, 0, job->count * sizeof *job->digests);
}

static void prepare(const bench_args *args, unsigned char *expected)
{
    algorithm = EVP_MD_fetch(NULL, "MD5", NULL);
    if (algorithm == NULL)
        bench_wrong("OpenSSL has no MD5");
    if (args->root == NULL || nftw(args->root, list_file, 16, FTW_PHYS) != 0 || listed.count == 0)
        bench_wrong("cannot list files below %s", args->root ? args->root : "nothing");
    qsort(listed.paths, listed.count, sizeof *listed.paths, compare_paths);
    listed.digests = bench_alloc(listed.count, sizeof *listed.digests);
    for (size_t i = 0; i < listed.count; i++)
        if (digest_file(listed.paths[i], listed.digests[i], NULL, NULL) != 0)
            bench_wrong("cannot read %s", listed.paths[i]);
    combine(&listed, expected);
}

void bench_run(const bench_args *args)
{
    static unsigned char expected[DIGEST_SIZE];
    unsigned char combined[DIGEST_SIZE];
    if (listed.count == 0)
        prepare(args, expected);
    const double start = bench_now();
    digest_all(args, &listed);
    const double seconds = bench_now() - start;
    combine(&listed, combined);
    if (memcmp(combined, expected, DIGEST_SIZE) != 0)
        bench_wrong("the checksums of %zu files are not those of a serial run", listed.count);
    bench_report("seconds", seconds);
    bench_report("mb_per_s", listed.bytes / 1e6 / seconds);
}
