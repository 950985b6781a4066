/* SPDX-License-Identifier: MIT */
#include "base/status.h"

#include "base/list.h"
#include "sys/lock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_SIZE = 512, NAME_SIZE = 64 };

/* Not much: all that is thread-local must find a place in each thread that is there already when
   somebody loads the library by dlopen(), and the C library keeps some 1600 bytes for all that come
   so. */
static _Thread_local struct {
    tg_error error;
    bool creator; /* said by a creator, and nothing else has been said since */
    char name[NAME_SIZE];
    char message[MESSAGE_SIZE];
    struct trace *trace; /* NULL: none yet */
} last;

/* ---- the backtrace of a thread's last error ---- */

/*
 * Memory for a backtrace: a thread makes it with its first error that has one, and frees it at its
 * end. All of them are in a list: libomp ends its threads after the destructors of this library,
 * when the key that frees theirs is gone, and a leak checker is to see that the memory was not
 * lost.
 */
struct trace {
    struct tg__link link;
    char text[1024 - sizeof(struct tg__link)]; /* a block of 1 KiB in all */
};

static struct tg__lock lock; /* a leaf: guards the list */
static struct tg__link *traces;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* frees it at the thread's end */
static bool has_key;

/* In a child of fork() the list is begun anew if a thread of the parent was just changing it. */
static void enter_list(void)
{
    bool lost = tg__lock_is_lost(&lock);
    tg__lock_take(&lock, TG__LOCK_ERRORS);
    if (lost)
        traces = NULL;
}

static void free_trace(void *unused)
{
    (void)unused;
    if (last.trace == NULL)
        return;
    enter_list();
    tg__list_remove(&last.trace->link);
    tg__lock_give(&lock, TG__LOCK_ERRORS);
    free(last.trace);
    last.trace = NULL;
    if (last.error.message != NULL)
        last.error.backtrace = "";
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, free_trace) == 0;
}

/* After this no thread may come to free_trace() any more. */
__attribute__((destructor)) static void delete_key(void)
{
    free_trace(NULL);
    if (has_key)
        pthread_key_delete(key);
    has_key = false;
}

/* NULL: there is no memory, and the error has no backtrace. */
static struct trace *new_trace(void)
{
    pthread_once(&once, make_key);
    struct trace *trace = has_key ? malloc(sizeof *trace) : NULL;
    if (trace != NULL && pthread_setspecific(key, trace) != 0) {
        free(trace);
        return NULL;
    }
    if (trace == NULL)
        return NULL;
    enter_list();
    tg__list_push(&traces, &trace->link);
    tg__lock_give(&lock, TG__LOCK_ERRORS);
    return trace;
}

static const char *keep_trace(const char *trace)
{
    if (trace[0] == '\0')
        return "";
    if (last.trace == NULL)
        last.trace = new_trace();
    if (last.trace == NULL)
        return "";
    if (trace != last.trace->text)
        snprintf(last.trace->text, sizeof last.trace->text, "%s", trace);
    return last.trace->text;
}

/* ---- */

const char *tg_status_name(tg_status status)
{
    switch (status) {
#define NAME(name, value, meaning) \
    case TG_##name:                \
        return #name;
        TG_STATUS_TABLE(NAME)
#undef NAME
    }
    return "?";
}

const char *tg_status_message(tg_status status)
{
    switch (status) {
#define MEANING(name, value, meaning) \
    case TG_##name:                   \
        return meaning;
        TG_STATUS_TABLE(MEANING)
#undef MEANING
    }
    return "not a status";
}

const tg_error *tg_error_last(void)
{
    if (last.error.message == NULL)
        last.error = (tg_error){
            .index = TG_NO_INDEX, .name = last.name, .message = last.message, .backtrace = ""};
    return &last.error;
}

static void set_last(tg_status status, bool creator, const char *format, va_list args)
{
    vsnprintf(last.message, sizeof last.message, format, args);
    last.name[0] = '\0';
    last.error = (tg_error){.status = status,
        .index = TG_NO_INDEX,
        .name = last.name,
        .message = last.message,
        .backtrace = ""};
    last.creator = creator;
}

tg_status tg__refuse(tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_last(status, false, format, args);
    va_end(args);
    return status;
}

void *tg__refuse_create(tg_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_last(status, true, format, args);
    va_end(args);
    return NULL;
}

tg_status tg__refuse_null(const char *call, const char *what)
{
    if (last.creator)
        return TG_INVALID;
    return tg__refuse(TG_INVALID, "%s: %s is NULL", call, what);
}

tg_status tg__error_publish(const tg_error *error)
{
    snprintf(last.message, sizeof last.message, "%s", error->message);
    snprintf(last.name, sizeof last.name, "%s", error->name);
    const char *trace = keep_trace(error->backtrace);
    last.error = *error;
    last.error.backtrace = trace;
    last.error.name = last.name;
    last.error.message = last.message;
    last.creator = false;
    return error->status;
}
