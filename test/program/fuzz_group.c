/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's target: any bytes are a program of groups. It stops with the bytes at the first that the contract does
 * not allow; test_random --print, --play and --shrink take them in hexadecimal (xxd -p).
 */
#include "program.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    struct blame blame = {0};
    struct plan *plan = program_decode(bytes, size);

    program_play(plan, &blame);
    if (atomic_load(&blame.line) != 0) {
        fprintf(stderr, "line %d of %s\n", atomic_load(&blame.line), atomic_load(&blame.what));
        program_print(stderr, plan);
        abort();
    }
    program_free(plan);
    return 0;
}
