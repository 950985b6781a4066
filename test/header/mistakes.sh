#!/usr/bin/env bash
# mistakes.sh INCLUDE COMPILER...: what a C compiler is to see in a program: options without a name, an unknown option,
# a map of other types, a result that is overlooked. Each mistake must be an error with -Werror, and its correct twin must compile.
set -u
include=$1
shift
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# compiles STATEMENT
compiles() {
    cat >"$scratch/program.c" <<EOF
#include <taskgroup.h>
int square(tg_task *self, void *arg, void *result);
void use(double *x, float *y, const double *z, size_t n);
void use(double *x, float *y, const double *z, size_t n)
{
    (void)x, (void)y, (void)z, (void)n;
    $1;
}
EOF
    "${compiler[@]}" -std=c17 -Wall -Wextra -Werror "-I$include" -S -o "$scratch/program.s" "$scratch/program.c" >"$scratch/said" 2>&1
}

# check WRONG RIGHT
check() {
    if compiles "$1"; then echo "compiles: $1" && status=1; fi
    if ! compiles "$2"; then echo "does not compile: $2" && cat "$scratch/said" && status=1; fi
}

status=0
compiler=("$@")
check '(void)tg_call_run(square, NULL, NULL, NULL, TG_GROUP(8))' '(void)tg_call_run(square, NULL, NULL, NULL, TG_GROUP(.limit = 8))'
check '(void)tg_call_run(square, NULL, NULL, TG_TASK(3), NULL)' '(void)tg_call_run(square, NULL, NULL, TG_TASK(.attempts = 3), NULL)'
check 'tg_pool_destroy(tg_pool_create(TG_POOL(4)))' 'tg_pool_destroy(tg_pool_create(TG_POOL(.threads = 4)))'
check 'tg_context_destroy(tg_context_create(TG_CONTEXT(60)))' 'tg_context_destroy(tg_context_create(TG_CONTEXT(.timeout = 60)))'
check '(void)TG_GROUP(.limits = 8)' '(void)TG_GROUP(.limit = 8)'
check 'TG_MAP(n, square, float, x, float, y, NULL)' 'TG_MAP(n, square, double, x, float, y, NULL)'
check 'TG_MAP(n, square, double, z, double, y, NULL)' 'TG_MAP(n, square, double, z, float, y, NULL)'
check 'tg_group_create(NULL)' 'tg_group_destroy(tg_group_create(NULL))'
check 'tg_report r = 0; tg_group_report(NULL, r)' 'tg_report r; tg_group_report(NULL, &r)'
exit $status
