/* SPDX-License-Identifier: MIT */
/* What the programs and the judge know, as the environment says: TG_PROGRAM_KNOWS. */
#include "program.h"

static const char *const names[ABILITIES] = {
#define ABILITY_NAME(name, text) text,
    ABILITY_TABLE(ABILITY_NAME)
#undef ABILITY_NAME
};

static unsigned bits_of(const char *word, size_t length)
{
    if (length == 3 && strncmp(word, "all", length) == 0)
        return KNOWS_ALL;
    for (int i = 0; i < ABILITIES; i++)
        if (strlen(names[i]) == length && strncmp(word, names[i], length) == 0)
            return 1u << i;
    if (length != 4 || strncmp(word, "none", length) != 0) {
        fprintf(stderr, "TG_PROGRAM_KNOWS: %.*s is unknown\n", (int)length, word);
        abort();
    }
    return 0;
}

static unsigned bits_of_list(const char *list)
{
    unsigned bits = 0;

    while (*list != '\0') {
        bool minus = *list == '-';
        const char *word = list + minus;
        size_t length = strcspn(word, ",");
        bits = minus ? bits & ~bits_of(word, length) : bits | bits_of(word, length);
        list = word + length + (word[length] == ',');
    }
    return bits;
}

unsigned program_knows(void)
{
    static atomic_int known = -1;
    int bits = atomic_load(&known);

    if (bits < 0) {
        const char *list = getenv("TG_PROGRAM_KNOWS");
        bits = list != NULL ? (int)bits_of_list(list) : KNOWS_DEFAULT;
        atomic_store(&known, bits);
    }
    return (unsigned)bits;
}

const char *program_knows_text(void)
{
    static char text[120];
    unsigned bits = program_knows();

    if (bits == 0 || bits == KNOWS_ALL)
        return bits == 0 ? "none" : "all";
    text[0] = '\0';
    for (int i = 0; i < ABILITIES; i++)
        if ((bits >> i & 1) != 0) {
            strcat(text, text[0] != '\0' ? "," : "");
            strcat(text, names[i]);
        }
    return text;
}
