/* SPDX-License-Identifier: MIT */
/*
 * What the library has in a process besides OpenMP's threads: two kinds of threads, with names, blocked signals and
 * the processors of the process, or of the thread that makes a pool; and no file. Run also with OMP_PROC_BIND, under which main has one place.
 */
#include "../unit/tg_test.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* What main had at first, and (libgomp has bound it before anybody can ask) the places that it may be bound to. */
static cpu_set_t processors;
__attribute__((constructor)) static void ask_at_start(void)
{
    sched_getaffinity(0, sizeof processors, &processors);
}

static void add_places(void)
{
    for (int place = 0; place < omp_get_num_places(); place++) {
        int ids[CPU_SETSIZE], count = omp_get_place_num_procs(place);
        ck_assert_int_le(count, CPU_SETSIZE);
        omp_get_place_proc_ids(place, ids);
        for (int i = 0; i < count; i++)
            CPU_SET((size_t)ids[i], &processors);
    }
}

/* ---- Looking at threads ------------------------------------------------------------------------ */

struct sight {
    int threads;       /* with this name */
    int badly_blocked; /* of them: blocks a signal that it must not, or not one that it must */
    int badly_placed;  /* of them: does not have all processors */
};

static void look_at_status(const char *task, struct sight *sight)
{
    char path[300], line[300];
    FILE *file;
    unsigned long own = 0, all = ~0ul, blocked;

    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++)
        own |= 1ul << (synchronous[i] - 1);
    /* Nobody can block these; the C library keeps the first two real-time ones for itself. */
    all &= ~(1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1) | 3ul << 31);
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "SigBlk: %lx", &blocked) == 1)
            sight->badly_blocked += (blocked & own) != 0 || (blocked & all) != (all & ~own);
    if (file != NULL)
        fclose(file);
}

static struct sight look_for(const char *name)
{
    struct sight sight = {0};
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        bool found = fgets(comm, sizeof comm, file) != NULL;
        fclose(file);
        comm[strcspn(comm, "\n")] = '\0';
        if (!found || strcmp(comm, name) != 0)
            continue;
        cpu_set_t now;
        sight.threads++;
        if (sched_getaffinity(atoi(entry->d_name), sizeof now, &now) != 0 ||
            !CPU_EQUAL(&now, &processors))
            sight.badly_placed++;
        look_at_status(entry->d_name, &sight);
    }
    if (folder != NULL)
        closedir(folder);
    return sight;
}

static void no_hook(void *unused)
{
    (void)unused;
}

static int task_waits(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    wait_until(atomic_load((atomic_int *)arg) == 1);
    return 0;
}

START_TEST(there_is_no_thread_of_ours_before_one_is_needed)
{
    tg_group *g = tg_group_create(NULL);

    tg_group_add_many(g, task_count, 100, NULL, 0, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_group_destroy(g);
    ck_assert_int_eq(look_for("tg-events").threads, 0);
    ck_assert_int_eq(look_for("tg-pool").threads, 0);
}
END_TEST

START_TEST(our_threads_have_names_block_signals_and_have_all_processors)
{
    atomic_int done = 0;
    struct sight waiter, host;

    add_places();
#pragma omp parallel
    (void)omp_get_thread_num(); /* libomp binds main here */
    tg_context *context = tg_context_create(NULL);
    tg_hook *hook = tg_context_hook(context, no_hook, NULL);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2, .shards = 2));
    for (int i = 0; i < 4; i++)
        assert_status(tg_pool_submit(pool, task_waits, &done, NULL, NULL), TG_OK);
    /* A thread that begins has everything blocked for a moment, and its name a bit later. Pools' OpenMP threads have
       name and mask from their host. */
    do {
        waiter = look_for("tg-events");
        host = look_for("tg-pool");
    } while (waiter.threads < 1 || waiter.badly_blocked > 0 || host.threads < 2 ||
             host.badly_blocked > 0);
    ck_assert_int_eq(waiter.threads, 1);
    ck_assert_int_eq(waiter.badly_placed, 0);
    tg_info info = {.size = sizeof info};
    tg_info_read(&info);
    if (!info.bound) /* else hosts are OpenMP threads and have a place of their own */
        ck_assert_int_eq(host.badly_placed, 0);
    atomic_store(&done, 1);
    assert_status(tg_pool_close(pool, TG_FOREVER, NULL), TG_OK);
    tg_pool_destroy(pool);
    tg_hook_remove(hook);
    tg_context_destroy(context);
}
END_TEST

START_TEST(a_pool_takes_its_hosts_with_it)
{
    tg_pool *pool =
        tg_pool_create(TG_POOL(.threads = 1, .shards = 3)); /* libomp keeps further ones */
    tg_task *task = NULL;

    assert_status(tg_pool_submit(pool, task_count, NULL, NULL, &task), TG_OK);
    assert_status(tg_task_wait(task, TG_FOREVER), TG_OK);
    tg_task_release(task);
    tg_pool_destroy(pool);
    wait_until(look_for("tg-pool").threads == 0); /* may still be listed for a moment */
}
END_TEST

START_TEST(the_callers_own_mask_and_processors_are_as_before)
{
    sigset_t before, after;
    cpu_set_t places_before, places_after;
    tg_group *g = tg_group_create(TG_GROUP(.timeout = 3600));

#pragma omp parallel
    (void)omp_get_thread_num(); /* bound from here on, where that is asked for */
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    sched_getaffinity(0, sizeof places_before, &places_before);
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR1));
    tg_hook *hook = tg_context_hook(context, no_hook, NULL);
    tg_group_add_many(g, task_count, 100, NULL, 0, NULL);
    assert_status(tg_group_run(g), TG_OK);
    tg_hook_remove(hook);
    tg_context_destroy(context);
    tg_group_destroy(g);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    sched_getaffinity(0, sizeof places_after, &places_after);
    for (int i = 1; i < NSIG; i++)
        ck_assert_int_eq(sigismember(&before, i), sigismember(&after, i));
    ck_assert(CPU_EQUAL(&places_before, &places_after));
}
END_TEST

/* ---- Where a pool runs --------------------------------------------------------------------------- */

/* Threads that are in it at once, and those of them that are on other processors than they should be. */
struct meeting {
    cpu_set_t processors;
    int wanted;
    atomic_int there, astray;
};

static int task_meets(tg_task *self, void *arg, void *result)
{
    struct meeting *meeting = arg;
    cpu_set_t own;

    (void)self, (void)result;
    if (sched_getaffinity(0, sizeof own, &own) != 0 || !CPU_EQUAL(&own, &meeting->processors))
        atomic_fetch_add(&meeting->astray, 1);
    atomic_fetch_add(&meeting->there, 1);
    wait_until(atomic_load(&meeting->there) >= meeting->wanted);
    return 0;
}

enum { MEETING = 3 };

/* Runs on so many threads of the pool, or of a group without one. Are they all there? */
static bool all_are_on(tg_pool *pool, int threads, const cpu_set_t *should)
{
    struct meeting meeting = {.processors = *should, .wanted = threads};
    tg_group *g = tg_group_create(TG_GROUP(.pool = pool, .threads = threads));
    bool good;

    tg_group_add_many(g, task_meets, (size_t)threads, &meeting, 0, NULL);
    good = tg_group_run(g) == TG_OK && atomic_load(&meeting.astray) == 0;
    tg_group_destroy(g);
    return good;
}

static bool caller_is_on(const cpu_set_t *should)
{
    cpu_set_t own;

    return sched_getaffinity(0, sizeof own, &own) == 0 && CPU_EQUAL(&own, should);
}

static bool move_to(const cpu_set_t *set)
{
    return sched_setaffinity(0, sizeof *set, set) == 0;
}

static cpu_set_t first_processor(void)
{
    cpu_set_t one;
    size_t first = 0;

    while (!CPU_ISSET(first, &processors))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    return one;
}

/* Else OpenMP gives each thread a place of its own, or there is only one. */
static bool have_a_choice(void)
{
    return getenv("OMP_PROC_BIND") == NULL && CPU_COUNT(&processors) > 1;
}

/* With OpenMP begun before main binds itself to one processor, or not. */
START_TEST(a_pool_runs_on_the_processors_of_the_thread_that_makes_it)
{
    cpu_set_t one = first_processor();
    tg_pool *pool;

    if (!have_a_choice())
        return;
    ck_assert(_i == 0 || all_are_on(NULL, MEETING, &processors));
    ck_assert(move_to(&one));
    pool = tg_pool_create(TG_POOL(.threads = MEETING));
    ck_assert(caller_is_on(&one));
    ck_assert(all_are_on(pool, MEETING, &one));
    /* Whoever has its threads made again later. */
    ck_assert(move_to(&processors));
    assert_status(tg_pool_close(pool, TG_FOREVER, NULL), TG_OK);
    assert_status(tg_pool_reopen(pool), TG_OK);
    ck_assert(all_are_on(pool, MEETING, &one));
    tg_pool_destroy(pool);
    ck_assert(caller_is_on(&processors));
    /* libomp has its threads run other regions now; begun on one processor it knows of no others. */
    ck_assert(_i == 0 || all_are_on(NULL, 3 * MEETING, &processors));
}
END_TEST

struct maker {
    tg_pool *pool;
    bool moved, stayed, good;
};

static void *make_pool(void *arg)
{
    struct maker *maker = arg;
    cpu_set_t one = first_processor();

    maker->moved = move_to(&one);
    maker->pool = tg_pool_create(TG_POOL(.threads = MEETING));
    maker->stayed = caller_is_on(&one);
    maker->good = all_are_on(maker->pool, MEETING, &one);
    return NULL;
}

/* libomp moves a thread that calls it for the first time to all processors. */
START_TEST(a_thread_that_makes_a_pool_stays_where_it_was)
{
    pthread_t thread;
    struct maker maker = {0};

    if (!have_a_choice())
        return;
    ck_assert(all_are_on(NULL, MEETING, &processors));
    ck_assert_int_eq(pthread_create(&thread, NULL, make_pool, &maker), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(maker.moved && maker.stayed && maker.good);
    tg_pool_destroy(maker.pool);
    ck_assert(all_are_on(NULL, 3 * MEETING, &processors));
}
END_TEST

/* ---- Files -------------------------------------------------------------------------------------- */

enum { FILES_LOOKED_AT = 1024 };

static int count_files(void)
{
    int open = 0;

    for (int file = 0; file < FILES_LOOKED_AT; file++)
        open += fcntl(file, F_GETFD) != -1;
    return open;
}

static int task_closes(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_index(self) == 10)
        for (int file = 3; file < FILES_LOOKED_AT; file++)
            close(file);
    return tg_task_index(self) % 2 == 0 ? tg_task_sleep(self, 1e-3) : 0;
}

/* A bit of everything while the number of open files is looked at. Some have been closed meanwhile? */
static void run_busily(struct blame *blame, tg_task_fn *function)
{
    atomic_int done = 1;
    tg_context *context = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR2, .timeout = 3600));
    tg_hook *hook = tg_context_hook(context, no_hook, NULL);
    tg_pool *pool = tg_pool_create(TG_POOL(.threads = 2));
    tg_group *g = tg_group_create(TG_GROUP(.context = context, .flags = TG_GROUP_GUARD));
    int before = count_files();

    expect(blame, tg_pool_submit(pool, task_waits, &done, NULL, NULL) == TG_OK);
    tg_group_add_many(g, function, 40, NULL, 0, NULL);
    expect(blame, tg_group_run(g) == TG_OK);
    expect(blame, report_of(g).ok == 40);
    expect(blame, count_files() <= before);
    for (int i = 0; i < 10; i++)
        expect(
            blame, tg_pool_submit(pool, task_count, NULL, TG_TASK(.delay = 1e-3), NULL) == TG_OK);
    expect(blame, tg_pool_close(pool, TG_FOREVER, NULL) == TG_OK);
    tg_pool_destroy(pool);
    tg_hook_remove(hook);
    tg_context_destroy(context);
    tg_group_destroy(g);
}

START_TEST(the_library_opens_no_file)
{
    struct blame blame = {0};
    int before = count_files();

    run_busily(&blame, task_count);
    assert_blameless(&blame, "serial code");
    ck_assert_int_eq(count_files(), before);
}
END_TEST

/* Check's own are closed, too: the test says so by its end. */
START_TEST(a_task_may_close_every_file_that_there_is)
{
    struct blame blame = {0};

    run_busily(&blame, task_closes);
    run_busily(&blame, task_count);
    _exit(atomic_load(&blame.line) == 0 ? 42 : 1);
}
END_TEST

START_TEST(without_a_free_descriptor_everything_goes_on)
{
    struct blame blame = {0};
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0}, before;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    omp_get_num_procs(); /* runtimes look at files when they begin */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    run_busily(&blame, task_count);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_blameless(&blame, "serial code");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *threads = add_case(suite, "threads");
    TCase *files = add_case(suite, "files");

    tcase_add_test(threads, there_is_no_thread_of_ours_before_one_is_needed);
    tcase_add_test(threads, our_threads_have_names_block_signals_and_have_all_processors);
    tcase_add_test(threads, a_pool_takes_its_hosts_with_it);
    tcase_add_test(threads, the_callers_own_mask_and_processors_are_as_before);
    tcase_add_loop_test(threads, a_pool_runs_on_the_processors_of_the_thread_that_makes_it, 0, 2);
    tcase_add_test(threads, a_thread_that_makes_a_pool_stays_where_it_was);
    tcase_add_test(files, the_library_opens_no_file);
    tcase_add_exit_test(files, a_task_may_close_every_file_that_there_is, 42);
    tcase_add_test(files, without_a_free_descriptor_everything_goes_on);
    return run_suite(suite);
}
