/* SPDX-License-Identifier: MIT */
/*
 * Themes: programs of which a random choice would make too few. Each sets what it is about, and
 * leaves all else as the bytes say.
 */
#include "decode.h"

/* The ability that a theme is nothing without. */
static enum ability ability_of(enum theme theme)
{
    static const enum ability of[THEMES] = {
        [THEME_NONE] = KNOWS_ALL,
        [THEME_POOLS] = KNOWS_POOLS,
        [THEME_CROSSED] = KNOWS_CROSSED,
        [THEME_CLOSE] = KNOWS_CLOSE,
        [THEME_MEET] = KNOWS_MEET,
        [THEME_REFUSED] = KNOWS_REFUSED,
        [THEME_FULL] = KNOWS_REFUSED,
        [THEME_LEARNS] = KNOWS_NESTED,
        [THEME_TURNS] = KNOWS_TURNS,
        [THEME_TOGETHER] = KNOWS_ORDER,
    };
    return of[theme];
}

void theme_begin(struct reader *r)
{
    r->knows = program_knows();
    if (r->knows == 0)
        return;
    r->theme = (enum theme)below(r, THEMES);
    r->flavour = next_byte(r);
    if (!knows(r, ability_of(r->theme)))
        r->theme = THEME_NONE;
}

/* What reaches a group over a pool in a task. */
enum { REACHES_CANCEL, REACHES_GUARD, REACHES_LIMIT, REACHES_ADD, REACHES };

/* Which of the pools are crossed how: run over B, back over A; started over the same; run over B,
   started there; started over B, back over A. */
enum { CROSSED_BACK, CROSSED_WAITS, CROSSED_WAITS_THERE, CROSSED_STARTS, CROSSINGS };

/* What tells a task's group to stop. */
enum { LEARNS_TIME, LEARNS_AFAR, LEARNINGS };

/* When an add is refused. */
enum { REFUSED_BEFORE, REFUSED_MEANWHILE, REFUSED_BY_ARRAY, REFUSED_IN_DONE, REFUSALS };

/* ---- Groups -------------------------------------------------------------------------------- */

static void be_over_pools(struct plan *plan)
{
    tg_group_options *o = &plan->options;
    unsigned what = plan->flavour % REACHES;

    if (plan->depth == 0) {
        plan->way = (plan->flavour & 16) != 0 ? WAY_POOL : WAY_RUN;
        plan->before = BEFORE_NOTHING;
        plan->cancelled_before = false;
        o->flags &= ~(unsigned)TG_GROUP_SHIELD;
        o->need = 0;
    } else if (plan->nest == NEST_NONE) {
        plan->nest = NEST_OWN;
    }
    if (what == REACHES_CANCEL) {
        o->flags &= ~(unsigned)TG_GROUP_SHIELD;
        o->timeout = plan->depth == 0 ? SHORT : 0;
    } else if (what == REACHES_GUARD) {
        o->flags =
            plan->depth == 0 ? o->flags | TG_GROUP_GUARD : o->flags & ~(unsigned)TG_GROUP_GUARD;
    } else if (what == REACHES_LIMIT) {
        plan->budget = plan->depth == 0 && plan->budget == 0 ? 1 : plan->budget;
        plan->below_shares = true;
    } else if (what == REACHES_ADD && plan->depth == 0) {
        o->queue = (plan->flavour & 32) != 0 ? TG_QUEUE_NONE : 1;
        o->limit = 1;
        o->timeout = 0;
        o->ahead = 0;
    }
}

static void be_crossed(struct plan *plan)
{
    static const enum nest second[CROSSINGS] = {NEST_OWN, NEST_SAME, NEST_OWN, NEST_OWN};
    static const enum nest third[CROSSINGS] = {NEST_FAR, NEST_FAR, NEST_SAME, NEST_FAR};
    unsigned what = plan->flavour % CROSSINGS;

    plan->pool_threads = (plan->flavour & 64) != 0 ? plan->pool_threads : 1;
    if (plan->depth == 0) {
        plan->way = (plan->flavour & 16) != 0 ? WAY_SUBMIT
                    : (plan->flavour & 32)    ? WAY_START
                                              : WAY_POOL;
        plan->before = BEFORE_NOTHING;
        plan->cancelled_before = false;
        if (plan->way == WAY_SUBMIT)
            plan->options.threads = plan->pool_threads;
        return;
    }
    bool starts = plan->depth == 1 ? what == CROSSED_WAITS || what == CROSSED_STARTS
                                   : what == CROSSED_WAITS_THERE;
    plan->nest = plan->depth == 1 ? second[what] : third[what];
    plan->way = starts ? WAY_START : WAY_POOL;
}

static void learn(struct plan *plan)
{
    tg_group_options *o = &plan->options;

    o->flags &= ~(unsigned)TG_GROUP_SHIELD;
    o->timeout = 0;
    if (plan->depth > 0)
        return;
    plan->before = BEFORE_NOTHING;
    plan->cancelled_before = false;
    o->need = 0;
    if (plan->flavour % LEARNINGS == LEARNS_TIME)
        o->timeout = SHORT;
    if (plan->way == WAY_SUBMIT)
        plan->way = WAY_RUN;
}

static void fail_together(struct plan *plan)
{
    tg_group_options *o = &plan->options;

    o->flags &= ~(unsigned)(TG_GROUP_RECYCLE | TG_GROUP_IN_ORDER);
    o->flags |= (plan->flavour & 1) != 0 ? TG_GROUP_TIMES : 0;
    plan->done = (plan->flavour & 2) != 0 ? DONE_COUNTS : DONE_NONE;
    o->limit = 0;
    o->threads = 0;
    o->grainsize = 1;
    o->need = 0;
    o->queue = 0;
    plan->way = (plan->flavour & 4) != 0 ? WAY_POOL : WAY_RUN;
}

/* Adds that wait, and are cancelled. */
static void be_full(struct plan *plan)
{
    tg_group_options *o = &plan->options;

    plan->way = (plan->flavour & 1) != 0 ? WAY_ADDER : WAY_SCOPE;
    o->queue = (plan->flavour & 2) != 0 ? TG_QUEUE_NONE : 1;
    o->limit = (plan->flavour & 4) != 0 ? 1 : 0;
    o->timeout = 0;
    o->need = 0;
    o->ahead = 0;
    plan->before = BEFORE_NOTHING;
    plan->cancelled_before = false;
}

static void be_refused(struct plan *plan)
{
    unsigned more = plan->flavour / REFUSALS;

    if (plan->way == WAY_SUBMIT)
        plan->way = WAY_RUN;
    plan->cancelled_before = false;
    plan->before = BEFORE_NOTHING;
    switch (plan->flavour % REFUSALS) {
    case REFUSED_BEFORE:
        plan->before = (enum before)(1 + more % (BEFORES - 1));
        break;
    case REFUSED_MEANWHILE:
        plan->stops_at = 1 + more % 5;
        break;
    case REFUSED_BY_ARRAY:
        plan->pool_threads = 3; /* see caller_array */
        plan->options.capacity = 3;
        plan->options.result_size = 8;
        plan->options.flags &= ~(unsigned)TG_GROUP_RECYCLE;
        break;
    default:
        plan->done = DONE_ADDS;
        plan->done_at = more;
        plan->options.need = 0;
    }
}

void theme_options(struct reader *r, struct plan *plan)
{
    plan->theme = r->theme;
    plan->flavour = r->flavour;
    if (r->theme == THEME_POOLS)
        be_over_pools(plan);
    else if (r->theme == THEME_CROSSED)
        be_crossed(plan);
    else if (r->theme == THEME_LEARNS)
        learn(plan);
    if (plan->depth > 0)
        return;
    if (r->theme == THEME_CLOSE) {
        plan->way = WAY_SUBMIT;
        plan->closing = (enum closing)(1 + r->flavour % (CLOSINGS - 1));
        plan->sleepy = (r->flavour & 8) == 0;
        plan->backwards = (r->flavour & 32) != 0;
    } else if (r->theme == THEME_MEET) {
        plan->way = WAY_START;
        plan->meets = true;
        plan->options.queue = 0;
        plan->options.need = 0;
        plan->budget = 0;
        plan->before = BEFORE_NOTHING;
        plan->cancelled_before = false;
    } else if (r->theme == THEME_TURNS) {
        plan->way = (r->flavour & 1) != 0 ? WAY_START : WAY_POOL;
        plan->busy = (r->flavour & 2) != 0 ? BUSY_GROUP : BUSY_TASKS;
    } else if (r->theme == THEME_REFUSED) {
        be_refused(plan);
    } else if (r->theme == THEME_FULL) {
        be_full(plan);
    } else if (r->theme == THEME_TOGETHER) {
        fail_together(plan);
    }
}

/* ---- Steps --------------------------------------------------------------------------------- */

/* Starts at once, once, and ends so. */
static void be_plain(struct step *step, enum ending ending)
{
    step->ending = ending;
    step->attempts = step->failures = 0;
    step->timeout = step->delay = step->period = 0;
    step->background = false;
}

static void step_over_pools(struct plan *plan, struct step *step)
{
    unsigned what = plan->flavour % REACHES;

    if (plan->depth == 0) {
        be_plain(step, END_RETURN);
        step->code = 0;
        return;
    }
    be_plain(step, END_RETURN);
    if (what == REACHES_CANCEL)
        step->ending = END_WHEN_TOLD;
    else if (what == REACHES_GUARD)
        step->ending = END_CRASH;
    else if (what == REACHES_ADD)
        step->adds_above = true;
}

static void step_that_learns(struct plan *plan, struct step *step)
{
    if (plan->depth == 0) {
        be_plain(step, END_RETURN);
        step->code = 0;
        step->asks = false;
        step->passes_on = true;
        step->cancels_early = plan->flavour % LEARNINGS == LEARNS_AFAR;
    } else {
        be_plain(step, END_WHEN_TOLD);
    }
}

void theme_step(struct reader *r, struct plan *plan, struct step *step, size_t k)
{
    (void)r;
    if (plan->theme == THEME_POOLS && k == 0) {
        step_over_pools(plan, step);
    } else if (plan->theme == THEME_CROSSED && plan->depth < DEEPEST && k == 0) {
        be_plain(step, END_RETURN);
        step->code = 0;
    } else if (plan->theme == THEME_CLOSE && plan->depth == 0) {
        step->long_sleep = step->ending == END_SLEEP || k == 0;
        if (step->long_sleep)
            be_plain(step, END_SLEEP);
        if (step->long_sleep && (plan->flavour & 64) == 0)
            step->timeout = LONG;
        if (k == 1)
            be_plain(step, END_STAND);
    } else if (plan->theme == THEME_MEET && plan->depth == 0 && k == 0) {
        be_plain(step, END_RETURN);
        step->code = step->priority = 0;
        step->when_full = TG_FULL_WAIT;
        step->optional = step->cancels = step->cancels_from_afar = false;
        step->weight = 0;
    } else if (plan->theme == THEME_REFUSED && plan->flavour % REFUSALS == REFUSED_IN_DONE) {
        be_plain(step, END_RETURN);
        step->code = 0;
        step->adds = 0; /* only on_done does */
        step->cancels = k == 0;
    } else if (plan->theme == THEME_FULL && plan->depth == 0) {
        be_plain(step, END_RETURN);
        step->code = 0;
        step->when_full = TG_FULL_WAIT;
        step->cancels = k == 0;
    } else if (plan->theme == THEME_LEARNS && k == 0) {
        step_that_learns(plan, step);
    } else if (plan->theme == THEME_TOGETHER && plan->depth == 0) {
        be_plain(step, END_RETURN);
        step->asks = false;
        step->code = k % 2 == 0 ? 11 : step->code;
    }
}

size_t theme_kinds(const struct plan *plan, size_t kinds)
{
    if (plan->theme == THEME_MEET && plan->depth == 0)
        return 1; /* nobody else calls a thread to what is added meanwhile */
    return kinds < 2 && plan->theme != THEME_NONE ? 2 : kinds;
}

bool theme_is_one_by_one(const struct plan *plan)
{
    return plan->theme == THEME_MEET;
}

size_t theme_times(const struct plan *plan, size_t k, size_t times)
{
    if (plan->depth > 0)
        return times;
    if (plan->theme == THEME_CLOSE && k == 0)
        return 300;
    if (plan->theme == THEME_MEET)
        return 17;
    bool adds = plan->theme == THEME_POOLS && plan->flavour % REACHES == REACHES_ADD;
    bool fills = plan->theme == THEME_REFUSED && plan->flavour % REFUSALS == REFUSED_BY_ARRAY;
    if (plan->theme == THEME_TOGETHER || adds || fills)
        return times < 5 ? 5 : times;
    return times;
}

size_t theme_spare(const struct plan *plan, size_t spare)
{
    bool adds = plan->theme == THEME_POOLS && plan->flavour % REACHES == REACHES_ADD;
    bool adds_in_done = plan->theme == THEME_REFUSED && plan->flavour % REFUSALS == REFUSED_IN_DONE;
    size_t many = adds ? plan->total / 3 : plan->total / 2;

    if ((!adds && !adds_in_done) || plan->depth > 0)
        return spare;
    while (many < 128) /* of the same remainder */
        many += plan->total + 1;
    return many;
}

bool theme_nests(const struct plan *plan, size_t k)
{
    if (k > 0)
        return false;
    return plan->theme == THEME_CROSSED ||
           (plan->depth == 0 && (plan->theme == THEME_POOLS || plan->theme == THEME_LEARNS));
}

size_t theme_early(const struct plan *plan, size_t early)
{
    /* The next one needs memory, which is slow for that thread. */
    return plan->theme == THEME_MEET && plan->depth == 0 && plan->initial > 16 ? 16 : early;
}
