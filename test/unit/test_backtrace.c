/* SPDX-License-Identifier: MIT */
/* status.h, tg_error.backtrace: which function each frame names. This program exports its functions' names. */
#include "crashes.h"

/* Called through pointers only, so that each stays a function with its own name. */
void give_up(int code);
void give_up_by_text(int code);
int crash_at_once(void);
int call_nobody_back(void (*call)(int), int code);

/* The call is the last instruction: where it would come back is another function. */
void give_up(int code)
{
    tg_task_abort(code, "gave up with %d", code);
}

void give_up_by_text(int code)
{
    tg_task_abort_text(code, "gave up");
}

int call_nobody_back(void (*call)(int), int code)
{
    call(code);
    return code + 1; /* no tail call */
}

#if CRASHES_X86
/* The crash is the first instruction: what lies before it is another function. */
int crash_at_once(void)
{
    __builtin_trap();
}
#endif

static int (*volatile const through)(void (*)(int), int) = call_nobody_back;

static int task_calls(tg_task *self, void *arg, void *result)
{
    void (*const *call)(int) = arg;

    (void)self, (void)result;
    return through(*call, 5);
}

/* The lines from the first one on that is in this program, each as "function" without number and offset. */
static void own_functions(const char *backtrace, char functions[][64], int most)
{
    const char *line = strstr(backtrace, "(test_backtrace)");

    while (line != NULL && line > backtrace && line[-1] != '\n')
        line--;
    for (int i = 0; i < most; i++) {
        functions[i][0] = '\0';
        if (line != NULL)
            sscanf(line, "#%*d %63[^+]", functions[i]);
        line = line != NULL ? strchr(line, '\n') : NULL;
        line = line != NULL ? line + 1 : NULL;
    }
}

START_TEST(the_first_frame_of_the_programs_own_is_the_caller_of_abort)
{
    static void (*volatile const calls[])(int) = {give_up, give_up_by_text};
    static const char *const names[] = {"give_up", "give_up_by_text"};
    void (*call)(int) = calls[_i];
    char functions[2][64];
    tg_group *g = tg_group_create(NULL);

    tg_group_add(g, task_calls, &call);
    assert_status(tg_group_run(g), TG_FAILED);
    own_functions(tg_group_error(g)->backtrace, functions, 2);
    ck_assert_msg(
        strcmp(functions[0], names[_i]) == 0 && strcmp(functions[1], "call_nobody_back") == 0,
        "not %s, called by call_nobody_back: %s", names[_i], tg_group_error(g)->backtrace);
    tg_group_destroy(g);
}
END_TEST

#if CRASHES_X86
static int (*volatile const crash)(void) = crash_at_once;

static int task_crashes(tg_task *self, void *arg, void *result)
{
    (void)self, (void)arg, (void)result;
    return crash() + 1;
}

START_TEST(the_first_frame_of_the_programs_own_is_the_function_that_has_crashed)
{
    char functions[1][64];
    tg_group *g = tg_group_create(TG_GROUP(.flags = TG_GROUP_GUARD));

    crashes_prepare();
    tg_group_add(g, task_crashes, NULL);
    assert_status(tg_group_run(g), TG_CRASHED);
    own_functions(tg_group_error(g)->backtrace, functions, 1);
    ck_assert_msg(strcmp(functions[0], "crash_at_once") == 0, "not crash_at_once: %s",
        tg_group_error(g)->backtrace);
    tg_group_destroy(g);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("backtrace");
    TCase *names = add_case(suite, "names");

    tcase_add_loop_test(names, the_first_frame_of_the_programs_own_is_the_caller_of_abort, 0, 2);
#if CRASHES_X86
    tcase_add_test(names, the_first_frame_of_the_programs_own_is_the_function_that_has_crashed);
#endif
    return run_suite(suite);
}
