/* SPDX-License-Identifier: MIT */
#ifndef TG_LIB_SYS_RECOVERY_H
#define TG_LIB_SYS_RECOVERY_H
/*
 * Coming back from the middle of a task's function: because it has given up (tg_task_abort), or
 * because a guard has caught a signal that its own code raised. The caller of such functions
 * prepares a *recovery point*; a jump there must come from the same thread, with nothing of ours
 * opened in between.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

enum { TG__FRAMES = 32 };

/*
 * The compiler's own pair saves three words instead of a call and eight: every task pays for it.
 * Sanitizers know only the library's; ThreadSanitizer blocks signals around handlers, and wants the
 * mask back.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TG__SANITIZED 1
#endif
#endif
#if defined(TG__SANITIZED) || defined(__SANITIZE_THREAD__)
#define TG__MASKED 1
#else
#define TG__MASKED 0
#endif
#if defined(__x86_64__) && !defined(TG__SANITIZED) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TG__BUILTIN_JUMP 1
#endif

struct tg__recovery {
#ifdef TG__BUILTIN_JUMP
    void *place[5];
#else
    sigjmp_buf place;
#endif
    int signal; /* of the guard; 0: it has given up */
    const void *address;
    int frames;
    void *trace[TG__FRAMES]; /* where each function is: at its call, or where a signal came */
};

/* True when somebody has come back here. What changed since must be read from memory. */
#ifdef TG__BUILTIN_JUMP
#define tg__recovered(recovery, guarded) ((void)(guarded), __builtin_setjmp((recovery)->place) != 0)
#else
#define tg__recovered(recovery, guarded) \
    (sigsetjmp((recovery)->place, TG__MASKED && (guarded)) != 0)
#endif

/* Comes back; `code` travels in the task. */
_Noreturn void tg__recover(struct tg__recovery *recovery);

/* "SIGSEGV", of those that a guard catches. */
const char *tg__signal_name(int number);

/* The recovery point's trace as text, a line a frame; NULL: out of memory, or no frames. */
char *tg__trace_text(const struct tg__recovery *recovery);

/* Stands in for the handlers of crash signals, while somebody holds it. False: the system refuses.
 */
bool tg__guard_take(void);
void tg__guard_give(void);

/* Crashes of this thread come to the recovery point; NULL: to the program's own handler. Returns
 * what was there before. */
struct tg__recovery *tg__guard_arm(struct tg__recovery *recovery);

/*
 * Around calls of the user's functions: `TG__MUST_RETURN bool returned = false; call(); returned =
 * true;`. A C++ exception that passes here, or the end of the thread by pthread_exit(), would leave
 * OpenMP's region open behind it: a frame that catches it goes on with what is not there any more,
 * and one that does not waits for ever. So it ends the process by abort(). Only in files that are
 * compiled with -fexceptions (see CMakeLists.txt), where it costs nothing.
 */
#define TG__MUST_RETURN __attribute__((cleanup(tg__check_returned)))
_Noreturn void tg__not_returned(void);
static inline void tg__check_returned(const bool *returned)
{
    if (!*returned)
        tg__not_returned();
}

/* An alternate signal stack for this thread, unless it has one: without it nobody can be called
 * when the stack has overflowed. NULL: none was made. */
void *tg__guard_stack_new(void);
void tg__guard_stack_free(void *stack);

#endif
