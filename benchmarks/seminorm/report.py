"""Table and plot of the measurements, and their place in the docs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

Row = dict[str, object]
MAKER = "benchmarks.seminorm --publish"


def number(row: Row, key: str) -> float:
    """An entry that is a number."""
    return float(str(row[key]))


def table(rows: Sequence[Row]) -> str:
    """Medians over the seeds; an interval that did not close is marked by ``>``."""
    cells: dict[tuple[object, ...], list[tuple[float, bool]]] = defaultdict(list)
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    for row in rows:
        if "seconds" in row:
            key = (row["family"], row["d"], row["m"], row["method"])
            cells[key].append((number(row, "seconds"), bool(row["exact"])))
    heads = ["networks", "d, m", *methods]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "--:|" * (len(heads) - 2)]
    for family, d, m in dict.fromkeys((r["family"], r["d"], r["m"]) for r in rows):
        entries = []
        for method in methods:
            times = cells.get((family, d, m, method), [])
            closed = all(exact for _, exact in times)
            text = f"{median(seconds for seconds, _ in times):.2g}" if times else "-"
            entries.append(text if closed else f">{text}")
        lines.append(f"| {family} | {d}, {m} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


def intervals(rows: Sequence[Row]) -> str:
    """What is known of each network, and the CPU seconds that it took."""
    lines = ["| networks | d, m | lower | upper | gap | CPU seconds |", "|---|---|--:|--:|--:|--:|"]
    for row in rows:
        low, high = number(row, "lower"), number(row, "upper")
        gap = "closed" if row["exact"] else f"{100 * (high / low - 1):.3g} %"
        head = f"| {row['family']} | {row['d']}, {row['m']} "
        lines.append(f"{head}| {low:.6g} | {high:.6g} | {gap} | {number(row, 'seconds'):.3g} |")
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Seconds against m, one panel for each d; gaussian networks; hollow: not closed in time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator

    timed = [row for row in rows if row["family"] == "gaussian" and "seconds" in row]
    inputs = sorted({int(str(row["d"])) for row in timed})
    if not inputs:
        return
    methods = list(dict.fromkeys(str(row["method"]) for row in timed))
    open_ends = defaultdict(set)
    for row in timed:
        if not row.get("exact", True):
            open_ends[row["d"], str(row["method"])].add(row["m"])
    n_columns = min(4, len(inputs))
    n_rows = -(-len(inputs) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(3.2 * n_columns, 2.8 * n_rows), squeeze=False, sharey=True
    )
    for axis in axes.flat[len(inputs) :]:
        axis.set_visible(False)
    for axis, d in zip(axes.flat, inputs, strict=False):
        for k, method in enumerate(methods):
            points = defaultdict(list)
            for row in timed:
                if row["d"] == d and row["method"] == method:
                    points[int(str(row["m"]))].append(number(row, "seconds"))
            if points:
                widths = sorted(points)
                heights = [max(float(np.median(points[m])), 1e-5) for m in widths]
                style = {"marker": "osd^vx*P"[k % 8], "color": f"C{k}"}
                axis.loglog(widths, heights, label=method, **style)
                late = [m in open_ends[d, method] for m in widths]
                axis.plot(
                    np.array(widths)[late], np.array(heights)[late], linestyle="", zorder=3,
                    markerfacecolor="white", **style,
                )  # fmt: skip
        sizes = sorted({int(str(row["m"])) for row in timed if row["d"] == d})
        shown = [m for k, m in enumerate(sizes) if k == 0 or m >= 1.25 * sizes[k - 1]]
        axis.xaxis.set_major_locator(FixedLocator(shown))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xticklabels([f"{m:,}" for m in shown])
        axis.margins(x=0.12)
        axis.set(title=f"d = {d}", xlabel="neurons m")
    axes[0, 0].set_ylabel("CPU seconds")
    handles = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles[label] = handle
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    figure.set_layout_engine("constrained")
    figure.savefig(path, dpi=110)
    plt.close(figure)
