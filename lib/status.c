/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "status.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { MESSAGE_SIZE = 512, NAME_SIZE = 64, TRACE_SIZE = 1024 };

struct texts {
    char name[NAME_SIZE];
    char message[MESSAGE_SIZE];
    char trace[TRACE_SIZE];
};

/* Few bytes: all that is thread-local must find a place in each thread that is there already when somebody loads the
   library by dlopen(), and the C library keeps some 1600 bytes for that. */
static _Thread_local tg_error last;
static _Thread_local bool by_creator;     /* and nothing else has been said since */
static _Thread_local struct texts *texts; /* made when there is first something to say */

/* ---- the texts of a thread ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* frees them at the thread's end */
static bool has_key;

static void free_texts(void *unused)
{
    (void)unused;
    if (texts != NULL)
        munmap(texts, sizeof *texts);
    texts = NULL;
    memset(&last, 0, sizeof last);
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, free_texts) == 0;
}

/* Unloaded: no thread may come to free_texts() any more. */
__attribute__((destructor)) static void delete_key(void)
{
    free_texts(NULL);
    if (has_key)
        pthread_key_delete(key);
    has_key = false;
}

/* From the system, not the heap: a signal handler may be told that it has passed NULL. */
static struct texts *make_texts(void)
{
    pthread_once(&once, make_key);
    if (!has_key)
        return NULL;
    void *memory =
        mmap(NULL, sizeof *texts, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (pthread_setspecific(key, memory) != 0) {
        munmap(memory, sizeof *texts);
        return NULL;
    }
    return memory;
}

/* Has the thread a place to write them? */
static bool can_write(void)
{
    if (texts == NULL)
        texts = make_texts();
    return texts != NULL;
}

static void point_to_texts(tg_status status)
{
    bool there = texts != NULL;
    const char *lost = status == TG_OK          ? ""
                       : status == TG_NO_MEMORY ? "out of memory"
                                                : "out of memory: the message was lost";
    last.name = there ? texts->name : "";
    last.message = there ? texts->message : lost;
    last.backtrace = there ? texts->trace : "";
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
    if (last.message == NULL) {
        last.index = TG_NO_INDEX;
        point_to_texts(TG_OK);
    }
    return &last;
}

static void set_last(tg_status status, bool creator, const char *format, va_list args)
{
    if (can_write()) {
        vsnprintf(texts->message, sizeof texts->message, format, args);
        texts->name[0] = '\0';
        texts->trace[0] = '\0';
    }
    last = (tg_error){.status = status, .index = TG_NO_INDEX};
    point_to_texts(status);
    by_creator = creator;
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
    if (by_creator)
        return TG_INVALID;
    return tg__refuse(TG_INVALID, "%s: %s is NULL", call, what);
}

tg_status tg__error_publish(const tg_error *error)
{
    if (can_write()) {
        snprintf(texts->message, sizeof texts->message, "%s", error->message);
        snprintf(texts->name, sizeof texts->name, "%s", error->name);
        snprintf(texts->trace, sizeof texts->trace, "%s", error->backtrace);
    }
    last = *error;
    point_to_texts(error->status);
    by_creator = false;
    return error->status;
}
