# SPDX-License-Identifier: MIT
"""What is measured: the inputs of each workload, and who has a part in it."""

import os
import random
import tempfile
from pathlib import Path


class Case:
    """One contender on one input: a row's cell. `label` tells the rows of a table apart."""

    def __init__(self, impl, n, metrics, label="", variant="", **arguments):
        self.impl, self.n, self.metrics, self.label = impl, n, metrics, label
        self.name = f"{impl}-{variant}" if variant else impl  # as in results.jsonl
        self.variant = variant
        self.keywords = arguments

    @property
    def arguments(self):
        return [f"impl={self.impl}", f"n={self.n}", *(f"{k}={v}" for k, v in self.keywords.items())]

    def side(self):
        return impl_side(self.impl)

    def by(self, impl):
        """The same input for somebody else."""
        return Case(impl, self.n, self.metrics, self.label, self.variant, **self.keywords)


def impl_side(impl):
    side = impl.split("-")[0]  # which of tg.c and omp.c
    return side if side == "tg" else "omp"


def spawn(smoke):
    """empty tasks, grainsize 1: create, add, run, read and check every result, destroy"""
    n = 1000 if smoke else 1_000_000
    return [Case(impl, n, ["ns_per_task", "peak_rss_mb"]) for impl in ("tg", "tg-auto", "omp", "omp-if0")]


def small(smoke):
    """a whole group of empty tasks, from serial code and in a region"""
    cases = []
    for variant in ("", "region"):
        for n in (6, 60):
            groups = 10 if smoke else 30_000 // n
            for impl in ("tg", "tg-auto", "omp", *(() if variant else ("omp-empty",))):
                cases.append(Case(impl, n, ["us_per_group"], label=variant or "serial",
                                  variant=variant, groups=groups, region=int(variant != "")))
    return cases


GRAIN_BODIES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000)


def grain_work(smoke):
    """us of work, however it is cut."""
    return 2_000 if smoke else 100_000


def grain(smoke):
    """the same work cut into bodies of different length; 1 is ideal"""
    work = grain_work(smoke)
    return [Case(impl, round(work / body), ["x_ideal"], label=f"{body:g} us", body=body)
            for body in GRAIN_BODIES for impl in ("tg", "tg-auto", "tg-map", "omp", "omp-taskloop", "omp-for")]


def map_(smoke):
    """y = 3 x + 1 over an array"""
    n = 1000 if smoke else 1_000_000
    return [Case(impl, n, ["ns_per_task"], rounds=3)
            for impl in ("tg", "omp-for", "omp-taskloop", "omp-call")]


def fail(smoke):
    """task 0 fails: time until the run has returned, and tasks that still started"""
    n = 1000 if smoke else 1_000_000
    return [Case(impl, n, ["us_after_failure", "tasks_after_failure"])
            for impl in ("tg", "tg-auto", "omp", "omp-break")]


def limit(smoke):
    """a limit of tasks in flight: 10 us bodies, and the cost of a limit that is never reached"""
    cases = []
    for impl in ("tg", "omp"):
        n = 200 if smoke else 10_000
        for bound in (1, 2, 8):
            cases.append(Case(impl, n, ["x_ideal"], label=f"limit {bound}", variant=f"limit-{bound}",
                              limit=bound, body=10))
        n = 1000 if smoke else 1_000_000
        cases.append(Case(impl, n, ["ns_per_task"], label="no limit", variant="limit-none"))
        cases.append(Case(impl, n, ["ns_per_task"], label="never", variant="limit-never", limit=64))
    return cases


def nested(smoke):
    """groups in groups: fib(n), n queens, an unbalanced tree of n levels"""
    kinds = []  # kind, n, what else tells the row apart, arguments
    n = 16 if smoke else 36
    for depth in (4, 8) if smoke else (16, 20):
        kinds.append(("fib", n, f"depth-{depth}", f"cut-off {n - depth}", {"cutoff": n - depth}))
    for rows in (1, 2) if smoke else (4, 5):
        kinds.append(("queens", 6 if smoke else 13, f"queens-rows-{rows}", f"rows {rows}", {"cutoff": rows}))
    for levels, body in ((4, 2), (3, 10)) if smoke else ((13, 2), (11, 10)):
        kinds.append(("tree", levels, f"tree-{body}us", f"{body} us", {"body": body}))
    return [Case(impl, n, ["seconds"], label=f"{kind}, {label}", variant=variant, kind=kind, **arguments)
            for kind, n, variant, label, arguments in kinds for impl in ("tg", "omp")]


def sleep(smoke):
    """tasks that wait 10 ms on no thread, 50 000 in flight"""
    n, bound = (1000, 500) if smoke else (1_000_000, 50_000)
    return [Case(impl, n, ["seconds", "peak_rss_mb"], limit=bound) for impl in ("tg", "omp")]


def timers(smoke):
    """tasks with a time to start at: adding, firing, taking back; how late they start"""
    n, few = (1000, 20) if smoke else (1_000_000, 500)
    cases = [Case(f"tg-{what}", n, ["ns_per_task"]) for what in ("add", "fire", "cancel")]
    return cases + [Case("tg-late", few, ["lateness_us_p50", "lateness_us_p99"])]


def pool(smoke):
    """a pool fed by other threads; there and back; what it costs when idle"""
    n = 1000 if smoke else 1_000_000
    cases = [Case("tg", n, ["ns_per_task"], label=f"{threads} submit", variant=f"from-{threads}",
                  limit=threads) for threads in (1, 4)]
    cases.append(Case("tg-trip", 100 if smoke else 20_000, ["us_per_trip"]))
    cases.append(Case("tg-idle", 100 if smoke else 1000, ["cpu_ms_per_s"]))
    return cases


def mlee(smoke):
    """groups of tasks that sleep 0 to 3 ms, a third of them optional, as mlee-msl/taskgroup has them"""
    cases = []
    for fails in (0, 1):
        for n in (6,) if smoke else (6, 60):
            workers = min(n, 2 * (os.cpu_count() + 1))  # as many as that takes by itself
            cases += [Case(impl, n, ["ms_per_group"], label="one fails" if fails else "none fails",
                           variant=f"fails-{fails}", groups=1 if smoke else 20, fails=fails,
                           workers=workers) for impl in ("tg", "tg-sleep", "tg-sleep-all", "omp")]
    return cases


def memory(smoke):
    """by how much the peak grows for each empty task, its result included; one round a process"""
    cases = []
    for n in (1000,) if smoke else (1_000_000, 10_000_000):
        for size in (0, 8):
            cases += [Case(impl, n, ["bytes_per_task"], label=f"{size} B result",
                           variant=f"result-{size}", bytes=size, rounds=0)
                      for impl in ("tg", "tg-range", "tg-map", "omp")]
    return cases


def scale(smoke):
    """empty tasks in groups of growing size: is the cost of one the same?"""
    sizes = (100, 1000) if smoke else [10 ** i for i in range(2, 8)]
    return [Case(impl, n, ["ns_per_task"], groups=1 if smoke else max(1, 2_000_000 // n))
            for n in sizes for impl in ("tg", "omp")]


MADE_FILES, MADE_MOST = 450, 8 << 20  # 500 MB in all
MADE_FILES_SMOKE, MADE_MOST_SMOKE = 12, 64 << 10


def digest(smoke):
    """the MD5 of every file of a tree, cached; a task a file"""
    trees = [("made", MADE_FILES_SMOKE if smoke else MADE_FILES)] + ([] if smoke else [("real", 0)])
    return [Case(impl, n, ["seconds", "mb_per_s"], label=tree, variant=tree, rounds=0,
                 root=None)  # prepare_digest() knows where
            for tree, n in trees for impl in ("tg", "omp", "serial", "xargs")]


def make_tree(smoke, folder):
    """Files of 4 KiB to the most, of every size in between equally many; always the same ones."""
    count, most = (MADE_FILES_SMOKE, MADE_MOST_SMOKE) if smoke else (MADE_FILES, MADE_MOST)
    tree = folder / ("digest-smoke" if smoke else "digest-tree")
    if not tree.exists():
        unfinished = Path(tempfile.mkdtemp(dir=folder))
        for i in range(count):
            place = i * 131 % count  # not in order of size
            size = round(4096 * (most / 4096) ** (place / (count - 1)))
            file = unfinished / f"{i // 50:02}" / f"{i:03}"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(random.Random(i).getrandbits(8 * size).to_bytes(size, "little"))
        unfinished.rename(tree)
    return tree


def prepare_digest(cases, options):
    """Says where the trees are, and how many files the real one has."""
    options.build_dir.mkdir(parents=True, exist_ok=True)
    places = {"made": make_tree(options.smoke, options.build_dir), "real": options.root}
    if any(case.variant == "real" for case in cases):
        files = sum(os.path.isfile(path) and not os.path.islink(path)
                    for folder, _, names in os.walk(options.root)
                    for path in (os.path.join(folder, name) for name in names))
    for case in cases:
        if case.variant == "real":
            case.n, case.label = files, str(options.root)
        case.keywords["root"] = places[case.variant]


WORKLOADS = {"spawn": spawn, "small": small, "grain": grain, "map": map_, "fail": fail,
             "limit": limit, "nested": nested, "sleep": sleep, "timers": timers, "pool": pool,
             "mlee": mlee, "memory": memory, "scale": scale, "digest": digest}
# Of whom to whom; of other workloads all of ours to all of theirs.
RATIOS = {"spawn": [("tg", "omp"), ("tg", "omp-if0")],
          "small": [("tg", "omp"), ("tg-auto", "omp")],
          "map": [("tg", "omp-taskloop"), ("tg", "omp-call")],
          "grain": [("tg", "omp"), ("tg-auto", "omp"), ("tg-map", "omp-taskloop")],
          "mlee": [("tg", "omp"), ("tg-sleep", "omp")],
          "memory": [("tg-range", "tg"), ("tg-map", "tg")]}
LIBRARIES = {"digest": ("libcrypto", "openssl/evp.h", ["-lcrypto"])}  # what, its header, its flags
TOOLS = {"xargs": ["xargs", "md5sum"]}  # what contenders run
