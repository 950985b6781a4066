/* SPDX-License-Identifier: MIT */
/*
 * Makes all calls, one function's in a process of its own, and prints a line for each: its number, a tab, what it
 * answered. A call that ends the process, or does not return, has that as its answer, and the next ones are made
 * in another process. With a number: makes that call only, here, for a debugger.
 */
#define _GNU_SOURCE
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds until a call hangs. Generous, since only one that hangs takes them. */
enum { PATIENCE = 30 };

static void make(const struct input_call *call, FILE *out)
{
    struct world w;
    alarm(PATIENCE);
    world_make(&w, call);
    alarm(0);
    fprintf(out, "%d\t%s\n", call->number, w.answer);
    fflush(out);
}

static const char *end_of(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return "HANGS";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        return "abort()";
    return "CRASHES";
}

/* Copies the child's lines; how many these were. */
static size_t copy_lines(FILE *in)
{
    char line[8192];
    size_t lines = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        fputs(line, stdout);
        lines += strchr(line, '\n') != NULL;
    }
    return lines;
}

/* The calls from `first` to before `end`; the first one that was not made. */
static size_t make_some(size_t first, size_t end)
{
    int ends[2], status;
    fflush(stdout);
    if (pipe(ends) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        FILE *out = fdopen(ends[1], "w");
        for (size_t i = first; i < end; i++)
            make(&input_calls[i], out);
        fclose(out);
        exit(0);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    size_t made = first + copy_lines(in);
    fclose(in);
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (made < end)
        printf("%d\t%s\n", input_calls[made].number, end_of(status));
    else if (status != 0) /* a sanitizer's report, say */
        printf("%d\tAT ITS END %s %x\n", input_calls[end - 1].number, input_calls[first].function,
            (unsigned)status);
    return made < end ? made + 1 : end;
}

int main(int argc, char **argv)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* some calls end their process */
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t i = 0, end; i < input_call_count; i = end) {
        const char *function = input_calls[i].function;
        for (end = i + 1;
            end < input_call_count && strcmp(input_calls[end].function, function) == 0;)
            end++;
        for (size_t at = i; argc < 2 && at < end;)
            at = make_some(at, end);
    }
    for (size_t i = 0; argc == 2 && i < input_call_count; i++)
        if (input_calls[i].number == atoi(argv[1]))
            make(&input_calls[i], stdout);
    return 0;
}
