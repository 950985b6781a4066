#!/usr/bin/env bash
# layers.sh NM LIB CC OBJECT...: the floors of the library. A file includes headers, and an object calls functions, of its own
# folder and of those before it only; and no two files need each other. Then the same with an upward call, an upward include and
# a circle put in, each of which must be found.
set -u
nm=$1 lib=$2 cc=$3
shift 3
floors=(sys base cancel sched task group pool api)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# rank FOLDER: its number; nothing if it is no floor.
declare -A rank
for i in "${!floors[@]}"; do
    rank[${floors[i]}]=$i
done

# "folder/file" of a path.
name_of() {
    local folder=${1%/*}
    echo "${folder##*/}/$(basename "$1" | sed 's/\.c\.o$\|\.o$\|\.[ch]$//')"
}

# includes FOLDER: every '#include "floor/file"' below it goes down, or stays.
includes() {
    local file target wrong=0
    while IFS=: read -r file target; do
        local from=${file#"$1"/} to=${target%/*}
        from=${from%%/*}
        if [ -z "${rank[$from]:-}" ] || [ -z "${rank[$to]:-}" ] || [ "${rank[$to]}" -gt "${rank[$from]}" ]; then
            echo "include: ${file#"$1"/} includes $target"
            wrong=1
        fi
    done < <(grep -roE --include='*.[ch]' '^#include "[^"]+"' "$1" | sed 's/#include "\(.*\)"/\1/')
    return "$wrong"
}

# calls OBJECT...: the same of symbols; and a circle is an error.
calls() {
    local object wrong=0
    for object; do
        "$nm" -g "$object" | awk -v file="$(name_of "$object")" \
            'NF == 3 { print "D", $3, file } $1 == "U" { print "U", $2, file }'
    done | sort >"$scratch/symbols"
    awk '$1 == "D" { home[$2] = $3 } $1 == "U" && ($2 in home) && home[$2] != $3 { print $3, home[$2], $2 }' \
        "$scratch/symbols" >"$scratch/edges"
    [ -s "$scratch/edges" ] || { echo "no calls between files?"; return 1; }
    local from to symbol
    while read -r from to symbol; do
        if [ "${rank[${to%/*}]}" -gt "${rank[${from%/*}]}" ]; then
            echo "call: $from calls $symbol of $to"
            wrong=1
        fi
    done <"$scratch/edges"
    cut -d' ' -f1,2 "$scratch/edges" | tsort >/dev/null 2>"$scratch/circle" || { cat "$scratch/circle"; wrong=1; }
    return "$wrong"
}

failed=0
includes "$lib" || failed=1
calls "$@" || failed=1
[ "$failed" -eq 0 ] || exit 1
echo "floors: $(wc -l <"$scratch/edges") uses between files, none upwards, no circle"

# What is put in must be found.
compile() { # compile FLOOR/NAME TEXT
    mkdir -p "$scratch/${1%/*}"
    echo "$2" | "$cc" -x c -c - -o "$scratch/$1.c.o" || exit 1
}
compile sys/injected 'void tg__run_begin(void); void tg__injected(void); void tg__injected(void) { tg__run_begin(); }'
calls "$@" "$scratch/sys/injected.c.o" >/dev/null && { echo "an upward call was not found"; exit 1; }
compile sys/one 'void tg__two(void); void tg__one(void); void tg__one(void) { tg__two(); }'
compile sys/two 'void tg__one(void); void tg__two(void); void tg__two(void) { tg__one(); }'
calls "$scratch/sys/one.c.o" "$scratch/sys/two.c.o" >/dev/null && { echo "a circle was not found"; exit 1; }
mkdir -p "$scratch/lib/base"
echo '#include "group/group.h"' >"$scratch/lib/base/injected.h"
includes "$scratch/lib" >/dev/null && { echo "an upward include was not found"; exit 1; }
echo "an upward call, an upward include and a circle are found"
