"""Time every method on the same networks: ``python -m benchmarks.seminorm [--full]``.

Writes ``seminorm.csv`` (one row per network and method) and ``seminorm.png`` (time against m for
each d) into the folder given, and prints a table of medians over the seeds.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.seminorm import peers
from benchmarks.seminorm.instances import FAMILIES, FULL, QUICK
from landscape.arrangement import general_position_count
from landscape.parametrization import Parametrization
from landscape.seminorm import OutOfReach, sobolev_seminorm

#: Every forced method with the sizes that it is tried on: others are far beyond its reach.
METHODS = {
    "auto": lambda d, m: True,
    "plane": lambda d, m: d == 2,
    "flats": lambda d, m: d > 2 and m ** (d - 1) < 1e10,
    "cones": lambda d, m: 3 <= d <= 5,
    "conflicts": lambda d, m: d > 2 and m <= 200 and not (d <= 4 and m > 100),
    "enumeration": lambda d, m: general_position_count(m, d) <= 20_000,
    "reference": lambda d, m: d > 2 and m <= 24,
}
COLUMNS = ["family", "d", "m", "seed", "method", "seconds", "lower", "upper", "exact", "note"]


def measure(theta: Parametrization, method: str, limit: float) -> dict[str, object]:
    """CPU seconds and bounds of one method on one network."""
    start = time.process_time()
    try:
        record = sobolev_seminorm(theta, method=method, time_limit=limit)
    except OutOfReach as error:
        return {"note": str(error)}
    seconds = time.process_time() - start
    return {
        "seconds": seconds,
        "lower": record.lower,
        "upper": record.upper,
        "exact": record.exact,
        "note": record.method,
    }


def run(sizes: list[tuple[int, int]], seeds: int, limit: float) -> list[dict[str, object]]:
    """All rows of the comparison."""
    solvers, skipped = peers.available()
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    for d in (2, 3, 6):  # compile or load before anything is timed
        for method in METHODS:
            if method != "plane" or d == 2:
                measure(FAMILIES["gaussian"](d, 8, 0), method, limit)
    rows = []
    for family, make in FAMILIES.items():
        for d, m in sizes:
            for seed in range(seeds):
                theta = make(d, m, seed)
                head = {"family": family, "d": d, "m": m, "seed": seed}
                for method, suits in METHODS.items():
                    if suits(d, m):
                        rows.append({**head, "method": method, **measure(theta, method, limit)})
                for name, solver in solvers.items():
                    reason = peers.highs_skip(theta)
                    if reason is not None:
                        rows.append({**head, "method": name, "note": reason})
                        continue
                    start = time.process_time()
                    outcome = solver(theta, limit)
                    rows.append(
                        {
                            **head,
                            "method": name,
                            "seconds": time.process_time() - start,
                            "lower": outcome.lower,
                            "upper": outcome.upper,
                            "exact": outcome.upper <= outcome.lower * (1 + 1e-6),
                        }
                    )
                check(rows, head)
            print(f"{family} d={d} m={m} done", flush=True)
    return rows


def check(rows: list[dict[str, object]], head: dict[str, object]) -> None:
    """Complain where two exact values of the same network differ."""
    same = [row for row in rows if all(row[key] == head[key] for key in head)]
    own = [row for row in same if row.get("exact") and row["method"] in METHODS]
    values = [float(str(row["lower"])) for row in own]
    if values and max(values) > min(values) * (1 + 1e-9):
        raise AssertionError(f"methods disagree on {head}: {values}")
    for row in same:
        if values and row["method"] not in METHODS and "lower" in row:
            low, high = float(str(row["lower"])), float(str(row["upper"]))
            if low > values[0] * (1 + 1e-6) or high < values[0] * (1 - 1e-6):
                row["note"] = f"disagrees with {values[0]}: a cell thinner than its margin?"


def table(rows: list[dict[str, object]]) -> str:
    """Medians over the seeds; an interval that did not close is marked by ``>``."""
    cells: dict[tuple[object, ...], list[tuple[float, bool]]] = defaultdict(list)
    methods: list[str] = []
    for row in rows:
        if row["method"] not in methods:
            methods.append(str(row["method"]))
        if "seconds" in row:
            key = (row["family"], row["d"], row["m"], row["method"])
            cells[key].append((float(str(row["seconds"])), bool(row["exact"])))
    lines = ["| networks | d, m | " + " | ".join(methods) + " |"]
    lines.append("|---|---|" + "---|" * len(methods))
    for family, d, m in dict.fromkeys((r["family"], r["d"], r["m"]) for r in rows):
        entries = []
        for method in methods:
            times = cells.get((family, d, m, method), [])
            closed = all(exact for _, exact in times)
            text = f"{median(seconds for seconds, _ in times):.2g}" if times else "-"
            entries.append(text if closed else f">{text}")
        lines.append(f"| {family} | {d}, {m} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


def plot(rows: list[dict[str, object]], path: Path) -> None:
    """Seconds against m, one panel for each d; gaussian networks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    timed = [row for row in rows if row["family"] == "gaussian" and "seconds" in row]
    inputs = sorted({int(str(row["d"])) for row in timed})
    methods = list(dict.fromkeys(str(row["method"]) for row in timed))
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
                    points[int(str(row["m"]))].append(float(str(row["seconds"])))
            if points:
                widths = sorted(points)
                axis.loglog(
                    widths,
                    [max(np.median(points[m]), 1e-5) for m in widths],
                    marker="osd^vx*P"[k % 8],
                    color=f"C{k}",
                    label=method,
                )
        axis.set(title=f"d = {d}", xlabel="neurons m")
    axes[0, 0].set_ylabel("CPU seconds")
    handles = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles[label] = handle
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    figure.set_layout_engine("constrained")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sizes: hours on one core")
    parser.add_argument("--sizes", nargs="+", metavar="d,m", help="only these sizes")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds per method")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    arguments = parser.parse_args()
    sizes = FULL if arguments.full else QUICK
    if arguments.sizes:
        sizes = [(int(d), int(m)) for d, m in (size.split(",") for size in arguments.sizes)]
    with threadpool_limits(1):
        rows = run(sizes, arguments.seeds, arguments.time_limit)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (arguments.output / "seminorm.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, arguments.output / "seminorm.png")
    print(table(rows))


if __name__ == "__main__":
    main()
