/* SPDX-License-Identifier: MIT */
#ifndef DECODE_H
#define DECODE_H
/* What decode.c and theme.c share: the bytes that are read, and what they have come to so far. */
#include "program.h"

struct reader {
    const unsigned char *bytes;
    size_t size, at, steps, groups, pools;
    unsigned knows, flavour;
    enum theme theme;
    bool closes; /* its pool is closed meanwhile */
};

static inline unsigned next_byte(struct reader *r)
{
    return r->at < r->size ? r->bytes[r->at++] : 0;
}

static inline size_t below(struct reader *r, size_t bound)
{
    return next_byte(r) % bound;
}

#define PICK(r, type, ...) \
    (((const type[]){__VA_ARGS__})[below(r, sizeof((const type[]){__VA_ARGS__}) / sizeof(type))])

static inline bool knows(const struct reader *r, enum ability ability)
{
    return (r->knows & ability) != 0;
}

/* theme.c: reads what the whole program is about, if it knows more than one group with one team. */
void theme_begin(struct reader *r);
/* Makes of the options of a group, of its step number k, and of how often that is there, what the
   theme is about. */
void theme_options(struct reader *r, struct plan *plan);
void theme_step(struct reader *r, struct plan *plan, struct step *step, size_t k);
size_t theme_kinds(const struct plan *plan, size_t kinds);
bool theme_is_one_by_one(const struct plan *plan); /* its alike steps, instead of by one call */
size_t theme_times(const struct plan *plan, size_t k, size_t times);
/* Does step number k run a group? */
bool theme_nests(const struct plan *plan, size_t k);
/* What is read as the number of steps that are added from inside: below 128 none, else modulo all
   and one. */
size_t theme_spare(const struct plan *plan, size_t spare);
/* How many of its steps are added before its run, of those that are added by the plan. */
size_t theme_early(const struct plan *plan, size_t early);

#endif
