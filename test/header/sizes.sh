#!/usr/bin/env bash
# sizes.sh SOURCE: what a reader can take in: no file of the library or its headers has more than 500 lines, no test more than
# 800, no function of the library more than a screen; and the library uses the words of lib/README.md, none of those that they
# have replaced. Then the same with a long file, a long function and an old word put in, each of which must be found.
set -u
cd "$1" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# long_files MOST FILE...
long_files() {
    local most=$1
    shift
    wc -l "$@" | awk -v most="$most" '$2 != "total" && $1 > most { print $2 " has " $1 " lines"; found = 1 } END { exit found }'
}

# long_functions FILE...: as clang-format has them, from a brace in the first column to the next.
long_functions() {
    awk 'FNR == 1 { start = 0 }
        /^\{/ { start = FNR }
        /^\}/ { if (start && FNR - start > 60) { print FILENAME ":" start ": a function of " FNR - start " lines"; found = 1 } start = 0 }
        END { exit found }' "$@"
}

# old_words FILE...: as words of their own, or as parts of a name.
words='visits?|visitors?|idlers?|tickets?|cursors?|claimants?|lenders?|guests?|lent|keepers?|grips?|pokes?|doomed|seats?|landing|rung'
old_words() {
    ! grep -nE "(^|[^[:alpha:]])($words)([^[:alpha:]]|$)" "$@"
}

status=0
mapfile -t library < <(find include lib -name '*.[ch]')
mapfile -t tests < <(find test perf -name '*.[ch]' -o -name '*.cpp')
long_files 500 "${library[@]}" || status=1
long_files 800 "${tests[@]}" || status=1
long_functions "${library[@]}" || status=1
old_words "${library[@]}" lib/README.md || status=1

for ((i = 0; i < 501; i++)); do echo "int line_$i;"; done >"$scratch/file.c"
{ echo 'int f(void)' && echo '{' && for ((i = 0; i < 61; i++)); do echo '    ;'; done && echo '}'; } >"$scratch/function.c"
echo 'int last_visit;' >"$scratch/word.c"
{ long_files 500 "$scratch/file.c" || long_functions "$scratch/function.c" || old_words "$scratch/word.c"; } >"$scratch/found"
[ "$(wc -l <"$scratch/found")" = 3 ] || { echo 'a long file, a long function, or an old word was not found' && status=1; }
exit $status
