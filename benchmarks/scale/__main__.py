"""``python -m benchmarks.scale [--starts 6] [--publish]``: costs by samples, features and neurons.

On a grid of sine-like problems, from the study's own starts over N*: CPU time of training one start
(SLSQP, as in the default study), of descending and certifying it, and of one probe in realization
space; and the bytes that a start takes on disk. To each, the power law c n^a d^b m^e is fitted by
least squares of logarithms to all single measurements. Its scatter is the factor within which two
thirds of these lie, up and down. Then the tables of all starts and minima are built from copies of
the blocks, for growing numbers of starts: CPU time and the largest memory. From all this follows
what a million starts need. Last, the default study, with one job for each number of neurons,
measures what each job of the workflow costs (:mod:`benchmarks.scale.jobs`).

Writes results/benchmarks/scale.csv, laws and a figure beside it; --publish puts them in the docs,
and the costs of jobs where the workflow's estimate reads them (landscape/study/_costs.py).
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.descent.problems import sine_like
from benchmarks.publish import markdown, publish
from benchmarks.scale.jobs import TABLE, measure_jobs, table
from landscape.rows.store import write_rows
from landscape.study.cells import Cell
from landscape.study.distinct import distinct_minima
from landscape.study.probes import probe_minima
from landscape.study.rows import Fit
from landscape.study.training import descend_starts, train_starts

ROOT = Path(__file__).resolve().parents[2]
MAKER = "python -m benchmarks.scale --publish"
SAMPLES = (50, 150, 450)
FEATURES = (1, 3, 10)
NEURONS = (2, 4, 8)
#: Grid points with a larger n d m are left out: there a start takes seconds.
LARGEST = 20_000
ROWS = (1_000, 10_000, 100_000)
#: Problems for which the page says what a million starts need.
POINTS = ((60, 1, 4), (442, 10, 4), (442, 10, 8))
MILLION = 1_000_000
#: CPU seconds of the training and the descent of one block.
BLOCK_SECONDS = 300
STEPS = {
    "train": "training of a start",
    "minimum": "descent and certificate of a start",
    "probe": "probe of a ball",
}


def timed(call: Callable[[], object]) -> tuple[float, object]:
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def measure(n: int, d: int, m: int, n_starts: int) -> tuple[list[dict], list[Fit], list[Fit]]:
    """CPU seconds of every step of single starts; and the rows that the study would store."""
    rng = np.random.default_rng([n, d, m])
    features = rng.uniform(-1, 1, (n, d))
    cell = Cell("scale", features, sine_like(features, rng), m, seed=1, margin=1e-3)
    options = {"solver": "SLSQP", "max_iter": 200, "tol": 1e-12}
    rows, fits, ends = [], [], []
    for start in range(n_starts):
        train, fit = timed(partial(train_starts, cell, "restricted", [start], **options))
        minimum, end = timed(partial(descend_starts, cell, fit, max_iter=10000))
        _, found = distinct_minima(end)
        row = {"n": n, "d": d, "m": m, "start": start, "train": train, "minimum": minimum}
        row["probe"] = np.nan
        if found:
            row["probe"], _ = timed(
                partial(probe_minima, cell, found, max_minima=1, rigid_fraction=0.98)
            )
        rows.append(row)
        fits += fit
        ends += end
    return rows, fits, ends


def power_law(rows: pd.DataFrame, step: str) -> dict:
    """Least squares of the logarithm, and the scatter around it as a factor."""
    rows = rows[np.isfinite(rows[step]) & (rows[step] > 0)]
    design = np.column_stack([np.ones(len(rows)), *(np.log(rows[key]) for key in "ndm")])
    solution, *_ = np.linalg.lstsq(design, np.log(rows[step]), rcond=None)
    expected = np.exp(design @ solution)
    rest = np.abs(np.log(rows[step] / expected))
    names = ("coefficient", "n", "d", "m")
    law = dict(zip(names, [np.exp(solution[0]), *solution[1:]], strict=True))
    scatter = np.exp(np.quantile(rest, 2 / 3))
    # Sums are above the law, which is nearer to the median than to the mean.
    excess = rows[step].sum() / expected.sum()
    return {"step": step, **law, "scatter": scatter, "excess": excess, "runs": len(rows)}


def predicted(law: dict, n: int, d: int, m: int) -> float:
    return law["coefficient"] * n ** law["n"] * d ** law["d"] * m ** law["m"]


def bytes_per_start(fits: list[Fit], ends: list[Fit], folder: Path) -> float:
    """On disk, in both files of a block, per start: many copies, so that headers do not count."""
    copies, size, rng = 200, 0, np.random.default_rng(0)
    for rows in (fits, ends):
        # Other numbers in every copy, or they would be compressed away.
        many = [
            replace(row, weights=rng.random(np.shape(row.weights)), loss=rng.random())
            for row in rows * copies
        ]
        write_rows(folder / "block.parquet", Fit, many)
        size += (folder / "block.parquet").stat().st_size
    return size / (copies * len(fits))


#: In a process of its own, for its largest memory: the tables of starts and of minima from blocks,
#: in the worst case that every start has found another minimum.
BUILD = """
import resource, sys, time
from dataclasses import replace
from pathlib import Path
from landscape.rows.store import read_rows
from landscape.study.distinct import distinct_minima
from landscape.study.rows import Fit
from landscape.tables import write_table
from landscape.tables.sums import frames_of
folder, n_blocks = Path(sys.argv[1]), int(sys.argv[2])
begin = time.process_time()
ends = []
for k in range(n_blocks):
    block = read_rows(folder / "block.parquet", Fit)
    ends += [
        replace(end, start=k * len(block) + j, verdict="holds", activation=f"{k} {j}")
        for j, end in enumerate(block)
    ]
fits, minima = distinct_minima(ends)
tables = frames_of({"fits": fits, "minima": minima})
size = 0
for name, frame in tables.items():
    files = folder / f"{name}.csv", folder / f"{name}.parquet"
    write_table(name, frame, *files)
    size += sum(file.stat().st_size for file in files)
unit = 1 if sys.platform == "darwin" else 1024
peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(tables["fits"]), time.process_time() - begin, peak, size)
"""


def build_table(ends: list[Fit], rows: int, folder: Path) -> dict:
    """CPU time, memory and bytes of the tables of about so many starts."""
    per_block = min(rows, 1_000)
    copies = -(-per_block // len(ends))
    write_rows(folder / "block.parquet", Fit, (ends * copies)[:per_block])
    arguments = [sys.executable, "-c", BUILD, str(folder), str(rows // per_block)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=ROOT)
    names = ("rows", "seconds", "memory", "bytes")
    return dict(zip(names, map(float, done.stdout.split()), strict=True))


def million(laws: list[dict], disk: dict, tables: list[dict]) -> str:
    """What a million starts need in one space: jobs and arrays by problem; tables for all."""
    head = ["n, d, m", "CPU time", "`block_size`", "blocks", "arrays on disk"]
    by_step = {law["step"]: law for law in laws}
    lines = []
    for point in POINTS:
        each = sum(
            by_step[step]["excess"] * predicted(by_step[step], *point)
            for step in ("train", "minimum")
        )
        block = max(round(BLOCK_SECONDS / each, -3), 1_000)
        lines.append(
            [
                ", ".join(map(str, point)),
                f"{MILLION * each / 3600:.1f} h",
                f"{block:,.0f}",
                f"{np.ceil(MILLION / block):.0f}",
                f"{MILLION * disk[point[1:]] / 1e9:.1f} GB",
            ]
        )
    (first, last) = tables[-2:]
    more = (MILLION - last["rows"]) / (last["rows"] - first["rows"])
    seconds, memory, size = (
        last[key] + more * (last[key] - first[key]) for key in ("seconds", "memory", "bytes")
    )
    return "\n\n".join(
        [
            markdown(head, lines),
            f"Its tables, by the last two rows above: {seconds:.0f} s, {memory / 1e9:.1f} GB of "
            f"memory, {size / 1e9:.2f} GB on disk.",
        ]
    )


def report(laws: list[dict], disk: dict, tables: list[dict]) -> str:
    """The measured numbers as text for the docs."""
    head = ["CPU time", "law in ms", "scatter", "sums above the law"]
    head += [f"n, d, m = {n}, {d}, {m}" for n, d, m in POINTS]
    lines = [
        [
            STEPS[law["step"]],
            f"{1e3 * law['coefficient']:.2g} n^{law['n']:.2f} d^{law['d']:.2f} m^{law['m']:.2f}",
            f"× or / {law['scatter']:.1f}",
            f"× {law['excess']:.1f}",
            *(f"{1e3 * predicted(law, *point):.2g} ms" for point in POINTS),
        ]
        for law in laws
    ]
    sizes = [
        [f"{entry['rows']:,.0f}", f"{entry['seconds']:.1f} s", f"{entry['memory'] / 1e9:.2f} GB",
         f"{entry['bytes'] / 1e6:.1f} MB"]
        for entry in tables
    ]  # fmt: skip
    stored = ", ".join(f"{size:.0f} bytes for d, m = {d}, {m}" for (d, m), size in disk.items())
    parts = [
        markdown(head, lines),
        f"Arrays of a start on disk, in one space: {stored}.",
        markdown(["starts in the tables", "CPU time", "largest memory", "on disk"], sizes),
        "![Measured cost and power laws](figures/scale.png)",
        "A million starts in one space:",
        million(laws, disk, tables),
    ]
    return "\n\n".join(parts)


def figure(rows: pd.DataFrame, laws: list[dict], path: Path) -> None:
    """Measured against predicted, a panel per step."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    canvas = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, law in zip(canvas.subplots(1, len(laws)), laws, strict=True):
        expected = [1e3 * predicted(law, *point) for point in rows[["n", "d", "m"]].to_numpy()]
        points = axes.scatter(expected, 1e3 * rows[law["step"]], c=rows["n"], s=9, cmap="viridis")
        ends = [min(expected), max(expected)]
        axes.plot(ends, ends, color="0.5", linewidth=1)
        axes.set(xscale="log", yscale="log", title=STEPS[law["step"]])
        axes.set(xlabel="power law / ms of CPU", ylabel="measured / ms of CPU")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
    canvas.colorbar(points, ax=axes, label="samples n")
    canvas.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=6, help="per grid point")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="starts in the tables")
    parser.add_argument(
        "--cores", type=int, default=2, help="for the study that costs of jobs are from"
    )
    parser.add_argument("--publish", action="store_true", help="also write docs/scale.md")
    options = parser.parse_args()
    out = ROOT / "results/benchmarks"
    out.mkdir(parents=True, exist_ok=True)
    rows, stored, disk = [], {}, {}
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(50, 1, 2, 2)  # loads what is loaded once
        for n, d, m in itertools.product(SAMPLES, FEATURES, NEURONS):
            if n * d * m <= LARGEST:
                more, *stored[n, d, m] = measure(n, d, m, options.starts)
                rows += more
                means = [np.nanmean([row[step] for row in more]) for step in STEPS]
                print(f"n {n:4} d {d:3} m {m:2}: " + ", ".join(
                    f"{step} {1e3 * mean:8.1f} ms" for step, mean in zip(STEPS, means, strict=True)
                ), flush=True)  # fmt: skip
        for _, d, m in POINTS:
            disk[d, m] = bytes_per_start(*stored[150, d, m], folder)
        tables = [build_table(stored[150, 3, 4][1], count, folder) for count in options.rows]
        jobs = table(measure_jobs(options.cores))
    frame = pd.DataFrame(rows)
    laws = [power_law(frame, step) for step in STEPS]
    frame.to_csv(out / "scale.csv", index=False)
    pd.DataFrame(laws).to_csv(out / "scale-laws.csv", index=False)
    figure(frame, laws, out / "scale.png")
    text = report(laws, disk, tables)
    print(f"\n{text}\n\n{jobs}")
    if options.publish:
        publish(text, ROOT / "docs/scale.md", MAKER)
        shutil.copyfile(out / "scale.png", ROOT / "docs/figures/scale.png")
        TABLE.write_text(jobs, encoding="utf-8")


if __name__ == "__main__":
    main()
