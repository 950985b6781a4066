/* SPDX-License-Identifier: MIT */
/* The k-th system call fails, for contexts and for groups on the threads of who runs them. */
#include "trial.h"

#include "failing_system.h"

#include <signal.h>
#include <time.h>

enum { TASKS = 12 };

/* Why nothing was made: also in words. */
static tg_status why(struct blame *blame)
{
    expect(blame, tg_error_last()->status == TG_NO_SYSTEM);
    expect(blame, tg_error_last()->message[0] != '\0');
    return tg_error_last()->status;
}

/* Refused because of a lost add: it is as if nothing had been, and after a reset all can be added again. */
static void expect_refused(struct blame *blame, tg_group *g)
{
    tg_report report = report_of(g);

    expect(blame, report.ok + report.failed + report.cancelled + report.crashed == 0);
    expect(blame, tg_error_last()->status == TG_NO_SYSTEM);
    expect(blame, tg_error_last()->message[0] != '\0');
}

/* Runs it, and once more if it was refused: only what fails for ever is refused again. */
static tg_status run_to(struct blame *blame, tg_group *g, tg_status expected)
{
    tg_status status = tg_group_run(g), again;

    if (status == TG_NO_SYSTEM) {
        expect_refused(blame, g);
        again = tg_group_run(g);
        expect(blame, again == expected || (trial_forever && again == TG_NO_SYSTEM));
    } else {
        expect(blame, status == expected);
        status = TG_OK;
    }
    expect_exact_accounting(blame, g);
    return status;
}

/* ---- Contexts ------------------------------------------------------------------------------ */

static void old_handler(int number)
{
    (void)number;
}

static tg_status signals(struct blame *blame)
{
    tg_context *context, *other;
    tg_status status = TG_OK;

    signal(SIGUSR1, old_handler);
    other = tg_context_create(TG_CONTEXT(.signals = TG_SIGNAL_USR2));
    if (other == NULL)
        status = why(blame);
    context = tg_context_create(
        TG_CONTEXT(.signals = TG_SIGNAL_INT | TG_SIGNAL_TERM | TG_SIGNAL_USR1 | TG_SIGNAL_USR2));
    if (context == NULL)
        status = why(blame);
    raise(SIGUSR1); /* the context's, or the old handler's */
    expect(blame, context == NULL || tg_context_check(context) == TG_CANCELLED);
    expect(blame, other == NULL || tg_context_check(other) == TG_OK);
    if (other != NULL)
        raise(SIGUSR2); /* who bound it first still has it */
    expect(blame, other == NULL || tg_context_check(other) == TG_CANCELLED);
    tg_context_destroy(context);
    tg_context_destroy(other);
    signal(SIGUSR1, SIG_DFL);
    return status;
}

static void note_call(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

static tg_status hooks(struct blame *blame)
{
    tg_context *context = tg_context_create(TG_CONTEXT(.timeout = 1e-3));
    atomic_int called = 0;
    tg_hook *hook = tg_context_hook(context, note_call, &called);
    tg_status status = TG_OK;

    if (hook == NULL) {
        status = why(blame);
        hook = tg_context_hook(context, note_call, &called); /* and now? */
        expect(blame, (hook == NULL) == trial_forever);
    }
    if (hook != NULL)
        wait_until(atomic_load(&called) > 0);
    tg_hook_remove(hook);
    tg_context_destroy(context);
    expect(blame, called == (hook != NULL));
    return status;
}

/* ---- Groups -------------------------------------------------------------------------------- */

static int fail_twice(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_attempt(self) <= 2;
}

static int beat(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    if (tg_task_attempt(self) == 2)
        tg_task_stop(self);
    return 0;
}

/* An add that needs the waiter; a refused one changes nothing but that the batch is incomplete. */
static tg_status add_timed(
    struct blame *blame, tg_group *g, tg_task_fn *function, const tg_task_options *options)
{
    size_t before = tg_group_count(g), index = 0;
    tg_status status = tg_group_add_with(g, function, NULL, options, &index);

    expect(blame, status == TG_OK || status == TG_NO_SYSTEM);
    expect(blame, index == (status == TG_OK ? before : TG_NO_INDEX));
    expect(blame, tg_group_count(g) == before + (status == TG_OK));
    return status;
}

static void add_all_timed(struct blame *blame, tg_group *g, bool *refused)
{
    for (int i = 0; i < TASKS; i++) {
        tg_status status =
            i % 3 == 0   ? add_timed(blame, g, fail_twice, TG_TASK(.attempts = 3, .backoff = 1e-6))
            : i % 3 == 1 ? add_timed(blame, g, task_count, TG_TASK(.delay = 1e-5))
                         : add_timed(blame, g, beat, TG_TASK(.start = 1, .period = 1e-5));
        *refused = *refused || status != TG_OK;
    }
}

static tg_status timed(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    bool refused = false, again = false;
    tg_status status;

    add_all_timed(blame, g, &refused);
    status = tg_group_run(g);
    expect(blame, status == (refused ? TG_NO_SYSTEM : TG_OK));
    if (refused) {
        expect_refused(blame, g);
        expect(blame, tg_group_reset(g) == TG_OK);
        add_all_timed(blame, g, &again);
        expect(blame, again == trial_forever);
        expect(blame, tg_group_run(g) == (again ? TG_NO_SYSTEM : TG_OK));
    }
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    return status;
}

static int doze(tg_task *self, void *arg, void *result)
{
    (void)arg, (void)result;
    return tg_task_sleep(self, 1e-4);
}

/* Without a waiter the thread stays with the task: it takes longer, and that is all. */
static tg_status sleeping(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.limit = 3));
    tg_status status;

    tg_group_add_many(g, doze, TASKS, NULL, 0, NULL);
    tg_group_add_many(g, doze, TASKS, NULL, 0, TG_TASK(.timeout = 1000));
    failing_system_interrupt(2);
    status = run_to(blame, g, TG_OK);
    failing_system_interrupt(0);
    expect(blame, report_of(g).ok == (status == TG_OK ? 2 * TASKS : report_of(g).ok));
    tg_group_destroy(g);
    return status;
}

struct errand {
    atomic_size_t index; /* + 1 */
};

static int complete_it(tg_task *self, void *arg, void *result)
{
    struct errand *errand = arg;
    (void)result;
    return tg_group_complete(tg_task_group(self), atomic_load(&errand->index) - 1, 0, NULL) !=
           TG_OK;
}

static int defer(tg_task *self, void *arg, void *result)
{
    struct errand *errand = arg;

    (void)result;
    atomic_store(&errand->index, tg_task_index(self) + 1);
    if (tg_group_add(tg_task_group(self), complete_it, errand) != TG_OK)
        return 1;
    return tg_task_defer(self);
}

static tg_status deferring(struct blame *blame)
{
    struct errand errands[TASKS] = {0};
    tg_group *g = tg_group_create(NULL);
    tg_status status;

    tg_group_add_many(g, defer, TASKS, errands, sizeof *errands, NULL);
    status = run_to(blame, g, TG_OK);
    tg_group_destroy(g);
    return status;
}

static tg_status holding(struct blame *blame)
{
    tg_group *g = tg_group_create(NULL);
    tg_task *hold = tg_group_hold(g, TG_TASK(.id = 7));
    tg_status status = TG_OK;

    if (hold == NULL) {
        status = why(blame);
        expect(blame, tg_group_count(g) == 0 && tg_group_run(g) == TG_NO_SYSTEM);
        expect(blame, tg_group_reset(g) == TG_OK);
        hold = tg_group_hold(g, TG_TASK(.id = 7));
        expect(blame, (hold == NULL) == trial_forever);
    }
    if (hold != NULL) {
        expect(blame, tg_task_complete(hold, 0, NULL) == TG_OK);
        expect(blame, tg_group_run(g) == TG_OK);
        expect_exact_accounting(blame, g);
    }
    tg_group_destroy(g);
    return status;
}

static int add_some(tg_group *group, void *user)
{
    for (int i = 0; i < TASKS; i++)
        tg_group_add_with(group, task_count, user, TG_TASK(.patience = 1000), NULL);
    return 0;
}

static tg_status scope(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.queue = 2));
    atomic_int runs = 0;
    tg_status status = tg_group_scope(g, add_some, &runs), again;

    expect(blame, status == TG_OK || status == TG_NO_SYSTEM);
    if (status == TG_NO_SYSTEM) {
        expect(blame, atomic_load(&runs) == 0 && tg_group_count(g) == 0);
        again = tg_group_scope(g, add_some, &runs);
        expect(blame, again == (trial_forever ? TG_NO_SYSTEM : TG_OK));
    }
    expect(blame, atomic_load(&runs) == (int)tg_group_count(g));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    return status;
}

static tg_status shared(struct blame *blame)
{
    tg_limit *limit = tg_limit_create(2);
    tg_group *g = tg_group_create(TG_GROUP(.shared = limit, .timeout = 1000));
    tg_status status;

    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    status = run_to(blame, g, TG_OK);
    expect(blame, tg_limit_used(limit) == 0);
    tg_group_destroy(g);
    tg_limit_destroy(limit);
    return status;
}

static int crash(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return raise(SIGFPE);
}

static tg_status guarded(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD | TG_GROUP_KEEP_GOING));
    tg_status status;

    tg_group_add_many(g, task_count, TASKS, NULL, 0, NULL);
    tg_group_add(g, crash, NULL);
    status = run_to(blame, g, TG_CRASHED);
    tg_group_destroy(g);
    return status;
}

/* A guarded one around others; the inner ones are refused alone. */
static int run_guarded(tg_task *self, void *arg, void *result)
{
    (void)self, (void)result;
    return guarded(arg) == TG_OK ? 0 : TG_NO_SYSTEM;
}

static tg_status nested(struct blame *blame)
{
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_KEEP_GOING));
    tg_status status;

    tg_group_add_many(g, run_guarded, 3, blame, 0, NULL);
    status = tg_group_run(g);
    expect(blame,
        status == TG_OK || (status == TG_FAILED && tg_group_error(g)->code == (int)TG_NO_SYSTEM));
    expect_exact_accounting(blame, g);
    tg_group_destroy(g);
    return status == TG_OK ? TG_OK : TG_NO_SYSTEM;
}

/* Blocks so large that they are mapped. */
static tg_status large(struct blame *blame)
{
    enum { MANY = 1 << 18 };
    tg_group *g = tg_group_create(TG_GROUP(.result_size = 16));

    expect(blame, tg_group_add_many(g, task_count, MANY, NULL, 0, NULL) == TG_OK);
    expect(blame, tg_context_cancel(tg_group_context(g), 0, NULL) == TG_OK);
    expect(blame, tg_group_run(g) == TG_CANCELLED);
    expect(blame, report_of(g).skipped == MANY);
    tg_group_destroy(g);
    return TG_OK;
}

static const struct program programs[] = {{"signals", signals, ALWAYS}, {"hooks", hooks, ALWAYS},
    {"timed", timed, ALWAYS}, {"sleeping", sleeping, NEVER}, {"deferring", deferring, NEVER},
    {"holding", holding, ALWAYS}, {"scope", scope, ALWAYS}, {"shared", shared, ALWAYS},
    {"guarded", guarded, ALWAYS}, {"nested", nested, ALWAYS}, {"large", large, NEVER}};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(a_program_is_refused_what_the_system_has_not_or_does_without_and_keeps_nothing)
{
    try_program(&programs[_i / 2], _i % 2);
}
END_TEST

int main(void)
{
    if (!failing_system_works()) {
        puts("test_faults: skipped, a sanitizer's own definitions are in the way");
        return EXIT_SUCCESS;
    }
    Suite *suite = suite_create("faults");
    TCase *all = add_case(suite, "programs");
    tcase_set_timeout(all, 5 * TEST_TIMEOUT);
    tcase_add_loop_test(all,
        a_program_is_refused_what_the_system_has_not_or_does_without_and_keeps_nothing, 0,
        2 * PROGRAMS);
    return run_suite(suite);
}
