#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   test_async.sh EXAMPLE BINARY
#
# Runs one of the examples whose tasks are in flight on no thread, with teams of 1, 2 and 8 threads, and
# checks exit status and output: what is on stdout must not depend on the team, nor on who reads.
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

expect_error() { # REGEX: every line of stderr, and at least one; without it: nothing
    if [ $# -eq 0 ]; then
        [ ! -s err ] || fail "something on stderr"
    else
        [ -s err ] && ! grep -Evx -- "$1" err >/dev/null || fail "stderr is not '$1'"
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

make_tree() {
    local i
    mkdir -p tree/{a,b,c}/deeper tree/empty-directory
    for ((i = 0; i < 400; i++)); do
        set -- a b c a/deeper b/deeper
        shift $((i % 5))
        seq $((i * i % 3001)) >"tree/$1/$i"
    done
    for i in 65535 65536 65537 131072 1000000; do # about the size of a block
        seq 200000 | head -c "$i" >"tree/c/$i"
    done
    : >tree/empty
    printf '\n\0\n\xff\n' >'tree/with  spaces'
    ln -s empty tree/link
    ln -s a tree/link-to-directory
    mkfifo tree/fifo
    find tree -type f -print0 | xargs -0 cksum | sort >wanted
}

# Where the build or the kernel has no io_uring the example says so once, and what it prints is the same.
fallback='read_files: no io_uring \(.+\): threads read'

expect_no_error_but_fallback() {
    if [ -s err ]; then
        echo "note: $(cat err)" >&2
        expect_error "$fallback"
        [ "$(wc -l <err)" -eq 1 ] || fail "says it more than once"
    fi
}

test_read_files() {
    local in_flight
    [ -d tree ] || make_tree
    for in_flight in 1 2 64 4096; do
        expect 0 tree "$in_flight" threads
        expect_error
        [ -e serial ] || mv out serial # the first team has one thread
        [ ! -e out ] || cmp serial out >&2 || fail "not in the order of the walk, or not the same"
        expect 0 tree "$in_flight" uring
        expect_no_error_but_fallback
        cmp serial out >&2 || fail "not the same with io_uring"
    done
    sort serial | diff - wanted >&2 || fail "not what cksum says (>)"
    expect 0 tree
    expect_output <serial
    (cd tree && "$binary") >out 2>err || fail "without arguments"
    sed 's, \./, tree/,' out | diff - serial >&2 || fail "not the current directory"
    expect 0 tree/empty-directory
    expect_output </dev/null
    expect 1 nowhere 1 threads
    expect_error 'read_files: cannot walk nowhere'
    expect 2 tree 0
    expect 2 tree 4097
    expect 2 tree 1 otherwise
    test_read_files_error
    if [ -c /dev/full ]; then
        "$binary" tree 8 threads >/dev/full 2>err && fail "a full disk is not noticed"
        expect_error 'read_files: cannot write'
    fi
}

test_read_files_error() {
    local by
    for by in threads uring; do
        if [ -r /proc/self/mem ]; then # a file that can be opened, but not be read at its beginning
            expect 1 /proc/self/mem 64 "$by"
            expect_output </dev/null
            expect_error "$fallback|read_files: /proc/self/mem: cannot read: Input/output error"
        fi
        if [ "$(id -u)" -ne 0 ]; then # root may read everything
            chmod 0 tree/empty
            expect 1 tree 64 "$by"
            chmod 600 tree/empty
            expect_error "$fallback|read_files: tree/empty: cannot open: Permission denied"
            grep -v ' tree/empty$' serial | expect_output
        fi
    done
}

progress='monitor: [0-9]+ of 40 samples after [0-9.]+ s'

test_monitor() {
    expect 0
    expect_output <<<"40 samples, sum 22.073450"
    expect_error "$progress"
    expect 0 3600 # reported never: nothing waits for that
    expect_output <<<"40 samples, sum 22.073450"
    expect_error
    # Half of the samples come when the file does. The progress is written by then.
    rm -f file
    "$binary" 0.01 250 file >out 2>err </dev/null &
    running=$!
    poll grep -q ' 20 of 40 ' err
    : >file
    wait "$running" || fail "exit status $? after the file has come"
    running=
    expect_output <<<"40 samples, sum 22.073450"
    expect_error "$progress"
    # Or never.
    expect 1 0.01 1 never
    expect_output </dev/null
    expect_error "$progress|monitor: only 20 of 40 samples after 1 s"
    [ "$(tail -n 1 err)" = "monitor: only 20 of 40 samples after 1 s" ] || fail "not the deadline"
    expect 2 0
    expect 2 1 nonsense
}

served() { # REQUESTS: the output
    cat <<END
rush: 10 requests: 7 served, 1 shed, 1 taken back, 1 timed out
clients: $1 requests: each served or shed, every reply right
batch: 59542 steps
close: TIMED_OUT, 5 abandoned
late: CLOSED
accounts: every request is in them
END
}

# How many of the clients' requests are shed is open.
test_server() {
    expect 0
    served 400 | expect_output
    expect_error 'server: [0-9]+ served, [0-9]+ shed'
    expect 0 1 1
    served 1 | expect_output
    expect 0 16 250
    served 4000 | expect_output
    expect 2 0
    expect 2 65
    expect 2 1 nonsense
}

for threads in 1 2 8; do
    export OMP_NUM_THREADS=$threads
    "test_$example"
done
