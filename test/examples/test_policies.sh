#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   test_policies.sh EXAMPLE BINARY
#
# Runs one of the examples about policies, with teams of 1, 2 and 8 threads, and checks exit status
# and output. Which of several racers wins is left open; what must hold whoever does is checked.
set -u
example=$1
binary=$(realpath "$2")
work=$(mktemp -d)
running=
cleanup() {
    [ -z "$running" ] || kill -KILL "$running" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
export LC_ALL=C

fail() {
    echo "FAILED with ${OMP_NUM_THREADS-all} threads: $*" >&2
    [ ! -s out ] || sed 's/^/    stdout: /' out >&2
    [ ! -s err ] || sed 's/^/    stderr: /' err >&2
    exit 1
}

# expect STATUS ARGUMENT...: runs the example, with its output in the files out and err.
expect() {
    local status=$1 got=0
    shift
    "$binary" "$@" >out 2>err </dev/null || got=$?
    [ "$got" -eq "$status" ] || fail "$example $*: exit status $got, not $status"
}

expect_output() { # what must be on stdout is on our stdin
    diff - out >&2 || fail "prints something else than wanted (<)"
}

expect_line() { # REGEX: a whole line of stdout
    grep -Eqx -- "$1" out || fail "stdout has no line '$1'"
}

expect_error() { # REGEX: all of stderr, without it: nothing
    if [ $# -eq 0 ]; then
        [ ! -s err ] || fail "something on stderr"
    else
        [ "$(wc -l <err)" -eq 1 ] && grep -Eqx -- "$1" err || fail "stderr is not '$1'"
    fi
}

# poll COMMAND...: until it succeeds. A minute is there to end a test that is broken.
poll() {
    local i
    for ((i = 0; i < 600; i++)); do
        ! "$@" || return 0
        sleep 0.1
    done
    fail "waited in vain for: $*"
}

answer() {
    printf '%s\n' "user 1815: Ada" "news: Headline 1" "news: Headline 2" "news: Headline 3"
}

test_fan_out() {
    expect 0
    (answer && echo "recommended: On engines (0.75)") | expect_output
    expect_error
    expect 0 recommendations
    answer | expect_output
    expect_error 'fan_out: without recommendations: the model is not loaded'
    expect 1 user
    expect_output </dev/null
    expect_error 'fan_out: user: there is no user 1815'
    expect 1 news
    expect_output </dev/null
    expect_error 'fan_out: news: the server is busy'
    expect 1 late 0.2
    expect_output </dev/null
    expect_error 'fan_out: .*deadline.*'
}

test_race() {
    expect 0
    [ "$(wc -l <out)" -eq 6 ] || fail "not six lines"
    expect_line 'root -1\.769292354'
    expect_line 'winner (bisection|secants)'
    expect_line 'newton +(was told to stop|never started.*)'
    winner=$(sed -n 's/^winner //p' out)
    expect_line "$winner +ended well"
    expect_error
    expect 0 newton secants
    expect_line 'winner secants'
    expect 0 bisection
    expect_line 'winner bisection'
    expect 1 fixed-point
    expect_output </dev/null
    expect_error 'race: nobody wins: fixed-point: diverged after [0-9]+ steps'
    expect 1 unknown
}

test_take() {
    local down
    for down in 0 1 5 7; do
        expect 0 "$down"
        [ "$(wc -l <out)" -eq 4 ] || fail "not four lines"
        sed -n 's/^reply of replica \([0-9]\): version [67]$/\1/p' out | sort -u >replicas
        [ "$(wc -l <replicas)" -eq 3 ] || fail "not three different replies"
        [ "$(head -n 1 replicas)" -ge "$down" ] || fail "a reply of who is down"
        expect_line 'value 107'
        expect_error
    done
    for down in 8 10; do
        expect 1 "$down"
        expect_output </dev/null
        expect_error 'take: fewer .*; the last one: replica [0-9] is down'
    done
}

test_retry() {
    expect 0
    expect_output <<<"64 bytes in attempt 3"
    expect 0 0
    expect_output <<<"64 bytes in attempt 1"
    expect 0 4
    expect_output <<<"64 bytes in attempt 5"
    expect_error
    expect 1 5
    expect_output </dev/null
    expect_error 'retry: block 12: given up after 5 attempts: attempt 5: .* \(code [0-9]+\)'
    expect 0 1 hang
    expect_line '64 bytes in attempt [2-5]' # 2, unless the machine was busy for a whole second
    expect_error
}

make_tree() {
    local i
    mkdir -p tree/{a,b,c}/deeper tree/empty-directory
    for ((i = 0; i < 400; i++)); do
        set -- a b c a/deeper b/deeper
        shift $((i % 5))
        seq $((i * i % 3001)) >"tree/$1/$i"
    done
    : >tree/empty
    printf 'no newline' >tree/none
    printf '\n\0\n\xff\n' >'tree/with  spaces'
    ln -s none tree/link
    ln -s a tree/link-to-directory
    mkfifo tree/fifo
    find tree -type f -print0 | xargs -0 -n 1 wc -l | sort >wanted
}

test_pipeline() {
    [ -d tree ] || make_tree
    expect 0 tree
    expect_error
    sort out | diff wanted - >&2 || fail "not what wc says (<)"
    [ -e serial ] || mv out serial # the first team has one thread
    [ ! -e out ] || diff serial out >&2 || fail "not in the order of the walk (<)"
    expect 0 tree/empty-directory
    expect_output </dev/null
    expect 1 nowhere
    expect_error 'pipeline: cannot walk nowhere'
    expect 2
    if [ "$(id -u)" -ne 0 ]; then # root may read everything
        chmod 0 tree/none
        expect 1 tree
        chmod 600 tree/none
        expect_error 'pipeline: tree/none: Permission denied'
        [ $(($(wc -l <out) + 1)) -eq "$(wc -l <wanted)" ] || fail "one that fails ends the others"
    fi
    if [ -c /dev/full ]; then
        "$binary" tree >/dev/full 2>err && fail "a full disk is not noticed"
        expect_error 'pipeline: cannot write'
    fi
}

test_memory_budget() {
    local budget
    for budget in 4000000 2400000 100000000; do
        expect 0 "$budget"
        expect_error
        expect_line ' *9592 primes below 100000'
        expect_line ' *78498 primes below 1000000'
            expect_line ' *176302 primes below 2400000'
        [ "$(grep -c primes out)" -eq 24 ] || fail "not 24 results"
        most=$(sed -n "s/^at most \([0-9]*\) of $budget bytes in use$/\1/p" out)
        [ -n "$most" ] && [ "$most" -ge 2400000 ] && [ "$most" -le "$budget" ] ||
            fail "more in use than $budget, or less than the biggest"
        grep primes out >now
        [ -e first ] || cp now first
        cmp first now >&2 || fail "results differ"
    done
    expect 1 2399999
    expect_output </dev/null
    expect_error 'memory_budget: .+'
    expect 1 0
    expect_error 'memory_budget: .+'
}

test_checkpoint() {
    local got=0
    rm -f file other
    expect 0 other
    expect_error
    [ "$(grep -c '^item' out)" -eq 16 ] || fail "not 16 items"
    mv out whole
    # Item 0 needs no pause, all others an hour: exactly one is there when the signal comes.
    "$binary" file 3600 >out 2>err </dev/null &
    running=$!
    poll test -s file
    kill -TERM "$running"
    kill -TERM "$running" 2>/dev/null # as timeout(1) does; if it has ended already, so be it
    wait "$running" || got=$?
    running=
    [ "$got" -eq 143 ] || fail "exit status $got, not 143, on SIGTERM"
    expect_output <<<"item  0: 0.000000"
    expect_error 'checkpoint: .+: 15 of 16 items left'
    # It goes on where it was: only the other 15 are computed and appended.
    expect 0 file
    expect_error
    expect_output <whole
    [ "$(wc -l <file)" -eq 16 ] || fail "items were computed twice"
    # Nothing is left to do.
    expect 0 file 3600
    expect_output <whole
    expect 1 .
    expect 2
}

test_stream_hold() {
    expect 0
    expect_output <<<"sum 66000"
    expect_error
    expect 1 5
    expect_output </dev/null
    expect_error 'stream_hold: the device fails on block 5'
    expect 1 11
    expect_error 'stream_hold: the device fails on block 11'
    expect 1 4
    expect_error 'stream_hold: the team fails on block 4'
}

for threads in 1 2 8; do
    export OMP_NUM_THREADS=$threads
    "test_$example"
done
