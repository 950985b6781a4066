/* SPDX-License-Identifier: MIT */
#ifndef TG_CHILDREN_H
#define TG_CHILDREN_H
/*
 * Processes that end in the middle of something: each scene is played in a child of the test's process, which has
 * used neither the library nor OpenMP before. After tg_test.h.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a scene that went well ends with. */
enum { SCENE_OK = 42 };

/* What children tell their parents. */
struct shared_memory {
    atomic_int at_exit; /* calls of functions that were registered */
    atomic_int number;
    struct blame blame;
};

static struct shared_memory *told;

typedef void scene_fn(int a, int b);

/* Plays the scene, and answers as waitpid() does. What it returns from it exits with 0. */
static inline int play_scene(scene_fn *scene, int a, int b)
{
    int status = -1;
    pid_t child;

    if (told == NULL)
        told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(told, MAP_FAILED);
    memset(told, 0, sizeof *told);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        scene(a, b);
        exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

#define assert_exits(status, code, what)                                                  \
    do {                                                                                  \
        int got_ = (status);                                                              \
        ck_assert_msg(WIFEXITED(got_), "%s: ended by signal %d", (what), WTERMSIG(got_)); \
        ck_assert_msg(WEXITSTATUS(got_) == (code), "%s: exit status %d, not %d", (what),  \
            WEXITSTATUS(got_), (code));                                                   \
    } while (0)

#define assert_killed(status, number, what)                                                 \
    do {                                                                                    \
        int got_ = (status);                                                                \
        ck_assert_msg(WIFSIGNALED(got_), "%s: exit status %d", (what), WEXITSTATUS(got_));  \
        ck_assert_msg(WTERMSIG(got_) == (number), "%s: ended by signal %d, not %d", (what), \
            WTERMSIG(got_), (number));                                                      \
    } while (0)

#endif
