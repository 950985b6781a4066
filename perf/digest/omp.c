/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "digest.h"

#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* `xargs` is `xargs -P threads md5sum`, with some eight processes for each thread. */
const char *const bench_impls[] = {"omp", "serial", "xargs", NULL};

static void hash_serially(struct digest_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (digest_file(job->paths[i], job->digests[i], NULL, NULL) != 0)
            bench_wrong("cannot read %s", job->paths[i]);
}

static void hash_in_tasks(struct digest_job *job)
{
    atomic_size_t failed = 0;
#pragma omp parallel
#pragma omp single
#pragma omp taskgroup
    for (size_t i = 0; i < job->count; i++) {
#pragma omp task firstprivate(i) shared(failed)
        if (digest_file(job->paths[i], job->digests[i], NULL, NULL) != 0)
            atomic_fetch_add(&failed, 1);
    }
    if (atomic_load(&failed) > 0)
        bench_wrong("cannot read %zu files", atomic_load(&failed));
}

static FILE *temporary_file(void)
{
    FILE *file = tmpfile();
    if (file == NULL)
        bench_wrong("cannot make a temporary file");
    return file;
}

static void run_xargs(int threads, size_t batch, FILE *in, FILE *out)
{
    char parallel[16], at_once[24];
    snprintf(parallel, sizeof parallel, "%d", threads);
    snprintf(at_once, sizeof at_once, "%zu", batch);
    char *command[] = {"xargs", "-0", "-P", parallel, "-n", at_once, "md5sum", "--", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    if (posix_spawnp(&child, command[0], &actions, NULL, command, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0)
        bench_wrong("xargs has ended with status %d", status);
    posix_spawn_file_actions_destroy(&actions);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* A line of md5sum's: 32 digits, two spaces, the path. */
static void read_line(struct digest_job *job, char *line)
{
    char *path = line + 34;
    char *const *found = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (strlen(line) > 34)
        found = bsearch(&path, job->paths, job->count, sizeof path, compare_paths);
    if (found == NULL)
        bench_wrong("md5sum says '%s'", line);
    unsigned char *digest = job->digests[found - job->paths];
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        const char digits[] = {line[2 * i], line[2 * i + 1], '\0'};
        digest[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
}

/* GNU's md5sum writes whole lines at once: those of several processes do not mix. */
static void hash_by_xargs(const bench_args *args, struct digest_job *job)
{
    const size_t parts = 8 * (size_t)args->threads;
    size_t batch = (job->count + parts - 1) / parts;
    batch = batch > 1000 ? 1000 : batch;
    FILE *in = temporary_file();
    FILE *out = temporary_file();
    for (size_t i = 0; i < job->count; i++)
        fwrite(job->paths[i], 1, strlen(job->paths[i]) + 1, in);
    rewind(in);
    run_xargs(args->threads, batch, in, out);
    rewind(out);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, out) > 0)
        read_line(job, line);
    free(line);
    fclose(in);
    fclose(out);
}

void digest_all(const bench_args *args, struct digest_job *job)
{
    if (strcmp(args->impl, "serial") == 0)
        hash_serially(job);
    else if (strcmp(args->impl, "xargs") == 0)
        hash_by_xargs(args, job);
    else
        hash_in_tasks(job);
}
