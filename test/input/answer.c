/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unsaid[] = "tg_info_read: info->size is 3";

void say(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(w->answer + w->used, sizeof w->answer - w->used, format, args);
    va_end(args);
    w->used += length > 0 ? (size_t)length : 0;
    if (w->used >= sizeof w->answer)
        w->used = sizeof w->answer - 1;
}

/* In quotes, and on one line; the middle of what is long is left out. */
void say_text(struct world *w, const char *text)
{
    size_t length = strlen(text);
    say(w, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (length > 200 && i == 60) {
            i = length - 1;
            say(w, " ... (%zu bytes)", length);
        } else if (c >= 0x20 && c < 0x7f) {
            say(w, "%c", c);
        } else {
            say(w, "\\x%02x", c);
        }
    }
    say(w, "\"");
}

void forget_error(void)
{
    tg_info info = {.size = 3};
    (void)(tg_info_read)(&info);
}

static bool was_said(void)
{
    return strcmp(tg_error_last()->message, unsaid) != 0;
}

/* Why, if the status is not OK; and only then. */
static void say_why(struct world *w, tg_status status)
{
    const tg_error *last = tg_error_last();
    if (status == TG_OK) {
        if (was_said())
            say(w, " BUT the last error is now %s \"%s\"", tg_status_name(last->status),
                last->message);
        return;
    }
    if (!was_said()) {
        say(w, " and says nothing");
        return;
    }
    if (last->status != status)
        say(w, " BUT the last error is %s", tg_status_name(last->status));
    say(w, ": ");
    say_text(w, last->message);
    if (last->index != TG_NO_INDEX)
        say(w, " of task %zu", last->index);
    if (last->code != 0)
        say(w, " code %d", last->code);
}

void answer_status(struct world *w, tg_status status)
{
    w->refused = status >= TG_FULL;
    say(w, "%s", tg_status_name(status));
    say_why(w, status);
}

void answer_made(struct world *w, const char *what, bool made)
{
    w->refused = !made;
    say(w, made ? "a %s" : "NULL", what);
    if (made)
        say_why(w, TG_OK);
    else
        say(w, " %s", tg_status_name(tg_error_last()->status)), say_why(w, tg_error_last()->status);
}

/* Of a call that need not say why not. */
static void say_if_said(struct world *w)
{
    if (was_said())
        say(w, " %s", tg_status_name(tg_error_last()->status)), say_why(w, tg_error_last()->status);
}

void answer_pointer(struct world *w, const void *pointer)
{
    w->refused = pointer == NULL;
    say(w, "%s", pointer != NULL ? "a pointer" : "NULL");
    say_if_said(w);
}

void answer_int(struct world *w, int number)
{
    if (number == TG_VERSION)
        say(w, "TG_VERSION");
    else
        say(w, "%d", number);
    say_if_said(w);
}

void answer_size(struct world *w, size_t number)
{
    if (number == TG_NO_INDEX)
        say(w, "TG_NO_INDEX");
    else
        say(w, "%zu", number);
    say_if_said(w);
}

void answer_time(struct world *w, double seconds)
{
    say(w, "%s", seconds > 0 ? "a time" : "BUT no time");
    say_if_said(w);
}

void answer_text(struct world *w, const char *text)
{
    char version[32];
    snprintf(
        version, sizeof version, "%d.%d.%d", TG_VERSION_MAJOR, TG_VERSION_MINOR, TG_VERSION_PATCH);
    if (text == NULL)
        say(w, "NULL");
    else
        say_text(w, strcmp(text, version) == 0 ? "the version" : text);
    say_if_said(w);
}

void answer_error(struct world *w, const tg_error *error)
{
    if (error == NULL) {
        say(w, "NULL");
    } else if (strcmp(error->message, unsaid) == 0) {
        say(w, "the last error");
    } else {
        say(w, "%s ", tg_status_name(error->status));
        say_text(w, error->message);
    }
    if (error != tg_error_last())
        say_if_said(w);
}

void answer_nothing(struct world *w)
{
    say(w, "returns");
    if (was_said())
        say(w, " BUT the last error is now \"%s\"", tg_error_last()->message);
}

/* ---- what it left ---- */

void answer_out_index(struct world *w, const char *name, size_t index)
{
    if (index == POISON)
        say(w, "; %s untouched", name);
    else if (index == TG_NO_INDEX)
        say(w, "; %s TG_NO_INDEX", name);
    else
        say(w, "; %s %zu", name, index);
}

void answer_out_task(struct world *w, const char *name, tg_task *task)
{
    if (task == POISON_TASK) {
        say(w, "; BUT %s untouched", name);
        return;
    }
    if (task == NULL)
        say(w, "; %s NULL", name);
    w->taken = task;
}

void answer_out_winner(struct world *w, const char *name, size_t index)
{
    if (index < 2)
        say(w, "; %s one of them", name);
    else
        answer_out_index(w, name, index);
}

/* Which of several succeed is a matter of who is faster, too. */
static bool ended_well(const tg_call *call)
{
    return (call->status == TG_OK || call->status == TG_SKIPPED || call->status == (tg_status)77) &&
           (call->code == 0 || call->code == 77);
}

void answer_calls(struct world *w, const tg_call *calls, size_t count)
{
    bool well = !w->refused;
    for (size_t i = 0; i < count; i++)
        well &= ended_well(&calls[i]);
    for (size_t i = 0; i < count && !well; i++)
        say(w, "%s%s %d", i == 0 ? "; " : ", ",
            calls[i].status == (tg_status)77 ? "untouched" : tg_status_name(calls[i].status),
            calls[i].code);
}

/* Is there a struct of a size that it could be written to? */
static bool is_there(size_t size, size_t known)
{
    return size == known || size == known + 24;
}

static void say_nothing(struct world *w, const char *name, bool nothing)
{
    if (w->refused && !nothing)
        say(w, "; BUT %s says something", name);
}

void answer_tg_outcome(struct world *w, const char *name, const tg_outcome *o, size_t known)
{
    if (!is_there(o->size, known))
        return;
    say_nothing(w, name,
        o->status == TG_NOT_RUN && o->index == TG_NO_INDEX && o->code == 0 && o->id == 0 &&
            o->name[0] == '\0' && o->message[0] == '\0' && o->arg == NULL && o->result == NULL &&
            o->attempts == 0 && o->signal == 0 && o->rank == 0 && !(o->start > 0) && !(o->end > 0));
    if (!w->refused)
        say(w, "; %s %s", name, tg_status_name(o->status));
}

static bool is_zero(const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < size; i++)
        if (b[i] != 0)
            return false;
    return true;
}

void answer_tg_report(struct world *w, const char *name, const tg_report *r, size_t known)
{
    if (!is_there(r->size, known))
        return;
    tg_report copy = *r;
    copy.size = 0;
    copy.longest_index = 0;
    say_nothing(w, name, is_zero(&copy, sizeof copy) && r->longest_index == TG_NO_INDEX);
    if (!w->refused)
        say(w, "; added %zu", r->added);
}

void answer_tg_pool_numbers(
    struct world *w, const char *name, const tg_pool_numbers *n, size_t known)
{
    if (!is_there(n->size, known))
        return;
    say_nothing(w, name, is_zero(&n->threads, known - offsetof(tg_pool_numbers, threads)));
    if (!w->refused)
        say(w, "; submitted %zu", n->submitted);
}

void answer_tg_info(struct world *w, const char *name, const tg_info *i, size_t known)
{
    if (!w->refused && is_there(i->size, known))
        say(w, "; %s %s", name, i->version == TG_VERSION ? "filled" : "BUT not filled");
}

/* ---- what it made ---- */

void try_tg_group(struct world *w, tg_group *group)
{
    tg_status first = tg_group_add(group, task_fine, w->items);
    tg_status second = tg_group_add_many(group, task_fine, 1, w->items, 8, NULL);
    tg_status status = tg_group_run(group);
    if (first != TG_OK || second != TG_OK)
        say(w, ", takes a task %s, another one %s", tg_status_name(first), tg_status_name(second));
    say(w, ", runs %s", tg_status_name(status));
    if (status == TG_TOO_LARGE || status == TG_NO_MEMORY)
        say_why(w, status);
    tg_group_destroy(group);
}

void try_tg_context(struct world *w, tg_context *context)
{
    say(w, ", is %s", tg_status_name(tg_context_check(context)));
    tg_context_destroy(context);
}

void try_tg_limit(struct world *w, tg_limit *limit)
{
    if (tg_limit_used(limit) != 0)
        say(w, ", BUT in use");
    tg_limit_destroy(limit);
}

void try_tg_pool(struct world *w, tg_pool *pool)
{
    tg_task *task;
    tg_status status = tg_pool_submit(pool, task_fine, w->items, NULL, &task);
    say(w, ", takes a task %s", tg_status_name(status));
    if (status == TG_OK)
        say(w, ", runs it %s", tg_status_name(tg_task_wait(task, TG_FOREVER)));
    tg_task_release(task);
    say(w, ", is closed %s", tg_status_name(tg_pool_close(pool, TG_FOREVER, NULL)));
    tg_pool_destroy(pool);
}

void try_tg_hook(struct world *w, tg_hook *hook)
{
    (void)w;
    tg_hook_remove(hook);
}

void try_tg_task(struct world *w, tg_task *hold)
{
    say(w, ", completed %s", tg_status_name(tg_task_complete(hold, 0, NULL)));
}
