/* SPDX-License-Identifier: MIT */
#ifndef TG_WORKS_H
#define TG_WORKS_H
/* What tests of combine.h share: calls that do what a table says, and looks at what became of them. */

enum { WORKS = 8 };

/* One call: what it returns, and how often it ran. Its result is 100 + its number. */
struct work {
    int number, code;
    atomic_int runs;
};

struct works {
    struct work work[WORKS];
    int results[WORKS];
    tg_call calls[WORKS];
};

static inline int do_work(tg_task *self, void *arg, void *result)
{
    struct work *work = arg;

    atomic_fetch_add(&work->runs, 1);
    if (result != NULL)
        *(int *)result = 100 + work->number;
    return work->code == 0 ? 0 : tg_task_fail(self, work->code, "code %d", work->code);
}

/* `plan`: a letter a call: o ok, f fails, p fails and is optional. Codes are 10 + the index. */
static inline size_t make_works(struct works *works, const char *plan)
{
    size_t count = strlen(plan);

    memset(works, 0, sizeof *works);
    for (size_t i = 0; i < count; i++) {
        works->work[i].number = (int)i;
        works->work[i].code = plan[i] == 'o' ? 0 : 10 + (int)i;
        works->calls[i] = (tg_call){.function = do_work,
            .arg = &works->work[i],
            .result = &works->results[i],
            .flags = plan[i] == 'p' ? TG_TASK_OPTIONAL : 0,
            .status = TG_BUSY, /* out-parameters: overwritten whatever happens */
            .code = -1};
    }
    return count;
}

/* `expected`: a letter a call: O ok, F failed, C cancelled, S skipped, N not run. */
static inline void expect_works(
    struct blame *blame, const struct works *works, const char *expected)
{
    for (size_t i = 0; expected[i] != '\0'; i++) {
        const tg_call *call = &works->calls[i];
        bool ran = expected[i] == 'O' || expected[i] == 'F' || expected[i] == 'C';
        tg_status status = expected[i] == 'O'   ? TG_OK
                           : expected[i] == 'F' ? TG_FAILED
                           : expected[i] == 'C' ? TG_CANCELLED
                           : expected[i] == 'S' ? TG_SKIPPED
                                                : TG_NOT_RUN;
        expect(blame, call->status == status);
        expect(blame, call->code == (ran ? works->work[i].code : 0));
        expect(blame, atomic_load(&works->work[i].runs) == ran);
        expect(blame, works->results[i] == (ran ? 100 + (int)i : 0));
    }
}

/* The last error tells of this call. */
static inline void expect_error_of(struct blame *blame, size_t index)
{
    const tg_error *error = tg_error_last();

    expect(blame, error->index == index);
    expect(blame, error->code == 10 + (int)index);
}

/* ---- An order of completion that does not depend on luck ------------------------------------ */

/* Told by on_done who has ended; each call but the last waits for the one behind it. */
struct relay {
    atomic_bool ended[WORKS + 1];
};

struct runner {
    struct relay *relay;
    size_t index;
};

static inline int note_end(tg_group *group, const tg_outcome *outcome, void *user)
{
    (void)group;
    atomic_store(&((struct relay *)user)->ended[outcome->index], true);
    return 0;
}

static inline int end_behind(tg_task *self, void *arg, void *result)
{
    const struct runner *runner = arg;

    (void)result;
    wait_until(
        atomic_load(&runner->relay->ended[runner->index + 1]) || tg_task_check(self) != TG_OK);
    return 0;
}

/* As many calls as threads and no more than fit, which end in reverse order. With `.on_done =
   note_end, .user = relay`. */
static inline size_t make_relay(struct relay *relay, struct runner *runners, tg_call *calls)
{
    size_t count = team_size() < WORKS ? team_size() : WORKS;

    for (size_t i = 0; i <= WORKS; i++)
        atomic_init(&relay->ended[i], i == count);
    for (size_t i = 0; i < count; i++) {
        runners[i] = (struct runner){relay, i};
        calls[i] = (tg_call){.function = end_behind, .arg = &runners[i]};
    }
    return count;
}

#endif
