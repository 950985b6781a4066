/* SPDX-License-Identifier: MIT */
#ifndef TRIAL_H
#define TRIAL_H
/*
 * The k-th system call of a little program fails, k = 1, 2, … until it needs no more; and all calls of that function
 * from the k-th on. Each trial is a process of its own, so that also what happens once a process happens.
 */
#include "../unit/tg_test.h"

/*
 * From making to freeing: answers TG_OK, or what it was refused with; whatever else is wrong it blames. It is
 * run twice: the second time nothing fails.
 */
typedef tg_status trial_fn(struct blame *blame);

/* What it is told when a call fails that the library cannot do without. */
enum refuses {
    NEVER,     /* it needs none */
    SOMETIMES, /* TG_NO_SYSTEM, or the library tries again */
    ALWAYS     /* TG_NO_SYSTEM */
};

struct program {
    const char *name;
    trial_fn *run;
    enum refuses refuses;
};

/* In the second run of a trial nothing fails; in the first one all calls do, from the k-th on? */
extern bool trial_forever;

/* Tries everything; asserts that nothing hangs, nothing is kept, and all answers are such as the headers name. */
void try_program(const struct program *program, bool forever);

#endif
