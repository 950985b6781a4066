# SPDX-License-Identifier: MIT
"""Other systems: built where they are installed, named as skipped where not."""

import json
import shlex
import shutil

from driver.build import PERF, Skip, output_of

LARGEST = {"memory": 1_000_000}  # some need 3 kB for each task


class Peer:
    """A program of another system: it has several workloads, and says which. Built if it can be."""

    runtime = "-"

    def __init__(self, name, what, needs, commands):
        self.name, self.what, self.needs, self.commands = name, what, needs, commands
        self.version, self.contenders = "", {}

    def build(self, folder):
        for tool in self.needs:
            if not shutil.which(tool):
                raise Skip(f"{tool} is not installed")
        self.program = folder / "peers" / self.name
        self.program.parent.mkdir(parents=True, exist_ok=True)
        for command in self.commands(self.program):
            status, text = output_of(command)
            if status != 0:
                raise Skip((text.strip().splitlines() or [shlex.join(command)])[0])
        status, text = output_of([str(self.program), "list"])
        for pair in json.loads(text) if status == 0 else []:
            self.contenders.setdefault(pair["workload"], []).append(pair["impl"])

    def path(self, workload, side):
        return self.program

    def cases(self, workload, ours, options):
        """Our own inputs, for each of its contenders; `go-ants-trip` does what `tg-trip` does."""
        cases = []
        wanted = options.impl.split(",") if options.impl else None
        special = {case.impl[len("tg"):] for case in ours if case.side() == "tg"} - {"", "-auto"}
        for impl in self.contenders.get(workload, []):
            if wanted and impl not in wanted and self.name not in wanted:
                continue
            suffix = next((s for s in sorted(special, key=len) if impl.endswith(s)), "")
            cases += [case.by(impl) for case in ours
                      if case.impl == "tg" + suffix and not case.keywords.get("region")
                      and case.keywords.get("bytes", 8) == 8 and case.n <= LARGEST.get(workload, case.n)]
        return cases


def pkg_config(package):
    return output_of(["pkg-config", "--cflags", "--libs", package])[1].split()


FLAGS, BENCH = ["-O2", "-DNDEBUG", "-I", str(PERF / "common")], str(PERF / "common/bench.c")


def tbb_commands(program):
    bench = str(program) + "-bench.o"
    return [["gcc", "-std=c17", *FLAGS, "-c", BENCH, "-o", bench],
            ["g++", "-std=c++17", *FLAGS, str(PERF / "peers/tbb/tbb.cpp"), bench, "-o", str(program),
             "-ltbb", "-pthread"]]


def glib_commands(program):
    return [["gcc", "-std=c17", *FLAGS, str(PERF / "peers/glib/glib.c"), BENCH,
             "-o", str(program), *pkg_config("glib-2.0"), "-pthread"]]


def go_commands(program):
    return [["go", "build", "-C", str(PERF / "peers/go"), "-buildvcs=false", "-o", str(program), "."]]


PEERS = [Peer("tbb", "Threading Building Blocks", ["gcc", "g++"], tbb_commands),
         Peer("glib", "GLib's GThreadPool", ["gcc", "pkg-config"], glib_commands),
         Peer("go", "Go's libraries for groups of tasks", ["go"], go_commands)]


def find_peers(options, skipped):
    """Those that can be built here; others are named."""
    peers = []
    for peer in PEERS if options.peers else []:
        try:
            peer.build(options.build_dir)
            peers.append(peer)
        except Skip as reason:
            skipped.append(f"{peer.name} ({peer.what}): {reason}")
    if options.peers:
        skipped.append("libdispatch: Debian 12 has no package of it")
    return peers
