/* SPDX-License-Identifier: MIT */
/*
 * Random programs of groups, against what the contract allows. TG_STRESS_ROUNDS=n tries n seeds a place, from
 * TG_STRESS_SEED on. A failure prints the program, made small, and the command that plays it again.
 */
#include "../unit/tg_test.h"
#include "attack.h"

START_TEST(random_groups_end_as_the_contract_allows)
{
    const char *rounds = getenv("TG_STRESS_ROUNDS"), *seed = getenv("TG_STRESS_SEED");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1 + 1000000 * (uint64_t)_i;
    uint64_t many = rounds != NULL ? strtoull(rounds, NULL, 10) : TEST_SANITIZED ? 40 : 150;

    ck_assert_int_eq(attack_seeds(_i, first, first + many - 1, 60), 0);
}
END_TEST

int main(int argc, char **argv)
{
    int status = attack_command(argc, argv);
    if (status >= 0)
        return status;
    Suite *suite = suite_create("random");
    TCase *groups = add_case(suite, "groups");

    tcase_set_timeout(groups, getenv("TG_STRESS_ROUNDS") != NULL ? 3600 : 100);
    tcase_add_loop_test(groups, random_groups_end_as_the_contract_allows, 0, PLACES);
    return run_suite(suite);
}
