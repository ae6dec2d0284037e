"""Time every method on the same networks: ``python -m benchmarks.seminorm [--full]``.

Writes ``seminorm.csv`` (one row per network and method) and ``seminorm.png`` (time against m for
each d) into the folder given, and prints a table of medians over the seeds. ``--publish`` puts both
into ``docs/seminorm.md``.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.publish import publish
from benchmarks.seminorm import peers, report
from benchmarks.seminorm.instances import FAMILIES, FULL, QUICK, WIDEST
from landscape.parametrization import Parametrization
from landscape.seminorm import OutOfReach, sobolev_seminorm

#: Every forced method with the sizes that it is tried on: others are far beyond its reach, or
#: "auto" takes it anyway.
METHODS = {
    "auto": lambda d, m: True,
    "flats": lambda d, m: d > 2 and m ** (d - 1) < 1e10,
    "cones": lambda d, m: 3 <= d <= 5,
    "conflicts": lambda d, m: 2 < d < 6 and m <= 200 and not (d <= 4 and m > 100),
    "reference": lambda d, m: d > 2 and m <= 24,
}
COLUMNS = ["family", "d", "m", "seed", "method", "seconds", "lower", "upper", "exact", "note"]
#: Runs shorter than this are repeated, and the fastest of so many counts; calls shorter than a tick
#: are timed many together.
SHORT, REPEATS, TICK = 0.05, 5, 0.002

Row = dict[str, object]
Method = Callable[[Parametrization], Row]


def own(method: str, limit: float, theta: Parametrization) -> Row:
    """Bounds of one of our methods."""
    try:
        record = sobolev_seminorm(theta, method=method, time_limit=limit)
    except OutOfReach as error:
        return {"note": str(error)}
    bounds = {"lower": record.lower, "upper": record.upper, "exact": record.exact}
    return {**bounds, "note": record.method}


def peer(solver: peers.Solver, limit: float, theta: Parametrization) -> Row:
    """Bounds of a public solver."""
    outcome = solver(theta, limit)
    closed = outcome.upper <= outcome.lower * (1 + 1e-6)
    return {"lower": outcome.lower, "upper": outcome.upper, "exact": closed}


def measure(method: Method, theta: Parametrization) -> Row:
    """What a method returns, and its CPU seconds: of a batch of calls where one is too short."""
    seconds, calls = float("inf"), 1
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(calls):
            row = method(theta)
        spent = time.process_time() - start
        seconds = min(seconds, spent / calls)
        if spent > SHORT:
            break
        calls = min(max(calls, int(TICK / max(seconds, 1e-6))), 2_000)
    return {**row, "seconds": seconds} if "lower" in row else row


def run(
    families: list[str],
    sizes: list[tuple[int, int]],
    seeds: int,
    limit: float,
) -> list[Row]:
    """All rows of the comparison."""
    solvers, skipped = peers.available()
    for name, why in skipped.items():
        print(f"skipped {name}: {why}")
    methods: dict[str, Method] = {name: partial(own, name, limit) for name in METHODS}
    methods |= {name: partial(peer, solver, limit) for name, solver in solvers.items()}
    for d in (2, 3, 6):  # compile or load before timing
        for name in METHODS:
            own(name, limit, FAMILIES["gaussian"](d, 8, 0))
    rows: list[Row] = []
    #: (family, d, method) and the m where it did not end in time.
    beyond: dict[tuple[str, int, str], int] = {}
    for family in families:
        for d, m in sorted(sizes):
            if m > WIDEST[family]:
                continue
            for seed in range(seeds):
                theta = FAMILIES[family](d, m, seed)
                head: Row = {"family": family, "d": d, "m": m, "seed": seed}
                for name, method in methods.items():
                    why = unsuited(name, theta) or hit(beyond.get((family, d, name)), limit)
                    if why is not None:
                        rows.append({**head, "method": name, "note": why})
                        continue
                    row = {**head, "method": name, **measure(method, theta)}
                    rows.append(row)
                    if "seconds" in row and (
                        not row.get("exact", True) or report.number(row, "seconds") > limit
                    ):
                        beyond[family, d, name] = m
                check(rows, head)
            print(f"{family} d={d} m={m} done", flush=True)
    return rows


def again(rows: list[Row], limit: float) -> list[Row]:
    """What "auto" did not close, once more with another limit, on the first seed."""
    longer: list[Row] = []
    for row in rows:
        if row["method"] != "auto" or row.get("exact", True) or row["seed"] != 0:
            continue
        head = {key: row[key] for key in ("family", "d", "m", "seed")}
        theta = FAMILIES[str(row["family"])](int(str(row["d"])), int(str(row["m"])), 0)
        longer.append({**head, "method": "auto", **measure(partial(own, "auto", limit), theta)})
        print(f"{row['family']} d={row['d']} m={row['m']} with {limit:g} s done", flush=True)
    return longer


def unsuited(name: str, theta: Parametrization) -> str | None:
    """Why a method is not tried on a size, if it is not."""
    d, m = theta.n_inputs, theta.n_neurons
    if name in METHODS:
        return None if METHODS[name](d, m) else "beyond its reach, or what auto takes"
    return peers.highs_skip(theta)


def hit(width: int | None, limit: float) -> str | None:
    """Why a network is skipped: the time limit was met before, with the same d."""
    return None if width is None else f"not within {limit:g} s at m = {width}"


def check(rows: list[Row], head: Row) -> None:
    """Complain where two exact values of the same network differ."""
    same = [row for row in rows if all(row[key] == head[key] for key in head)]
    mine = [row for row in same if row.get("exact") and row["method"] in METHODS]
    values = [report.number(row, "lower") for row in mine]
    if values and max(values) > min(values) * (1 + 1e-9):
        raise AssertionError(f"methods disagree on {head}: {values}")
    for row in same:
        if values and row["method"] not in METHODS and "lower" in row:
            low, high = report.number(row, "lower"), report.number(row, "upper")
            if low > values[0] * (1 + 1e-6) or high < values[0] * (1 - 1e-6):
                row["note"] = f"disagrees with {values[0]}: a thin cell?"
                row["exact"] = False


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sizes")
    parser.add_argument("--sizes", nargs="+", metavar="d,m", help="only these sizes")
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds per method")
    parser.add_argument(
        "--long", type=float, metavar="SECONDS", help="once more what did not close in time"
    )
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--publish", action="store_true", help="table and plot into the docs")
    arguments = parser.parse_args()
    sizes = FULL if arguments.full else QUICK
    if arguments.sizes:
        sizes = [(int(d), int(m)) for d, m in (size.split(",") for size in arguments.sizes)]
    with threadpool_limits(1):
        rows = run(arguments.families, sizes, arguments.seeds, arguments.time_limit)
        longer = [] if arguments.long is None else again(rows, arguments.long)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (arguments.output / "seminorm.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows([*rows, *longer])
    report.plot(rows, arguments.output / "seminorm.png")
    text = report.table(rows)
    if longer:
        text += (
            f"\n\nWhat `auto` did not close within {arguments.time_limit:g} s, given "
            f"{arguments.long:g} s (first seed):\n\n{report.intervals(longer)}"
        )
    print(text)
    if arguments.publish:
        limit = f"{arguments.time_limit:g}"
        caption = f"Medians over {arguments.seeds} seeds, in CPU seconds; limit {limit} s."
        image = "![CPU seconds against the number of neurons](figures/seminorm.png)"
        publish(f"{caption}\n\n{text}\n\n{image}", Path("docs/seminorm.md"), report.MAKER)
        report.plot(rows, Path("docs/figures/seminorm.png"))


if __name__ == "__main__":
    main()
