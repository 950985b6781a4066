#!/usr/bin/env bash
# reach.sh INCLUDE LIBRARY SCRATCH CXX FORTRAN: other languages reach everything. No function takes a variable number of
# arguments without a twin that does not; no macro is the only way to something; and each function that the
# headers declare can be named and linked from C++ (as the headers have it) and from Fortran (by bind(C)).
#
# A compiler that is not there is left out.
set -euo pipefail
export LC_ALL=C
include=$1 library=$2 scratch=$3 cxx=$4 fortran=$5
status=0
mkdir -p "$scratch"

code=$(cat "$include"/*.h "$include"/*/*.h | sed -e ':join' -e '/\\$/ { N; s/\\\n/ /; b join' -e '}' -e '/^#/d' |
    tr '\n' ' ' | sed -e 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' -e 's/typedef [^;]*;//g')
declarations=$(grep -o 'TG_API[^;]*;' <<<"$code")
functions=$(grep -o '\btg_[a-z0-9_]*(' <<<"$declarations" | tr -d '(' | sort -u)
[ -n "$functions" ] || { echo "no function found in $include"; exit 1; }

for function in $(grep -F '...' <<<"$declarations" | grep -o '\btg_[a-z0-9_]*(' | tr -d '('); do
    if ! grep -q "\b${function}_text(" <<<"$declarations" || grep "\b${function}_text(" <<<"$declarations" | grep -q -F '...'; then
        echo "$function takes a variable number of arguments, and there is no ${function}_text"
        status=1
    fi
done

# Options by name (their structs are there for everybody), what the headers themselves are made with, and macros over the
# functions of the same names; TG_ADD is tg_group_add_with() with .copy, TG_MAP tg_map_run() with types.
known='TG_ADD TG_MAP TG_CONTEXT TG_GROUP TG_POOL TG_TASK TG_PRINTF TG_STATUS_TABLE TG_STATUS_ENUMERATOR'
for macro in $(cat "$include"/*.h "$include"/*/*.h | sed -n 's/^# *define \([A-Za-z0-9_]*\)(.*/\1/p' | sort -u); do
    if ! grep -q -w "$macro" <<<"$known" && ! grep -q -x "$macro" <<<"$functions"; then
        echo "$macro is a macro with arguments: C++ and Fortran need a function for that"
        status=1
    fi
done

link=("$library" "-Wl,-rpath,$(dirname "$library")")
if [ -n "$cxx" ] && [[ $cxx != *-NOTFOUND ]]; then
    {
        echo '#include <taskgroup.h>'
        echo 'int main() { int there = 0;'
        sed 's/.*/    there += reinterpret_cast<void (*)()>(\&&) != nullptr;/' <<<"$functions"
        echo "    return there == $(wc -l <<<"$functions") ? 0 : 1; }"
    } >"$scratch/reach.cpp"
    "$cxx" -std=c++17 "-I$include" "$scratch/reach.cpp" -o "$scratch/reach_cxx" "${link[@]}" && "$scratch/reach_cxx" || status=1
fi
if [ -n "$fortran" ] && [[ $fortran != *-NOTFOUND ]]; then
    {
        echo 'program reach'
        echo '  use, intrinsic :: iso_c_binding'
        echo '  implicit none'
        echo '  interface'
        sed 's/.*/    subroutine f_&() bind(C, name="&")\n    end subroutine/' <<<"$functions"
        echo '  end interface'
        echo '  integer :: there = 0'
        sed 's/.*/  if (c_associated(c_funloc(f_&))) there = there + 1/' <<<"$functions"
        echo "  if (there /= $(wc -l <<<"$functions")) stop 1"
        echo 'end program'
    } >"$scratch/reach.f90"
    "$fortran" -J"$scratch" "$scratch/reach.f90" -o "$scratch/reach_fortran" "${link[@]}" && "$scratch/reach_fortran" || status=1
fi
[ $status -ne 0 ] || echo "$(wc -l <<<"$functions") functions can be reached"
exit $status
