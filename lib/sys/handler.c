/* SPDX-License-Identifier: MIT */
#include "sys/handler.h"

#include <stddef.h>

static bool is_ours(const struct sigaction *action, void (*ours)(int, siginfo_t *, void *))
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == ours;
}

bool tg__handler_stand_in(int number, const struct sigaction *ours, struct sigaction *before)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) != 0)
        return false;
    if (!is_ours(&now, ours->sa_sigaction)) /* a program that has put us back, long after we had
                                               gone, has no handler of its own there */
        *before = now;
    return sigaction(number, ours, NULL) == 0;
}

void tg__handler_restore(
    int number, void (*ours)(int, siginfo_t *, void *), const struct sigaction *before)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && is_ours(&now, ours))
        sigaction(number, before, NULL);
}
