/* SPDX-License-Identifier: MIT */
/**
 * @file fan_out.c
 * One answer out of three requests that run at the same time, each with a result of its own type,
 * straight into its member of the answer (the task option `.result`). User and news are required:
 * the first that fails ends the others, and its error is the answer's. Recommendations are optional:
 * without them the answer is served with a gap. The group's timeout bounds it all.
 *
 *     fan_out                        all three answer
 *     fan_out recommendations        that one fails: a partial answer
 *     fan_out user                   that one fails: no answer, and why
 *     fan_out late 0.5               news never answer: no answer after half a second
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taskgroup.h>
#include <time.h>

struct user {
    int id;
    char name[32];
};

struct news {
    int count;
    char headlines[3][48];
};

struct recommendations {
    double score;
    char title[48];
};

/** What is assembled: each request fills one member. */
struct answer {
    struct user user;
    struct news news;
    struct recommendations recommendations;
    bool has_recommendations;
};

/* Which request is to go wrong, as the command line says. */
static const char *wrong = "";

/* Stands for a client that waits for its server, and gives up when it is told to. */
static bool wait_for_server(tg_task *self, double seconds)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (double end = tg_time_now() + seconds; tg_time_now() < end; nanosleep(&moment, NULL))
        if (tg_task_check(self) != TG_OK)
            return false;
    return true;
}

static int get_user(tg_task *self, void *arg, void *result)
{
    const int *id = arg;
    struct user *user = result;
    if (!wait_for_server(self, 0.01))
        return ECANCELED; /* says nothing: who stopped us has said why */
    if (strcmp(wrong, "user") == 0)
        return tg_task_fail(self, 404, "there is no user %d", *id);
    user->id = *id;
    snprintf(user->name, sizeof user->name, "Ada");
    return 0;
}

static int get_news(tg_task *self, void *arg, void *result)
{
    struct news *news = result;
    (void)arg;
    if (!wait_for_server(self, strcmp(wrong, "late") == 0 ? 3600 : 0.02))
        return ECANCELED;
    if (strcmp(wrong, "news") == 0)
        return tg_task_fail(self, 503, "the server is busy");
    for (news->count = 0; news->count < 3; news->count++)
        snprintf(
            news->headlines[news->count], sizeof *news->headlines, "Headline %d", news->count + 1);
    return 0;
}

static int get_recommendations(tg_task *self, void *arg, void *result)
{
    struct recommendations *recommendations = result;
    (void)arg;
    if (!wait_for_server(self, 0.01))
        return ECANCELED;
    if (strcmp(wrong, "recommendations") == 0)
        return tg_task_fail(self, 500, "the model is not loaded");
    recommendations->score = 0.75;
    snprintf(recommendations->title, sizeof recommendations->title, "On engines");
    return 0;
}

static void print_answer(const struct answer *answer)
{
    printf("user %d: %s\n", answer->user.id, answer->user.name);
    for (int i = 0; i < answer->news.count; i++)
        printf("news: %s\n", answer->news.headlines[i]);
    if (answer->has_recommendations)
        printf("recommended: %s (%.2f)\n", answer->recommendations.title,
            answer->recommendations.score);
}

/* Asks for everything. On failure tg_error_last() tells what it was. */
static tg_status assemble(struct answer *answer, int id, double timeout)
{
    size_t optional;
    tg_group *group = tg_group_create(TG_GROUP(.timeout = timeout));
    tg_group_add_with(group, get_user, &id, TG_TASK(.name = "user", .result = &answer->user), NULL);
    tg_group_add_with(
        group, get_news, NULL, TG_TASK(.name = "news", .result = &answer->news), NULL);
    tg_group_add_with(group, get_recommendations, NULL,
        TG_TASK(.name = "recommendations", .result = &answer->recommendations,
            .flags = TG_TASK_OPTIONAL),
        &optional);
    tg_status status = tg_group_run(group);
    if (status == TG_OK) {
        tg_outcome outcome;
        tg_group_outcome(group, optional, &outcome);
        answer->has_recommendations = outcome.status == TG_OK;
        if (!answer->has_recommendations)
            fprintf(stderr, "fan_out: without %s: %s\n", outcome.name, outcome.message);
    }
    tg_group_destroy(group);
    return status;
}

int main(int argc, char *argv[])
{
    struct answer answer = {.has_recommendations = false};
    wrong = argc > 1 ? argv[1] : "";
    double timeout = argc > 2 ? atof(argv[2]) : 60;
    if (assemble(&answer, 1815, timeout) != TG_OK) {
        const tg_error *error = tg_error_last();
        /* A task's error has a name; a timeout of the group has none. */
        fprintf(stderr, "fan_out: %s%s%s\n", error->name, *error->name != '\0' ? ": " : "",
            error->message);
        return EXIT_FAILURE;
    }
    print_answer(&answer);
    return EXIT_SUCCESS;
}
