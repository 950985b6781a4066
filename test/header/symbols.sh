#!/usr/bin/env bash
# symbols.sh NM LIBRARY INCLUDE: does the library export exactly the functions that the headers declare,
# and are all of these marked TG_API?
#
# A shared library must export exactly those, each symbol with a version. In a static one internal
# names are visible too, and must stay in our part of the name space: they begin with tg_.
set -euo pipefail
export LC_ALL=C
nm=$1 library=$2 include=$3
status=0

# differ WHAT LIST1 LIST2: complains about lines of the sorted LIST1 that LIST2 has not.
differ() {
    local extra
    extra=$(comm -23 <(echo "$2") <(echo "$3"))
    [ -z "$extra" ] || { printf '%s:\n%s\n' "$1" "$extra"; status=1; }
}

# The headers' declarations, without preprocessor lines, comments, typedefs, and inline functions.
code=$(cat "$include"/*.h "$include"/*/*.h | sed -e '/^static inline /,/^}/d' | sed -e ':join' -e '/\\$/ { N; s/\\\n/ /; b join' -e '}' -e '/^#/d' |
    tr '\n' ' ' | sed -e 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' -e 's/typedef [^;]*;//g')
functions=$(grep -o '\btg_[a-z0-9_]*(' <<<"$code" | tr -d '(' | sort)
marked=$(grep -o 'TG_API[^(;]*(' <<<"$code" | grep -o 'tg_[a-z0-9_]*($' | tr -d '(' | sort)
[ -n "$functions" ] || { echo "no function found in $include"; exit 1; }
differ 'declared without TG_API' "$functions" "$marked"

case $library in
*.a)
    exported=$("$nm" --extern-only --defined-only "$library" | awk 'NF == 3 { print $3 }' |
        grep -v '^DW\.ref\.' | sort -u) # the compiler's, hidden: -fexceptions
    differ 'a global name that does not begin with tg_' "$exported" "$(grep '^tg_' <<<"$exported")"
    ;;
*)
    # Type A is the name of the version itself.
    exported=$("$nm" --dynamic --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort)
    differ 'exported without a version' "$exported" "$(grep '@@TG_[0-9]' <<<"$exported")"
    exported=$(sed 's/@.*//' <<<"$exported")
    differ 'exported, but not declared' "$exported" "$functions"
    ;;
esac
differ 'declared, but not exported' "$functions" "$exported"
[ $status -ne 0 ] || echo "$(wc -l <<<"$functions") functions, as declared"
exit $status
