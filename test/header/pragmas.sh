#!/usr/bin/env bash
# pragmas.sh SOURCE: users of the headers need no OpenMP, and in the library it has one place, lib/sched/omp.c.
set -euo pipefail
cd "$1"
status=0
# forbid WHAT PATTERN FILE...
forbid() {
    local what=$1 pattern=$2
    shift 2
    if grep -n -E "$pattern" "$@"; then
        echo "^ $what"
        status=1
    fi
}
pragma='^[[:space:]]*#[[:space:]]*pragma|_Pragma'
forbid 'a public header needs OpenMP' '<omp\.h>|omp_[a-z]+\(' include/*.h include/*/*.h
forbid 'a pragma in a public header' "$pragma" include/*.h include/*/*.h
mapfile -t others < <(find lib -name '*.[ch]' ! -path lib/sched/omp.c)
forbid 'a pragma of OpenMP outside lib/sched/omp.c' "($pragma).*omp" "${others[@]}"
exit $status
