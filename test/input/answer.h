/* SPDX-License-Identifier: MIT */
#ifndef INPUT_ANSWER_H
#define INPUT_ANSWER_H
/* Writes down what a call has answered, as one line of text. A line with BUT in it is a bug. */
#include <stdbool.h>
#include <stddef.h>

#include <taskgroup.h>

struct world;

/* Goes on with the line. */
void say(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_text(struct world *w, const char *text);

/* Makes the thread's last error one that no call gives, so that it is seen whether one was said. */
void forget_error(void);

/* What the call returned, and why. */
void answer_status(struct world *w, tg_status status);
void answer_made(struct world *w, const char *what, bool made);
void answer_pointer(struct world *w, const void *pointer);
void answer_int(struct world *w, int number);
void answer_size(struct world *w, size_t number);
void answer_time(struct world *w, double seconds);
void answer_text(struct world *w, const char *text);
void answer_error(struct world *w, const tg_error *error);
void answer_nothing(struct world *w);

/* What it left where it was to answer more: nothing, if it was refused. */
void answer_out_index(struct world *w, const char *name, size_t index);
/* Which one of several is a matter of who is faster. */
void answer_out_winner(struct world *w, const char *name, size_t index);
void answer_out_task(struct world *w, const char *name, tg_task *task);
void answer_calls(struct world *w, const tg_call *calls, size_t count);
void answer_tg_outcome(struct world *w, const char *name, const tg_outcome *o, size_t known);
void answer_tg_report(struct world *w, const char *name, const tg_report *r, size_t known);
void answer_tg_pool_numbers(
    struct world *w, const char *name, const tg_pool_numbers *n, size_t known);
void answer_tg_info(struct world *w, const char *name, const tg_info *i, size_t known);

/* Is what was made any good? And gives it back. */
void try_tg_group(struct world *w, tg_group *group);
void try_tg_context(struct world *w, tg_context *context);
void try_tg_limit(struct world *w, tg_limit *limit);
void try_tg_pool(struct world *w, tg_pool *pool);
void try_tg_hook(struct world *w, tg_hook *hook);
void try_tg_task(struct world *w, tg_task *hold);

#endif
