#!/usr/bin/env bash
# odd.sh PROGRAM SET: runs odd_run in each of the environments of a set, where nothing else of OpenMP's is set.
#
#   SET       threads, places, waiting, stacks, rubbish, limits
#
# What a runtime itself does not survive, in a program without this library too, is not here: with libomp 19
# OMP_NUM_THREADS=-1 or garbage, OMP_STACKSIZE beyond the address space, KMP_TASKING=1 (all of them assertions of its
# own). Nor is what has no room: OMP_STACKSIZE=16K holds a group but none below it (a level takes 2 KiB), and
# without memory for a thread's stack both runtimes end the process.
set -uo pipefail
program=$1 set=$2
export LC_ALL=C
mapfile -t inherited < <(compgen -e | grep -E '^(OMP|GOMP|KMP|TASKGROUP)_' | grep -v '^OMP_TOOL_LIBRARIES$')
unset "${inherited[@]}" 2>/dev/null
ran=0 failed=0

# odd [VARIABLE=VALUE...] [-- PREFIX...] [=~ REGEX]: the program ends well, and its first line is like that.
odd() {
    local variables=() prefix=() like= output status first
    while [ $# -gt 0 ] && [ "$1" != -- ] && [ "$1" != '=~' ]; do
        variables+=("$1")
        shift
    done
    if [ "${1:-}" = -- ]; then
        shift
        while [ $# -gt 0 ] && [ "$1" != '=~' ]; do
            prefix+=("$1")
            shift
        done
    fi
    [ "${1:-}" != '=~' ] || like=$2
    output=$(env "${variables[@]}" "${prefix[@]}" "$program" 2>&1 </dev/null)
    status=$?
    ran=$((ran + 1))
    first=$(grep -m 1 '^runtime ' <<<"$output")
    if [ $status -ne 0 ] || ! [[ $first =~ $like ]]; then
        failed=$((failed + 1))
        printf 'FAILED, exit status %d: %s %s (wanted: %s)\n%s\n' \
            $status "${variables[*]}" "${prefix[*]}" "$like" "$output"
    fi
}

# limited COMMAND: as a prefix, the program after a command of the shell.
limited() {
    printf '%s\n' bash -c "$1"' && exec "$@"' bash
}

case $set in
threads) # fewer than asked for: the report says so
    for limit in 1 2 3; do
        odd OMP_THREAD_LIMIT=$limit OMP_NUM_THREADS=8 =~ "asked 8 got $limit\$"
    done
    odd OMP_DYNAMIC=true OMP_NUM_THREADS=8 =~ 'asked 8 got [1-8]$'
    odd OMP_MAX_ACTIVE_LEVELS=0 OMP_NUM_THREADS=4 =~ 'levels 0 .*asked 4 got 1$'
    odd OMP_MAX_ACTIVE_LEVELS=1 OMP_NUM_THREADS=4 =~ 'levels 1 .*asked 4 got 4$'
    odd OMP_MAX_ACTIVE_LEVELS=4 OMP_NUM_THREADS=4 =~ 'levels 4 .*asked 4 got 4$'
    odd OMP_NESTED=true OMP_NUM_THREADS=4 =~ 'asked 4 got 4$'
    odd OMP_NUM_THREADS=1 =~ 'asked 1 got 1$'
    odd OMP_NUM_THREADS=4,3,2 =~ 'asked 4 got 4$'
    odd OMP_NUM_THREADS=3,2 OMP_MAX_ACTIVE_LEVELS=3 OMP_THREAD_LIMIT=4 =~ 'asked 3 got 3$'
    odd OMP_NUM_THREADS=64 =~ 'asked 64 got 64$'
    odd OMP_CANCELLATION=true OMP_NUM_THREADS=3 =~ 'cancellation 1 .*asked 3 got 3$'
    ;;
places)
    first=$(taskset -cp $$ 2>/dev/null | sed 's/.*: //; s/[,-].*//')
    first=${first:-0}
    for places in cores threads sockets "{$first}"; do
        for bind in close spread master true; do
            odd OMP_PROC_BIND=$bind OMP_PLACES="$places" OMP_NUM_THREADS=3 =~ 'bound 1 asked 3 got 3$'
        done
    done
    odd OMP_PROC_BIND=false OMP_NUM_THREADS=3 =~ 'bound 0 asked 3 got 3$'
    odd KMP_AFFINITY=disabled OMP_NUM_THREADS=3 =~ 'asked 3 got 3$'
    odd KMP_AFFINITY=compact OMP_NUM_THREADS=3 =~ 'asked 3 got 3$'
    odd GOMP_CPU_AFFINITY="$first" OMP_NUM_THREADS=3 =~ 'asked 3 got 3$'
    if command -v taskset >/dev/null; then
        odd OMP_NUM_THREADS=3 -- taskset -c "$first" =~ 'processors 1 .*asked 3 got 3$'
        odd OMP_DYNAMIC=true OMP_NUM_THREADS=3 -- taskset -c "$first" =~ 'asked 3 got 1$'
        odd -- taskset -c "$first" =~ 'asked 1 got 1$'
    fi
    ;;
waiting)
    odd OMP_WAIT_POLICY=active OMP_NUM_THREADS=3
    odd OMP_WAIT_POLICY=passive OMP_NUM_THREADS=3
    odd GOMP_SPINCOUNT=0 OMP_NUM_THREADS=3
    odd GOMP_SPINCOUNT=infinite OMP_NUM_THREADS=2
    odd KMP_BLOCKTIME=0 OMP_NUM_THREADS=3
    odd KMP_BLOCKTIME=infinite OMP_NUM_THREADS=2
    odd KMP_LIBRARY=serial OMP_NUM_THREADS=3
    odd KMP_LIBRARY=turnaround OMP_NUM_THREADS=3
    odd KMP_TASKING=0 OMP_NUM_THREADS=3
    ;;
stacks)
    for size in 32K 64K 300B 0 1G garbage -1; do
        odd OMP_STACKSIZE=$size OMP_NUM_THREADS=3
    done
    mapfile -t unlimited < <(limited 'ulimit -s unlimited')
    mapfile -t small < <(limited 'ulimit -s 256')
    odd OMP_NUM_THREADS=3 -- "${unlimited[@]}"
    odd OMP_STACKSIZE=64K OMP_NUM_THREADS=3 -- "${unlimited[@]}"
    odd OMP_NUM_THREADS=3 -- "${small[@]}"
    ;;
rubbish) # the runtimes complain and go on
    odd OMP_NUM_THREADS=0
    odd OMP_SCHEDULE=garbage OMP_NUM_THREADS=3 =~ 'asked 3 got 3$'
    odd OMP_CANCELLATION=garbage OMP_NUM_THREADS=3 =~ 'cancellation 0 .*asked 3 got 3$'
    odd OMP_DYNAMIC=garbage OMP_NUM_THREADS=3
    odd OMP_PLACES=garbage OMP_PROC_BIND=true OMP_NUM_THREADS=3
    odd OMP_PROC_BIND=garbage OMP_NUM_THREADS=3
    odd OMP_MAX_ACTIVE_LEVELS=garbage OMP_NUM_THREADS=3
    odd OMP_THREAD_LIMIT=garbage OMP_NUM_THREADS=3 =~ 'asked 3 got 3$'
    odd OMP_WAIT_POLICY=garbage OMP_NUM_THREADS=3
    odd OMP_MAX_TASK_PRIORITY=-1 OMP_NUM_THREADS=3
    odd OMP_TARGET_OFFLOAD=garbage OMP_NUM_THREADS=3
    odd OMP_DISPLAY_ENV=true OMP_NUM_THREADS=3
    odd OMP_TOOL=disabled OMP_NUM_THREADS=3
    odd TASKGROUP_REPORT=1 OMP_NUM_THREADS=3
    odd TASKGROUP_REPORT=garbage OMP_NUM_THREADS=3
    ;;
limits)
    mapfile -t few_files < <(limited 'ulimit -n 8')
    mapfile -t some_memory < <(limited 'ulimit -v 4000000')
    mapfile -t no_core < <(limited 'ulimit -c 0; ulimit -l 0')
    odd OMP_NUM_THREADS=3 -- "${few_files[@]}"
    odd OMP_NUM_THREADS=3 -- "${some_memory[@]}"
    odd OMP_NUM_THREADS=3 -- "${no_core[@]}"
    odd OMP_NUM_THREADS=3 -- nice -n 19
    ;;
*)
    echo "no such set: $set" >&2
    exit 2
    ;;
esac
echo "$set: $ran environments, $failed failed"
[ "$failed" -eq 0 ]
