#!/usr/bin/env bash
# mixed.sh COMPILER LIBRARY INCLUDE SCRATCH: builds mixed.c with the other compiler (gcc's runtime is libgomp, clang's
# libomp) than the library's, and runs it with the library first among what it is linked to, and last.
#
# Ends with 77, which ctest shows as skipped, if there is no such compiler, or it has no OpenMP.
set -euo pipefail
compiler=$1 library=$2 include=$3 scratch=$4
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$scratch"
if [ -z "$compiler" ] || [[ $compiler == *-NOTFOUND ]]; then
    echo "skipped: no other compiler here"
    exit 77
fi
if ! echo 'int main(void) { return 0; }' | "$compiler" -fopenmp -x c - -o "$scratch/nothing" 2>/dev/null; then
    echo "skipped: $compiler has no OpenMP"
    exit 77
fi
"$compiler" -std=c17 -O1 -fopenmp "-I$include" -c "$here/mixed.c" -o "$scratch/mixed.o"
rpath=-Wl,-rpath,$(dirname "$library")
"$compiler" -fopenmp "$scratch/mixed.o" "$library" "$rpath" -o "$scratch/first"
runtime=$("$compiler" -print-file-name=libgomp.so)
[[ $("$compiler" --version) != *clang* ]] || runtime=$("$compiler" -print-file-name=libomp.so)
[ -e "$runtime" ] || runtime=$(ldd "$scratch/first" | awk '/libomp/ { print $3; exit }')
"$compiler" "$scratch/mixed.o" -Wl,--no-as-needed "$runtime" "$library" "$rpath" -o "$scratch/last"
for threads in 1 3; do
    for program in first last; do
        OMP_NUM_THREADS=$threads "$scratch/$program"
    done
done
