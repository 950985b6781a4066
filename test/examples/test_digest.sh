#!/bin/bash
# SPDX-License-Identifier: MIT
#
#   test_digest.sh BINARY
#
# Compares `digest` with md5sum and its relatives on a tree with everything that is awkward, and
# checks what happens to what cannot be read, to signals, and to lost output. Nothing here depends on
# how fast anything is: where a moment matters, the test waits for a file to be opened (/proc), and
# holds the program there with a sparse file that takes minutes to read, and is cut when it may go on.
set -u
digest=$(realpath "$1")
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
    echo "FAILED: $*" >&2
    [ ! -s err ] || sed 's/^/    stderr: /' err >&2
    exit 1
}

# expect STATUS COMMAND...: runs it, with its output in the files out and err.
expect() {
    local status=$1 got=0
    shift
    "$@" >out 2>err </dev/null || got=$?
    [ "$got" -eq "$status" ] || fail "$*: exit status $got, not $status"
}

expect_same() { # FILE FILE
    cmp "$1" "$2" >&2 || fail "$1 and $2 differ"
}

expect_error() { # LINE: it is there on stderr, as a whole line
    grep -qxF -- "$1" err || fail "stderr does not say '$1'"
}

expect_silence() {
    [ ! -s err ] || fail "something on stderr"
}

# reference PROGRAM ROOT: what must come out.
reference() {
    find "$2" -type f -print0 | sort -z | xargs -0r "$1"
}

make_tree() {
    mkdir -p tree/sub/deeper 'tree/with space' tree/sub.dir tree/empty-directory
    : >tree/empty
    : >tree/sub/empty
    echo one >tree/one
    echo two >'tree/with space/two words'
    echo three >$'tree/new\nline'
    echo four >'tree/back\slash'
    echo five >$'tree/carriage\rreturn'
    echo six >$'tree/all\\of\nthem\r'
    echo seven >$'tree/tab\tand \x01\xff'
    echo eight >tree/sub.dir/eight # "sub.dir/" sorts before "sub/"
    echo nine >tree/sub/deeper/nine
    echo ten >tree/-ten
    head -c 1000003 /dev/zero | tr '\0' x >tree/sub/million
    head -c 262144 /dev/zero | tr '\0' y >tree/sub/one-buffer
    truncate -s 64M tree/sub/sparse
    ln -s one tree/link
    ln -s sub tree/link-to-directory
    ln -s nowhere tree/dangling
    mkfifo tree/fifo
    mkdir many
    for i in {1..2000}; do
        echo "$i" >"many/$i"
    done
}

test_agrees_with_md5sum() {
    reference md5sum tree >wanted
    for threads in 1 2 3 8; do
        OMP_NUM_THREADS=$threads expect 0 "$digest" tree
        expect_same wanted out
        expect_silence
        expect 0 "$digest" --threads $threads --limit 2 tree
        expect_same wanted out
    done
    md5sum --check --quiet out >&2 || fail "md5sum --check does not take it"
    expect 0 "$digest" --limit 1 tree
    expect_same wanted out
    OMP_CANCELLATION=true expect 0 "$digest" --strict tree
    expect_same wanted out
}

test_algorithms() {
    for algorithm in md5 sha1 sha224 sha256 sha384 sha512; do
        reference ${algorithm}sum tree >wanted
        expect 0 "$digest" --algorithm $algorithm tree
        expect_same wanted out
    done
    reference b2sum tree >wanted
    expect 0 "$digest" --algorithm=blake2b512 tree
    expect_same wanted out
}

test_roots() {
    { reference md5sum many && reference md5sum tree/ && reference md5sum ./tree/sub &&
        md5sum tree/one; } >wanted
    expect 0 "$digest" many tree/ ./tree/sub tree/one
    expect_same wanted out
    (cd tree && find . -type f -print0 | sort -z | xargs -0r md5sum) >wanted
    (cd tree && "$digest" .) >out || fail "exit status $?"
    expect_same wanted out
    (cd tree && md5sum -- -ten) >wanted
    (cd tree && "$digest" -- -ten) >out || fail "exit status $?"
    expect_same wanted out
    expect 0 "$digest" tree/empty-directory
    [ ! -s out ] || fail "output for no files"
    expect_silence
}

test_many_files() {
    reference md5sum many >wanted
    expect 0 "$digest" --summary many
    expect_same wanted out
    bytes=$(cat many/* | wc -c)
    grep -Eqx "digest: 2000 files, $bytes bytes, [0-9.]+ s, [0-9]+ threads, [0-9.]+ MB/s" err ||
        fail "the summary is wrong"
    OMP_NUM_THREADS=3 expect 0 "$digest" --summary many
    grep -q ', 3 threads, ' err || fail "the summary does not count three threads"
}

test_deep_tree() {
    local path=deep i
    for i in {1..1500}; do
        path+=/d
    done
    mkdir -p "$path"
    echo bottom >"$path/file"
    reference md5sum deep >wanted
    (ulimit -n 32 && exec "$digest" --threads 2 deep) >out 2>err || fail "exit status $?"
    expect_same wanted out
    # Deeper than a path can name: said, and the rest is done.
    local name
    name=$(printf '%0250d' 0)
    mkdir long
    echo top >long/file
    (cd long && for i in {1..20}; do mkdir "$name" && cd -P "$name" || exit 1; done) ||
        fail "cannot make the tree"
    md5sum long/file >wanted
    expect 1 "$digest" long
    expect_same wanted out
    [ "$(grep -c ': File name too long$' err)" -eq 1 ] || fail "not one line about the name"
}

test_unreadable_are_optional() {
    # Of these only the first two can be opened or read.
    md5sum tree/one tree/empty >wanted
    expect 1 "$digest" tree/one missing $'mis\nsing' /proc/self/mem tree/link tree/fifo tree/empty
    expect_same wanted out
    expect_error "digest: missing: No such file or directory"
    expect_error 'digest: mis\nsing: No such file or directory'
    expect_error "digest: /proc/self/mem: cannot read: Input/output error"
    expect_error "digest: tree/link: neither a directory nor a regular file"
    expect_error "digest: tree/fifo: neither a directory nor a regular file"
    [ "$(wc -l <err)" -eq 5 ] || fail "not five lines on stderr"
    # The directory with the file that fails, between others.
    { reference md5sum tree && reference md5sum many; } >wanted
    expect 1 "$digest" --threads 2 tree /proc/self/mem many
    expect_same wanted out
}

# Root can read everything, so this one runs as somebody else where it can.
test_no_permission() {
    mkdir denied denied/closed
    echo yes >denied/readable
    echo no >denied/secret
    echo no >denied/closed/file
    chmod 755 . denied
    chmod 000 denied/secret denied/closed
    local as=()
    if [ "$(id -u)" -eq 0 ]; then
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        if ! "${as[@]}" "$digest" --help >/dev/null 2>&1; then
            echo "as root, and nobody else can run $digest: skipped"
            return
        fi
    fi
    md5sum denied/readable >wanted
    expect 1 "${as[@]}" "$digest" denied
    expect_same wanted out
    expect_error "digest: denied/secret: cannot open: Permission denied"
    expect_error "digest: denied/closed: Permission denied"
    expect 1 "${as[@]}" "$digest" --strict denied
    [ ! -s out ] || fail "--strict printed something"
}

test_strict() {
    # One thread: in order of adding, so everything behind the bad one is left.
    expect 1 "$digest" --strict --threads 1 tree/one /proc/self/mem many
    [ ! -s out ] || fail "checksums in spite of --strict"
    expect_error "digest: /proc/self/mem: cannot read: Input/output error"
    expect_error "digest: 2000 of 2002 files left"
    # More threads: the error is the same; how many are left is not known.
    expect 1 "$digest" --strict --threads 8 many /proc/self/mem tree
    [ ! -s out ] || fail "checksums in spite of --strict"
    expect_error "digest: /proc/self/mem: cannot read: Input/output error"
    expect 1 "$digest" --strict tree missing
    [ ! -s out ] || fail "checksums in spite of --strict"
    expect_error "digest: missing: No such file or directory"
}

# A file that takes minutes, so that a failure or a signal meets a task in the middle of it.
make_endless() {
    for size in 1T 100G 15G; do
        truncate -s $size "$1" 2>/dev/null && return
    done
    fail "cannot make a big sparse file"
}

has_open() { # PID FILE
    local descriptor
    for descriptor in "/proc/$1/fd"/*; do
        [ "$descriptor" -ef "$2" ] && return 0
    done
    return 1
}

# start COMMAND...: runs it in background until it has opened the file endless/b.
start() {
    env --default-signal=INT,TERM "$@" >out 2>err </dev/null &
    running=$!
    until has_open $running endless/b; do
        kill -0 $running 2>/dev/null || fail "$*: ended at once"
        sleep 0.02
    done
}

# finish STATUS: the command that was started must end with it.
finish() {
    local got=0
    wait $running || got=$?
    running=
    [ $got -eq "$1" ] || fail "exit status $got, not $1"
}

make_endless_tree() {
    rm -rf endless
    mkdir endless
    echo a >endless/a
    make_endless endless/b
    echo c >endless/c
    echo d >endless/d
}

test_strict_stops_a_file_in_the_middle() {
    make_endless_tree
    # Two threads: one is in the endless file while the other one fails.
    rm endless/[acd]
    expect 1 "$digest" --strict --threads 2 endless /proc/self/mem
    expect_error "digest: /proc/self/mem: cannot read: Input/output error"
    expect_error "digest: 1 of 2 files left"
}

test_signals() {
    make_endless_tree
    md5sum endless/a >wanted
    for signal in INT:130 TERM:143; do
        start "$digest" --threads 1 --summary endless
        kill -${signal%:*} $running
        finish ${signal#*:}
        expect_same wanted out
        expect_error "digest: interrupted by a signal"
        expect_error "digest: 3 of 4 files left"
        grep -q '^digest: 1 files, ' err || fail "no summary"
    done
    # More threads: what is printed is right, and what is left is counted.
    start "$digest" --threads 3 many endless
    kill -INT $running
    finish 130
    md5sum --check --quiet out >&2 || fail "wrong checksums after a signal"
    expect_error "digest: $((2004 - $(wc -l <out))) of 2004 files left"
}

test_ignored_signal_stays_ignored() {
    make_endless_tree
    start env --ignore-signal=INT "$digest" --threads 2 endless
    kill -INT $running
    truncate -s 0 endless/b
    finish 0
    [ "$(wc -l <out)" -eq 4 ] || fail "not all files"
}

test_file_vanishes() {
    make_endless_tree
    echo e >endless/e
    start "$digest" --threads 1 endless
    rm endless/c
    rm endless/d
    mkfifo endless/d
    ln -sf a endless/e
    truncate -s 0 endless/b
    finish 1
    [ "$(cut -c 33- out)" = "$(printf '  endless/a\n  endless/b')" ] || fail "not a and b"
    expect_error "digest: endless/c: cannot open: No such file or directory"
    expect_error "digest: endless/d: is not a regular file any more"
    grep -q '^digest: endless/e: cannot open: ' err || fail "a symbolic link was followed"
}

test_lost_output() {
    local got=0
    if [ -c /dev/full ]; then
        "$digest" tree >/dev/full 2>err || got=$?
        [ $got -eq 1 ] || fail "full disk: exit status $got, not 1"
        grep -q '^digest: cannot write' err || fail "full disk: no message"
        got=0
        "$digest" --help >/dev/full 2>err || got=$?
        [ $got -eq 1 ] || fail "--help to a full disk: exit status $got, not 1"
    fi
    got=0
    "$digest" tree >&- 2>err || got=$?
    [ $got -eq 1 ] || fail "closed stdout: exit status $got, not 1"
    # A pipe that nobody reads: by the signal, or by the error where that is ignored.
    mkfifo pipe
    exec 4<>pipe 5>pipe 4<&-
    env --default-signal=PIPE "$digest" tree >&5 2>err
    got=$?
    [ $got -eq 141 ] || fail "closed pipe: exit status $got, not 141"
    got=0
    env --ignore-signal=PIPE "$digest" tree >&5 2>err || got=$?
    exec 5>&-
    [ $got -eq 1 ] || fail "closed pipe, signal ignored: exit status $got, not 1"
    expect_error "digest: cannot write: Broken pipe"
}

test_progress() {
    local why
    if ! why=$(script -qec true /dev/null 2>&1 </dev/null); then # a container may have no /dev/pts
        echo "script(1) opens no terminal (${why:-no reason given}): skipped"
        return
    fi
    expect 0 script -qec "'$digest' many >sums" /dev/null
    reference md5sum many >wanted
    expect_same wanted sums
    grep -q $'\r\[#* *\] [0-9]* of 2000 files, 0 MB' out || fail "no progress bar on a terminal"
    [ "$(tail -c 4 out)" = $'\r\033[K' ] || fail "the bar is left on the terminal"
}

test_usage() {
    local arguments
    for arguments in "" "--threads 0 tree" "--threads -1 tree" "--threads 1x tree" "--limit 0 tree" \
        "--limit 99999999999999999999 tree" "--limit tree" "--nonsense tree" "--algorithm" \
        "--algorithm md55 tree" "--strict"; do
        # shellcheck disable=SC2086
        expect 2 "$digest" $arguments
        [ ! -s out ] || fail "'$arguments': output on stdout"
        [ -s err ] || fail "'$arguments': no message"
    done
    expect_error "digest: no directory or file given"
    expect 2 "$digest" --threads 0 tree
    expect_error "digest: --threads takes a number from 1 to 4096, not '0'"
    expect 0 "$digest" --help
    grep -q '^Usage: digest ' out || fail "no help"
    expect_silence
}

make_tree
for name in $(compgen -A function test_); do
    echo "$name"
    "$name"
done
echo "all passed"
