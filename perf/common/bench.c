/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FIGURES = 8 };

static struct {
    const char *metric;
    double value;
} figures[MAX_FIGURES];
static size_t figure_count;

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bench_report(const char *metric, double value)
{
    size_t i = 0;
    while (i < figure_count && strcmp(figures[i].metric, metric) != 0)
        i++;
    if (i == MAX_FIGURES)
        bench_wrong("more than %d figures", MAX_FIGURES);
    if (i == figure_count)
        figures[figure_count++].metric = metric;
    figures[i].value = value;
}

void bench_wrong(const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '\'';
    printf("{\"wrong\":\"%s\"}\n", text);
    fflush(stdout);
    _Exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        bench_wrong("no memory for %zu times %zu bytes", count, size);
    return memory;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

#define FACTOR UINT64_C(6364136223846793005)
#define SUMMAND UINT64_C(1442695040888963407)

static _Thread_local uint64_t last_answer;
static volatile uint64_t zero;

uint64_t bench_loops(const bench_args *args)
{
    return (uint64_t)(args->body_us * args->loops_per_us + 0.5);
}

uint64_t bench_work(uint64_t seed, uint64_t loops)
{
    /* A processor must not begin this body while the last one's chain is still under way. */
    seed += last_answer & zero;
    for (uint64_t i = 0; i < loops; i++) {
        seed = seed * FACTOR + SUMMAND;
        __asm__ volatile("" : "+r"(seed)); /* nor a compiler take two steps at once */
    }
    last_answer = seed;
    return seed;
}

void bench_work_check(const uint64_t *results, size_t n, uint64_t loops)
{
    /* Any number of steps is one step of the same kind, seed × factor + summand: by squaring. */
    uint64_t factor = 1;
    uint64_t summand = 0;
    uint64_t square = FACTOR;
    uint64_t offset = SUMMAND;
    for (; loops > 0; loops /= 2) {
        if (loops % 2 == 1) {
            factor *= square;
            summand = summand * square + offset;
        }
        offset *= square + 1;
        square *= square;
    }
    for (size_t i = 0; i < n; i++)
        if (results[i] != (uint64_t)(i + 1) * factor + summand)
            bench_wrong("result %zu of %zu is not what the body computes", i, n);
}

/* The fastest of some short goes: a busy machine only ever makes them slower. */
static double loops_per_us(void)
{
    const uint64_t loops = 200000;
    double best = 0;
    for (int i = 0; i < 50; i++) {
        const double start = bench_now();
        const uint64_t answer = bench_work((uint64_t)i, loops);
        const double speed = (double)loops / (1e6 * (bench_now() - start));
        if (answer != 0 && speed > best)
            best = speed;
    }
    return best;
}

/* Of this program alone: getrusage() counts what the process was before its exec, too. */
static double peak_rss_mb(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    double kilobytes = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lf", &kilobytes) == 1)
            break;
    if (status)
        fclose(status);
    return kilobytes / 1024;
}

static _Noreturn void usage_error(const char *argument)
{
    fprintf(
        stderr, "cannot make sense of '%s'; see perf/common/bench.h, or use perf/run\n", argument);
    exit(2);
}

static double number(const char *argument, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 1e12))
        usage_error(argument);
    return value;
}

static void parse(bench_args *args, const char *argument)
{
    const char *equals = strchr(argument, '=');
    if (!equals)
        usage_error(argument);
    const size_t length = (size_t)(equals - argument);
    const char *text = equals + 1;
#define IS(name) (length == sizeof name - 1 && memcmp(argument, name, length) == 0)
    if (IS("impl"))
        args->impl = text;
    else if (IS("workload"))
        args->workload = text;
    else if (IS("kind"))
        args->kind = text;
    else if (IS("n"))
        args->n = (size_t)number(argument, text);
    else if (IS("groups"))
        args->groups = (size_t)number(argument, text);
    else if (IS("cutoff"))
        args->cutoff = (size_t)number(argument, text);
    else if (IS("limit"))
        args->limit = (long)number(argument, text);
    else if (IS("region"))
        args->region = (int)number(argument, text);
    else if (IS("rounds"))
        args->rounds = (int)number(argument, text);
    else if (IS("body"))
        args->body_us = number(argument, text);
    else if (IS("loops"))
        args->loops_per_us = number(argument, text);
    else if (IS("bytes"))
        args->bytes = (size_t)number(argument, text);
    else if (IS("fails"))
        args->fails = (int)number(argument, text);
    else if (IS("workers"))
        args->workers = (int)number(argument, text);
    else if (IS("root"))
        args->root = text;
    else
        usage_error(argument);
#undef IS
}

/* Splits "spawn/tbb"; a program of one workload does not say which. */
static const char *impl_of(const char *known, int *workload_length)
{
    const char *slash = strchr(known, '/');
    *workload_length = slash ? (int)(slash - known) : 0;
    return slash ? slash + 1 : known;
}

static void check_impl(const bench_args *args)
{
    for (const char *const *known = bench_impls; *known; known++) {
        int length;
        if (strcmp(impl_of(*known, &length), args->impl) == 0 &&
            strlen(args->workload) == (size_t)length &&
            memcmp(*known, args->workload, (size_t)length) == 0)
            return;
    }
    usage_error(args->impl);
}

static void list(void)
{
    const char *comma = "[";
    for (const char *const *known = bench_impls; *known; known++, comma = ",") {
        int length;
        const char *impl = impl_of(*known, &length);
        printf("%s{\"workload\":\"%.*s\",\"impl\":\"%s\"}", comma, length, *known, impl);
    }
    printf("]\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "calibrate") == 0) {
        printf("{\"loops_per_us\":%.17g}\n", loops_per_us());
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        list();
        return 0;
    }
    bench_args args = {
        .impl = bench_impls[0], .workload = "", .kind = "", .groups = 1, .rounds = 1};
    for (int i = 1; i < argc; i++)
        parse(&args, argv[i]);
    check_impl(&args);
    const char *threads = getenv("OMP_NUM_THREADS");
    args.threads = threads ? (int)number("OMP_NUM_THREADS", threads) : 0;
    if (args.threads < 1)
        usage_error("OMP_NUM_THREADS, which must be a number");
    for (int i = 0; i <= args.rounds; i++)
        bench_run(&args);
    bench_report("peak_rss_mb", peak_rss_mb());
    printf("{\"n\":%zu", args.n);
    for (size_t i = 0; i < figure_count; i++)
        printf(",\"%s\":%.6g", figures[i].metric, figures[i].value);
    printf("}\n");
    return 0;
}
