/* SPDX-License-Identifier: MIT */
/*
 * A pipeline: so many tokens go round, each with an item. One task carries a token's item through
 * the stages. Where a serial stage is busy, or it is not the item's turn, the task ends, and the
 * token waits there; the task that leaves the stage adds one for it. So no thread waits, and memory
 * is flat. (The tokens are those of oneTBB's parallel_pipeline.)
 */
#include <taskgroup/combine.h>
#include <taskgroup/version.h>

#include "base/options.h"
#include "base/status.h"
#include "sys/lock.h"
#include "task/frame.h"

#include <stdlib.h>

struct token {
    struct pipeline *pipeline;
    void *item;         /* NULL: none, or it was taken out */
    size_t number;      /* of the item */
    size_t stage;       /* that it comes to next */
    struct token *next; /* that waits at the same stage */
};

/* The lock of the pipeline guards it, but for what does not change. */
struct gate {
    bool busy;
    size_t turn;                /* in order: the number of the item that is next */
    struct token *first, *last; /* that wait; in order: `turns` instead, at number % tokens */
    struct token **turns;
};

struct pipeline {
    const tg_stage *stages;
    size_t count, tokens;
    tg_group *group;
    pthread_mutex_t lock;
    bool ended; /* there are no more items */
    size_t items, done;
    struct gate *gates;
    struct token *token;
    struct token **turns;
};

/* ---- the gates of serial stages ---- */

static bool is_serial(const struct pipeline *pipeline, size_t stage)
{
    return stage == 0 || pipeline->stages[stage].mode != TG_STAGE_PARALLEL;
}

/* Items come out of the first stage in order. */
static bool is_in_order(const struct pipeline *pipeline, size_t stage)
{
    return stage > 0 && pipeline->stages[stage].mode == TG_STAGE_IN_ORDER;
}

static void wait_at(struct pipeline *pipeline, struct token *token)
{
    struct gate *gate = &pipeline->gates[token->stage];
    token->next = NULL;
    if (is_in_order(pipeline, token->stage))
        gate->turns[token->number % pipeline->tokens] = token;
    else if (gate->first == NULL)
        gate->first = gate->last = token;
    else
        gate->last = gate->last->next = token;
}

/* The one whose turn it is, of those that wait; or NULL. */
static struct token *take_next(struct pipeline *pipeline, size_t stage)
{
    struct gate *gate = &pipeline->gates[stage];
    struct token **from =
        is_in_order(pipeline, stage) ? &gate->turns[gate->turn % pipeline->tokens] : &gate->first;
    struct token *token = *from;
    if (token != NULL)
        *from = is_in_order(pipeline, stage) ? NULL : token->next;
    return token;
}

/* False: the token waits, and is not the caller's any more. */
static bool enter(struct pipeline *pipeline, struct token *token)
{
    tg__mutex_lock(&pipeline->lock, TG__LOCK_PIPELINE);
    struct gate *gate = &pipeline->gates[token->stage];
    bool turn = !is_in_order(pipeline, token->stage) || gate->turn == token->number;
    bool enters = !gate->busy && turn;
    if (enters)
        gate->busy = true;
    else
        wait_at(pipeline, token);
    tg__mutex_unlock(&pipeline->lock, TG__LOCK_PIPELINE);
    return enters;
}

static int carry(tg_task *self, void *arg, void *result);

/* The next one's task begins before the stage, and enters as any other. */
static void leave(struct pipeline *pipeline, size_t stage)
{
    tg__mutex_lock(&pipeline->lock, TG__LOCK_PIPELINE);
    struct gate *gate = &pipeline->gates[stage];
    gate->busy = false;
    gate->turn++;
    struct token *next = take_next(pipeline, stage);
    tg__mutex_unlock(&pipeline->lock, TG__LOCK_PIPELINE);
    if (next != NULL)
        tg_group_add(pipeline->group, carry, next); /* refused: the run fails, and drops its item */
}

/* ---- one item ---- */

static void drop(const struct pipeline *pipeline, struct token *token)
{
    const tg_stage *from = token->stage > 0 ? &pipeline->stages[token->stage - 1] : NULL;
    if (from != NULL && token->item != NULL && from->drop != NULL)
        from->drop(token->item, from->user);
    token->item = NULL;
}

/* Says which stage has failed, unless it has said why. */
static int explain(tg_task *self, const tg_stage *stage, size_t at, size_t number, int code)
{
    if (self->message != NULL || self->message_lost)
        return code;
    const char *name = stage->name != NULL ? stage->name : "";
    return tg_task_fail(self, code, "stage %zu%s%s%s returned %d for item %zu", at,
        name[0] != '\0' ? " \"" : "", name, name[0] != '\0' ? "\"" : "", code, number);
}

/* Calls the stage; what it does not put out is its own to free. */
static int call(tg_task *self, struct pipeline *pipeline, struct token *token)
{
    const tg_stage *stage = &pipeline->stages[token->stage];
    void *item = token->item;
    token->item = NULL;
    int code = token->stage > 0 && item == NULL ? 0 : stage->function(self, &item, stage->user);
    if (code != 0)
        return explain(self, stage, token->stage, token->number, code);
    token->item = item;
    return 0;
}

/* The first stage has put something out: it has a number. False: there are no more. In the gate. */
static bool number_it(struct pipeline *pipeline, struct token *token)
{
    pipeline->ended |= token->item == NULL;
    token->number = pipeline->items;
    pipeline->items += token->item != NULL;
    return token->item != NULL;
}

/* The last stage has had one more. */
static void count_done(struct pipeline *pipeline)
{
    tg__mutex_lock(&pipeline->lock, TG__LOCK_PIPELINE);
    pipeline->done++;
    tg__mutex_unlock(&pipeline->lock, TG__LOCK_PIPELINE);
}

/* The token goes through its next stage. `on` is false when it waits there, or there are no more
 * items. */
static int pass(tg_task *self, struct pipeline *pipeline, struct token *token, bool *on)
{
    size_t stage = token->stage;
    bool serial = is_serial(pipeline, stage);
    if (serial && !enter(pipeline, token)) {
        *on = false;
        return 0;
    }
    bool first = stage == 0, over = first && pipeline->ended,
         has_item = first || token->item != NULL;
    int code = over ? 0 : call(self, pipeline, token);
    if (first)
        *on = code == 0 && !over && number_it(pipeline, token);
    if (code != 0)
        return code; /* nothing passes a serial stage any more */
    token->stage++;
    if (token->stage == pipeline->count && has_item && *on)
        count_done(pipeline);
    if (serial)
        leave(pipeline, stage);
    return 0;
}

/* Round: the next item in a task of its own, so that others get their turn. */
static int carry(tg_task *self, void *arg, void *result)
{
    struct token *token = arg;
    struct pipeline *pipeline = token->pipeline;
    bool on = true;
    int code = 0;
    (void)result;
    while (on && code == 0 && token->stage < pipeline->count) {
        if (tg_context_check(tg_group_context(pipeline->group)) != TG_OK)
            return tg_task_fail(self, 1, "the pipeline has stopped");
        code = pass(self, pipeline, token, &on);
    }
    if (!on || code != 0)
        return code;
    drop(pipeline, token); /* what the last stage has put out */
    token->stage = 0;
    tg_group_add(pipeline->group, carry, token);
    return 0;
}

/* ---- all of it ---- */

static tg_status read_options(const tg_group_options *options, tg_group_options *o)
{
    static const char call[] = "tg_pipeline_run";
    const unsigned refused = TG_GROUP_KEEP_GOING | TG_GROUP_REQUIRED_FIRST | TG_GROUP_IN_ORDER |
                             TG_GROUP_FIRST_INDEX | TG_GROUP_SHIELD;
    char why[TG__WHY_SIZE];
    tg_status status = tg__options_read(o, sizeof *o, options, why);
    if (status != TG_OK)
        return tg__refuse(status, "%s: options: %s", call, why);
    if ((o->flags & refused) != 0)
        return tg__refuse(
            TG_INVALID, "%s: options: flags 0x%x make no sense here", call, o->flags & refused);
    if (o->results != NULL || o->on_done != NULL)
        return tg__refuse(TG_INVALID, "%s: options: %s is not NULL", call,
            o->results != NULL ? "results" : "on_done");
    if (o->result_size != 0 || o->capacity != 0 || o->need != 0 || o->queue != 0 || o->ahead != 0)
        return tg__refuse(TG_INVALID,
            "%s: options: result_size is %zu, capacity %zu, need %zu, queue %ld, ahead %zu", call,
            o->result_size, o->capacity, o->need, o->queue, o->ahead);
    o->size = sizeof *o;
    o->flags |= TG_GROUP_RECYCLE;
    return TG_OK;
}

static tg_status check_stages(const tg_stage *stages, size_t count)
{
    static const char call[] = "tg_pipeline_run";
    if (stages == NULL || count == 0)
        return tg__refuse(TG_INVALID, "%s: stages %s NULL with a count of %zu", call,
            stages == NULL ? "is" : "is not", count);
    for (size_t i = 0; i < count; i++) {
        if (stages[i].function == NULL)
            return tg__refuse(TG_INVALID, "%s: function of stage %zu is NULL", call, i);
        if (stages[i].mode < TG_STAGE_PARALLEL || stages[i].mode > TG_STAGE_IN_ORDER)
            return tg__refuse(TG_INVALID, "%s: mode of stage %zu is %d", call, i, stages[i].mode);
    }
    return TG_OK;
}

/* Twice as many as threads: one in the hands of each, and one for it to go on with. */
static size_t default_tokens(const tg_group_options *o)
{
    tg_info info;
    tg_info_read(&info);
    return 2 * (size_t)(o->threads > 0 ? o->threads : info.threads > 0 ? info.threads : 1);
}

/* False: out of memory. */
static bool make(struct pipeline *pipeline)
{
    size_t tokens = pipeline->tokens, count = pipeline->count;
    pipeline->gates = calloc(count, sizeof *pipeline->gates);
    pipeline->token = calloc(tokens, sizeof *pipeline->token);
    pipeline->turns = calloc(count * tokens, sizeof *pipeline->turns);
    if (pipeline->gates == NULL || pipeline->token == NULL || pipeline->turns == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        pipeline->gates[i].turns = pipeline->turns + i * tokens;
    for (size_t i = 0; i < tokens; i++)
        pipeline->token[i].pipeline = pipeline;
    return true;
}

static void unmake(struct pipeline *pipeline)
{
    for (size_t i = 0; pipeline->token != NULL && i < pipeline->tokens; i++)
        drop(pipeline, &pipeline->token[i]);
    free(pipeline->gates);
    free(pipeline->token);
    free(pipeline->turns);
    pthread_mutex_destroy(&pipeline->lock);
}

static tg_status run(struct pipeline *pipeline, const tg_group_options *o)
{
    if (pipeline->tokens > PTRDIFF_MAX / sizeof(struct token) / pipeline->count)
        return tg__refuse(TG_TOO_LARGE, "tg_pipeline_run: tokens is %zu", pipeline->tokens);
    if (!make(pipeline))
        return tg__refuse(TG_NO_MEMORY, "tg_pipeline_run: out of memory");
    pipeline->group = tg_group_create(o);
    if (pipeline->group == NULL)
        return tg_error_last()->status;
    for (size_t i = 0; i < pipeline->tokens; i++)
        tg_group_add(pipeline->group, carry, &pipeline->token[i]);
    tg_status status = tg_group_run(pipeline->group);
    tg_group_destroy(pipeline->group);
    return status;
}

tg_status tg_pipeline_run(const tg_stage *stages, size_t count, size_t tokens, size_t *items,
    const tg_group_options *options)
{
    tg_group_options o = {0};
    if (items != NULL)
        *items = 0;
    tg_status status = read_options(options, &o);
    if (status == TG_OK)
        status = check_stages(stages, count);
    if (status != TG_OK)
        return status;
    struct pipeline pipeline = {.stages = stages,
        .count = count,
        .tokens = tokens > 0 ? tokens : default_tokens(&o),
        .lock = PTHREAD_MUTEX_INITIALIZER};
    status = run(&pipeline, &o);
    if (items != NULL)
        *items = pipeline.done;
    unmake(&pipeline);
    return status;
}
