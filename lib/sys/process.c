/* SPDX-License-Identifier: MIT */
#include "sys/process.h"

#include "sys/clock.h"

#include <pthread.h>
#include <sys/stat.h>
#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h> /* glibc since 2.32 */
#define HAS_SINGLE_THREADED 1
#endif
#endif

atomic_uint tg__process_number_now = 1;
atomic_uchar tg__process_mark_now = 1;

static atomic_int own_threads;

/* Of the thread that forks. */
static _Thread_local bool has_company, lost_team;

bool tg__process_lost_team(void)
{
    return lost_team;
}

void tg__process_count_thread(void)
{
    atomic_fetch_add(&own_threads, 1);
}

/* How many threads the process has; 0: the system does not say. Linux counts them as links of this
   folder, so no file is opened. */
static int count_threads(void)
{
    struct stat folder;
    return stat("/proc/self/task", &folder) == 0 && folder.st_nlink > 2 ? (int)folder.st_nlink - 2
                                                                        : 0;
}

/* Has the C library never made a thread? The folder also shows threads of an emulator (qemu-user),
   which cannot be of a team. */
static bool is_single(void)
{
#ifdef HAS_SINGLE_THREADED
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

static bool sees_others(void)
{
    return count_threads() > 1 + atomic_load(&own_threads);
}

/* OpenMP does not say whether this thread has had a team. It has none if there are no other
   threads. One that was joined is counted for some microseconds more: so look again, for about a
   millisecond. */
static void before_fork(void)
{
    enum { LOOKS = 10 };
    has_company = !is_single() && sees_others();
    for (int i = 0; has_company && i < LOOKS; i++) {
        tg__nap(50e-6);
        has_company = sees_others();
    }
}

static void in_child(void)
{
    unsigned number = atomic_fetch_add(&tg__process_number_now, 1) + 1;
    atomic_store(&tg__process_mark_now, (unsigned char)(number % 255 + 1));
    atomic_store(&own_threads, 0);
    lost_team |= has_company;
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, NULL, in_child); /* without memory so early nothing works */
}
