# SPDX-License-Identifier: MIT
"""What each workload has to reach, and whether it did: a ratio in this run wherever there is something beside it."""

import os
import statistics

from driver.peers import Peer
from driver.tell import print_lines, shown

SIZES = 10_000, 10_000_000  # of scale: what is compared


class Figures:
    """The medians of one runtime and team size."""

    def __init__(self, kept, runtime, threads):
        self.kept, self.runtime, self.threads = kept, runtime, threads

    def of(self, workload, impl, metric, n=None, label=None, runtime=None):
        """None: it was not measured."""
        for key, values in self.kept.values.items():
            found = key[0], key[1], key[2], key[3], key[5]
            if (found == (workload, runtime or self.runtime, self.threads, impl, metric)
                    and n in (None, key[4]) and label in (None, self.kept.labels[key])):
                return statistics.median(values)
        return None

    def ratio(self, workload, impl, beside, metric, **which):
        ours = self.of(workload, impl, metric, **which)
        theirs = self.of(workload, beside, metric, **which)
        if theirs is None:
            theirs = self.of(workload, beside, metric, runtime=Peer.runtime, **which)
        return None if ours is None or not theirs else ours / theirs

    def fastest_peer(self, workload, metric, prefix):
        values = [statistics.median(values) for key, values in self.kept.values.items()
                  if key[0] == workload and key[1] == Peer.runtime and key[2] == self.threads
                  and key[3].startswith(prefix) and key[5] == metric]
        return min(values, default=None)


def beside_go(figures):
    fastest, ours = figures.fastest_peer("spawn", "ns_per_task", "go-"), figures.of("spawn", "tg", "ns_per_task")
    return None if fastest is None or ours is None else ours / fastest


def growth(figures):
    small, large = (figures.of("scale", "tg", "ns_per_task", n=n) for n in SIZES)
    return None if small is None or large is None else large / small


def of_limit(variant):
    """How much longer than hashing as fast on each thread as one alone does."""
    def value(figures):
        ours, serial = (figures.of("digest", f"{impl}-{variant}", "mb_per_s") for impl in ("tg", "serial"))
        if ours is None or not serial:
            return None
        return serial * min(figures.threads, os.cpu_count()) / ours
    return value


def plain(workload, impl, metric, **which):
    return lambda figures: figures.of(workload, impl, metric, **which)


def ratio(workload, impl, beside, metric, **which):
    return lambda figures: figures.ratio(workload, impl, beside, metric, **which)


def never_reached(figures):
    never, none = (figures.of("limit", f"tg-limit-{which}", "ns_per_task") for which in ("never", "none"))
    return None if never is None or not none else never / none


def targets():
    """Workload, what, its value, and the most that it may be: a number, or one for each runtime."""
    small = "us_per_group"
    yield "spawn", "tg / omp", ratio("spawn", "tg", "omp", "ns_per_task"), {"libgomp": 1.3, "libomp": 0.3}
    yield "spawn", "tg / the fastest in Go", beside_go, {"libgomp": 1 / 8}
    yield "grain", "tg, 1 us bodies, x ideal", plain("grain", "tg", "x_ideal", label="1 us"), 1.15
    yield "grain", "tg-auto, METG, us", plain("grain", "tg-auto", "metg50_us"), 0.05
    yield "map", "tg, ns an item", plain("map", "tg", "ns_per_task"), 3
    for where in ("", "-region"):
        for n in (6, 60):
            yield ("small", f"tg{where} / omp{where}, {n} tasks",
                   ratio("small", f"tg{where}", f"omp{where}", small, n=n), 0.9)
    for n, most in ((6, 0.9), (60, 0.2)):
        yield ("small", f"tg-auto / go-errgroup, {n} tasks",
               ratio("small", "tg-auto", "go-errgroup", small, n=n), most)
    yield "sleep", "tg, s", plain("sleep", "tg", "seconds"), 0.27
    yield "sleep", "tg, MB", plain("sleep", "tg", "peak_rss_mb"), 16
    for fails in (0, 1):
        for n in (6, 60):
            for us, them in (("tg", "go-errgroup"), ("tg", "go-workers"), ("tg-sleep-all", "go-errgroup-all")):
                yield ("mlee", f"{us} / {them}, {n} tasks, {fails} fails",
                       ratio("mlee", f"{us}-fails-{fails}", f"{them}-fails-{fails}", "ms_per_group", n=n), 1)
    yield "fail", "tg, us from failure to return", plain("fail", "tg", "us_after_failure"), 100
    yield "fail", "tg, tasks started after it", plain("fail", "tg", "tasks_after_failure"), 0
    for bound in (1, 2, 8):
        yield "limit", f"tg, limit {bound}, x ideal", plain("limit", f"tg-limit-{bound}", "x_ideal"), 1.05
    yield "limit", "tg, never reached / none", never_reached, 1.05
    for variant in ("depth-20", "depth-16", "queens-rows-4", "queens-rows-5", "tree-2us", "tree-10us"):
        yield ("nested", f"tg / omp, {variant}",
               ratio("nested", f"tg-{variant}", f"omp-{variant}", "seconds"), 1.3)
    for threads in (1, 4):
        yield "pool", f"tg, {threads} submit, ns a task", plain("pool", f"tg-from-{threads}", "ns_per_task"), 200
    yield "pool", "tg, idle, ms of CPU a second", plain("pool", "tg-idle", "cpu_ms_per_s"), 1
    for what in ("add", "fire", "cancel"):
        yield "timers", f"tg, {what}, ns", plain("timers", f"tg-{what}", "ns_per_task"), 300
    yield "timers", "tg, median lateness, us", plain("timers", "tg-late", "lateness_us_p50"), 100
    for variant in ("made", "real"):
        yield "digest", f"tg, {variant} tree, time over the limit", of_limit(variant), 1 / 0.95
    yield "memory", "tg, B a task", plain("memory", "tg-result-0", "bytes_per_task", n=10_000_000), 32
    yield "memory", "tg-range, B a task", plain("memory", "tg-range-result-0", "bytes_per_task", n=10_000_000), 8
    yield "scale", "tg, 1e7 / 1e4 tasks, a task", growth, 1.3


def verdict(value, most):
    return "-" if value is None or most is None else "reached" if value <= most else "no"


def print_targets(kept, runtimes, threads):
    """One table for one team size; without those that were not measured."""
    lines = [["workload", "what", "at most", *(cell for r in runtimes for cell in (r, ""))]]
    for workload, what, value, most in targets():
        values = [value(Figures(kept, runtime, threads)) for runtime in runtimes]
        limits = [most.get(runtime) if isinstance(most, dict) else most for runtime in runtimes]
        if any(v is not None for v in values):
            text = " / ".join(dict.fromkeys(shown(limit) for limit in limits))
            lines.append([workload, what, text, *(cell for v, limit in zip(values, limits)
                                                  for cell in (shown(v), verdict(v, limit)))])
    if len(lines) > 1:
        print(f"\nTargets, {threads} thread{'s' * (threads > 1)}")
        print_lines(lines, (0, 1, *range(4, 4 + 2 * len(runtimes), 2)))
