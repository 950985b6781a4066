#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   test_small.sh EXAMPLE BINARY
#
# Runs one of the small examples, and compares exit status and output with what they must be.
set -u
example=$1
binary=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect STATUS COMMAND...: the command must exit with STATUS and print what is on our stdin; its
# stderr is kept in $work/err.
expect() {
    local status=$1 got=0
    shift
    cat >"$work/wanted"
    "$@" >"$work/out" 2>"$work/err" || got=$?
    cat "$work/err" >&2
    [ "$got" -eq "$status" ] || fail "$*: exit status $got, not $status"
    diff "$work/wanted" "$work/out" >&2 || fail "$*: prints something else than wanted (<)"
}

# expect_error TEXT: stderr of the last command must be that line, or nothing.
expect_error() {
    [ "$(cat "$work/err")" = "$1" ] || fail "stderr is '$(cat "$work/err")', not '$1'"
}

plates() {
    echo "in single        slope 1: $1"
    for slope in 1 2 3 4 5; do
        echo "in every thread  slope $slope: right"
    done
    for slope in 1 2 3 4 5; do
        echo "in an omp task   slope $slope: right"
    done
}

forked() { # THREADS CHILD: how many the groups of the parent and of the child have
    echo "parent: sum  338350, threads: $1"
    echo "child:  sum  338350, threads: $2"
    echo "parent: sum 1353400, threads: $1"
}

film() {
    echo "film: CANCELLED, the button was pressed"
    printf 'frame %s\n' "0: CANCELLED" "1: OK" "2: CANCELLED, not started" "3: OK" "4: CANCELLED" \
        "5: SKIPPED, not started"
}

replies='Rome     24.0 degrees
Oslo     no reply: the thermometer is frozen
Vienna   17.0 degrees
Lisbon   21.5 degrees
Bergen    9.5 degrees
mean of 4 stations: 18.0 degrees'

ranges() {
    echo "from         1: 1229 primes, then 10007"
    echo "from   1000000:  753 primes, then 1010003"
}

case $example in
map)
    expect 0 "$binary" <<<"1 2 3 4 5"
    expect_error ""
    expect 1 "$binary" -3 </dev/null
    expect_error "map: item 4: -3 has no real root"
    ;;
sweep)
    expect 0 "$binary" <<'END'
degrees    period  followed  iterations   steps
   10.0   1.00191   1.00191           3   25048
   25.0   1.01203   1.01203           3   25301
   40.0   1.03134   1.03134           3   25784
   55.0   1.06083   1.06083           4   26521
   70.0   1.10214   1.10214           4   27554
   85.0   1.15789   1.15789           4   28948
  100.0   1.23223   1.23223           4   30806
  115.0   1.33205   1.33205           4   33302
  130.0   1.46982   1.46982           5   36746
  145.0   1.67148   1.67148           5   41787
  160.0   2.00751   2.00751           5   50188
  175.0   2.87766         -           6       -
motion at 175 degrees: not down after 60000 steps (code 62)
END
    expect_error ""
    expect 1 "$binary" 100 180 20 </dev/null
    expect_error "sweep: period at 180 degrees: at 180 degrees it never comes back"
    expect 2 "$binary" nonsense </dev/null
    ;;
in_region)
    for threads in 1 2 3 8; do
        plates right | OMP_NUM_THREADS=$threads expect 0 "$binary" || exit 1
        plates wrong | OMP_NUM_THREADS=$threads expect 1 "$binary" fail || exit 1
        grep -q '^in_region: diverged at row [5-7], column [7-9]$' "$work/err" ||
            fail "no reason on stderr"
    done
    ;;
nested_parallel)
    # What the machine has is its own business; the teams are ours.
    unset OMP_NESTED OMP_DYNAMIC OMP_THREAD_LIMIT
    for case in 2:unset:1:1 2,2:2:2:2 2,3:2:2:3 1:1:1:1; do
        IFS=: read -r threads levels_set levels inner <<<"$case"
        if [ "$levels_set" = unset ]; then
            unset OMP_MAX_ACTIVE_LEVELS
        else
            export OMP_MAX_ACTIVE_LEVELS=$levels_set
        fi
        OMP_NUM_THREADS=$threads "$binary" >"$work/out" || fail "exit status $?"
        grep -q "^a group gets ${threads%%,*} threads on [1-9][0-9]* processors, " "$work/out" &&
            grep -q "^active levels: $levels$" "$work/out" &&
            grep -q "^task 0: threads $inner, sum 500500$" "$work/out" &&
            grep -q "^task 1: threads $inner, sum 1001000$" "$work/out" ||
            fail "OMP_NUM_THREADS=$threads, levels $levels_set: $(cat "$work/out")"
        grep -Eq '^taskgroup [0-9.]+ on lib(gomp|omp) \(built for lib(gomp|omp)\)$' "$work/out" ||
            fail "no runtime: $(cat "$work/out")"
    done
    ;;
raw_tasks)
    for threads in 1 2 8; do
        export OMP_NUM_THREADS=$threads
        (ranges && echo "from 100000000:  551 primes, then 100010017") | expect 0 "$binary" || exit 1
        expect_error ""
        ranges | expect 1 "$binary" -5 || exit 1
        expect_error "raw_tasks: -5 is not a natural number"
    done
    ;;
wait_any)
    for threads in 1 2 8; do
        for ((try = 0; try < 10; try++)); do
            OMP_NUM_THREADS=$threads "$binary" >"$work/out" 2>"$work/err" || fail "exit status $?"
            expect_error ""
            sort "$work/out" >"$work/sorted"
            sort <<<"$replies" | diff - "$work/sorted" >&2 || fail "not these replies (<)"
            [ "$(cat "$work/out")" != "$replies" ] || continue 2
        done # where the machine is busy, replies may arrive in another order
        fail "ten times not in the order of time: $(cat "$work/out")"
    done
    ;;
cancel_button)
    for threads in 1 2 8; do
        export OMP_NUM_THREADS=$threads
        film | expect 0 "$binary" || exit 1
        expect_error ""
    done
    ;;
stages)
    for ((i = 0; i < 1000; i++)); do echo "level $((i % 7)) took $((i % 100 == 99 ? i : 2)) ms"; done >"$work/log"
    for threads in 1 2 8; do
        export OMP_NUM_THREADS=$threads
        (for ((i = 199; i < 1000; i += 100)); do echo "slow: level $((i % 7)), $i ms"; done
            echo "1000 lines, 7470 ms") | expect 0 bash -c '"$0" <"$1"' "$binary" "$work/log" || exit 1
        expect_error ""
        (cat "$work/log" && echo "something else" && cat "$work/log") >"$work/bad"
        "$binary" <"$work/bad" >/dev/null 2>"$work/err" && fail "a bad line is taken"
        expect_error "stages: not a line of this log: something else"
    done
    ;;
forked_child)
    unset OMP_DYNAMIC OMP_THREAD_LIMIT
    for threads in 1 2 8; do
        export OMP_NUM_THREADS=$threads
        child=$threads
        ! ldd "$binary" | grep -q libgomp || child=1
        forked "$threads" "$child" | expect 0 "$binary" || exit 1
        expect_error ""
        forked "$threads" "$threads" | expect 0 "$binary" pause || exit 1
        expect_error ""
    done
    ;;
*)
    fail "no test for '$example'"
    ;;
esac
