"""Many samples, features and neurons: time, loss and memory beside MLPRegressor, one start each.

    .venv/bin/python -m benchmarks.estimator.large                     # twelve sizes, an hour
    .venv/bin/python -m benchmarks.estimator.large --size 5000 100 64  # one, others stay
    .venv/bin/python -m benchmarks.estimator.large --publish           # all of them into the docs
    .venv/bin/python -m benchmarks.estimator.large --rates --publish   # kernels beside BLAS

A teacher of eight neurons with noise. MLPRegressor: L-BFGS, 500 iterations, no penalty. Ours:
the default with ``max_time`` five times the seconds of MLPRegressor, and once more with these
alone. Random states 0, 1, ... of both, in turn, until those of MLPRegressor took `SECONDS`, at most
`STATES` of them; what is shown are medians. Each fit has its own process and one thread. Memory:
how far the process grew beyond the data, in sizes of X; Linux tells.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.publish import markdown, publish
from landscape import ShallowReLURegressor
from landscape.estimator._lbfgs import value_and_gradient
from landscape.estimator._smooth import SmoothProblem

OUTPUT = Path("results/benchmarks/large.csv")
PAGE = Path(__file__).parents[2] / "docs" / "estimator" / "mlp-regressor.md"
MAKER = "python -m benchmarks.estimator.large --publish"
SIZES = [(5000, d, m) for d in (5, 20, 100) for m in (4, 64)]
SIZES += [(50_000, d, m) for d in (20, 100) for m in (4, 16, 64)]
STATES, SECONDS = 5, 30.0


def draw(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and a target of variance one."""
    rng = np.random.default_rng([n, d])
    X = rng.standard_normal((n, d))
    rows = rng.standard_normal((8, d)) / np.sqrt(d)
    y = np.maximum(X @ rows.T + rng.standard_normal(8) / 2, 0.0) @ rng.choice([-1.0, 1.0], 8)
    y += 0.3 * y.std() * rng.standard_normal(n)
    return X, (y - y.mean()) / y.std()


def resident(key: str) -> int:
    """Bytes of this process in memory: now (VmRSS), or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def fit(
    n: int, d: int, m: int, state: int, seconds: float | None = None, single: bool = False
) -> dict[str, Any]:
    """One fit in a process of its own: MLPRegressor without ``seconds``."""
    X, y = draw(n, d)
    if single:
        X = X.astype(np.float32)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both hit their limits
        # Kernels are loaded before anything is timed.
        ShallowReLURegressor(2, n_starts=1, random_state=0).fit(X[:200, :3], y[:200])
        model: Any = MLPRegressor(
            hidden_layer_sizes=(m,),
            solver="lbfgs",
            alpha=0.0,
            tol=1e-9,
            random_state=state,
            max_iter=500,
            max_fun=10**6,
        )
        if seconds is not None:
            model = ShallowReLURegressor(m, n_starts=1, max_time=seconds, random_state=state)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets VmHWM
        before = resident("VmRSS")
        begin = time.perf_counter()
        model.fit(X, y)
        spent = time.perf_counter() - begin
        grown = resident("VmHWM") - before
        loss = float(np.mean((model.predict(X) - y) ** 2))
    found = {"seconds": spent, "loss": loss, "memory": grown / X.nbytes}
    if seconds is not None:
        found["outcome"] = model.starts_.loc[0, "outcome"]
        found["verdict"] = model.starts_.loc[0, "verdict"]
    return found


def measure(n: int, d: int, m: int, state: int) -> dict[str, Any]:
    """One size and random state."""
    row: dict[str, Any] = {"n": n, "d": d, "m": m, "state": state}
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        row["MLP"] = pool.apply(fit, (n, d, m, state))
        limit = row["MLP"]["seconds"]
        row["ours"] = pool.apply(fit, (n, d, m, state, 5 * limit))
        row["equal"] = pool.apply(fit, (n, d, m, state, limit))
        row["float32"] = pool.apply(fit, (n, d, m, state, limit, True))
    flat = {k: v for k, v in row.items() if not isinstance(v, dict)}
    return flat | {f"{k} {q}": v for k in row if k not in flat for q, v in row[k].items()}


def page(fits: pd.DataFrame) -> str:
    """The table of all sizes: medians over the random states."""
    lines, ends = [], fits["ours outcome"] + ", " + fits["ours verdict"]
    lower = int((fits["equal loss"] < fits["MLP loss"]).sum())
    for (n, d, m), own in fits.groupby(["n", "d", "m"]):
        row, counts = own.median(numeric_only=True), ends[own.index].value_counts()
        ratios = own["ours seconds"] / own["MLP seconds"]
        ratio = f"{ratios.median():.2g}"
        if len(own) > 1:
            ratio += f" ({ratios.min():.2g} to {ratios.max():.2g})"
        line = {
            "n, d, m": f"{n:,}; {d}; {m}",
            "fits": len(own),
            "MLP, s": f"{row['MLP seconds']:.3g}",
            "loss": f"{row['MLP loss']:.4f}",
            "time / MLP": ratio,
            "its loss": f"{row['ours loss']:.4f}",
            "ended": "; ".join(f"{end} ({count})" for end, count in counts.items()),
            "loss at equal time": f"{row['equal loss']:.4f}",
        }
        for name, kind in {"MLP": "MLP", "float64": "ours", "float32": "float32"}.items():
            line[f"memory, {name}"] = f"{row[f'{kind} memory']:.1f}"
        lines.append(line)
    text = markdown(list(lines[0]), [line.values() for line in lines])
    return f"{text}\n\nAt equal time {lower} of {len(fits)} fits have the lower loss."


def laws(fits: pd.DataFrame) -> str:
    """How medians of time and memory grow, by least squares of their logarithms over all sizes."""
    rows = fits.groupby(["n", "d", "m"], as_index=False).median(numeric_only=True)
    powers = np.column_stack([np.ones(len(rows)), np.log(rows[["n", "d", "m"]].to_numpy(float))])
    size = rows["n"] * rows["d"]
    grown = {
        "MLP, seconds": rows["MLP seconds"],
        "ours, seconds": rows["ours seconds"],
        "MLP, bytes": rows["MLP memory"] * size,
        "ours, bytes": rows["ours memory"] * size,
        "ours of float32, bytes": rows["float32 memory"] * size,
    }
    lines = []
    for name, values in grown.items():
        logs = np.log(values.to_numpy(float))
        found = np.linalg.lstsq(powers, logs, rcond=None)[0]
        off = np.exp(np.abs(powers @ found - logs).max())
        lines.append([name, *(f"{power:.2f}" for power in found[1:]), f"{off:.1f}"])
    return markdown(["grows as", "n^", "d^", "m^", "off by a factor of"], lines)


def rates() -> str:
    """Evaluations of the loss and its gradient, in operations of their two matrix products."""
    rng, lines = np.random.default_rng(0), []

    def seconds(call: Callable[[], Any]) -> float:
        call()
        times = []
        for _ in range(15):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        return float(np.median(times))

    with threadpool_limits(1):
        square = rng.standard_normal((1024, 1024))
        peak = 2 * 1024**3 / seconds(lambda: square @ square)
        for n, d, m in SIZES:
            X, y = rng.standard_normal((n, d + 1)).astype(np.float32), rng.standard_normal(n)
            problem = SmoothProblem(X, np.ones(n), y, np.zeros(d + 1))
            v, arguments = rng.standard_normal(m * (d + 2) + 1), problem.within(0.1)
            A, double = v[: m * (d + 1)].reshape(m, d + 1), X.astype(float)
            whole = rng.standard_normal((n, m))
            count = 4 * n * (d + 1) * m
            ours = seconds(lambda v=v, arguments=arguments: value_and_gradient(v, *arguments))
            both = seconds(lambda A=A, X=double: X @ A.T)
            both += seconds(lambda X=double, whole=whole: whole.T @ X)
            cells = [1e3 * ours, count / ours / 1e9, count / ours / peak, count / both / peak]
            lines.append([f"{n:,}; {d}; {m}", *(f"{cell:.3g}" for cell in cells)])
    head = ["n, d, m", "ms", "GFlop/s", "of the peak", "the products alone"]
    return markdown(head, lines) + f"\n\nPeak: {peak / 1e9:.1f} GFlop/s."


def main() -> None:
    parser = argparse.ArgumentParser(description="Time, loss and memory on large data.")
    parser.add_argument(
        "--size", nargs=3, type=int, action="append", metavar=("N", "D", "M"),
        help="only this one, which replaces its rows of the last run; may be repeated",
    )  # fmt: skip
    parser.add_argument("--rates", action="store_true", help="kernels beside BLAS, a minute")
    parser.add_argument("--publish", action="store_true", help="the last run into the docs")
    arguments = parser.parse_args()
    if arguments.rates:
        text = rates()
        print(text)
        if arguments.publish:
            publish(text, PAGE, MAKER.replace("--", "--rates --"))
        return
    if arguments.publish:
        found = pd.read_csv(OUTPUT)
        publish(f"{page(found)}\n\n{laws(found)}", PAGE, MAKER)
        return
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(OUTPUT) if arguments.size and OUTPUT.exists() else pd.DataFrame()
    for n, d, m in arguments.size or SIZES:
        rows: list[dict[str, Any]] = []
        while len(rows) < STATES and sum(row["MLP seconds"] for row in rows) < SECONDS:
            rows.append(measure(n, d, m, len(rows)))
            print(rows[-1], flush=True)
        if len(table):
            table = table[(table[["n", "d", "m"]] != [n, d, m]).any(axis=1)]
        table = pd.concat([table, pd.DataFrame(rows)]).sort_values(["n", "d", "m", "state"])
        table.to_csv(OUTPUT, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
