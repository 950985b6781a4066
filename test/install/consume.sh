#!/usr/bin/env bash
# consume.sh HOW KIND WHERE SCRATCH LANGUAGE COMPILER SOURCE [CMAKE ARGUMENT...]: builds and runs a program
# that uses the library.
#
#   HOW       cmake: find_package() in the prefix WHERE; pkg-config: without CMake, in the same prefix;
#             subdirectory: WHERE is the library's source
#   KIND      shared or static
#   LANGUAGE  C, CXX or Fortran, which is then the only language of the program
#   SOURCE    the program; of a README its first C block that has a main function
# Ends with 77, which ctest shows as skipped, if COMPILER is empty.
set -euo pipefail
how=$1 kind=$2 where=$3 scratch=$4 language=$5 compiler=$6 source=$7
shift 7
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "$compiler" ] || [[ $compiler == *-NOTFOUND ]]; then
    echo "skipped: no $language compiler here"
    exit 77
fi
if [ "$how" = pkg-config ] && ! command -v pkg-config >/dev/null; then
    echo "skipped: no pkg-config here"
    exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch"

if [[ $source == *.md ]]; then
    awk '/^```c$/ { block = ""; inside = 1; next }
        /^```/ && inside { inside = 0; if (block ~ /int main/) { printf "%s", block; exit } }
        inside { block = block $0 "\n" }' "$source" >"$scratch/readme.c"
    [ -s "$scratch/readme.c" ] || { echo "$source has no C block with a main function"; exit 1; }
    source=$scratch/readme.c
fi

if [ "$how" = pkg-config ]; then
    pc=$(find "$where" -name taskgroup.pc)
    export PKG_CONFIG_PATH=${pc%/*}
    static=()
    [ "$kind" = shared ] || static=(--static)
    set -x
    # Unquoted, since pkg-config answers with several words.
    "$compiler" "$source" -o "$scratch/consumer" $(pkg-config "${static[@]}" --cflags --libs taskgroup)
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir taskgroup) "$scratch/consumer"
    exit
fi

place=(-DCMAKE_PREFIX_PATH="$where")
if [ "$how" = subdirectory ]; then
    place=(-DTASKGROUP_SOURCE="$where" -DBUILD_SHARED_LIBS="$([ "$kind" = shared ] && echo ON || echo OFF)")
fi
"$CMAKE" -S "$here/consumer" -B "$scratch" -DLANGUAGE="$language" -DSOURCE="$source" \
    -DCMAKE_"$language"_COMPILER="$compiler" "${place[@]}" "$@"
"$CMAKE" --build "$scratch"
"$scratch/consumer"
