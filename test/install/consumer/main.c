/* SPDX-License-Identifier: MIT */
/* A program in C: one call that maps, and a group whose failure says why. */
#include <taskgroup.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int square(tg_task *self, void *arg, void *result)
{
    (void)self;
    const int *x = arg;
    int *y = result;
    *y = *x * *x;
    return 0;
}

static int refuse(tg_task *self, void *arg, void *result)
{
    (void)arg;
    (void)result;
    return tg_task_fail(self, EDOM, "refused number %d", 7);
}

int main(void)
{
    if (tg_version_number() != TG_VERSION)
        return 1;

    const int x[5] = {1, 2, 3, 4, 5};
    int y[5] = {0};
    if (tg_map_run(5, square, x, sizeof *x, y, sizeof *y, NULL) != TG_OK || y[4] != 25)
        return 2;

    tg_group *g = tg_group_create(TG_GROUP(.threads = 2));
    tg_group_add_with(g, refuse, NULL, TG_TASK(.name = "seven"), NULL);
    if (tg_group_run(g) != TG_FAILED)
        return 3;
    const tg_error *e = tg_group_error(g);
    if (e->code != EDOM || strcmp(e->name, "seven") != 0 ||
        strcmp(e->message, "refused number 7") != 0)
        return 4;
    tg_group_destroy(g);
    puts(tg_version_string());
    return 0;
}
