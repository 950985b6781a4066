#!/usr/bin/env bash
# throws.sh COMPILER LIBRARY INCLUDE SCRATCH: builds throws.cpp and looks how it ends: an exception that leaves
# a task, a body or a callback ends the process by abort(), at once, whoever would catch it; one that is caught
# in the task is the task's failure. In a guarded task what nobody catches is a crash by SIGABRT. Ends with 77, which ctest shows as skipped, without a C++ compiler.
set -uo pipefail
compiler=$1 library=$2 include=$3 scratch=$4
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$compiler" ] || [[ $compiler == *-NOTFOUND ]]; then
    echo "skipped: no C++ compiler here"
    exit 77
fi
mkdir -p "$scratch"
"$compiler" -std=c++17 -O1 "-I$include" "$here/throws.cpp" "$library" "-Wl,-rpath,$(dirname "$library")" \
    -o "$scratch/throws" || exit 1
ulimit -c 0
failed=0
# ends STATUS WORD...: the program ends so; STATUS is a pattern.
ends() {
    local wanted=$1 status output
    shift
    output=$(timeout 60 "$scratch/throws" "$@" 2>&1)
    status=$?
    if [[ ! $status =~ ^($wanted)$ ]]; then
        echo "throws $*, $OMP_NUM_THREADS threads: exit status $status, not $wanted: $output"
        failed=1
    fi
}
for threads in 1 3; do
    export OMP_NUM_THREADS=$threads
    ends 0 caught
    ends 4 guarded
    ends '4|134' guarded catch # on another thread than who catches, or on the same
    for where in task done body; do
        ends 134 $where # 128 + SIGABRT
        ends 134 $where catch
    done
done 2>/dev/null # bash tells of each that was aborted
exit $failed
