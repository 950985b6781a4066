/* SPDX-License-Identifier: MIT */
/*
 * What each executable that attacks can do besides:
 *
 *   --play PLACE TIMES HEX      plays a program so many times; exit status 1 and a line if it was not as allowed
 *   --print HEX                 says what the program is
 *   --shrink PLACE HEX          makes a program small that fails
 *   --attack PLACE FROM TO      as a test does: finds, makes small, tells
 *   --seeds PLACE FROM TO [FD]  plays the programs of these seeds; the one at hand is written to the file
 */
#include "program.h"

#include "attack.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- Bytes --------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct bytes attack_bytes(uint64_t seed)
{
    static const size_t most[] = {20, 30, 60, 120, 250};
    struct bytes bytes;
    uint64_t state = seed;

    bytes.count = 16 + draw(&state) % most[draw(&state) % 5];
    for (size_t i = 0; i < bytes.count; i++) /* half of the choices are the plain ones */
        bytes.at[i] = draw(&state) % 2 == 0 ? 0 : (unsigned char)draw(&state);
    return bytes;
}

static const char *hex_of(const struct bytes *bytes, char *text)
{
    for (size_t i = 0; i < bytes->count; i++)
        sprintf(text + 2 * i, "%02x", bytes->at[i]);
    text[2 * bytes->count] = '\0';
    return text;
}

static struct bytes bytes_of(const char *hex)
{
    struct bytes bytes = {.count = 0};
    unsigned byte;

    for (; bytes.count < PROGRAM_MOST && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        bytes.at[bytes.count++] = (unsigned char)byte;
    return bytes;
}

/* ---- In this process ----------------------------------------------------------------------- */

static struct bytes at_hand; /* a place takes a function without arguments */

static void play_here(struct blame *blame)
{
    struct plan *plan = program_decode(at_hand.at, at_hand.count);
    program_play(plan, blame);
    program_free(plan);
}

static int play(int place, const struct bytes *bytes)
{
    struct blame blame = {0};
    struct place_call call = {play_here, &blame};

    at_hand = *bytes;
    run_in_place(place, &call);
    if (atomic_load(&blame.line) == 0)
        return 0;
    fprintf(stderr, "in %s: line %d of %s\n", place_name(place), atomic_load(&blame.line),
        atomic_load(&blame.what));
    return 1;
}

static int play_seeds(int place, uint64_t from, uint64_t to, int note)
{
    for (uint64_t seed = from; seed <= to; seed++) {
        struct bytes bytes = attack_bytes(seed);
        if (note >= 0 && pwrite(note, &seed, sizeof seed, 0) != sizeof seed)
            return 2;
        if (play(place, &bytes) != 0)
            return 1;
    }
    return 0;
}

/* ---- In a process of its own --------------------------------------------------------------- */

/* Its exit status; 128 + the signal that ended it; 256 if it did nothing for so many seconds. */
static int run_self(char **argv, double seconds, int note, bool silent)
{
    posix_spawn_file_actions_t actions;
    uint64_t seed = 0, seen = 0;
    double since = tg_time_now();
    int status = 0;
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    if (silent)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1 /* O_WRONLY */, 0);
    int failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return 2;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (note >= 0 && pread(note, &seed, sizeof seed, 0) == sizeof seed && seed != seen) {
            seen = seed;
            since = tg_time_now();
        }
        if (tg_time_now() - since > seconds) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return 256;
        }
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int play_apart(int place, int times, const struct bytes *bytes, double seconds, bool silent)
{
    char where[16], often[16], hex[2 * PROGRAM_MOST + 1];
    char *argv[] = {"program", "--play", where, often, hex, NULL};

    sprintf(where, "%d", place);
    sprintf(often, "%d", times);
    hex_of(bytes, hex);
    return run_self(argv, seconds, -1, silent);
}

/* ---- Shrinking ----------------------------------------------------------------------------- */

struct shrinking {
    struct bytes best;
    int place, times;
    double seconds, until;
};

static bool still_fails(struct shrinking *s, const struct bytes *candidate)
{
    if (tg_time_now() > s->until ||
        play_apart(s->place, s->times, candidate, s->seconds, true) == 0)
        return false;
    s->best = *candidate;
    return true;
}

static bool without(struct shrinking *s, size_t from, size_t many)
{
    struct bytes less = s->best;
    memmove(less.at + from, less.at + from + many, less.count - from - many);
    less.count -= many;
    return still_fails(s, &less);
}

static bool with_zero(struct shrinking *s, size_t from, size_t many)
{
    struct bytes zero = s->best;
    if (memcmp(zero.at + from, (unsigned char[PROGRAM_MOST]){0}, many) == 0)
        return false;
    memset(zero.at + from, 0, many);
    return still_fails(s, &zero);
}

static void shrink(struct shrinking *s)
{
    for (bool better = true; better && tg_time_now() < s->until;) {
        better = false;
        for (size_t many = s->best.count; many > 0; many /= 2) {
            for (size_t from = 0; from + many <= s->best.count && tg_time_now() < s->until;)
                if (without(s, from, many))
                    better = true;
                else if (with_zero(s, from, many))
                    better = true, from += many;
                else
                    from += many;
        }
    }
    while (s->best.count > 0 && s->best.at[s->best.count - 1] == 0)
        s->best.count--; /* reads as zero */
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* Times enough that a finding which needs luck is found most times; makes it small for so long. */
static void shrink_and_tell(int place, const struct bytes *bytes, double seconds, double budget)
{
    struct shrinking s = {*bytes, place, 1, seconds, 0};
    char hex[2 * PROGRAM_MOST + 1];
    struct plan *plan;

    while (s.times < 3000 && play_apart(place, s.times, bytes, seconds + s.times * 0.01, true) == 0)
        s.times *= 3;
    if (s.times >= 3000) {
        fprintf(stderr, "not seen again in thousands of plays; as it was:\n");
    } else {
        s.times *= s.times > 1 ? 3 : 1;
        s.seconds = seconds + s.times * 0.01;
        s.until = tg_time_now() + budget;
        shrink(&s);
    }
    plan = program_decode(s.best.at, s.best.count);
    program_print(stderr, plan);
    program_free(plan);
    fprintf(stderr,
        "play it again: TG_PROGRAM_KNOWS=%s OMP_NUM_THREADS=%s OMP_CANCELLATION=%s test_random "
        "--play %d %d %s\n",
        program_knows_text(), variable("OMP_NUM_THREADS"), variable("OMP_CANCELLATION"), place,
        s.times, hex_of(&s.best, hex));
    play_apart(place, s.times, &s.best, s.seconds, false);
}

int attack_seeds(int place, uint64_t from, uint64_t to, int seconds)
{
    char where[16], first[24], last[24], fd[16];
    char *argv[] = {"program", "--seeds", where, first, last, fd, NULL};
    FILE *note = tmpfile();
    uint64_t seed = from;

    if (note == NULL)
        return 2;
    sprintf(where, "%d", place);
    sprintf(first, "%llu", (unsigned long long)from);
    sprintf(last, "%llu", (unsigned long long)to);
    sprintf(fd, "%d", fileno(note));
    int status = run_self(argv, seconds, fileno(note), false);
    if (status != 0) {
        struct bytes bytes;
        if (pread(fileno(note), &seed, sizeof seed, 0) != sizeof seed)
            seed = from;
        bytes = attack_bytes(seed);
        fprintf(stderr, "in %s, seed %llu: %s %d\n", place_name(place), (unsigned long long)seed,
            status == 256  ? "hangs"
            : status > 128 ? "signal"
                           : "exit status",
            status > 128 ? status - 128 : status);
        shrink_and_tell(place, &bytes, seconds < 10 ? seconds : 10, 30);
    }
    fclose(note);
    return status;
}

/* ---- Commands ------------------------------------------------------------------------------ */

static int command_play(int place, int times, const char *hex)
{
    struct bytes bytes = bytes_of(hex);
    for (int i = 0; i < times; i++)
        if (play(place, &bytes) != 0)
            return 1;
    return 0;
}

static int command_print(const char *hex)
{
    struct bytes bytes = bytes_of(hex);
    struct plan *plan = program_decode(bytes.at, bytes.count);
    program_print(stdout, plan);
    program_free(plan);
    return 0;
}

int attack_command(int argc, char **argv)
{
    if (argc < 3)
        return -1;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (strcmp(argv[1], "--print") == 0)
        return command_print(argv[2]);
    if (strcmp(argv[1], "--play") == 0 && argc == 5)
        return command_play(atoi(argv[2]), atoi(argv[3]), argv[4]);
    if (strcmp(argv[1], "--seeds") == 0 && argc >= 5)
        return play_seeds(atoi(argv[2]), strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
            argc > 5 ? atoi(argv[5]) : -1);
    if (strcmp(argv[1], "--attack") == 0 && argc == 5)
        return attack_seeds(atoi(argv[2]), strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                   20) != 0;
    if (strcmp(argv[1], "--shrink") == 0 && argc == 4) {
        struct bytes bytes = bytes_of(argv[3]);
        shrink_and_tell(atoi(argv[2]), &bytes, 10, 600);
        return 0;
    }
    return -1;
}
