/* SPDX-License-Identifier: MIT */
/* Bytes to plans, and plans to text. Whatever a group would refuse is made what it takes: here the library's
   answers to sense are tried; test/input has nonsense. */
#include "program.h"

struct reader {
    const unsigned char *bytes;
    size_t size, at, steps, groups;
};

static unsigned next_byte(struct reader *r)
{
    return r->at < r->size ? r->bytes[r->at++] : 0;
}

static size_t below(struct reader *r, size_t bound)
{
    return next_byte(r) % bound;
}

#define PICK(r, type, ...) \
    (((const type[]){__VA_ARGS__})[below(r, sizeof((const type[]){__VA_ARGS__}) / sizeof(type))])

static struct plan *decode_plan(struct reader *r, struct plan *above);

/* ---- Steps --------------------------------------------------------------------------------- */

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

/* Only what makes sense in this group, and comes to an end. */
static void make_sense_of(struct plan *plan, struct step *step)
{
    const tg_group_options *o = &plan->options;
    bool told_by_group = o->timeout == SHORT && (o->flags & TG_GROUP_SHIELD) == 0;

    if (plan->budget == 0 && !plan->below_shares)
        step->weight = 0;
    if (step->weight > plan->budget && plan->budget > 0 && step->weight < 4)
        step->weight = plan->budget; /* only 4 may be too much: then the whole batch is refused */
    if (o->ahead > 0) {
        step->priority = 0;
        step->delay = step->period = 0;
        step->background = false;
    }
    if (step->ending == END_WHEN_TOLD && step->timeout != SHORT && !told_by_group)
        step->ending = END_RETURN;
    if (step->ending == END_CRASH && (o->flags & TG_GROUP_GUARD) == 0)
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

    plan->steps = calloc(1, sizeof *plan->steps);
    for (size_t k = 0; k < kinds && r->steps < MOST_STEPS; k++) {
        size_t times = PICK(r, size_t, 1, 1, 1, 2, 5, 40, 100, 1), first = plan->total;
        struct step step;
        decode_step(r, plan, &step);
        if (step.ending == END_HOLD || step.period > 0)
            times = 1;
        if (plan->total + times > most) {
            most = (plan->total + times) * 2;
            plan->steps = realloc(plan->steps, most * sizeof *plan->steps);
        }
        make_sense_of(plan, &step);
        plan->doomed = plan->doomed || step.destroys;
        step.block = k;
        for (; plan->total < first + times; r->steps++)
            plan->steps[plan->total++] = step;
        if (below(r, 8) == 7 && plan->depth < DEEPEST && r->groups < MOST_GROUPS &&
            step.ending != END_HOLD)
            plan->steps[first].below = decode_plan(r, plan);
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

static void make_sense_of_options(struct plan *plan)
{
    tg_group_options *o = &plan->options;
    bool in_order = (o->flags & TG_GROUP_IN_ORDER) != 0;

    if (plan->above != NULL && plan->way != WAY_SCOPE)
        plan->way = WAY_RUN;
    plan->below_shares = plan->below_shares && plan->above != NULL &&
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
            .queue = o->queue,
            .threads = o->threads};
        return;
    }
    if (in_order || (o->flags & TG_GROUP_RECYCLE) != 0)
        plan->done = plan->done == DONE_NONE ? DONE_COUNTS : plan->done;
    if (!in_order || (o->flags & TG_GROUP_REQUIRED_FIRST) != 0)
        o->ahead = 0;
    if (plan->way == WAY_ADDER && o->ahead > 0)
        o->queue = 0; /* who adds would wait for what waits for his hold */
    plan->caller_array = o->capacity == 700 && o->result_size == 8;
    if ((o->flags & TG_GROUP_RECYCLE) != 0) {
        plan->caller_array = false;
        o->capacity = 0;
    }
    if (o->capacity == 700 && !plan->caller_array)
        o->capacity = 50;
}

static struct plan *decode_plan(struct reader *r, struct plan *above)
{
    struct plan *plan = calloc(1, sizeof *plan);
    size_t spare;

    r->groups++;
    plan->above = above;
    plan->depth = above != NULL ? above->depth + 1 : 0;
    decode_options(r, plan);
    make_sense_of_options(plan);
    spare = next_byte(r);
    add_specs(r, plan);
    plan->initial = plan->total - (spare >= 128 ? spare % (plan->total + 1) : 0);
    plan->early =
        plan->way == WAY_SCOPE || plan->way == WAY_ADDER ? plan->initial / 2 : plan->initial;
    return plan;
}

struct plan *program_decode(const unsigned char *bytes, size_t size)
{
    struct reader r = {.bytes = bytes, .size = size};
    return decode_plan(&r, NULL);
}

void program_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->total; i++)
        if (plan->steps[i].below != NULL)
            program_free(plan->steps[i].below);
    free(plan->steps);
    free(plan);
}

/* ---- Text ---------------------------------------------------------------------------------- */

static const char *const ending_names[ENDINGS] = {"returns", "aborts", "crashes", "defers",
    "defers, completes itself", "sleeps", "spins until told", "hold"};
static const char *const way_names[WAYS] = {"run", "scope", "run, another thread adds",
    "run over a pool", "start over a pool", "submit to a pool"};
static const char *const full_names[] = {"", " full:refuse", " full:drop", " full:run"};

static void print_step(FILE *file, const struct step *s)
{
    fprintf(file, " %s %d", ending_names[s->ending], s->code);
    if (s->failures > 0 || s->attempts != 0)
        fprintf(file, " attempts:%d failing:%d backoff:%g", s->attempts, s->failures, s->backoff);
    if (s->priority != 0)
        fprintf(file, " priority:%d", s->priority);
    if (s->weight != 0)
        fprintf(file, " weight:%zu", s->weight);
    if (s->timeout + s->delay + s->period > 0)
        fprintf(file, " timeout:%g delay:%g period:%g", s->timeout, s->delay, s->period);
    if (s->adds > 0)
        fprintf(file, " adds:%zu", s->adds);
    fprintf(file, "%s%s%s%s%s%s%s%s\n", full_names[s->when_full], s->optional ? " optional" : "",
        s->asks ? " asks" : "", s->cancels ? " cancels" : "",
        s->cancels_from_afar ? " cancels-from-afar" : "",
        s->takes_back ? " takes-back-the-next" : "", s->background ? " background" : "",
        s->destroys ? " destroys" : "");
}

static void print_plan(FILE *file, const struct plan *plan, int indent)
{
    const tg_group_options *o = &plan->options;

    fprintf(file,
        "%*sgroup, %s: flags:0x%x limit:%ld grain:%ld threads:%d result_size:%zu%s capacity:%zu "
        "queue:%ld "
        "need:%zu ahead:%zu timeout:%g budget:%zu%s done:%d@%zu%s%s\n",
        indent, "", way_names[plan->way], o->flags, o->limit, o->grainsize, o->threads,
        o->result_size, plan->caller_array ? " (the caller's)" : "", o->capacity, o->queue, o->need,
        o->ahead, o->timeout, plan->budget, plan->below_shares ? " shares" : "", (int)plan->done,
        plan->done_at, plan->over_again ? " and over again" : "",
        plan->cancelled_before ? " cancelled before" : "");
    for (size_t i = 0, many; i < plan->total; i += many) {
        const struct step *s = &plan->steps[i];
        for (many = 1; i + many < plan->total && i + many != plan->initial &&
                       i + many != plan->early && s[many].block == s->block;)
            many++;
        fprintf(file, "%*s%s%zu x", indent + 2, "",
            i >= plan->initial ? "(from inside) "
            : i >= plan->early ? "(later) "
                               : "",
            many);
        print_step(file, s);
        if (s->below != NULL)
            print_plan(file, s->below, indent + 6);
    }
}

void program_print(FILE *file, const struct plan *plan)
{
    print_plan(file, plan, 0);
}
