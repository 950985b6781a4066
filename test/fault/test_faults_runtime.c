/* SPDX-License-Identifier: MIT */
/*
 * The OpenMP runtime gets no thread. That is its own affair, and it ends the program: libgomp and libomp both say so
 * on stderr. Nothing of ours can come before that, since a region has begun by then; what a program can do is to
 * ask for fewer threads. With the threads that are there already, and with one, everything goes on.
 */
#include "../unit/tg_test.h"

#include "failing_system.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 20 };

static tg_status run_group(int threads)
{
    tg_group *g = tg_group_create(TG_GROUP(.threads = threads));
    tg_status status;

    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    status = tg_group_run(g);
    if (report_of(g).ok != TASKS)
        status = TG_BUSY;
    tg_group_destroy(g);
    return status;
}

static int run_alone(void)
{
    failing_system_refuse_runtime();
    return run_group(1) == TG_OK ? 0 : 1;
}

static int run_pool_alone(void)
{
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 1));
    tg_task *task;
    tg_status status;

    failing_system_refuse_runtime();
    if (tg_pool_submit(pool, task_count, NULL, NULL, &task) != TG_OK)
        return 1;
    status = tg_task_wait(task, TG_FOREVER);
    tg_task_release(task);
    tg_pool_destroy(pool);
    return status == TG_OK ? 0 : 2;
}

static int run_with_those_that_are_there(void)
{
    if (run_group(4) != TG_OK)
        return 1;
    failing_system_refuse_runtime();
    return run_group(4) == TG_OK ? 0 : 2;
}

static int run_with_more(void)
{
    failing_system_refuse_runtime();
    return run_group(4) == TG_OK ? 0 : 1;
}

/* libomp leaves its name in shared memory when it aborts, and who gets the same process id later stumbles over it. */
static void clear_up_behind(pid_t child)
{
    char path[80];

    snprintf(path, sizeof path, "/dev/shm/__KMP_REGISTERED_LIB_%d_%d", (int)child, (int)getuid());
    unlink(path);
}

/* What the child's function answered, or -1: it has ended before that. Its stderr goes to `said`. */
static int answer_of(int (*function)(void), char *said, size_t size)
{
    int ends[2], status = 0;
    ssize_t length;
    size_t all = 0;
    pid_t child;

    fflush(NULL);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGALRM, SIG_DFL);
        alarm(TEST_SANITIZED ? 60 : 10);
        dup2(ends[1], STDERR_FILENO);
        failing_system_works();
        exit(100 + function());
    }
    close(ends[1]);
    while ((length = read(ends[0], said + all, size - 1 - all)) > 0)
        all += (size_t)length;
    said[all] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    clear_up_behind(child);
    ck_assert_msg(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "it hangs");
    return WIFEXITED(status) && WEXITSTATUS(status) >= 100 ? WEXITSTATUS(status) - 100 : -1;
}

START_TEST(one_thread_and_those_that_are_there_are_enough)
{
    char said[2000];

    ck_assert_int_eq(answer_of(run_alone, said, sizeof said), 0);
    ck_assert_int_eq(answer_of(run_pool_alone, said, sizeof said), 0);
    ck_assert_int_eq(answer_of(run_with_those_that_are_there, said, sizeof said), 0);
}
END_TEST

/* Were a runtime to go on with fewer threads, all tasks would have to run. */
START_TEST(a_runtime_that_gets_no_thread_ends_the_program_and_says_so)
{
    char said[2000];
    int answer = answer_of(run_with_more, said, sizeof said);

    ck_assert_msg(
        answer == 0 || (answer < 0 && strstr(said, "hread") != NULL), "%d: %s", answer, said);
}
END_TEST

int main(void)
{
    if (!failing_system_works()) {
        puts("test_faults_runtime: skipped, a sanitizer's own definitions are in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("faults of the runtime");
    TCase *all = add_case(suite, "threads");
    tcase_add_test(all, one_thread_and_those_that_are_there_are_enough);
    tcase_add_test(all, a_runtime_that_gets_no_thread_ends_the_program_and_says_so);
    return run_suite(suite);
}
