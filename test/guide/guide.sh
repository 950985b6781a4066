#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# guide.sh GUIDE COMPILER INCLUDE LIBRARY [FLAG...]: is the guide true?
#
# Each page begins with a program, the command that compiles it, and its output. The program must compile
# without a warning, with the options of that command, and print exactly that output with 1, 2 and 8 threads.
# Links must lead somewhere, lines must not be too long, README.md must list each page, and some page must name
# each public function. Then the same with a mistake of each kind put into a copy, each of which must be found.
#
# FLAG: compiler and linker options of the build. The library of the build stands in for pkg-config's.
set -u
guide=$1 compiler=$2 include=$3 library=$4
shift 4
flags=("$@")
strict=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
without_program=' README glossary limitations '
later='' # public functions that no page needs to name yet
longest_program=40 longest_page=120 widest=100
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C.UTF-8 # columns are characters, not bytes
unset TASKGROUP_REPORT

complain() {
    echo "$*"
    wrong=1
}

# fence NUMBER PAGE: what is in that code block.
fence() {
    awk -v wanted="$1" '/^```/ { inside = !inside; number += inside; next } inside && number == wanted' "$2"
}

# check_program PAGE: its first three code blocks are program, command and output.
check_program() {
    local page=$1 name threads options wanted="$scratch/wanted" got="$scratch/got"
    name=$(basename "$page" .md)
    if [ "$(grep '^```[a-z]' "$page" | head -n 3 | tr -d '\n')" != '```c```sh```text' ]; then
        complain "$name: does not begin with a program, a command and an output"
        return
    fi
    fence 1 "$page" >"$scratch/$name.c"
    [ "$(wc -l <"$scratch/$name.c")" -le $longest_program ] ||
        complain "$name: the program has more than $longest_program lines"
    local command="cc (-std=c17( -[a-z]+)*) $name\.c -o $name \\$\(pkg-config --cflags --libs taskgroup\)"
    if [[ ! "$(fence 2 "$page")" =~ ^$command$'\n'"./$name"$ ]]; then
        complain "$name: the command is not as on the other pages"
        return
    fi
    read -ra options <<<"${BASH_REMATCH[1]}"
    if ! "$compiler" "${options[@]}" "${strict[@]}" "-I$include" "$scratch/$name.c" -o "$scratch/$name" \
        "$library" "-Wl,-rpath,$(dirname "$library")" "${flags[@]}" >"$scratch/log" 2>&1; then
        cat "$scratch/log"
        complain "$name: the program does not compile"
        return
    fi
    fence 3 "$page" >"$wanted"
    for threads in 1 2 8; do
        OMP_NUM_THREADS=$threads timeout 60 "$scratch/$name" >"$got" 2>"$scratch/log" ||
            complain "$name: exit status $? with $threads threads: $(cat "$scratch/log")"
        cmp -s "$wanted" "$got" || complain "$name: prints something else (>) with $threads threads:
$(diff "$wanted" "$got")"
    done
}

# has_heading PAGE ANCHOR: as the anchors of GitHub are made.
has_heading() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:] ' '[:lower:]-' | tr -cd '[:alnum:]\n_-' | grep -qx -- "$2"
}

# check_links PAGE
check_links() {
    local page=$1 link target anchor
    while read -r link; do
        target=${link%%#*} anchor=
        [[ $link != *#* ]] || anchor=${link#*#}
        target=$(dirname "$page")/${target:-$(basename "$page")}
        if [ ! -e "$target" ]; then
            complain "$(basename "$page"): the link $link leads nowhere"
        elif [ -n "$anchor" ] && ! has_heading "$target" "$anchor"; then
            complain "$(basename "$page"): there is no heading for the link $link"
        fi
    done < <(grep -o ']([^)]*)' "$page" | sed 's/^](//; s/)$//' | grep -v '^https\?:')
}

# check_page PAGE
check_page() {
    local page=$1 name
    name=$(basename "$page" .md)
    grep -nE ".{$((widest + 1)),}" "$page" && complain "$name: a line beyond $widest columns"
    [ "$(wc -l <"$page")" -le $longest_page ] || complain "$name: more than $longest_page lines"
    check_links "$page"
    [ "$name" = README ] || grep -q "]($name\.md)" "$(dirname "$page")/README.md" ||
        complain "$name: README.md does not list it"
    [[ $without_program == *" $name "* ]] || check_program "$page"
}

# public_functions: the names that the headers declare with TG_API.
public_functions() {
    sed -n '/^TG_API /s/^[^(]*\(tg_[a-z0-9_]*\)(.*/\1/p' "$include"/taskgroup/*.h | sort -u
}

# check_functions GUIDE: some page names each public function.
check_functions() {
    local name
    [ "$(public_functions | wc -l)" -eq "$(cat "$include"/taskgroup/*.h | grep -c '^TG_API ')" ] ||
        complain 'the names of the public functions are not all found'
    while read -r name; do
        [[ " $later " == *" $name "* ]] || complain "no page names $name()"
    done < <(comm -23 <(public_functions) <(grep -oh 'tg_[a-z0-9_]*' "$1"/*.md | sort -u))
}

# find_mistake MESSAGE PAGE SED-SCRIPT [FILE]: puts a mistake into a copy of FILE, or PAGE; checking PAGE and
# the functions must say MESSAGE.
find_mistake() {
    local message=$1 copy=$scratch/copy/include/guide page=$2 script=$3 said
    rm -rf "$scratch/copy"
    mkdir -p "$scratch/copy/include"
    cp -R "$guide" "$copy"
    ln -s "$include"/taskgroup* "$scratch/copy/include"
    ln -s "$(dirname "$include")/test" "$scratch/copy/test"
    sed -i "$script" "$copy/${4:-$page}"
    said=$(
        wrong=0
        check_page "$copy/$page"
        check_functions "$copy"
    )
    [[ $said == *"$message"* ]] || complain "not found: $message. Said: $said"
}

wrong=0
pages=("$guide"/*.md)
[ "${#pages[@]}" -gt 3 ] || complain "no guide in $guide"
for page in "${pages[@]}"; do
    check_page "$page"
done
check_functions "$guide"
[ $wrong -eq 0 ] || exit 1
echo "${#pages[@]} pages are true"

find_mistake 'prints something else' start.md 's/= 0\.25$/= 0.26/'
find_mistake 'does not compile' start.md 's/^    double y\[5\];$/& int unused;/'
find_mistake 'the command is not' start.md 's/^cc -std=c17 /cc /'
find_mistake 'does not begin with a program' start.md '/^```c$/,/^```$/d'
find_mistake 'lines' start.md 's/^#include <errno.h>$/&\n\n\n\n\n\n\n\n\n\n\n/'
find_mistake 'leads nowhere' glossary.md 's/(start\.md)/(begin.md)/'
find_mistake 'no heading' limitations.md 's/(openmp\.md#fork)/(openmp.md#knife)/'
find_mistake 'beyond 100 columns' glossary.md '3s/$/ This makes the line too long, and so it has to be found by the check./'
find_mistake 'does not list it' glossary.md '/(glossary\.md)/d' README.md
find_mistake 'no page names tg_limit_resize()' limits.md 's/tg_limit_resize/tg_limit_size/'
exit $wrong
