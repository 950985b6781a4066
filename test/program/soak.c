/* SPDX-License-Identifier: MIT */
/*
 * soak MINUTES [FIRST-SEED]: plays random programs in every place and with 1, 2, 3, 8 and 17 threads, for so long;
 * stops at the first that the contract does not allow, with that program made small. Ends with a line of figures.
 */
#include "../unit/tg_test.h"
#include "attack.h"
#include <time.h>

enum { ROUND = 200 }; /* programs a process */

int main(int argc, char **argv)
{
    static const char *const threads[] = {"2", "1", "3", "8", "17"};
    static const char *const cancellation[] = {"false", "true"};
    int status = attack_command(argc, argv);
    double start = tg_time_now(), minutes = argc > 1 ? atof(argv[1]) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * 1000000,
             many = 0;

    if (status >= 0)
        return status;
    if (!(minutes > 0)) {
        fprintf(stderr, "usage: soak MINUTES [FIRST-SEED]\n");
        return 2;
    }
    printf("soak: %g minutes from seed %llu\n", minutes, (unsigned long long)seed);
    fflush(stdout);
    for (int round = 0; tg_time_now() - start < minutes * 60;
        round++, seed += ROUND, many += ROUND) {
        setenv("OMP_NUM_THREADS", threads[round % 5], 1);
        setenv("OMP_CANCELLATION", cancellation[round / 5 % 2], 1);
        if (attack_seeds(round % PLACES, seed, seed + ROUND - 1, 120) != 0)
            return 1;
    }
    printf("soak: %llu programs in %.0f s, all as allowed\n", (unsigned long long)many,
        tg_time_now() - start);
    return 0;
}
