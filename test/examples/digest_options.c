/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* getopt_long */

#include "digest_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_NUMBER = 4096 }; /* of threads, and of files in flight */

enum { OPTION_ALGORITHM = 256, OPTION_THREADS, OPTION_LIMIT, OPTION_STRICT, OPTION_SUMMARY };

static const struct option long_options[] = {
    {"algorithm", required_argument, NULL, OPTION_ALGORITHM},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"summary", no_argument, NULL, OPTION_SUMMARY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: digest [OPTION]... DIRECTORY|FILE...\n"
    "Prints the checksums of all regular files below the directories, in parallel, in the\n"
    "format of md5sum and in the order of the sorted paths. Symbolic links are not followed.\n"
    "\n"
    "  --algorithm NAME  md5 (default), sha1, sha256, sha512, or what else OpenSSL has\n"
    "  --threads N       threads to use (default: OMP_NUM_THREADS, else one a processor)\n"
    "  --limit N         files to have open at most (default: as many as threads)\n"
    "  --strict          end at the first file that cannot be read, and print no checksums\n"
    "  --summary         at the end say on stderr: files, bytes, seconds, threads, MB/s\n"
    "  -h, --help        this text\n"
    "\n"
    "Exit status: 0 all is well; 1 something could not be read or written; 2 wrong usage;\n"
    "128 + N ended by signal N (SIGINT, SIGTERM), after printing what was finished.\n";

/* A number from 1 to MAX_NUMBER; 0 and a message if the text is not one. */
static int read_number(const char *option, const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && number >= 1 && number <= MAX_NUMBER)
        return (int)number;
    fprintf(stderr, "digest: %s takes a number from 1 to %d, not '%s'\n", option, MAX_NUMBER, text);
    return 0;
}

static int usage_error(void)
{
    fputs("Try 'digest --help'.\n", stderr);
    return EXIT_USAGE;
}

static int print_help(void)
{
    fputs(help, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int digest_options_read(struct digest_options *options, int argc, char *argv[])
{
    *options = (struct digest_options){.algorithm = "md5"};
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_ALGORITHM:
            options->algorithm = optarg;
            break;
        case OPTION_THREADS:
            options->threads = read_number("--threads", optarg);
            if (options->threads == 0)
                return usage_error();
            break;
        case OPTION_LIMIT:
            options->limit = read_number("--limit", optarg);
            if (options->limit == 0)
                return usage_error();
            break;
        case OPTION_STRICT:
            options->strict = true;
            break;
        case OPTION_SUMMARY:
            options->summary = true;
            break;
        case 'h':
            return print_help();
        default: /* getopt_long has said what is wrong */
            return usage_error();
        }
    }
    if (optind == argc) {
        fputs("digest: no directory or file given\n", stderr);
        return usage_error();
    }
    options->roots = argv + optind;
    options->root_count = argc - optind;
    return -1;
}
