# SPDX-License-Identifier: MIT
"""Tables for people, lines for programs."""

import datetime
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from driver.peers import Peer
from driver.workloads import RATIOS, WORKLOADS, impl_side


def shown(value):
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def print_table(workload, cases, kept, remark):
    """Rows: runtime, threads, metric, input. Columns: contenders' medians, then ratios."""
    impls = list(dict.fromkeys(case.impl for case in cases))
    pairs = RATIOS.get(workload) or [(a, b) for a in impls for b in impls
                                     if impl_side(a) == "tg" and impl_side(b) == "omp"]
    pairs = [(a, b) for a, b in pairs if a in impls and b in impls]
    impl_of = {case.name: case.impl for case in cases}
    rows = {}
    for key, values in kept.values.items():
        if key[0] == workload and key[1] != Peer.runtime:
            _, runtime, threads, name, n, metric = key
            row = rows.setdefault((runtime, threads, metric, kept.labels[key], n), {})
            row[impl_of[name]] = values
    for (w, runtime, threads, name, n), _ in kept.wrong.items():
        if w == workload and runtime != Peer.runtime:
            case = next(c for c in cases if c.name == name and c.n == n)
            row = rows.setdefault((runtime, threads, case.metrics[0], case.label, n), {})
            row[case.impl] = None
    lines = [["runtime", "threads", "metric", "input", "n", *impls,
              *(f"{a}/{b}" for a, b in pairs), "spread"]]
    order = [(metric, case.label, case.n) for case in cases for metric in case.metrics]
    order = list(dict.fromkeys(order))
    for (runtime, threads, metric, label, n), row in sorted(rows.items(), key=lambda r: (
            r[0][:2], order.index(r[0][2:]) if r[0][2:] in order else len(order))):
        medians = {impl: statistics.median(v) for impl, v in row.items() if v}
        ratios = [medians[a] / medians[b] if medians.get(a) is not None and medians.get(b) else None
                  for a, b in pairs]
        spread = max(((max(v) - min(v)) / statistics.median(v) for v in row.values()
                      if v and statistics.median(v)), default=0)
        lines.append([runtime, str(threads), metric, label, str(n),
                      *("WRONG" if row.get(i, 0) is None else shown(medians.get(i)) for i in impls),
                      *(shown(r) for r in ratios), f"{100 * spread:.0f} %"])
    print(f"\n{workload}: {WORKLOADS[workload].__doc__} ({remark})")
    print_lines(lines, (0, 2, 3))


def print_lines(lines, texts):
    """Aligned: columns of texts to the left, of numbers to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(t.ljust(w) if i in texts else t.rjust(w)
                               for i, (t, w) in enumerate(zip(line, widths))).rstrip())
    sys.stdout.flush()


def print_peers(workload, kept):
    """Everybody below each other, an input a column: a table for each team size and metric."""
    tables = {}
    for (w, runtime, threads, name, n, metric), values in kept.values.items():
        if w == workload:
            label = kept.labels[w, runtime, threads, name, n, metric]
            sizes = {k[4] for k in kept.values if k[0] == w and kept.labels[k] == label}
            label = label if label and len(sizes) == 1 else f"{label} n={n}".strip()
            rows = tables.setdefault((threads, metric), {})
            rows.setdefault((kept.impls[name], runtime), {})[label] = statistics.median(values)
    for (threads, metric), rows in tables.items():
        if not any(runtime == Peer.runtime for _, runtime in rows):
            continue
        labels = list(dict.fromkeys(label for row in rows.values() for label in row))
        print(f"\n  {workload} beside peers: {metric}, {threads} thread{'s' * (threads > 1)}")
        print_lines([["contender", "runtime", *labels],
                     *([impl, runtime, *(shown(row.get(label)) for label in labels)]
                       for (impl, runtime), row in rows.items())], (0, 1))


def write_results(path, kept):
    """One object a line, in the form that the project has agreed on."""
    with open(path, "w", encoding="utf-8") as file:
        for (workload, runtime, threads, impl, n, metric), values in kept.values.items():
            row = {"workload": workload, "impl": impl, "runtime": runtime, "threads": threads, "n": n,
                   "metric": metric, "median": significant(statistics.median(values)),
                   "min": significant(min(values)), "max": significant(max(values)),
                   "reps": len(values)}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def significant(value):
    return float(f"{value:.6g}")


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def print_head(builds, peers, skipped):
    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors")
    for build in builds:
        print(f"{build.runtime}: {build.version}")
    for peer in peers:
        print(f"{peer.name}: {peer.what}")
    for reason in skipped:
        print(f"skipped {reason}")
    for name in sorted(os.environ):
        if name.startswith(("OMP_", "GOMP_", "KMP_", "LIBOMP_")) and name != "OMP_NUM_THREADS":
            print(f"environment: {name}={os.environ[name]}")
    sys.stdout.flush()
