/* SPDX-License-Identifier: MIT */
#ifndef ATTACK_H
#define ATTACK_H
/*
 * Programs out of random bytes, played in processes of their own, so that a crash or a hang is a finding like
 * any other; and what was found, made small.
 */
#include <stdint.h>
#include <stdio.h>

enum { PROGRAM_MOST = 400 };

struct bytes {
    unsigned char at[PROGRAM_MOST];
    size_t count;
};

/* The program of a seed. */
struct bytes attack_bytes(uint64_t seed);

/*
 * Plays the programs of seeds `from` to `to` in the given place (see tg_test.h), in a process each `seconds` of
 * which must see one of them end. On a finding says on stderr what, which seed, the program made small as bytes and
 * as text, and how to play it again. 0: none.
 */
int attack_seeds(int place, uint64_t from, uint64_t to, int seconds);

/* Does what the arguments say, if they are ours (see attack.c), and returns its exit status; -1: they are not. */
int attack_command(int argc, char **argv);

#endif
