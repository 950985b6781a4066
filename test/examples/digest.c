/* SPDX-License-Identifier: MIT */
/**
 * @file digest.c
 * Checksums of whole directory trees, in parallel. Prints byte for byte what md5sum prints:
 *
 *     digest --summary /usr/include > SUMS
 *     md5sum --check --quiet SUMS
 *
 * This is the example to read first. Every file is one task of one group. A task hashes its file
 * into its slot of the group's result array; one that cannot read its file fails, and says why. How
 * many fail, and which, is seen after the run; nothing is printed by the tasks themselves.
 *
 * The two helpers hold no parallel code: digest_options.c reads the command line, digest_walk.c
 * lists the files.
 */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L

#include "digest_options.h"
#include "digest_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <taskgroup.h>

enum { BUFFER_SIZE = 256 * 1024 }; /* bytes of a file in memory at a time */

/** The progress bar. Tasks count, and whoever comes when it is due draws it. */
struct progress {
    bool shown;
    atomic_size_t files;
    atomic_flag drawing; /* taken by who draws; others do not wait for it */
    double next;         /* when to draw again; belongs to who draws */
};

/** What all tasks share. */
struct job {
    EVP_MD *algorithm;
    size_t digest_size; /* bytes of one checksum */
    struct path_list files;
    atomic_ullong bytes; /* read so far */
    struct progress progress;
};

/* ---- Progress ------------------------------------------------------------------------------- */

static void progress_draw(struct job *job)
{
    struct progress *progress = &job->progress;
    if (!progress->shown || atomic_flag_test_and_set(&progress->drawing))
        return;
    double now = tg_time_now();
    if (now >= progress->next) {
        size_t done = atomic_load_explicit(&progress->files, memory_order_relaxed);
        unsigned long long bytes = atomic_load_explicit(&job->bytes, memory_order_relaxed);
        int filled = (int)(20.0 * (double)done / (double)job->files.count);
        fprintf(stderr, "\r[%-20.*s] %zu of %zu files, %llu MB", filled, "####################",
            done, job->files.count, bytes / 1000000);
        progress->next = now + 0.1;
    }
    atomic_flag_clear(&progress->drawing);
}

static void progress_erase(const struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}

/* ---- The task ------------------------------------------------------------------------------- */

/* Fails with a message like "cannot open: Permission denied". The caller of run knows the path. */
static int fail(tg_task *self, const char *what, int error)
{
    char reason[128]; /* strerror() need not be thread-safe */
    if (strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    return tg_task_fail(self, error, "%s: %s", what, reason);
}

/* Reads to the end of the file, one buffer after another. */
static int hash_contents(
    tg_task *self, struct job *job, int file, unsigned char *buffer, EVP_MD_CTX *hash)
{
    for (;;) {
        /* A file may be huge. Somebody may have pressed Ctrl-C, or another file failed. */
        if (tg_task_check(self) != TG_OK)
            return ECANCELED;
        ssize_t size = read(file, buffer, BUFFER_SIZE);
        if (size == 0)
            return 0;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fail(self, "cannot read", errno);
        if (EVP_DigestUpdate(hash, buffer, (size_t)size) != 1)
            return tg_task_fail(self, EIO, "OpenSSL cannot hash");
        atomic_fetch_add_explicit(&job->bytes, (unsigned long long)size, memory_order_relaxed);
        progress_draw(job);
    }
}

static int hash_file(tg_task *self, struct job *job, int file, unsigned char *digest)
{
    unsigned char *buffer = malloc(BUFFER_SIZE);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int code;
    if (buffer == NULL || hash == NULL || EVP_DigestInit_ex(hash, job->algorithm, NULL) != 1)
        code = fail(self, "cannot begin", ENOMEM);
    else
        code = hash_contents(self, job, file, buffer, hash);
    if (code == 0 && EVP_DigestFinal_ex(hash, digest, NULL) != 1)
        code = tg_task_fail(self, EIO, "OpenSSL cannot finish the checksum");
    EVP_MD_CTX_free(hash);
    free(buffer);
    return code;
}

/* The tree may have changed since it was listed: look again at what is there now. */
static int open_regular_file(tg_task *self, const char *path, int *file)
{
    struct stat status;
    *file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*file < 0 || fstat(*file, &status) != 0)
        return fail(self, "cannot open", errno);
    if (!S_ISREG(status.st_mode))
        return tg_task_fail(self, EINVAL, "is not a regular file any more");
    posix_fadvise(
        *file, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice: whether it is taken is no matter */
    return 0;
}

/* The function of every task: all share `job`, and the task's index says which file is its own. */
static int digest_file(tg_task *self, void *arg, void *result)
{
    struct job *job = arg;
    int file;
    int code = open_regular_file(self, job->files.paths[tg_task_index(self)], &file);
    if (code == 0)
        code = hash_file(self, job, file, result);
    if (file >= 0)
        close(file);
    atomic_fetch_add_explicit(&job->progress.files, 1, memory_order_relaxed);
    progress_draw(job);
    return code;
}

/* ---- Signals -------------------------------------------------------------------------------- */

/* What Ctrl-C cancels. Atomic, because that is what a signal handler may read. */
static _Atomic(tg_context *) interrupted;

static void on_signal(int signal_number)
{
    tg_context_cancel(atomic_load(&interrupted), signal_number, "interrupted by a signal");
}

static void replace_handler(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    struct sigaction old;
    sigemptyset(&action.sa_mask);
    /* Ignored means that the parent wants it so: nohup, or a script that runs this in background. */
    if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(signal_number, &action, NULL);
}

/* The first SIGINT or SIGTERM cancels the context, the next one kills the process as usual. */
static void signals_catch(tg_context *context)
{
    atomic_store(&interrupted, context);
    replace_handler(SIGINT, on_signal);
    replace_handler(SIGTERM, on_signal);
}

/* Before the context goes, and before long output that nobody could interrupt otherwise. */
static void signals_release(void)
{
    replace_handler(SIGINT, SIG_DFL);
    replace_handler(SIGTERM, SIG_DFL);
}

/* ---- Output --------------------------------------------------------------------------------- */

/* As GNU coreutils: a name with one of these gets escapes, and its line begins with a backslash. */
static bool needs_escapes(const char *path)
{
    return strpbrk(path, "\\\n\r") != NULL;
}

static void print_path(FILE *to, const char *path)
{
    for (; *path != '\0'; path++) {
        switch (*path) {
        case '\\':
            fputs("\\\\", to);
            break;
        case '\n':
            fputs("\\n", to);
            break;
        case '\r':
            fputs("\\r", to);
            break;
        default:
            putc(*path, to);
        }
    }
}

static void print_digest(const unsigned char *digest, size_t size, const char *path)
{
    static const char hex[] = "0123456789abcdef";
    if (needs_escapes(path))
        putchar('\\');
    for (size_t i = 0; i < size; i++) {
        putchar(hex[digest[i] >> 4]);
        putchar(hex[digest[i] & 15]);
    }
    fputs("  ", stdout);
    print_path(stdout, path);
    putchar('\n');
}

/* Also what the walk calls for a directory that it cannot read. */
static void complain(const char *path, const char *reason)
{
    fputs("digest: ", stderr);
    print_path(stderr, path);
    fprintf(stderr, ": %s\n", reason);
}

/* False, and a message, if anything that was printed did not arrive: a full disk, a closed pipe. */
static bool output_finish(void)
{
    int error = fflush(stdout) != 0 ? errno : 0;
    if (error == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "digest: cannot write: %s\n", error == 0 ? "output error" : strerror(error));
    return false;
}

/* ---- What became of the tasks --------------------------------------------------------------- */

/* Prints the checksums that there are, in order of the paths, and why the others are missing. */
static void print_outcomes(const struct job *job, tg_group *group)
{
    for (size_t i = 0; i < tg_group_count(group); i++) {
        tg_outcome outcome;
        tg_group_outcome(group, i, &outcome);
        if (outcome.status == TG_OK)
            print_digest(tg_group_result(group, i), job->digest_size, job->files.paths[i]);
        else if (outcome.status == TG_FAILED)
            complain(job->files.paths[i], outcome.message);
    }
}

static void print_left(const struct job *job, const tg_report *report)
{
    size_t left = job->files.count - report->ok - report->failed;
    fprintf(stderr, "digest: %zu of %zu files left\n", left, job->files.count);
}

static void print_summary(struct job *job, tg_group *group, double seconds)
{
    tg_report report;
    tg_group_report(group, &report);
    unsigned long long bytes = atomic_load(&job->bytes);
    double rate = seconds > 0 ? (double)bytes / seconds / 1e6 : 0;
    fprintf(stderr, "digest: %zu files, %llu bytes, %.3f s, %d threads, %.1f MB/s\n", report.ok,
        bytes, seconds, report.threads, rate);
}

/* The end of the program: its exit status. */
static int finish(const struct job *job, tg_group *group, tg_status status)
{
    tg_report report;
    tg_group_report(group, &report);
    switch (status) {
    case TG_OK: /* which is about required tasks: optional ones may have failed */
        print_outcomes(job, group);
        return report.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    case TG_FAILED: /* with --strict: the error says which task it was */
        complain(job->files.paths[tg_group_error(group)->index], tg_group_error(group)->message);
        print_left(job, &report);
        return EXIT_FAILURE;
    case TG_CANCELLED: /* by on_signal(), whose code is the number of the signal */
        print_outcomes(job, group);
        fprintf(stderr, "digest: %s\n", tg_group_error(group)->message);
        print_left(job, &report);
        return 128 + tg_group_error(group)->code;
    default:
        fprintf(stderr, "digest: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
}

/* ---- The job -------------------------------------------------------------------------------- */

/* Lists the files. Returns how many directories could not be read; -1: out of memory. */
static long list_files(struct job *job, const struct digest_options *options, tg_context *context)
{
    long complaints = 0;
    for (int i = 0; i < options->root_count && complaints >= 0; i++) {
        long more = walk_collect(&job->files, options->roots[i], context, complain);
        complaints = more < 0 ? more : complaints + more;
    }
    return complaints;
}

/* Hashes the files: here the group is made, filled, run and read. Returns the exit status. */
static int digest_files(
    struct job *job, const struct digest_options *options, tg_context *context, double start)
{
    tg_group *group = tg_group_create(TG_GROUP(.threads = options->threads, .limit = options->limit,
        .context = context, .result_size = job->digest_size, .capacity = job->files.count));
    unsigned flags = options->strict ? 0 : TG_TASK_OPTIONAL;
    tg_group_add_many(group, digest_file, job->files.count, job, 0, TG_TASK(.flags = flags));
    tg_status status = tg_group_run(group); /* also tells if one of the calls above has failed */

    double seconds = tg_time_now() - start;
    signals_release();
    progress_erase(&job->progress);
    int exit_status = finish(job, group, status);
    if (options->summary)
        print_summary(job, group, seconds);
    tg_group_destroy(group);
    return exit_status;
}

static int list_and_digest(
    struct job *job, const struct digest_options *options, tg_context *context)
{
    double start = tg_time_now();
    long complaints = list_files(job, options, context);
    if (complaints < 0) {
        fputs("digest: out of memory for the list of files\n", stderr);
        return EXIT_FAILURE;
    }
    const tg_error *cause = tg_context_cause(context);
    if (cause != NULL) {
        fprintf(stderr, "digest: %s while listing the files\n", cause->message);
        return 128 + cause->code;
    }
    if (complaints > 0 && options->strict)
        return EXIT_FAILURE;
    int exit_status = digest_files(job, options, context, start);
    return exit_status == EXIT_SUCCESS && complaints > 0 ? EXIT_FAILURE : exit_status;
}

int main(int argc, char *argv[])
{
    struct digest_options options;
    int exit_status = digest_options_read(&options, argc, argv);
    if (exit_status >= 0)
        return exit_status;

    struct job job = {.progress = {.shown = isatty(STDERR_FILENO), .drawing = ATOMIC_FLAG_INIT}};
    job.algorithm = EVP_MD_fetch(NULL, options.algorithm, NULL);
    int size = job.algorithm == NULL ? 0 : EVP_MD_get_size(job.algorithm);
    if (size <= 0) {
        fprintf(stderr, "digest: OpenSSL has no checksum '%s'\n", options.algorithm);
        return EXIT_USAGE;
    }
    job.digest_size = (size_t)size;

    tg_context *context = tg_context_create(NULL);
    if (context == NULL) {
        fprintf(stderr, "digest: %s\n", tg_error_last()->message);
        return EXIT_FAILURE;
    }
    signals_catch(context);
    exit_status = list_and_digest(&job, &options, context);
    signals_release();
    tg_context_destroy(context);

    path_list_free(&job.files);
    EVP_MD_free(job.algorithm);
    if (!output_finish() && exit_status == EXIT_SUCCESS)
        exit_status = EXIT_FAILURE;
    return exit_status;
}
