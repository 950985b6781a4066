/* SPDX-License-Identifier: MIT */
/* Plans as text. */
#include "program.h"

static const char *const ending_names[ENDINGS] = {"returns", "aborts", "crashes", "defers",
    "defers, completes itself", "sleeps", "spins until told", "hold", "stands"};
static const char *const way_names[WAYS] = {"run", "scope", "run, another thread adds",
    "run over a pool", "start over a pool", "submit to a pool", "map"};
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
    fprintf(file, "%s%s%s%s%s%s%s", s->looks ? " looks" : "", s->passes_on ? " passes-on" : "",
        s->cancels_early ? " cancels-early" : "", s->adds_above ? " adds-above" : "",
        s->asks_busy ? " asks-busy" : "", s->long_sleep ? " long" : "",
        s->plan->told ? " (told)" : "");
    fprintf(file, "%s%s%s%s%s%s%s%s\n", full_names[s->when_full], s->optional ? " optional" : "",
        s->asks ? " asks" : "", s->cancels ? " cancels" : "",
        s->cancels_from_afar ? " cancels-from-afar" : "",
        s->takes_back ? " takes-back-the-next" : "", s->background ? " background" : "",
        s->destroys ? " destroys" : "");
}

static const char *const theme_names[THEMES] = {
    "", "reaches", "crossed", "closed", "met", "refused", "full", "learns", "turns", "together"};
static const char *const before_names[BEFORES] = {"", " its parent was cancelled",
    " its parent was cancelled, and it knows", " it was cancelled", " its parent is past its time"};
static const char *const closing_names[CLOSINGS] = {
    "", " closed now", " closed soon", " closed twice", " its context cancelled", " destroyed"};
static const char *const busy_names[BUSIES] = {
    "", " beside tasks without end", " beside a group without end"};

/* What only a program has that knows more. */
static void print_more(FILE *file, const struct plan *plan, int indent)
{
    const struct plan *of = plan->pool_of;

    if (plan->theme != THEME_NONE && plan->above == NULL)
        fprintf(
            file, "%*stheme %s, flavour %u\n", indent, "", theme_names[plan->theme], plan->flavour);
    if (of != NULL)
        fprintf(file, "%*spool of depth %d, %d threads%s%s%s%s%s%s%s\n", indent, "", of->depth,
            of->pool_threads, plan->impatient ? " impatient" : "", plan->meets ? " meets" : "",
            closing_names[plan->closing], plan->backwards ? " backwards" : "",
            plan->sleepy ? " sleepy" : "", busy_names[plan->busy], plan->binds ? " binds" : "");
    if (plan->before != BEFORE_NOTHING || plan->stops_at > 0)
        fprintf(file, "%*sbefore:%s stops at %zu\n", indent, "", before_names[plan->before],
            plan->stops_at);
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
    print_more(file, plan, indent + 2);
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
