# SPDX-License-Identifier: MIT
"""Pictures of results.jsonl: which tasks are worth it, how many threads pay, how others do. With matplotlib."""

import json


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def bodies(rows):
    """The workload grain, by (impl, runtime, threads): how long a body is, in us, and how well it went."""
    curves = {}
    for row in rows:
        if row["workload"] == "grain" and row["metric"] == "x_ideal":
            curve = curves.setdefault((row["impl"], row["runtime"], row["threads"]), [])
            curve.append((row["n"], row["median"]))
    for curve in curves.values():  # n bodies take the same time together: the fewest are the longest
        curve.sort()
    return curves


def draw_efficiency(pyplot, rows, work_us):
    """Efficiency against the length of a task, a picture for each team size."""
    curves = bodies(rows)
    teams = sorted({threads for _, _, threads in curves})
    figure, axes = pyplot.subplots(1, len(teams), figsize=(6 * len(teams), 4.5), squeeze=False, sharey=True)
    names = list(dict.fromkeys((impl, runtime) for impl, runtime, _ in curves))
    for axis, team in zip(axes[0], teams):
        for (impl, runtime, threads), curve in curves.items():
            if threads == team:
                number = names.index((impl, runtime))
                axis.plot([work_us / n for n, _ in curve], [1 / x for _, x in curve], marker=".",
                          color=f"C{number % 10}", linestyle=("-", "--", ":")[number // 10 % 3],
                          label=impl if runtime == "-" else f"{impl}, {runtime}")
        axis.set(xscale="log", xlabel="length of a task, µs", title=f"OMP_NUM_THREADS={team}", ylim=(0, 1.05))
        axis.axhline(0.5, color="grey", linewidth=0.5)
    axes[0][0].set_ylabel("efficiency (1: all threads work all the time)")
    axes[0][-1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw_speedup(pyplot, rows, work_us):
    """Speed-up against OMP_NUM_THREADS, a line for each length of a task."""
    curves = bodies(rows)
    runtimes = sorted({runtime for impl, runtime, _ in curves if impl == "tg"})
    figure, axes = pyplot.subplots(1, max(1, len(runtimes)), figsize=(6 * max(1, len(runtimes)), 4.5),
                                   squeeze=False, sharey=True)
    for axis, runtime in zip(axes[0], runtimes):
        lines = {}
        for (impl, of, threads), curve in curves.items():
            if impl == "tg" and of == runtime:
                for n, x in curve:
                    lines.setdefault(n, []).append((threads, threads / x))
        most = max(threads for line in lines.values() for threads, _ in line)
        axis.plot([1, most], [1, most], color="grey", linewidth=0.5)
        for n, line in sorted(lines.items()):
            axis.plot(*zip(*sorted(line)), marker=".", label=f"{work_us / n:g} µs")
        axis.set(xlabel="OMP_NUM_THREADS", title=f"tg, {runtime}")
        axis.legend(fontsize="small", title="a task")
    axes[0][0].set_ylabel("speed-up over one thread without tasks")
    return figure


def draw_comparison(pyplot, rows):
    """A task's cost in spawn, everybody beside each other, at the largest team."""
    rows = [row for row in rows if row["workload"] == "spawn" and row["metric"] == "ns_per_task"]
    if not rows:
        return None
    team = max(row["threads"] for row in rows)
    rows = sorted((row for row in rows if row["threads"] == team), key=lambda row: row["median"], reverse=True)
    figure, axis = pyplot.subplots(figsize=(7, 0.3 * len(rows) + 1.5))
    names = [row["impl"] if row["runtime"] == "-" else f"{row['impl']}, {row['runtime']}" for row in rows]
    colours = ["C1" if row["impl"].startswith("tg") else "C0" for row in rows]
    axis.barh(names, [row["median"] for row in rows], color=colours)
    axis.set(xlabel=f"ns for an empty task, OMP_NUM_THREADS={team}")
    return figure


def plot(results, folder, work_us):
    """Answers the pictures' paths; raises ImportError without matplotlib."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    rows = read(results)
    has_grain = any(row["workload"] == "grain" for row in rows)
    figures = {"efficiency": draw_efficiency(pyplot, rows, work_us) if has_grain else None,
               "speed-up": draw_speedup(pyplot, rows, work_us) if has_grain else None,
               "comparison": draw_comparison(pyplot, rows)}
    paths = []
    for name, figure in figures.items():
        if figure is not None:
            figure.tight_layout()
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=120)
    return paths
