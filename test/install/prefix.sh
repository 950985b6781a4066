#!/usr/bin/env bash
# prefix.sh SCRATCH BUILD [CONFIGURE ARGUMENT...]: installs BUILD, configured and built first if there
# are arguments, into a prefix that is then moved to SCRATCH/prefix.
set -euo pipefail
scratch=$1 build=$2
shift 2

rm -rf "$scratch/prefix" "$scratch/first" "$scratch/runtime"
if [ $# -gt 0 ]; then
    "$CMAKE" "$@" -B "$build"
    "$CMAKE" --build "$build"
fi
"$CMAKE" --install "$build" --prefix "$scratch/first"
"$CMAKE" --install "$build" --prefix "$scratch/runtime" --component taskgroup-runtime

# What programs need to run is a component of its own, without anything that is only for building.
if [ -n "$(find "$scratch/runtime" -name '*.h' -o -name '*.a' -o -name '*.cmake' -o -name '*.pc' -o -name '*.so')" ]; then
    echo "the runtime component has files that belong to taskgroup-devel:"
    find "$scratch/runtime"
    exit 1
fi
# No installed text may know where it was built or first installed.
if grep -r -I -n -F -e "$scratch" -e "$build" "$scratch/first"; then
    echo "an installed file names a folder of the build"
    exit 1
fi
mv "$scratch/first" "$scratch/prefix"
