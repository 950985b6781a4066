/* SPDX-License-Identifier: MIT */
/*
 * Eight threads submit to a pool, wait, look, and take back, while another one closes it, opens it again,
 * resizes and pauses it. Which tasks run is open; that each one that was taken runs once or is accounted for, that
 * its handle answers, and that nobody waits for ever is not.
 *
 * Each test repeats for 50 ms, and at least three times; TG_STRESS_ROUNDS=n repeats n times instead.
 */
#include "../unit/tg_test.h"
#include "../unit/pools.h"

static const double BUDGET = 0.05;

static bool another_round(int done, double start)
{
    const char *rounds = getenv("TG_STRESS_ROUNDS");
    return rounds != NULL ? done < atoi(rounds) : done < 3 || tg_time_now() < start + BUDGET;
}

enum { THREADS = 8, JOBS = 40 };

/* What the one does while the others submit. */
enum {
    CLOSES = 1 << 0,
    RESIZES = 1 << 1,
    PAUSES = 1 << 2,
    LOOKS = 1 << 3,
    CLOSES_TWICE = 1 << 4, /* from two threads at once */
    RUNS_GROUPS = 1 << 5,
    ALL = (1 << 6) - 1
};

enum kind { PLAIN, LATE, SLEEPING, FAILING, KINDS };

/* One task. Those that may end in more than two ways always have a handle. */
struct job {
    enum kind kind;
    atomic_int runs;
    tg_status answer; /* of the submit */
    tg_status taken_back;
    tg_task *handle;
};

struct race {
    struct blame *blame;
    tg_pool *pool;
    unsigned ways;
    bool stops;      /* some of its closes do not wait */
    unsigned random; /* of the one */
    atomic_int submitting;
    tg_pool_numbers sum; /* of all times that it was closed */
    struct submitter {
        struct race *race;
        unsigned random;
        pthread_t thread;
        struct job jobs[JOBS];
    } submitters[THREADS];
};

static unsigned roll(unsigned *random, unsigned sides)
{
    *random = *random * 1664525u + 1013904223u;
    return (*random >> 8) % sides;
}

static void dawdle(unsigned *random)
{
    for (volatile unsigned i = roll(random, 2000); i > 0; i--)
        ;
}

/* ---- The tasks ----------------------------------------------------------------------------- */

static int do_job(tg_task *self, void *arg, void *result)
{
    struct job *job = arg;
    int runs = atomic_fetch_add(&job->runs, 1);

    (void)result;
    if (job->kind == SLEEPING)
        return tg_task_sleep(self, 0.0001);
    return job->kind == FAILING && runs == 0 ? 7 : 0; /* and is tried again */
}

static void submit_job(struct submitter *submitter, struct job *job)
{
    unsigned *random = &submitter->random;
    tg_task_options options = {.size = sizeof options};
    bool marked;

    job->kind = (enum kind)roll(random, KINDS);
    marked = job->kind > LATE || roll(random, 2) == 0;
    job->taken_back = TG_BUSY;
    options.priority = (int)roll(random, 3) - 1;
    options.when_full = (int)roll(random, 4);
    options.patience = roll(random, 2) ? 0.0005 : 0;
    options.delay = job->kind == LATE ? 1e-6 * roll(random, 300) : 0;
    options.attempts = job->kind == FAILING ? 2 : 0;
    options.backoff = roll(random, 2) ? 0 : 0.0001;
    job->answer =
        tg_pool_submit(submitter->race->pool, do_job, job, &options, marked ? &job->handle : NULL);
    expect(submitter->race->blame,
        job->answer == TG_OK || job->answer == TG_CLOSED || job->answer == TG_FULL);
    expect(submitter->race->blame, job->answer != TG_FULL || options.when_full != TG_FULL_DROP);
    expect(submitter->race->blame, (job->handle != NULL) == (marked && job->answer == TG_OK));
}

/* Whatever one may do with a handle. It is given back here, or when all is over. */
static void play_with(struct submitter *submitter, struct job *job)
{
    struct blame *blame = submitter->race->blame;
    tg_outcome outcome = {.size = sizeof outcome};
    tg_status status;

    if (job->handle == NULL)
        return;
    switch (roll(&submitter->random, 5)) {
    case 0:
        job->taken_back = tg_task_cancel(job->handle);
        expect(blame,
            job->taken_back == TG_OK || job->taken_back == TG_DONE || job->taken_back == TG_BUSY);
        break;
    case 1:
        status = tg_task_wait(job->handle, 0.0002);
        expect(blame, status == TG_RUNNING || status <= TG_SKIPPED);
        break;
    case 2:
        expect(blame, tg_task_outcome(job->handle, &outcome) == TG_OK);
        expect(blame, outcome.status == TG_NOT_RUN || outcome.status <= TG_SKIPPED);
        break;
    case 3:
        if (job->kind == PLAIN || job->kind == LATE) {
            tg_task_release(job->handle);
            job->handle = NULL;
        }
        break;
    default:
        break;
    }
}

static void *be_submitter(void *arg)
{
    struct submitter *submitter = arg;

    for (int i = 0; i < JOBS; i++) {
        submit_job(submitter, &submitter->jobs[i]);
        if (i > 0)
            play_with(submitter, &submitter->jobs[i - 1]);
        if (roll(&submitter->random, 4) == 0)
            dawdle(&submitter->random);
    }
    play_with(submitter, &submitter->jobs[JOBS - 1]);
    atomic_fetch_sub(&submitter->race->submitting, 1);
    return NULL;
}

/* ---- What happens meanwhile ---------------------------------------------------------------- */

static void *close_too(void *pool)
{
    tg_status status = tg_pool_close(pool, TG_FOREVER, NULL);
    return (void *)(uintptr_t)(status != TG_OK && status != TG_TIMED_OUT);
}

static void close_now(struct race *race, double timeout)
{
    pthread_t thread;
    bool twice = (race->ways & CLOSES_TWICE) != 0;
    size_t abandoned = 0;
    tg_status status;
    tg_pool_numbers n;
    void *bad = NULL;

    if (twice)
        pthread_create(&thread, NULL, close_too, race->pool);
    status = tg_pool_close(race->pool, timeout, &abandoned);
    if (twice)
        pthread_join(thread, &bad);
    n = numbers_of(race->pool);
    expect(race->blame, bad == NULL);
    expect(race->blame, status == TG_OK || (status == TG_TIMED_OUT && timeout < TG_FOREVER));
    expect(race->blame, n.abandoned == abandoned || (twice && status == TG_OK));
    expect(race->blame, is_over(&n));
    race->sum.submitted += n.submitted;
    race->sum.ok += n.ok;
    race->sum.cancelled += n.cancelled;
    race->sum.abandoned += n.abandoned;
    race->sum.failed += n.failed;
    race->sum.dropped += n.dropped;
}

static void run_group(struct race *race)
{
    tg_group *g = tg_group_create(TG_GROUP(.pool = race->pool));
    atomic_int ran = 0;
    tg_status status;

    tg_group_add_many(g, task_count, 10, &ran, 0, NULL);
    status = tg_group_start(g);
    expect(race->blame, status == TG_OK);
    if (roll(&race->random, 2) == 0) {
        expect(race->blame, tg_group_wait(g, TG_FOREVER) == TG_OK);
        expect(race->blame, atomic_load(&ran) == 10);
    }
    tg_group_destroy(g);
}

static void look_at(struct race *race)
{
    tg_pool_numbers n = numbers_of(race->pool);

    expect(race->blame, n.running >= 0 && n.free >= 0 && n.running + n.free == n.threads);
    expect(race->blame, n.waiters >= 0 && n.waiters <= THREADS);
    expect(race->blame, n.submitted <= THREADS * JOBS);
}

static void meddle(struct race *race)
{
    static const double timeouts[] = {0, 0.0001, 0.001, TG_FOREVER};
    unsigned way = 1u << roll(&race->random, 6);

    switch (race->ways & way) {
    case CLOSES:
        close_now(race, timeouts[roll(&race->random, 4)]);
        dawdle(&race->random);
        expect(race->blame, tg_pool_reopen(race->pool) == TG_OK);
        break;
    case RESIZES:
        expect(race->blame, tg_pool_resize(race->pool, 1 + (int)roll(&race->random, 4)) == TG_OK);
        break;
    case PAUSES:
        expect(race->blame, tg_pool_pause(race->pool, 1) == TG_OK);
        dawdle(&race->random);
        expect(race->blame, tg_pool_pause(race->pool, 0) == TG_OK);
        break;
    case LOOKS:
        look_at(race);
        break;
    case RUNS_GROUPS:
        run_group(race);
        break;
    default:
        sched_yield();
    }
}

/* ---- When all is over ---------------------------------------------------------------------- */

struct tally {
    size_t taken, ok, failed, never, stopped;
};

static void count_job(struct race *race, struct job *job, struct tally *tally)
{
    int runs = atomic_load(&job->runs);
    tg_status status = runs > 0 ? TG_OK : TG_SKIPPED; /* where nobody can say more */

    if (job->answer != TG_OK) {
        expect(race->blame, runs == 0);
        return;
    }
    if (job->handle != NULL) {
        status = tg_task_wait(job->handle, 0);
        expect(race->blame, outcome_of_task(job->handle).status == status);
        tg_task_release(job->handle);
    }
    tally->taken++;
    tally->ok += status == TG_OK;
    tally->stopped += status == TG_CANCELLED;
    tally->failed += status == TG_FAILED;
    tally->never += status == TG_SKIPPED;
    /* It fails if the pool was stopped before it could be tried again. */
    expect(
        race->blame, status == TG_OK || status == TG_CANCELLED || status == TG_SKIPPED ||
                         (status == TG_FAILED && job->kind == FAILING && runs == 1 && race->stops));
    bool unstarted = status == TG_SKIPPED || (status == TG_CANCELLED && job->taken_back == TG_OK);
    expect(race->blame, runs == 0 ? unstarted : status != TG_SKIPPED);
    expect(race->blame, runs <= 1 + (job->kind == FAILING));
    expect(race->blame, status != TG_OK || runs == 1 + (job->kind == FAILING));
    expect(race->blame, status != TG_CANCELLED || job->kind > LATE || runs == 0);
    expect(race->blame, job->taken_back != TG_OK || status != TG_OK);
}

static void settle(struct race *race)
{
    struct tally tally = {0};

    close_now(race, TG_FOREVER);
    tg_pool_destroy(race->pool);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < JOBS; j++)
            count_job(race, &race->submitters[i].jobs[j], &tally);
    expect(race->blame, race->sum.submitted == tally.taken);
    expect(race->blame, race->sum.ok == tally.ok);
    expect(race->blame, race->sum.failed == tally.failed);
    expect(race->blame, race->sum.cancelled == tally.stopped);
    expect(race->blame, race->sum.abandoned + race->sum.dropped == tally.never);
}

static void run_race(struct race *race, const tg_pool_options *options)
{
    race->pool = tg_pool_create(options);
    atomic_store(&race->submitting, THREADS);
    for (int i = 0; i < THREADS; i++) {
        struct submitter *submitter = &race->submitters[i];
        submitter->race = race;
        submitter->random = race->random + (unsigned)i * 7919;
        pthread_create(&submitter->thread, NULL, be_submitter, submitter);
    }
    while (atomic_load(&race->submitting) > 0)
        meddle(race);
    for (int i = 0; i < THREADS; i++)
        pthread_join(race->submitters[i].thread, NULL);
    settle(race);
}

static void race_in(unsigned ways, const tg_pool_options *options)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        struct blame blame = {0};
        struct race *race = calloc(1, sizeof *race);
        race->blame = &blame;
        race->ways = ways;
        race->stops = ways & CLOSES;
        race->random = (unsigned)round * 31u + 1;
        run_race(race, options);
        free(race);
        assert_blameless(&blame, "the race");
    }
}

/* With one thread and two, without bound and with hardly any room, in one team and in three. */
static const tg_pool_options pools[] = {
    {.size = sizeof(tg_pool_options), .threads = 1},
    {.size = sizeof(tg_pool_options), .threads = 2, .queue = 3},
    {.size = sizeof(tg_pool_options), .threads = 3, .queue = TG_QUEUE_NONE, .waiters = 4},
    {.size = sizeof(tg_pool_options), .threads = 2, .limit = 2, .idle = 0.0001},
    {.size = sizeof(tg_pool_options), .threads = 1, .shards = 3, .queue = 2, .balance = 1},
};
enum { POOLS = sizeof pools / sizeof *pools };

START_TEST(nothing_is_lost_when_nothing_happens)
{
    race_in(0, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_a_pool_is_closed_and_opened)
{
    race_in(CLOSES, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_several_close_a_pool)
{
    race_in(CLOSES | CLOSES_TWICE | LOOKS, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_a_pool_is_resized)
{
    race_in(RESIZES | LOOKS, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_a_pool_is_paused)
{
    race_in(PAUSES | LOOKS, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_groups_run_over_a_pool)
{
    race_in(RUNS_GROUPS | RESIZES | PAUSES, &pools[_i]);
}
END_TEST

START_TEST(nothing_is_lost_while_everything_happens)
{
    race_in(ALL, &pools[_i]);
}
END_TEST

/* ---- Destroyed ----------------------------------------------------------------------------- */

static void destroy_any_moment(struct race *race, const tg_pool_options *options)
{
    struct submitter *submitter = &race->submitters[0];
    struct tally tally = {0};

    submitter->race = race;
    submitter->random = race->random;
    race->stops = true;
    race->pool = tg_pool_create(options);
    for (int i = 0; i < JOBS; i++)
        submit_job(submitter, &submitter->jobs[i]);
    dawdle(&race->random);
    tg_pool_destroy(race->pool);
    for (int i = 0; i < JOBS; i++)
        count_job(race, &submitter->jobs[i], &tally);
}

START_TEST(a_pool_is_destroyed_at_any_moment)
{
    double start = tg_time_now();

    for (int round = 0; another_round(round, start); round++) {
        struct blame blame = {0};
        struct race *race = calloc(1, sizeof *race);
        race->blame = &blame;
        race->random = (unsigned)round * 131u + 1;
        destroy_any_moment(race, &pools[_i]);
        free(race);
        assert_blameless(&blame, "the round");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool_races");
    TCase *races = add_case(suite, "races");

    tcase_set_timeout(races, getenv("TG_STRESS_ROUNDS") != NULL ? 600 : 10);
    tcase_add_loop_test(races, nothing_is_lost_when_nothing_happens, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_a_pool_is_closed_and_opened, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_several_close_a_pool, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_a_pool_is_resized, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_a_pool_is_paused, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_groups_run_over_a_pool, 0, POOLS);
    tcase_add_loop_test(races, nothing_is_lost_while_everything_happens, 0, POOLS);
    tcase_add_loop_test(races, a_pool_is_destroyed_at_any_moment, 0, POOLS);
    return run_suite(suite);
}
