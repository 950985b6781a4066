# SPDX-License-Identifier: MIT
"""Repetitions, in turns, undisturbed if possible; what came out."""

import json
import math
import os
import subprocess
import time
from pathlib import Path

from driver.peers import Peer
from driver.workloads import GRAIN_BODIES

SLOW = 10  # seconds: whoever takes longer is measured once, and results.jsonl says "reps":1


class Wrong(Exception):
    """A contender that did not do its work."""


def run_process(program, arguments, threads, timeout):
    """One process, one JSON line."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_DYNAMIC="false")
    try:
        done = subprocess.run([str(program), *arguments], env=environment, timeout=timeout, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        raise Wrong(f"no answer within {timeout} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.strip().splitlines() or ["nothing on stdout"]
        raise Wrong(f"exit status {done.returncode}: {words[-1]}") from None
    if "wrong" in answer or done.returncode != 0:
        raise Wrong(answer.get("wrong", f"exit status {done.returncode}"))
    return answer


def calibrate(program, smoke):
    """How fast bench_work() goes when nobody disturbs: the same number for all contenders."""
    speeds = [run_process(program, ["calibrate"], 1, 60)["loops_per_us"] for _ in range(1 if smoke else 7)]
    return max(speeds)


class Others:
    """How much of the machine was used by somebody else meanwhile."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now():
        try:
            words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
            user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
        except (OSError, ValueError):
            return None
        ours = sum(os.times()[:4])
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, ours

    def seconds(self):
        """Of processor time that others used, and of time that went by."""
        end = self.now()
        if not self.start or not end:
            return 0, 1
        passed, busy, ours = (after - before for before, after in zip(self.start, end))
        return max(0, busy - ours), max(passed, 0.01)


class Patience:
    """Repeats what was disturbed, as long as there is time for that, and counts what still was."""

    def __init__(self, seconds):
        self.left, self.processes, self.disturbed = seconds, 0, 0

    def undisturbed(self, action):
        while True:
            others = Others()
            answer = action()
            used, passed = others.seconds()
            calm = used <= 0.03 + 0.1 * passed  # the system counts in steps of 10 ms, for each processor
            if calm or self.left <= 0:
                self.processes += 1
                self.disturbed += not calm
                return answer
            time.sleep(0.5)
            self.left -= passed + 0.5

    def remark(self):
        text = f"others disturbed {self.disturbed} of {self.processes} processes"
        self.processes = self.disturbed = 0
        return text


class Measurements:
    """Values by (workload, runtime, threads, case name, n, metric), one a repetition."""

    def __init__(self):
        self.values, self.labels, self.wrong, self.impls = {}, {}, {}, {}

    def add(self, key, label, value):
        self.labels[key] = label
        self.values.setdefault(key, []).append(value)

    def forget(self, workload, runtime, threads, case):
        for metric in case.metrics:
            self.values.pop((workload, runtime, threads, case.name, case.n, metric), None)


def measure(workload, contenders, threads, loops, options, patience, kept):
    """All repetitions of a workload at one team size, by all who have a part in it, as (build or peer,
    case); who comes first changes with each."""
    contenders = list(contenders)
    for repetition in range(options.reps):
        turn = repetition * len(contenders) // options.reps
        for build, case in contenders[turn:] + contenders[:turn]:
            command = [*case.arguments, f"loops={loops[build.runtime]!r}"]
            if build.runtime == Peer.runtime:
                command.append(f"workload={workload}")
            start = time.monotonic()
            try:
                answer = patience.undisturbed(lambda: run_process(
                    build.path(workload, case.side()), command, threads, options.timeout))
                kept.impls[case.name] = case.impl
                for metric in case.metrics:
                    kept.add((workload, build.runtime, threads, case.name, case.n, metric),
                             case.label, answer[metric])
            except (Wrong, KeyError) as reason:
                kept.forget(workload, build.runtime, threads, case)
                kept.wrong[workload, build.runtime, threads, case.name, case.n] = str(reason)
                contenders.remove((build, case))
                continue
            if time.monotonic() - start > SLOW:
                contenders.remove((build, case))


def metg(bodies, times):
    """The smallest body that still goes at half the ideal speed: between two that were measured."""
    best = None
    for body, ratio in sorted(zip(bodies, times), reverse=True):
        if ratio <= 2:
            best = (body, ratio)
            continue
        if best is None:
            return None
        part = math.log(2 / best[1]) / math.log(ratio / best[1])
        return best[0] * (body / best[0]) ** part
    return best and best[0]


def add_metg(kept, runtime, threads, cases):
    """METG of each contender and repetition, from the x_ideal of all bodies."""
    for impl in dict.fromkeys(case.name for case in cases):
        keys = [("grain", runtime, threads, c.name, c.n, "x_ideal") for c in cases if c.name == impl]
        if any(key not in kept.values for key in keys):
            continue
        for times in zip(*(kept.values[key] for key in keys)):
            value = metg(GRAIN_BODIES, times)
            if value is not None:
                kept.add(("grain", runtime, threads, impl, keys[0][4], "metg50_us"), "50 %", value)
