/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dladdr, MAP_STACK */
#include "sys/recovery.h"

#include "sys/handler.h"
#include "sys/lock.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<unwind.h>)
#include <unwind.h>
#define HAVE_UNWIND 1
#endif
#endif

/* ---- the stack ---- */

#ifdef HAVE_UNWIND
struct walk {
    void **to;
    int count, most;
    _Unwind_Word frame; /* of the function before */
};

/* A return address lies behind the call, and behind the whole function where that never comes back:
   the byte before it belongs to the call. Where a signal has interrupted a function the address is
   exact. */
static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *user)
{
    struct walk *walk = user;
    int exact = 0;
    char *at = (char *)(uintptr_t)_Unwind_GetIPInfo(context, &exact);
    if (at != NULL && !exact)
        at--;
    _Unwind_Word frame = _Unwind_GetCFA(context);
    bool stuck = walk->count > 0 && walk->to[walk->count - 1] == at && walk->frame == frame;
    if (at == NULL || stuck || walk->count == walk->most)
        return _URC_END_OF_STACK;
    if (walk->count >= 0) /* the first one is the frame of trace() */
        walk->to[walk->count] = at;
    walk->count++;
    walk->frame = frame;
    return _URC_NO_REASON;
}

/* Where each function on this thread's stack is, the innermost first: how many. */
__attribute__((noinline)) static int trace(void **to, int most)
{
    struct walk walk = {.to = to, .count = -1, .most = most};
    _Unwind_Backtrace(add_frame, &walk);
    return walk.count > 0 ? walk.count : 0;
}
#else
static int trace(void **to, int most)
{
    (void)to, (void)most;
    return 0;
}
#endif

/* ---- recovery point ---- */

void tg__recover(struct tg__recovery *recovery)
{
    if (recovery->signal == 0)
        recovery->frames = trace(recovery->trace, TG__FRAMES);
#ifdef TG__BUILTIN_JUMP
    __builtin_longjmp(recovery->place, 1);
#else
    siglongjmp(recovery->place, 1);
#endif
}

/* "#3 solve+0x1f4 (libsolver.so)", or the offset in the file where the function has no public name.
 */
static int describe(char *to, size_t size, int number, void *address)
{
    Dl_info where;
    if (dladdr(address, &where) == 0 || where.dli_fname == NULL)
        return snprintf(to, size, "#%d %p\n", number, address);
    const char *file = strrchr(where.dli_fname, '/');
    file = file != NULL ? file + 1 : where.dli_fname;
    if (where.dli_sname == NULL)
        return snprintf(
            to, size, "#%d %s+0x%tx\n", number, file, (char *)address - (char *)where.dli_fbase);
    return snprintf(to, size, "#%d %s+0x%tx (%s)\n", number, where.dli_sname,
        (char *)address - (char *)where.dli_saddr, file);
}

char *tg__trace_text(const struct tg__recovery *recovery)
{
    enum { LINE = 160 };
    if (recovery->frames <= 0)
        return NULL;
    char *text = malloc((size_t)recovery->frames * LINE + 1);
    if (text == NULL)
        return NULL;
    size_t length = 0;
    for (int i = 0; i < recovery->frames; i++) {
        int added = describe(text + length, LINE, i, recovery->trace[i]);
        if (added >= LINE) { /* cut */
            added = LINE - 1;
            text[length + LINE - 2] = '\n';
        }
        length += added > 0 ? (size_t)added : 0;
    }
    text[length] = '\0';
    return text;
}

void tg__not_returned(void)
{
    tg__guard_arm(NULL); /* the frame to land in is gone */
    fputs("taskgroup: a task, body, callback or hook was left by an exception, or has ended its "
          "thread\n",
        stderr);
    abort();
}

/* ---- the guard ---- */

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { SIGNALS = sizeof signals / sizeof *signals };

const char *tg__signal_name(int number)
{
    static const char *const names[SIGNALS] = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"};
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] == number)
            return names[i];
    return "a signal";
}

static struct tg__lock lock; /* guards users and before; never taken in the handler */
static int users;
static struct sigaction before[SIGNALS];

static _Thread_local struct tg__recovery *armed __attribute__((tls_model("initial-exec")));

/* Raised by the running code itself: by the processor, or by raise() and abort(). */
static bool is_own(const siginfo_t *info)
{
    return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == getpid());
}

/* As if we had never been there. */
static void pass_on(int number, siginfo_t *info, void *machine)
{
    int kind = 0;
    while (signals[kind] != number)
        kind++;
    const struct sigaction *old = &before[kind];
    if ((old->sa_flags & SA_SIGINFO) != 0) {
        old->sa_sigaction(number, info, machine);
    } else if (old->sa_handler == SIG_DFL || (old->sa_handler == SIG_IGN && info->si_code > 0)) {
        signal(number, SIG_DFL); /* a fault comes again, when we have returned */
        if (info->si_code <= 0)
            raise(number);
    } else if (old->sa_handler != SIG_IGN) {
        old->sa_handler(number);
    }
}

static void handle(int number, siginfo_t *info, void *machine)
{
    struct tg__recovery *recovery = armed;
    int saved = errno;
    if (recovery == NULL || !is_own(info)) {
        pass_on(number, info, machine);
        errno = saved;
        return;
    }
    armed = NULL; /* a crash in what follows is the program's */
    recovery->signal = number;
    recovery->address = info->si_code > 0 ? info->si_addr : NULL;
    recovery->frames = trace(recovery->trace, TG__FRAMES);
    tg__recover(recovery);
}

/* The first `many` of them are the program's again, but for those that it has put others in place
 * of. */
static void restore(int many)
{
    for (int i = 0; i < many; i++)
        tg__handler_restore(signals[i], handle, &before[i]);
}

bool tg__guard_take(void)
{
    void *first[1];
    (void)trace(first, 1); /* loads what it needs: not in a handler */
    /* NODEFER: the handler is left by a jump, which restores no mask. */
    struct sigaction ours = {
        .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&ours.sa_mask);
    tg__lock_take(&lock, TG__LOCK_GUARD);
    int ready = users > 0 ? SIGNALS : 0;
    while (ready < SIGNALS && tg__handler_stand_in(signals[ready], &ours, &before[ready]))
        ready++;
    bool taken = ready == SIGNALS;
    if (!taken)
        restore(ready);
    users += taken;
    tg__lock_give(&lock, TG__LOCK_GUARD);
    return taken;
}

void tg__guard_give(void)
{
    tg__lock_take(&lock, TG__LOCK_GUARD);
    if (--users == 0)
        restore(SIGNALS);
    tg__lock_give(&lock, TG__LOCK_GUARD);
}

struct tg__recovery *tg__guard_arm(struct tg__recovery *recovery)
{
    struct tg__recovery *previous = armed;
    armed = recovery;
    /* The handler runs between any two instructions: the function must not start before this. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return previous;
}

enum { STACK = 64 << 10 };

void *tg__guard_stack_new(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0)
        return NULL;
    void *memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    stack_t ours = {.ss_sp = memory, .ss_size = STACK};
    if (sigaltstack(&ours, NULL) != 0) {
        munmap(memory, STACK);
        return NULL;
    }
    return memory;
}

void tg__guard_stack_free(void *stack)
{
    if (stack == NULL)
        return;
    stack_t now, none = {.ss_flags = SS_DISABLE};
    if (sigaltstack(NULL, &now) != 0 || now.ss_sp == stack) /* a task may have made another one */
        sigaltstack(&none, NULL);
    munmap(stack, STACK);
}
