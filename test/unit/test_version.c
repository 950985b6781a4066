/* SPDX-License-Identifier: MIT */
/* version.h: which library, which runtime, and the clock. */
#include "tg_test.h"
#include <time.h>

START_TEST(the_loaded_version_is_that_of_the_headers)
{
    char text[64];

    snprintf(text, sizeof text, "%d.%d.%d", TG_VERSION_MAJOR, TG_VERSION_MINOR, TG_VERSION_PATCH);
    ck_assert_int_eq(tg_version_number(), TG_VERSION);
    ck_assert_str_eq(tg_version_string(), text);
    ck_assert_int_eq(
        TG_VERSION, 10000 * TG_VERSION_MAJOR + 100 * TG_VERSION_MINOR + TG_VERSION_PATCH);
}
END_TEST

START_TEST(the_info_says_what_openmp_says)
{
    tg_info info = {.size = sizeof info};

    assert_status(tg_info_read(&info), TG_OK);
    ck_assert_uint_eq(info.size, sizeof info);
    ck_assert_int_eq(info.version, TG_VERSION);
    ck_assert_int_eq(info.cancellation, omp_get_cancellation() != 0);
    ck_assert_int_eq(info.threads, omp_get_max_threads());
    ck_assert_int_eq(info.processors, omp_get_num_procs());
    ck_assert_int_eq(info.max_active_levels, omp_get_max_active_levels());
    ck_assert_int_eq(info.bound, omp_get_proc_bind() != omp_proc_bind_false);
    ck_assert_int_eq(info.runtimes, 1);
#ifdef __clang__
    ck_assert_str_eq(info.runtime, "libomp");
    ck_assert_str_eq(info.compiled_for, "libomp");
#else
    ck_assert_str_eq(info.runtime, "libgomp");
    ck_assert_str_eq(info.compiled_for, "libgomp");
#endif
}
END_TEST

START_TEST(the_info_follows_omp_set_num_threads)
{
    tg_info info = {.size = sizeof info};

    omp_set_num_threads(5);
    assert_status(tg_info_read(&info), TG_OK);
    ck_assert_int_eq(info.threads, 5);
}
END_TEST

START_TEST(inside_a_region_the_threads_are_the_team_that_is_there)
{
    tg_info info = {.size = sizeof info};
    tg_status status = TG_INVALID;
    int team = 0;

#pragma omp parallel
#pragma omp single
    {
        status = tg_info_read(&info);
        team = omp_get_num_threads();
    }
    assert_status(status, TG_OK);
    ck_assert_int_eq(info.threads, team);
}
END_TEST

START_TEST(a_shorter_struct_is_filled_up_to_its_size_and_not_beyond)
{
    tg_info whole = {.size = sizeof whole};

    assert_status(tg_info_read(&whole), TG_OK);
    for (size_t size = sizeof(size_t); size <= sizeof whole; size++) {
        union {
            tg_info info;
            unsigned char bytes[sizeof(tg_info)];
        } part;
        memset(&part, 0xA5, sizeof part);
        part.info.size = size;
        assert_status((tg_info_read)(&part.info), TG_OK);
        ck_assert_uint_eq(part.info.size, size);
        for (size_t i = size; i < sizeof part; i++)
            ck_assert_msg(part.bytes[i] == 0xA5, "size %zu: byte %zu was written", size, i);
        if (size >= offsetof(tg_info, cancellation))
            ck_assert_int_eq(part.info.version, TG_VERSION);
        if (size >= offsetof(tg_info, bound))
            ck_assert_int_eq(part.info.threads, whole.threads);
    }
}
END_TEST

START_TEST(a_longer_struct_is_filled_as_far_as_the_library_knows_it)
{
    struct {
        tg_info info;
        unsigned char newer[64];
        unsigned char behind[64];
    } longer;

    memset(&longer, 0, sizeof longer);
    memset(longer.behind, 0xA5, sizeof longer.behind);
    longer.info.size = offsetof(__typeof__(longer), behind);
    assert_status((tg_info_read)(&longer.info), TG_OK);
    ck_assert_int_eq(longer.info.version, TG_VERSION);
    ck_assert_int_eq(longer.info.threads, omp_get_max_threads());
    ck_assert_uint_eq(longer.info.size, offsetof(__typeof__(longer), behind));
    for (size_t i = 0; i < sizeof longer.newer; i++)
        ck_assert_uint_eq(longer.newer[i], 0);
    for (size_t i = 0; i < sizeof longer.behind; i++)
        ck_assert_uint_eq(longer.behind[i], 0xA5);
}
END_TEST

START_TEST(no_member_need_be_set_before)
{
    tg_info info;

    memset(&info, 0xA5, sizeof info);
    assert_status(tg_info_read(&info), TG_OK);
    ck_assert_uint_eq(info.size, sizeof info);
    ck_assert_int_eq(info.version, TG_VERSION);
}
END_TEST

START_TEST(no_info_or_no_size_is_refused)
{
    tg_info info;

    memset(&info, 0xA5, sizeof info);
    info.size = 0;
    assert_status(tg_info_read(NULL), TG_INVALID);
    assert_status((tg_info_read)(&info), TG_INVALID);
    ck_assert_int_eq(tg_error_last()->status, TG_INVALID);
    ck_assert_str_ne(tg_error_last()->message, "");
    ck_assert_int_eq(info.version, (int)0xA5A5A5A5u);
}
END_TEST

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

START_TEST(the_clock_is_the_monotonic_one_and_never_goes_back)
{
    double outer = monotonic(), first = tg_time_now(), inner = monotonic(), last = first;

    for (int i = 0; i < 100000; i++) {
        double now = tg_time_now();
        ck_assert_double_ge(now, last);
        last = now;
    }
    inner = monotonic() - inner;
    last = tg_time_now();
    outer = monotonic() - outer;
    /* Nanoseconds as a double from any origin: 1e-6 of slack covers the rounding. */
    ck_assert_double_ge(last - first, inner - 1e-6);
    ck_assert_double_le(last - first, outer + 1e-6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("version");
    TCase *info = add_case(suite, "info");
    TCase *clock = add_case(suite, "clock");

    tcase_add_test(info, the_loaded_version_is_that_of_the_headers);
    tcase_add_test(info, the_info_says_what_openmp_says);
    tcase_add_test(info, the_info_follows_omp_set_num_threads);
    tcase_add_test(info, inside_a_region_the_threads_are_the_team_that_is_there);
    tcase_add_test(info, a_shorter_struct_is_filled_up_to_its_size_and_not_beyond);
    tcase_add_test(info, a_longer_struct_is_filled_as_far_as_the_library_knows_it);
    tcase_add_test(info, no_member_need_be_set_before);
    tcase_add_test(info, no_info_or_no_size_is_refused);
    tcase_add_test(clock, the_clock_is_the_monotonic_one_and_never_goes_back);
    return run_suite(suite);
}
