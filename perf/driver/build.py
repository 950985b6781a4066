# SPDX-License-Identifier: MIT
"""Builds the library and our programs, once for each runtime, out of tree."""

import concurrent.futures
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from driver.workloads import LIBRARIES

PERF = Path(__file__).resolve().parent.parent
ROOT = PERF.parent
COMPILERS = {"libgomp": ["gcc"], "libomp": ["clang-19", "clang"]}
CFLAGS = ["-std=c17", "-O2", "-DNDEBUG", "-I", str(ROOT / "include"), "-I", str(PERF / "common")]
LIBRARY_CFLAGS = ["-I", str(ROOT / "lib"), "-fPIC", "-fvisibility=hidden", "-D_POSIX_C_SOURCE=200809L"]


class Skip(Exception):
    """Something is not there: named, not an error."""


class BuildError(Exception):
    """A compiler said no."""


def output_of(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def openmp_flag(compiler):
    """The flag, and the runtime that it means."""
    status, macros = output_of([compiler, "-dM", "-E", "-x", "c", os.devnull])
    if status != 0:
        raise Skip(f"{compiler} does not work")
    return ("-fopenmp=libomp", "libomp") if "__clang__" in macros else ("-fopenmp", "libgomp")


class Build:
    """The library and the programs of one runtime, out of tree."""

    def __init__(self, runtime, compiler, folder, cflags):
        self.runtime, self.compiler, self.folder = runtime, compiler, folder
        self.cflags = CFLAGS + cflags
        self.flag, found = openmp_flag(compiler)
        if found != runtime:
            raise Skip(f"{compiler} has {found}")
        self.folder.mkdir(parents=True, exist_ok=True)
        probe = self.folder / "probe.c"
        probe.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [compiler, self.flag, str(probe), "-o", str(self.folder / "probe")]
        status, text = output_of(command)
        if status != 0:
            raise Skip(f"{compiler} cannot build with {self.flag}: {text.strip().splitlines()[-1]}")
        self.version = output_of([compiler, "--version"])[1].splitlines()[0]

    def make(self, target, command, sources):
        """Runs the command unless the target is newer than its sources and was made by the same."""
        target.parent.mkdir(parents=True, exist_ok=True)
        stamp = target.with_name(target.name + ".command")
        line = shlex.join(command)
        if (target.exists() and stamp.exists() and stamp.read_text() == line
                and all(s.stat().st_mtime_ns < target.stat().st_mtime_ns for s in sources)):
            return
        status, text = output_of(command)
        if status != 0:
            raise BuildError(f"{line}\n{text}")
        stamp.write_text(line)

    def library(self, pool):
        headers = sorted((ROOT / "include").rglob("*.h")) + sorted((ROOT / "lib").glob("*/*.h"))
        sources = sorted((ROOT / "lib").glob("*/*.c"))
        objects = [self.folder / "lib" / f"{s.stem}.o" for s in sources]
        compiler = [self.compiler, *self.cflags, *LIBRARY_CFLAGS, self.flag]
        list(pool.map(lambda pair: self.make(
            pair[1], [*compiler, "-c", str(pair[0]), "-o", str(pair[1])], [pair[0], *headers]),
            zip(sources, objects)))
        shared = self.folder / "libtaskgroup.so"
        self.make(shared, [self.compiler, "-shared", self.flag, *map(str, objects),
                           "-o", str(shared), "-ldl", "-pthread"], objects)

    def program(self, workload, side):
        source = PERF / workload / f"{side}.c"
        common = PERF / "common" / "bench.c"
        sources = [source, common, *(PERF / workload).glob(f"{workload}.c")]  # what both sides share
        depends = [*sources, *PERF.glob("*/*.h")]  # workloads share some
        target = self.path(workload, side)
        command = [self.compiler, *self.cflags, self.flag, *map(str, sources), "-o", str(target)]
        if side == "tg":
            shared = self.folder / "libtaskgroup.so"
            depends += [shared, *(ROOT / "include").rglob("*.h")]
            command += [str(shared), f"-Wl,-rpath,{self.folder}"]
        libraries = LIBRARIES[workload][2] if workload in LIBRARIES else []
        self.make(target, command + [*libraries, "-pthread"], depends)

    def lacks(self, workload):
        """What the workload needs and this compiler does not find; None: nothing."""
        if workload not in LIBRARIES:
            return None
        name, header, flags = LIBRARIES[workload]
        probe = self.folder / f"probe-{workload}.c"
        probe.write_text(f"#include <{header}>\nint main(void) {{ return 0; }}\n")
        status, _ = output_of([self.compiler, str(probe), "-o", str(probe.with_suffix("")), *flags])
        return f"{name} is not there to build with" if status != 0 else None

    def path(self, workload, side):
        return self.folder / f"{workload}-{side}"

    def everything(self, wanted):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            if any(side == "tg" for _, side in wanted):
                self.library(pool)
            list(pool.map(lambda pair: self.program(*pair), sorted(wanted)))


def find_builds(options):
    """A Build for each runtime that is wanted and there; what is not there is named."""
    builds, skipped = [], []
    for runtime in options.runtime:
        reasons = []
        for compiler in [options.cc] if options.cc else COMPILERS[runtime]:
            try:
                if not shutil.which(compiler):
                    raise Skip(f"{compiler} is not installed")
                builds.append(Build(runtime, compiler, options.build_dir / runtime,
                                    options.cflags))
                break
            except Skip as reason:
                reasons.append(str(reason))
        else:
            skipped.append(f"{runtime}: {'; '.join(reasons)}")
    return builds, skipped
