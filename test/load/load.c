/* SPDX-License-Identifier: MIT */
/*
 * Long load: is nothing lost, and does memory stay flat?
 *
 *   load tasks [1e9]     so many tasks in rounds through groups and pools of all kinds
 *   load many [1e7]      so many tasks in one group
 *   load groups [10000]  so many groups alive at once
 *   load timers [1e6]    so many tasks that wait for their time, in one group, and in a pool
 *   load threads [64]    a team of so many threads, and as many threads that submit to a pool
 *   load --all [part]    all of them, with the numbers above (or that part of them), each in a process of its
 *                        own: threads with 64 and with 1024
 *
 * OMP_NUM_THREADS is the team, as ever. Each prints one line of figures, and exits with 1 if a result is wrong,
 * something was lost, or the resident set has grown from the first round to the end by more than the line says.
 */
#include "load.h"

#include <malloc.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct program {
    const char *name;
    void (*run)(struct load *load);
    double number;
} programs[] = {
    {"tasks", load_tasks, 1e9},
    {"many", load_many, 1e7},
    {"groups", load_groups, 10000},
    {"timers", load_timers, 1e6},
    {"threads", load_threads, 64},
    {"threads", load_threads, 1024},
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

void load_blame(struct load *load, const char *what, const char *file, int line)
{
    if (!atomic_exchange(&load->wrong, true))
        fprintf(stderr, "load %s: %s:%d: not %s (last error: %s)\n", load->name, file, line, what,
            tg_error_last()->message);
}

size_t load_resident(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t load_settled(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return load_resident();
}

void load_peak(struct load *load)
{
    size_t now = load_resident();
    load->peak = now > load->peak ? now : load->peak;
}

/* Counters in lines of their own: one for all would be all that is measured. */
static struct {
    _Alignas(64) atomic_size_t count;
} counters[64];
static atomic_size_t next_counter;
static _Thread_local size_t own_counter; /* + 1 */

void load_count(void)
{
    if (own_counter == 0)
        own_counter = 1 + atomic_fetch_add(&next_counter, 1) % 64;
    atomic_fetch_add_explicit(&counters[own_counter - 1].count, 1, memory_order_relaxed);
}

size_t load_counted(void)
{
    size_t sum = 0;
    for (int i = 0; i < 64; i++)
        sum += atomic_load(&counters[i].count);
    return sum;
}

int load_task(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    load_count();
    return 0;
}

void load_check_all_ok(struct load *load, tg_group *group, size_t count, tg_status answer)
{
    tg_report report = {.size = sizeof report};
    require(load, answer == TG_OK);
    require(load, tg_group_report(group, &report) == TG_OK);
    require(load, report.added == count && report.ok == count);
}

/* ---- one program ---- */

static double mib(size_t bytes)
{
    return (double)bytes / (double)LOAD_MIB;
}

static bool report(struct load *load)
{
    size_t drift = load->end > load->warm ? load->end - load->warm : 0;
    bool flat = LOAD_SANITIZED || drift <= load->drift_most;
    bool right = !atomic_load(&load->wrong);
    char bound[32] = "unbound: sanitized";
    if (!LOAD_SANITIZED)
        snprintf(bound, sizeof bound, "bound %.0f", mib(load->drift_most));
    if (load->peak < load->end)
        load->peak = load->end;
    printf(
        "load %s %zu: %zu tasks, %.2f s; MiB resident: start %.1f, warm %.1f, peak %.1f, end %.1f, "
        "drift %.1f (%s)%s%s: %s\n",
        load->name, load->number, load->tasks, load->seconds, mib(load->start), mib(load->warm),
        mib(load->peak), mib(load->end), mib(drift), bound, load->note[0] != '\0' ? "; " : "",
        load->note,
        !right ? "WRONG"
        : flat ? "ok"
               : "GREW");
    fflush(stdout);
    return right && flat;
}

static int run_one(const struct program *program, double number)
{
    struct load load = {
        .name = program->name, .number = (size_t)number, .drift_most = 8 * LOAD_MIB};
    load.start = load_resident();
    program->run(&load);
    return report(&load) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- all of them ---- */

/* With libomp 1024 threads that spin would take most of the time from those that work. */
static void be_child(const char *self, const struct program *program, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.0f", number);
    if (program->run == load_threads) {
        setenv("OMP_NUM_THREADS", text, 1);
        setenv("KMP_BLOCKTIME", "0", 1);
    }
    execl(self, self, program->name, text, (char *)NULL);
    _exit(127);
}

static int run_all(const char *self, double part)
{
    int failed = 0;
    for (int i = 0; i < PROGRAMS; i++) {
        double number =
            programs[i].run == load_threads ? programs[i].number : ceil(programs[i].number * part);
        pid_t child = fork();
        if (child == 0)
            be_child(self, &programs[i], number);
        int status = -1;
        if (child > 0)
            waitpid(child, &status, 0);
        failed += status != 0;
    }
    return failed;
}

static double number_of(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    return *end == '\0' && number > 0 && number <= 1e15 ? number : NAN;
}

int main(int argc, char **argv)
{
    double number = argc == 3 ? number_of(argv[2]) : 0;
    if ((argc == 2 || argc == 3) && !isnan(number)) {
        if (strcmp(argv[1], "--all") == 0)
            return run_all("/proc/self/exe", argc == 3 ? number : 1);
        for (int i = 0; i < PROGRAMS; i++)
            if (strcmp(argv[1], programs[i].name) == 0)
                return run_one(&programs[i], argc == 3 ? number : programs[i].number);
    }
    fprintf(stderr, "usage: load tasks|many|groups|timers|threads [number] | load --all [part]\n");
    return 2;
}
