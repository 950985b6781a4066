/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include "../oom/failing_malloc.h"
#include "failing_system.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

bool trial_forever;

/* ---- In the child -------------------------------------------------------------------------- */

/* What the child has seen, in memory that is shared. */
struct findings {
    struct blame blame;
    char fault[40]; /* the function that has failed, or "" */
    tg_status first, second;
    int threads; /* made, and not given back */
    size_t left; /* bytes */
    bool ended;
};

static const int looked_at[] = {
    SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
enum { LOOKED_AT = sizeof looked_at / sizeof *looked_at };

/* What a thread has of its own, and what the process does with signals: as it was before. */
struct surroundings {
    sigset_t mask;
    stack_t stack;
    struct sigaction actions[LOOKED_AT];
};

static void look_around(struct surroundings *s)
{
    memset(s, 0, sizeof *s);
    pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
    sigaltstack(NULL, &s->stack);
    for (int i = 0; i < LOOKED_AT; i++)
        sigaction(looked_at[i], NULL, &s->actions[i]);
}

static void expect_unchanged(struct blame *blame, const struct surroundings *before)
{
    const int flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK; /* glibc adds some */
    struct surroundings now;

    look_around(&now);
    expect(blame, now.stack.ss_sp == before->stack.ss_sp);
    expect(blame, now.stack.ss_flags == before->stack.ss_flags);
    for (int i = 1; i < SIGRTMIN; i++)
        expect(blame, sigismember(&now.mask, i) == sigismember(&before->mask, i));
    for (int i = 0; i < LOOKED_AT; i++) {
        expect(blame, now.actions[i].sa_sigaction == before->actions[i].sa_sigaction);
        expect(blame, ((now.actions[i].sa_flags ^ before->actions[i].sa_flags) & flags) == 0);
    }
}

static void try_in_child(const struct program *program, long k, bool forever, struct findings *f)
{
    struct surroundings before;
    const char *fault;
    size_t bytes;

    signal(SIGALRM, SIG_DFL);        /* Check's own would end us all */
    alarm(TEST_SANITIZED ? 60 : 10); /* who hangs */
    failing_malloc_works();
    failing_system_works();
    sigemptyset(&before.mask);
    sigaddset(&before.mask, SIGURG); /* so that it is not just any mask */
    pthread_sigmask(SIG_SETMASK, &before.mask, NULL);
    look_around(&before);
    trial_forever = forever;
    bytes = failing_malloc_outstanding(); /* Check's */
    failing_system_arm(k, forever);
    f->first = program->run(&f->blame);
    fault = failing_system_disarm();
    trial_forever = false;
    if (fault != NULL)
        snprintf(f->fault, sizeof f->fault, "%s", fault);
    expect_unchanged(&f->blame, &before);
    f->second = program->run(&f->blame);
    expect_unchanged(&f->blame, &before);
    for (int i = 0; i < 2; i++)
        (void)dlerror(); /* of what a runtime has looked for and not found: forgotten */
    f->threads = failing_system_threads();
    f->left = failing_malloc_outstanding() - bytes;
    f->ended = true;
}

/* ---- Here ---------------------------------------------------------------------------------- */

static void try_once(const struct program *program, long k, bool forever, struct findings *f)
{
    int status = 0;
    pid_t child;

    memset(f, 0, sizeof *f);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        try_in_child(program, k, forever, f);
        exit(EXIT_SUCCESS); /* what stands at exit is done, too */
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(f->ended && WIFEXITED(status) && WEXITSTATUS(status) == 0,
        "%s, call %ld (%s): the process ended with 0x%x", program->name, k,
        f->fault[0] != '\0' ? f->fault : "?", (unsigned)status);
}

/* What the library only wishes for, or what cannot fail with glibc: it goes on without. */
static bool is_harmless(const char *fault)
{
    static const char *const harmless[] = {"pthread_attr_setaffinity_np",
        "pthread_attr_setstacksize", "pthread_setname_np", "pthread_mutex_init",
        "pthread_cond_init", "sigaltstack", "madvise"};

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(fault, harmless[i]) == 0)
            return true;
    return false;
}

enum {
    LAST_TRACE = 1024
}; /* bytes that a thread keeps for its last error's backtrace, until it ends */

static void assert_findings(const struct program *program, long k, const struct findings *f)
{
    bool hit = f->fault[0] != '\0', refusable = hit && !is_harmless(f->fault);
    bool ran = f->first == TG_OK && !(refusable && program->refuses == ALWAYS);
    bool refused = f->first == TG_NO_SYSTEM && refusable && program->refuses != NEVER;

    ck_assert_msg(atomic_load(&f->blame.line) == 0, "%s, call %ld (%s), line %d: not %s",
        program->name, k, f->fault, f->blame.line, f->blame.what);
    ck_assert_msg(ran || refused, "%s, call %ld (%s): %s", program->name, k, f->fault,
        tg_status_name(f->first));
    ck_assert_msg(f->second == TG_OK, "%s, after call %ld (%s): %s", program->name, k, f->fault,
        tg_status_name(f->second));
    ck_assert_msg(f->threads <= 1, "%s, call %ld (%s): %d threads left", program->name, k, f->fault,
        f->threads);
    ck_assert_msg(f->left % LAST_TRACE == 0 && f->left <= 2 * LAST_TRACE,
        "%s, call %ld (%s): %zu bytes left", program->name, k, f->fault, f->left);
}

void try_program(const struct program *program, bool forever)
{
    struct findings *f =
        mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool refused = false, hit = true;
    long k;

    ck_assert_ptr_ne(f, MAP_FAILED);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    try_once(program, 0, false, f); /* nothing fails */
    assert_findings(program, 0, f);
    for (k = 1; hit; k++) {
        try_once(program, k, forever, f);
        assert_findings(program, k, f);
        hit = f->fault[0] != '\0';
        refused = refused || f->first != TG_OK;
    }
    ck_assert_msg(k > 2, "%s: no call has failed", program->name);
    ck_assert_msg(refused == (program->refuses != NEVER), "%s: never refused", program->name);
    munmap(f, sizeof *f);
}
