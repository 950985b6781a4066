/* SPDX-License-Identifier: MIT */
/* Bytes to plans. Whatever a group would refuse is made what it takes: here the library's
   answers to sense are tried; test/input has nonsense. */
#include "decode.h"

static struct plan *decode_plan(struct reader *r, struct plan *above, const struct step *around);

/* ---- Steps --------------------------------------------------------------------------------- */

/* What only a program has that knows more; always the same bytes. */
static void decode_more_of_step(struct reader *r, struct plan *plan, struct step *step)
{
    unsigned what = r->knows != 0 ? next_byte(r) : 0;

    step->looks = knows(r, KNOWS_LATE) && (what & 1);
    step->passes_on = knows(r, KNOWS_NESTED) && (what & 2);
    step->adds_above = knows(r, KNOWS_POOLS) && (what & 0xc) == 0xc && plan->above != NULL;
    step->asks_busy = knows(r, KNOWS_CROSSED) && (what & 0x30) == 0x30;
    step->long_sleep = (what & 0xc0) == 0xc0;
}

static void decode_step(struct reader *r, struct plan *plan, struct step *step)
{
    static const unsigned char endings[16] = {END_RETURN, END_RETURN, END_RETURN, END_RETURN,
        END_DEFER, END_SLEEP, END_DEFER_SELF, END_WHEN_TOLD, END_ABORT, END_CRASH, END_HOLD,
        END_RETURN, END_RETURN, END_RETURN, END_DEFER, END_RETURN};
    unsigned how = next_byte(r), what = next_byte(r), more = next_byte(r), rest = next_byte(r);

    *step = (struct step){.plan = plan, .ending = endings[how & 15], .code = (int)(how >> 4)};
    step->code = step->code > 10 ? step->code : 0;
    step->asks = what & 1;
    step->optional = what & 2;
    step->cancels = (what & 0x1c) == 0x1c;
    step->cancels_from_afar = (what & 0x1c) == 0x18;
    step->takes_back = (what & 0x1c) == 0x14;
    step->destroys = what == 0xfd;
    step->adds = (what & 0x60) == 0x60 ? (what >> 7) * 2 + 1 : 0;
    step->attempts = (const int[]){0, 0, 0, 0, 2, 3, 5, TG_ENDLESS}[more & 7];
    step->failures = step->attempts != 0 ? (more >> 3) & 3 : 0;
    step->backoff = step->attempts != 0 && (more & 0x20) ? 0.00005 : 0;
    step->priority = (const int[]){0, 0, 1, -1}[more >> 6];
    step->timeout = (const double[]){0, 0, 0, LONG, SHORT, 0, 0, 0}[rest & 7];
    step->delay = (const double[]){0, 0, 0, 0, 0, 0.0001, 0.0002, 0}[(rest >> 3) & 7];
    step->when_full = (int)(rest >> 6);
    step->background = step->delay > 0 && (what & 8);
    step->weight = PICK(r, size_t, 0, 1, 3, 4, 0, 0, 0, 0);
    step->period = step->attempts == 0 && (rest & 7) == 7 ? 0.0001 : 0;
    if (step->period > 0)
        step->failures = (more >> 3) & 3;
}

/* tg_map_run() takes a function, and items. */
static void make_an_item(struct step *step)
{
    bool plain = step->ending == END_RETURN || step->ending == END_ABORT ||
                 step->ending == END_CRASH || (step->ending == END_WHEN_TOLD && step->plan->told);

    *step = (struct step){.plan = step->plan,
        .ending = plain ? step->ending : END_RETURN,
        .code = step->code,
        .asks = step->asks,
        .looks = step->looks,
        .passes_on = step->passes_on,
        .adds_above = step->adds_above};
}

/* Does the group of this plan stop with the task around it? */
static bool is_bound(const struct plan *plan)
{
    return plan->above != NULL && (plan->way != WAY_START || plan->binds);
}

/* Can a task of this plan, or below it, add to the group that is above the plan without ever
   waiting? */
static bool is_below(const struct plan *plan)
{
    const struct plan *above = plan->above;
    return above != NULL && plan->way != WAY_START && above->way != WAY_SUBMIT &&
           above->way != WAY_MAP;
}

/* Is there a group that was started, and waits for the tasks of this plan? */
static bool is_awaited(const struct plan *plan)
{
    while (plan != NULL && plan->way != WAY_START)
        plan = plan->above;
    return plan != NULL;
}

static void make_sense_of_more(struct plan *plan, struct step *step)
{
    if (plan->way == WAY_MAP)
        make_an_item(step);
    step->adds_above = step->adds_above && is_below(plan);
    step->passes_on = step->passes_on && step->attempts == 0; /* it runs that group once */
    step->asks_busy = step->asks_busy && is_awaited(plan) && step->ending != END_HOLD;
    step->long_sleep = step->long_sleep && plan->closing != CLOSE_AT_END;
    step->destroys = step->destroys && plan->theme == THEME_NONE;
    if (step->ending == END_STAND && plan->closing == CLOSE_AT_END)
        step->ending = END_RETURN;
    if (plan->closing != CLOSE_AT_END) { /* all that is taken back, is by its handle */
        step->adds = 0;
        step->takes_back = false;
    }
    if (plan->way == WAY_SUBMIT || plan->way == WAY_MAP)
        step->cancels_early = false;
}

/* Only what makes sense in this group, and comes to an end. */
static void make_sense_of(struct plan *plan, struct step *step)
{
    const tg_group_options *o = &plan->options;
    bool told_by_group = plan->told;

    if (plan->budget == 0 && !plan->below_shares)
        step->weight = 0;
    if (step->weight > plan->budget && plan->budget > 0 && (step->weight < 4 || plan->meets))
        step->weight = plan->budget; /* only 4 may be too much: then the whole batch is refused */
    if (o->ahead > 0) {
        step->priority = 0;
        step->delay = step->period = 0;
        step->background = false;
    }
    if (step->ending == END_WHEN_TOLD && step->timeout != SHORT && !told_by_group)
        step->ending = END_RETURN;
    if (step->ending == END_CRASH && !plan->guarded)
        step->ending = END_RETURN;
    if (step->ending == END_ABORT && step->code == 0)
        step->ending = END_RETURN;
    if (step->ending == END_HOLD && plan->way == WAY_SUBMIT)
        step->ending = END_RETURN;
    if (step->ending == END_HOLD) {
        struct plan *below_it = step->below;
        *step = (struct step){.plan = plan,
            .ending = END_HOLD,
            .code = step->code,
            .optional = step->optional,
            .below = below_it};
    }
    make_sense_of_more(plan, step);
    if (plan->way == WAY_SUBMIT)
        step->cancels = step->cancels_from_afar = step->destroys = step->optional =
            step->background = false;
    if (step->attempts == TG_ENDLESS &&
        (step->code != 0 || step->ending == END_CRASH || step->timeout == SHORT))
        step->attempts = 5; /* else only a cancel ends it */
    if (step->destroys && (plan->way != WAY_RUN || plan->above != NULL || plan->over_again))
        step->destroys = false; /* by whoever waits for it, once */
}

static void add_specs(struct reader *r, struct plan *plan)
{
    size_t kinds = PICK(r, size_t, 1, 2, 4, 9, 20, 0), most = 0;

    kinds = theme_kinds(plan, kinds);
    plan->steps = calloc(1, sizeof *plan->steps);
    for (size_t k = 0; k < kinds && r->steps < MOST_STEPS; k++) {
        size_t times = PICK(r, size_t, 1, 1, 1, 2, 5, 40, 100, 1), first = plan->total;
        struct step step;
        decode_step(r, plan, &step);
        decode_more_of_step(r, plan, &step);
        theme_step(r, plan, &step, k);
        times = theme_times(plan, k, times);
        if (step.ending == END_HOLD || step.period > 0)
            times = 1;
        if (plan->total + times > most) {
            most = (plan->total + times) * 2;
            plan->steps = realloc(plan->steps, most * sizeof *plan->steps);
        }
        make_sense_of(plan, &step);
        plan->doomed = plan->doomed || step.destroys;
        step.block = k + theme_is_one_by_one(plan);
        for (; plan->total < first + times; r->steps++)
            plan->steps[plan->total++] = step;
        bool nests = below(r, 8) == 7 || theme_nests(plan, k);
        if (nests && plan->depth < DEEPEST && r->groups < MOST_GROUPS && step.ending != END_HOLD)
            plan->steps[first].below = decode_plan(r, plan, &step);
    }
}

/* ---- Groups -------------------------------------------------------------------------------- */

static void decode_options(struct reader *r, struct plan *plan)
{
    tg_group_options *o = &plan->options;
    unsigned done = next_byte(r);

    o->size = sizeof *o;
    o->flags =
        next_byte(r) & (TG_GROUP_KEEP_GOING | TG_GROUP_REQUIRED_FIRST | TG_GROUP_IN_ORDER |
                           TG_GROUP_RECYCLE | TG_GROUP_SHIELD | TG_GROUP_GUARD | TG_GROUP_TIMES);
    o->limit = PICK(r, long, 0, 0, 1, 2, 3, 8, 1000);
    o->grainsize = PICK(r, long, 0, 1, 3, 32, 1000, TG_GRAIN_AUTO);
    o->threads = PICK(r, int, 0, 0, 0, 1, 2, 3, 5);
    o->result_size = PICK(r, size_t, 0, 8, 8, 24);
    o->capacity = PICK(r, size_t, 0, 0, 3, 700);
    o->queue = PICK(r, long, 0, 0, 0, TG_QUEUE_NONE, 1, 2, 7);
    o->need = PICK(r, size_t, 0, 0, 0, 0, 1, 2, 10);
    o->ahead = PICK(r, size_t, 0, 0, 1, 3, 40);
    o->timeout = PICK(r, double, 0, 0, 0, LONG, SHORT);
    plan->way = PICK(r, enum way, WAY_RUN, WAY_RUN, WAY_SCOPE, WAY_ADDER, WAY_POOL, WAY_START,
        WAY_SUBMIT, WAY_RUN);
    plan->budget = PICK(r, size_t, 0, 0, 0, 1, 3, 8);
    plan->done = (const enum on_done[]){
        DONE_NONE, DONE_NONE, DONE_COUNTS, DONE_FAILS, DONE_ADDS, DONE_COUNTS}[done % 6];
    plan->done_at = done / 6;
    plan->over_again = below(r, 4) == 3;
    plan->cancelled_before = below(r, 16) == 15;
    plan->below_shares = below(r, 2) == 1;
}

/* What only a program has that knows more; always the same bytes. */
static void decode_more_options(struct reader *r, struct plan *plan)
{
    unsigned bits;

    plan->pool_threads = 2; /* as it has always been */
    if (r->knows == 0)
        return;
    plan->nest = PICK(r, enum nest, NEST_NONE, NEST_NONE, NEST_OWN, NEST_SAME, NEST_FAR);
    plan->pool_threads = PICK(r, int, 2, 1, 1, 3);
    bits = next_byte(r);
    plan->binds = bits & 1;
    plan->impatient = bits & 2;
    plan->meets = (bits & 0xc) == 0xc;
    if (knows(r, KNOWS_NESTED) && (bits & 0x30) == 0x30 && plan->way == WAY_RUN)
        plan->way = WAY_MAP;
    plan->backwards = bits & 0x40;
    plan->sleepy = bits & 0x80;
    plan->before = (enum before)(next_byte(r) % 12);
    plan->stops_at = below(r, 8) == 7 ? 1 + below(r, 9) : 0;
    plan->closing = (enum closing)below(r, CLOSINGS);
    plan->busy = PICK(r, enum busy, BUSY_NOTHING, BUSY_NOTHING, BUSY_NOTHING, BUSY_NOTHING,
        BUSY_NOTHING, BUSY_TASKS, BUSY_GROUP);
    theme_options(r, plan);
    if (!knows(r, KNOWS_CROSSED) && plan->nest == NEST_FAR)
        plan->nest = NEST_OWN;
    if (!knows(r, KNOWS_CROSSED) && plan->above != NULL && plan->way == WAY_START)
        plan->way = WAY_POOL;
    if (!knows(r, KNOWS_POOLS | KNOWS_CROSSED) || r->pools > 6)
        plan->nest = NEST_NONE;
    if (r->closes && plan->nest != NEST_NONE)
        plan->nest = NEST_OWN; /* the other one may be closed */
    r->pools += plan->nest == NEST_OWN || plan->nest == NEST_FAR;
}

/* Only what this program knows, where it makes sense. */
static void make_sense_of_more_options(struct reader *r, struct plan *plan)
{
    bool over_own = plan->above == NULL && (plan->way == WAY_POOL || plan->way == WAY_START);

    plan->meets = plan->meets && plan->way == WAY_START && knows(r, KNOWS_MEET);
    if (plan->before >= BEFORES || !knows(r, KNOWS_REFUSED) || plan->way == WAY_SUBMIT ||
        plan->way == WAY_MAP)
        plan->before = BEFORE_NOTHING;
    if (!knows(r, KNOWS_REFUSED) || plan->way == WAY_SUBMIT || plan->way == WAY_MAP)
        plan->stops_at = 0;
    if (plan->before != BEFORE_NOTHING)
        plan->cancelled_before = false;
    if (plan->cancelled_before || plan->before != BEFORE_NOTHING)
        plan->binds = false; /* it has another parent, or is the first to stop */
    if (!knows(r, KNOWS_CLOSE) || plan->above != NULL || plan->way != WAY_SUBMIT)
        plan->closing = CLOSE_AT_END;
    if (!knows(r, KNOWS_TURNS) || !over_own)
        plan->busy = BUSY_NOTHING;
    r->closes = r->closes || plan->closing != CLOSE_AT_END;
}

/* The nearest plan above with a pool, whose pool is not that one. */
static struct plan *pool_above(const struct plan *plan, const struct plan *not_that)
{
    for (const struct plan *p = plan->above; p != NULL; p = p->above)
        if (p->pool_of != NULL && p->pool_of != not_that)
            return p->pool_of;
    return NULL;
}

/* How a group in a task is run, and over which pool. */
static void choose_pool(struct plan *plan)
{
    if (plan->above == NULL) {
        bool pool = plan->way == WAY_POOL || plan->way == WAY_START || plan->way == WAY_SUBMIT;
        plan->pool_of = pool ? plan : NULL;
        return;
    }
    if (plan->way == WAY_START && plan->nest == NEST_FAR)
        plan->way = WAY_POOL; /* the one thread of that pool need not know what it waits for */
    if (plan->nest == NEST_NONE) {
        plan->way = plan->way == WAY_SCOPE || plan->way == WAY_MAP ? plan->way : WAY_RUN;
        return;
    }
    if (plan->way != WAY_START && plan->way != WAY_MAP)
        plan->way = WAY_POOL;
    struct plan *near = pool_above(plan, NULL);
    plan->pool_of = plan->nest == NEST_SAME  ? near
                    : plan->nest == NEST_FAR ? pool_above(plan, near)
                                             : NULL;
    if (plan->pool_of == NULL)
        plan->pool_of = plan;
}

/* What reaches its tasks from above, and from a clock. */
static void look_around(struct reader *r, struct plan *plan, const struct step *around)
{
    const tg_group_options *o = &plan->options;
    bool bound = is_bound(plan) && r->knows != 0;
    bool by_above = bound && (plan->above->told || around->timeout == SHORT ||
                                 (around->cancels_early && plan->above->way != WAY_SUBMIT &&
                                     (plan->above->options.flags & TG_GROUP_SHIELD) == 0));

    plan->told = (o->timeout == SHORT || by_above) && (o->flags & TG_GROUP_SHIELD) == 0;
    plan->guarded = (o->flags & TG_GROUP_GUARD) != 0 ||
                    (bound && plan->way != WAY_START && plan->above->guarded);
}

static void make_a_map(struct plan *plan)
{
    tg_group_options *o = &plan->options;

    plan->budget = 0;
    plan->below_shares = false;
    plan->done = DONE_NONE;
    plan->over_again = false;
    *o = (tg_group_options){.size = sizeof *o,
        .flags =
            o->flags & (TG_GROUP_KEEP_GOING | TG_GROUP_SHIELD | TG_GROUP_GUARD | TG_GROUP_TIMES),
        .limit = o->limit,
        .grainsize = o->grainsize,
        .threads = o->threads,
        .result_size = o->result_size,
        .timeout = o->timeout};
}

static void make_sense_of_options(struct reader *r, struct plan *plan)
{
    tg_group_options *o = &plan->options;
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;

    choose_pool(plan);
    make_sense_of_more_options(r, plan);
    plan->below_shares = plan->below_shares && plan->above != NULL && plan->way != WAY_START &&
                         (plan->above->budget > 0 || plan->above->below_shares);
    if (plan->below_shares)
        plan->budget = 0;
    if (plan->way == WAY_SUBMIT) {
        plan->budget = 0;
        plan->done = DONE_NONE;
        plan->over_again = false;
        *o = (tg_group_options){.size = sizeof *o,
            .flags = o->flags & (TG_GROUP_SHIELD | TG_GROUP_GUARD),
            .limit = o->limit,
            .queue = plan->closing == CLOSE_AT_END ? o->queue : 0,
            .threads = o->threads};
        return;
    }
    if (plan->way == WAY_MAP) {
        make_a_map(plan);
        return;
    }
    if (in_order || (o->flags & TG_GROUP_RECYCLE) != 0)
        plan->done = plan->done == DONE_NONE ? DONE_COUNTS : plan->done;
    if (!in_order || (o->flags & TG_GROUP_REQUIRED_FIRST) != 0)
        o->ahead = 0;
    if (plan->way == WAY_ADDER && o->ahead > 0)
        o->queue = 0; /* who adds would wait for what waits for his hold */
    bool too_small = knows(r, KNOWS_REFUSED) && o->capacity == 3 && plan->pool_threads == 3;
    plan->caller_array = (o->capacity == 700 || (too_small && !plan->meets)) && o->result_size == 8;
    if ((o->flags & TG_GROUP_RECYCLE) != 0) {
        plan->caller_array = false;
        o->capacity = 0;
    }
    if (o->capacity == 700 && !plan->caller_array)
        o->capacity = 50;
}

static struct plan *decode_plan(struct reader *r, struct plan *above, const struct step *around)
{
    struct plan *plan = calloc(1, sizeof *plan);
    size_t spare;

    r->groups++;
    plan->above = above;
    plan->depth = above != NULL ? above->depth + 1 : 0;
    decode_options(r, plan);
    decode_more_options(r, plan);
    make_sense_of_options(r, plan);
    look_around(r, plan, around);
    spare = next_byte(r);
    add_specs(r, plan);
    spare = plan->way == WAY_MAP ? 0 : theme_spare(plan, spare);
    plan->initial = plan->total - (spare >= 128 ? spare % (plan->total + 1) : 0);
    bool later = plan->way == WAY_SCOPE || plan->way == WAY_ADDER || plan->meets;
    plan->early = theme_early(plan, later ? plan->initial / 2 : plan->initial);
    return plan;
}

struct plan *program_decode(const unsigned char *bytes, size_t size)
{
    struct reader r = {.bytes = bytes, .size = size};
    theme_begin(&r);
    return decode_plan(&r, NULL, NULL);
}

void program_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].below != NULL)
            program_free(plan->steps[i].below);
    free(plan->steps);
    free(plan);
}
