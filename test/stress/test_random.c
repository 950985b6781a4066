/* SPDX-License-Identifier: MIT */
/*
 * Random groups against a sequential oracle. A seed says everything about a group: its tasks, who
 * fails, asks, cancels, adds more tasks or runs a group below. Then it is run, and what became of
 * each task must be what the contract allows; where the order is exact, what the oracle says.
 *
 * TG_STRESS_ROUNDS=n tries n seeds a place; TG_STRESS_SEED=s only that one.
 */
#include "../unit/tg_test.h"

/* ---- Plans --------------------------------------------------------------------------------- */

struct plan;

/* One task as planned, and what happened to it. */
struct spec {
    struct plan *plan;
    bool optional, asks, cancels;
    int code;            /* what it returns unless it asks and is told */
    int adds;            /* of the plan's later specs, which it adds to its own group */
    uint64_t below_seed; /* of a group that it runs; 0: none */

    atomic_int runs;
    size_t index;
    bool told;
    int returned;
};

struct plan {
    struct blame *blame;
    uint64_t seed;
    int depth;
    tg_group_options options;
    bool in_ranges; /* neighbours are added by one call */
    size_t initial, total;
    struct spec *specs;        /* the first `initial` are added before the run */
    atomic_size_t next;        /* of the others */
    atomic_size_t late, alive; /* adds by tasks: refused, taken */
    atomic_bool cancelled;
};

enum { CODE_TOLD = 99, CODE_CANCEL = 42, DEPTH = 2 };

static _Atomic uint64_t bad_seed;

#define hold(plan, condition)                                                \
    do {                                                                     \
        if (!(condition)) {                                                  \
            uint64_t none_ = 0;                                              \
            atomic_compare_exchange_strong(&bad_seed, &none_, (plan)->seed); \
            blame_set((plan)->blame, #condition, __LINE__);                  \
        }                                                                    \
    } while (0)

static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static size_t below(uint64_t *state, size_t bound)
{
    return (size_t)(draw(state) % bound);
}

static struct plan *new_plan(struct blame *blame, uint64_t seed, int depth)
{
    static const long limits[] = {0, 0, 0, 1, 2, 3, 8};
    static const long grains[] = {0, 1, 3, 32, 1000, TG_GRAIN_AUTO};
    static const size_t most[] = {1, 4, 16, 100, 501};
    static const size_t rarity[] = {1000000, 1000000, 300, 30, 3}; /* one in … fails */
    struct plan *plan = calloc(1, sizeof *plan);
    uint64_t state = seed;
    size_t size = below(&state, depth == 0 ? most[below(&state, 5)] : 8);
    size_t failing = rarity[below(&state, 5)], optional = below(&state, 3);
    bool grows = below(&state, 3) == 0, nests = depth < DEPTH && below(&state, 4) == 0;
    bool cancels = size > 0 && below(&state, 6) == 0;

    *plan = (struct plan){.blame = blame, .seed = seed, .depth = depth};
    plan->options = (tg_group_options){
        .size = sizeof plan->options,
        .flags = below(&state, 5) == 0 ? TG_GROUP_KEEP_GOING : 0,
        .limit = limits[below(&state, 7)],
        .grainsize = grains[below(&state, 6)],
        .threads = below(&state, 8) == 0 ? (int)below(&state, 4) : 0,
        .result_size = below(&state, 4) == 0 ? 0 : sizeof(uint64_t),
        .capacity = below(&state, 3) == 0 ? below(&state, 600) : 0,
    };
    plan->in_ranges = below(&state, 2) == 0;
    plan->initial = size;
    plan->total = grows && size > 0 ? size + below(&state, 300) : size;
    plan->specs = calloc(plan->total + 1, sizeof *plan->specs);
    atomic_init(&plan->next, size);
    for (size_t i = 0; i < plan->total; i++) {
        struct spec *spec = &plan->specs[i];
        spec->plan = plan;
        spec->optional = below(&state, 3) < optional;
        spec->code = below(&state, failing) == 0 ? 1 + (int)below(&state, 90) : 0;
        spec->asks = below(&state, 2) == 0;
        spec->adds = grows && below(&state, 2) == 0 ? (int)below(&state, 6) : 0;
        spec->below_seed = nests && below(&state, 10) == 0 ? draw(&state) | 1 : 0;
    }
    if (cancels)
        plan->specs[below(&state, plan->total)].cancels = true;
    return plan;
}

static void free_plan(struct plan *plan)
{
    free(plan->specs);
    free(plan);
}

static uint64_t value_of(const struct spec *spec)
{
    return spec->plan->seed ^ ((uint64_t)(spec - spec->plan->specs) + 1) << 20;
}

/* ---- Running ------------------------------------------------------------------------------- */

static void run_plan(struct blame *blame, uint64_t seed, int depth, tg_task *above);

static int play(tg_task *self, void *arg, void *result)
{
    struct spec *spec = arg;
    struct plan *plan = spec->plan;

    atomic_fetch_add(&spec->runs, 1);
    spec->index = tg_task_index(self);
    if (plan->options.result_size > 0) {
        hold(plan, *(uint64_t *)result == 0);
        *(uint64_t *)result = value_of(spec);
    } else {
        hold(plan, result == NULL);
    }
    for (int i = 0; i < spec->adds; i++) {
        size_t next = atomic_fetch_add(&plan->next, 1);
        tg_status status;
        if (next >= plan->total)
            break;
        struct spec *more = &plan->specs[next];
        status = tg_group_add_with(tg_task_group(self), play, more,
            TG_TASK(.flags = more->optional ? TG_TASK_OPTIONAL : 0), NULL);
        hold(plan, status == TG_OK || status == TG_CLOSED);
        atomic_fetch_add(status == TG_OK ? &plan->alive : &plan->late, 1);
    }
    if (spec->below_seed != 0)
        run_plan(plan->blame, spec->below_seed, plan->depth + 1, self);
    if (spec->cancels) {
        atomic_store(&plan->cancelled, true);
        tg_context_cancel(tg_task_context(self), CODE_CANCEL, "as planned");
    }
    if (spec->asks && tg_task_check(self) != TG_OK)
        spec->told = true;
    spec->returned = spec->told ? CODE_TOLD : spec->code;
    return spec->returned;
}

static void add_all(struct plan *plan, tg_group *g)
{
    for (size_t i = 0; i < plan->initial;) {
        struct spec *spec = &plan->specs[i];
        unsigned flags = spec->optional ? TG_TASK_OPTIONAL : 0;
        size_t many = 1;
        while (plan->in_ranges && i + many < plan->initial && many < 60 &&
               spec[many].optional == spec->optional)
            many++;
        if (many == 1)
            hold(plan, tg_group_add_with(g, play, spec, TG_TASK(.flags = flags), NULL) == TG_OK);
        else
            hold(plan, tg_group_add_many(
                           g, play, many, spec, sizeof *spec, TG_TASK(.flags = flags)) == TG_OK);
        i += many;
    }
}

/* ---- Judging ------------------------------------------------------------------------------- */

static tg_status status_by_run(const struct spec *spec)
{
    if (atomic_load(&spec->runs) == 0)
        return TG_SKIPPED;
    return spec->returned == 0 ? TG_OK : spec->told ? TG_CANCELLED : TG_FAILED;
}

struct tally {
    size_t ran, skipped, ok, failed, cancelled, required_failed;
};

/* Every task that was added: its outcome is what its function did, its slot what it wrote. */
static struct tally judge_tasks(struct plan *plan, tg_group *g)
{
    struct tally tally = {0};
    size_t added = plan->initial + atomic_load(&plan->alive);
    const uint64_t *results = plan->options.result_size > 0 ? tg_group_results(g) : NULL;

    hold(plan, tg_group_count(g) == added);
    hold(plan, results != NULL || plan->options.result_size == 0 || added == 0);
    for (size_t i = 0; i < plan->total; i++) {
        const struct spec *spec = &plan->specs[i];
        int runs = atomic_load(&spec->runs);
        size_t index = i < plan->initial ? i : spec->index;
        tg_outcome outcome;
        hold(plan, runs <= 1);
        if (runs == 0 && i >= plan->initial)
            continue; /* added and skipped, or never added: counted below */
        hold(plan, runs == 0 || (spec->index == index && index < added));
        outcome = outcome_of(g, index);
        hold(plan, outcome.status == status_by_run(spec));
        hold(plan, outcome.code == (runs == 0 ? 0 : spec->returned));
        if (results != NULL)
            hold(plan, results[index] == (runs == 0 ? 0 : value_of(spec)));
        tally.ran += runs == 1;
        tally.ok += outcome.status == TG_OK;
        tally.failed += outcome.status == TG_FAILED;
        tally.cancelled += outcome.status == TG_CANCELLED;
        tally.required_failed += outcome.status == TG_FAILED && !spec->optional;
    }
    tally.skipped = added - tally.ran;
    return tally;
}

static void judge_report(struct plan *plan, tg_group *g, const struct tally *tally)
{
    tg_report report = report_of(g);
    size_t errors = 0;

    hold(plan, report.added == plan->initial + atomic_load(&plan->alive));
    hold(plan, report.ok == tally->ok);
    hold(plan, report.failed == tally->failed);
    hold(plan, report.cancelled == tally->cancelled);
    hold(plan, report.skipped == tally->skipped);
    hold(plan, report.not_run == 0);
    for (const tg_error *e = NULL; (e = tg_group_error_next(g, e)) != NULL; errors++)
        hold(plan, e->status == TG_FAILED && status_of(g, e->index) == TG_FAILED &&
                       outcome_of(g, e->index).code == e->code);
    hold(plan, errors == tally->failed);
}

/* The group's own answer: which of the statuses the contract allows after what has happened. */
static void judge_answer(
    struct plan *plan, tg_group *g, tg_status status, const struct tally *tally, bool outside)
{
    const tg_error *error = tg_group_error(g);
    bool keep_going = (plan->options.flags & TG_GROUP_KEEP_GOING) != 0;
    bool undone = tally->skipped + tally->cancelled + atomic_load(&plan->late) > 0;

    hold(plan, (error == NULL) == (status == TG_OK));
    if (!outside) { /* nobody has cancelled */
        hold(plan, status == (tally->required_failed > 0 ? TG_FAILED : TG_OK));
        hold(plan, status == TG_OK || !keep_going || !undone);
        if (status == TG_OK || keep_going)
            hold(plan, !undone);
    }
    if (status == TG_OK)
        hold(plan, !undone && tally->required_failed == 0);
    else if (status == TG_CANCELLED)
        hold(plan, outside && undone && error->index == TG_NO_INDEX);
    else
        hold(plan, status == TG_FAILED && tally->required_failed > 0 &&
                       status_of(g, error->index) == TG_FAILED &&
                       outcome_of(g, error->index).code == error->code);
    if (status == TG_CANCELLED && plan->depth == 0)
        hold(plan, error->code == CODE_CANCEL);
}

/* One after another in order of adding: then every status is known beforehand. */
static void judge_by_oracle(struct plan *plan, tg_group *g, tg_status answer)
{
    size_t next = plan->initial, added = plan->initial;
    size_t *order = calloc(plan->total + 1, sizeof *order); /* spec number by index */
    bool stopped = false, cancelled = false;
    size_t first = TG_NO_INDEX;

    for (size_t i = 0; i < plan->initial; i++)
        order[i] = i;
    for (size_t i = 0; i < added; i++) {
        const struct spec *spec = &plan->specs[order[i]];
        bool told;
        tg_status expected;
        if (stopped) {
            hold(plan, status_of(g, i) == TG_SKIPPED);
            continue;
        }
        for (int k = 0; k < spec->adds && next < plan->total; k++)
            order[added++] = next++;
        cancelled = cancelled || spec->cancels;
        told = spec->asks && cancelled;
        expected = told ? TG_CANCELLED : spec->code != 0 ? TG_FAILED : TG_OK;
        hold(plan, status_of(g, i) == expected);
        if (expected == TG_FAILED && !spec->optional && first == TG_NO_INDEX)
            first = i;
        stopped =
            cancelled || (first != TG_NO_INDEX && (plan->options.flags & TG_GROUP_KEEP_GOING) == 0);
    }
    hold(plan, tg_group_count(g) == added);
    if (answer == TG_FAILED)
        hold(plan, tg_group_error(g)->index == first);
    if (!cancelled)
        hold(plan, answer == (first == TG_NO_INDEX ? TG_OK : TG_FAILED));
    free(order);
}

static void run_plan(struct blame *blame, uint64_t seed, int depth, tg_task *above)
{
    struct plan *plan = new_plan(blame, seed, depth);
    tg_group *g = tg_group_create(&plan->options);
    tg_status status;
    struct tally tally;
    bool outside;

    add_all(plan, g);
    status = tg_group_run(g);
    outside = above != NULL && tg_context_check(tg_task_context(above)) != TG_OK;
    tally = judge_tasks(plan, g);
    judge_report(plan, g, &tally);
    judge_answer(plan, g, status, &tally, outside || atomic_load(&plan->cancelled));
    hold(plan, tg_group_run(g) == status);
    if (!outside && (plan->options.limit == 1 || report_of(g).threads <= 1))
        judge_by_oracle(plan, g, status);
    tg_group_destroy(g);
    free_plan(plan);
}

/* ---- The seeds ----------------------------------------------------------------------------- */

static uint64_t first_seed, last_seed;

static void run_seeds(struct blame *blame)
{
    for (uint64_t seed = first_seed; seed <= last_seed; seed++)
        run_plan(blame, seed, 0, NULL);
}

START_TEST(random_groups_end_as_the_oracle_says)
{
    const char *rounds = getenv("TG_STRESS_ROUNDS"), *seed = getenv("TG_STRESS_SEED");
    struct blame blame = {0};
    struct place_call call = {run_seeds, &blame};

    first_seed = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    last_seed = seed != NULL ? first_seed : rounds != NULL ? strtoull(rounds, NULL, 10) : 300;
    run_in_place(_i, &call);
    if (atomic_load(&bad_seed) != 0)
        fprintf(stderr, "test_random: in %s, TG_STRESS_SEED=%llu\n", place_name(_i),
            (unsigned long long)atomic_load(&bad_seed));
    assert_blameless(&blame, place_name(_i));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *groups = add_case(suite, "groups");

    if (getenv("TG_STRESS_ROUNDS") != NULL)
        tcase_set_timeout(groups, 600);
    tcase_add_loop_test(groups, random_groups_end_as_the_oracle_says, 0, PLACES);
    return run_suite(suite);
}
