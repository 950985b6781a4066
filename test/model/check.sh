#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
#   check.sh MODEL LIB SCRATCH
#
# Has spin search all states of a model. The model itself must have no error; each weakened variant
# (WEAK_…, which the model numbers) must have one. The files and the tg__ functions that the model
# names must be in lib/.
set -u
model=$(realpath "$1")
lib=$(realpath "$2")
name=$(basename "$model" .pml)
for tool in spin cc; do
    if ! command -v $tool >/dev/null; then
        echo "skipped: no $tool (.ci/setup --all installs it)"
        exit 77
    fi
done
work=$(mktemp -d "$3/$name.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() {
    echo "FAILED: $name: $*" >&2
    exit 1
}

for file in $(grep -oE '\b[a-z]+\.[ch]\b' "$model" | sort -u); do
    [ "$file" = memory.inc ] || compgen -G "$lib/*/$file" >/dev/null || fail "lib/ has no $file"
done
for function in $(grep -oE '\btg__[a-z_]+\(' "$model" | sort -u); do
    grep -qF "$function" "$lib"/*/*.[ch] || fail "lib/ has no $function)"
done

# Compiled once, and not optimised: that takes longer than most searches.
spin -a "$model" >spin.log 2>&1 && [ -f pan.c ] || fail "spin: $(cat spin.log)"
cc -O0 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=4096 -o pan pan.c || fail "cc"

# search VARIANT: sets `errors` and `states`.
search() {
    WEAK=$1 ./pan -w20 -m100000 >pan.log 2>&1 || fail "pan: $(cat pan.log)"
    grep -q 'max search depth too small' pan.log && fail "the search is too deep"
    grep -qE 'last\[.*\+1\)<[0-9]+' pan.log && fail "variant $1: HISTORY is too small"
    errors=$(sed -n 's/^State-vector .*errors: \([0-9]*\)$/\1/p' pan.log)
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored$/\1/p' pan.log)
    [ -n "$errors" ] || fail "pan says nothing: $(cat pan.log)"
}

search 0
[ "$errors" -eq 0 ] || fail "$(cat pan.log; WEAK=0 ./pan -r -n | tail -n 60)"
echo "$name: right, $states states"
weak=$(sed -n 's/^#define \(WEAK_[A-Z]*\) *\([0-9]*\)$/\1:\2/p' "$model")
[ -n "$weak" ] || fail "no weakened variants"
for variant in $weak; do
    search "${variant#*:}"
    [ "$errors" -gt 0 ] || fail "${variant%:*}: no error found in $states states"
    echo "$name: ${variant%:*}, wrong: $(sed -n 's/^pan:1: //p' pan.log)"
done
